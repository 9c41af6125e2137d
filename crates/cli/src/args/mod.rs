//! The command line as data: help, shell completion and the reference page come from this one definition.

mod age;
mod glass;
mod plane;
mod series;
mod sweep;

pub use age::{Age, Altered, Digits, Run};
pub use glass::{MeanField, Packing};
pub use plane::{Advise, Jamming, Plane};
pub use series::{Detail, Series, Sketch};
pub use sweep::{On, Sweep};

use clap::{Args, Parser, Subcommand};
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

/// Where a study of many nets is kept and how it goes on.
#[derive(Args, Debug, Clone)]
pub struct Kept {
    /// Folder of the run (default: runs/VERB, or the next free one).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on with the stopped run in --out DIR; refused if the plan differs.
    #[arg(long, requires = "out")]
    pub resume: bool,
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
    Jamming(Jamming),
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
