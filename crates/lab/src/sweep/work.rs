//! One point of a sweep: claimed, run or gone on with, published once.

use super::dir::{SweepDir, names};
use super::ledger::Failure;
use super::table::row_of;
use crate::error::LabError;
use crate::run::{RunOptions, Watch, carry_out};
use glasslab_store::claim::{Claim, Taken};
use glasslab_store::{Journal, Run, RunDir, StoreError, create_folder, flush_folder, write_atomic};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fs;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What came of an attempt at a point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It is finished, by this attempt, which cost so many seconds (all sessions).
    Done(f64),
    /// It was finished, or had failed, before.
    Before,
    /// It failed: why. It is not tried again unless asked for.
    Failed(String),
    /// Another process works on it: who.
    Busy(String),
    /// The interruption came first; what was done is kept.
    Interrupted,
    /// It could not be tried or kept for a reason that is not the point's: a full disk, say. What was done is kept.
    Trouble(String),
}

/// Works on points one after the other.
pub(super) struct Worker<'a> {
    dir: &'a SweepDir,
    interrupt: Arc<AtomicBool>,
}

/// How far an attempt came.
pub(super) enum Attempt {
    /// To its end.
    Ended(End),
    /// The point is computed, and still to be published.
    Computed(Box<Computed>),
}

/// A point that is computed; it stays claimed until this is dropped.
pub(super) struct Computed {
    address: String,
    place: PathBuf,
    summary: serde_json::Value,
    seconds: f64,
    _claim: Claim,
}

/// Publishes points: may stand beside the worker, who goes on meanwhile.
pub(super) struct Publisher<'a> {
    dir: &'a SweepDir,
    journal: Journal,
}

/// Hands the interruption and the loss of the claim on to the run.
struct Guard {
    outer: Arc<AtomicBool>,
    lost: Arc<AtomicBool>,
    inner: Arc<AtomicBool>,
}

impl Watch for Guard {
    fn at(&mut self, _step: u64) {
        if self.outer.load(Ordering::Relaxed) || self.lost.load(Ordering::Relaxed) {
            self.inner.store(true, Ordering::Relaxed);
        }
    }
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    move |source| StoreError::Io { action, path: path.to_owned(), source }
}

impl<'a> Worker<'a> {
    pub(super) fn new(dir: &'a SweepDir, interrupt: Arc<AtomicBool>) -> Self {
        Self { dir, interrupt }
    }

    /// Claims the point, and runs it or goes on with it; what is computed is still to be published.
    pub(super) fn attempt(&self, point: usize) -> Attempt {
        match self.try_attempt(point) {
            Ok(attempt) => attempt,
            Err(error) => Attempt::Ended(End::Trouble(error.to_string())),
        }
    }

    fn is_settled(&self, address: &str) -> bool {
        self.dir.point(address).is_dir() || self.dir.failed(address).is_file()
    }

    fn try_attempt(&self, point: usize) -> Result<Attempt, LabError> {
        let (dir, ended) = (self.dir, |end| Ok(Attempt::Ended(end)));
        let address = dir.addresses()[point].as_str();
        if self.is_settled(address) {
            return ended(End::Before);
        }
        let claim = match dir.claims().take(address)? {
            Taken::Ours(claim) => claim,
            Taken::Busy(who) => return ended(End::Busy(who)),
            Taken::Deadly(deaths) => {
                let reason = format!("{deaths} processes died while they ran it; see whether it needs too much memory");
                return ended(self.fail(point, reason)?);
            }
        };
        // Its last holder publishes before it lets go.
        if self.is_settled(address) {
            return ended(End::Before);
        }
        create_folder(&dir.work())?;
        let place = dir.work().join(format!("{address}.{}", claim.token()));
        let before = self.adopt(address, &place)?;
        let begin = Instant::now();
        let mut outcome = self.run(point, &place, &claim);
        // What an earlier holder left may be damaged: then from the beginning.
        let damaged = |e: &LabError| match e {
            LabError::OtherPlan { .. } => true,
            LabError::Store(e) => !matches!(e, StoreError::Io { .. } | StoreError::Busy { .. }),
            _ => false,
        };
        if before > 0.0 && outcome.as_ref().is_err_and(damaged) && !claim.is_lost() {
            remove(&place)?;
            outcome = self.run(point, &place, &claim);
        }
        let seconds = before + begin.elapsed().as_secs_f64();
        match outcome {
            Ok(None) if claim.is_lost() => ended(End::Busy("a process that took this one for dead".to_owned())),
            Ok(None) => ended(End::Interrupted),
            Ok(Some(summary)) => Ok(Attempt::Computed(Box::new(Computed {
                address: address.to_owned(),
                place,
                summary,
                seconds,
                _claim: claim,
            }))),
            Err(_) if claim.is_lost() => ended(End::Busy("a process that took this one for dead".to_owned())),
            Err(LabError::Store(e @ (StoreError::Io { .. } | StoreError::Busy { .. }))) => Err(e.into()),
            Err(error) => {
                let end = self.fail(point, error.to_string())?;
                remove(&place)?;
                ended(end)
            }
        }
    }

