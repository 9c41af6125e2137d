//! The report of a map: the map, width scans, variance and kernel change, the jamming line, advice.

mod growth;
mod map;
mod regimes;
mod scan;

use super::find::Findings;
use super::plan::PlanePlan;
use super::point::PointResult;
use crate::summary::short;
use glasslab_nets::labelled::Prepared;
use glasslab_report::{Axis, Block, Curve, Page, Panel, Table, plain};

fn panel(title: &str, x: Axis, y: Axis, curves: Vec<Curve>) -> Panel {
    Panel { title: title.to_owned(), x, y, curves, guides: Vec::new(), colors: None, note: None }
}

fn width_axis() -> Axis {
    Axis::log("width h")
}

fn alpha_axis() -> Axis {
    Axis::log("α (√h times the papers' α)")
}

/// The lowest, middle and highest alpha (fewer if there are fewer).
fn three(alphas: &[f64]) -> Vec<f64> {
    let mut all = vec![alphas[0], alphas[alphas.len() / 2], alphas[alphas.len() - 1]];
    all.dedup();
    all
}

/// The page.
pub(super) fn page(plan: &PlanePlan, data: &Prepared, points: &[PointResult], findings: &Findings) -> Page {
    let interval = |j: &super::JammingPoint| match (j.below, j.above) {
        (Some(a), Some(b)) => format!("between {a} and {b}"),
        (None, Some(b)) => format!("below {b} (the smallest width fits)"),
        (Some(a), None) => format!("above {a} (none fits)"),
        (None, None) => "not resolved".to_owned(),
    };
    let star = |j: &super::JammingPoint| j.star.map_or("not resolved".to_owned(), |s| s.words());
    let jamming = findings.jamming.iter().map(|j| vec![short(j.alpha), star(j), interval(j)]).collect();
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
    let growth = findings.curve.as_ref().map(|line| Block::Figure(growth::growth(line)));
    let mut page = Page {
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
            Block::Figure(map::map(plan, points, findings)),
            Block::Figure(scan::scan(plan, points, findings)),
            Block::Figure(regimes::kernel(plan, points)),
            Block::Figure(regimes::fluctuations(plan, points)),
            Block::Figure(regimes::margins(plan, points)),
            Block::Table(Table {
                caption: "The jamming line h*(α): half of the nets fit within their budget (posterior of a logistic law in ln h, with its confidence); and between \
                          which widths some begin to fit"
                    .to_owned(),
                head: head(&["α", "h*", "first fits"]),
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
    };
    // After the figures of the map.
    page.blocks.splice(5..5, growth);
    page
}
