//! One writer per run directory, without a daemon: each writer announces itself in a file of its own.

use crate::StoreError;
use crate::atomic::write_atomic;
use crate::error::io;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PREFIX: &str = "lock-";

/// Who writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Owner {
    pub(crate) pid: u32,
    /// When the process started, so that a reused number is told apart; empty where unknown.
    started: String,
    /// Of this boot of the machine; empty where unknown.
    boot: String,
    pub(crate) host: String,
}

/// The right to write to a run directory, given back on drop.
///
/// A writer puts a file with a name of its own (`lock-<pid>-<number>`) in the directory, whole from the first instant,
/// and only then looks for others: of two writers at least the later one sees the other, and withdraws. A file
/// whose process is gone (killed, or from before a reboot of this machine) counts for nothing and is removed by the
/// next holder. The process of another machine cannot be looked up: its file is believed, and the error names it.
///
/// Checked by `two_runs_never_share_a_directory` and `the_lock_of_a_dead_process_is_taken_over`.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
}

impl Lock {
    /// Takes the lock of `folder`. Tries a few times for half a second, since two that start together both withdraw.
    pub(crate) fn take(folder: &Path) -> Result<Self, StoreError> {
        let me = Owner::of_this_process();
        let mut tries = 0;
        loop {
            match Self::announce(folder, &me) {
                Err(StoreError::Busy { .. }) if tries < 4 => {
                    tries += 1;
                    let fraction = (unique() ^ u64::from(me.pid)) % 100;
                    std::thread::sleep(Duration::from_millis(50 * tries + fraction));
                }
                other => return other,
            }
        }
    }

    fn announce(folder: &Path, me: &Owner) -> Result<Self, StoreError> {
        let path = folder.join(format!("{PREFIX}{}-{}", me.pid, unique()));
        let text = serde_json::to_vec(me).unwrap_or_default();
        write_atomic(&path, &text)?;
        // From here on, dropping the lock withdraws it.
        let lock = Self { path };
        let mut dead = Vec::new();
        for other in announcements(folder)? {
            if other == lock.path {
                continue;
            }
            let Ok(text) = fs::read(&other) else { continue };
            match serde_json::from_slice::<Owner>(&text) {
                Ok(owner) if owner.is_gone(me) => dead.push(other),
                Ok(owner) => {
                    let path = folder.to_owned();
                    return Err(StoreError::Busy { path, pid: owner.pid, host: owner.host, lock: other });
                }
                // Written whole or not at all: what cannot be read was damaged, not half written.
                Err(_) => {
                    return Err(StoreError::Busy {
                        path: folder.to_owned(),
                        pid: 0,
                        host: "an unknown machine".to_owned(),
                        lock: other,
                    });
                }
            }
        }
        for path in dead {
            let _ = fs::remove_file(path);
        }
        Ok(lock)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// True for the name of a lock file.
pub(crate) fn is_lock(name: &str) -> bool {
    name.starts_with(PREFIX)
}

fn announcements(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = fs::read_dir(folder).map_err(io("read", folder))?;
    let locks = entries.flatten().filter(|e| e.file_name().to_str().is_some_and(is_lock));
    Ok(locks.map(|e| e.path()).collect())
}

/// A number that no other lock of this process has.
pub(crate) fn unique() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64);
    (nanos << 8) | (NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed) & 0xff)
}

impl Owner {
    pub(crate) fn of_this_process() -> Self {
        let pid = std::process::id();
        let read = |path: &str| fs::read_to_string(path).map(|s| s.trim().to_owned()).unwrap_or_default();
        let mut host = read("/proc/sys/kernel/hostname");
        if host.is_empty() {
            host = std::env::var("HOSTNAME").or_else(|_| std::env::var("COMPUTERNAME")).unwrap_or_default();
        }
        Self { pid, started: started(pid).unwrap_or_default(), boot: read("/proc/sys/kernel/random/boot_id"), host }
    }

    /// True for a process of this machine, that can be looked up.
    pub(crate) fn is_near(&self, me: &Owner) -> bool {
        self.host == me.host
    }

    /// True only if this owner certainly runs no more.
    pub(crate) fn is_gone(&self, me: &Owner) -> bool {
        if !self.is_near(me) {
            return false;
        }
        if !self.boot.is_empty() && !me.boot.is_empty() && self.boot != me.boot {
            return true;
        }
        match started(self.pid) {
            Some(now) => !self.started.is_empty() && now != self.started,
            None => !me.started.is_empty(),
        }
    }
}

/// When the process of this number started, in the words of the system; `None` if there is none (or if it cannot be
/// looked up, in which case it cannot be for this process either).
fn started(pid: u32) -> Option<String> {
    if cfg!(target_os = "linux") {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the name in parentheses and may hold anything; the start time is the 22nd.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        // A zombie writes no more.
        if state == "Z" || state == "X" { None } else { fields.nth(18).map(str::to_owned) }
    } else {
        let output = std::process::Command::new("ps").args(["-o", "lstart=", "-p", &pid.to_string()]).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plant(folder: &Path, owner: &Owner) -> PathBuf {
        let path = folder.join(format!("{PREFIX}planted"));
        fs::write(&path, serde_json::to_vec(owner).unwrap()).unwrap();
        path
    }

    #[test]
    fn two_runs_never_share_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(dir.path()).unwrap();
        let error = Lock::take(dir.path()).unwrap_err();
        assert!(matches!(error, StoreError::Busy { pid, .. } if pid == std::process::id()), "{error}");
        assert!(error.to_string().contains("being written by process"), "{error}");
        drop(first);
        drop(Lock::take(dir.path()).unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left");
    }

    #[test]
    fn of_many_that_start_together_at_most_one_holds() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let dir = tempfile::tempdir().unwrap();
        let (holders, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        if let Ok(lock) = Lock::announce(dir.path(), &Owner::of_this_process()) {
                            most.fetch_max(holders.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                            std::thread::yield_now();
                            holders.fetch_sub(1, Ordering::SeqCst);
                            drop(lock);
                        }
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_lock_of_a_dead_process_is_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let me = Owner::of_this_process();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let other = Owner { pid: child.id(), started: started(child.id()).unwrap(), ..me.clone() };
        let path = plant(dir.path(), &other);
        assert!(matches!(Lock::take(dir.path()), Err(StoreError::Busy { .. })), "a living process keeps its lock");
        child.kill().unwrap();
        child.wait().unwrap();
        let lock = Lock::take(dir.path()).unwrap();
        assert!(!path.exists());
        drop(lock);
        // The same number, another process.
        plant(dir.path(), &Owner { started: "1".to_owned(), ..me.clone() });
        drop(Lock::take(dir.path()).unwrap());
        // Before a reboot.
        plant(dir.path(), &Owner { boot: "0".to_owned(), ..me.clone() });
        drop(Lock::take(dir.path()).unwrap());
        // Another machine cannot be asked.
        plant(dir.path(), &Owner { host: "elsewhere".to_owned(), pid: 1, ..me });
        let error = Lock::take(dir.path()).unwrap_err().to_string();
        assert!(error.contains("elsewhere") && error.contains("lock-planted"), "{error}");
    }
}
