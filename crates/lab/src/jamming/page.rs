//! The report of a study: the jump of N_Delta/N, N* against P, gaps, the way there, Hessians.

use super::find::{self, Findings, NEGATIVE, POSITIVE};
use super::net::{BINS, End, NetResult};
use super::plan::JammingPlan;
use super::records::pooled;
use crate::summary::short;
use glasslab_core::sum::mean_and_error;
use glasslab_report::{Axis, Block, Color, Curve, Figure, Guide, Page, Panel, Table, plain};

fn panel(title: &str, x: Axis, y: Axis, curves: Vec<Curve>, guides: Vec<Guide>) -> Panel {
    Panel { title: title.to_owned(), x, y, curves, guides, colors: None, note: None }
}

fn figure(id: &str, title: &str, caption: &str, panels: Vec<Panel>) -> Block {
    Block::Figure(Figure { id: id.to_owned(), title: title.to_owned(), caption: caption.to_owned(), panels })
}

/// N_Delta/N and the part that fits against P/N; the width of the transition against N.
fn transition(plan: &JammingPlan, nets: &[NetResult], findings: &Findings) -> Block {
    let (mut unmet, mut fits, mut thresholds) = (Vec::new(), Vec::new(), Vec::new());
    for (k, t) in findings.thresholds.iter().enumerate() {
        let (color, label) = (Color::distinct(k), format!("N = {}", t.effective));
        let scan = find::scanned(plan, nets, t.hidden);
        let x = |some: &[&NetResult]| some[0].samples as f64 / t.effective as f64;
        // Each net a mark; the mean a line.
        let all = scan.iter().flat_map(|(_, some)| some.iter().map(|n| (x(some), n.unmet_part())));
        let mut cloud = Curve::marks(all.collect(), color);
        cloud.opacity = 0.6;
        let mean = scan.iter().map(|(_, s)| (x(s), mean_and_error(s.iter().map(|n| n.unmet_part())).0)).collect();
        unmet.push(cloud);
        unmet.push(Curve::line(mean, color).labelled(label.clone()));
        let part = |s: &[&NetResult]| s.iter().filter(|n| n.end == End::Fitted).count() as f64 / s.len() as f64;
        let bar = |s: &[&NetResult]| (part(s) * (1.0 - part(s)) / s.len() as f64).sqrt();
        let curve = Curve::line(scan.iter().map(|(_, s)| (x(s), part(s))).collect(), color);
        let mut curve = curve.with_errors(scan.iter().map(|(_, s)| bar(s)).collect()).labelled(label);
        curve.marks = true;
        fits.push(curve);
        thresholds.extend(t.ratio.map(|r| Guide::Vertical { x: r[0], label: String::new() }));
    }
    let widths: Vec<(f64, [f64; 2])> =
        findings.thresholds.iter().filter_map(|t| Some((t.effective as f64, t.width?))).collect();
    let curve = Curve::marks(widths.iter().map(|w| (w.0, w.1[0])).collect(), Color::distinct(0));
    let curve = curve.with_errors(widths.iter().map(|w| w.1[1]).collect());
    let slope = findings.sharpening.zip(widths.first()).map(|(s, first)| Guide::Slope {
        slope: s[0],
        through: (first.0, first.1[0]),
        span: (first.0, widths[widths.len() - 1].0),
        label: short(s[0]),
    });
    let ratio = || Axis::linear("P/N");
    let panels = vec![
        panel("unmet margins", ratio(), Axis::linear("N_Δ/N"), unmet, vec![]),
        panel("nets that fit", ratio(), Axis::linear("part of nets with N_Δ = 0"), fits, thresholds),
        panel(
            "width of the transition",
            Axis::log("N"),
            Axis::log("deviation of P/N"),
            vec![curve],
            slope.into_iter().collect(),
        ),
    ];
    let caption = "Left: every mark is a net, lines are means: N_Δ/N is 0 or of order 1, with nothing between. Middle: part of the nets \
                   that meet all margins, one standard error; vertical lines: mean threshold. Right: standard deviation of the \
                   threshold over nets, one standard error (bootstrap, and the spacing of P/N).";
    figure("transition", "The transition", caption, panels)
}

