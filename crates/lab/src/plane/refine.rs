//! Where to look next: bisection of the jamming line and of the crossover, where they are not yet certain.

use super::find::{jamming, row};
use super::plan::PlanePlan;
use super::point::PointResult;

/// Brackets of alpha* that are narrower than this factor are left as they are.
pub(super) const NARROW: f64 = 1.5;

/// The alphas between which the kernel change passes 1, each with two standard errors: the largest at which it is surely above, and the
/// smallest beyond it at which it is surely below.
pub(super) fn bracket(points: &[PointResult], width: usize) -> Option<[f64; 2]> {
    let row = row(points, width);
    let sure = |sign: f64| move |p: &&&PointResult| p.log_kernel_change().is_some_and(|[y, e]| sign * y - 2.0 * e > 0.0);
    let low = row.iter().rev().find(sure(1.0))?.alpha;
    let high = row.iter().filter(|p| p.alpha > low).find(sure(-1.0))?.alpha;
    Some([low, high])
}

/// Two significant digits: the same number on every machine, and readable.
fn rounded(x: f64) -> f64 {
    format!("{x:.1e}").parse().unwrap_or(x)
}

/// The next points: the middle of every bracket of h*(alpha), in whole widths, and of every bracket of alpha*(h) wider than [`NARROW`],
/// in logarithms. Nothing is measured twice.
pub(super) fn next(plan: &PlanePlan, points: &[PointResult]) -> Vec<(usize, f64)> {
    let between = |alpha: &f64| {
        let line = jamming(points, *alpha);
        let (low, high) = (line.below?, line.above?);
        let middle = ((low * high) as f64).sqrt().round() as usize;
        (middle > low && middle < high).then_some((middle, *alpha))
    };
    let crossing = |width: &usize| {
        let [low, high] = bracket(points, *width)?;
        (high > NARROW * low).then(|| (*width, rounded((low * high).sqrt())))
    };
    let mut out: Vec<(usize, f64)> = plan.alphas.iter().filter_map(between).collect();
    out.extend(plan.widths.iter().filter_map(crossing));
    out.retain(|(h, a)| !points.iter().any(|p| p.width == *h && p.alpha == *a));
    out
}
