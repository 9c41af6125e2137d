//! `glasslab mean-field`: the infinite spherical p-spin.

use crate::args::{Common, MeanField as Args};
use crate::output;
use crate::progress::Bars;
use anyhow::{Result, bail};
use glasslab_lab::{MeanField, MeanFieldPlan, Start, mean_field as solve};
use std::process::ExitCode;

/// Solves, writes the run, prints the energies.
pub fn mean_field(args: &Args, common: &Common) -> Result<ExitCode> {
    let start = match args.start.as_str() {
        "random" => Start::Random,
        text => match text.parse() {
            Ok(temperature) => Start::Equilibrium(temperature),
            Err(_) => bail!("--start {text}: give `random`, or a temperature to start in equilibrium at"),
        },
    };
    let s = match (args.s, args.weight) {
        (None, None) => None,
        (Some(s), Some(w)) => Some((s, w)),
        _ => bail!("--s and --weight belong together: give both for a mixed model, none for a pure one"),
    };
    let model = MeanField { p: args.p, s, temperature: args.temperature, start, until: args.until };
    let plan = MeanFieldPlan { model, tolerance: args.tolerance };
    let outcome = solve(&plan, args.out.as_deref(), &mut Bars::default())?;
    output::text(common, outcome.table.trim_end());
    output::text(common, &format!("report: {}", outcome.dir.join("report.html").display()));
    let mut json = outcome.summary;
    json["run"] = outcome.dir.display().to_string().into();
    output::json(common, &json)?;
    Ok(ExitCode::SUCCESS)
}
