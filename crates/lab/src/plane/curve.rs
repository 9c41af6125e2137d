//! N*(P): the least number of weights that fits, at several numbers of training samples.

use super::find::jamming;
use super::plan::PlanePlan;
use super::point::PointResult;
use super::refine::next_width;
use super::star::Star;
use super::{compute, refuse};
use crate::error::LabError;
use crate::jamming::Line;
use crate::run::Watch;
use crate::study::Study;
use glasslab_core::{Complaint, Fault};
use glasslab_nets::labelled::Prepared;
use serde::Serialize;
use std::path::Path;

/// h* and N* at one P.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Training samples P.
    pub samples: usize,
    /// h*, where half of the nets fit; None if it was not confined.
    pub star: Option<Star>,
    /// N(h*), and N at the ends of the interval of h*.
    pub weights: Option<[f64; 3]>,
    /// Nets trained for it.
    pub nets: usize,
}

/// N* against P at one alpha.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CurveLine {
    /// Scale alpha.
    pub alpha: f64,
    /// The points.
    pub points: Vec<CurvePoint>,
    /// N* = c P^slope through the points that are known, at least two; their errors are those of normal laws with the intervals of h*.
    pub line: Option<Line>,
}

/// Most widths at one P.
const MOST: usize = 14;

/// Widths beyond this are not tried.
const WIDEST: usize = 2048;

/// Intervals of [`super::CONFIDENCE`] are this many standard deviations of a normal law wide, to either side.
const DEVIATIONS: f64 = 1.645;

/// N of a net of width h, whole or not.
fn weights(inputs: usize, depth: usize, h: f64) -> f64 {
    h * (inputs as f64 + (depth as f64 - 1.0) * h + 1.0)
}

/// The next width at which nets are trained, until h* is confined: first where N is about P/4, from there by factors of 3/2 until
/// fewer than half fit on one side and more than half on the other, then where [`next_width`] asks.
fn wanted(points: &[PointResult], alpha: f64, first: usize) -> Option<usize> {
    if points.len() >= MOST {
        return None;
    }
    let (Some(least), Some(most)) = (points.iter().min_by_key(|p| p.width), points.iter().max_by_key(|p| p.width))
    else {
        return Some(first);
    };
    if 2 * most.fitted() <= most.runs.len() {
        return Some(most.width + most.width.div_ceil(2)).filter(|&h| h <= WIDEST);
    }
    if 2 * least.fitted() >= least.runs.len() {
        return Some(2 * least.width / 3).filter(|&h| h >= 1);
    }
    next_width(points, alpha)
}

/// Every P of the plan's curve as a plan with its data, before anything is trained: a P that the data do not have is refused at once.
pub(super) fn prepared(plan: &PlanePlan, folder: &Path) -> Result<Vec<(PlanePlan, Prepared)>, LabError> {
    let one = |&samples: &usize| {
        let at = PlanePlan { samples, ..plan.clone() };
        let of_curve = |c: Complaint| Complaint::new("curve", samples, format!("{} = {}: {}", c.field, c.value, c.fix));
        let data = at.data(folder).map_err(|fault| match fault {
            Fault::Input(complaints) => refuse(Fault::Input(complaints.into_iter().map(of_curve).collect())),
            fault => refuse(fault),
        })?;
        Ok((at, data))
    };
    plan.curve.iter().map(one).collect()
}

/// h* at every P, at the middle alpha, from points in the study or trained; None if there is no P.
pub(super) fn curve(
    plans: &[(PlanePlan, Prepared)],
    study: &Study,
    watch: &mut dyn Watch,
) -> Result<Option<CurveLine>, LabError> {
    let Some((first, _)) = plans.first() else { return Ok(None) };
    let alpha = first.alphas[first.alphas.len() / 2];
    let mut found = Vec::new();
    for (plan, data) in plans {
        let (samples, inputs) = (plan.samples, data.train.inputs);
        let enough = |h: &usize| 4.0 * weights(inputs, plan.depth, *h as f64) >= samples as f64;
        let first = (1..WIDEST).find(enough).unwrap_or(WIDEST);
        let mut points: Vec<PointResult> = Vec::new();
        while let Some(h) = wanted(&points, alpha, first) {
            let title = format!("N*(P = {samples}), h = {h}");
            points.extend(compute(plan, data, study, &[(h, alpha)], 0, &title, watch)?);
        }
        let star = jamming(&points, alpha).star;
        let weights = star.map(|s| [s.width, s.interval[0], s.interval[1]].map(|h| weights(inputs, plan.depth, h)));
        found.push(CurvePoint { samples, star, weights, nets: points.iter().map(|p| p.runs.len()).sum() });
    }
    let logs: Vec<(f64, f64, f64)> = (found.iter())
        .filter_map(|p| {
            let [middle, low, high] = p.weights?;
            Some(((p.samples as f64).ln(), middle.ln(), (high / low).ln() / (2.0 * DEVIATIONS)))
        })
        .collect();
    Ok(Some(CurveLine { alpha, points: found, line: Line::through(&logs) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::find::tests::point;

    /// Nets fit from a hidden width on, surely: from any first width, h* is confined to that step, by few widths, each tried once.
    #[test]
    fn a_hidden_width_is_found_from_either_side() {
        for hidden in [1, 2, 7, 20, 133] {
            for first in [1, 5, 40, 300] {
                let mut points: Vec<PointResult> = Vec::new();
                while let Some(h) = wanted(&points, 1.0, first) {
                    assert!(points.iter().all(|p| p.width != h), "{h} twice");
                    points.push(point(h, 1.0, if h >= hidden { 5 } else { 0 }, 0.1, 0.1));
                }
                match jamming(&points, 1.0).star {
                    Some(s) => {
                        let off = (s.width / (hidden as f64 - 0.5)).ln().abs();
                        assert!(off < 0.06 || off * hidden as f64 <= 0.6, "{hidden} from {first}: {s:?}");
                    }
                    None => assert_eq!(hidden, 1, "from {first}: {points:?}"),
                }
            }
        }
        let never = |points: &[PointResult]| wanted(points, 1.0, 2);
        let mut points = Vec::new();
        while let Some(h) = never(&points) {
            points.push(point(h, 1.0, 0, 0.1, 0.1));
        }
        assert!(points.len() <= MOST, "nothing fits, and that ends");
    }
}
