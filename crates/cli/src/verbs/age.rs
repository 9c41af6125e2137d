//! `glasslab age`: the main job.

use crate::args::{Age, Common, Digits};
use crate::verbs::run::carry_out;
use anyhow::{Result, bail};
use glasslab_lab::{Changes, plan_error};
use std::process::ExitCode;

/// Quenches the named systems (or the default three), with the flags applied to each.
pub fn age(args: &Age, common: &Common) -> Result<ExitCode> {
    let mut changes = Changes::default();
    let quench = [
        ("replicas", args.replicas.map(Into::into)),
        ("samples", args.samples.map(Into::into)),
        ("steps", args.steps.map(Into::into)),
        (
            "precision",
            args.precision.map(|p| match p {
                Digits::F32 => "f32".into(),
                Digits::F64 => "f64".into(),
            }),
        ),
    ];
    changes.quench.extend(quench.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    let method = [
        ("rate", args.rate.map(Into::into)),
        ("momentum", args.momentum.map(Into::into)),
        ("batch", args.batch.map(Into::into)),
        ("temperature", args.temperature.map(Into::into)),
        ("step_size", args.step_size.map(Into::into)),
    ];
    changes.method.extend(method.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    if let Some(data) = &args.data {
        changes.parameters.push(("data".to_owned(), data.clone().into()));
    }
    for set in &args.set {
        let Some((name, value)) = set.split_once('=') else {
            bail!("--set {set}: write NAME=VALUE, as in --set hidden=100");
        };
        changes.parameters.push((name.trim().to_owned(), glasslab_lab::toml_value(value.trim())));
    }
    changes.seed = args.seed;
    let plan = glasslab_lab::age_plan(&args.systems, &changes).map_err(|c| plan_error("command line", c))?;
    carry_out(&plan, std::path::Path::new(""), &args.place, common)
}
