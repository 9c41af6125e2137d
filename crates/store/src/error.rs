//! What can go wrong on disk, as data: which file, what is wrong with it, what to do.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// A failure to write or read a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}; {}", path.display(), advice(source))]
    Io {
        /// What was tried: `write`, `read`, `create the folder`...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: Error,
    },
    /// A file is not what its name says, or is damaged.
    #[error("{}: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// A record cannot be written in this format.
    #[error("the record `{name}` cannot be written: {problem}")]
    Record {
        /// Name of the record, dimension or attribute.
        name: String,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// A state cannot be written as a checkpoint.
    #[error("the state cannot be written: the array `{name}` {problem}")]
    State {
        /// Name of the array.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The folder holds something else.
    #[error("{} is not empty and holds no run: give another folder, nothing was changed", path.display())]
    NotARun {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds a run already.
    #[error("{} holds a run already: continue it with --resume or give another folder, nothing was changed", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// There is no run to read.
    #[error("{} holds no run (it has no {missing}): give the folder of a run", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
        /// The file that is missing.
        missing: &'static str,
    },
    /// Another process writes there.
    #[error("{} is being written by process {pid} on {host}: wait for it or give another folder; if that process is gone, remove {}", path.display(), lock.display())]
    Busy {
        /// The folder.
        path: PathBuf,
        /// Process number of the other one.
        pid: u32,
        /// Its machine.
        host: String,
        /// The lock file.
        lock: PathBuf,
    },
    /// Every checkpoint is damaged.
    #[error("no checkpoint in {} can be read, the run cannot be resumed; start it again in another folder. {}", path.display(), problems.join("; "))]
    NoCheckpoint {
        /// The folder of checkpoints.
        path: PathBuf,
        /// What is wrong with each, newest first.
        problems: Vec<String>,
    },
}

/// What a user can do about an error of the operating system.
fn advice(source: &Error) -> &'static str {
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "free space on that disk or give another folder; what was there before is unchanged"
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "give a folder that you may write to; what was there before is unchanged"
        }
        ErrorKind::NotFound => "check the path",
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => "a file is in the way: give another folder",
        _ => "what was there before is unchanged",
    }
}

/// Wraps an error of the operating system: `.map_err(io("write", path))`.
pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(Error) -> StoreError {
    move |source| StoreError::Io { action, path: path.to_owned(), source }
}

/// A damaged file.
pub(crate) fn damaged(path: &Path, problem: impl Into<String>) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), problem: problem.into() }
}