/// N* against P.
fn line(plan: &JammingPlan, nets: &[NetResult], findings: &Findings) -> Block {
    let points: Vec<(f64, f64)> = findings.points.iter().map(|p| (p.samples as f64, p.weights)).collect();
    let measured = Curve::marks(points.clone(), Color::distinct(0))
        .with_errors(findings.points.iter().map(|p| 2.0 * p.error * p.weights).collect())
        .labelled("N*, two standard errors");
    let mut guides = Vec::new();
    if let (Some(line), Some(first), Some(last)) = (&findings.line, points.first(), points.last()) {
        let at = |p: f64| line.at(p);
        let label = format!("slope {} ± {}", short(line.slope[0]), short(line.slope[1]));
        guides.push(Guide::Slope {
            slope: line.slope[0],
            through: (first.0, at(first.0)),
            span: (first.0, last.0),
            label,
        });
        // Beside the points, over the upper half of the span, so that they stay in the panel.
        let span = ((first.0 * last.0).sqrt(), last.0);
        let mut beside = |slope: f64, factor: f64, label: &str| {
            guides.push(Guide::Slope { slope, through: (last.0, at(last.0) / factor), span, label: label.to_owned() });
        };
        beside(0.75, 1.3, "3/4");
        beside(1.0, 1.7, "1");
    }
    let tried = |(k, &p): (usize, &usize)| {
        let some = nets.iter().filter(|n| n.samples == p);
        Curve::marks(some.map(|n| (n.effective as f64, n.unmet_part())).collect(), Color::distinct(k))
            .labelled(format!("P = {p}"))
    };
    // Bars at the ends are not to lie on the frame.
    let range = points.first().zip(points.last()).map(|(a, b)| (a.0 / 1.25, b.0 * 1.25));
    let mut panels = vec![
        panel("least weights that fit", Axis { range, ..Axis::log("P") }, Axis::log("N*"), vec![measured], guides),
        panel(
            "nets of the bisection",
            Axis::log("N"),
            Axis::linear("N_Δ/N"),
            plan.samples.iter().enumerate().map(tried).collect(),
            vec![],
        ),
    ];
    if nets.iter().any(|n| n.test_error.is_some()) {
        let tested = |(k, &p): (usize, &usize)| {
            let star = findings.points.iter().find(|f| f.samples == p).map_or(f64::NAN, |f| f.weights);
            let some = nets.iter().filter(|n| n.samples == p);
            let at = |n: &NetResult| (n.effective as f64 / star, 100.0 * n.test_error.unwrap_or(f64::NAN));
            Curve::marks(some.map(at).collect(), Color::distinct(k)).labelled(format!("P = {p}"))
        };
        let curves = plan.samples.iter().enumerate().map(tested).collect();
        let guides = vec![Guide::Vertical { x: 1.0, label: "N*".to_owned() }];
        panels.push(panel("test error", Axis::log("N/N*"), Axis::linear("test error, %"), curves, guides));
    }
    let caption =
        "N*: geometric mean of the N of the widest net that jams and of the next, which fits; mean over nets.";
    figure("line", "N* against P", caption, panels)
}

/// Smallest gaps that are drawn.
const SHOWN: f64 = 1e-5;

/// P(Delta) on both sides, and N_Delta along some runs.
fn gaps(plan: &JammingPlan, nets: &[NetResult], findings: &Findings) -> Block {
    let verge = find::marginal(plan, nets, &findings.thresholds);
    let density = |of: fn(&NetResult) -> &Vec<(i32, u64)>| -> Vec<(f64, f64, f64)> {
        let counts = pooled(&verge, of);
        let all: f64 = counts.iter().map(|c| c.1).sum();
        let step = 10_f64.powf(0.5 / BINS) - 10_f64.powf(-0.5 / BINS);
        // Few gaps are much smaller than the span of the fit: one or two in a bin say nothing, and hide the rest.
        let density = |(v, c): &(f64, f64)| (*v, c / (all * v * step), c.sqrt() / (all * v * step));
        counts.iter().filter(|(v, c)| *v > SHOWN && *c > 2.0).map(density).collect()
    };
    let one =
        |title: &str, x: &str, of: fn(&NetResult) -> &Vec<(i32, u64)>, exponent: Option<f64>, window: (f64, f64)| {
            let points = density(of);
            let middle =
                points.iter().filter(|p| p.0 > window.0 && p.0 < window.1).map(|p| (p.0, p.1)).collect::<Vec<_>>();
            let guide = exponent.zip(middle.get(middle.len() / 2).copied()).map(|(slope, through)| Guide::Slope {
                slope,
                through,
                span: window,
                label: short(slope),
            });
            let curve = Curve::marks(points.iter().map(|p| (p.0, p.1)).collect(), Color::distinct(0))
                .with_errors(points.iter().map(|p| p.2).collect());
            panel(title, Axis::log(x), Axis::log("P(Δ)"), vec![curve], guide.into_iter().collect())
        };
    let way = |(k, n): (usize, &&NetResult)| {
        let points = n.course.iter().map(|c| (c.0 as f64, c.1 as f64 / n.effective as f64)).collect();
        let color = if n.end == End::Fitted { Color::distinct(2) } else { Color::distinct(1) };
        let mut curve = Curve::line(points, color).hinted(format!("N = {}, P = {}", n.effective, n.samples));
        curve.width = 0.9;
        if k < 40 { Some(curve) } else { None }
    };
    // The runs of the largest networks at the verge, both ends.
    let mut last: Vec<&NetResult> = nets.iter().collect();
    last.sort_by_key(|n| (std::cmp::Reverse(n.effective * n.samples), n.net));
    let ways: Vec<Curve> = last.iter().enumerate().filter_map(way).collect();
    let panels = vec![
        one("unmet margins", "Δ/√E", |n| &n.positive, findings.theta.map(|t| t[0]), POSITIVE),
        one("met margins", "−Δ", |n| &n.negative, findings.gamma.map(|g| -g[0]), NEGATIVE),
        panel("on the way", Axis::log("steps"), Axis::log("N_Δ/N"), ways, vec![]),
    ];
    let caption = format!(
        "Gaps Δ = 1 − y f of the {} jammed nets nearest to the transition, bars: root of the counts; lines: power laws fitted to the span \
         that they are drawn over (maximum likelihood). Right: N_Δ/N along the runs of the largest P N; green ones fit in the end, orange ones jam.",
        verge.len()
    );
    figure("gaps", "Gaps at the transition", &caption, panels)
}

