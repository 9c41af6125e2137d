//! `glasslab run`: carries out a plan.

use crate::args::{Common, Place, Run};
use crate::output;
use crate::progress::Bars;
use anyhow::{Context, Result, bail};
use glasslab_lab::jamming::JammingPlan;
use glasslab_lab::plane::PlanePlan;
use glasslab_lab::{Changes, Plan, RunOptions, changed_plan, plan_error, plan_text};
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Runs a plan file, or a preset by name.
pub fn run(args: &Run, common: &Common) -> Result<ExitCode> {
    let (text, folder) = plan_text(&args.plan)?;
    let changes = args.altered.changes(&folder)?;
    if let Some(plane) = PlanePlan::parse(&text) {
        let plan = plane.map_err(|c| plan_error(&args.plan, c))?;
        if (Changes { seed: None, ..changes.clone() }) != Changes::default() {
            bail!("{}: of the flags that change a plan, one of a plane takes --seed alone: change the plan", args.plan);
        }
        let plan = PlanePlan { seed: changes.seed.unwrap_or(plan.seed), ..plan };
        if args.place.dry_run {
            output::text(common, &plan.resolved().to_toml());
            return Ok(ExitCode::SUCCESS);
        }
        return super::plane::carry_out(plan, &folder, args.place.out.as_deref(), args.place.resume, common);
    }
    if let Some(study) = JammingPlan::parse(&text).map_err(|c| plan_error(&args.plan, c))? {
        if (Changes { seed: None, ..changes.clone() }) != Changes::default() {
            bail!(
                "{}: of the flags that change a plan, a study of jamming takes --seed alone: change the plan",
                args.plan
            );
        }
        let study = JammingPlan { seed: changes.seed.unwrap_or(study.seed), ..study };
        return super::jamming::carry_out(study, &folder, &args.place, common);
    }
    let plan = changed_plan(&text, &changes).map_err(|c| plan_error(&args.plan, c))?;
    carry_out(&plan, &folder, &args.place, common)
}

/// Runs a checked plan in its place, prints the summary.
pub fn carry_out(plan: &Plan, folder: &Path, place: &Place, common: &Common) -> Result<ExitCode> {
    if !(place.checkpoint_every > 0.0 && place.checkpoint_every.is_finite()) {
        bail!("--checkpoint-every = {}: give a number of seconds > 0", place.checkpoint_every);
    }
    if place.dry_run {
        let estimate = glasslab_lab::estimate(plan, folder)?;
        output::text(common, &format!("{}\n# memory: {estimate}", plan.to_toml()));
        output::json(common, &json!({"plan": plan, "memory_bytes": estimate.bytes()}))?;
        return Ok(ExitCode::SUCCESS);
    }
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        eprintln!("\nstopping after this step and saving; press Ctrl-C again to stop at once");
    })
    .context("no handler for Ctrl-C could be installed")?;
    let options = RunOptions {
        out: place.out.clone(),
        resume: place.resume,
        checkpoint_every: Duration::from_secs_f64(place.checkpoint_every),
        data_folder: folder.to_path_buf(),
        interrupt: interrupted,
    };
    let outcome = glasslab_lab::run(plan, &options, &mut Bars::default())?;
    output::text(common, &outcome.table());
    if outcome.interrupted {
        let again = format!("stopped early; go on with --out {} --resume", outcome.dir.display());
        output::text(common, &again);
    } else {
        output::text(common, &format!("report: {}", outcome.dir.join("report.html").display()));
    }
    output::json(common, &outcome.json())?;
    Ok(if outcome.interrupted { ExitCode::from(1) } else { ExitCode::SUCCESS })
}
