//! What tells the regimes apart: tangent kernel, weights, fluctuations over initial weights, unmet margins.

use super::super::average::mean;
use super::super::find::{column, row};
use super::super::plan::PlanePlan;
use super::super::point::{End, PointResult, RunResult};
use super::{alpha_axis, panel, three, width_axis};
use crate::summary::short;
use glasslab_report::{Axis, Color, ColorBar, Curve, Figure, Guide, Panel};

/// The colours of widths.
fn colors(plan: &PlanePlan) -> ColorBar {
    let (low, high) = (plan.widths[0] as f64, plan.widths[plan.widths.len() - 1] as f64);
    ColorBar { title: "h".to_owned(), low, high: high.max(1.5 * low) }
}

/// A quantity of fitted nets against alpha, one curve a width: mean and two standard errors over nets; on a logarithmic axis of
/// logarithms.
fn against_alpha(
    plan: &PlanePlan,
    points: &[PointResult],
    logarithmic: bool,
    of: &dyn Fn(&PointResult, &RunResult) -> f64,
) -> Vec<Curve> {
    let bar = colors(plan);
    let curve = |&h: &usize| {
        let (mut values, mut errors) = (Vec::new(), Vec::new());
        for p in row(points, h).into_iter().filter(|p| p.fitted() >= p.runs.len().min(2)) {
            let nets: Vec<f64> = p.runs.iter().filter(|r| r.end == End::Fitted).map(|r| of(p, r)).collect();
            if logarithmic {
                let [m, e] = mean(&nets.iter().map(|v| v.ln()).collect::<Vec<_>>());
                values.push((p.alpha, m.exp()));
                errors.push(2.0 * e * m.exp());
            } else {
                let [m, e] = mean(&nets);
                values.push((p.alpha, m));
                errors.push(2.0 * e);
            }
        }
        let mut curve = Curve::line(values, bar.color(h as f64)).with_errors(errors).hinted(format!("h = {h}"));
        // A single alpha makes no line.
        curve.marks = plan.alphas.len() == 1;
        curve
    };
    plan.widths.iter().map(curve).collect()
}

/// The law alpha^-1 over the last two decades of the rightmost points of curves, below them.
fn inverse(curves: &[Curve]) -> Option<Guide> {
    let last = |c: &Curve| c.points.iter().copied().rfind(|p| p.1 > 0.0 && p.1.is_finite());
    let (x, y) = curves.iter().filter_map(last).min_by(|a, b| a.1.total_cmp(&b.1))?;
    let through = (x, 0.4 * y);
    Some(Guide::Slope { slope: -1.0, through, span: (x / 100.0, x), label: "α^{−1}".to_owned() })
}

/// Tangent kernel: change, alignment with the labels, the labels' part in the top eigenvectors.
pub(super) fn kernel(plan: &PlanePlan, points: &[PointResult]) -> Figure {
    let changes = against_alpha(plan, points, true, &|_, r| r.kernel_change);
    let slope = inverse(&changes);
    let mut change = panel("relative change", alpha_axis(), Axis::log("|Θ − Θ_0|/|Θ_0|"), changes);
    change.colors = Some(colors(plan));
    change.guides.push(Guide::Horizontal { y: 1.0, label: "α*".to_owned() });
    change.guides.extend(slope);
    let start = |of: &dyn Fn(&PointResult, &RunResult) -> f64| -> f64 {
        let widest: Vec<f64> = points
            .iter()
            .filter(|p| Some(&p.width) == plan.widths.last())
            .flat_map(|p| p.runs.iter().map(|r| of(p, r)))
            .collect();
        mean(&widest)[0]
    };
    let both =
        |title: &str, axis: &str, before: &dyn Fn(&RunResult) -> f64, after: &dyn Fn(&RunResult) -> f64| -> Panel {
            let curves = against_alpha(plan, points, false, &|_, r| after(r));
            let mut panel = panel(title, alpha_axis(), Axis::linear(axis), curves);
            panel.colors = Some(colors(plan));
            panel.guides.push(Guide::Horizontal { y: start(&|_, r| before(r)), label: "start, widest".to_owned() });
            panel
        };
    let part = |spectrum: &[[f64; 2]]| spectrum.iter().map(|s| s[1]).sum::<f64>();
    let kept = super::super::EIGENVALUES.min(plan.kernel);
    Figure {
        id: "kernel".to_owned(),
        title: "The tangent kernel".to_owned(),
        caption: format!(
            "Θ = J J^T on {} samples apart from training and test set, raw sum over all weights. Left: relative change from start to \
             end, Frobenius norms, geometric mean over nets. Middle: alignment with the labels y^T Θ y/(|Θ||y|^2) at the end. Right: \
             the part of |y|^2 in the {kept} eigenvectors of largest eigenvalue, at the end. Dashed: at the start, for the widest net. \
             Nets that fit; bands: two standard errors over nets.",
            plan.kernel
        ),
        panels: vec![
            change,
            both("alignment with the labels", "y^T Θ y/(|Θ||y|^2)", &|r| r.alignment[0], &|r| r.alignment[1]),
            both("labels in the top eigenvectors", "part of |y|^2", &|r| part(&r.spectrum[0]), &|r| {
                part(&r.spectrum[1])
            }),
        ],
    }
}