fn hessians(nets: &[NetResult]) -> Option<Block> {
    let head =
        ["N", "P/N", "net", "N_Δ/N", "rank H_0", "N_−/N of Hp", "negative of H, /N", "least of H", "largest of H"];
    let rows: Vec<Vec<String>> = (nets.iter())
        .filter_map(|n| {
            let c = n.curvature?;
            let per = |v: u64| format!("{:.3}", v as f64 / n.effective as f64);
            Some(vec![
                n.effective.to_string(),
                format!("{:.2}", n.samples as f64 / n.effective as f64),
                n.net.to_string(),
                format!("{:.3}", n.unmet_part()),
                format!("{} of {}", c.rank_h0, n.unmet),
                per(c.negative_hp),
                per(c.negative),
                short(c.range[0]),
                short(c.range[1]),
            ])
        })
        .collect();
    (!rows.is_empty()).then(|| {
        Block::Table(Table {
            caption: "The Hessian at the end of nets that jam, H = H_0 + H_p: H_0 from the gradients of Δ, of rank N_Δ at most; H_p \
                      from their second derivatives"
                .to_owned(),
            head: head.iter().map(|h| (*h).to_owned()).collect(),
            rows,
        })
    })
}

/// The page.
pub(super) fn page(plan: &JammingPlan, about: &str, nets: &[NetResult], findings: &Findings) -> Page {
    let words = findings.words();
    let mut blocks = Vec::new();
    if !plan.widths.is_empty() {
        blocks.push(transition(plan, nets, findings));
    }
    if !plan.samples.is_empty() {
        blocks.push(line(plan, nets, findings));
    }
    blocks.push(gaps(plan, nets, findings));
    blocks.extend(hessians(nets));
    blocks.push(Block::Paragraph(plain(&format!(
        "Data: {about}. A net has fitted when no margin is unmet, or when all samples are on the right side at the end: its last layer is then multiplied by \
         1/min y f. Moved by Adam, whose rate falls from {}/h to a tenth of it over {} steps, it \
         jams if more than 0.1 N margins are unmet at their end, else it is out of budget. Moved otherwise it jams when the least \
         energy so far fell by less than 1 % while the steps doubled (from step 500 on), or its force vanished; at the end it is slow if \
         the energy fell by less than 20 % in the second half, else out of budget. Slow nets count as jammed, those out of budget as \
         neither.",
        plan.rate, plan.steps
    ))));
    blocks.push(Block::Listing { title: "The plan".to_owned(), text: plan.to_toml() });
    blocks.push(Block::Heading("Sources".to_owned()));
    let sources = glasslab_nets::jamming::CITATIONS.iter().map(|c| (c.text.to_owned(), c.locator.to_owned()));
    blocks.push(Block::Bibliography(sources.collect()));
    Page {
        title: format!("The jamming transition of networks on {}", plain(&plan.data)),
        subtitle: plain(&format!(
            "glasslab jamming: {} hidden layers of ReLU, orthogonal start, quadratic hinge, {} nets a point, {} in f64",
            plan.depth, plan.nets, plan.method
        )),
        abstract_text: plain(&words.join(". ")),
        blocks,
        footer: format!("Made by glasslab {}. This file needs no network.", env!("CARGO_PKG_VERSION")),
    }
}
