//! The plane against what is known of it: lazy regime, crossover, cusp, learning curves of the stripe. Each runs a plan of
//! `experiments/`.

use glasslab_lab::plane::{End, PlaneOutcome, PlanePlan, PointResult, RunResult, plane};
use std::path::Path;

fn plan(name: &str) -> PlanePlan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments").join(name);
    PlanePlan::parse(&std::fs::read_to_string(path).unwrap()).unwrap().unwrap()
}

/// Carries out the plan; in the folder of the variable `GLASSLAB_KEEP` if it is set, where a second run finds its points.
fn carry_out(name: &str, plan: PlanePlan) -> (PlaneOutcome, Vec<PointResult>) {
    let place = tempfile::tempdir().unwrap();
    let kept = std::env::var_os("GLASSLAB_KEEP").map(|k| Path::new(&k).join(name));
    let out = kept.unwrap_or_else(|| place.path().join(name));
    let outcome = plane(plan, Path::new("."), Some(&out), out.exists(), &mut ()).unwrap();
    println!("{}", outcome.table);
    let files = std::fs::read_dir(out.join("points")).unwrap().flatten();
    let points = files.map(|f| serde_json::from_slice(&std::fs::read(f.path()).unwrap()).unwrap());
    let points = points.filter(|p: &PointResult| p.first == 0).collect();
    (outcome, points)
}

/// Mean and standard error.
fn mean(values: &[f64]) -> [f64; 2] {
    let n = values.len() as f64;
    let m = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (n - 1.0);
    [m, (variance / n).sqrt()]
}

/// Slope of y against x with errors e, and its standard error: from the errors, times the root of chi^2 per degree of freedom where
/// that is above 1.
fn slope(points: &[(f64, f64, f64)]) -> [f64; 2] {
    let weight = |p: &(f64, f64, f64)| 1.0 / (p.2 * p.2);
    let total: f64 = points.iter().map(weight).sum();
    let (mx, my) = (
        points.iter().map(|p| weight(p) * p.0).sum::<f64>() / total,
        points.iter().map(|p| weight(p) * p.1).sum::<f64>() / total,
    );
    let sxx: f64 = points.iter().map(|p| weight(p) * (p.0 - mx).powi(2)).sum();
    let b = points.iter().map(|p| weight(p) * (p.0 - mx) * (p.1 - my)).sum::<f64>() / sxx;
    let chi: f64 = points.iter().map(|p| weight(p) * (p.1 - my - b * (p.0 - mx)).powi(2)).sum();
    let free = points.len() as f64 - 2.0;
    [b, (if free > 0.0 { (chi / free).max(1.0) } else { 1.0 } / sxx).sqrt()]
}

fn at(points: &[PointResult], width: usize, alpha: f64) -> &PointResult {
    points.iter().find(|p| p.width == width && p.alpha == alpha).unwrap()
}

#[test]
fn plans_of_the_plane_are_sound() {
    for name in ["plane-lazy.toml", "plane-cusp.toml", "plane-stripe.toml"] {
        assert_eq!(plan(name).complaints().len(), 0, "{name}");
    }
}

