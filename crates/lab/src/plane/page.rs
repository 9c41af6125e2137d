//! The report of a map: the map, width scans, variance and kernel change, the jamming line, advice.

use super::find::{Findings, at, column, row};
use super::plan::PlanePlan;
use super::point::PointResult;
use crate::summary::short;
use glasslab_nets::labelled::Prepared;
use glasslab_report::{Axis, Block, Color, ColorBar, Curve, Figure, Guide, Page, Panel, Table, plain};

/// Ends of the cells around values on a logarithmic axis: geometric midpoints.
fn edges(values: &[f64]) -> Vec<f64> {
    let n = values.len();
    let first = if n > 1 { (values[0] / values[1]).sqrt() } else { 0.5 };
    let last = if n > 1 { (values[n - 1] / values[n - 2]).sqrt() } else { 2.0 };
    let between = values.windows(2).map(|w| (w[0] * w[1]).sqrt());
    std::iter::once(values[0] * first).chain(between).chain([values[n - 1] * last]).collect()
}

fn panel(title: &str, x: Axis, y: Axis, curves: Vec<Curve>) -> Panel {
    Panel { title: title.to_owned(), x, y, curves, guides: Vec::new(), colors: None, note: None }
}

fn width_axis() -> Axis {
    Axis::log("width h")
}

fn alpha_axis() -> Axis {
    Axis::log("α (√h times the papers' α)")
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

fn map(plan: &PlanePlan, points: &[PointResult], findings: &Findings) -> Figure {
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
            curve.width = if level == 1.0 { 2.6 } else { 1.6 };
            curves.push(curve);
        }
    }
    let line: Vec<(f64, f64)> = findings.jamming.iter().filter_map(|j| Some((j.width()?, j.alpha))).collect();
    if !line.is_empty() {
        let mut curve = Curve::line(line, Color(0, 0, 0)).hinted("h*");
        (curve.marks, curve.width) = (true, 1.2);
        curves.push(curve);
    }
    let (mut x, mut y) = (width_axis(), alpha_axis());
    x.range = Some((xs[0], xs[xs.len() - 1]));
    y.range = Some((ys[0], ys[ys.len() - 1]));
    let mut panel = panel("ensemble test error", x, y, curves);
    (panel.guides, panel.colors) = (guides, Some(bar));
    let caption = format!(
        "Colour: test error of the outputs of {} nets averaged. Hatched: no net fits within {} attempts (N_Δ > 0). Lines: \
         relative change of the tangent kernel, geometric mean over nets that fit, 10 (white), 1 (red, thick), 0.1 (orange), \
         0.01 (pink); 1 separates feature learning (below) from the lazy regime (above). Black: h*, the geometric mean of the \
         largest width at which no net fits and the next.",
        plan.seeds, plan.steps
    );
    Figure { id: "map".to_owned(), title: "The (h, α) plane".to_owned(), caption, panels: vec![panel] }
}

/// The lowest, middle and highest alpha (fewer if there are fewer).
fn three(alphas: &[f64]) -> Vec<f64> {
    let mut all = vec![alphas[0], alphas[alphas.len() / 2], alphas[alphas.len() - 1]];
    all.dedup();
    all
}

