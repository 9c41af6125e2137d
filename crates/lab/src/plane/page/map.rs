//! The map: ensemble error as colour, where no net fits, lines of equal kernel change, the jamming line, what is recommended.

use super::super::find::{Findings, at, row};
use super::super::plan::PlanePlan;
use super::super::point::PointResult;
use super::{alpha_axis, panel, width_axis};
use crate::summary::short;
use glasslab_report::{Color, ColorBar, Curve, Figure, Guide};

/// Ends of the cells around values on a logarithmic axis: geometric midpoints.
fn edges(values: &[f64]) -> Vec<f64> {
    let n = values.len();
    let first = if n > 1 { (values[0] / values[1]).sqrt() } else { 0.5 };
    let last = if n > 1 { (values[n - 1] / values[n - 2]).sqrt() } else { 2.0 };
    let between = values.windows(2).map(|w| (w[0] * w[1]).sqrt());
    std::iter::once(values[0] * first).chain(between).chain([values[n - 1] * last]).collect()
}

/// Where ln(kernel change) passes ln(level) along each row.
fn contour(plan: &PlanePlan, points: &[PointResult], level: f64) -> Vec<(f64, f64)> {
    let one = |&h: &usize| {
        let row: Vec<(f64, f64)> = (row(points, h).iter())
            .filter_map(|p| Some((p.alpha.ln(), p.log_kernel_change()?[0] - level.ln())))
            .collect();
        let crossing = row.windows(2).rev().find(|w| w[0].1 > 0.0 && w[1].1 <= 0.0);
        let alpha = crossing.map_or(f64::NAN, |w| {
            let part = w[0].1 / (w[0].1 - w[1].1);
            (w[0].0 + part * (w[1].0 - w[0].0)).exp()
        });
        (h as f64, alpha)
    };
    plan.widths.iter().map(one).collect()
}

pub(super) fn map(plan: &PlanePlan, points: &[PointResult], findings: &Findings) -> Figure {
    let widths: Vec<f64> = plan.widths.iter().map(|&h| h as f64).collect();
    let (xs, ys) = (edges(&widths), edges(&plan.alphas));
    let errors = points.iter().map(|p| p.ensemble_error[0]).filter(|e| *e > 0.0);
    let (low, high) = errors.fold((f64::MAX, 0.0_f64), |(a, b), e| (a.min(e), b.max(e)));
    let bar = ColorBar { title: "error".to_owned(), low: low.min(0.5), high: high.max(1.2 * low.min(0.5)) };
    let mut guides = Vec::new();
    for (i, &h) in plan.widths.iter().enumerate() {
        for (j, &alpha) in plan.alphas.iter().enumerate() {
            let Some(p) = at(points, h, alpha) else { continue };
            let hint = format!(
                "h = {h}, alpha = {}: ensemble error {:.2} %, mean {:.2} %, {} of {} nets fit",
                short(alpha),
                100.0 * p.ensemble_error[0],
                100.0 * p.mean_error[0],
                p.fitted(),
                p.runs.len()
            );
            let (x, y) = ((xs[i], xs[i + 1]), (ys[j], ys[j + 1]));
            guides.push(Guide::Cell { x, y, color: bar.color(p.ensemble_error[0]), hatched: p.is_jammed(), hint });
        }
    }
    // Invisible: the measured points span the axes.
    let mut span =
        Curve::line(widths.iter().flat_map(|&h| plan.alphas.iter().map(move |&a| (h, a))).collect(), Color::INK);
    span.width = 0.0;
    let mut curves = vec![span];
    for (k, level) in [10.0, 1.0, 0.1, 0.01].into_iter().enumerate() {
        let line = contour(plan, points, level);
        if line.iter().any(|p| p.1.is_finite()) {
            let color = [Color(255, 255, 255), Color(213, 94, 0), Color(230, 159, 0), Color(204, 121, 167)][k];
            let mut curve = Curve::line(line, color).hinted(format!("kernel change {level}"));
            curve.width = if level == 1.0 { 3.0 } else { 1.6 };
            // A legend hides cells: the others are named in the caption.
            curve.label = (level == 1.0).then(|| format!("|ΔΘ|/|Θ_0| = {level}"));
            curves.push(curve);
        }
    }
    let line: Vec<(f64, f64)> = findings.jamming.iter().filter_map(|j| Some((j.star?.width, j.alpha))).collect();
    if !line.is_empty() {
        let mut curve = Curve::line(line, Color(0, 0, 0)).hinted("h*").labelled("h*");
        (curve.marks, curve.width) = (true, 1.2);
        curves.push(curve);
    }
    if let Some(quote) = &findings.quote {
        let place = vec![(quote.width as f64, quote.alpha)];
        curves.push(Curve::marks(place, Color(220, 20, 60)).hinted("recommended").labelled("recommended"));
    }
    let (mut x, mut y) = (width_axis(), alpha_axis());
    x.range = Some((xs[0], xs[xs.len() - 1]));
    y.range = Some((ys[0], ys[ys.len() - 1]));
    let mut panel = panel("ensemble test error", x, y, curves);
    (panel.guides, panel.colors) = (guides, Some(bar));
    let caption = format!(
        "Colour: test error of the outputs of {} nets averaged. Hatched: no net fits within {} attempts (N_Δ > 0). Lines: \
         relative change of the tangent kernel, geometric mean over nets that fit, 10 (white), 1 (red, thick), 0.1 (orange), \
         0.01 (pink); 1 separates feature learning (below) from the lazy regime (above). Black: h*, where half of \
         the nets fit. Red disc: the recommended point.",
        plan.seeds, plan.steps
    );
    Figure { id: "map".to_owned(), title: "The (h, α) plane".to_owned(), caption, panels: vec![panel] }
}
