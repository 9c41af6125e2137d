//! What is wrong, or worth knowing, about a series: one row of the table of integrity.

use serde::Serialize;

/// Kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// The file cannot be read, is truncated, damaged or hostile.
    Unreadable,
    /// Parameters that most checkpoints have are missing.
    Missing,
    /// Parameters that most checkpoints do not have.
    Added,
    /// Parameters that are the same in every checkpoint, under several names (a note).
    Repeated,
    /// A parameter has another shape than in most checkpoints.
    Shape,
    /// A parameter has another number format than in most checkpoints.
    Dtype,
    /// NaN or infinities.
    NonFinite,
    /// Two checkpoints of one step.
    RepeatedStep,
    /// Name and metadata of a checkpoint tell different steps.
    StepMismatch,
    /// The checkpoints were given in another order than their steps.
    OutOfOrder,
    /// Two checkpoints with the same content.
    Duplicate,
    /// Two neighbours whose contents seem exchanged.
    Swapped,
    /// A checkpoint far from both neighbours, which are close to each other.
    Stray,
    /// A displacement far above those before and after it.
    Jump,
    /// Tensors that never change (a note).
    Frozen,
    /// Tensors that are not compared: integers, booleans, 8-bit formats (a note).
    Skipped,
    /// Running statistics of normalisations, which are compared like weights (a note).
    Statistics,
    /// Files that were passed over (a note).
    Ignored,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind.
    pub kind: Kind,
    /// True if something is wrong, false for a note.
    pub problem: bool,
    /// The checkpoint, or empty for the whole series.
    pub checkpoint: String,
    /// What was found, with numbers and names.
    pub what: String,
}

impl Finding {
    pub(crate) fn problem(kind: Kind, checkpoint: &str, what: impl Into<String>) -> Self {
        Self { kind, problem: true, checkpoint: checkpoint.to_owned(), what: what.into() }
    }

    pub(crate) fn note(kind: Kind, checkpoint: &str, what: impl Into<String>) -> Self {
        Self { kind, problem: false, checkpoint: checkpoint.to_owned(), what: what.into() }
    }
}

/// A list of names for a sentence: the first six, and how many more.
pub(crate) fn names<S: AsRef<str>>(all: &[S]) -> String {
    let shown: Vec<String> = all.iter().take(6).map(|n| n.as_ref().escape_debug().to_string()).collect();
    let more = if all.len() > 6 { format!(" and {} more", all.len() - 6) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}
