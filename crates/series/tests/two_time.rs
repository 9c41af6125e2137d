//! Two-time functions of series with known answers, against plain loops, and the same bytes whatever the memory and threads.

mod common;

use common::{normal, powers, walk, write, write_raw, write_series};
use glasslab_series::{Analysis, Detail, Options, analyse};
use safetensors::tensor::Dtype;
use std::path::Path;

fn run(folder: &Path) -> Analysis {
    analyse(&[folder.to_path_buf()], &Options { fourth: true, ..Options::default() }, &()).unwrap()
}

fn floats(a: &Analysis, name: &str) -> Vec<f64> {
    a.records.get(name).unwrap_or_else(|| panic!("no record {name}")).floats().unwrap()
}

/// Every record against its definition in plain loops over the raw weights. N = 9,000, S = 8; tolerance 1e-12 relative, far
/// above N eps of sums of positive terms only for terms that the loops themselves round: 9,000 x 1.1e-16 = 1e-12.
#[test]
fn records_equal_plain_loops() {
    let dir = tempfile::tempdir().unwrap();
    let steps = powers(6);
    let series = walk(9_000, &steps, 1.0, 0.01, 0.1, 1.0);
    write_series(dir.path(), &steps, &series);
    let a = run(dir.path());
    assert_eq!(a.summary.problems(), 0, "{:?}", a.summary.findings);
    let s = steps.len();
    let flat: Vec<Vec<f64>> =
        series.iter().map(|w| w.iter().flat_map(|t| &t.1).map(|&v| f64::from(v)).collect()).collect();
    let near = |got: f64, expected: f64, what: &str| {
        assert!((got - expected).abs() <= 1e-12 * expected.abs(), "{what}: {got} is not {expected}");
    };
    let power =
        |k: usize, t: usize, p: i32| -> f64 { flat[k].iter().zip(&flat[t]).map(|(a, b)| (b - a).powi(p)).sum() };
    let dot = |k: usize, t: usize| -> f64 { flat[k].iter().zip(&flat[t]).map(|(a, b)| a * b).sum() };
    let names = ["msd", "fourth_moment", "participation", "relative_msd", "cosine"].map(|n| floats(&a, n));
    let (layers, groups) = (floats(&a, "msd_layer"), floats(&a, "msd_group"));
    let mut path = 0.0;
    for t in 0..s {
        for k in 0..s {
            let at = k * s + t;
            if k > t {
                assert!(names.iter().all(|n| n[at].is_nan()));
                continue;
            }
            let (second, fourth) = (power(k, t, 2), power(k, t, 4));
            near(names[0][at], second / 9_000.0, "msd");
            near(names[1][at], fourth / 9_000.0, "fourth");
            near(names[3][at], second / dot(k, k), "relative");
            near(names[4][at], dot(k, t) / (dot(k, k) * dot(t, t)).sqrt(), "cosine");
            if k < t {
                near(names[2][at], fourth / (second * second), "participation");
            }
            for layer in 0..3 {
                let (x, y) = (&series[k][layer].1, &series[t][layer].1);
                let d: f64 = x.iter().zip(y).map(|(x, y)| (f64::from(*y) - f64::from(*x)).powi(2)).sum();
                near(layers[layer * s * s + at], d / x.len() as f64, "layer");
                near(groups[layer * s * s + at], d / x.len() as f64, "group");
            }
        }
        path += if t == 0 { 0.0 } else { power(t - 1, t, 2).sqrt() };
        near(floats(&a, "path_length")[t], path, "path");
        near(floats(&a, "distance")[t], power(0, t, 2).sqrt(), "distance");
        near(floats(&a, "norm")[t], dot(t, t).sqrt(), "norm");
    }
    assert_eq!(a.summary.parameters, 9_000);
}

/// By default numbers of f32 are compared in f32: every displacement and norm within 66 2^-24 of the exact one, which `exact` gives
/// (1e-12, as above), on a walk far from zero; with f64 there is no difference.
#[test]
fn singles_are_within_their_bound_of_the_exact_sums() {
    let dir = tempfile::tempdir().unwrap();
    let steps = powers(6);
    write_series(dir.path(), &steps, &walk(30_000, &steps, 1.0, 0.01, 1e-3, 100.0));
    let with = |exact| analyse(&[dir.path().into()], &Options { exact, ..Options::default() }, &()).unwrap();
    let (single, exact) = (with(false), with(true));
    assert_eq!((single.summary.precision, exact.summary.precision), ("f32", "f64"));
    assert_eq!(floats(&exact, "msd")[1], floats(&run(dir.path()), "msd")[1]);
    for name in ["msd", "msd_layer", "msd_group"] {
        let (single, exact) = (floats(&single, name), floats(&exact, name));
        assert_ne!(single, exact);
        for (s, e) in single.iter().zip(&exact) {
            assert!((s - e).abs() <= 66.0 * 2.0_f64.powi(-24) * e.abs() || s.is_nan() && e.is_nan(), "{name}: {s} {e}");
        }
    }
}

