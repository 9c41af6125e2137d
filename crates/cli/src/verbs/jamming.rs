//! `glasslab jamming`: the transition between networks that can meet all margins and networks that cannot.

use crate::args::{Common, Jamming, Place};
use crate::output;
use crate::progress::Bars;
use anyhow::Result;
use glasslab_lab::jamming::{JammingPlan, jamming as study};
use std::path::Path;
use std::process::ExitCode;

/// Trains all nets, writes the study, prints what was found.
pub fn jamming(args: &Jamming, common: &Common) -> Result<ExitCode> {
    let usual = JammingPlan::default();
    let or = |given: &[usize], usual: Vec<usize>| if given.is_empty() { usual } else { given.to_vec() };
    let plan = JammingPlan {
        data: args.data.clone(),
        components: args.components,
        depth: args.depth,
        biases: !args.no_biases,
        widths: or(&args.widths, if args.samples.is_empty() { usual.widths } else { Vec::new() }),
        ratios: if args.ratios.is_empty() { usual.ratios } else { args.ratios.clone() },
        samples: args.samples.clone(),
        nets: args.nets,
        method: args.method.clone(),
        rate: args.rate,
        steps: args.steps,
        test: args.test,
        spectra: args.spectra,
        seed: args.seed,
    };
    finish(plan, Path::new("."), args.kept.out.as_deref(), args.kept.resume, common)
}

/// Runs the study of a plan file.
pub fn carry_out(plan: JammingPlan, folder: &Path, place: &Place, common: &Common) -> Result<ExitCode> {
    if place.dry_run {
        output::text(common, plan.to_toml().trim_end());
        output::json(common, &serde_json::json!({ "plan": plan }))?;
        return Ok(ExitCode::SUCCESS);
    }
    finish(plan, folder, place.out.as_deref(), place.resume, common)
}

fn finish(plan: JammingPlan, folder: &Path, out: Option<&Path>, resume: bool, common: &Common) -> Result<ExitCode> {
    let outcome = study(plan, folder, out, resume, &mut Bars::default())?;
    output::text(common, outcome.table.trim_end());
    output::text(common, &format!("report: {}", outcome.dir.join("report.html").display()));
    let mut json = outcome.summary;
    json["run"] = outcome.dir.display().to_string().into();
    output::json(common, &json)?;
    Ok(ExitCode::SUCCESS)
}