/// In the convention alpha = sqrt(h) alpha_paper:
/// - the kernel's relative change falls as 1/alpha: between alpha = 1e3 and 1e4 each width's nets have a slope of -1, within 3
///   standard errors over nets and the change itself at 1e3 (the next order in 1/alpha). At fixed alpha it also falls with h, as
///   h^-1/2 within 3 standard errors: the term of first order is odd in the output weights, so its mean over neurons averages out, and
///   the law 1/(sqrt(h) alpha_paper) of the papers is an upper bound there. Weights move by sqrt(h)|w - w0|/|w0| ~ 1/alpha whatever h:
///   slope -1 within 0.01, the widths from 32 on agree within 3 standard errors and O(1/h), 2/32;
/// - alpha* does not depend on h where h >= 32: d ln alpha*/d ln h is 0 within 3 standard errors, and 1/2 (alpha_paper* independent of
///   h) is excluded by 5;
/// - the variance over nets falls as 1/h from h = 16 on, lazy and feature learning: slope -1 within 3 standard errors and below 0 by
///   3 (measured: -1.15 +- 0.08 lazy, -0.81 +- 0.18 where features are learnt), and h Var of the two largest widths agrees within 3 at every alpha.
#[test]
#[ignore = "slow: about 2 core-minutes"]
fn the_lazy_regime_and_its_crossover() {
    let plan = plan("plane-lazy.toml");
    let (outcome, points) = carry_out("plane-lazy", plan.clone());
    for &h in &plan.widths {
        let (a, b) = (at(&points, h, 1e3), at(&points, h, 1e4));
        let both = a.runs.iter().zip(&b.runs).filter(|(a, b)| a.end == End::Fitted && b.end == End::Fitted);
        let slopes: Vec<f64> = both.map(|(a, b)| (b.kernel_change / a.kernel_change).log10()).collect();
        let [s, e] = mean(&slopes);
        let next = a.log_kernel_change().unwrap()[0].exp();
        println!("h = {h}: lazy slope {s:.4} +- {e:.4}, {} nets, next order {next:.4}", slopes.len());
        assert!(slopes.len() >= 5 && (s + 1.0).abs() < 3.0 * e + next, "h = {h}: {s} +- {e}, {next}");
    }
    let (first, lazy) = (plan.alphas[0], plan.alphas[plan.alphas.len() - 1]);
    let largest = &plan.widths[plan.widths.len() - 3..];
    let logs = |h: usize, of: &dyn Fn(&RunResult) -> f64| {
        let [m, e] = mean(&at(&points, h, lazy).runs.iter().map(|r| of(r).ln()).collect::<Vec<_>>());
        ((h as f64).ln(), m, e)
    };
    let [s, e] = slope(&plan.widths[1..].iter().map(|&h| logs(h, &|r| r.kernel_change)).collect::<Vec<_>>());
    println!("lazy kernel change: d ln/d ln h = {s:.3} +- {e:.3}");
    assert!((s + 0.5).abs() < 3.0 * e, "{s} +- {e}");
    let [narrow, wide] = [largest[0], largest[2]].map(|h| logs(h, &|r| r.moved));
    let (gap, error) = (wide.1 - narrow.1, wide.2.hypot(narrow.2));
    println!(
        "lazy displacement of h = {} over that of {}: {gap:.3} +- {error:.3} in logarithms",
        largest[2], largest[0]
    );
    assert!(gap.abs() < 3.0 * error + 2.0 / largest[0] as f64, "{gap} +- {error}");
    let moved = |alpha: f64| mean(&at(&points, largest[2], alpha).runs.iter().map(|r| r.moved).collect::<Vec<_>>())[0];
    assert!(((moved(lazy) / moved(1e3)).log10() + 1.0).abs() < 0.01);
    let stars = outcome.summary["findings"]["crossover"].as_array().unwrap();
    let star = |s: &serde_json::Value| {
        let get = |name: &str| s[name].as_f64().unwrap();
        println!("h = {}: alpha* = {} (factor {})", s["width"], get("alpha"), get("factor"));
        (get("width").ln(), get("alpha").ln(), get("factor").ln())
    };
    let stars: Vec<(f64, f64, f64)> = stars.iter().map(star).filter(|s| s.0 >= (largest[0] as f64).ln()).collect();
    assert_eq!(stars.len(), 3);
    let [s, e] = slope(&stars);
    println!("d ln alpha*/d ln h = {s:.3} +- {e:.3}");
    assert!(s.abs() < 3.0 * e && (s - 0.5).abs() > 5.0 * e && (s + 0.5).abs() > 5.0 * e, "{s} +- {e}");
    for alpha in [first, lazy] {
        let logs: Vec<(f64, f64, f64)> = (plan.widths[1..].iter())
            .map(|&h| (h, at(&points, h, alpha).variance))
            .map(|(h, [v, e])| ((h as f64).ln(), v.ln(), e / v))
            .collect();
        let [s, e] = slope(&logs);
        println!("alpha = {alpha}: d ln Var/d ln h = {s:.3} +- {e:.3}");
        assert!((s + 1.0).abs() < 3.0 * e && s + 3.0 * e < 0.0, "alpha = {alpha}: {s} +- {e}");
    }
    for &alpha in &plan.alphas {
        let [a, b] = [1, 2].map(|k| plan.widths[plan.widths.len() - k]).map(|h| {
            let [v, e] = at(&points, h, alpha).variance;
            [h as f64 * v, h as f64 * e]
        });
        println!("alpha = {alpha}: h Var = {:.4} +- {:.4}, {:.4} +- {:.4}", b[0], b[1], a[0], a[1]);
        assert!((a[0] - b[0]).abs() < 3.0 * a[1].hypot(b[1]), "alpha = {alpha}: {a:?} {b:?}");
    }
}

