//! What stops the reading of a series, as data: which file, which field, which value, what to do.

use glasslab_core::Fault;
use std::path::{Path, PathBuf};

/// A series could not be analysed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeriesError {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}; give a checkpoint that can be read", path.display())]
    Io {
        /// What was tried: `read`, `open`, `list`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what its name says, is damaged or hostile: nothing of it was used.
    #[error("{}: {field} = {value}: {fix}", path.display())]
    Refused {
        /// The file or folder.
        path: PathBuf,
        /// The field of the file, `header length`, `tensor "x": data_offsets`.
        field: String,
        /// Its value.
        value: String,
        /// What is wrong with it and what to do.
        fix: String,
    },
    /// Fewer checkpoints than two-time functions need.
    #[error(
        "{found} checkpoints can be compared, at least 3 are needed: give a folder of safetensors files, or of folders with one each{}",
        because(problems)
    )]
    TooFew {
        /// Checkpoints that can be compared.
        found: usize,
        /// What was wrong with the others.
        problems: Vec<String>,
    },
    /// The memory that was allowed does not suffice.
    #[error("memory = {allowed} bytes: at least {needed} are needed for {what}; {fix}")]
    Memory {
        /// What needs it.
        what: String,
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        allowed: u64,
        /// What to change.
        fix: String,
    },
    /// An option or a measurement failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

fn because(problems: &[String]) -> String {
    problems.iter().take(10).map(|p| format!("\n  {p}")).collect()
}

pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> SeriesError {
    let path = path.to_owned();
    move |source| SeriesError::Io { action, path, source }
}

pub(crate) fn refused(
    path: &Path,
    field: impl Into<String>,
    value: impl std::fmt::Display,
    fix: impl Into<String>,
) -> SeriesError {
    SeriesError::Refused { path: path.to_owned(), field: field.into(), value: value.to_string(), fix: fix.into() }
}
