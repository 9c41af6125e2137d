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

/// Intervals of h* that are narrower than this factor are left as they are.
const SURE: f64 = 1.1;

/// The width to look at next at an alpha: of those not measured within the interval that h* is confined to, the one next to its median;
/// while there is no such interval, the geometric middle of the widest that jams and the narrowest that does not.
pub(super) fn next_width(points: &[PointResult], alpha: f64) -> Option<usize> {
    let line = jamming(points, alpha);
    let fresh = |h: &usize| !points.iter().any(|p| p.width == *h && p.alpha == alpha);
    let Some(star) = line.star else {
        let (low, high) = (line.below?, line.above?);
        let middle = ((low * high) as f64).sqrt().round() as usize;
        return Some(middle).filter(|m| *m > low && *m < high && fresh(m));
    };
    let [low, high] = star.interval;
    let off = |h: usize| (h as f64 / star.width).ln().abs();
    let within = (low.ceil() as usize..=high.floor() as usize).filter(fresh);
    within.filter(|_| high > SURE * low).min_by(|a, b| off(*a).total_cmp(&off(*b)))
}

/// The next points: for every alpha a width where h* is not yet confined, and the middle of every bracket of alpha*(h) wider than [`NARROW`],
/// in logarithms. Nothing is measured twice.
pub(super) fn next(plan: &PlanePlan, points: &[PointResult]) -> Vec<(usize, f64)> {
    let between = |alpha: &f64| Some((next_width(points, *alpha)?, *alpha));
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
        // 2 of 5 at 8 and 3 of 5 at 9: the interval is wide, and what lies nearest to its middle and is not there comes next.
        let vague = [(4, 0), (6, 0), (8, 2), (9, 3), (16, 5)].map(|(h, fitted)| point(h, 1.0, fitted));
        assert_eq!(next(&plan, &vague)[0], (10, 1.0));
    }
}
