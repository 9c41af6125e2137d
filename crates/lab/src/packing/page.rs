//! The report of packings: the approach to jamming, gaps and forces, vibrations.

use super::found::{Found, GAMMA, THETA, THETA_BUCKLERS};
use super::{PackingPlan, VIBRATIONS};
use crate::summary::short;
use glasslab_core::System;
use glasslab_glasses::packing::{Jammed, Stage};
use glasslab_report::{Axis, Block, Color, Curve, Figure, Guide, Page, Panel, Table};

/// Sorted values v and the part of all up to each, thinned to about 200 points at even steps of ln v.
fn cumulative(mut values: Vec<f64>, highest: f64) -> Vec<(f64, f64)> {
    values.sort_by(f64::total_cmp);
    let all = values.len() as f64;
    let mut out: Vec<(f64, f64)> = Vec::new();
    for (k, v) in values.iter().enumerate().filter(|v| *v.1 > 0.0 && *v.1 <= highest) {
        if out.last().is_none_or(|last| *v > last.0 * 1.05) {
            out.push((*v, (k + 1) as f64 / all));
        }
    }
    out
}

const BLUE: Color = Color(0, 114, 178);
const ORANGE: Color = Color(213, 94, 0);
const GREEN: Color = Color(0, 158, 115);

fn panel(title: &str, x: Axis, y: Axis, curves: Vec<Curve>, guides: Vec<Guide>) -> Panel {
    Panel { title: title.to_owned(), x, y, curves, guides, colors: None, note: None }
}

/// The power law through the middle of a curve.
fn slope(points: &[(f64, f64)], slope: f64, label: String) -> Vec<Guide> {
    match points.get(points.len() / 2) {
        Some(&through) => vec![Guide::Slope { slope, through, span: (points[0].0, points[points.len() - 1].0), label }],
        None => Vec::new(),
    }
}

