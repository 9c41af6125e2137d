//! `glasslab jamming`: the transition between networks that can meet all margins and networks that cannot, net by net, resumable at any
//! instant.

mod find;
mod net;
mod page;
mod plan;
mod records;

pub use find::{Findings, Line, LinePoint, Threshold};
pub use net::{Curvature, End, NetResult};
pub use plan::JammingPlan;

use crate::error::{LabError, plan_error};
use crate::run::Watch;
use glasslab_core::{Fault, Streams};
use glasslab_nets::jamming::JammingData;
use glasslab_store::{Manifest, RunDir, utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Instant, SystemTime};

/// What a study left.
#[derive(Clone, Debug)]
pub struct JammingOutcome {
    /// The run directory.
    pub dir: PathBuf,
    /// What was found, as in `summary.json`.
    pub summary: Value,
    /// The same for a terminal.
    pub table: String,
    /// What was found.
    pub findings: Findings,
    /// All nets.
    pub nets: Vec<NetResult>,
}

const NETS: &str = "nets";

/// Trains all nets of the study and writes nets, records, summary and report into `out` (runs/jamming or the next free one if
/// `None`). With `resume`, an existing run of the same plan goes on: nets that are there are not trained again.
///
/// Results do not depend on threads nor on interruption. Cost of a net: steps x P x N x about 6 flops.
pub fn jamming(
    plan: JammingPlan,
    folder: &Path,
    out: Option<&Path>,
    resume: bool,
    watch: &mut dyn Watch,
) -> Result<JammingOutcome, LabError> {
    let complaints = plan.complaints();
    if !complaints.is_empty() {
        return Err(plan_error("jamming", complaints));
    }
    let plan = plan.resolved();
    let scanned = plan.widths.iter().flat_map(|&h| plan.ratios.iter().map(move |&r| (h, r)));
    let scan: Vec<(usize, usize)> = scanned.map(|(h, r)| (h, plan.scanned(h, r))).collect();
    let most = scan.iter().map(|s| s.1).chain(plan.samples.iter().copied()).max().unwrap_or(2);
    let streams = Streams::new(plan.seed);
    let data = JammingData::open(&plan.data, plan.inputs(1), most, plan.test, folder, streams).map_err(refuse)?;
    let dir = open(&plan, out, resume)?;
    watch.note(&format!("run directory {}", dir.path().display()));
    watch.note(&data.about);
    let begin = Instant::now();
    let mut tasks: Vec<Task> = Vec::new();
    for net in 0..plan.nets {
        tasks.extend(scan.iter().map(|&(h, p)| Task::Point(h, p, net)));
        tasks.extend(plan.samples.iter().map(|&p| Task::Bisection(p, net)));
    }
    let nets = compute(&plan, &data, &dir, &tasks, watch)?;
    let findings = find::findings(&plan, &nets);
    dir.write_records("jamming", &records::dataset(&plan, &data.about, &nets, &findings))?;
    let ends = |end: End| nets.iter().filter(|n| n.end == end).count();
    let summary = json!({
        "name": "jamming",
        "version": env!("CARGO_PKG_VERSION"),
        "data": data.about,
        "convention": "N counts weights, not biases; N_Delta counts training samples with y f < 1",
        "nets": nets.len(),
        "steps": nets.iter().map(|n| n.steps).sum::<u64>(),
        "ends": {
            "fitted": ends(End::Fitted), "jammed": ends(End::Jammed), "slow": ends(End::Slow),
            "out of budget": ends(End::OutOfBudget), "diverged": ends(End::Diverged),
        },
        "findings": findings,
    });
    dir.write_summary(&summary)?;
    dir.write_report(&page::page(&plan, &data.about, &nets, &findings).html())?;
    let mut manifest = Manifest::new(plan.seed, rayon::current_num_threads() as u64);
    manifest.wall_seconds = begin.elapsed().as_secs_f64();
    manifest.state = "completed".to_owned();
    manifest.finished = utc(SystemTime::now());
    dir.write_manifest(&manifest)?;
    let table = findings.words().iter().map(|w| format!("  {w}\n")).collect();
    Ok(JammingOutcome { dir: dir.path().to_owned(), summary, table, findings, nets })
}

fn refuse(fault: Fault) -> LabError {
    match fault {
        Fault::Input(complaints) => plan_error("jamming", complaints),
        fault => LabError::Quench { quench: "jamming".to_owned(), fault },
    }
}

fn open(plan: &JammingPlan, out: Option<&Path>, resume: bool) -> Result<RunDir, LabError> {
    let path = out.map_or_else(|| crate::run::free_folder("jamming"), Path::to_owned);
    let text = plan.to_toml();
    let dir = if resume { RunDir::resume(&path)? } else { RunDir::create(&path)? };
    match dir.plan()? {
        None => dir.write_plan(&text)?,
        Some(there) if there == text => {}
        Some(there) => {
            let difference = crate::run::difference(&there, &text);
            return Err(LabError::OtherPlan { dir: path, difference });
        }
    }
    Ok(dir)
}

