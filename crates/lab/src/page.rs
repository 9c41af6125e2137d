//! From records and summary to the report.

use crate::error::LabError;
use crate::plan::{Plan, Quench};
use crate::summary::{self, QuenchSummary, Summary, precision_words};
use glasslab_core::Dataset;
use glasslab_observe::{Class, Passage, Verdict};
use glasslab_report::{self as report, AgingReport, QuenchView, TimeUnit, Tone, plain};
use glasslab_store::{Run, StoreError, write_atomic};
use std::path::{Path, PathBuf};

const METHODS: &[&str] = &[
    "Two-time mean-square displacement: Δ(t_w, t_w+t) = (1/N) Σ_i (x_i(t_w+t) − x_i(t_w))^2 over all N degrees of freedom (weights \
     and biases; spins), between the configuration kept at the waiting time t_w and the one a lag t later. Nothing is \
     averaged over time origins. Bands are two standard errors over replicas.",
    "Noise: for SGD D(t_w) is the trace of the covariance of the mini-batch gradient, exact over the whole training set, \
     D = (tr S/B)(1 − B/P), not divided by N; for Langevin dynamics it is constant, 2TN per unit of time.",
    "Verdict: the relaxation time τ(t_w) is the lag at which the displacement (divided by D(t_w) where the noise varies) \
     reaches a level that the waiting times of the last decade all reach within their own age; μ is the slope of ln τ \
     against ln t_w, with a 95 % interval from a bootstrap over replicas. Definitions: CONVENTIONS.md of glasslab.",
];

const PAPER: (&str, &str) = (
    "M. Baity-Jesi, L. Sagun, M. Geiger, S. Spigler, G. Ben Arous, C. Cammarota, Y. LeCun, M. Wyart, G. Biroli, Comparing dynamics: \
     deep neural networks versus glassy systems, J. Stat. Mech. (2019) 124013",
    "arXiv:1803.06969",
);

/// The report of one run as HTML.
pub(crate) fn page(plan: &Plan, summary: &Summary, records: &[Dataset]) -> String {
    let parts = [(plan.clone(), summary.clone(), records.to_vec())];
    aging(&parts).page().html()
}

