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
use crate::study::{self, Part, Study};
use glasslab_core::{Fault, Streams};
use glasslab_nets::jamming::JammingData;
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

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
    let study = Study::open("jamming", "nets", &plan.to_toml(), out, resume)?;
    watch.note(&format!("run directory {}", study.dir.path().display()));
    watch.note(&data.about);
    let mut tasks: Vec<Task> = Vec::new();
    for net in 0..plan.nets {
        tasks.extend(scan.iter().map(|&(h, p)| Task::Point(h, p, net)));
        tasks.extend(plan.samples.iter().map(|&p| Task::Bisection(p, net)));
    }
    let nets = compute(&plan, &data, &study, &tasks, watch)?;
    let findings = find::findings(&plan, &nets);
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
    let page = page::page(&plan, &data.about, &nets, &findings);
    study.finish(plan.seed, &records::dataset(&plan, &data.about, &nets, &findings), &summary, &page)?;
    let table = findings.words().iter().map(|w| format!("  {w}\n")).collect();
    Ok(JammingOutcome { dir: study.dir.path().to_owned(), summary, table, findings, nets })
}

fn refuse(fault: Fault) -> LabError {
    study::refuse("jamming", fault)
}

impl Part for NetResult {
    fn key(&self) -> &str {
        &self.key
    }
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
    study: &Study,
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
    type Said = (usize, bool, Result<NetResult, Fault>);
    let one = |h: usize, p: usize, net: u64, k: usize, say: &dyn Fn(Said)| -> Result<NetResult, Fault> {
        if let Some(there) = study.read(&plan.key(h, p, net)) {
            return Ok(there);
        }
        let result = net::train(plan, &data.of(plan.inputs(h), p, net)?, h, net)?;
        say((k, false, Ok(result.clone())));
        Ok(result)
    };
    let work = |k: usize, say: &dyn Fn(Said)| {
        let found = match tasks[k] {
            Task::Point(h, p, net) => one(h, p, net, k, say).map(|n| vec![n]),
            Task::Bisection(p, net) => bisect(plan, p, |h| one(h, p, net, k, say)),
        };
        match found {
            Ok(nets) => nets.into_iter().for_each(|n| say((k, true, Ok(n)))),
            Err(fault) => say((k, true, Err(fault))),
        }
    };
    let mut done: Vec<Vec<NetResult>> = vec![Vec::new(); tasks.len()];
    let (mut failed, mut finished) = (None, std::collections::BTreeSet::new());
    let cores = study::Cores::watch();
    watch.begin("nets", 0, tasks.len() as u64);
    study::spread(&order, work, |(k, last, result): Said| {
        let kept = match result {
            Err(fault) => Err(refuse(fault)),
            Ok(net) if last => {
                done[k].push(net);
                finished.insert(k);
                watch.at(finished.len() as u64);
                Ok(())
            }
            Ok(net) => study.keep(&net, &serde_json::to_vec(&net).unwrap_or_default()),
        };
        match kept {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed.get_or_insert(error);
                ControlFlow::Break(())
            }
        }
    });
    watch.end();
    cores.say("nets", watch);
    match failed {
        Some(error) => Err(error),
        None => Ok(done.into_iter().flatten().collect()),
    }
}
