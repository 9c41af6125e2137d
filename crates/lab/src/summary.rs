//! What was found: fitted numbers with errors, verdicts and why, per quench; as JSON and as a table.

use crate::plan::{Plan, Quench};
use crate::quench::method_words;
use crate::registry;
use glasslab_core::sum::mean_and_error;
use glasslab_core::{Dataset, Precision, Space, Streams, Value};
use glasslab_observe::verdict::Estimate;
use glasslab_observe::{Class, Curves, Evidence, Verdict, drift_fractions, judge, motion};
use serde::Serialize;

/// A mean over replicas and its standard error (`null` for a single replica).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mean {
    /// Mean.
    pub value: f64,
    /// Standard error.
    pub error: Option<f64>,
}

impl Mean {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let (value, error) = mean_and_error(values);
        value.is_finite().then(|| Self { value, error: error.is_finite().then_some(error) })
    }
}

impl std::fmt::Display for Mean {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.error {
            Some(error) if error > 0.0 => {
                let digits = (1 - error.abs().log10().floor() as i32).clamp(0, 12) as usize;
                if self.value != 0.0 && self.value.abs() < 1e-3 {
                    write!(f, "{:.2e} ± {:.0e}", self.value, error)
                } else {
                    write!(f, "{:.digits$} ± {:.digits$}", self.value, error)
                }
            }
            _ => write!(f, "{}", short(self.value)),
        }
    }
}

/// A number with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Value.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl From<Estimate> for Interval {
    fn from(e: Estimate) -> Self {
        Self { value: e.value, low: e.low, high: e.high }
    }
}

impl std::fmt::Display for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} [{}, {}]", short(self.value), short(self.low), short(self.high))
    }
}

/// Three significant digits.
pub(crate) fn short(x: f64) -> String {
    match x.abs() {
        0.0 => "0".to_owned(),
        a if !a.is_finite() => format!("{x}"),
        a if !(1e-3..1e6).contains(&a) => format!("{x:.1e}"),
        a => format!("{x:.*}", (2 - a.log10().floor() as i32).max(0) as usize),
    }
}

/// A value that the energy is compared with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reference {
    /// Its name.
    pub name: String,
    /// Its value, in the unit of the reported energy.
    pub value: f64,
}

/// One point of a comparison with the exact energy of an infinite system.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tabulated {
    /// Physical time.
    pub time: f64,
    /// Mean over replicas.
    pub measured: Mean,
    /// Value for N -> infinity.
    pub exact: f64,
}

/// A replica that diverged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Diverged {
    /// Its number.
    pub replica: u64,
    /// The last time (steps) at which it was measured finite.
    pub last_finite: f64,
}

/// What was found in one quench.
#[derive(Clone, Debug, Serialize)]
pub struct QuenchSummary {
    /// Name of the quench.
    pub name: String,
    /// Title.
    pub label: String,
    /// System.
    pub system: String,
    /// Its data and whatever else of its parameters is not the default, in words.
    pub parameters: String,
    /// Dynamics, in words.
    pub method: String,
    /// Degrees of freedom N, all weights and biases counted.
    pub dof: u64,
    /// Replicas in all.
    pub replicas: u64,
    /// Realisations of the disorder.
    pub samples: u64,
    /// Unit of the times in this summary: `steps` or `time`.
    pub unit_of_time: String,
    /// `train_loss` or `energy` (per degree of freedom).
    pub energy_name: String,
    /// At the first measurement.
    pub first_energy: Option<Mean>,
    /// At the last measurement.
    pub last_energy: Option<Mean>,
    /// Where it should tend.
    pub reference: Option<Reference>,
    /// Fraction of the training set misclassified at the end.
    pub train_error: Option<Mean>,
    /// Fraction of the test set misclassified at the end.
    pub test_error: Option<Mean>,
    /// True if every replica classifies its whole training set at the end.
    pub fits: Option<bool>,
    /// The class in words.
    pub verdict: String,
    /// Why, in sentences.
    pub why: Vec<String>,
    /// End of exploration.
    pub t_1: Option<Interval>,
    /// End of descent.
    pub t_2: Option<Interval>,
    /// Exponent of tau ~ t_w^mu in the last decade of waiting times.
    pub mu: Option<Interval>,
    /// Exponent of Delta ~ t^gamma at lags comparable with the age.
    pub gamma: Option<Interval>,
    /// Part of the late displacement that is mean motion (1: drift, 0: diffusion, negative: confinement).
    pub drift: Option<Mean>,
    /// Energies beside those of the infinite system, where they are known.
    pub tabulated: Vec<Tabulated>,
    /// Replicas that diverged.
    pub diverged: Vec<Diverged>,
}

