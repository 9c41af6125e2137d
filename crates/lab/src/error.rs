//! What stops a run before or during its work.

use glasslab_core::{Complaint, Fault};
use glasslab_store::StoreError;
use std::path::PathBuf;

fn list(complaints: &[Complaint]) -> String {
    complaints.iter().map(|c| format!("\n  {c}")).collect()
}

/// A run could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// The plan is not acceptable; all complaints at once.
    #[error("{origin} cannot be run:{}", list(complaints))]
    Plan {
        /// Where the plan came from: a file, a preset, the command line.
        origin: String,
        /// What is wrong, field by field.
        complaints: Vec<Complaint>,
    },
    /// A quench failed.
    #[error("quench `{quench}`: {fault}")]
    Quench {
        /// Its name.
        quench: String,
        /// What went wrong.
        fault: Fault,
    },
    /// The run directory holds another plan.
    #[error(
        "{dir} holds a run of another plan (first difference: {difference}): resume it with its own plan ({dir}/plan.toml), or choose another --out"
    )]
    OtherPlan {
        /// The directory.
        dir: PathBuf,
        /// The first line that differs.
        difference: String,
    },
    /// More memory is needed than there is.
    #[error(
        "this plan needs about {needed} of memory, {available} are available: lower `replicas`, `grid.waiting_count` or the size of the system"
    )]
    Memory {
        /// What is needed, readable.
        needed: String,
        /// What there is, readable.
        available: String,
    },
    /// Files.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The error of a plan that was refused.
pub fn plan_error(origin: &str, complaints: Vec<Complaint>) -> LabError {
    LabError::Plan { origin: origin.to_owned(), complaints }
}
