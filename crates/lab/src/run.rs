//! Carries a plan out in a run directory: checkpoints, resumes, records, summary, report.

use crate::error::LabError;
use crate::quench::Quenching;
use crate::summary::{self, Summary};
use crate::{Plan, plan};
use glasslab_core::fault::readable_bytes;
use glasslab_core::{Dataset, Stop};
use glasslab_store::{Manifest, QuenchManifest, ReplicaEnd, RunDir, StoreError, utc};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// How to carry a plan out; none of this changes a result.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Folder of the run; `None`: runs/NAME or the next free runs/NAME-2, -3...
    pub out: Option<PathBuf>,
    /// Go on with the run in `out`.
    pub resume: bool,
    /// Time between checkpoints.
    pub checkpoint_every: Duration,
    /// Where relative data paths start.
    pub data_folder: PathBuf,
    /// Set it to stop cleanly.
    pub interrupt: Arc<AtomicBool>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            out: None,
            resume: false,
            checkpoint_every: Duration::from_secs(20),
            data_folder: PathBuf::new(),
            interrupt: Arc::default(),
        }
    }
}

/// Is told how a run goes on. All methods may do nothing.
pub trait Watch {
    /// A line to show.
    fn note(&mut self, _text: &str) {}
    /// A quench begins or goes on at step `from`.
    fn begin(&mut self, _title: &str, _from: u64, _steps: u64) {}
    /// It is at this step.
    fn at(&mut self, _step: u64) {}
    /// It is done.
    fn end(&mut self) {}
}

/// Nobody watches.
impl Watch for () {}

/// What a run left.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The run directory.
    pub dir: PathBuf,
    /// What was found.
    pub summary: Summary,
    /// The records of each quench, in the order of the plan.
    pub records: Vec<Dataset>,
    /// True if the run was stopped before its end.
    pub interrupted: bool,
}

impl Outcome {
    /// The summary as a table for a terminal.
    pub fn table(&self) -> String {
        self.summary.table()
    }

    /// The summary as JSON, with the run directory.
    pub fn json(&self) -> serde_json::Value {
        let mut value = serde_json::to_value(&self.summary).expect("a summary is plain data");
        value["run"] = self.dir.display().to_string().into();
        value["interrupted"] = self.interrupted.into();
        value
    }
}

/// Memory that a plan needs, about.
#[derive(Clone, Debug)]
pub struct Estimate {
    quenches: Vec<(String, u64)>,
}

impl Estimate {
    /// Bytes at the peak: quenches run one after the other.
    pub fn bytes(&self) -> u64 {
        self.quenches.iter().map(|q| q.1).max().unwrap_or(0)
    }
}

impl std::fmt::Display for Estimate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let each: Vec<String> = self.quenches.iter().map(|(n, b)| format!("{n} {}", readable_bytes(*b))).collect();
        write!(f, "about {} at the peak ({})", readable_bytes(self.bytes()), each.join(", "))
    }
}

/// Builds every quench of the plan and adds up its memory, without running.
pub fn estimate(plan: &Plan, data_folder: &Path) -> Result<Estimate, LabError> {
    let mut quenches = Vec::new();
    for quench in &plan.quench {
        let built = Quenching::unstarted(quench, plan.seed, data_folder).map_err(|fault| fault_of(quench, fault))?;
        quenches.push((quench.name.clone(), built.memory()));
    }
    Ok(Estimate { quenches })
}

fn fault_of(quench: &plan::Quench, fault: glasslab_core::Fault) -> LabError {
    LabError::Quench { quench: quench.name.clone(), fault }
}

/// runs/NAME, or the first of runs/NAME-2, -3, ... that is not there.
pub(crate) fn free_folder(name: &str) -> PathBuf {
    let first = Path::new("runs").join(name);
    let mut others = (2..).map(|k| Path::new("runs").join(format!("{name}-{k}")));
    if first.exists() { others.find(|p| !p.exists()).expect("some number is free") } else { first }
}

