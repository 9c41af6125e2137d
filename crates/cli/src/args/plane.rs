//! Flags of `plane`, `advise` and `jamming`.

use super::Kept;
use clap::Args;

/// Networks of the plane and their loss.
#[derive(Args, Debug)]
pub struct Shape {
    /// Hidden layers.
    #[arg(long, value_name = "L", default_value_t = 2)]
    pub depth: usize,
    /// Nonlinearity: relu, tanh, softplus or swish.
    #[arg(long, value_name = "NAME", default_value = "swish")]
    pub activation: String,
    /// Slope of the nonlinearity.
    #[arg(long, value_name = "BETA", default_value_t = 10.0, allow_negative_numbers = true)]
    pub slope: f64,
    /// Loss: hinge, quadratic-hinge, soft-hinge or logistic.
    #[arg(long, value_name = "NAME", default_value = "soft-hinge")]
    pub loss: String,
    /// Sharpness of the soft hinge.
    #[arg(long, value_name = "BETA", default_value_t = 20.0, allow_negative_numbers = true)]
    pub sharpness: f64,
}

/// Flags of `plane`. Convention: alpha is that of f = (1/h) w . z, sqrt(h) times the alpha of the papers.
#[derive(Args, Debug)]
pub struct Plane {
    /// Data set, folder, CSV file (last column or the one headed y: the class), or random, stripe, sphere, cylinder, teacher.
    #[arg(long, value_name = "NAME|DIR|FILE", default_value = "mnist")]
    pub data: String,
    /// Principal components to keep (dimensions of synthetic data); 0: all inputs.
    #[arg(long, value_name = "D", default_value_t = 10)]
    pub components: usize,
    /// Give every component unit variance.
    #[arg(long)]
    pub whiten: bool,
    /// Training samples.
    #[arg(long, value_name = "P", default_value_t = 500)]
    pub samples: usize,
    /// Test samples; 0: all that are left, at most 10,000.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub test: usize,
    /// Samples on which tangent kernels are taken.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub kernel: usize,
    /// Widths h, separated by commas.
    #[arg(long, value_name = "H,H,...", value_delimiter = ',')]
    pub widths: Vec<usize>,
    /// Scales alpha, separated by commas.
    #[arg(long, value_name = "A,A,...", value_delimiter = ',', allow_negative_numbers = true)]
    pub alphas: Vec<f64>,
    /// Nets (seeds) a point.
    #[arg(long, value_name = "S", default_value_t = 5)]
    pub nets: u64,
    /// Networks and loss.
    #[command(flatten)]
    pub shape: Shape,
    /// Standard deviation of the biases of the first hidden layer; 0: none.
    #[arg(long, value_name = "B", default_value_t = 0.0, allow_negative_numbers = true)]
    pub bias: f64,
    /// Predictor alpha f instead of alpha (f - f0).
    #[arg(long)]
    pub keep_f0: bool,
    /// Law of the initial weights: normal, or orthogonal (Haar).
    #[arg(long, value_name = "NAME", default_value = "normal")]
    pub init: String,
    /// Factor on orthogonal initial weights.
    #[arg(long, value_name = "G", default_value_t = 1.0, allow_negative_numbers = true)]
    pub gain: f64,
    /// Budget of a run: attempts of gradient flow, or mini-batches.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub steps: u64,
    /// How nets are moved: flow, or sgd (mini-batches at a temperature).
    #[arg(long, value_name = "NAME", default_value = "flow")]
    pub method: String,
    /// Flow: limit of |F - F'|^2/(|F| |F'|) of a step.
    #[arg(long, value_name = "TURN", default_value_t = 1e-4, allow_negative_numbers = true)]
    pub largest_turn: f64,
    /// Flow: limit of the change of alpha f of a step.
    #[arg(long, value_name = "MOVE", default_value_t = 0.1, allow_negative_numbers = true)]
    pub largest_move: f64,
    /// Flow: time over which forces are remembered (continuous momentum); 0: none.
    #[arg(long, value_name = "TAU", default_value_t = 0.0, allow_negative_numbers = true)]
    pub memory: f64,
    /// SGD: its temperature, rate/(alpha h batch).
    #[arg(long, value_name = "T", default_value_t = 1e-3, allow_negative_numbers = true)]
    pub temperature: f64,
    /// SGD: samples of a batch.
    #[arg(long, value_name = "B", default_value_t = 32)]
    pub batch: usize,
    /// Rounds of bisection of h*(alpha) and alpha*(h) after the grid.
    #[arg(long, value_name = "ROUNDS", default_value_t = 0)]
    pub refine: u32,
    /// Numbers of training samples at which the least width that fits is looked for at the middle alpha, for N*(P).
    #[arg(long, value_name = "P,P,...", value_delimiter = ',')]
    pub curve: Vec<usize>,
    /// Seed of all random streams.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Where it is kept.
    #[command(flatten)]
    pub kept: Kept,
}

