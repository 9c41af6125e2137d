//! What the points say: the jamming line, the crossover between the regimes, what to do.

use super::choice::{Quote, choose, cost};
use super::curve::CurveLine;
use super::plan::PlanePlan;
use super::point::PointResult;
use super::star::{Star, star};
use crate::summary::short;
use serde::Serialize;

/// Where the jamming line lies at one alpha.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JammingPoint {
    /// Scale alpha.
    pub alpha: f64,
    /// Largest width at which no net fits, below every width at which one does; None if all widths fit.
    pub below: Option<usize>,
    /// Smallest width above it at which a net fits; None if none does.
    pub above: Option<usize>,
    /// h*, the width at which half of the nets fit; None if it lies beyond the widths.
    pub star: Option<Star>,
}

/// Where the kernel change passes 1 at one width.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CrossoverPoint {
    /// Width.
    pub width: usize,
    /// alpha*, in the convention of the axis.
    pub alpha: f64,
    /// Factor of its one-sigma interval: alpha* / factor to alpha* x factor.
    pub factor: f64,
}

/// The lazy slope at one width.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LazySlope {
    /// Width.
    pub width: usize,
    /// d ln(kernel change)/d ln(alpha) over points with kernel change below 0.1, and its standard error.
    pub slope: [f64; 2],
    /// Points.
    pub points: usize,
}

/// All that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Findings {
    /// The jamming line.
    pub jamming: Vec<JammingPoint>,
    /// The crossover.
    pub crossover: Vec<CrossoverPoint>,
    /// Lazy slopes.
    pub lazy: Vec<LazySlope>,
    /// N* against P, if it was asked for.
    pub curve: Option<CurveLine>,
    /// What to expect of the recommended point: from nets that had no part in the choice, on the half of the test set that had
    /// none.
    pub quote: Option<Quote>,
    /// Advice in words, sentence by sentence.
    pub advice: Vec<String>,
}

/// The point of the grid, or None.
pub(super) fn at(points: &[PointResult], width: usize, alpha: f64) -> Option<&PointResult> {
    points.iter().find(|p| p.width == width && p.alpha == alpha)
}

/// All widths that were measured at an alpha, ascending.
pub(super) fn column(points: &[PointResult], alpha: f64) -> Vec<&PointResult> {
    let mut all: Vec<&PointResult> = points.iter().filter(|p| p.alpha == alpha).collect();
    all.sort_by_key(|p| p.width);
    all
}

/// All alphas that were measured at a width, ascending.
pub(super) fn row(points: &[PointResult], width: usize) -> Vec<&PointResult> {
    let mut all: Vec<&PointResult> = points.iter().filter(|p| p.width == width).collect();
    all.sort_by(|a, b| a.alpha.total_cmp(&b.alpha));
    all
}

/// The jamming line at one alpha: the last width at which none fits, before the first from which on some always fit; and where half fit.
pub(super) fn jamming(points: &[PointResult], alpha: f64) -> JammingPoint {
    let column = column(points, alpha);
    let below = column.iter().rposition(|p| p.is_jammed());
    let counts: Vec<(usize, usize, usize)> = column.iter().map(|p| (p.width, p.fitted(), p.runs.len())).collect();
    JammingPoint {
        alpha,
        below: below.map(|k| column[k].width),
        above: column.get(below.map_or(0, |k| k + 1)).map(|p| p.width),
        star: star(&counts),
    }
}

/// Where ln(kernel change) passes 0, between neighbours, linear in ln alpha; the last passage from above.
fn crossover(points: &[PointResult], width: usize) -> Option<CrossoverPoint> {
    let row: Vec<(f64, [f64; 2])> =
        row(points, width).iter().filter_map(|p| Some((p.alpha.ln(), p.log_kernel_change()?))).collect();
    let pair = row.windows(2).rev().find(|w| w[0].1[0] > 0.0 && w[1].1[0] <= 0.0)?;
    let ((x0, [y0, e0]), (x1, [y1, e1])) = (pair[0], pair[1]);
    let slope = (y1 - y0) / (x1 - x0);
    let part = y0 / (y0 - y1);
    let error = ((1.0 - part).powi(2) * e0 * e0 + part * part * e1 * e1).sqrt() / slope.abs();
    Some(CrossoverPoint { width, alpha: (x0 + part * (x1 - x0)).exp(), factor: error.exp() })
}

/// Least squares through points with kernel change below 0.1; the error of the slope from the scatter.
fn lazy_slope(points: &[PointResult], width: usize) -> Option<LazySlope> {
    let all: Vec<(f64, f64)> = (row(points, width).iter())
        .filter_map(|p| Some((p.alpha.ln(), p.log_kernel_change()?[0])))
        .filter(|p| p.1 < 0.1_f64.ln())
        .collect();
    if all.len() < 3 {
        return None;
    }
    let n = all.len() as f64;
    let (mx, my) = (all.iter().map(|p| p.0).sum::<f64>() / n, all.iter().map(|p| p.1).sum::<f64>() / n);
    let sxx: f64 = all.iter().map(|p| (p.0 - mx).powi(2)).sum();
    let slope = all.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>() / sxx;
    let rest: f64 = all.iter().map(|p| (p.1 - my - slope * (p.0 - mx)).powi(2)).sum();
    Some(LazySlope { width, slope: [slope, (rest / (n - 2.0) / sxx).sqrt()], points: all.len() })
}

