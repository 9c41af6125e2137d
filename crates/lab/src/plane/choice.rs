//! Which point to take, and what to expect of it: chosen by some errors, quoted from others.

use super::plan::PlanePlan;
use super::point::{PointResult, point};
use glasslab_core::Fault;
use glasslab_nets::labelled::Prepared;
use serde::{Deserialize, Serialize};

/// Errors on one half of the test set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Half {
    /// Its samples.
    pub samples: usize,
    /// Mean test error of single nets, and its standard error over nets.
    #[serde(deserialize_with = "super::null::pair")]
    pub mean_error: [f64; 2],
    /// Test error of the sign of the averaged outputs, and its jackknife standard error over nets.
    #[serde(deserialize_with = "super::null::pair")]
    pub ensemble_error: [f64; 2],
}

/// The halves of a test set of n samples: the first chooses, the second is quoted from. Test sets come with their classes in
/// turn, so both halves are balanced.
pub fn halves(n: usize) -> [std::ops::Range<usize>; 2] {
    [0..n.div_ceil(2), n.div_ceil(2)..n]
}

/// The whole standard error of a test error: over nets, and of a finite test set, e(1 - e)/n.
pub fn whole_error([value, error]: [f64; 2], samples: usize) -> f64 {
    (error * error + value * (1.0 - value) / samples.max(1) as f64).sqrt()
}

/// What was chosen.
#[derive(Clone, Debug)]
pub struct Choice<'a> {
    /// The point of least error.
    pub best: &'a PointResult,
    /// The cheapest of the points that cannot be told from the best.
    pub chosen: &'a PointResult,
    /// All that cannot be told from the best (two standard errors over nets), the chosen one among them.
    pub equal: Vec<&'a PointResult>,
}

/// Training cost of a point's nets: attempts times weights. Times 6 P it counts floating-point operations.
pub fn cost(p: &PointResult) -> f64 {
    p.runs.iter().map(|r| r.steps as f64).sum::<f64>() * p.weights as f64
}

/// Chooses among points where most nets fit, by the ensemble error on the *first* half of the test set alone: the cheapest of
/// those that are within two standard errors (over nets; the test samples are common) of the best. None if nowhere most nets
/// fit.
///
/// The errors by which a point was chosen are too good: the least of many noisy numbers lies below the truth. Quote
/// [`Quote::of`] the same point from nets that [`confirm`] trains for it.
pub fn choose(points: &[PointResult]) -> Option<Choice<'_>> {
    let fit = |p: &&PointResult| 2 * p.fitted() > p.runs.len();
    let error = |p: &PointResult| p.halves[0].ensemble_error;
    let best = points.iter().filter(fit).min_by(|a, b| error(a)[0].total_cmp(&error(b)[0]))?;
    let apart = |p: &PointResult| {
        let ([e, s], [least, t]) = (error(p), error(best));
        e - least > 2.0 * (s * s + t * t).sqrt()
    };
    let equal: Vec<&PointResult> = points.iter().filter(fit).filter(|p| !apart(p)).collect();
    let chosen = equal.iter().copied().min_by(|a, b| cost(a).total_cmp(&cost(b)))?;
    Some(Choice { best, chosen, equal })
}

/// Trains as many nets again at (h, alpha), of numbers S to 2S - 1, which had no part in any choice. Cost: one point.
pub fn confirm(plan: &PlanePlan, data: &Prepared, width: usize, alpha: f64) -> Result<PointResult, Fault> {
    point(plan, data, width, alpha, plan.seeds)
}

/// What to expect of a point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quote {
    /// Width h.
    pub width: usize,
    /// Scale alpha (code convention).
    pub alpha: f64,
    /// Nets averaged.
    pub nets: usize,
    /// Of which fit.
    pub fitted: usize,
    /// Test samples behind the errors.
    pub samples: usize,
    /// Test error of the averaged outputs, and its whole standard error (nets and test set).
    pub ensemble_error: [f64; 2],
    /// Mean test error of single nets, and its whole standard error.
    pub mean_error: [f64; 2],
}

impl Quote {
    /// From the second half of the test set. Unbiased if the point's nets are those of [`confirm`], or if the point was not
    /// chosen by errors; and for the very nets that were trained if it was chosen by [`choose`].
    /// Checked by `the_quoted_error_is_unbiased`.
    pub fn of(p: &PointResult) -> Self {
        let half = &p.halves[1];
        let whole = |e: [f64; 2]| [e[0], whole_error(e, half.samples)];
        Self {
            width: p.width,
            alpha: p.alpha,
            nets: p.runs.len(),
            fitted: p.fitted(),
            samples: half.samples,
            ensemble_error: whole(half.ensemble_error),
            mean_error: whole(half.mean_error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::average::mean;
    use super::*;
    use std::path::Path;

    /// Random labels: every net has a true error of 1/2. Over 100 data sets of 60 test samples, the best of 9 points is, on the
    /// half that it was chosen by, better than 1/2 by more than 5 standard errors; quoted on the other half, and from nets of its
    /// own, it is within 3 standard errors of 1/2.
    #[test]
    fn the_quoted_error_is_unbiased() {
        let (mut chosen_by, mut same_nets, mut quoted) = (Vec::new(), Vec::new(), Vec::new());
        for seed in 0..100 {
            let plan = PlanePlan {
                data: "random".to_owned(),
                components: 3,
                samples: 8,
                kernel: 2,
                test: 60,
                depth: 1,
                seeds: 3,
                steps: 2000,
                seed,
                ..PlanePlan::default()
            };
            let data = plan.data(Path::new(".")).unwrap();
            let grid = [8, 12, 16].into_iter().flat_map(|h| [1.0, 10.0, 100.0].map(|a| (h, a)));
            let points: Vec<PointResult> = grid.map(|(h, a)| point(&plan, &data, h, a, 0).unwrap()).collect();
            // Whether nets fit does not depend on the test labels.
            let Some(chosen) = choose(&points) else { continue };
            let best = chosen.best;
            chosen_by.push(best.halves[0].ensemble_error[0]);
            same_nets.push(Quote::of(best).ensemble_error[0]);
            let fresh = confirm(&plan, &data, best.width, best.alpha).unwrap();
            assert_eq!(fresh.runs.iter().map(|r| r.seed).collect::<Vec<_>>(), [3, 4, 5]);
            assert_ne!(fresh.runs[0].time, best.runs[0].time);
            quoted.push(Quote::of(&fresh).ensemble_error[0]);
        }
        assert!(chosen_by.len() >= 75, "nets fit in {} of 100 sets", chosen_by.len());
        let [biased, error] = mean(&chosen_by);
        assert!(biased < 0.5 - 5.0 * error, "no bias to remove: {biased} +- {error}");
        for unbiased in [same_nets, quoted] {
            let [value, error] = mean(&unbiased);
            assert!((value - 0.5).abs() < 3.0 * error, "{value} +- {error}");
        }
    }
}
