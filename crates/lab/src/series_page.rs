//! The report of a checkpoint series: verdict, findings, two-time curves, directions, groups, the plane of its principal components.

use crate::series::{Analysis, gap, kind, rows};
use glasslab_core::{Dataset, Values};
use glasslab_report::{
    AgingReport, Axis, Block, Color, ColorBar, Curve, Figure, Panel, QuenchView, Table, TimeUnit, Tone, Verdict, plain,
};

/// Groups that are drawn, at most.
const GROUPS: usize = 7;
/// Waiting times that are drawn, at most.
const CURVES: usize = 14;

/// What each number sees, and where it misleads.
const SYMMETRIES: &str = "Displacements count weights, not functions. Multiplying all weights of a layer leaves a network with normalisation \
    layers as it was, and weight decay shrinks weights: both show in Δ as motion, and as drift. The cosine and the angular displacement \
    2(1 − cos) see directions alone: blind to one factor for all weights. The layer-wise angular displacement is blind to a factor for \
    each tensor. Nothing here undoes a permutation of neurons. Drift fraction, path length, tortuosity and effective dimension depend on \
    which checkpoints there are; a free random walk has few dominant components too (the first holds 61 %, effective dimension 2.5).";

/// The page of an analysis, whose plan is `plan`.
pub(crate) fn page(plan: &str, analysis: &Analysis) -> String {
    let summary = &analysis.summary;
    let mut all: Vec<(String, String)> = rows(summary).into_iter().map(|(a, b)| (plain(&a), plain(&b))).collect();
    let problems = match summary.problems() {
        0 => "no problem".to_owned(),
        1 => "1 problem".to_owned(),
        n => format!("{n} problems"),
    };
    all.push(("integrity".to_owned(), problems.clone()));
    let tone = match summary.verdict.as_str() {
        "aging" => Tone::Aging,
        "interrupted aging then diffusion" => Tone::Interrupted,
        "diffusion" => Tone::Diffusion,
        "equilibrium" => Tone::Equilibrium,
        _ => Tone::Unresolved,
    };
    let view = QuenchView {
        label: "checkpoint series".to_owned(),
        data: analysis.records.clone(),
        unit: TimeUnit::Steps,
        energy: "none".to_owned(),
        energy_title: String::new(),
        reference: None,
        landmarks: Vec::new(),
        exact: None,
        relaxation: None,
        verdict: Verdict {
            of: "checkpoint series".to_owned(),
            word: plain(&summary.verdict),
            tone,
            reasons: summary.why.iter().map(|r| plain(r)).collect(),
        },
        rows: all,
    };
    let report = AgingReport {
        title: "A series of checkpoints".to_owned(),
        subtitle: "glasslab series".to_owned(),
        abstract_text: format!(
            "{} checkpoints, {} parameters; integrity: {problems}.",
            summary.checkpoints.len(),
            summary.parameters
        ),
        quenches: vec![view],
        methods: vec![
            format!(
                "Two-time mean-square displacement: Δ(t_w, t_w+t) = (1/N) Σ_i (x_i(t_w+t) − x_i(t_w))^2 over all N compared \
                 parameters, between every pair of checkpoints; differences number by number, {}. Errors: jackknife over eight interleaved \
                 parts of the parameters.",
                match summary.precision {
                    "f64" => "all sums in 64 bits",
                    _ =>
                        "in 32 bits over stretches of at most 1024 parameters, in 64 bits beyond (relative error below 4·10^{-6}, typically 10^{-9})",
                }
            ),
            SYMMETRIES.to_owned(),
        ],
        facts: vec![("glasslab".to_owned(), env!("CARGO_PKG_VERSION").to_owned())],
        plan: Some(plan.to_owned()),
        sources: vec![
            (
                "Baity-Jesi et al. 2018, Comparing dynamics: deep neural networks versus glassy systems".to_owned(),
                "arXiv:1803.06969".to_owned(),
            ),
            (
                "Antognini and Sohl-Dickstein 2018, PCA of high dimensional random walks".to_owned(),
                "arXiv:1806.08805".to_owned(),
            ),
        ],
    };
    let mut page = report.page();
    let figure = Block::Figure(figure(&analysis.records));
    let at = page.blocks.iter().rposition(|b| matches!(b, Block::Figure(_))).map_or(page.blocks.len(), |at| at + 1);
    page.blocks.insert(at, figure);
    let at = page.blocks.iter().position(|b| matches!(b, Block::Verdicts(_))).map_or(0, |at| at + 1);
    page.blocks.splice(at..at, findings(analysis));
    page.html()
}