    /// Takes over what an earlier holder left: renamed, so that it can write there no more. Returns the seconds spent on it.
    fn adopt(&self, address: &str, place: &Path) -> Result<f64, LabError> {
        for name in names(&self.dir.work())? {
            if name.strip_prefix(address).is_none_or(|rest| !rest.starts_with('.')) {
                continue;
            }
            let left = self.dir.work().join(&name);
            if place.exists() || !left.join("plan.toml").is_file() {
                remove(&left)?;
                continue;
            }
            match fs::rename(&left, place) {
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                other => other.map_err(io("take over", &left))?,
            }
            RunDir::forget_writers(place)?;
        }
        if !place.exists() {
            return Ok(0.0);
        }
        // At least something, as a sign that it was not begun here.
        Ok(Run::open(place).and_then(|r| r.manifest()).map_or(0.0, |m| m.wall_seconds).max(1e-9))
    }

    /// Runs the point in `place`; the summary, or nothing if it was interrupted.
    fn run(&self, point: usize, place: &Path, claim: &Claim) -> Result<Option<serde_json::Value>, LabError> {
        let dir = self.dir;
        let plan = dir.plan().plan(point).map_err(|c| crate::plan_error(&dir.plan().label(point), c))?;
        let inner = Arc::new(AtomicBool::new(self.interrupt.load(Ordering::Relaxed)));
        let options = RunOptions {
            out: Some(place.to_owned()),
            resume: true,
            checkpoint_every: Duration::from_secs(20),
            data_folder: dir.data_folder().to_owned(),
            interrupt: Arc::clone(&inner),
        };
        let mut guard = Guard { outer: Arc::clone(&self.interrupt), lost: claim.lost(), inner };
        let ran = catch_unwind(AssertUnwindSafe(|| carry_out(&plan, &options, &mut guard, false)));
        match ran {
            Ok(outcome) => {
                let outcome = outcome?;
                let summary = serde_json::to_value(&outcome.summary).unwrap_or_default();
                Ok((!outcome.interrupted).then_some(summary))
            }
            Err(panic) => {
                let said = panic.downcast_ref::<String>().cloned();
                let said = said.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default();
                Err(LabError::Panic { said })
            }
        }
    }

    /// Writes why a point failed.
    pub(super) fn fail(&self, point: usize, reason: String) -> Result<End, LabError> {
        let dir = self.dir;
        let path = dir.failed(&dir.addresses()[point]);
        create_folder(path.parent().unwrap_or(Path::new(".")))?;
        let failure = Failure { point: dir.plan().label(point), reason: reason.clone() };
        write_atomic(&path, &serde_json::to_vec_pretty(&failure).unwrap_or_default())?;
        Ok(End::Failed(reason))
    }
}

impl<'a> Publisher<'a> {
    pub(super) fn new(dir: &'a SweepDir) -> Result<Self, LabError> {
        Ok(Self { dir, journal: Journal::open(dir.journal())? })
    }

    /// The end of an attempt: a computed point is moved to its place, once, and has its line.
    pub(super) fn finish(&mut self, attempt: Attempt) -> End {
        match attempt {
            Attempt::Ended(end) => end,
            Attempt::Computed(point) => self.publish(&point).unwrap_or_else(|e| End::Trouble(e.to_string())),
        }
    }

    fn publish(&mut self, point: &Computed) -> Result<End, LabError> {
        let Computed { address, place, summary, seconds, .. } = point;
        let target = self.dir.point(address);
        let shard = target.parent().map(Path::to_path_buf).unwrap_or_default();
        create_folder(&shard)?;
        match fs::rename(place, &target) {
            Ok(()) => {}
            // Another one was faster, or took this process for dead.
            Err(e) if target.is_dir() || e.kind() == ErrorKind::NotFound => {
                remove(place)?;
                return Ok(End::Before);
            }
            Err(e) => return Err(io("publish", &target)(e).into()),
        }
        flush_folder(&shard)?;
        self.journal.append(&json!({"point": address, "seconds": *seconds, "rows": row_of(summary)}))?;
        Ok(End::Done(*seconds))
    }
}

fn remove(folder: &Path) -> Result<(), LabError> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(io("remove", folder)(e).into()),
        _ => Ok(()),
    }
}
