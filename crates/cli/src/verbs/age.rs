//! `glasslab age`: the main job.

use crate::args::{Age, Common};
use crate::verbs::run::carry_out;
use anyhow::Result;
use glasslab_lab::plan_error;
use std::path::Path;
use std::process::ExitCode;

/// Quenches the named systems (or the default three), with the flags applied to each.
pub fn age(args: &Age, common: &Common) -> Result<ExitCode> {
    let changes = args.altered.changes(Path::new(""))?;
    let plan = glasslab_lab::age_plan(&args.systems, &changes).map_err(|c| plan_error("command line", c))?;
    carry_out(&plan, Path::new(""), &args.place, common)
}
