//! Claims: which process of which machine works on what, with nothing but a shared file system between them.

use crate::StoreError;
use crate::atomic::create_folder;
use crate::error::io;
use crate::lock::{Owner, unique};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Silence after which the claim of a process that cannot be looked up is taken over.
pub const LEASE: Duration = Duration::from_secs(60);
/// Deaths of holders after which nobody tries again.
pub const DEATHS: u64 = 10;

/// Who holds a claim.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Holder {
    #[serde(flatten)]
    owner: Owner,
    /// `job/task` of the scheduler's array, and how often it was restarted; empty outside of one.
    #[serde(default)]
    task: String,
    #[serde(default)]
    restart: u64,
}

impl Holder {
    fn of_this_process() -> Self {
        let read = |name: &str| std::env::var(name).unwrap_or_default();
        let (job, task) = (read("SLURM_ARRAY_JOB_ID"), read("SLURM_ARRAY_TASK_ID"));
        let task = if job.is_empty() { String::new() } else { format!("{job}/{task}") };
        Self { owner: Owner::of_this_process(), task, restart: read("SLURM_RESTART_COUNT").parse().unwrap_or(0) }
    }

    /// True only if this holder certainly works no more.
    fn is_gone(&self, me: &Holder) -> bool {
        // The scheduler runs one instance of a task at a time: the one before the restart is over.
        let earlier = !self.task.is_empty() && self.task == me.task && self.restart < me.restart;
        earlier || self.owner.is_gone(&me.owner)
    }
}

/// The claims of one folder.
///
/// Protocol: `<name>.<generation>` is created exclusively, which one process alone can do; its age since the last beat says
/// whether the holder lives. Who finds the holder dead (a process of this machine that is gone, an earlier instance of the same
/// task of the scheduler, or a beat older than [`LEASE`] by the clock of the file system) creates the next generation, which
/// again one alone can do. A holder that was only slow finds out through [`Claim::is_lost`]; so that it can do no harm, work is
/// done in a folder of the holder's own, which the successor renames, and is published by a rename that succeeds once.
///
/// Checked by `of_many_one_holds`, `the_dead_are_succeeded_and_the_slow_find_out`.
#[derive(Clone, Debug)]
pub struct Claims {
    folder: PathBuf,
    lease: Duration,
}

/// What came of an attempt.
#[derive(Debug)]
pub enum Taken {
    /// Ours, until dropped.
    Ours(Claim),
    /// Another process works on it: which, where.
    Busy(String),
    /// So many processes died while they held it that it is left alone.
    Deadly(u64),
}

/// The right to work on something, given back on drop.
#[derive(Debug)]
pub struct Claim {
    folder: PathBuf,
    name: String,
    generation: u64,
    token: String,
    lost: Arc<AtomicBool>,
    stop: Arc<(Mutex<bool>, Condvar)>,
    beat: Option<JoinHandle<()>>,
}

