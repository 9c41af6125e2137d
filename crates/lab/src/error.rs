//! What stops a run before or during its work.

use glasslab_core::{Complaint, Fault};
use glasslab_store::StoreError;
use std::path::PathBuf;

fn list(complaints: &[Complaint]) -> String {
    complaints.iter().map(|c| format!("\n  {c}")).collect()
}

fn meant(near: &str) -> String {
    if near.is_empty() { String::new() } else { format!("; did you mean the preset `{near}`?") }
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
    /// Data of a user that cannot be used.
    #[error(transparent)]
    Data(Fault),
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
    /// There is no plan of that name.
    #[error(
        "there is no plan file and no preset called `{name}`{} (`glasslab presets` lists the presets)",
        meant(near)
    )]
    NoPlan {
        /// What was asked for.
        name: String,
        /// The preset nearest to it, if any is near.
        near: &'static str,
    },
    /// The folder holds the points of another sweep.
    #[error(
        "{dir} holds another sweep (first difference: {difference}): choose another --out, or give --extend to make this the sweep of \
         that folder (finished points that both have are kept); nothing was changed"
    )]
    OtherSweep {
        /// The directory.
        dir: PathBuf,
        /// The first line that differs.
        difference: String,
    },
    /// The folder holds no sweep.
    #[error("{dir} holds no sweep (it has no sweep.toml): give a plan file with [sweep], or the folder of a sweep")]
    NoSweep {
        /// The directory.
        dir: PathBuf,
    },
    /// A bug of glasslab.
    #[error("the program panicked: {said}; please report it with the plan")]
    Panic {
        /// What it said.
        said: String,
    },
    /// Points of a sweep cannot be built; those at the ends of the axes were tried.
    #[error("the sweep cannot be run:{}", problems.iter().map(|p| format!("\n  {p}")).collect::<String>())]
    Points {
        /// Which point, and what is wrong.
        problems: Vec<String>,
    },
    /// A sweep could not go on for a reason that is not a point's own.
    #[error("the sweep stopped: {reason}; finished points are kept, go on with the same command ({dir})")]
    Stopped {
        /// Why.
        reason: String,
        /// Its directory.
        dir: PathBuf,
    },
    /// Slurm refused.
    #[error("{command}: {said}")]
    Slurm {
        /// What was called.
        command: String,
        /// What it answered, and what to do.
        said: String,
    },
    /// Files.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The error of a plan that was refused.
pub fn plan_error(origin: &str, complaints: Vec<Complaint>) -> LabError {
    LabError::Plan { origin: origin.to_owned(), complaints }
}
