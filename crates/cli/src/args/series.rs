//! Flags of `series` and `sketch`.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// How finely displacements of a series are kept.
#[derive(ValueEnum, Clone, Copy, Debug)]
pub enum Detail {
    /// Of the whole only.
    Whole,
    /// And of every group of tensors.
    Groups,
    /// And of every tensor.
    Tensors,
}

/// Which tensors of a checkpoint count, and how they are grouped.
#[derive(Args, Debug)]
pub struct Tensors {
    /// A group of tensors: a name and a regular expression on their names (repeatable; default: the first component of the names).
    #[arg(long, value_name = "[NAME=]REGEX")]
    pub group: Vec<String>,
    /// Tensors to leave out: a regular expression on their names (repeatable).
    #[arg(long, value_name = "REGEX")]
    pub skip: Vec<String>,
    /// The state dict in PyTorch files that hold several, as in `model` or `ema.model` (default: the usual names).
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

/// Flags of `series`.
#[derive(Args, Debug)]
pub struct Series {
    /// A folder of checkpoints (files, or folders with one each), a list of files and folders or patterns with * and ?, one
    /// checkpoint each, or a table (.csv or .toml) of paths and steps. For the shards of multi-process training, a TOML table with
    /// shards = ["rank0.pt", "rank1.pt"], the files in the folder of each checkpoint, and tables of the array split with tensors =
    /// "regular expression" and along = 0 (or another dimension), "flat" or "copies".
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Most memory to use, as in 2GiB or 500MB. Results do not depend on it.
    #[arg(long, value_name = "BYTES", default_value = "2GiB")]
    pub memory: String,
    /// Displacements of the whole, of groups of tensors too, or of every tensor too.
    #[arg(long, value_enum, default_value = "tensors")]
    pub detail: Detail,
    /// Which tensors, and how they are grouped.
    #[command(flatten)]
    pub tensors: Tensors,
    /// Fourth moments and participation ratios of the displacements too, and all sums exact: four times the time.
    #[arg(long)]
    pub fourth: bool,
    /// Sums exact to 1e-12 though no number is stored in f64: twice the time. Without it f32 and shorter numbers are compared in f32,
    /// relative error below 4e-6, typically 1e-9.
    #[arg(long)]
    pub exact: bool,
    /// Folder to keep records, summary and report in (default: only print).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Flags of `sketch`.
#[derive(Args, Debug)]
pub struct Sketch {
    /// Checkpoints, as for `series`.
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Numbers kept per row: the standard error of a displacement is sqrt(2/K) of it.
    #[arg(long, value_name = "K", default_value_t = 4096)]
    pub k: usize,
    /// Seed of the signs. Only sketches of one seed can be compared.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// One row for the whole, for each group of tensors, or for each tensor.
    #[arg(long, value_enum, default_value = "groups")]
    pub detail: Detail,
    /// Which tensors, and how they are grouped.
    #[command(flatten)]
    pub tensors: Tensors,
    /// Folder for the sketches, one file a checkpoint.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}