/// Opens or creates the run directory and makes sure that it holds this plan.
fn open(plan: &Plan, options: &RunOptions) -> Result<RunDir, LabError> {
    let text = plan.to_toml();
    let out = options.out.clone().unwrap_or_else(|| free_folder(&plan.name));
    let dir = if options.resume { RunDir::resume(&out)? } else { RunDir::create(&out)? };
    match dir.plan()? {
        None => dir.write_plan(&text)?,
        Some(found) if found == text => {}
        Some(found) => {
            return Err(LabError::OtherPlan { dir: out, difference: difference(&found, &text) });
        }
    }
    Ok(dir)
}

/// The first line in which two plans differ.
pub(crate) fn difference(there: &str, here: &str) -> String {
    match there.lines().zip(here.lines()).find(|(a, b)| a != b) {
        Some((a, b)) => format!("there `{}`, here `{}`", a.trim(), b.trim()),
        None => "one is longer".to_owned(),
    }
}

pub(crate) fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|l| l.starts_with("MemAvailable:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb * 1024)
}

/// Carries the plan out, or goes on where it stopped.
///
/// The same plan leaves the same bytes in `plan.toml`, `records/`, `summary.json` and `report.html`, whatever the threads, the
/// interruptions and the options.
pub fn run(plan: &Plan, options: &RunOptions, watch: &mut dyn Watch) -> Result<Outcome, LabError> {
    carry_out(plan, options, watch, true)
}

/// [`run`] with or without the page: one of very many runs is looked at in their common report.
pub(crate) fn carry_out(
    plan: &Plan,
    options: &RunOptions,
    watch: &mut dyn Watch,
    report: bool,
) -> Result<Outcome, LabError> {
    // Everything that can be refused is refused before a file is touched.
    let estimate = estimate(plan, &options.data_folder)?;
    if let Some(available) = available_memory()
        && estimate.bytes() > available
    {
        return Err(LabError::Memory {
            needed: readable_bytes(estimate.bytes()),
            available: readable_bytes(available),
        });
    }
    let dir = open(plan, options)?;
    watch.note(&format!("run directory {}, memory {estimate}", dir.path().display()));
    let mut log = Log::open(&dir, plan, &estimate)?;
    let mut records = Vec::new();
    let mut interrupted = false;
    for (i, quench) in plan.quench.iter().enumerate() {
        let finished =
            log.manifest.quenches[i].step == quench.steps && log.manifest.quenches[i].more.contains_key("complete");
        if finished && let Ok(dataset) = dir.run().records(&quench.name) {
            records.push(dataset);
            continue;
        }
        if options.interrupt.load(Ordering::Relaxed) {
            interrupted = true;
        }
        if interrupted {
            break;
        }
        let dataset = run_quench(plan, i, options, &dir, &mut log, watch)?;
        interrupted = log.manifest.quenches[i].step < quench.steps;
        records.push(dataset);
    }
    let summary = summary::summarise(plan, &records);
    dir.write_summary(&summary)?;
    if report {
        dir.write_report(&crate::page::page(plan, &summary, &records))?;
    }
    log.manifest.state = if interrupted { "interrupted" } else { "completed" }.to_owned();
    log.write(&dir)?;
    if !interrupted {
        for quench in &plan.quench {
            dir.checkpoints(&quench.name)?.remove()?;
        }
    }
    Ok(Outcome { dir: dir.path().to_owned(), summary, records, interrupted })
}

