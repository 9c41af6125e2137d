//! Live recorders: what the crate `series` measured of somebody's training, kept as a run directory with its report.

use crate::error::LabError;
use crate::summary::short;
use glasslab_core::Dataset;
use glasslab_report::{AgingReport, QuenchView, TimeUnit, Tone, Verdict, plain};
pub use glasslab_series::live::{Keep, Live, LiveSummary, Recorded, combined, judged};
use glasslab_store::{Manifest, RunDir, utc};
use std::path::PathBuf;
use std::time::SystemTime;

/// Name and value of everything worth a row, in a fixed order.
pub fn rows(summary: &LiveSummary) -> Vec<(String, String)> {
    let mut rows = vec![
        ("recorded parameters N".to_owned(), summary.parameters.to_string()),
        ("recorders".to_owned(), summary.replicas.to_string()),
        ("times".to_owned(), format!("{}, waiting times {}", summary.times, summary.waiting_times)),
        ("kept at waiting times".to_owned(), summary.references.clone()),
        ("distance, first to last".to_owned(), short(summary.distance)),
        ("path length".to_owned(), short(summary.path_length)),
        ("cosine, first to last".to_owned(), format!("{:.6}", summary.cosine)),
    ];
    if let Some((first, last)) = summary.train_loss {
        rows.push(("train loss".to_owned(), format!("{} -> {}", short(first), short(last))));
    }
    let drifts = [("drift fraction", summary.drift), ("drift fraction, late", summary.drift_late)];
    rows.extend(drifts.into_iter().filter_map(|(n, d)| Some((n.to_owned(), format!("{:.3}", d?.value)))));
    for e in &summary.exponents {
        rows.push((format!("gamma at t_w = {}", e.waiting_time), format!("{:.3}", e.gamma)));
    }
    rows
}

/// Makes the run directory `out` (which must not exist, or be empty): plan (the recorder's settings, TOML), records
/// (`records/recorder.nc`), summary and report.
pub fn keep(
    out: PathBuf,
    label: &str,
    settings: &str,
    records: &Dataset,
    summary: &LiveSummary,
) -> Result<(), LabError> {
    let dir = RunDir::create(out)?;
    dir.write_plan(settings)?;
    dir.write_records("recorder", records)?;
    dir.write_summary(summary)?;
    dir.write_report(&page(label, settings, records, summary))?;
    let mut manifest = Manifest::new(0, rayon::current_num_threads() as u64);
    manifest.state = "completed".to_owned();
    manifest.finished = utc(SystemTime::now());
    dir.write_manifest(&manifest)?;
    Ok(())
}

fn page(label: &str, settings: &str, records: &Dataset, summary: &LiveSummary) -> String {
    let energy = records.attributes.get("energy").cloned().unwrap_or_default();
    let view = QuenchView {
        label: label.to_owned(),
        data: records.clone(),
        unit: TimeUnit::Steps,
        energy,
        energy_title: "training loss as it was given".to_owned(),
        reference: None,
        landmarks: Vec::new(),
        exact: None,
        relaxation: None,
        verdict: Verdict {
            of: plain(label),
            word: plain(&summary.verdict),
            tone: Tone::Unresolved,
            reasons: summary.why.iter().map(|r| plain(r)).collect(),
        },
        rows: rows(summary).into_iter().map(|(a, b)| (plain(&a), plain(&b))).collect(),
    };
    let report = AgingReport {
        title: "A recorded training".to_owned(),
        subtitle: format!("glasslab recorder: {}", plain(label)),
        abstract_text: format!("{}: {}.", plain(label), plain(&summary.verdict)),
        quenches: vec![view],
        methods: vec![
            "Two-time mean-square displacement: Δ(t_w, t_w+t) = (1/N) Σ_i (x_i(t_w+t) − x_i(t_w))^2 over all N recorded \
             parameters, between the weights kept at the waiting time t_w and those a lag t later; differences and sums in 64 \
             bits, or from sketches with the standard error msd_error."
                .to_owned(),
        ],
        facts: vec![("glasslab".to_owned(), env!("CARGO_PKG_VERSION").to_owned())],
        plan: Some(settings.to_owned()),
        sources: Vec::new(),
    };
    report.page().html()
}
