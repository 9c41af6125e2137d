//! Width scans: mean error of single nets against the error of their averaged outputs.

use super::super::find::{Findings, column};
use super::super::plan::PlanePlan;
use super::super::point::PointResult;
use super::{panel, three, width_axis};
use crate::summary::short;
use glasslab_report::{Axis, Color, Curve, Figure, Guide};

pub(super) fn scan(plan: &PlanePlan, points: &[PointResult], findings: &Findings) -> Figure {
    let one = |alpha: f64| {
        let column = column(points, alpha);
        let curve = |of: fn(&PointResult) -> [f64; 2], color: usize, label: &str| {
            let values: Vec<(f64, f64)> = column.iter().map(|p| (p.width as f64, 100.0 * of(p)[0])).collect();
            let errors = column.iter().map(|p| 200.0 * of(p)[1]).collect();
            let mut curve = Curve::line(values, Color::distinct(color)).with_errors(errors).labelled(label);
            curve.marks = true;
            curve
        };
        let mut mean = curve(|p| p.mean_error, 1, "mean of single nets");
        mean.dashed = true;
        let ensemble = curve(|p| p.ensemble_error, 0, "ensemble");
        let mut panel =
            panel(&format!("α = {}", short(alpha)), width_axis(), Axis::linear("test error, %"), vec![mean, ensemble]);
        let line = findings.jamming.iter().find(|j| j.alpha == alpha).and_then(|j| j.star);
        panel.guides.extend(line.map(|s| Guide::Vertical { x: s.width, label: "h*".to_owned() }));
        panel
    };
    Figure {
        id: "width".to_owned(),
        title: "Width scans".to_owned(),
        caption: "Mean error of single nets and error of the averaged outputs. Bars: two standard errors over nets (jackknife for \
                  the ensemble); the finite test set is common to all points and not in them."
            .to_owned(),
        panels: three(&plan.alphas).into_iter().map(one).collect(),
    }
}