/// The file of a net: 24 hexadecimal digits of the SHA-256 of its key.
fn file_name(key: &str) -> String {
    let digits: String = Sha256::digest(key.as_bytes()).iter().take(12).map(|b| format!("{b:02x}")).collect();
    format!("{digits}.json")
}

/// The net if its file is there and whole, and is what its name says.
fn read(dir: &Path, key: &str) -> Option<NetResult> {
    let bytes = std::fs::read(dir.join(NETS).join(file_name(key))).ok()?;
    serde_json::from_slice::<NetResult>(&bytes).ok().filter(|n| n.key == key)
}

/// Work of one thread.
#[derive(Clone, Copy)]
enum Task {
    /// Width, samples, number of the net.
    Point(usize, usize, u64),
    /// The least width that fits: samples, number of the net.
    Bisection(usize, u64),
}

/// Largest width that jams and least that fits, one apart: up or down from where N is about P/6, at most to N = 8 P, then bisection.
fn bisect(
    plan: &JammingPlan,
    p: usize,
    net: impl Fn(usize) -> Result<NetResult, Fault>,
) -> Result<Vec<NetResult>, Fault> {
    let mut h = (1..plan::WIDEST).find(|&h| 6 * plan.effective(h) >= p).unwrap_or(plan::WIDEST);
    let (mut jams, mut fits, mut all) = (0, None, Vec::new());
    loop {
        let result = net(h)?;
        if result.end == End::Fitted {
            fits = Some(h)
        } else {
            jams = h
        }
        all.push(result);
        h = match fits {
            // So many weights fit anything: what fails there is the budget.
            None if jams == plan::WIDEST || plan.effective(jams) > 8 * p => return Ok(all),
            None => (jams + jams.div_ceil(2)).min(plan::WIDEST),
            Some(fits) if fits <= jams + 1 => return Ok(all),
            // Before any width jammed: down in steps that are no larger than on the way up.
            Some(fits) if jams == 0 => (2 * fits / 3).max(1),
            Some(fits) => (fits + jams) / 2,
        };
    }
}

/// All nets of all tasks, from files or trained, in the order of the tasks. The largest begin first, so that no core idles at the end.
fn compute(
    plan: &JammingPlan,
    data: &JammingData,
    dir: &RunDir,
    tasks: &[Task],
    watch: &mut dyn Watch,
) -> Result<Vec<NetResult>, LabError> {
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    order.sort_by_key(|&k| {
        std::cmp::Reverse(match tasks[k] {
            Task::Point(h, p, _) => p * plan.effective(h),
            Task::Bisection(p, _) => p * p,
        })
    });
    let (send, receive) = mpsc::channel::<(usize, bool, Result<NetResult, Fault>)>();
    let path = dir.path();
    let one = |h: usize, p: usize, net: u64, k: usize, send: &mpsc::Sender<_>| -> Result<NetResult, Fault> {
        if let Some(there) = read(path, &plan.key(h, p, net)) {
            return Ok(there);
        }
        let result = net::train(plan, &data.of(plan.inputs(h), p, net)?, h, net)?;
        // Who waits below is gone only if it panicked.
        let _ = send.send((k, false, Ok(result.clone())));
        Ok(result)
    };
    let work = |k: usize, send: &mpsc::Sender<_>| {
        let found = match tasks[k] {
            Task::Point(h, p, net) => one(h, p, net, k, send).map(|n| vec![n]),
            Task::Bisection(p, net) => bisect(plan, p, |h| one(h, p, net, k, send)),
        };
        match found {
            Ok(nets) => nets.into_iter().for_each(|n| drop(send.send((k, true, Ok(n))))),
            Err(fault) => drop(send.send((k, true, Err(fault)))),
        }
    };
    let mut done: Vec<Vec<NetResult>> = vec![Vec::new(); tasks.len()];
    let (mut failed, mut finished) = (None, std::collections::BTreeSet::new());
    watch.begin("nets", 0, tasks.len() as u64);
    let mut take = |(k, last, result): (usize, bool, Result<NetResult, Fault>), watch: &mut dyn Watch| match result {
        Err(fault) => drop(failed.get_or_insert(refuse(fault))),
        Ok(net) if last => {
            done[k].push(net);
            finished.insert(k);
            watch.at(finished.len() as u64);
        }
        Ok(net) => {
            let text = serde_json::to_vec(&net).unwrap_or_default();
            if let Err(error) = dir.write_file(NETS, &file_name(&net.key), &text) {
                failed.get_or_insert(error.into());
            }
        }
    };
    if rayon::current_thread_index().is_some() {
        // On a thread of a pool, which must not wait for others.
        for &k in &order {
            work(k, &send);
            receive.try_iter().for_each(|m| take(m, watch));
        }
    } else {
        rayon::in_place_scope(|scope| {
            for &k in &order {
                let (send, work) = (send.clone(), &work);
                scope.spawn(move |_| work(k, &send));
            }
            drop(send);
            while let Ok(message) = receive.recv() {
                take(message, watch);
            }
        });
    }
    watch.end();
    match failed {
        Some(error) => Err(error),
        None => Ok(done.into_iter().flatten().collect()),
    }
}
