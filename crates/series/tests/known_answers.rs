//! Trajectories whose numbers are known, with error bars that cover them: tested by repetition.

mod common;

use common::{powers, walk, write_series};
use glasslab_core::Streams;
use glasslab_series::{Analysis, Detail, Options, analyse, project};
use rand_core::Rng;
use rand_distr::{Distribution, StandardNormal};
use std::path::Path;

/// Student's 97.5 % quantile for 7 degrees of freedom.
const T7: f64 = 2.365;

fn normals(n: usize, repeat: u64, step: u64) -> impl Iterator<Item = f64> {
    let mut rng = Streams::new(21).stream("known", repeat, step);
    (0..n).map(move |_| StandardNormal.sample(&mut rng))
}

/// x(t + 1) = keep x(t) + velocity + z from x(0) = start z', at the steps, as one tensor.
fn series(folder: &Path, n: usize, repeat: u64, steps: &[u64], [keep, velocity, noise, start]: [f64; 4]) {
    let mut x: Vec<f64> = normals(n, repeat, u64::MAX).map(|z| start * z).collect();
    for t in 0..=steps[steps.len() - 1] {
        if steps.contains(&t) {
            let weights = vec![("w", x.iter().map(|&v| v as f32).collect())];
            common::write(&folder.join(format!("step{t}.safetensors")), &weights);
        }
        x.iter_mut().zip(normals(n, repeat, t)).for_each(|(x, z)| *x = keep * *x + velocity + noise * z);
    }
}

fn whole(folder: &Path) -> Analysis {
    let options = Options { detail: Detail::Whole, ..Options::default() };
    let a = analyse(&[folder.into()], &options, &()).unwrap();
    assert_eq!(a.summary.problems(), 0, "{:?}", a.summary.findings);
    a
}

/// At least 85 % of 80 intervals of 95 % hold the truth: 95 % less four standard errors, 4 sqrt(0.95 0.05/80) = 10 %. And they are not
/// vacuous: the mean of (estimate - truth)^2/error^2 is at least a third of 7/5, that of Student's law.
fn covers(name: &str, found: &[(f64, f64)], truth: f64) {
    let inside = found.iter().filter(|(v, e)| (v - truth).abs() <= T7 * e).count();
    let square = found.iter().map(|(v, e)| ((v - truth) / e).powi(2)).sum::<f64>() / found.len() as f64;
    assert!(
        inside * 100 >= 85 * found.len() && square > 7.0 / 15.0,
        "{name}: {inside} of {}, mean square {square}",
        found.len()
    );
}

/// Brownian motion, N = 1,200, 25 equal steps, 80 repeats with seed 21: drift fraction 0, gamma = 1, tortuosity sqrt(24), and the effective
/// dimension of the eigenvalues 1/(4 sin^2(pi k/2S)), S = 25, of the products of a centred walk (2.5 for S -> infinity), up to a relative
/// bias of 1/N. With drift v: phi = v^2 T/(v^2 T + 1), T = 24.
#[test]
fn brownian_motion_is_covered() {
    let (n, steps) = (1_200, (0..25).collect::<Vec<u64>>());
    let (mut drift, mut gamma, mut tortuosity, mut dimension, mut drifting) = (vec![], vec![], vec![], vec![], vec![]);
    for repeat in 0..80 {
        let dir = tempfile::tempdir().unwrap();
        series(dir.path(), n, repeat, &steps, [1.0, 0.0, 1.0, 0.0]);
        let a = whole(dir.path());
        let pair = |v: f64, e: f64| (v, e);
        drift.push(a.summary.drift.map(|d| pair(d.value, d.error)).unwrap());
        gamma.push(pair(a.summary.exponents[0].gamma, a.summary.exponents[0].error));
        tortuosity.push(a.summary.tortuosity.map(|t| pair(t.value, t.error)).unwrap());
        dimension.push(
            a.summary.components.map(|c| pair(c.effective_dimension.value, c.effective_dimension.error)).unwrap(),
        );
        let dir = tempfile::tempdir().unwrap();
        series(dir.path(), n, 1_000 + repeat, &steps, [1.0, 0.2, 1.0, 0.0]);
        drifting.push(whole(dir.path()).summary.drift.map(|d| pair(d.value, d.error)).unwrap());
    }
    covers("drift", &drift, 0.0);
    covers("gamma", &gamma, 1.0);
    covers("tortuosity", &tortuosity, 24.0_f64.sqrt());
    let values: Vec<f64> = (1..25).map(|k| 0.25 / (std::f64::consts::PI * f64::from(k) / 50.0).sin().powi(2)).collect();
    let (sum, squares) = (values.iter().sum::<f64>(), values.iter().map(|v| v * v).sum::<f64>());
    covers("dimension", &dimension, sum * sum / squares);
    covers("drifting", &drifting, 0.04 * 24.0 / (0.04 * 24.0 + 1.0));
}