/// MNIST parity, P = 1000, lazy, sixty nets a width: what jamming does to the test error of single nets, and averaging outputs takes away.
/// - The mean error over nets is largest at a width p within a factor 1.3 of h* (where half of the nets fit), and rises from width to width up to there;
///   it is above that of the narrowest nets and of all wider than p by more than 3 standard errors, and so is the variance over nets.
/// - At p averaging gains more than 3 standard errors, and from the narrowest nets to p the ensemble's error does not rise: it changes by less than half of
///   what that of single nets does, by 3 standard errors.
/// - From p to the widest nets the ensemble's error falls by less than half of what that of single nets does, by 3 standard errors.
///
/// Measured at h = 8, 11, 14, 20, 48 (h* = 16): 17.42 +- 0.15, 17.90 +- 0.16, 18.33 +- 0.13, 16.94 +- 0.12, 12.93 +- 0.07 %; ensembles 10.8, 9.7, 9.5, 9.3,
/// 8.7 +- 0.35 %; variance 5.8, 17.1, 31.8, 12.4, 1.75.
#[test]
#[ignore = "slow: about 15 core-minutes"]
fn the_cusp_of_the_mean_error_is_gone_in_the_ensemble() {
    let plan = plan("plane-cusp.toml");
    let (outcome, points) = carry_out("plane-cusp", plan.clone());
    let star = &outcome.summary["findings"]["jamming"][0]["star"];
    println!("h*: {star}");
    let star = star["width"].as_f64().unwrap();
    let column: Vec<&PointResult> = plan.widths.iter().map(|&h| at(&points, h, plan.alphas[0])).collect();
    for p in &column {
        let ([m, me], [e, ee], [v, ve]) = (p.mean_error, p.ensemble_error, p.variance);
        println!(
            "h = {:3}, N = {:5}: mean {:.2} +- {:.2} %, ensemble {:.2} +- {:.2} %, {} of {} fit, variance {v:.2} +- {ve:.2}",
            p.width,
            p.weights,
            100.0 * m,
            100.0 * me,
            100.0 * e,
            100.0 * ee,
            p.fitted(),
            p.runs.len(),
        );
    }
    let peak = *column.iter().max_by(|a, b| a.mean_error[0].total_cmp(&b.mean_error[0])).unwrap();
    assert!((peak.width as f64 / star).ln().abs() < 1.3_f64.ln(), "the maximum is at {}, h* = {star}", peak.width);
    let difference = |a: [f64; 2], b: [f64; 2]| [a[0] - b[0], a[1].hypot(b[1])];
    let above = |a: [f64; 2], b: [f64; 2]| {
        let [d, e] = difference(a, b);
        d / e
    };
    for pair in column.windows(2).filter(|pair| pair[1].width <= peak.width) {
        assert!(pair[1].mean_error[0] > pair[0].mean_error[0], "a rise up to h = {}", peak.width);
    }
    for p in column.iter().filter(|p| p.width > peak.width || p.width == plan.widths[0]) {
        let (error, variance) = (above(peak.mean_error, p.mean_error), above(peak.variance, p.variance));
        println!("h = {} to {}: {error:.1} standard errors, variance {variance:.1}", p.width, peak.width);
        assert!(error > 3.0 && variance > 3.0, "h = {}", p.width);
    }
    assert!(above(peak.mean_error, peak.ensemble_error) > 3.0, "{peak:?}");
    for end in [column[0], column[column.len() - 1]] {
        let single = difference(peak.mean_error, end.mean_error);
        let averaged = difference(peak.ensemble_error, end.ensemble_error);
        println!("rise from h = {} to {}: single {single:?}, averaged {averaged:?}", end.width, peak.width);
        assert!(above([0.5 * single[0], 0.5 * single[1]], averaged) > 3.0, "{single:?} {averaged:?}");
    }
}