/// What was found in a run.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Name of the run.
    pub name: String,
    /// Version of glasslab.
    pub version: String,
    /// The quenches that have records.
    pub quenches: Vec<QuenchSummary>,
}

impl Summary {
    /// A table for a terminal: one block per quench.
    pub fn table(&self) -> String {
        let mut out = String::new();
        for q in &self.quenches {
            out.push_str(&format!("\n{}\n", q.label));
            for (name, value) in q.rows() {
                out.push_str(&format!("  {name:26} {value}\n"));
            }
            out.push_str(&format!("  {:26} {}\n", "verdict", q.verdict.to_uppercase()));
            for why in &q.why {
                out.push_str(&format!("    {why}\n"));
            }
        }
        out.trim_matches('\n').to_owned()
    }
}

impl QuenchSummary {
    /// Name and value of everything worth a row, in a fixed order.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let unit = &self.unit_of_time;
        let mut rows = vec![
            ("system", [self.system.as_str(), &self.parameters].join(", ").trim_end_matches(", ").to_owned()),
            ("dynamics", self.method.clone()),
            ("degrees of freedom N", self.dof.to_string()),
            ("replicas", self.replicas.to_string()),
        ];
        let energy = if self.energy_name == "train_loss" { "train loss" } else { "energy per spin or particle" };
        if let (Some(a), Some(b)) = (self.first_energy, self.last_energy) {
            rows.push((energy, format!("{} -> {b}", short(a.value))));
        }
        if let Some(r) = &self.reference {
            rows.push(("should tend to", format!("{} ({})", short(r.value), r.name)));
        }
        if let Some(e) = self.train_error {
            rows.push(("train error", format!("{e}{}", if self.fits == Some(true) { " (fits)" } else { "" })));
        }
        rows.extend(self.test_error.map(|e| ("test error", e.to_string())));
        rows.extend(self.t_1.map(|t| ("t_1, end of exploration", format!("{t} {unit}"))));
        rows.extend(self.t_2.map(|t| ("t_2, end of descent", format!("{t} {unit}"))));
        rows.extend(self.mu.map(|m| ("mu, tau ~ t_w^mu", m.to_string())));
        rows.extend(self.gamma.map(|g| ("gamma, Delta ~ t^gamma", g.to_string())));
        rows.extend(self.drift.map(|d| ("drift fraction", format!("{d} ({})", motion(d.value)))));
        for t in &self.tabulated {
            let above = (t.measured.value - t.exact) * self.dof as f64;
            let text = format!("t = {}: {} against {:.4} ({above:+.0}/N)", short(t.time), t.measured, t.exact);
            rows.push(("energy, and at N -> infinity", text));
        }
        for d in &self.diverged {
            rows.push(("diverged", format!("replica {} after step {}", d.replica, d.last_finite)));
        }
        rows
    }
}

/// Sums every quench up that has records.
pub(crate) fn summarise(plan: &Plan, records: &[Dataset]) -> Summary {
    let quenches = plan.quench.iter().zip(records).map(|(q, data)| one(plan, q, data)).collect();
    Summary { name: plan.name.clone(), version: env!("CARGO_PKG_VERSION").to_owned(), quenches }
}

fn attribute(data: &Dataset, name: &str) -> String {
    data.attributes.get(name).cloned().unwrap_or_default()
}

/// The verdict on the records of a quench; the same function serves the summary and the report.
pub(crate) fn verdict(plan: &Plan, quench: &Quench, data: &Dataset) -> Option<Verdict> {
    let physical = attribute(data, "unit_of_time") == "time";
    let dof = attribute(data, "dof").parse().ok()?;
    let space = match attribute(data, "space").as_str() {
        "sphere" => Space::Sphere { radius: (dof as f64).sqrt() },
        _ => Space::Flat,
    };
    let evidence = Evidence::from_dataset(data, &space, dof, physical, reference(data).map(|r| r.value)).ok()?;
    let streams = Streams::new(plan.seed ^ glasslab_core::random::fnv1a(quench.name.as_bytes()));
    judge(&evidence, streams).ok()
}

/// The reference energy that the records carry.
pub(crate) fn reference(data: &Dataset) -> Option<Reference> {
    let value = attribute(data, "reference_energy").parse().ok()?;
    Some(Reference { name: attribute(data, "reference_name"), value })
}

/// Row `r` of a (replica, time) record.
fn row(data: &Dataset, name: &str) -> Option<(usize, Vec<f64>)> {
    let record = data.get(name)?;
    Some((*record.shape.last()?, record.floats()?))
}