fn percent(value: f64, error: f64) -> String {
    format!("{:.2} ± {:.2} %", 100.0 * value, 200.0 * error)
}

/// Fewest nets a point of which anything is recommended.
pub(super) const FEWEST: u64 = 3;

/// Which point to choose, in words; intervals are two standard errors. `fresh`: the nets of [`super::confirm`] at the chosen
/// point.
fn advice(
    plan: &PlanePlan,
    points: &[PointResult],
    crossover: &[CrossoverPoint],
    fresh: Option<&PointResult>,
) -> Vec<String> {
    let mut out = Vec::new();
    if plan.seeds < FEWEST {
        return vec![format!("Not resolved: give at least {FEWEST} nets a point.")];
    }
    let (Some(choice), Some(quote)) = (choose(points), fresh.map(Quote::of)) else {
        return vec!["Not resolved: nowhere do most nets fit. Give larger widths, or more steps.".to_owned()];
    };
    let (chosen, equal) = (choice.chosen, choice.equal);
    out.push(format!(
        "Recommended: h = {}, alpha = {} (sqrt(h) alpha of the papers), the outputs of {} nets averaged: test error {} \
         (two standard errors, nets and test set), about {:.1e} floating-point operations to train. The point was chosen on \
         one half of the test set; the error is that of {} other nets on the other half ({} samples), {} of which fit.",
        chosen.width,
        short(chosen.alpha),
        plan.seeds,
        percent(quote.ensemble_error[0], quote.ensemble_error[1]),
        6.0 * plan.samples as f64 * cost(chosen),
        quote.nets,
        quote.samples,
        quote.fitted,
    ));
    if equal.len() > 1 {
        let widths = equal.iter().map(|p| p.width);
        let alphas = equal.iter().map(|p| p.alpha);
        out.push(format!(
            "It is the cheapest of {} points that cannot be told from the best (two standard errors): h from {} to {}, \
             alpha from {} to {}. Which of them is best is not resolved.",
            equal.len(),
            widths.clone().min().unwrap_or(0),
            widths.max().unwrap_or(0),
            short(alphas.clone().fold(f64::INFINITY, f64::min)),
            short(alphas.fold(0.0, f64::max))
        ));
    }
    let widest = plan.widths.iter().max().and_then(|&h| at(points, h, chosen.alpha));
    if let (Some(widest), Some(nets)) = (widest.filter(|p| 2 * p.fitted() > p.runs.len()), fresh) {
        // The same half of the test set for both: only nets differ.
        let (single, nets) = (widest.halves[1].mean_error, nets.halves[1].ensemble_error);
        let error = (single[1].powi(2) + nets[1].powi(2)).sqrt();
        let sentence = |word: &str| {
            format!(
                "At the same alpha one net of h = {} ({} weights) has {} there, on average; the {} averaged nets ({} weights in all) {word}.",
                widest.width,
                widest.weights,
                percent(single[0], single[1]),
                plan.seeds,
                chosen.weights as u64 * plan.seeds
            )
        };
        out.push(match single[0] - nets[0] {
            gain if gain > 2.0 * error => sentence(&format!("are better by {}", percent(gain, error))),
            gain if gain < -2.0 * error => sentence(&format!("are worse by {}", percent(-gain, error))),
            _ => sentence("cannot be told from it"),
        });
    }
    let near = crossover.iter().min_by_key(|c| c.width.abs_diff(chosen.width));
    match (chosen.log_kernel_change(), near) {
        (Some([log, error]), _) if log - 2.0 * error > 0.0 => {
            out.push("There the tangent kernel changes by more than itself: feature learning.".to_owned());
        }
        (Some([log, error]), _) if log + 2.0 * error < 0.1_f64.ln() => {
            out.push("There the tangent kernel changes by less than a tenth: the lazy regime.".to_owned());
        }
        (_, Some(c)) => out.push(format!(
            "That is near the crossover between feature learning and the lazy regime: alpha* = {} at h = {}.",
            short(c.alpha),
            c.width
        )),
        _ => out.push("Between feature learning and the lazy regime the crossover is not resolved.".to_owned()),
    }
    out
}