fn aging(parts: &[(Plan, Summary, Vec<Dataset>)]) -> AgingReport {
    let mut quenches = Vec::new();
    let mut sources = vec![(PAPER.0.to_owned(), PAPER.1.to_owned())];
    for (plan, summary, records) in parts {
        for ((quench, found), data) in plan.quench.iter().zip(&summary.quenches).zip(records) {
            quenches.push(view(plan, quench, found, data));
            for line in data.attributes.get("sources").map(String::as_str).unwrap_or_default().lines() {
                let (text, locator) = line.split_once('\t').unwrap_or((line, ""));
                let source = (text.to_owned(), locator.to_owned());
                if !sources.contains(&source) {
                    sources.push(source);
                }
            }
        }
    }
    let found: Vec<String> = parts
        .iter()
        .flat_map(|p| &p.1.quenches)
        .map(|q| format!("{}: {}.", plain(&q.label), plain(&q.verdict)))
        .collect();
    let names: Vec<String> = parts.iter().map(|p| plain(&p.0.name)).collect();
    let seeds: Vec<String> = parts.iter().map(|p| p.0.seed.to_string()).collect();
    let quench_facts = parts.iter().flat_map(|p| &p.0.quench).map(|q| {
        let words = format!("{} steps in {} arithmetic", q.steps, precision_words(q.precision));
        (plain(&q.label), words)
    });
    let mut facts = vec![
        ("glasslab".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("run".to_owned(), names.join(", ")),
        ("seed".to_owned(), seeds.join(", ")),
    ];
    facts.extend(quench_facts);
    AgingReport {
        title: "Who ages, who stops aging, who diffuses".to_owned(),
        subtitle: format!("glasslab: {}", names.join(", ")),
        abstract_text: found.join(" "),
        quenches,
        methods: METHODS.iter().map(|&m| m.to_owned()).collect(),
        facts,
        plan: Some(parts.iter().map(|p| p.0.to_toml()).collect::<Vec<_>>().join("\n")),
        sources,
    }
}

fn tone(class: Class) -> Tone {
    match class {
        Class::Aging => Tone::Aging,
        Class::InterruptedAging => Tone::Interrupted,
        Class::Diffusion => Tone::Diffusion,
        Class::Equilibrium => Tone::Equilibrium,
        Class::NotResolved => Tone::Unresolved,
    }
}

fn view(plan: &Plan, quench: &Quench, found: &QuenchSummary, data: &Dataset) -> QuenchView {
    let verdict = summary::verdict(plan, quench, data);
    let physical = found.unit_of_time == "time";
    let particles = data.get("self_scattering").is_some();
    let mut rows: Vec<(String, String)> = Vec::new();
    for (name, value) in found.rows() {
        match rows.iter_mut().find(|r| r.0 == greek(name)) {
            Some(row) => row.1.push_str(&format!("; {}", plain(&value))),
            None => rows.push((greek(name), plain(&value))),
        }
    }
    let landmark = |t: Option<summary::Interval>, name: &str| t.map(|t| (t.value, name.to_owned()));
    QuenchView {
        label: quench.label.clone(),
        data: data.clone(),
        unit: if physical { TimeUnit::Physical } else { TimeUnit::Steps },
        energy: found.energy_name.clone(),
        energy_title: match (found.energy_name.as_str(), physical) {
            _ if particles => "energy per particle e = E/N".to_owned(),
            ("train_loss", _) => "training loss".to_owned(),
            (_, true) => "energy per degree of freedom e = E/N".to_owned(),
            _ => "energy E".to_owned(),
        },
        reference: found.reference.as_ref().map(|r| (r.value, r.name.clone())),
        landmarks: [landmark(found.t_1, "t_1"), landmark(found.t_2, "t_2")].into_iter().flatten().collect(),
        exact: crate::exact::curves(quench, data),
        relaxation: verdict.as_ref().and_then(relaxation),
        verdict: report::Verdict {
            of: plain(&quench.label),
            word: plain(&found.verdict),
            tone: verdict.as_ref().map_or(Tone::Unresolved, |v| tone(v.class)),
            reasons: found.why.iter().map(|w| greek(w)).collect(),
        },
        rows,
    }
}

/// Our own plain sentences as markup: exponents and Greek letters as they are set in a talk.
fn greek(text: &str) -> String {
    let words = [
        ("t_w^mu", "t_w^{μ}"),
        ("t^gamma", "t^{γ}"),
        ("gamma", "γ"),
        ("mu = ", "μ = "),
        ("mu, ", "μ, "),
        ("tau", "τ"),
        ("Delta", "Δ"),
        (" -> ", " → "),
    ];
    words.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn relaxation(verdict: &Verdict) -> Option<report::Relaxation> {
    let level = verdict.level?;
    let tau = verdict.tau.iter().map(|r| match (r.tau, r.passage) {
        (Some(e), _) => (e.value, e.error),
        (None, Passage::At(t)) => (t, f64::NAN),
        _ => (f64::NAN, f64::NAN),
    });
    let (tau, error): (Vec<f64>, Vec<f64>) = tau.unzip();
    let what = if verdict.rescaled { "Δ/D(t_w)" } else { "Δ" };
    Some(report::Relaxation {
        waiting: verdict.tau.iter().map(|r| r.waiting).collect(),
        tau,
        error,
        exponent: verdict.mu.map(|m| (m.mu.value, m.mu.error, (m.from, m.to))),
        definition: format!("τ(t_w) is the lag at which {what} reaches {}.", summary::short(level)),
    })
}

/// Writes one report for one or several runs into the file `out`, from what they hold.
pub fn report_runs(runs: &[PathBuf], out: &Path) -> Result<(), LabError> {
    let mut parts = Vec::new();
    for path in runs {
        let run = Run::open(path)?;
        let origin = format!("{}", path.join("plan.toml").display());
        let mut plan = Plan::parse(&run.plan()?).map_err(|complaints| crate::plan_error(&origin, complaints))?;
        let mut records = Vec::new();
        let mut quenches = Vec::new();
        for quench in &plan.quench {
            match run.records(&quench.name) {
                Ok(data) => {
                    quenches.push(quench.clone());
                    records.push(data);
                }
                Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        plan.quench = quenches;
        let summary = summary::summarise(&plan, &records);
        parts.push((plan, summary, records));
    }
    write_atomic(out, aging(&parts).page().html().as_bytes())?;
    Ok(())
}