impl Claims {
    /// The claims in `folder`, which is created.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let folder = folder.into();
        create_folder(&folder)?;
        Ok(Self { folder, lease: LEASE })
    }

    /// With another lease (tests).
    pub fn with_lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// Tries to claim `name`. Cost: one file created.
    pub fn take(&self, name: &str) -> Result<Taken, StoreError> {
        let me = Holder::of_this_process();
        if self.create(name, 0, &me)? {
            // The holder of a later generation may have tidied the first one away.
            return match self.latest(name)? {
                Some(0) | None => Ok(Taken::Ours(self.held(name, 0, &me))),
                Some(later) => {
                    self.remove(name, 0);
                    Ok(Taken::Busy(self.holder(name, later).1))
                }
            };
        }
        let Some(latest) = self.latest(name)? else {
            return Ok(Taken::Busy("a process that has just finished".to_owned()));
        };
        let (gone, who) = self.holder(name, latest);
        if !gone {
            return Ok(Taken::Busy(who));
        }
        if latest + 1 >= DEATHS {
            return Ok(Taken::Deadly(latest + 1));
        }
        let faster = || Ok(Taken::Busy("a process that was faster".to_owned()));
        if !self.create(name, latest + 1, &me)? {
            return faster();
        }
        // Another successor may have come and gone since the look: then this generation succeeds nobody.
        if !self.path(name, latest).exists() {
            self.remove(name, latest + 1);
            return faster();
        }
        Ok(Taken::Ours(self.held(name, latest + 1, &me)))
    }

    /// Takes away every claim of `name`, of the living too: only for who knows that there are none.
    pub fn clear(&self, name: &str) -> Result<(), StoreError> {
        for generation in self.generations(name)? {
            self.remove(name, generation);
        }
        Ok(())
    }

    /// Names that are claimed now, sorted, by processes that live or may live.
    pub fn held_names(&self) -> Result<Vec<String>, StoreError> {
        let mut names: Vec<(String, u64)> = Vec::new();
        for file in self.files()? {
            if let Some((name, generation)) = file.rsplit_once('.').and_then(|(n, g)| Some((n, g.parse().ok()?))) {
                names.push((name.to_owned(), generation));
            }
        }
        names.sort();
        // Of each name the last generation.
        let last: Vec<_> = names
            .iter()
            .enumerate()
            .filter(|(i, n)| names.get(i + 1).is_none_or(|m| m.0 != n.0))
            .map(|(_, n)| n)
            .collect();
        Ok(last.into_iter().filter(|(name, g)| !self.holder(name, *g).0).map(|(name, _)| name.clone()).collect())
    }

    fn path(&self, name: &str, generation: u64) -> PathBuf {
        path(&self.folder, name, generation)
    }

    fn remove(&self, name: &str, generation: u64) {
        let _ = fs::remove_file(self.path(name, generation));
    }

    /// True if this process created the file.
    fn create(&self, name: &str, generation: u64, me: &Holder) -> Result<bool, StoreError> {
        let path = self.path(name, generation);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(io("create", &path)(e)),
            Ok(mut file) => {
                let text = serde_json::to_vec(me).unwrap_or_default();
                if let Err(e) = file.write_all(&text) {
                    let _ = fs::remove_file(&path);
                    return Err(io("write", &path)(e));
                }
                Ok(true)
            }
        }
    }

    fn files(&self) -> Result<Vec<String>, StoreError> {
        let entries = fs::read_dir(&self.folder).map_err(io("read", &self.folder))?;
        Ok(entries.flatten().filter_map(|e| e.file_name().to_str().map(str::to_owned)).collect())
    }

    fn generations(&self, name: &str) -> Result<Vec<u64>, StoreError> {
        generations(&self.folder, name).map_err(io("read", &self.folder))
    }

    fn latest(&self, name: &str) -> Result<Option<u64>, StoreError> {
        Ok(self.generations(name)?.into_iter().max())
    }

    /// Whether the holder is gone, and who it is.
    fn holder(&self, name: &str, generation: u64) -> (bool, String) {
        let path = self.path(name, generation);
        let read = || -> Option<Holder> { serde_json::from_slice(&fs::read(&path).ok()?).ok() };
        let me = Holder::of_this_process();
        let near = |h: &Holder| h.owner.is_near(&me.owner);
        match read() {
            Some(holder) => {
                let who = format!("process {} on {}", holder.owner.pid, holder.owner.host);
                // One that can be looked up is believed to live as long as it is there.
                let gone = holder.is_gone(&me) || (!near(&holder) && self.is_silent(&path));
                (gone, who)
            }
            // Not written yet, or the writer died between two system calls.
            None => (self.is_silent(&path), "an unknown process".to_owned()),
        }
    }

    /// True if the file was not touched for the time of a lease, by the clock of the file system.
    fn is_silent(&self, path: &Path) -> bool {
        let age = || -> std::io::Result<Duration> {
            let probe = self.folder.join(format!(".now-{}-{}", std::process::id(), unique()));
            File::create_new(&probe)?.write_all(b"?")?;
            let now = fs::metadata(&probe).and_then(|m| m.modified());
            let _ = fs::remove_file(&probe);
            let then = fs::metadata(path)?.modified()?;
            Ok(now?.duration_since(then).unwrap_or_default())
        };
        age().is_ok_and(|a| a > self.lease)
    }

    fn held(&self, name: &str, generation: u64, me: &Holder) -> Claim {
        let (lost, stop) = (Arc::new(AtomicBool::new(false)), Arc::new((Mutex::new(false), Condvar::new())));
        let token = format!("{}-{:x}", me.owner.pid, unique());
        let mut claim =
            Claim { folder: self.folder.clone(), name: name.to_owned(), generation, token, lost, stop, beat: None };
        let (folder, name, lost, stop) =
            (claim.folder.clone(), claim.name.clone(), Arc::clone(&claim.lost), Arc::clone(&claim.stop));
        let every = self.lease / 6;
        claim.beat = std::thread::Builder::new()
            .name("claim".to_owned())
            .spawn(move || beat(&folder, &name, generation, every, &lost, &stop))
            .ok();
        claim
    }
}

fn path(folder: &Path, name: &str, generation: u64) -> PathBuf {
    folder.join(format!("{name}.{generation}"))
}

fn generations(folder: &Path, name: &str) -> std::io::Result<Vec<u64>> {
    let entries = fs::read_dir(folder)?;
    let generation = |file: std::ffi::OsString| file.to_str()?.strip_prefix(name)?.strip_prefix('.')?.parse().ok();
    Ok(entries.flatten().filter_map(|e| generation(e.file_name())).collect())
}

/// Touches the claim now and then, with the clock of whoever serves the file system.
fn beat(folder: &Path, name: &str, generation: u64, every: Duration, lost: &AtomicBool, stop: &(Mutex<bool>, Condvar)) {
    let path = path(folder, name, generation);
    let Ok(mut stopped) = stop.0.lock() else { return };
    loop {
        let Ok((guard, waited)) = stop.1.wait_timeout_while(stopped, every, |s| !*s) else { return };
        stopped = guard;
        if !waited.timed_out() {
            return;
        }
        let _ = OpenOptions::new().append(true).open(&path).and_then(|mut f| f.write_all(b" "));
        if generations(folder, name).is_ok_and(|g| g.iter().max() != Some(&generation)) {
            lost.store(true, Ordering::SeqCst);
        }
    }
}

impl Claim {
    /// What is claimed.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A word that no other claim has: for the name of the holder's own folder.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Holders that died before this one.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// True if another process has taken this one for dead: stop, and publish nothing.
    pub fn is_lost(&self) -> bool {
        let later = generations(&self.folder, &self.name).is_ok_and(|g| g.iter().max() != Some(&self.generation));
        later || self.lost.load(Ordering::SeqCst)
    }

    /// Becomes true some time after the claim was lost.
    pub fn lost(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.lost)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Ok(mut stopped) = self.stop.0.lock() {
            *stopped = true;
        }
        self.stop.1.notify_all();
        if let Some(beat) = self.beat.take() {
            let _ = beat.join();
        }
        // The last generation goes last: as long as it is there, nobody else can begin.
        for generation in 0..=self.generation {
            let _ = fs::remove_file(path(&self.folder, &self.name, generation));
        }
    }
}

#[cfg(test)]
mod tests;