/// The stripe in d = 2, one hidden layer with biases: the test error falls as P^-beta, P from 32 to 256, over ten draws of the data, one net each (those
/// that fit, at least eight); errors of exponents from the scatter over draws. Theory for P -> infinity: 1/2 lazy, 3/4 where features are learnt.
/// - Lazy: within 3 standard errors of 1/2.
/// - Where features are learnt: steeper than lazy by more than 3, by as much as theory says, 1/4, within 3; not below 3/4 by 3. It is *above* 3/4 at these P, so
///   that the asymptotic law is not what is seen (measured: lazy 0.651 +- 0.065, feature 1.054 +- 0.069, near the 1/P of a law of few parameters). Beyond
///   them, at h = 100 (too narrow for the lazy regime: 0.76 +- 0.08 there), P from 128 to 512, it was 0.71 +- 0.24.
/// - Weights turn to x_1 (Lambda > 3) where features are learnt, and only there (measured: 9.2 and 0.99).
#[test]
#[ignore = "slow: about 13 core-minutes"]
fn learning_curves_of_the_stripe() {
    const DRAWS: u64 = 10;
    let base = plan("plane-stripe.toml");
    let samples = [32, 64, 128, 256];
    let mut curves: Vec<Vec<(f64, f64, f64)>> = vec![Vec::new(); base.alphas.len()];
    let mut amplified = vec![Vec::new(); base.alphas.len()];
    for p in samples {
        let mut errors = vec![Vec::new(); base.alphas.len()];
        for seed in 0..DRAWS {
            let plan = PlanePlan { samples: p, seed, ..base.clone() };
            let (_, points) = carry_out(&format!("plane-stripe-{p}-{seed}"), plan);
            for (k, &alpha) in base.alphas.iter().enumerate() {
                let point = at(&points, base.widths[0], alpha);
                if point.fitted() < point.runs.len() {
                    continue;
                }
                errors[k].push(point.mean_error[0]);
                amplified[k].push(point.runs[0].amplification[1]);
            }
        }
        for (k, errors) in errors.iter().enumerate() {
            assert!(errors.len() >= 8, "P = {p}, alpha = {}: {} of {DRAWS} fit", base.alphas[k], errors.len());
            let [m, e] = mean(errors);
            println!("alpha = {}, P = {p}: error {:.3} +- {:.3} %", base.alphas[k], 100.0 * m, 100.0 * e);
            curves[k].push(((p as f64).ln(), m.ln(), e / m));
        }
    }
    let [feature, lazy] = [slope(&curves[0]), slope(&curves[1])];
    println!("beta: feature {:.3} +- {:.3}, lazy {:.3} +- {:.3}", -feature[0], feature[1], -lazy[0], lazy[1]);
    let [turned, lazy_turn] = [0, 1].map(|k| mean(&amplified[k])[0]);
    println!("amplification: {turned:.2} where features are learnt, {lazy_turn:.2} lazy");
    assert!(turned > 3.0 && (lazy_turn - 1.0).abs() < 0.1);
    assert!((lazy[0] + 0.5).abs() < 3.0 * lazy[1], "lazy {lazy:?}");
    assert!(feature[0] + 0.75 < 3.0 * feature[1], "feature {feature:?}");
    let (steeper, error) = (lazy[0] - feature[0], lazy[1].hypot(feature[1]));
    println!("difference {steeper:.3} +- {error:.3}, theory 0.25");
    assert!(steeper > 3.0 * error && (steeper - 0.25).abs() < 3.0 * error, "{lazy:?} {feature:?}");
}
