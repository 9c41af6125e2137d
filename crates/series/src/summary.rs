//! What the records say in a few numbers, with error bars, and the verdict.

use crate::components::Components;
use crate::estimate::{Estimate, Trajectory};
use crate::finding::Finding;
use crate::layout::Common;
use crate::pairs::PARTS;
use crate::reading::Hash;
use crate::step::Unit;
use glasslab_core::{Fault, Streams};
use glasslab_observe::{Curve, Curves, Evidence, drift_fraction, judge, motion};
use serde::Serialize;

/// Most checkpoints that the verdict looks at; of more, so many are chosen evenly.
const JUDGED: usize = 200;

/// One checkpoint of the series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Member {
    /// Its file or folder.
    pub name: String,
    /// Its step.
    pub step: u64,
    /// BLAKE3 over the names and stored bytes of all compared tensors, in hexadecimal.
    pub content: String,
    /// True if it entered the two-time functions.
    pub compared: bool,
}

/// A drift fraction, and between which steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Drift {
    /// phi: 1 uniform drift, 0 diffusion, negative confinement.
    pub value: f64,
    /// Its standard error ([`Estimate`]; of a recorder, over replicas, and NaN for one).
    pub error: f64,
    /// First step a.
    pub from: f64,
    /// Middle step b; the last is near 2b - a.
    pub through: f64,
}

/// The anomalous exponent of one waiting time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Exponent {
    /// Waiting time t_w.
    pub waiting_time: f64,
    /// gamma = d ln Delta/d ln t over the last decade of its lags.
    pub gamma: f64,
    /// Its standard error ([`Estimate`]; of a recorder, over replicas, and NaN for one).
    pub error: f64,
}

/// The aging exponent: tau ~ t_w^mu.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Aging {
    /// mu.
    pub mu: f64,
    /// Lower end of its 95 % interval over eight parts of the parameters.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// First waiting time of the fit.
    pub from: f64,
    /// Last one.
    pub to: f64,
}

/// What was found in a series.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The checkpoints that could be read, in the order of their steps.
    pub checkpoints: Vec<Member>,
    /// What a step counts.
    pub unit: Unit,
    /// Number N of compared parameters.
    pub parameters: u64,
    /// Number of compared tensors.
    pub tensors: u64,
    /// Numbers k per row, if the checkpoints are sketches.
    pub sketch: Option<u64>,
    /// Arithmetic that differences are taken from: `f32` or `f64`; differences and sums are f64 always.
    pub precision: &'static str,
    /// Bytes of the compared tensors, each read once.
    pub bytes: u64,
    /// What is wrong or worth knowing.
    pub findings: Vec<Finding>,
    /// |x(last) - x(first)|, Euclidean.
    pub distance: f64,
    /// Length of the polygon through the checkpoints.
    pub path_length: f64,
    /// path_length/distance; `None` if the last checkpoint is the first.
    pub tortuosity: Option<Estimate>,
    /// Cosine of the angle between the first and the last weights.
    pub cosine: f64,
    /// Drift fraction of the whole series.
    pub drift: Option<Drift>,
    /// Drift fraction of its second half.
    pub drift_late: Option<Drift>,
    /// Principal components of the trajectory.
    pub components: Option<Components>,
    /// Anomalous exponents of up to five waiting times.
    pub exponents: Vec<Exponent>,
    /// The aging exponent, if the verdict found one.
    pub aging: Option<Aging>,
    /// The class in words.
    pub verdict: String,
    /// Why, in sentences.
    pub why: Vec<String>,
}

impl Summary {
    /// Number of findings that are problems.
    pub fn problems(&self) -> usize {
        self.findings.iter().filter(|f| f.problem).count()
    }
}

/// BLAKE3 over names and fingerprints.
pub(crate) fn fingerprint(common: &[Common], hashes: &[Hash]) -> String {
    let mut hasher = blake3::Hasher::new();
    for (c, hash) in common.iter().zip(hashes) {
        hasher.update(&(c.name.len() as u64).to_le_bytes());
        hasher.update(c.name.as_bytes());
        hasher.update(hash);
    }
    hasher.finalize().to_hex().to_string()
}

