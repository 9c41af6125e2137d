//! Sweeps: a plan at many points, each run in a directory of its own that is named by what the point depends on.

mod address;
mod axes;
mod dir;
mod gathered;
mod ledger;
mod local;
mod page;
mod plan;
mod process;
mod slurm;
mod table;
mod target;
mod work;

pub use address::Addresses;
pub use axes::Axis;
pub use dir::SweepDir;
pub use ledger::{Failure, Status, duration_words};
pub use local::{Local, Progress, run_local};
pub use plan::SweepPlan;
pub use process::serve;
pub use slurm::{Slurm, run_slurm, work_through};
pub use table::{Merged, merge};
pub use work::End;