pub(super) fn page(
    plan: &PackingPlan,
    all: &[Jammed],
    found: &Found,
    frequencies: &[f64],
    rows: &[(String, String)],
) -> Page {
    let p = &plan.protocol;
    let above = |j: &Jammed, of: &dyn Fn(&Stage) -> f64| -> Vec<(f64, f64)> {
        j.stages.iter().map(|s| (s.fraction - j.fraction, of(s))).collect()
    };
    let marks = |of: &dyn Fn(&Stage) -> f64| -> Vec<Curve> {
        all.iter().map(|j| Curve { marks: true, width: 0.8, ..Curve::line(above(j, of), BLUE) }).collect()
    };
    let distance = || Axis::log("φ − φ_J");
    let last = all[0].stages[all[0].stages.len() - 1].contacts;
    let approach = vec![
        panel(
            "Overlap",
            distance(),
            Axis::log("root mean square overlap"),
            marks(&|s| s.overlap),
            slope(&above(&all[0], &|s| s.overlap), 1.0, "1".to_owned()),
        ),
        panel(
            "Contacts beyond those at jamming",
            distance(),
            Axis::log("z − z_J (all spheres)"),
            marks(&|s| s.contacts - last),
            slope(&above(&all[0], &|s| s.contacts - last)[..1.max(all[0].stages.len() / 2)], 0.5, "1/2".to_owned()),
        ),
    ];
    let gaps = cumulative(all.iter().flat_map(|j| j.network.gaps.clone()).collect(), 0.3);
    let (bucklers, others): (Vec<_>, Vec<_>) = all.iter().map(|j| j.network.forces_by_kind()).unzip();
    let (bucklers, others) = (cumulative(bucklers.concat(), 10.0), cumulative(others.concat(), 10.0));
    let mut force_guides = slope(&others[..others.len() / 2], 1.0 + THETA, format!("{:.3}", 1.0 + THETA));
    force_guides.extend(slope(
        &bucklers[..bucklers.len() / 2],
        1.0 + THETA_BUCKLERS,
        format!("{:.3}", 1.0 + THETA_BUCKLERS),
    ));
    let laws = vec![
        panel(
            "Gaps",
            Axis::log("gap h = r/σ − 1"),
            Axis::log("part of all gaps up to h"),
            vec![Curve::line(gaps.clone(), BLUE)],
            slope(&gaps[..gaps.len() / 2], 1.0 - GAMMA, format!("1 − γ = {:.3}", 1.0 - GAMMA)),
        ),
        panel(
            "Forces",
            Axis::log("force f over its mean"),
            Axis::log("part of all forces up to f"),
            vec![
                Curve::line(bucklers, ORANGE).labelled("of bucklers"),
                Curve::line(others, GREEN).labelled("all others"),
            ],
            force_guides,
        ),
    ];
    let figure = |id: &str, title: &str, caption: &str, panels: Vec<Panel>| {
        Block::Figure(Figure { id: id.to_owned(), title: title.to_owned(), caption: caption.to_owned(), panels })
    };
    let mut blocks = vec![
        figure(
            "approach",
            "Towards jamming",
            "Each line is a packing. Overlaps vanish in proportion to φ − φ_J.",
            approach,
        ),
        figure(
            "laws",
            "Gaps and forces at jamming",
            "Straight lines: exponents of mean-field theory. A buckler is a sphere with d + 1 contacts; rattlers are left out.",
            laws,
        ),
    ];
    if frequencies.is_empty() {
        let text = format!("Vibrations are computed for up to {VIBRATIONS} degrees of freedom: give fewer spheres.");
        blocks.push(Block::Paragraph(text));
    } else {
        let counted = cumulative(frequencies.to_vec(), f64::INFINITY);
        let bins = 40;
        let width = frequencies[frequencies.len() - 1] / bins as f64;
        let mut histogram = vec![0.0; bins];
        frequencies.iter().for_each(|f| histogram[((f / width) as usize).min(bins - 1)] += 1.0);
        let scale = 1.0 / (width * frequencies.len() as f64);
        let density = histogram.iter().enumerate().map(|(k, c)| ((k as f64 + 0.5) * width, c * scale)).collect();
        let axis = "frequency ω";
        blocks.push(figure(
            "vibrations",
            "Vibrations of the first packing",
            "In units of the mean diameter, the spring constant and the mass. At jamming the density of states is flat down to zero frequency: the \
             part of all modes up to ω grows like ω.",
            vec![
                panel("", Axis::linear(axis), Axis::linear("density of states"), vec![Curve::line(density, BLUE)], vec![]),
                panel(
                    "",
                    Axis::log(axis),
                    Axis::log("part of all modes up to ω"),
                    vec![Curve::line(counted.clone(), BLUE)],
                    slope(&counted[..counted.len() / 2], 1.0, "1".to_owned()),
                ),
            ],
        ));
    }
    let table = rows.iter().map(|(a, b)| vec![a.clone(), b.clone()]).collect();
    blocks.push(Block::Table(Table {
        caption: "Numbers with their standard errors".to_owned(),
        head: vec![],
        rows: table,
    }));
    blocks.push(Block::Listing { title: "The plan".to_owned(), text: plan.to_toml() });
    blocks.push(Block::Heading("Sources".to_owned()));
    let sources = all[0].packing.citations().iter().map(|c| (c.text.to_owned(), c.locator.to_owned()));
    blocks.push(Block::Bibliography(sources.collect()));
    Page {
        title: format!("{} spheres at jamming, d = {}", p.spheres, p.dimension),
        subtitle: format!("glasslab packing: {} packings, diameters 1 and {}", plan.packings, short(p.ratio)),
        abstract_text: format!(
            "φ_J = {}; {} of {} packings have exactly the contacts that one state of self stress needs.",
            short(found.fraction.0),
            found.isostatic,
            plan.packings
        ),
        blocks,
        footer: format!("Made by glasslab {}. This file needs no network.", env!("CARGO_PKG_VERSION")),
    }
}