/// Numbers of the trajectory; what else a summary holds is left empty.
pub(crate) fn summarise(trajectory: &Trajectory<'_>, components: Option<Components>) -> Result<Summary, Fault> {
    let times = &trajectory.times;
    let s = times.len();
    let path = |square: &dyn Fn(usize, usize) -> f64| (1..s).map(|t| square(t - 1, t).sqrt()).sum::<f64>();
    let distance = trajectory.square(0, s - 1).sqrt();
    let tortuosity = trajectory.estimate(|square| path(square) / square(0, s - 1).sqrt());
    let shown = |i: usize| (s - 1) * i / 6;
    let gamma = |w: usize| {
        let exponent = |square: &dyn Fn(usize, usize) -> f64| {
            let curve = Curve::new((w..s).map(|t| (times[t] - times[w], square(w, t))));
            curve.lag.last().and_then(|longest| curve.exponent(longest / 10.0, *longest)).unwrap_or(f64::NAN)
        };
        let found = trajectory.estimate(exponent)?;
        Some(Exponent { waiting_time: times[w], gamma: found.value, error: found.error })
    };
    let mut exponents: Vec<Exponent> = (0..5).filter_map(|i| gamma(shown(i))).collect();
    exponents.dedup_by(|a, b| a.waiting_time == b.waiting_time);
    let (drift, drift_late) =
        (drift(trajectory, times[0]), drift(trajectory, times[0] + (times[s - 1] - times[0]) / 2.0));
    let judged = trajectory.thinned(JUDGED);
    let verdict =
        judge(&Evidence { curves: by_parts(&judged)?, energy: None, noise: None, bound: None }, Streams::new(0))?;
    let mut why = verdict.why;
    why.push(
        "Intervals are over eight interleaved parts of the parameters of one trajectory: they say how well this run is known if \
         parameters move independently, not how another seed would differ. Repeat the training with other seeds for that."
            .to_owned(),
    );
    say(&mut why, drift, drift_late, components.as_ref());
    let aging = verdict.mu.map(|m| Aging { mu: m.mu.value, low: m.mu.low, high: m.mu.high, from: m.from, to: m.to });
    Ok(Summary {
        checkpoints: Vec::new(),
        unit: Unit::Steps,
        parameters: 0,
        tensors: 0,
        sketch: None,
        precision: "f32",
        bytes: 0,
        findings: Vec::new(),
        distance,
        path_length: path(&|k, t| trajectory.square(k, t)),
        tortuosity,
        cosine: f64::NAN,
        drift,
        drift_late,
        components,
        exponents,
        aging,
        verdict: verdict.class.words().to_owned(),
        why,
    })
}

/// The eight parts as replicas: Delta of each, up to a common factor.
fn by_parts(t: &Trajectory<'_>) -> Result<Curves, Fault> {
    let s = t.len();
    let all = (0..PARTS).flat_map(|p| (0..s).flat_map(move |k| (0..s).map(move |j| (p, k, j))));
    let values = all.map(|(p, k, j)| if j < k { f64::NAN } else { t.part(p, k, j) }).collect();
    Curves::new("steps", t.times.clone(), t.times.clone(), values)
}

/// The drift fraction of the widest a < b < c with a >= `from` and c near 2b - a, as in `glasslab_observe::drift_fractions`.
fn drift(trajectory: &Trajectory<'_>, from: f64) -> Option<Drift> {
    let times = &trajectory.times;
    let s = times.len();
    let a = (0..s).find(|&a| times[a] >= from)?;
    let pairs = (a..s).flat_map(|a| (a + 1..s).rev().map(move |b| (a, b)));
    for (a, b) in pairs {
        let aim = 2.0 * times[b] - times[a];
        let near = (b + 1..s).min_by(|&i, &j| (times[i] - aim).abs().total_cmp(&(times[j] - aim).abs()));
        let Some(c) = near.filter(|&c| (times[c] - aim).abs() <= 0.2 * (times[b] - times[a])) else { continue };
        let found = trajectory.estimate(|square| {
            drift_fraction(times[b] - times[a], square(a, b), times[c] - times[b], square(b, c), square(a, c))
        });
        if let Some(found) = found {
            return Some(Drift { value: found.value, error: found.error, from: times[a], through: times[b] });
        }
    }
    None
}

fn say(why: &mut Vec<String>, drift: Option<Drift>, late: Option<Drift>, components: Option<&Components>) {
    for (which, d) in [("The whole series", drift), ("Its second half", late)] {
        if let Some(d) = d {
            why.push(format!(
                "{which}, from step {} through {}: drift fraction {:.3} ± {:.3}, {}.",
                d.from,
                d.through,
                d.value,
                d.error,
                motion(d.value)
            ));
        }
    }
    if let Some(c) = components {
        why.push(format!(
            "Effective dimension of the trajectory: {:.2} ± {:.2} (a straight line has 1, a free random walk at equal steps 2.5, \
             whatever N).",
            c.effective_dimension.value, c.effective_dimension.error
        ));
    }
}
