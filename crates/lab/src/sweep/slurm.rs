//! Sweeps on a cluster: real job arrays of Slurm, with nothing but the shared file system between the jobs.
//!
//! A task of an array begins with its own part of the open points (the k-th of K parts) and then takes whatever is open, so
//! that the points of a task that died are done by the others. Claims keep two processes from the same point, and a point is
//! published by one rename: so it does not matter whether a job was preempted, requeued, killed, or submitted twice because the
//! controller died before it could answer.

use super::dir::SweepDir;
use super::ledger::{Status, costs};
use super::local::Progress;
use super::work::{End, Publisher, Worker};
use super::{address, dir};
use crate::error::LabError;
use glasslab_store::{create_folder, write_atomic};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How to run on a cluster.
#[derive(Clone, Debug)]
pub struct Slurm {
    /// The program, on the shared file system, and the words that make it call [`work_through`].
    pub program: PathBuf,
    /// Words before the folder.
    pub words: Vec<String>,
    /// Threads (processors) of each task.
    pub threads: usize,
    /// More words for `sbatch`: partition, time limit, account...
    pub sbatch: Vec<String>,
    /// How long a task should take, from the measured cost of a point.
    pub task: Duration,
    /// Most tasks of an array.
    pub most_tasks: usize,
    /// Points that are run first to measure the cost.
    pub pilot: usize,
    /// Time between looks.
    pub poll: Duration,
    /// Submit what is open now and do not wait.
    pub detach: bool,
}

impl Default for Slurm {
    fn default() -> Self {
        Self {
            program: PathBuf::new(),
            words: Vec::new(),
            threads: 1,
            sbatch: Vec::new(),
            task: Duration::from_secs(1800),
            most_tasks: 1000,
            pilot: 3,
            poll: Duration::from_secs(5),
            detach: false,
        }
    }
}

/// Arrays in a row that finish no point before the sweep gives up.
const STALLS: usize = 3;

/// A task of an array: does its part of the open points, then whatever is open; stops when others hold all that is left.
/// `most`: so many points at most.
pub fn work_through(
    dir: &SweepDir,
    (task, tasks): (usize, usize),
    most: Option<usize>,
    interrupt: &Arc<AtomicBool>,
    note: &mut dyn FnMut(&str),
) -> Result<(), LabError> {
    let (worker, mut publisher) = (Worker::new(dir, Arc::clone(interrupt)), Publisher::new(dir)?);
    let mut left = most.unwrap_or(usize::MAX);
    let mut waited = Duration::ZERO;
    loop {
        let mut open = dir.open_points()?;
        if open.is_empty() {
            return Ok(());
        }
        let first = open.len() * (task % tasks.max(1)) / tasks.max(1);
        open.rotate_left(first);
        let mut others = 0;
        for point in open {
            if interrupt.load(Ordering::SeqCst) || left == 0 {
                return Ok(());
            }
            match publisher.finish(worker.attempt(point)) {
                End::Done(seconds) => {
                    note(&format!("point {point} ({}): done in {seconds:.2} s", dir.plan().label(point)));
                    (left, waited) = (left - 1, Duration::ZERO);
                }
                End::Failed(reason) => {
                    note(&format!("point {point} ({}): failed: {reason}", dir.plan().label(point)));
                    left -= 1;
                }
                End::Before => {}
                End::Busy(_) => others += 1,
                End::Interrupted => return Ok(()),
                End::Trouble(reason) => {
                    return Err(LabError::Stopped { reason, dir: dir.path().to_owned() });
                }
            }
        }
        // What is left is in other hands; of the hands that are dead it can be taken when their lease is over.
        if others > 0 {
            if waited > glasslab_store::claim::LEASE + Duration::from_secs(5) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_secs(1));
            waited += Duration::from_secs(1);
        }
    }
}

/// The answer of the scheduler.
enum Answer {
    Said(String),
    /// It does not answer now: ask again.
    Silent(String),
}

/// How often an unknown complaint is heard before it is believed: a controller that dies under a question has many last words.
const COMPLAINTS: usize = 4;

fn call(program: &str, words: &[String]) -> Result<Answer, LabError> {
    let command = format!("{program} {}", words.join(" "));
    let mut complaint = String::new();
    for heard in 0..COMPLAINTS {
        if heard > 0 {
            std::thread::sleep(Duration::from_secs(2));
        }
        let out = Command::new(program).args(words).output().map_err(|e| LabError::Slurm {
            command: program.to_owned(),
            said: format!("{e}: --on slurm needs the commands of Slurm (sbatch, squeue, scontrol) on this machine"),
        })?;
        if out.status.success() {
            return Ok(Answer::Said(String::from_utf8_lossy(&out.stdout).into_owned()));
        }
        complaint = String::from_utf8_lossy(&out.stderr).trim().to_owned();
        if is_silence(&complaint) {
            return Ok(Answer::Silent(complaint));
        }
    }
    Err(LabError::Slurm { command, said: complaint })
}

