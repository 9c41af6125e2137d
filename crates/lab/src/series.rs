//! Checkpoint series: what the crate `series` finds, kept as a run directory with its report.

use crate::error::LabError;
use crate::summary::short;
pub use glasslab_series::{
    Aging, Analysis, Components, Detail, Drift, Estimate, Exponent, Finding, Kind, Member, Options, Progress,
    SeriesError, Sketch, Summary, Unit, Written, analyse, project,
};
use glasslab_store::RunDir;
use serde::Serialize;
use std::path::PathBuf;

/// What is written to `plan.toml`: what decides the bytes of the records (the memory does not).
#[derive(Serialize)]
struct Plan<'a> {
    series: Choice<'a>,
}

#[derive(Serialize)]
struct Choice<'a> {
    paths: Vec<String>,
    detail: Detail,
    groups: &'a [String],
    skip: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    fourth: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    exact: bool,
}

/// Name and value of everything worth a row, in a fixed order.
pub fn rows(summary: &Summary) -> Vec<(String, String)> {
    let (first, last) = (summary.checkpoints.first(), summary.checkpoints.last());
    let between = first.zip(last).map_or(String::new(), |(a, b)| format!(", steps {} to {}", a.step, b.step));
    let mut rows = vec![
        ("checkpoints".to_owned(), format!("{}{between}", summary.checkpoints.len())),
        ("compared parameters N".to_owned(), format!("{} in {} tensors", summary.parameters, summary.tensors)),
        ("distance, first to last".to_owned(), short(summary.distance)),
        ("path length".to_owned(), short(summary.path_length)),
        ("cosine, first to last".to_owned(), format!("{:.6}", summary.cosine)),
    ];
    if let Some(k) = summary.sketch {
        let error = 100.0 * (2.0 / k as f64).sqrt();
        rows.insert(2, ("sketches".to_owned(), format!("k = {k}: displacements within {error:.2} %")));
    }
    let mut number = |name: String, value: f64, error: f64| rows.push((name, format!("{value:.3} ± {error:.3}")));
    if let Some(t) = summary.tortuosity {
        number("tortuosity".to_owned(), t.value, t.error);
    }
    for (name, d) in [("drift fraction", summary.drift), ("drift fraction, late", summary.drift_late)] {
        if let Some(d) = d {
            number(name.to_owned(), d.value, d.error);
        }
    }
    if let Some(c) = &summary.components {
        number("effective dimension".to_owned(), c.effective_dimension.value, c.effective_dimension.error);
    }
    for e in &summary.exponents {
        number(format!("gamma at t_w = {}", e.waiting_time), e.gamma, e.error);
    }
    if let Some(a) = summary.aging {
        let value = format!("{:.3} (95 % {:.3} to {:.3})", a.mu, a.low, a.high);
        rows.push((format!("mu, t_w = {} to {}", a.from, a.to), value));
    }
    rows
}

/// The table of integrity and results for a terminal.
pub fn table(summary: &Summary) -> String {
    let mut out = findings(&summary.findings);
    out.push_str("\nresults\n");
    for (name, value) in rows(summary) {
        out.push_str(&format!("  {name:26} {value}\n"));
    }
    out.push_str(&format!("  {:26} {}\n", "verdict", summary.verdict.to_uppercase()));
    for why in &summary.why {
        out.push_str(&format!("    {why}\n"));
    }
    visible(&out)
}

/// The table of integrity for a terminal.
pub fn findings(findings: &[Finding]) -> String {
    let mut out = String::from("integrity\n");
    if findings.is_empty() {
        out.push_str("  nothing found\n");
    }
    for f in findings {
        let (kind, level) = (kind(f), if f.problem { "PROBLEM" } else { "note" });
        out.push_str(&format!("  {level:8} {kind:13} {}{}{}\n", f.checkpoint, gap(&f.checkpoint), f.what));
    }
    visible(&out)
}

/// Names of files and tensors cannot steer a terminal.
fn visible(text: &str) -> String {
    text.trim_end().chars().map(|c| if c.is_control() && c != '\n' { '?' } else { c }).collect()
}

pub(crate) fn gap(checkpoint: &str) -> &'static str {
    if checkpoint.is_empty() { "" } else { ": " }
}

pub(crate) fn kind(finding: &Finding) -> String {
    let value = serde_json::to_value(finding.kind).unwrap_or_default();
    value.as_str().unwrap_or("finding").replace('-', " ")
}

/// Takes the run directory `out`, before anything long is done; it must not exist, or be empty.
pub fn place(out: PathBuf) -> Result<RunDir, LabError> {
    Ok(RunDir::create(out)?)
}

/// Writes plan, records (`records/series.nc`), summary and report.
pub fn keep(dir: &RunDir, paths: &[PathBuf], options: &Options, analysis: &Analysis) -> Result<(), LabError> {
    let paths: Vec<String> = paths.iter().map(|p| p.to_string_lossy().into_owned()).collect();
    let choice = Choice {
        paths,
        detail: options.detail,
        groups: &options.groups,
        skip: &options.skip,
        key: options.key.as_deref(),
        fourth: options.fourth,
        exact: options.exact,
    };
    let plan = toml::to_string(&Plan { series: choice }).map_err(|e| {
        crate::plan_error("series", vec![glasslab_core::Complaint::new("series", e, "give plain paths")])
    })?;
    dir.write_plan(&plan)?;
    dir.write_records("series", &analysis.records)?;
    dir.write_summary(&analysis.summary)?;
    dir.write_report(&crate::series_page::page(&plan, analysis))?;
    Ok(())
}