fn scan(plan: &PlanePlan, points: &[PointResult], findings: &Findings) -> Figure {
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
        let line = findings.jamming.iter().find(|j| j.alpha == alpha).and_then(|j| j.width());
        panel.guides.extend(line.map(|x| Guide::Vertical { x, label: "h*".to_owned() }));
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

fn regimes(plan: &PlanePlan, points: &[PointResult]) -> Figure {
    let ends = (plan.widths[0] as f64, plan.widths[plan.widths.len() - 1] as f64);
    let bar = ColorBar { title: "h".to_owned(), low: ends.0, high: ends.1.max(1.5 * ends.0) };
    let change = |&h: &usize| {
        let row = row(points, h);
        let found: Vec<(f64, [f64; 2])> = row.iter().filter_map(|p| Some((p.alpha, p.log_kernel_change()?))).collect();
        let values = found.iter().map(|(a, l)| (*a, l[0].exp())).collect();
        let errors = found.iter().map(|(_, l)| 2.0 * l[1] * l[0].exp()).collect();
        Curve::line(values, bar.color(h as f64)).with_errors(errors).hinted(format!("h = {h}"))
    };
    let mut kernel =
        panel("tangent kernel", alpha_axis(), Axis::log("|Θ − Θ_0|/|Θ_0|"), plan.widths.iter().map(change).collect());
    kernel.colors = Some(bar);
    kernel.guides.push(Guide::Horizontal { y: 1.0, label: "α*".to_owned() });
    let spread = |(k, alpha): (usize, f64)| {
        let column: Vec<_> = column(points, alpha).into_iter().filter(|p| !p.is_jammed()).collect();
        let values = column.iter().map(|p| (p.width as f64, p.variance[0])).collect();
        let errors = column.iter().map(|p| 2.0 * p.variance[1]).collect();
        let mut curve = Curve::line(values, Color::distinct(k)).with_errors(errors);
        curve.marks = true;
        curve.labelled(format!("α = {}", short(alpha)))
    };
    let alphas = three(&plan.alphas);
    let mut variance = panel(
        "fluctuations over initial weights",
        width_axis(),
        Axis::log("Var α(f − f_0)"),
        alphas.iter().copied().enumerate().map(spread).collect(),
    );
    let widest = alphas.last().and_then(|&a| column(points, a).last().map(|p| (p.width as f64, p.variance[0])));
    if let Some(through) = widest.filter(|p| p.1 > 0.0) {
        let span = (through.0 / 4.0, through.0);
        variance.guides.push(Guide::Slope { slope: -1.0, through, span, label: "h^{−1}".to_owned() });
    }
    let unmet = |(k, alpha): (usize, f64)| {
        let column = column(points, alpha);
        let of = |p: &PointResult| -> Vec<f64> { p.runs.iter().map(|r| r.unmet as f64 / p.weights as f64).collect() };
        let values = column.iter().map(|p| (p.weights as f64, super::point::mean(&of(p))[0])).collect();
        let errors = column.iter().map(|p| 2.0 * super::point::mean(&of(p))[1]).collect();
        let mut curve = Curve::line(values, Color::distinct(k)).with_errors(errors);
        curve.marks = true;
        curve.labelled(format!("α = {}", short(alpha)))
    };
    let jamming = panel(
        "unmet margins",
        Axis::log("weights N"),
        Axis::linear("N_Δ/N"),
        alphas.iter().copied().enumerate().map(unmet).collect(),
    );
    Figure {
        id: "regimes".to_owned(),
        title: "Kernel, fluctuations, jamming".to_owned(),
        caption: "Left: change of the tangent kernel between start and end, nets that fit. Middle: variance of the predictor over \
                  nets on the test set, where some net fits. Right: training samples whose margin is not met, per weight. Bars and \
                  bands: two standard errors over nets."
            .to_owned(),
        panels: vec![kernel, variance, jamming],
    }
}

/// The page.
pub(super) fn page(plan: &PlanePlan, data: &Prepared, points: &[PointResult], findings: &Findings) -> Page {
    let interval = |j: &super::JammingPoint| match (j.below, j.above) {
        (Some(a), Some(b)) => format!("between {a} and {b}"),
        (None, Some(b)) => format!("below {b} (the smallest width fits)"),
        (Some(a), None) => format!("above {a} (none fits)"),
        (None, None) => "not resolved".to_owned(),
    };
    let jamming = findings.jamming.iter().map(|j| vec![short(j.alpha), interval(j)]).collect();
    let lazy = |h: usize| findings.lazy.iter().find(|l| l.width == h);
    let crossover = (plan.widths.iter())
        .map(|&h| {
            let star = findings.crossover.iter().find(|c| c.width == h);
            vec![
                h.to_string(),
                star.map_or("not resolved".to_owned(), |c| {
                    format!(
                        "{} (from {} to {})",
                        short(c.alpha),
                        short(c.alpha / c.factor.powi(2)),
                        short(c.alpha * c.factor.powi(2))
                    )
                }),
                lazy(h).map_or("not resolved".to_owned(), |l| format!("{:.2} ± {:.2}", l.slope[0], 2.0 * l.slope[1])),
            ]
        })
        .collect();
    let sources = glasslab_nets::plane::CITATIONS.iter().map(|c| (c.text.to_owned(), c.locator.to_owned())).collect();
    let head = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
    Page {
        title: format!("The (h, α) plane of {}", plain(&plan.data)),
        subtitle: plain(&format!(
            "glasslab plane: {} hidden layers, {}, {}, P = {}, {} nets a point, gradient flow in f64",
            plan.depth,
            plan.activation,
            plan.loss,
            data.train.len(),
            plan.seeds
        )),
        abstract_text: plain(&findings.advice.join(" ")),
        blocks: vec![
            Block::Figure(map(plan, points, findings)),
            Block::Figure(scan(plan, points, findings)),
            Block::Figure(regimes(plan, points)),
            Block::Table(Table {
                caption: "The jamming line h*(α): no net fits at the first width, some at the second".to_owned(),
                head: head(&["α", "h*"]),
                rows: jamming,
            }),
            Block::Table(Table {
                caption: "The crossover α*(h), where the kernel changes by itself, with two standard errors; and \
                          d ln(kernel change)/d ln α in the lazy regime (change below 0.1)"
                    .to_owned(),
                head: head(&["h", "α*", "lazy slope"]),
                rows: crossover,
            }),
            Block::Paragraph(plain(&format!("Data: {}.", data.about))),
            Block::Listing { title: "The plan".to_owned(), text: plan.to_toml() },
            Block::Heading("Sources".to_owned()),
            Block::Bibliography(sources),
        ],
        footer: format!("Made by glasslab {}. This file needs no network.", env!("CARGO_PKG_VERSION")),
    }
}
