//! Flags of `age` and `run`.

use super::Place;
use clap::{Args, ValueEnum};

/// Arithmetic.
#[derive(ValueEnum, Clone, Copy, Debug)]
pub enum Digits {
    /// 32-bit.
    F32,
    /// 64-bit.
    F64,
}

/// What is changed in each quench that knows the field.
#[derive(Args, Debug)]
pub struct Altered {
    /// Data set of the networks: a name from `glasslab datasets`, or a folder of IDX or CIFAR files.
    #[arg(long, value_name = "NAME|DIR")]
    pub data: Option<String>,
    /// Width of the networks that have one (ResNet-18: channels of the first blocks, 64; Small Net: a factor, 1).
    #[arg(long, value_name = "W", allow_negative_numbers = true)]
    pub width: Option<String>,
    /// Safetensors file with the weights that the networks start from: kept by a run, or exported from elsewhere under the same
    /// names (layer1.weight, ...).
    #[arg(long, value_name = "FILE")]
    pub weights: Option<String>,
    /// Keep the last weights of each replica, in weights/QUENCH/replicaR/stepN.safetensors of the run.
    #[arg(long)]
    pub keep_weights: bool,
    /// Replicas (seeds) of each realisation.
    #[arg(long, value_name = "R")]
    pub replicas: Option<i64>,
    /// Realisations of the disorder (glasses).
    #[arg(long, value_name = "S")]
    pub samples: Option<i64>,
    /// Steps; the observation times become those of the default grid.
    #[arg(long, value_name = "N")]
    pub steps: Option<i64>,
    /// Learning rate (SGD).
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    pub rate: Option<f64>,
    /// Momentum (SGD).
    #[arg(long, value_name = "M", allow_negative_numbers = true)]
    pub momentum: Option<f64>,
    /// Mini-batch size (SGD).
    #[arg(long, value_name = "B", allow_negative_numbers = true)]
    pub batch: Option<i64>,
    /// Temperature (Langevin, hops).
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    pub temperature: Option<f64>,
    /// Time step (glasses).
    #[arg(long, value_name = "DT", allow_negative_numbers = true)]
    pub step_size: Option<f64>,
    /// Arithmetic of the native kernels.
    #[arg(long, value_enum)]
    pub precision: Option<Digits>,
    /// Measure the networks' relative stability R_f to smooth deformations on this many test images (displacement 1 pixel, cut-off 3;
    /// other settings: the table [quench.stability] of a plan).
    #[arg(long, value_name = "IMAGES")]
    pub stability: Option<u64>,
    /// Any parameter of the system, as NAME=VALUE in TOML (repeatable): `--set hidden=100 --set widths=[50,50]`.
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Seed of all random streams.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// Flags of `age`.
#[derive(Args, Debug)]
pub struct Age {
    /// Systems or named quenches (`glasslab systems`, `glasslab presets`); all flags below apply to each of them.
    #[arg(value_name = "SYSTEM")]
    pub systems: Vec<String>,
    /// What is changed in them.
    #[command(flatten)]
    pub altered: Altered,
    /// Where it goes.
    #[command(flatten)]
    pub place: Place,
}

/// Flags of `run`.
#[derive(Args, Debug)]
pub struct Run {
    /// A plan file, or the name of a preset; the flags below change it.
    #[arg(value_name = "PLAN")]
    pub plan: String,
    /// What is changed in it.
    #[command(flatten)]
    pub altered: Altered,
    /// Where it goes.
    #[command(flatten)]
    pub place: Place,
}