/// Fluctuations over initial weights, against h and collapsed; displacement of the weights.
pub(super) fn fluctuations(plan: &PlanePlan, points: &[PointResult]) -> Figure {
    let alphas = three(&plan.alphas);
    let spread = |(k, &alpha): (usize, &f64)| {
        let column = column(points, alpha);
        let values = column.iter().map(|p| (p.width as f64, p.variance[0])).collect();
        let errors = column.iter().map(|p| 2.0 * p.variance[1]).collect();
        let mut curve = Curve::line(values, Color::distinct(k)).with_errors(errors);
        curve.marks = true;
        curve.labelled(format!("α = {}", short(alpha)))
    };
    let curves: Vec<Curve> = alphas.iter().enumerate().map(spread).collect();
    let lowest = curves.iter().filter_map(|c| c.points.last().copied()).filter(|p| p.1 > 0.0);
    let lowest = lowest.min_by(|a, b| a.1.total_cmp(&b.1));
    let mut variance = panel("variance against width", width_axis(), Axis::log("Var α(f − f_0)"), curves);
    if let Some((x, y)) = lowest {
        let (through, span) = ((x, 0.6 * y), (x / 4.0, x));
        variance.guides.push(Guide::Slope { slope: -1.0, through, span, label: "h^{−1}".to_owned() });
    }
    let bar = colors(plan);
    let collapse = |&h: &usize| {
        let row: Vec<_> = row(points, h).into_iter().filter(|p| 2 * p.fitted() > p.runs.len()).collect();
        let values = row.iter().map(|p| (p.alpha, h as f64 * p.variance[0])).collect();
        let errors = row.iter().map(|p| 2.0 * h as f64 * p.variance[1]).collect();
        let mut curve = Curve::line(values, bar.color(h as f64)).with_errors(errors).hinted(format!("h = {h}"));
        curve.marks = plan.alphas.len() == 1;
        curve
    };
    let curves = plan.widths.iter().map(collapse).collect();
    let mut collapsed = panel("h times the variance", alpha_axis(), Axis::log("h Var α(f − f_0)"), curves);
    collapsed.colors = Some(colors(plan));
    let moves = against_alpha(plan, points, true, &|_, r| r.moved);
    let slope = inverse(&moves);
    let mut moved = panel("displacement of the weights", alpha_axis(), Axis::log("√h |w − w_0|/|w_0|"), moves);
    moved.colors = Some(colors(plan));
    moved.guides.extend(slope);
    Figure {
        id: "fluctuations".to_owned(),
        title: "Fluctuations over initial weights, displacement of the weights".to_owned(),
        caption: format!(
            "Left, middle: Var = 1/(S − 1) Σ_s mean_x [α(f_s − mean f)]^2 over the S = {} nets of a point and the test set (of α(f − \
             f_0): scaled by α^2), left at all widths, middle where most nets fit; bars and bands: two jackknife standard errors over \
             nets. Right: over all weights, at the end; geometric mean over nets that fit.",
            plan.seeds
        ),
        panels: vec![variance, collapsed, moved],
    }
}

/// Unmet margins per weight; with one hidden layer and synthetic data the amplification of the first direction.
pub(super) fn margins(plan: &PlanePlan, points: &[PointResult]) -> Figure {
    let alphas = three(&plan.alphas);
    let unmet = |(k, &alpha): (usize, &f64)| {
        let column = column(points, alpha);
        let of = |p: &PointResult| mean(&p.runs.iter().map(|r| r.unmet as f64 / p.weights as f64).collect::<Vec<_>>());
        let values = column.iter().map(|p| (p.weights as f64, of(p)[0])).collect();
        let errors = column.iter().map(|p| 2.0 * of(p)[1]).collect();
        let mut curve = Curve::line(values, Color::distinct(k)).with_errors(errors);
        curve.marks = true;
        curve.labelled(format!("α = {}", short(alpha)))
    };
    let curves = alphas.iter().enumerate().map(unmet).collect();
    let mut panels = vec![panel("unmet margins", Axis::log("weights N"), Axis::linear("N_Δ/N"), curves)];
    let mut caption =
        "Left: training samples whose margin is not met, per weight; bars: two standard errors over nets.".to_owned();
    if plan.depth == 1 && ["stripe", "cylinder"].contains(&plan.data.as_str()) {
        let curves = against_alpha(plan, points, false, &|_, r| r.amplification[1]);
        let mut one = panel("amplification of the first direction", alpha_axis(), Axis::log("Λ"), curves);
        one.colors = Some(colors(plan));
        one.guides.push(Guide::Horizontal { y: 1.0, label: "none".to_owned() });
        panels.push(one);
        caption += " Right: Λ at the end, the RMS over neurons of the weights of the first input over the mean of the RMS of the \
                    others'; nets that fit.";
    }
    Figure { id: "margins".to_owned(), title: "Jamming".to_owned(), caption, panels }
}