/// Everything that the points say.
pub(super) fn findings(
    plan: &PlanePlan,
    points: &[PointResult],
    fresh: Option<&PointResult>,
    curve: Option<CurveLine>,
) -> Findings {
    let crossover: Vec<CrossoverPoint> = plan.widths.iter().filter_map(|&h| crossover(points, h)).collect();
    Findings {
        jamming: plan.alphas.iter().map(|&a| jamming(points, a)).collect(),
        lazy: plan.widths.iter().filter_map(|&h| lazy_slope(points, h)).collect(),
        quote: fresh.map(Quote::of),
        advice: advice(plan, points, &crossover, fresh),
        crossover,
        curve,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::choice::Half;
    use super::super::point::{End, RunResult};
    use super::*;

    /// A made-up point: `fitted` of 5 nets fit, kernel change k, ensemble error e.
    pub(in crate::plane) fn point(width: usize, alpha: f64, fitted: usize, kernel_change: f64, e: f64) -> PointResult {
        let run = |seed: usize| RunResult {
            seed: seed as u64,
            end: if seed < fitted { End::Fitted } else { End::Jammed },
            steps: 10,
            time: 1.0,
            unmet: 0,
            train_error: 0.0,
            test_error: e + 0.02,
            kernel_change: kernel_change * if seed.is_multiple_of(2) { 1.02 } else { 0.98 },
            alignment: [0.0; 2],
            spectrum: [vec![], vec![]],
            displacement: vec![],
            weight_norm: vec![],
            moved: 1.0,
            amplification: [1.0; 2],
        };
        PointResult {
            key: String::new(),
            width,
            alpha,
            first: 0,
            weights: width * width,
            tested: 2000,
            runs: (0..5).map(run).collect(),
            mean_error: [e + 0.02, 0.001],
            ensemble_error: [e, 0.001],
            variance: [0.1, 0.01],
            halves: [0, 1].map(|_| Half { samples: 1000, mean_error: [e + 0.02, 0.001], ensemble_error: [e, 0.001] }),
        }
    }

    #[test]
    fn the_jamming_line_lies_between_none_and_some() {
        let fits = [(2, 0), (4, 0), (8, 2), (16, 5)];
        let points: Vec<_> = fits.iter().map(|&(h, f)| point(h, 1.0, f, 0.1, 0.1)).collect();
        let found = jamming(&points, 1.0);
        assert_eq!((found.below, found.above), (Some(4), Some(8)));
        let star = found.star.unwrap();
        assert!(star.width > 7.0 && star.width < 11.0, "2 of 5 fit at 8: {star:?}");
        assert!(star.interval[0] > 4.0 && star.interval[1] < 16.0, "{star:?}");
        let all = jamming(&points[3..], 1.0);
        assert_eq!((all.below, all.above, all.star), (None, Some(16), None));
        let none = jamming(&points[..2], 1.0);
        assert_eq!((none.below, none.above, none.star), (Some(4), None, None));
    }

    /// Kernel change 3/alpha: alpha* = 3, slope -1.
    #[test]
    fn the_crossover_is_where_the_kernel_changes_by_itself() {
        let alphas = [0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0];
        let points: Vec<_> = alphas.iter().map(|&a| point(8, a, 5, 3.0 / a, 0.1)).collect();
        let found = crossover(&points, 8).unwrap();
        assert!((found.alpha / 3.0 - 1.0).abs() < 0.02 && found.factor > 1.0 && found.factor < 1.05, "{found:?}");
        let lazy = lazy_slope(&points, 8).unwrap();
        assert!((lazy.slope[0] + 1.0).abs() < 1e-9 && lazy.points == 3, "{lazy:?}");
    }

    #[test]
    fn advice_names_the_cheapest_of_the_equals_and_says_what_is_not_resolved() {
        let plan = PlanePlan { widths: vec![8, 16, 32], alphas: vec![1.0], ..PlanePlan::default() };
        let mut points = vec![point(8, 1.0, 5, 2.0, 0.1002), point(16, 1.0, 5, 2.0, 0.1), point(32, 1.0, 5, 2.0, 0.15)];
        let fresh = point(8, 1.0, 5, 2.0, 0.11);
        let words = advice(&plan, &points, &[], Some(&fresh)).join(" ");
        assert!(words.contains("h = 8,") && words.contains("not resolved") && words.contains("feature"), "{words}");
        assert!(words.contains("are better by"), "{words}");
        // 11 %, the error of the fresh nets: binomial error of 1000 samples and 0.1 % over nets, twice.
        assert!(words.contains("test error 11.00 ± 1.99 %"), "{words}");
        points[0].halves[0].ensemble_error[0] = 0.12;
        assert!(advice(&plan, &points, &[], Some(&fresh))[0].contains("h = 16,"));
        // What is quoted has no part in the choice.
        points[1].halves[1].ensemble_error[0] = 0.5;
        points[1].ensemble_error[0] = 0.5;
        assert!(advice(&plan, &points, &[], Some(&fresh))[0].contains("h = 16,"));
        let jammed: Vec<_> = points.iter().map(|p| point(p.width, 1.0, 0, 1.0, 0.1)).collect();
        assert!(choose(&jammed).is_none());
        assert!(advice(&plan, &jammed, &[], None)[0].starts_with("Not resolved"));
    }
}
