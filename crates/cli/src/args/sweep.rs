//! Flags of `sweep`.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Where a sweep runs.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// Processes on this machine.
    Local,
    /// Job arrays of Slurm; the program and the folder must be on a file system that all nodes see.
    Slurm,
}

/// Flags of `sweep`.
#[derive(Args, Debug)]
pub struct Sweep {
    /// A plan with [sweep.grid] or [[sweep.points]], or the folder of a sweep.
    #[arg(value_name = "PLAN|DIR")]
    pub plan: String,
    /// Folder of the sweep (default: sweeps/NAME). Finished points in it are skipped.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Seed of all random streams, instead of the plan's.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: Option<u64>,
    /// Where to run.
    #[arg(long, value_enum, default_value = "local")]
    pub on: On,
    /// Processes on this machine (default: as many as there are cores, points and memory for).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub processes: Option<u32>,
    /// Try failed points again.
    #[arg(long)]
    pub retry: bool,
    /// Let a folder with another sweep become that of this plan; finished points that both have are kept.
    #[arg(long)]
    pub extend: bool,
    /// Print how the sweep stands, and stop.
    #[arg(long)]
    pub status: bool,
    /// Print every point with its state, and stop.
    #[arg(long)]
    pub list: bool,
    /// Write the table and the report of what is finished by now, and stop; also while others work.
    #[arg(long)]
    pub merge: bool,
    /// Check the plan, print its points and the memory that one needs, and stop.
    #[arg(long)]
    pub dry_run: bool,
    /// With --on slurm: minutes that a task should take, from the measured cost of a point.
    #[arg(long, value_name = "MINUTES", default_value_t = 30.0)]
    pub task_minutes: f64,
    /// With --on slurm: a word for sbatch (repeatable), as in --sbatch=--partition=short --sbatch=--time=120.
    #[arg(long, value_name = "WORD", allow_hyphen_values = true)]
    pub sbatch: Vec<String>,
    /// With --on slurm: submit what is open now and do not wait (the same command goes on later).
    #[arg(long)]
    pub detach: bool,
    /// A worker of --on local.
    #[arg(long, hide = true)]
    pub serve: bool,
    /// A task of --on slurm.
    #[arg(long, hide = true)]
    pub work: bool,
    /// Points that a task does at most.
    #[arg(long, hide = true)]
    pub most: Option<usize>,
    /// Seconds between looks at the queue.
    #[arg(long, hide = true, default_value_t = 5.0)]
    pub poll: f64,
}
