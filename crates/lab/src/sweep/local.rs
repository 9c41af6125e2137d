//! Sweeps on this machine: worker processes of the same program, handed one point after the other.

use super::dir::SweepDir;
use super::ledger::{Status, costs};
use super::process::{Input, Process, close};
use super::work::{End, Worker};
use crate::error::LabError;
use crate::run::available_memory;
use glasslab_store::claim::Taken;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// How to run on this machine.
#[derive(Clone, Debug)]
pub struct Local {
    /// The program and the words that make it call [`serve`](super::serve).
    pub program: PathBuf,
    /// Words before the folder.
    pub words: Vec<String>,
    /// Processes.
    pub processes: usize,
    /// Threads of each.
    pub threads: usize,
}

/// How a sweep goes on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Points of the plan.
    pub points: usize,
    /// Finished, those before this call included.
    pub done: usize,
    /// Failed.
    pub failed: usize,
    /// In work, where it is known.
    pub running: usize,
    /// Seconds left, from the measured cost of a point.
    pub left: Option<f64>,
}

/// Attempts at a point whose process dies.
const TRIES: usize = 3;
/// Points in the hands of a process: the one in work and the next, so that it never waits for its driver.
const AHEAD: usize = 2;
/// Mean cost of a point in seconds above which none is handed out ahead: waiting is nothing there, and another process may be free first.
const SHORT: f64 = 5.0;

impl Local {
    /// As many processes as there are cores, points and memory for; more threads each where points are few. Says why if memory
    /// is what limits.
    pub fn sized(
        dir: &SweepDir,
        program: PathBuf,
        processes: Option<usize>,
    ) -> Result<(Self, Option<String>), LabError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let open = dir.open_points()?.len().max(1);
        let wanted = processes.unwrap_or(cores).clamp(1, open);
        let mut most = 1;
        for point in dir.plan().corners() {
            if let Ok(plan) = dir.plan().plan(point)
                && let Ok(estimate) = crate::run::estimate(&plan, dir.data_folder())
            {
                most = most.max(estimate.bytes());
            }
        }
        let fit = available_memory().map_or(wanted, |bytes| (bytes / most).clamp(1, wanted as u64) as usize);
        let note = (fit < wanted).then(|| {
            format!(
                "{fit} processes instead of {wanted}: a point needs about {}",
                glasslab_core::fault::readable_bytes(most)
            )
        });
        let local = Self { program, words: Vec::new(), processes: fit, threads: (cores / fit).max(1) };
        Ok((local, note))
    }
}

/// What all threads of the driver share.
struct Desk<'a> {
    dir: &'a SweepDir,
    local: &'a Local,
    queue: Mutex<VecDeque<(usize, usize)>>,
    /// Points in the hands of other sweeps: looked at again later.
    later: Mutex<Vec<usize>>,
    /// Seconds that finished points cost, and their number.
    cost: Mutex<(f64, usize)>,
    stop: Arc<AtomicBool>,
    trouble: Mutex<Option<String>>,
    inputs: Mutex<Vec<Input>>,
}