/// Brownian motion, x(t) = sum of normal steps: Delta(t_w, t) = sigma^2 (t - t_w) exactly in the mean, with standard error
/// Delta sqrt(2/N) (chi-square with N degrees of freedom); drift fraction v^2 T/(v^2 T + sigma^2) with drift v
/// (`glasslab_observe::drift_fraction`), error about 1/sqrt(N). N = 9,000, seed 7, 5 standard errors.
#[test]
fn brownian_motion_with_and_without_drift() {
    let (n, steps) = (9_000, powers(8));
    for (velocity, noise) in [(0.0, 1.0), (0.05, 1.0), (1.0, 0.01)] {
        let dir = tempfile::tempdir().unwrap();
        write_series(dir.path(), &steps, &walk(n, &steps, 1.0, velocity, noise, 0.0));
        let a = run(dir.path());
        assert_eq!(a.summary.problems(), 0, "{:?}", a.summary.findings);
        let (msd, s) = (floats(&a, "msd"), steps.len());
        for k in 0..s {
            for t in k + 1..s {
                let lag = (steps[t] - steps[k]) as f64;
                let (d, v) = (noise * noise * lag, velocity * lag);
                // The variance of a sum of (v + sqrt(d) z)^2 over N is N (2 d^2 + 4 d v^2).
                let error = ((2.0 * d * d + 4.0 * d * v * v) / n as f64).sqrt() + 1e-6 * v * v;
                assert!((msd[k * s + t] - d - v * v).abs() < 5.0 * error, "{k} {t}");
            }
        }
        let drift = a.summary.drift.unwrap();
        let total = steps[s - 1] as f64;
        let expected = velocity * velocity * total / (velocity * velocity * total + noise * noise);
        assert!((drift.value - expected).abs() < 5.0 * 2.0 / (n as f64).sqrt(), "{drift:?} is not {expected}");
        let gamma = a.summary.exponents[0].gamma;
        let range = if velocity == 0.0 {
            0.97..1.03
        } else if velocity == 1.0 {
            1.99..2.01
        } else {
            1.0..2.0
        };
        assert!(range.contains(&gamma), "gamma = {gamma}");
        assert!(a.summary.why.iter().any(|w| w.contains("one trajectory")), "{:?}", a.summary.why);
    }
}

/// Ornstein-Uhlenbeck in equilibrium, x' = k x + sqrt(1 - k^2) z: Delta = 2 (1 - k^(t - t_w)), standard error
/// Delta sqrt(2/N); confined, so the drift fraction is negative: phi = -(1 - q)^2/(2 (1 - q^2)) x 4 for halves with q =
/// k^tau, -2 for tau -> infinity. N = 9,000, seed 7, 5 standard errors.
#[test]
fn ornstein_uhlenbeck_is_confined() {
    let (n, steps, keep) = (9_000, powers(8), 0.9_f64);
    let dir = tempfile::tempdir().unwrap();
    write_series(dir.path(), &steps, &walk(n, &steps, keep, 0.0, (1.0 - keep * keep).sqrt(), 1.0));
    let a = run(dir.path());
    assert_eq!(a.summary.problems(), 0, "{:?}", a.summary.findings);
    let (msd, s) = (floats(&a, "msd"), steps.len());
    for k in 0..s {
        for t in k + 1..s {
            let expected = 2.0 * (1.0 - keep.powi((steps[t] - steps[k]) as i32));
            let error = expected * (2.0 / n as f64).sqrt();
            assert!((msd[k * s + t] - expected).abs() < 5.0 * error, "{k} {t}");
        }
    }
    let drift = a.summary.drift.unwrap();
    assert!((drift.value + 2.0).abs() < 5.0 * 4.0 / (n as f64).sqrt(), "{drift:?}");
}

/// Whatever the memory (one slab, or one tile at a time) and the number of threads: the same records and findings.
#[test]
fn memory_and_threads_leave_the_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let steps = powers(5);
    write_series(dir.path(), &steps, &walk(400_000, &steps, 1.0, 0.0, 0.1, 1.0));
    let least = analyse(&[dir.path().into()], &Options { memory: 1, ..Options::default() }, &()).unwrap_err();
    let text = least.to_string();
    let needed: u64 = text.split("at least ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let with = |memory: u64, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let options = Options { memory, ..Options::default() };
        let a = pool.install(|| analyse(&[dir.path().into()], &options, &()).unwrap());
        let bits: Vec<(String, Vec<u64>)> = a
            .records
            .variables
            .iter()
            .filter_map(|r| Some((r.name.clone(), r.floats()?.iter().map(|v| v.to_bits()).collect())))
            .collect();
        (bits, a.summary.checkpoints)
    };
    let one = with(1 << 30, 1);
    assert!(one.0.len() > 10);
    assert_eq!(one, with(1 << 30, 3));
    assert_eq!(one, with(needed + (4 << 20), 2));
    assert_eq!(one, with(needed + (9 << 20), 1));
}