fn run_quench(
    plan: &Plan,
    i: usize,
    options: &RunOptions,
    dir: &RunDir,
    log: &mut Log,
    watch: &mut dyn Watch,
) -> Result<Dataset, LabError> {
    let quench = &plan.quench[i];
    let mut checkpoints = dir.checkpoints(&quench.name)?;
    let (loaded, folder) = (checkpoints.load()?, &options.data_folder);
    let title = format!("[{}/{}] {}", i + 1, plan.quench.len(), quench.name);
    let mut quenching = match loaded {
        Some(loaded) => {
            loaded.skipped.iter().for_each(|s| watch.note(&format!("warning: {s}")));
            Quenching::unstarted(quench, plan.seed, folder).and_then(|mut q| q.load(&loaded.state).map(|()| q))
        }
        None => {
            let mut melting = false;
            let made = Quenching::watched(quench, plan.seed, folder, &mut |done, all| {
                if !std::mem::replace(&mut melting, true) {
                    watch.begin(&format!("{title}: melt"), 0, all);
                }
                watch.at(done);
            });
            if melting {
                watch.end();
            }
            made.and_then(|mut q| q.start().map(|()| q))
        }
    }
    .map_err(|f| fault_of(quench, f))?;
    watch.begin(&title, quenching.step(), quench.steps);
    while !quenching.is_done() && !options.interrupt.load(Ordering::Relaxed) {
        let begin = Instant::now();
        let step = &mut |s| watch.at(s);
        quenching.advance(options.checkpoint_every, &options.interrupt, step).map_err(|f| fault_of(quench, f))?;
        log.spent(i, begin.elapsed());
        log.progress(i, &quenching);
        if !quenching.is_done() {
            checkpoints.save(quenching.step(), &quenching.save())?;
            log.write(dir)?;
        }
    }
    watch.end();
    log.progress(i, &quenching);
    for end in &log.manifest.quenches[i].replicas {
        if end.reason == "diverged" {
            watch.note(&format!("{}: replica {} diverged at step {}", quench.name, end.replica, end.step));
        }
    }
    let dataset = quenching.records();
    dir.write_records(&quench.name, &dataset)?;
    if quenching.is_done() {
        if quench.keep_weights {
            for replica in 0..quenching.stepper().replicas() {
                dir.write_weights(&quench.name, replica, quenching.step(), &quenching.weights(replica))?;
            }
        }
        log.manifest.quenches[i].more.insert("complete".to_owned(), true.into());
    }
    log.write(dir)?;
    Ok(dataset)
}

/// Keeps the manifest.
struct Log {
    manifest: Manifest,
}

impl Log {
    fn open(dir: &RunDir, plan: &Plan, estimate: &Estimate) -> Result<Self, StoreError> {
        let mut manifest = match dir.run().manifest() {
            Ok(mut earlier) if earlier.quenches.len() == plan.quench.len() => {
                earlier.sessions += 1;
                earlier
            }
            _ => Manifest::new(plan.seed, rayon::current_num_threads() as u64),
        };
        manifest.state = "running".to_owned();
        manifest.threads = rayon::current_num_threads() as u64;
        manifest.memory_estimate = estimate.bytes();
        if manifest.quenches.is_empty() {
            manifest.quenches = plan
                .quench
                .iter()
                .zip(&estimate.quenches)
                .map(|(q, (_, bytes))| QuenchManifest {
                    name: q.name.clone(),
                    steps: q.steps,
                    precision: format!("{:?}", q.precision).to_lowercase(),
                    memory_estimate: *bytes,
                    ..QuenchManifest::default()
                })
                .collect();
        }
        let mut log = Self { manifest };
        log.write(dir)?;
        Ok(log)
    }

    fn spent(&mut self, i: usize, time: Duration) {
        self.manifest.wall_seconds += time.as_secs_f64();
        self.manifest.quenches[i].wall_seconds += time.as_secs_f64();
    }

    fn progress(&mut self, i: usize, quenching: &Quenching) {
        let (stepper, entry) = (quenching.stepper(), &mut self.manifest.quenches[i]);
        let work = stepper.work();
        entry.dof = stepper.dof() as u64;
        entry.step = quenching.step();
        entry.stepper = quenching.moved_by().to_owned();
        entry.replica_steps = work.steps;
        entry.forces = work.forces;
        entry.samples = work.samples;
        entry.replicas = (0..stepper.replicas())
            .map(|r| {
                let (reason, step) = match stepper.stop(r) {
                    Some(Stop::Diverged { step }) => ("diverged", step),
                    Some(Stop::Converged { step }) => ("converged", step),
                    Some(Stop::Satisfied { step }) => ("satisfied", step),
                    Some(Stop::Stuck { step }) => ("stuck", step),
                    _ if quenching.is_done() => ("completed", quenching.step()),
                    _ => ("interrupted", quenching.step()),
                };
                ReplicaEnd { replica: r as u64, reason: reason.to_owned(), step }
            })
            .collect();
    }

    fn write(&mut self, dir: &RunDir) -> Result<(), StoreError> {
        self.manifest.finished = utc(SystemTime::now());
        dir.write_manifest(&self.manifest)
    }
}
