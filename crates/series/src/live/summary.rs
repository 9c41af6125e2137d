//! What the records of one or several recorders say, in a few numbers and a verdict.

use crate::summary::{Drift, Exponent};
use glasslab_core::sum::mean_and_error;
use glasslab_core::{Dataset, Fault, Space, Streams};
use glasslab_observe::{Curves, Evidence, judge};
use serde::Serialize;

/// What was found in the records of recorders.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LiveSummary {
    /// Number N of recorded parameters.
    pub parameters: u64,
    /// Recorders.
    pub replicas: u64,
    /// What was kept at the waiting times: copies or sketches.
    pub references: String,
    /// Number of waiting times.
    pub waiting_times: u64,
    /// Number of times.
    pub times: u64,
    /// The last time, in steps.
    pub last: f64,
    /// |x(last) - x(first)|, Euclidean, mean over replicas.
    pub distance: f64,
    /// Length of the polygon through the waiting times, mean over replicas.
    pub path_length: f64,
    /// Cosine of the angle between the first and the last weights, mean over replicas.
    pub cosine: f64,
    /// Loss at the first and the last time that have one, mean over replicas.
    pub train_loss: Option<(f64, f64)>,
    /// Drift fraction of the whole.
    pub drift: Option<Drift>,
    /// Drift fraction of the second half.
    pub drift_late: Option<Drift>,
    /// Anomalous exponents of up to five waiting times.
    pub exponents: Vec<Exponent>,
    /// The class in words.
    pub verdict: String,
    /// Why, in sentences.
    pub why: Vec<String>,
}

/// Sums the records of [`super::Live::records`] or of [`super::combined`] up, with the verdict of CONVENTIONS.md. The loss takes
/// part in the verdict where there is one. Cost O(size). Checked by `tests/live.rs`.
pub fn judged(data: &Dataset, seed: u64) -> Result<LiveSummary, Fault> {
    let curves = Curves::from_dataset(data, "msd", false)?;
    let floats = |name: &str| data.get(name).and_then(|r| r.floats()).unwrap_or_default();
    let fact = |name: &str| data.attributes.get(name).cloned().unwrap_or_default();
    let dof = fact("dof").parse().unwrap_or(0);
    let replicas = curves.replicas();
    let mean = |values: Vec<f64>| mean_and_error(values).0;
    let each_last = |name: &str| {
        let values = floats(name);
        let row = values.len() / replicas.max(1);
        mean(values.chunks(row.max(1)).filter_map(|r| r.last().copied()).collect())
    };
    let (times, end) = (&curves.waiting, curves.last());
    let (waits, count) = (times.len(), curves.time.len());
    let drifts = floats("drift");
    let widest = |from: f64| {
        let pairs = (0..waits).filter(|&a| times[a] >= from).flat_map(|a| (a + 1..waits).rev().map(move |b| (a, b)));
        let of = |(a, b): (usize, usize)| {
            // The standard error is over replicas, NaN for one.
            let all = drifts.chunks(waits * waits).filter_map(|r| r.get(a * waits + b).copied());
            let (value, error) = mean_and_error(all);
            Drift { value, error, from: times[a], through: times[b] }
        };
        pairs.map(of).find(|d| d.value.is_finite())
    };
    let gamma = |w: usize| {
        let found: Vec<f64> = (0..replicas)
            .filter_map(|r| {
                let curve = curves.curve(r, w);
                let longest = *curve.lag.last()?;
                curve.exponent(longest / 10.0, longest)
            })
            .collect();
        let (gamma, error) = mean_and_error(found);
        gamma.is_finite().then_some(Exponent { waiting_time: times[w], gamma, error })
    };
    let mut exponents: Vec<Exponent> = (0..5).filter_map(|i| gamma(waits.saturating_sub(1) * i / 6)).collect();
    exponents.dedup_by(|a, b| a.waiting_time == b.waiting_time);
    let evidence = Evidence::from_dataset(data, &Space::Flat, dof, false, None)?;
    let verdict = judge(&evidence, Streams::new(seed))?;
    let mut why = verdict.why;
    if replicas == 1 {
        let more = "A recorder sees one trajectory: train again with other seeds and combine the recorders for error bars \
                    and a verdict.";
        why.push(more.to_owned());
    }
    let losses = over_replicas_of(data, "train_loss");
    let cosine = floats("cosine");
    let cosine = mean(cosine.chunks(waits * count).filter_map(|r| r.get(count - 1).copied()).collect());
    Ok(LiveSummary {
        parameters: dof as u64,
        replicas: replicas as u64,
        references: fact("references"),
        waiting_times: waits as u64,
        times: count as u64,
        last: end,
        distance: each_last("distance"),
        path_length: each_last("path_length"),
        cosine,
        train_loss: losses.first().copied().zip(losses.last().copied()),
        drift: widest(times[0]),
        drift_late: widest(times[0] + (end - times[0]) / 2.0),
        exponents,
        verdict: verdict.class.words().to_owned(),
        why,
    })
}

/// Means over replicas of a record (replica, time).
fn over_replicas_of(data: &Dataset, name: &str) -> Vec<f64> {
    let Some(record) = data.get(name) else { return Vec::new() };
    let (Some(values), Some(&times)) = (record.floats(), record.shape.last()) else { return Vec::new() };
    (0..times).map(|t| mean_and_error(values.chunks(times).map(|r| r[t])).0).collect()
}
