//! The map of the (h, alpha) plane: every point a group of nets, every point a file, resumable at any instant.

mod average;
mod choice;
mod curve;
mod find;
mod measure;
mod null;
mod page;
mod plan;
mod point;
mod records;
mod refine;
mod star;

pub use choice::{Choice, Half, Quote, choose, confirm, cost, halves, whole_error};
pub use curve::{CurveLine, CurvePoint};
pub use find::{CrossoverPoint, Findings, JammingPoint, LazySlope};
pub use measure::EIGENVALUES;
pub use plan::PlanePlan;
pub(crate) use point::net;
pub use point::{End, PointResult, RunResult};
pub use star::{CONFIDENCE, Star};

use crate::error::{LabError, plan_error};
use crate::run::Watch;
use crate::study::{self, Part, Study};
use crate::summary::short;
use glasslab_core::Fault;
use glasslab_nets::labelled::Prepared;
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// What a map left.
#[derive(Clone, Debug)]
pub struct PlaneOutcome {
    /// The run directory.
    pub dir: PathBuf,
    /// What was found, as in `summary.json`.
    pub summary: Value,
    /// The same for a terminal.
    pub table: String,
}

/// Trains all nets of all points and writes points, records, summary and report into `out` (runs/plane or the next free
/// one if `None`). With `resume`, an existing run of the same plan goes on: points that are there are not computed again.
///
/// A point's file is named by the hash of all that decides its numbers, so no point is ever taken for another. Results
/// do not depend on threads nor on interruption.
pub fn plane(
    plan: PlanePlan,
    folder: &Path,
    out: Option<&Path>,
    resume: bool,
    watch: &mut dyn Watch,
) -> Result<PlaneOutcome, LabError> {
    let complaints = plan.complaints();
    if !complaints.is_empty() {
        return Err(plan_error("plane", complaints));
    }
    let plan = plan.resolved();
    let data = plan.data(folder).map_err(refuse)?;
    let curves = curve::prepared(&plan, folder)?;
    let study = Study::open("plane", "points", &plan.to_toml(), out, resume)?;
    watch.note(&format!("run directory {}", study.dir.path().display()));
    watch.note(&data.about);
    let mut wanted: Vec<(usize, f64)> =
        plan.widths.iter().flat_map(|&h| plan.alphas.iter().map(move |&a| (h, a))).collect();
    let mut points = compute(&plan, &data, &study, &wanted, 0, "points", watch)?;
    for round in 0..plan.refine {
        let more = refine::next(&plan, &points);
        if more.is_empty() {
            break;
        }
        wanted.extend(&more);
        points.extend(compute(&plan, &data, &study, &more, 0, &format!("bisection {}", round + 1), watch)?);
    }
    // The point to recommend, with nets of its own: what it is chosen by is not what is quoted.
    let chosen = choose(&points).filter(|_| plan.seeds >= find::FEWEST).map(|c| (c.chosen.width, c.chosen.alpha));
    let fresh = match chosen {
        Some(at) => compute(&plan, &data, &study, &[at], plan.seeds, "fresh nets of the chosen point", watch)?,
        None => Vec::new(),
    };
    let curve = curve::curve(&curves, &study, watch)?;
    let findings = find::findings(&plan, &points, fresh.first(), curve);
    let ends = |end: End| points.iter().flat_map(|p| &p.runs).filter(|r| r.end == end).count();
    let summary = json!({
        "name": "plane",
        "version": env!("CARGO_PKG_VERSION"),
        "data": data.about,
        "convention": "alpha is that of f = (1/h) w . z (code of Geiger et al. 2020): sqrt(h) times the paper's",
        "points": points.len(),
        "runs": points.iter().map(|p| p.runs.len()).sum::<usize>(),
        "ends": {
            "fitted": ends(End::Fitted), "jammed": ends(End::Jammed), "slow": ends(End::Slow),
            "out of budget": ends(End::OutOfBudget), "diverged": ends(End::Diverged),
        },
        "findings": findings,
    });
    let page = page::page(&plan, &data, &points, &findings);
    study.finish(plan.seed, &records::dataset(&plan, &data, &points), &summary, &page)?;
    let table = table(&plan, &points, &findings);
    Ok(PlaneOutcome { dir: study.dir.path().to_owned(), summary, table })
}

fn refuse(fault: Fault) -> LabError {
    study::refuse("plane", fault)
}

impl Part for PointResult {
    fn key(&self) -> &str {
        &self.key
    }
}

/// All these points, from files or computed, in their order. The largest begin first, so that no core idles at the end.
fn compute(
    plan: &PlanePlan,
    data: &Prepared,
    study: &Study,
    wanted: &[(usize, f64)],
    first: u64,
    title: &str,
    watch: &mut dyn Watch,
) -> Result<Vec<PointResult>, LabError> {
    let mut done: Vec<Option<PointResult>> = wanted.iter().map(|&(h, a)| study.read(&plan.key(h, a, first))).collect();
    let mut open: Vec<usize> = (0..wanted.len()).filter(|&k| done[k].is_none()).collect();
    open.sort_by_key(|&k| std::cmp::Reverse(wanted[k].0));
    let there = wanted.len() - open.len();
    if there > 0 {
        watch.note(&format!("{there} of {} {title} are there already", wanted.len()));
    }
    if open.is_empty() {
        return Ok(done.into_iter().flatten().collect());
    }
    let cores = study::Cores::watch();
    watch.begin(title, there as u64, wanted.len() as u64);
    let (mut failed, mut finished) = (None, there as u64);
    let work = |k: usize, say: &dyn Fn((usize, Result<PointResult, Fault>))| {
        say((k, point::point(plan, data, wanted[k].0, wanted[k].1, first)));
    };
    study::spread(&open, work, |(k, result)| {
        let kept = result.map_err(refuse).and_then(|point| {
            study.keep(&point, &serde_json::to_vec_pretty(&point).unwrap_or_default())?;
            done[k] = Some(point);
            Ok(())
        });
        finished += 1;
        watch.at(finished);
        match kept {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed.get_or_insert(error);
                ControlFlow::Break(())
            }
        }
    });
    watch.end();
    cores.say(title, watch);
    match failed {
        Some(error) => Err(error),
        None => Ok(done.into_iter().flatten().collect()),
    }
}

fn table(plan: &PlanePlan, points: &[PointResult], findings: &Findings) -> String {
    let mut out =
        format!("  ensemble test error of {} nets, %; * where no net fits\n  {:>10}", plan.seeds, "h \\ alpha");
    for alpha in &plan.alphas {
        out += &format!("{:>10}", short(*alpha));
    }
    for &width in &plan.widths {
        out += &format!("\n  {width:>10}");
        for &alpha in &plan.alphas {
            let cell = find::at(points, width, alpha).map_or("-".to_owned(), |p| {
                format!("{:.2}{}", 100.0 * p.ensemble_error[0], if p.is_jammed() { "*" } else { " " })
            });
            out += &format!("{cell:>10}");
        }
    }
    out += "\n\n";
    for line in &findings.jamming {
        if let Some(star) = line.star {
            out += &format!("  alpha = {}: half of the nets fit at h* = {}\n", short(line.alpha), star.words());
        }
    }
    if let Some([slope, error]) = findings.curve.as_ref().and_then(|c| Some(c.line.as_ref()?.slope)) {
        out += &format!("  N* grows as P^{slope:.2} (two standard errors: {:.2})\n", 2.0 * error);
    }
    for sentence in &findings.advice {
        out += &format!("  {sentence}\n");
    }
    out
}