/// True for complaints that say that the controller is away, not that the question is wrong.
fn is_silence(complaint: &str) -> bool {
    let away = [
        "Unable to contact",
        "timed out",
        "onnection refused",
        "onnect failure",
        "Zero Bytes",
        "temporarily",
        "Transport endpoint",
        "not responding",
        "Communication connection failure",
        "standby mode",
        "socket error",
        "Connection reset",
    ];
    away.iter().any(|words| complaint.contains(words))
}

impl Slurm {
    /// Name of the jobs of a sweep: the same for every call, so that running jobs are found again.
    pub fn job_name(dir: &SweepDir) -> String {
        format!("glasslab-{}", &address::digest(&dir.path().display().to_string())[..10])
    }

    /// Tasks of this sweep that run and that wait, or why the scheduler does not answer. Held ones are released.
    fn queued(&self, dir: &SweepDir) -> Result<Result<(usize, usize), String>, LabError> {
        let name = format!("--name={}", Self::job_name(dir));
        let words = ["--noheader", "--array", &name, "--format=%i|%T|%r"].map(str::to_owned);
        let text = match call("squeue", &words)? {
            Answer::Said(text) => text,
            Answer::Silent(why) => return Ok(Err(why)),
        };
        let (mut running, mut waiting) = (0, 0);
        for line in text.lines() {
            let mut parts = line.trim().split('|');
            let (id, state, why) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
            match state {
                Some("RUNNING" | "COMPLETING" | "CONFIGURING") => running += 1,
                Some(_) => waiting += 1,
                None => {}
            }
            // A node that failed at the wrong moment leaves its jobs held by the system: not by a person.
            if why.contains("launch failed") {
                let _ = call("scontrol", &["release".to_owned(), id.unwrap_or_default().to_owned()]);
            }
        }
        Ok(Ok((running, waiting)))
    }

    /// Largest index of an array that the cluster allows, plus one.
    fn array_limit(&self) -> usize {
        let Ok(Answer::Said(text)) = call("scontrol", &["show".to_owned(), "config".to_owned()]) else { return 1001 };
        let line = text.lines().find(|l| l.trim_start().starts_with("MaxArraySize"));
        line.and_then(|l| l.split('=').nth(1)?.trim().parse().ok()).unwrap_or(1001)
    }

    /// Tasks for `open` points at this cost: so many that each takes about [`Slurm::task`].
    fn tasks(&self, open: usize, seconds: f64) -> usize {
        let whole = (seconds * open as f64 / self.task.as_secs_f64()).ceil().max(1.0);
        (whole as usize).clamp(1, open.min(self.most_tasks).max(1))
    }

    fn script(&self, dir: &SweepDir, most: Option<usize>) -> String {
        let quote = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
        let mut call = vec![quote(&self.program.display().to_string())];
        call.extend(self.words.iter().map(|w| quote(w)));
        call.push(quote(&dir.path().display().to_string()));
        call.push(format!("--threads {}", self.threads));
        if let Some(most) = most {
            call.push(format!("--most {most}"));
        }
        format!(
            "#!/bin/sh\n\
             # A task of the sweep. USR1 comes before the time limit: what is done is kept, and the task is queued again.\n\
             again=0\n\
             trap 'again=1; kill -TERM \"$child\" 2>/dev/null' USR1\n\
             trap 'kill -TERM \"$child\" 2>/dev/null' TERM INT\n\
             {} &\n\
             child=$!\n\
             while :; do\n\
             \x20   wait \"$child\"\n\
             \x20   code=$?\n\
             \x20   kill -0 \"$child\" 2>/dev/null || break\n\
             done\n\
             if [ \"$again\" = 1 ]; then scontrol requeue \"$SLURM_JOB_ID\"; fi\n\
             exit \"$code\"\n",
            call.join(" ")
        )
    }

    /// Submits an array; false if the scheduler does not answer.
    fn submit(&self, dir: &SweepDir, tasks: usize, most: Option<usize>) -> Result<bool, LabError> {
        let folder = dir.path().join("slurm");
        create_folder(&folder)?;
        let script = folder.join(if most.is_some() { "pilot.sh" } else { "array.sh" });
        write_atomic(&script, self.script(dir, most).as_bytes())?;
        let mut words = vec![
            "--parsable".to_owned(),
            format!("--job-name={}", Self::job_name(dir)),
            format!("--array=0-{}", tasks - 1),
            "--requeue".to_owned(),
            "--open-mode=append".to_owned(),
            "--signal=B:USR1@60".to_owned(),
            format!("--cpus-per-task={}", self.threads),
            format!("--chdir={}", dir.path().display()),
            format!("--output={}", folder.join("%A_%a.log").display()),
        ];
        words.extend(self.sbatch.iter().cloned());
        words.push(script.display().to_string());
        Ok(matches!(call("sbatch", &words)?, Answer::Said(_)))
    }