/// Mean over replicas of a (replica, time) record at its last measured time, or at the first.
fn at(data: &Dataset, name: &str, last: bool) -> Option<Mean> {
    let (times, values) = row(data, name)?;
    let measured = |t: &usize| values.chunks(times).any(|r| r[*t].is_finite());
    let t = if last { (0..times).rev().find(measured) } else { (0..times).find(measured) }?;
    Mean::of(values.chunks(times).map(|r| r[t]))
}

fn parameter_words(quench: &Quench) -> String {
    let defaults = registry::find(&quench.system).map(|e| (e.parameters)()).unwrap_or_default();
    let shown = |name: &str, value: &Value| {
        let default = defaults.iter().find(|p| p.name == name).map(|p| &p.default);
        name == "data" || default != Some(value)
    };
    let words = quench.parameters.iter().filter(|(n, v)| shown(n, v)).map(|(n, v)| match v {
        Value::Text(text) => format!("{n} {text}"),
        v => format!("{n} {v}"),
    });
    words.collect::<Vec<_>>().join(", ")
}

fn one(plan: &Plan, quench: &Quench, data: &Dataset) -> QuenchSummary {
    let energy_name = if data.get("train_loss").is_some() { "train_loss" } else { "energy" };
    let verdict = verdict(plan, quench, data);
    let unit_of_time = attribute(data, "unit_of_time");
    // On a part of the samples nobody knows.
    let whole = !matches!(quench.parameters.get("loss_samples"), Some(Value::Integer(1..)));
    let fits = row(data, "train_error").filter(|_| whole).and_then(|(times, values)| {
        let last: Vec<f64> = values.chunks(times).map(|r| r[times - 1]).collect();
        last.iter().all(|e| e.is_finite()).then(|| last.iter().all(|e| *e == 0.0))
    });
    let interval = |e: Option<Estimate>| e.map(Interval::from);
    QuenchSummary {
        name: quench.name.clone(),
        label: quench.label.clone(),
        system: quench.system.clone(),
        parameters: parameter_words(quench),
        method: method_words(&quench.method),
        dof: attribute(data, "dof").parse().unwrap_or(0),
        replicas: quench.replicas * quench.samples,
        samples: quench.samples,
        energy_name: energy_name.to_owned(),
        first_energy: at(data, energy_name, false),
        last_energy: at(data, energy_name, true),
        reference: reference(data),
        train_error: at(data, "train_error", true),
        test_error: at(data, "test_error", true),
        fits,
        verdict: verdict.as_ref().map_or("not resolved", |v| words(v.class)).to_owned(),
        why: verdict.as_ref().map_or_else(Vec::new, |v| v.why.clone()),
        t_1: interval(verdict.as_ref().and_then(|v| v.t_1)),
        t_2: interval(verdict.as_ref().and_then(|v| v.t_2)),
        mu: verdict.as_ref().and_then(|v| v.mu).map(|m| m.mu.into()),
        gamma: interval(verdict.as_ref().and_then(|v| v.gamma)),
        drift: late_drift(data, &unit_of_time),
        tabulated: crate::exact::compare(quench, data),
        diverged: diverged(data),
        unit_of_time,
    }
}

/// The class in words.
pub(crate) fn words(class: Class) -> &'static str {
    class.words()
}

/// Mean over replicas of the drift fraction through the latest pair of waiting times that has one.
fn late_drift(data: &Dataset, unit: &str) -> Option<Mean> {
    let curves = Curves::from_dataset(data, "msd", unit == "time").ok()?;
    let (record, _) = drift_fractions(&curves);
    let (waits, values) = (record.shape[1], record.floats()?);
    let pairs = (0..waits).rev().flat_map(|a| (a + 1..waits).rev().map(move |b| (a, b)));
    pairs.filter_map(|(a, b)| Mean::of(values.chunks(waits * waits).map(|r| r[a * waits + b]))).next()
}

fn diverged(data: &Dataset) -> Vec<Diverged> {
    let Some((times, values)) = row(data, "norm") else { return Vec::new() };
    let Some(steps) = data.get("norm_time").and_then(|r| r.floats()) else { return Vec::new() };
    let reached = (0..times).rev().find(|&t| values.chunks(times).any(|r| r[t].is_finite())).unwrap_or(0);
    let ends = values.chunks(times).enumerate().filter(|(_, r)| !r[reached].is_finite());
    ends.map(|(replica, r)| {
        let last = r.iter().rposition(|v| v.is_finite()).map_or(0.0, |t| steps[t]);
        Diverged { replica: replica as u64, last_finite: last }
    })
    .collect()
}

/// Arithmetic in words.
pub(crate) fn precision_words(precision: Precision) -> &'static str {
    match precision {
        Precision::F32 => "32-bit",
        Precision::F64 => "64-bit",
    }
}
