//! Flags of `mean-field` and `packing`.

use clap::Args;
use std::path::PathBuf;

/// Flags of `mean-field`. Convention: covariance N f(q), f(q) = q^p/2.
#[derive(Args, Debug)]
pub struct MeanField {
    /// Spins per interaction, from 2.
    #[arg(long, default_value_t = 3)]
    pub p: u32,
    /// Order of a second interaction (mixed model), with --weight.
    #[arg(long)]
    pub s: Option<u32>,
    /// Weight w of the second interaction: f = [(1-w) q^p + w q^s]/2.
    #[arg(long, value_name = "W", allow_negative_numbers = true)]
    pub weight: Option<f64>,
    /// Temperature of the dynamics; 0: gradient descent.
    #[arg(long, value_name = "T", default_value_t = 0.0, allow_negative_numbers = true)]
    pub temperature: f64,
    /// `random`, or the temperature of an equilibrium start.
    #[arg(long, value_name = "random|T", default_value = "random", allow_negative_numbers = true)]
    pub start: String,
    /// Last time.
    #[arg(long, value_name = "TIME", default_value_t = 1e4, allow_negative_numbers = true)]
    pub until: f64,
    /// Largest error allowed in the energy.
    #[arg(long, value_name = "ERROR", default_value_t = 1e-4, allow_negative_numbers = true)]
    pub tolerance: f64,
    /// Folder of the run (default: runs/mean-field, or the next free one).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Flags of `packing`.
#[derive(Args, Debug)]
pub struct Packing {
    /// Spheres in a packing, half of them small.
    #[arg(long, value_name = "N", default_value_t = 256, allow_negative_numbers = true)]
    pub n: usize,
    /// Dimension, 2 or 3.
    #[arg(long, value_name = "D", default_value_t = 3, allow_negative_numbers = true)]
    pub dimension: usize,
    /// Diameter of the large spheres over that of the small ones, 1 to 2.
    #[arg(long, value_name = "RATIO", default_value_t = 1.4, allow_negative_numbers = true)]
    pub ratio: f64,
    /// Packing fraction at which random points are first relaxed (default: 0.68, or 0.87 in two dimensions).
    #[arg(long, value_name = "PHI", allow_negative_numbers = true)]
    pub from: Option<f64>,
    /// Root mean square overlap to come down to (default: 1e-6).
    #[arg(long, value_name = "OVERLAP", allow_negative_numbers = true)]
    pub overlap: Option<f64>,
    /// Number of packings.
    #[arg(long, value_name = "K", default_value_t = 4)]
    pub packings: u64,
    /// Seed of the starting points.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Folder of the run (default: runs/packing, or the next free one).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}
