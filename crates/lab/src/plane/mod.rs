//! The map of the (h, alpha) plane: every point a group of nets, every point a file, resumable at any instant.

mod average;
mod choice;
mod find;
mod measure;
mod null;
mod page;
mod plan;
mod point;
mod records;
mod refine;

pub use choice::{Choice, Half, Quote, choose, confirm, cost, halves, whole_error};
pub use find::{CrossoverPoint, Findings, JammingPoint, LazySlope};
pub use measure::EIGENVALUES;
pub use plan::PlanePlan;
pub(crate) use point::net;
pub use point::{End, PointResult, RunResult};

use crate::error::{LabError, plan_error};
use crate::run::Watch;
use crate::summary::short;
use glasslab_core::Fault;
use glasslab_nets::labelled::Prepared;
use glasslab_store::{Manifest, RunDir, utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Instant, SystemTime};

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

const POINTS: &str = "points";

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
    let dir = open(&plan, out, resume)?;
    watch.note(&format!("run directory {}", dir.path().display()));
    watch.note(&data.about);
    let begin = Instant::now();
    let mut wanted: Vec<(usize, f64)> =
        plan.widths.iter().flat_map(|&h| plan.alphas.iter().map(move |&a| (h, a))).collect();
    let mut points = compute(&plan, &data, &dir, &wanted, 0, "points", watch)?;
    for round in 0..plan.refine {
        let more = refine::next(&plan, &points);
        if more.is_empty() {
            break;
        }
        wanted.extend(&more);
        points.extend(compute(&plan, &data, &dir, &more, 0, &format!("bisection {}", round + 1), watch)?);
    }
    // The point to recommend, with nets of its own: what it is chosen by is not what is quoted.
    let chosen = choose(&points).filter(|_| plan.seeds >= find::FEWEST).map(|c| (c.chosen.width, c.chosen.alpha));
    let fresh = match chosen {
        Some(at) => compute(&plan, &data, &dir, &[at], plan.seeds, "fresh nets of the chosen point", watch)?,
        None => Vec::new(),
    };
    let findings = find::findings(&plan, &points, fresh.first());
    dir.write_records("plane", &records::dataset(&plan, &data, &points))?;
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
    dir.write_summary(&summary)?;
    dir.write_report(&page::page(&plan, &data, &points, &findings).html())?;
    let mut manifest = Manifest::new(plan.seed, rayon::current_num_threads() as u64);
    manifest.wall_seconds = begin.elapsed().as_secs_f64();
    manifest.state = "completed".to_owned();
    manifest.finished = utc(SystemTime::now());
    dir.write_manifest(&manifest)?;
    let table = table(&plan, &points, &findings);
    Ok(PlaneOutcome { dir: dir.path().to_owned(), summary, table })
}

fn refuse(fault: Fault) -> LabError {
    match fault {
        Fault::Input(complaints) => plan_error("plane", complaints),
        fault => LabError::Quench { quench: "plane".to_owned(), fault },
    }
}

fn open(plan: &PlanePlan, out: Option<&Path>, resume: bool) -> Result<RunDir, LabError> {
    let path = out.map_or_else(|| crate::run::free_folder("plane"), Path::to_owned);
    let text = plan.to_toml();
    let dir = if resume { RunDir::resume(&path)? } else { RunDir::create(&path)? };
    match dir.plan()? {
        None => dir.write_plan(&text)?,
        Some(there) if there == text => {}
        Some(there) => {
            let differs = there.lines().zip(text.lines()).find(|(a, b)| a != b);
            let difference = differs.map_or("its length".to_owned(), |(a, b)| format!("`{a}` there, `{b}` here"));
            return Err(LabError::OtherPlan { dir: path, difference });
        }
    }
    Ok(dir)
}

/// The file of a point: 24 hexadecimal digits of the SHA-256 of its key.
fn file_name(key: &str) -> String {
    let hash = Sha256::digest(key.as_bytes());
    let digits: String = hash.iter().take(12).map(|b| format!("{b:02x}")).collect();
    format!("{digits}.json")
}

/// The point if its file is there and whole, and is what its name says.
fn read(dir: &RunDir, key: &str) -> Option<PointResult> {
    let bytes = std::fs::read(dir.path().join(POINTS).join(file_name(key))).ok()?;
    serde_json::from_slice::<PointResult>(&bytes).ok().filter(|p| p.key == key)
}

/// All these points, from files or computed, in their order. The largest begin first, so that no core idles at the end.
fn compute(
    plan: &PlanePlan,
    data: &Prepared,
    dir: &RunDir,
    wanted: &[(usize, f64)],
    first: u64,
    title: &str,
    watch: &mut dyn Watch,
) -> Result<Vec<PointResult>, LabError> {
    let mut done: Vec<Option<PointResult>> = wanted.iter().map(|&(h, a)| read(dir, &plan.key(h, a, first))).collect();
    let mut open: Vec<usize> = (0..wanted.len()).filter(|&k| done[k].is_none()).collect();
    open.sort_by_key(|&k| std::cmp::Reverse(wanted[k].0));
    let there = wanted.len() - open.len();
    if there > 0 {
        watch.note(&format!("{there} of {} {title} are there already", wanted.len()));
    }
    watch.begin(title, there as u64, wanted.len() as u64);
    let (mut failed, mut finished) = (None, there as u64);
    let mut finish = |k: usize, result: Result<PointResult, Fault>| {
        let written = result.map_err(refuse).and_then(|point| {
            let text = serde_json::to_vec_pretty(&point).unwrap_or_default();
            dir.write_file(POINTS, &file_name(&point.key), &text)?;
            done[k] = Some(point);
            Ok(())
        });
        if let Err(error) = written {
            failed.get_or_insert(error);
        }
        finished += 1;
        watch.at(finished);
    };
    if rayon::current_thread_index().is_some() {
        // On a thread of a pool, which must not wait for others: nets of a point in parallel, points in turn.
        for &k in &open {
            finish(k, point::point(plan, data, wanted[k].0, wanted[k].1, first));
        }
    } else {
        let (send, receive) = mpsc::channel();
        rayon::in_place_scope(|scope| {
            for &k in &open {
                let send = send.clone();
                let (width, alpha) = wanted[k];
                scope.spawn(move |_| {
                    // Who waits below is gone only if it panicked.
                    let _ = send.send((k, point::point(plan, data, width, alpha, first)));
                });
            }
            drop(send);
            while let Ok((k, result)) = receive.recv() {
                finish(k, result);
            }
        });
    }
    watch.end();
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
    for sentence in &findings.advice {
        out += &format!("  {sentence}\n");
    }
    out
}