impl Desk<'_> {
    /// The next point and how often it was tried; waits while others work on what is left.
    fn next(&self) -> Option<(usize, usize)> {
        loop {
            if self.stop.load(Ordering::SeqCst) {
                return None;
            }
            if let Some(next) = self.queue.lock().ok()?.pop_front() {
                return Some(next);
            }
            let waiting = std::mem::take(&mut *self.later.lock().ok()?);
            if waiting.is_empty() {
                return None;
            }
            std::thread::sleep(Duration::from_millis(500));
            self.queue.lock().ok()?.extend(waiting.into_iter().map(|p| (p, 0)));
        }
    }

    /// The next point for a process that has one in work, where points are short and many: the last ones are for who is free first.
    fn ahead(&self) -> Option<(usize, usize)> {
        let (spent, count) = *self.cost.lock().ok()?;
        let short = count > 0 && spent / (count as f64) < SHORT;
        let mut queue = self.queue.lock().ok()?;
        let first = *queue.front()?;
        // Points whose process died are tried alone: another's death is no fault of theirs.
        let go = short && queue.len() > self.local.processes && first.1 == 0 && !self.stop.load(Ordering::SeqCst);
        if go { queue.pop_front() } else { None }
    }

    fn trouble(&self, reason: String) {
        if let Ok(mut trouble) = self.trouble.lock() {
            trouble.get_or_insert(reason);
        }
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Serves one process after the other until there is nothing left to do.
    fn serve(&self, report: &mpsc::Sender<Option<(usize, End)>>) {
        let mut process: Option<Process> = None;
        // Points that were handed over and are not answered, and how often each was tried before.
        let mut handed: VecDeque<(usize, usize)> = VecDeque::new();
        loop {
            if handed.is_empty() {
                let Some(next) = self.next() else { return };
                handed.push_back(next);
                if process.is_none() {
                    match Process::start(self.local, self.dir) {
                        Ok(started) => {
                            if let Ok(mut inputs) = self.inputs.lock() {
                                inputs.push(Arc::clone(&started.input));
                            }
                            process = Some(started);
                        }
                        Err(e) => {
                            self.trouble(format!("a worker process could not be started: {e}"));
                            return;
                        }
                    }
                }
                let _ = report.send(None);
                // One that is dead does not answer either.
                let _ = process.as_ref().map(|running| running.hand(next.0));
            }
            let Some(running) = &mut process else { return };
            while handed.len() < AHEAD
                && handed.iter().all(|p| p.1 == 0)
                && let Some(next) = self.ahead()
            {
                handed.push_back(next);
                let _ = report.send(None);
                let _ = running.hand(next.0);
            }
            let Some(&(point, _)) = handed.front() else { return };
            match running.answer(point) {
                Some(end) => {
                    handed.pop_front();
                    self.take(point, end, report);
                }
                None => {
                    let death = running.death();
                    process = None;
                    for (point, tries) in handed.drain(..).rev() {
                        let end = if self.stop.load(Ordering::SeqCst) {
                            End::Interrupted
                        } else if tries + 1 < TRIES {
                            // What it left is gone on from.
                            if let Ok(mut queue) = self.queue.lock() {
                                queue.push_front((point, tries + 1));
                            }
                            End::Busy("nobody".to_owned())
                        } else {
                            self.bury(point, format!("{death} ({TRIES} times)"))
                        };
                        self.take(point, end, report);
                    }
                }
            }
        }
    }

    /// Takes note of how a point ended.
    fn take(&self, point: usize, end: End, report: &mpsc::Sender<Option<(usize, End)>>) {
        match &end {
            End::Done(seconds) => {
                if let Ok(mut cost) = self.cost.lock() {
                    *cost = (cost.0 + seconds, cost.1 + 1);
                }
            }
            End::Busy(who) if who != "nobody" => {
                if let Ok(mut later) = self.later.lock() {
                    later.push(point);
                }
            }
            End::Trouble(reason) => self.trouble(reason.clone()),
            // The worker itself was told to stop.
            End::Interrupted => self.stop.store(true, Ordering::SeqCst),
            _ => {}
        }
        let _ = report.send(Some((point, end)));
    }

    /// Writes that a point kills its process.
    fn bury(&self, point: usize, reason: String) -> End {
        let write = || -> Result<End, LabError> {
            let _claim = match self.dir.claims().take(&self.dir.addresses()[point])? {
                Taken::Busy(who) => return Ok(End::Busy(who)),
                other => other,
            };
            Worker::new(self.dir, Arc::clone(&self.stop)).fail(point, reason)
        };
        write().unwrap_or_else(|e| End::Trouble(e.to_string()))
    }
}

/// Runs every open point on this machine; `watch` is told how it goes on, several times a second at most.
///
/// An interruption stops every point after its current step and keeps what was done. Trouble that is not a point's own, a full
/// disk say, stops the sweep with an error; finished points stay.
pub fn run_local(
    dir: &SweepDir,
    local: &Local,
    interrupt: &Arc<AtomicBool>,
    watch: &mut dyn FnMut(&Progress),
) -> Result<Status, LabError> {
    let before = Status::of(dir)?;
    let open = dir.open_points()?;
    let mut progress =
        Progress { points: before.points, done: before.done, failed: before.failed, ..Progress::default() };
    let mut left = open.len();
    let known = costs(dir)?;
    let (mut spent, mut count) = (before.seconds_per_point.unwrap_or(0.0) * known.len() as f64, known.len());
    let desk = Desk {
        dir,
        local,
        queue: Mutex::new(open.into_iter().map(|p| (p, 0)).collect()),
        later: Mutex::default(),
        cost: Mutex::new((spent, count)),
        stop: Arc::new(AtomicBool::new(false)),
        trouble: Mutex::default(),
        inputs: Mutex::default(),
    };
    let (send, receive) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..local.processes {
            let (desk, send) = (&desk, send.clone());
            scope.spawn(move || desk.serve(&send));
        }
        drop(send);
        let mut shown: Option<Instant> = None;
        loop {
            if interrupt.load(Ordering::SeqCst) {
                desk.stop.store(true, Ordering::SeqCst);
            }
            if desk.stop.load(Ordering::SeqCst)
                && let Ok(inputs) = desk.inputs.lock()
            {
                inputs.iter().for_each(close);
            }
            match receive.recv_timeout(Duration::from_millis(200)) {
                Ok(None) => progress.running += 1,
                Ok(Some((_, end))) => {
                    progress.running = progress.running.saturating_sub(1);
                    match end {
                        End::Done(seconds) => {
                            (progress.done, left) = (progress.done + 1, left.saturating_sub(1));
                            (spent, count) = (spent + seconds, count + 1);
                        }
                        End::Before => (progress.done, left) = (progress.done + 1, left.saturating_sub(1)),
                        End::Failed(_) => (progress.failed, left) = (progress.failed + 1, left.saturating_sub(1)),
                        _ => {}
                    }
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
            if shown.is_none_or(|s| s.elapsed() > Duration::from_millis(100)) {
                progress.left = (count > 0).then(|| spent / count as f64 * left as f64 / local.processes as f64);
                watch(&progress);
                shown = Some(Instant::now());
            }
        }
    });
    if let Some(reason) = desk.trouble.into_inner().ok().flatten() {
        return Err(LabError::Stopped { reason, dir: dir.path().to_owned() });
    }
    Status::of(dir)
}
