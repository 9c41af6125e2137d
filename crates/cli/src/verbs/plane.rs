//! `glasslab plane`: the (h, alpha) diagram.

use crate::args::{Common, Plane as Args};
use crate::output;
use crate::progress::Bars;
use anyhow::Result;
use glasslab_lab::plane::{PlanePlan, plane as map};
use std::path::Path;
use std::process::ExitCode;

/// Trains all nets of the grid, writes the map, prints it with the advice.
pub fn plane(args: &Args, common: &Common) -> Result<ExitCode> {
    let plan = PlanePlan {
        data: args.data.clone(),
        components: args.components,
        whiten: args.whiten,
        samples: args.samples,
        kernel: args.kernel,
        test: args.test,
        bias: args.bias,
        depth: args.shape.depth,
        activation: args.shape.activation.clone(),
        activation_slope: args.shape.slope,
        loss: args.shape.loss.clone(),
        loss_sharpness: args.shape.sharpness,
        subtract: !args.keep_f0,
        init: args.init.clone(),
        gain: args.gain,
        seeds: args.nets,
        steps: args.steps,
        method: args.method.clone(),
        largest_turn: args.largest_turn,
        largest_move: args.largest_move,
        memory: args.memory,
        temperature: args.temperature,
        batch: args.batch,
        refine: args.refine,
        curve: args.curve.clone(),
        seed: args.seed,
        ..PlanePlan::default()
    };
    let plan = PlanePlan {
        widths: if args.widths.is_empty() { plan.widths.clone() } else { args.widths.clone() },
        alphas: if args.alphas.is_empty() { plan.alphas.clone() } else { args.alphas.clone() },
        ..plan
    };
    carry_out(plan, Path::new("."), args.kept.out.as_deref(), args.kept.resume, common)
}

/// Carries out a plan of the plane; data sets that are folders or files are looked up in `folder`.
pub fn carry_out(
    plan: PlanePlan,
    folder: &Path,
    out: Option<&Path>,
    resume: bool,
    common: &Common,
) -> Result<ExitCode> {
    let outcome = map(plan, folder, out, resume, &mut Bars::default())?;
    output::text(common, outcome.table.trim_end());
    output::text(common, &format!("report: {}", outcome.dir.join("report.html").display()));
    let mut json = outcome.summary;
    json["run"] = outcome.dir.display().to_string().into();
    output::json(common, &json)?;
    Ok(ExitCode::SUCCESS)
}
