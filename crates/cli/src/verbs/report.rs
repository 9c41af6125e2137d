//! `glasslab report`: writes the report of runs again.

use crate::args::{Common, Report};
use crate::output;
use anyhow::Result;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// One page for one or several runs.
pub fn report(args: &Report, common: &Common) -> Result<ExitCode> {
    let default = if args.runs.len() == 1 { args.runs[0].join("report.html") } else { PathBuf::from("report.html") };
    let out = args.out.clone().unwrap_or(default);
    glasslab_lab::report_runs(&args.runs, &out)?;
    output::text(common, &format!("report: {}", out.display()));
    output::json(common, &json!({"report": out}))?;
    Ok(ExitCode::SUCCESS)
}
