//! What can go wrong, as data: numbers, shapes and names, never a bare text.

use std::fmt;

/// One complaint about a user's input: which field, what was found, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The field as the user wrote it, with its path (`quench[1].method.rate`).
    pub field: String,
    /// The offending value as the user wrote it.
    pub value: String,
    /// What would be accepted instead, as an imperative ("give a rate > 0").
    pub fix: String,
}

impl Complaint {
    /// A complaint about `field = value`, and the fix.
    pub fn new(field: impl Into<String>, value: impl fmt::Display, fix: impl Into<String>) -> Self {
        Self { field: field.into(), value: value.to_string(), fix: fix.into() }
    }

    /// The same complaint, one level deeper in the plan: `prefix.field`.
    pub fn within(mut self, prefix: &str) -> Self {
        self.field = format!("{prefix}.{}", self.field);
        self
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}: {}", self.field, self.value, self.fix)
    }
}

fn list(complaints: &[Complaint]) -> String {
    complaints.iter().map(|c| format!("\n  {c}")).collect()
}

/// Bytes in words: `12 kB`, `3.4 GB`.
pub fn readable_bytes(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.0} MB", bytes as f64 / 1e6),
        1_000_000_000..1_000_000_000_000 => format!("{:.1} GB", bytes as f64 / 1e9),
        _ => format!("{:.1} TB", bytes as f64 / 1e12),
    }
}

/// A failure of a System, a Stepper or an Observer.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// An array has the wrong length.
    #[error("{what} has {found} entries where {expected} are needed")]
    Shape {
        /// Which array.
        what: &'static str,
        /// Entries needed.
        expected: usize,
        /// Entries found.
        found: usize,
    },
    /// One or several values of the input are not acceptable; all are listed at once.
    #[error("the input cannot be used:{}", list(.0))]
    Input(Vec<Complaint>),
    /// This System does not have the ability that the Method needs.
    #[error("the system `{system}` cannot be moved by the method `{method}`: it lacks {ability}")]
    Unsupported {
        /// Name of the System.
        system: String,
        /// Name of the Method.
        method: &'static str,
        /// What is missing.
        ability: &'static str,
    },
    /// More memory is needed than there is.
    #[error("{what} needs {} of memory, {} are available: lower {lower}", readable_bytes(*needed), readable_bytes(*available))]
    Memory {
        /// What would be stored.
        what: String,
        /// Bytes needed.
        needed: u64,
        /// Bytes available.
        available: u64,
        /// Which parameter to lower.
        lower: &'static str,
    },
    /// A file could not be read.
    #[error("{path}: {problem}")]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it and what would be right.
        problem: String,
    },
    /// A function from outside (of a user's own System) failed.
    #[error("{what}: {problem}")]
    Outside {
        /// Which function of which System.
        what: String,
        /// What it said.
        problem: String,
    },
    /// A saved state does not fit the object that loads it.
    #[error("the saved state lacks `{name}` or holds it in another shape: it belongs to another plan")]
    State {
        /// Name of the array.
        name: String,
    },
}

impl Fault {
    /// A fault with a single complaint.
    pub fn input(field: impl Into<String>, value: impl fmt::Display, fix: impl Into<String>) -> Self {
        Fault::Input(vec![Complaint::new(field, value, fix)])
    }

    /// `Ok` if `found == expected`.
    pub fn check_len(what: &'static str, expected: usize, found: usize) -> Result<(), Fault> {
        if expected == found { Ok(()) } else { Err(Fault::Shape { what, expected, found }) }
    }
}
