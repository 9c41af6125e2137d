//! `glasslab packing`: spheres at the verge of jamming.

use crate::args::{Common, Packing as Args};
use crate::output;
use crate::progress::Bars;
use anyhow::Result;
use glasslab_lab::{PackingPlan, Protocol, packing as make};
use std::process::ExitCode;

/// Makes the packings, writes the run, prints what was found; 1 if one is not isostatic.
pub fn packing(args: &Args, common: &Common) -> Result<ExitCode> {
    let usual = Protocol::bidisperse(args.dimension, args.n);
    let protocol = Protocol {
        ratio: args.ratio,
        from: args.from.unwrap_or(usual.from),
        overlap: args.overlap.unwrap_or(usual.overlap),
        ..usual
    };
    let plan = PackingPlan { protocol, packings: args.packings, seed: args.seed };
    let outcome = make(&plan, args.out.as_deref(), &mut Bars::default())?;
    output::text(common, outcome.table.trim_end());
    output::text(common, &format!("report: {}", outcome.dir.join("report.html").display()));
    let mut json = outcome.summary;
    json["run"] = outcome.dir.display().to_string().into();
    output::json(common, &json)?;
    Ok(if outcome.isostatic { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
