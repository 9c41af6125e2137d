//! The command line of glasslab: parses, calls the laboratory, prints; no physics here.
#![forbid(unsafe_code)]

mod altered;
mod args;
mod output;
mod progress;
mod verbs;

use args::{Cli, Verb};
use clap::Parser;
use std::process::ExitCode;

/// Exit codes: 0 done, 1 a check failed or a run was interrupted, 2 could not run.
fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(threads) = cli.common.threads {
        glasslab_lab::set_threads(threads as usize);
    }
    let outcome = match &cli.verb {
        Verb::Age(age) => verbs::age::age(age, &cli.common),
        Verb::Run(run) => verbs::run::run(run, &cli.common),
        Verb::Sweep(args) => verbs::sweep::sweep(args, &cli.common),
        Verb::Plane(args) => verbs::plane::plane(args, &cli.common),
        Verb::Advise(args) => verbs::advise::advise(args, &cli.common),
        Verb::Jamming(args) => verbs::jamming::jamming(args, &cli.common),
        Verb::MeanField(args) => verbs::mean_field::mean_field(args, &cli.common),
        Verb::Packing(args) => verbs::packing::packing(args, &cli.common),
        Verb::Series(args) => verbs::series::series(args, &cli.common),
        Verb::Sketch(args) => verbs::series::sketch(args, &cli.common),
        Verb::Report(report) => verbs::report::report(report, &cli.common),
        Verb::Systems(list) => verbs::list::systems(list, &cli.common),
        Verb::Datasets(list) => verbs::list::datasets(list, &cli.common),
        Verb::Presets(list) => verbs::list::presets(list, &cli.common),
        Verb::Completions { shell } => verbs::list::completions(*shell),
        Verb::Reference => verbs::list::reference(),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            ExitCode::from(2)
        }
    }
}