/// The table of what is wrong or worth knowing.
fn findings(analysis: &Analysis) -> Vec<Block> {
    if analysis.summary.findings.is_empty() {
        return vec![Block::Paragraph("Integrity: nothing found.".to_owned())];
    }
    let rows = analysis.summary.findings.iter().map(|f| {
        let level = if f.problem { "problem" } else { "note" };
        vec![plain(&kind(f)), level.to_owned(), plain(&format!("{}{}{}", f.checkpoint, gap(&f.checkpoint), f.what))]
    });
    let head = ["finding", "level", "what"].map(str::to_owned).to_vec();
    vec![Block::Table(Table { caption: "Integrity of the series".to_owned(), head, rows: rows.collect() })]
}

fn floats(data: &Dataset, name: &str) -> Vec<f64> {
    data.get(name).and_then(|r| r.floats()).unwrap_or_default()
}

/// Directions, groups and the plane of the first two components.
fn figure(data: &Dataset) -> Figure {
    Figure {
        id: "trajectory".to_owned(),
        title: "The trajectory".to_owned(),
        caption: "Left: squared distance of the directions of the weights, 2(1 − cos), against the lag, for waiting times by colour. \
                  Middle: relative displacement from the first checkpoint, |x(t) − x(0)|^2/|x(0)|^2, of the largest groups. Right: \
                  the checkpoints in the plane of their first two principal components, the time by colour."
            .to_owned(),
        panels: vec![directions(data), groups(data), plane(data)],
    }
}

fn panel(title: &str, x: Axis, y: Axis, curves: Vec<Curve>) -> Panel {
    let note = curves.iter().all(|c| c.points.is_empty()).then(|| "not measured".to_owned());
    Panel { title: title.to_owned(), x, y, curves, guides: Vec::new(), colors: None, note }
}

fn directions(data: &Dataset) -> Panel {
    let (times, values) = (floats(data, "time"), floats(data, "angular_msd"));
    let s = times.len();
    let bar = ColorBar {
        title: "t_w".to_owned(),
        low: times.iter().copied().find(|t| *t > 0.0).unwrap_or(1.0),
        high: times.last().copied().unwrap_or(1.0).max(1.0),
    };
    let shown = (0..CURVES.min(s.saturating_sub(1))).map(|i| i * s.saturating_sub(2) / (CURVES.min(s - 1) - 1).max(1));
    let curves = shown.map(|w| {
        let points = (w + 1..s).map(|t| (times[t] - times[w], values[w * s + t])).collect();
        Curve::line(points, bar.color(times[w].max(bar.low))).hinted(format!("t_w = {}", times[w]))
    });
    let mut panel = panel("Directions", Axis::log("lag t (steps)"), Axis::log("2(1 − cos)"), curves.collect());
    panel.colors = Some(bar);
    panel
}

fn groups(data: &Dataset) -> Panel {
    let (times, values, sizes) = (floats(data, "time"), floats(data, "relative_msd_group"), floats(data, "size_group"));
    let s = times.len();
    let names = match data.get("group").map(|r| &r.values) {
        Some(Values::Text(names)) => names.clone(),
        _ => Vec::new(),
    };
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|&a, &b| sizes[b].total_cmp(&sizes[a]).then(a.cmp(&b)));
    order.truncate(GROUPS);
    order.sort_unstable();
    let curves = order.into_iter().enumerate().map(|(k, g)| {
        let points = (1..s).map(|t| (times[t] - times[0], values[g * s * s + t])).collect();
        Curve::line(points, Color::distinct(k)).labelled(plain(&names[g]))
    });
    panel(
        "Groups of tensors",
        Axis::log("lag t since the first (steps)"),
        Axis::log("relative displacement"),
        curves.collect(),
    )
}

fn plane(data: &Dataset) -> Panel {
    let (times, at) = (floats(data, "component_time"), floats(data, "component_position"));
    let s = times.len();
    let explained = floats(data, "explained");
    let share = |c: usize| explained.get(c).map_or(String::new(), |e| format!(" ({:.0} %)", 100.0 * e));
    let bar = ColorBar {
        title: "t".to_owned(),
        low: times.iter().copied().find(|t| *t > 0.0).unwrap_or(1.0),
        high: times.last().copied().unwrap_or(1.0).max(1.0),
    };
    let mut curves = Vec::new();
    if at.len() >= 2 * s && s > 0 {
        let points: Vec<(f64, f64)> = (0..s).map(|t| (at[t], at[s + t])).collect();
        curves.push(Curve { width: 1.0, opacity: 0.5, ..Curve::line(points.clone(), Color::GREY) });
        curves.extend(
            points
                .iter()
                .zip(&times)
                .map(|(p, t)| Curve::marks(vec![*p], bar.color(t.max(bar.low))).hinted(format!("step {t}"))),
        );
    }
    let (x, y) = (format!("component 1{}", share(0)), format!("component 2{}", share(1)));
    let mut panel = panel("Principal components", Axis::linear(x), Axis::linear(y), curves);
    panel.colors = Some(bar);
    panel
}
