//! The command line as data: help, shell completion and the reference page come from this one definition.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// The laboratory that treats neural-network training as the quench of a physical system.
#[derive(Parser, Debug)]
#[command(name = "glasslab", version, about, max_term_width = 110, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// Flags that every verb takes.
    #[command(flatten)]
    pub common: Common,
}

/// Flags that every verb takes.
#[derive(Args, Debug, Clone)]
pub struct Common {
    /// Print one JSON document on stdout, everything else on stderr.
    #[arg(long, global = true)]
    pub json: bool,
    /// Threads to compute with (default: all cores). Results do not depend on it.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub threads: Option<u32>,
}

/// Where a run goes and how it goes on.
#[derive(Args, Debug, Clone)]
pub struct Place {
    /// Folder of the run (default: runs/NAME, or the next free runs/NAME-2, -3, ...).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on with the stopped run in --out DIR; refused if the plan differs.
    #[arg(long, requires = "out")]
    pub resume: bool,
    /// Seconds of computing between checkpoints. Results do not depend on it.
    #[arg(long, value_name = "SECONDS", default_value_t = 20.0)]
    pub checkpoint_every: f64,
    /// Print the resolved plan and the memory it needs, and stop.
    #[arg(long)]
    pub dry_run: bool,
}

/// What can be done.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Quench networks and glasses, measure two-time functions, say who ages; with no SYSTEM: the over- and the
    /// under-parametrised toy model on real digits beside the 3-spin glass.
    Age(Age),
    /// Carry out a plan (TOML file) or a preset by name.
    Run(Run),
    /// Carry out a plan at many points: a grid or a list of values for any of its fields, a run for each point, in processes on
    /// this machine or in job arrays of Slurm. Finished points are skipped; exit code 1 if points failed or are open.
    Sweep(Sweep),
    /// Map the (h, alpha) plane of a data set: where networks jam, learn features, are lazy; mean against ensemble; advice.
    Plane(Plane),
    /// Advise for data of your own: which width, which alpha, how many nets to average, with which error to expect; and put the
    /// advice to the test on data that were held out. Exact about its error: what it is chosen by is never what is quoted.
    Advise(Advise),
    /// Find the jamming transition of networks: how N_Delta, the number of unmet margins, jumps at a threshold of P/N; N*(P), the
    /// least number of weights that fits; the distribution of gaps; the Hessian taken apart.
    Jamming(crate::verbs::jamming::Jamming),
    /// Solve the exact two-time equations of the infinite spherical p-spin: energies, correlations, responses.
    MeanField(MeanField),
    /// Pack soft spheres to the verge of jamming: packing fraction, contacts, forces, gaps, vibrations. Exit code 1 if a packing
    /// does not have exactly the contacts that hold it.
    Packing(Packing),
    /// Check and compare the checkpoints of any training: integrity, two-time displacements, drift against diffusion.
    /// Reads safetensors, numpy (.npz, .npy), PyTorch (.pt, .pth, .bin, .ckpt: nothing of a pickle is run) and sketches; exit
    /// code 1 if something is wrong with the series.
    Series(Series),
    /// Project checkpoints onto few numbers each: small files that `series` compares with a known error.
    Sketch(Sketch),
    /// Write the report of one or several runs again.
    Report(Report),
    /// List the systems and their parameters.
    Systems(List),
    /// List the data sets.
    Datasets(List),
    /// List the presets; with a NAME print that plan.
    Presets(List),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the reference page of the command line (Markdown).
    #[command(hide = true)]
    Reference,
}

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
    /// Budget of a run: attempts of gradient flow.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub steps: u64,
    /// Rounds of bisection of h*(alpha) and alpha*(h) after the grid.
    #[arg(long, value_name = "ROUNDS", default_value_t = 0)]
    pub refine: u32,
    /// Seed of all random streams.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Folder of the run (default: runs/plane, or the next free one).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on with the stopped map in --out DIR; refused if the plan differs.
    #[arg(long, requires = "out")]
    pub resume: bool,
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
    /// Most attempts of gradient flow of one net.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub steps: u64,
    /// Do not put the advice to the test.
    #[arg(long)]
    pub no_back_test: bool,
    /// Seed of all random streams.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: u64,
    /// Folder of the run (default: runs/advise, or the next free one).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on with the stopped run in --out DIR; refused if the plan differs.
    #[arg(long, requires = "out")]
    pub resume: bool,
}

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
    /// A group of tensors: a name and a regular expression on their names (repeatable; default: the first component of the names).
    #[arg(long, value_name = "[NAME=]REGEX")]
    pub group: Vec<String>,
    /// Tensors to leave out: a regular expression on their names (repeatable).
    #[arg(long, value_name = "REGEX")]
    pub skip: Vec<String>,
    /// The state dict in PyTorch files that hold several, as in `model` or `ema.model` (default: the usual names).
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
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
    /// A group of tensors: a name and a regular expression on their names (repeatable; default: the first component of the names).
    #[arg(long, value_name = "[NAME=]REGEX")]
    pub group: Vec<String>,
    /// Tensors to leave out: a regular expression on their names (repeatable).
    #[arg(long, value_name = "REGEX")]
    pub skip: Vec<String>,
    /// The state dict in PyTorch files that hold several.
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Folder for the sketches, one file a checkpoint.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Flags of `report`.
#[derive(Args, Debug)]
pub struct Report {
    /// Folders of runs.
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<PathBuf>,
    /// The HTML file to write (default: report.html in the run, or in this folder for several runs).
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Flags of the lists.
#[derive(Args, Debug)]
pub struct List {
    /// Only this one, in full.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}
