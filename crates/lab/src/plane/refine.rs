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
    let sure =
        |sign: f64| move |p: &&&PointResult| p.log_kernel_change().is_some_and(|[y, e]| sign * y - 2.0 * e > 0.0);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::find::tests::point as made_up;

    /// h* between 4 and 16 at alpha 1, nothing to do at alpha 100; alpha* = 3 between 1 and 100 at h = 16: its middle 10, then the bracket
    /// [1, 10] is halved at 3.2, where two standard errors do not tell (kernel change 0.94): nothing is measured twice.
    #[test]
    fn brackets_are_halved_until_they_are_narrow_or_not_certain() {
        let plan = PlanePlan { widths: vec![4, 16], alphas: vec![1.0, 100.0], ..PlanePlan::default() };
        let point = |h: usize, alpha: f64, fitted: usize| made_up(h, alpha, fitted, 3.0 / alpha, 0.1);
        let mut points = vec![point(4, 1.0, 0), point(16, 1.0, 5), point(4, 100.0, 5), point(16, 100.0, 5)];
        assert_eq!(bracket(&points, 16), Some([1.0, 100.0]));
        assert_eq!(next(&plan, &points), [(8, 1.0), (16, 10.0)]);
        points.extend([point(8, 1.0, 5), point(16, 10.0, 5)]);
        assert_eq!(bracket(&points, 16), Some([1.0, 10.0]));
        assert_eq!(next(&plan, &points), [(6, 1.0), (16, 3.2)]);
        points.extend([point(6, 1.0, 0), made_up(16, 3.2, 5, 1.001, 0.1)]);
        assert_eq!(next(&plan, &points), [(7, 1.0)], "3.2 is there, and does not tell");
        points.push(point(7, 1.0, 0));
        assert!(next(&plan, &points).is_empty());
    }
}