/// The same weights in f64, f32, f16 and bf16 (numbers that all four hold exactly), and as two shards: the same Delta.
#[test]
fn formats_and_shards_give_the_same_displacements() {
    let values: Vec<Vec<f64>> = (0..4)
        .map(|s| {
            normal(3_000, 3, s)
                .iter()
                .map(|z| (z * 16.0).round() / 16.0)
                .map(|v| v.clamp(-7.9, 7.9))
                .map(|v| (v * 8.0).round() / 8.0)
                .collect()
        })
        .collect();
    let bytes = |x: &[f64], dtype: Dtype| -> Vec<u8> {
        match dtype {
            Dtype::F64 => x.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Dtype::F32 => x.iter().flat_map(|v| (*v as f32).to_le_bytes()).collect(),
            Dtype::BF16 => x.iter().flat_map(|v| (((*v as f32).to_bits() >> 16) as u16).to_le_bytes()).collect(),
            _ => x
                .iter()
                .flat_map(|v| {
                    let bits = (*v as f32).to_bits();
                    let exponent = (bits >> 23 & 255) as i32 - 112;
                    let half = if *v == 0.0 { 0 } else { (exponent as u32) << 10 | (bits >> 13 & 1023) };
                    ((half | bits >> 31 << 15) as u16).to_le_bytes()
                })
                .collect(),
        }
    };
    let analysis = |dtype: Dtype| {
        let dir = tempfile::tempdir().unwrap();
        for (s, x) in values.iter().enumerate() {
            let folder = dir.path().join(format!("checkpoint-{}", 100 * s));
            std::fs::create_dir(&folder).unwrap();
            let (a, b) = x.split_at(1_000);
            let tensors = [
                ("a", dtype, vec![10, 100], bytes(a, dtype)),
                ("b", dtype, vec![2_000], bytes(b, dtype)),
                ("steps", Dtype::I64, vec![1], vec![0; 8]),
            ];
            if dtype == Dtype::F64 {
                write_raw(&folder.join("model-00001-of-00002.safetensors"), &tensors[..1]);
                write_raw(&folder.join("model-00002-of-00002.safetensors"), &tensors[1..]);
            } else {
                write_raw(&folder.join("model.safetensors"), &tensors);
            }
        }
        run(dir.path())
    };
    let all = [Dtype::F64, Dtype::F32, Dtype::F16, Dtype::BF16].map(analysis);
    for a in &all {
        assert_eq!(a.summary.problems(), 0, "{:?}", a.summary.findings);
        assert!(a.summary.findings.iter().any(|f| f.what.contains("steps")), "{:?}", a.summary.findings);
        assert_eq!(a.summary.checkpoints.iter().map(|c| c.step).collect::<Vec<_>>(), [0, 100, 200, 300]);
        let expected: f64 = values[0].iter().zip(&values[3]).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / 3_000.0;
        let got = floats(a, "msd")[3];
        assert!((got / expected - 1.0).abs() < 1e-13, "{got} {expected}");
        assert_eq!(got, floats(&all[0], "msd")[3]);
    }
}

#[test]
fn detail_groups_and_skip_choose_the_rows() {
    let dir = tempfile::tempdir().unwrap();
    let steps = powers(2);
    write_series(dir.path(), &steps, &walk(300, &steps, 1.0, 0.0, 0.1, 1.0));
    let with = |detail, groups: &[&str], skip: &[&str]| {
        let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        let options = Options { detail, groups: own(groups), skip: own(skip), ..Options::default() };
        analyse(&[dir.path().into()], &options, &())
    };
    let whole = with(Detail::Whole, &[], &[]).unwrap();
    assert!(whole.records.get("msd_group").is_none() && whole.records.get("msd_layer").is_none());
    let groups = with(Detail::Groups, &["^body", "a|head"], &[]).unwrap();
    assert_eq!(groups.records.get("msd_group").unwrap().shape, [1, 2, 4, 4]);
    assert!(groups.records.get("msd_layer").is_none());
    assert_eq!(with(Detail::Tensors, &[], &["head"]).unwrap().summary.parameters, 295);
    for (groups, skip, word) in
        [(&["("][..], &[][..], "group = ("), (&["x"], &[], "matches no"), (&[], &["."], "nothing")]
    {
        let error = with(Detail::Groups, groups, skip).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

/// A list of files is a series as well.
#[test]
fn a_list_of_files_and_positions() {
    let dir = tempfile::tempdir().unwrap();
    let series = walk(30, &[0, 1, 2], 1.0, 0.0, 0.1, 1.0);
    let paths: Vec<_> =
        ["first", "second", "third"].iter().map(|n| dir.path().join(format!("{n}.safetensors"))).collect();
    paths.iter().zip(&series).for_each(|(p, w)| write(p, w));
    let a = analyse(&paths, &Options::default(), &()).unwrap();
    assert_eq!(a.summary.unit, glasslab_series::Unit::Position);
    assert_eq!(a.summary.checkpoints.iter().map(|c| c.step).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(a.summary.checkpoints[2].name, "third.safetensors");
}