    /// The last words of the newest log.
    fn last_words(&self, dir: &SweepDir) -> String {
        let folder = dir.path().join("slurm");
        let logs = dir::names(&folder).unwrap_or_default();
        let logs = logs.iter().filter(|n| n.ends_with(".log")).map(|n| folder.join(n));
        let newest = logs.max_by_key(|p| std::fs::metadata(p).and_then(|m| m.modified()).ok());
        let text = newest.and_then(|p| std::fs::read(p).ok()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[text.len().saturating_sub(2000)..]).trim().to_owned();
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        if lines.is_empty() {
            "its log is empty".to_owned()
        } else {
            lines.into_iter().rev().collect::<Vec<_>>().join("; ")
        }
    }
}

/// Runs every open point in job arrays. First a pilot measures what a point costs; then arrays whose tasks take about the wished
/// time each; what jobs leave behind that ended without finishing is submitted again. An interruption leaves the jobs as they
/// are; calling it again goes on watching them.
///
/// Checked by `tests/slurm.rs` of the command line, with a real Slurm whose jobs and daemons are killed.
pub fn run_slurm(
    dir: &SweepDir,
    slurm: &Slurm,
    interrupt: &Arc<AtomicBool>,
    note: &mut dyn FnMut(&str),
    watch: &mut dyn FnMut(&Progress),
) -> Result<Status, LabError> {
    let version = call("sbatch", &["--version".to_owned()])?;
    if let Answer::Said(version) = version {
        note(&format!("{}; jobs are called {}", version.trim(), Slurm::job_name(dir)));
    }
    let limit = slurm.array_limit().min(slurm.most_tasks).max(1);
    let slurm = Slurm { most_tasks: limit, ..slurm.clone() };
    let (mut settled_at_submit, mut stalls, mut silent) = (None, 0, false);
    loop {
        let status = dir.states()?;
        let count = |state: &str| status.iter().filter(|s| **s == state).count();
        let (done, failed, open) = (count("done"), count("failed"), count("open"));
        if open == 0 || interrupt.load(Ordering::SeqCst) {
            return Status::of(dir);
        }
        let queued = slurm.queued(dir)?;
        let running = queued.as_ref().map_or(0, |q| q.0);
        let known = costs(dir)?;
        let mine: Vec<f64> = dir.addresses().iter().filter_map(|a| known.get(a).copied()).collect();
        let cost = (!mine.is_empty()).then(|| mine.iter().sum::<f64>() / mine.len() as f64);
        let left = cost.filter(|_| running > 0).map(|c| c * open as f64 / running as f64);
        watch(&Progress { points: status.len(), done, failed, running, left });
        match queued {
            Err(why) if !silent => {
                note(&format!("waiting for the controller of Slurm, which does not answer: {why}"));
                silent = true;
            }
            Err(_) => {}
            Ok((0, 0)) => {
                silent = false;
                if settled_at_submit == Some(done + failed) {
                    stalls += 1;
                    if stalls >= STALLS {
                        let said = format!(
                            "{STALLS} arrays in a row finished no point; the last one said: {}",
                            slurm.last_words(dir)
                        );
                        return Err(LabError::Slurm { command: "sbatch".to_owned(), said });
                    }
                } else {
                    stalls = 0;
                }
                let (tasks, most) = match cost {
                    None => (slurm.pilot.clamp(1, open), Some(1)),
                    Some(cost) => (slurm.tasks(open, cost), None),
                };
                if slurm.submit(dir, tasks, most)? {
                    settled_at_submit = Some(done + failed);
                    note(&match most {
                        Some(_) => {
                            format!("submitted a pilot: {tasks} tasks of one point, to measure what a point costs")
                        }
                        None => format!("submitted an array of {tasks} tasks for {open} points"),
                    });
                    if slurm.detach {
                        return Status::of(dir);
                    }
                }
            }
            Ok(_) => silent = false,
        }
        let until = Instant::now() + slurm.poll;
        while Instant::now() < until && !interrupt.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_that_is_away_is_told_from_a_wrong_question() {
        for away in [
            "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
            "squeue: error: slurm_msg_sendto: address:port=127.0.0.1:1 msg_type=2003: Unexpected missing socket error",
        ] {
            assert!(is_silence(away), "{away}");
        }
        assert!(!is_silence("sbatch: error: invalid partition specified: nowhere"));
        assert!(!is_silence("sbatch: error: Batch job submission failed: Invalid account"));
    }

    #[test]
    fn the_array_is_sized_from_the_cost() {
        let slurm = Slurm { task: Duration::from_secs(600), most_tasks: 50, ..Slurm::default() };
        assert_eq!(slurm.tasks(100, 60.0), 10);
        assert_eq!(slurm.tasks(100, 61.0), 11);
        assert_eq!(slurm.tasks(100, 0.001), 1);
        assert_eq!(slurm.tasks(100, 3600.0), 50);
        assert_eq!(slurm.tasks(7, 3600.0), 7);
    }
}