/// The classes of the verdict over parts of one trajectory: free diffusion, the Ornstein-Uhlenbeck process in equilibrium, and walkers in
/// traps, x drawn anew at each hop after waiting times with P(> t) = t^(-1/2): Delta depends on t/t_w alone (Dynkin's law of renewals),
/// so mu = 1 up to corrections of relative order t_w^(-1/2). N = 20,000, 40 or so times on a logarithmic grid up to 2^14.
#[test]
fn verdicts_of_known_dynamics() {
    let mut grid: Vec<u64> = (0..=56).map(|i| 2.0_f64.powf(f64::from(i) / 4.0).round() as u64).collect();
    grid.dedup();
    let dir = tempfile::tempdir().unwrap();
    let n = 20_000;
    let mut rng = Streams::new(5).stream("traps", 0, 0);
    let mut uniform = move || (Rng::next_u64(&mut rng) >> 11) as f64 * 2.0_f64.powi(-53) + 2.0_f64.powi(-54);
    let mut all = vec![vec![0.0_f32; n]; grid.len()];
    for i in 0..n {
        let (mut hop, mut x) = (0.0_f64, 0.0);
        for (walkers, &t) in all.iter_mut().zip(&grid) {
            while hop <= t as f64 {
                (hop, x) = (hop + uniform().powi(-2), uniform() - 0.5);
            }
            walkers[i] = x as f32;
        }
    }
    for (t, x) in grid.iter().zip(all) {
        common::write(&dir.path().join(format!("step{t}.safetensors")), &vec![("w", x)]);
    }
    let a = whole(dir.path());
    assert_eq!(a.summary.verdict, "aging", "{:?}", a.summary.why);
    let mu = a.summary.aging.unwrap();
    assert!((mu.mu - 1.0).abs() < 0.1 && mu.low < 1.1 && mu.high > 0.9 && mu.high - mu.low < 0.3, "{mu:?}");
    let mut short: Vec<u64> = (0..=36).map(|i| 2.0_f64.powf(f64::from(i) / 4.0).round() as u64).collect();
    short.dedup();
    let even: Vec<u64> = (0..=100).map(|i| 4 * i).collect();
    for (keep, start, steps, word) in [(1.0_f64, 0.0, &short, "diffusion"), (0.95, 1.0, &even, "equilibrium")] {
        let dir = tempfile::tempdir().unwrap();
        let noise = if keep < 1.0 { (1.0 - keep * keep).sqrt() } else { 1.0 };
        series(dir.path(), 4_000, 77, steps, [keep, 0.0, noise, start]);
        let a = whole(dir.path());
        assert_eq!(a.summary.verdict, word, "{:?}", a.summary.why);
    }
}

/// The same series exactly and as sketches of k = 256 and 2,048, in three rows: deviations of all displacements in units of their
/// stated error have mean square at most 1.5 (the bound sqrt(2/k) is reached by one large row; pairs of one series are correlated), and
/// at least 0.2; norms are exact; duplicates and NaN are found; drift fractions agree within three errors.
#[test]
fn sketches_agree_with_what_they_project() {
    let dir = tempfile::tempdir().unwrap();
    let steps = powers(7);
    let data = walk(9_000, &steps, 1.0, 0.02, 1.0, 1.0);
    write_series(dir.path(), &steps, &data);
    let floats = |a: &Analysis, name: &str| a.records.get(name).unwrap().floats().unwrap();
    let exact = analyse(&[dir.path().into()], &Options { exact: true, ..Options::default() }, &()).unwrap();
    for k in [256, 2_048] {
        let mut squares = Vec::new();
        for seed in 0..6 {
            let out = dir.path().join(format!("sketch-{k}-{seed}"));
            let options = Options { detail: Detail::Tensors, ..Options::default() };
            let (written, _) =
                project(&[dir.path().join("step*.safetensors")], &options, (seed, k), &out, &()).unwrap();
            assert_eq!((written.len(), written[0].parameters), (steps.len(), 9_000));
            let found = analyse(&[out], &Options::default(), &()).unwrap();
            assert_eq!(found.summary.problems(), 0, "{:?}", found.summary.findings);
            assert_eq!((found.summary.parameters, found.summary.sketch), (9_000, Some(k as u64)));
            let (a, b, e) = (floats(&exact, "msd"), floats(&found, "msd"), floats(&found, "msd_error"));
            squares
                .extend(a.iter().zip(&b).zip(&e).filter(|(_, e)| **e > 0.0).map(|((a, b), e)| ((a - b) / e).powi(2)));
            for (a, b) in floats(&exact, "norm_layer").iter().zip(floats(&found, "norm_layer")) {
                assert!((a / b - 1.0).abs() < 1e-12);
            }
            let (a, b) = (exact.summary.drift.unwrap(), found.summary.drift.unwrap());
            assert!((a.value - b.value).abs() < 3.0 * T7 * b.error, "{a:?} {b:?}");
        }
        let mean = squares.iter().sum::<f64>() / squares.len() as f64;
        assert!((0.2..1.5).contains(&mean), "k = {k}: {mean}");
    }
    let mut bad = data.clone();
    bad[3][0].1[5] = f32::NAN;
    bad[5] = bad[4].clone();
    write_series(dir.path(), &steps, &bad);
    let out = dir.path().join("bad");
    project(&[dir.path().join("step*.safetensors")], &Options::default(), (0, 128), &out, &()).unwrap();
    let found = analyse(std::slice::from_ref(&out), &Options::default(), &()).unwrap();
    let kinds: Vec<String> = found.summary.findings.iter().map(|f| format!("{:?}", f.kind)).collect();
    assert_eq!(kinds, ["NonFinite", "Duplicate"], "{:?}", found.summary.findings);
    // Sketches of other seeds or parameters are not compared with these.
    project(&[dir.path().join("step0.safetensors")], &Options::default(), (9, 128), &dir.path().join("other"), &())
        .unwrap();
    std::fs::copy(dir.path().join("other/step0.safetensors"), out.join("step999.safetensors")).unwrap();
    let found = analyse(&[out], &Options::default(), &()).unwrap();
    assert!(
        found.summary.findings.iter().any(|f| f.what.contains("seed 9") && f.what.contains("left out")),
        "{:?}",
        found.summary.findings
    );
}
