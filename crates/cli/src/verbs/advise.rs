//! `glasslab advise`: which width, which alpha, how many nets for a user's own data.

use crate::args::{Advise as Args, Common};
use crate::output;
use crate::progress::Bars;
use anyhow::Result;
use glasslab_lab::advise::{AdvisePlan, Budget, advise as seek};
use std::path::Path;
use std::process::ExitCode;

/// Spends the budget, prints the map and the advice.
pub fn advise(args: &Args, common: &Common) -> Result<ExitCode> {
    let plan = AdvisePlan {
        data: args.data.clone(),
        classes: args.classes.clone(),
        components: args.components,
        samples: args.samples,
        nets: args.nets,
        depth: args.shape.depth,
        activation: args.shape.activation.clone(),
        activation_slope: args.shape.slope,
        loss: args.shape.loss.clone(),
        loss_sharpness: args.shape.sharpness,
        steps: args.steps,
        back_test: !args.no_back_test,
        seed: args.seed,
        ..AdvisePlan::default()
    };
    let budget = Budget::parse(&args.budget).map_err(|c| {
        let mut all = vec![c];
        all.extend(plan.complaints());
        glasslab_lab::plan_error("advise", all)
    })?;
    let outcome = seek(plan, budget, Path::new("."), args.kept.out.as_deref(), args.kept.resume, &mut Bars::default())?;
    output::text(common, outcome.table.trim_end());
    output::text(common, &format!("report: {}", outcome.dir.join("report.html").display()));
    let mut json = outcome.summary;
    json["run"] = outcome.dir.display().to_string().into();
    output::json(common, &json)?;
    Ok(ExitCode::SUCCESS)
}