/// Flags of `advise`. Convention: alpha is that of f = (1/h) w . z, sqrt(h) times the alpha of the papers.
#[derive(Args, Debug)]
pub struct Advise {
    /// Data set by name, folder of IDX or CIFAR files, CSV file (last column or the one headed y: the class), or .npz with x and y.
    #[arg(long, value_name = "NAME|DIR|FILE")]
    pub data: String,
    /// Work of the choice: small (1e12 floating-point operations), medium (1e13), large (1e14), a number of operations, or a time
    /// (90s, 10m, 2h), which is turned into operations by a measured rate. The back-test comes on top.
    #[arg(long, value_name = "WORK|TIME", default_value = "small", allow_negative_numbers = true)]
    pub budget: String,
    /// Which classes become +1 and -1: parity (of the number of the class), or two groups as in 0,1,2/3 or cat/rest.
    #[arg(long, value_name = "A,B/C,D", default_value = "parity")]
    pub classes: String,
    /// Training samples; 0: as many as the budget is good for.
    #[arg(long, value_name = "P", default_value_t = 0)]
    pub samples: usize,
    /// Principal components to keep; 0: all inputs (default: all of at most 50 inputs, else 30).
    #[arg(long, value_name = "D")]
    pub components: Option<usize>,
    /// Most nets to average.
    #[arg(long, value_name = "S", default_value_t = 12)]
    pub nets: usize,
    /// Networks and loss.
    #[command(flatten)]
    pub shape: Shape,
    /// Most attempts of gradient flow of one net.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub steps: u64,
    /// Do not put the advice to the test.
    #[arg(long)]
    pub no_back_test: bool,
    /// Seed of all random streams.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: u64,
    /// Where it is kept.
    #[command(flatten)]
    pub kept: Kept,
}

/// Flags of `jamming`.
#[derive(Args, Debug)]
pub struct Jamming {
    /// random (labels alternate), or a data set, folder or CSV file (parity of the class).
    #[arg(long, value_name = "NAME|DIR|FILE", default_value = "random")]
    pub data: String,
    /// Dimensions, or whitened principal components; 0: as many as hidden units for random data, else 10.
    #[arg(long, value_name = "D", default_value_t = 0)]
    pub components: usize,
    /// Hidden layers of ReLU.
    #[arg(long, value_name = "L", default_value_t = 3)]
    pub depth: usize,
    /// No biases (they are never counted in N).
    #[arg(long)]
    pub no_biases: bool,
    /// Widths h of the scan over P/N, separated by commas (default: 8,12,18 unless --samples is given).
    #[arg(long, value_name = "H,H,...", value_delimiter = ',')]
    pub widths: Vec<usize>,
    /// Ratios P/N of the scan, separated by commas (default: 2 to 3.4 in steps of 0.2).
    #[arg(long, value_name = "R,R,...", value_delimiter = ',', allow_negative_numbers = true)]
    pub ratios: Vec<f64>,
    /// Training samples P at which N*(P), the least number of weights that fits, is looked for by bisection in h.
    #[arg(long, value_name = "P,P,...", value_delimiter = ',')]
    pub samples: Vec<usize>,
    /// Nets a point.
    #[arg(long, value_name = "S", default_value_t = 10)]
    pub nets: u64,
    /// How nets are moved: adam, fire or flow.
    #[arg(long, value_name = "NAME", default_value = "adam")]
    pub method: String,
    /// Rate of Adam times h (annealed to a tenth over the budget), first time step of FIRE, limit of the turn of flow.
    #[arg(long, value_name = "RATE", default_value_t = 0.1, allow_negative_numbers = true)]
    pub rate: f64,
    /// Budget of a net: steps.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub steps: u64,
    /// Test samples of data that have labels.
    #[arg(long, value_name = "N", default_value_t = 2000)]
    pub test: usize,
    /// Nets at each point whose Hessian H0 + Hp is taken apart if they jam.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub spectra: u64,
    /// Seed of all random streams.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Where it is kept.
    #[command(flatten)]
    pub kept: Kept,
}
