//! From pairwise sums to records and to what was found.

use crate::finding::Finding;
use crate::layout::{Checkpoint, Common};
use crate::step::Unit;
use crate::stream::{Hash, Measured, pair};
use glasslab_core::{Dataset, Fault, Record, Streams, Values};
use glasslab_observe::{Curves, Evidence, drift_fractions, judge};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Window of a local exponent: lags within this factor.
pub const WINDOW: f64 = 3.0;

/// One checkpoint of the series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Member {
    /// Its file or folder.
    pub name: String,
    /// Its step.
    pub step: u64,
    /// SHA-256 over the names and stored bytes of all compared tensors, in hexadecimal.
    pub content: String,
    /// True if it entered the two-time functions.
    pub compared: bool,
}

/// A drift fraction, and between which steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Drift {
    /// phi: 1 uniform drift, 0 diffusion, negative confinement.
    pub value: f64,
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
    /// Cosine of the angle between the first and the last weights.
    pub cosine: f64,
    /// Drift fraction of the whole series.
    pub drift: Option<Drift>,
    /// Drift fraction of its second half.
    pub drift_late: Option<Drift>,
    /// Anomalous exponents of up to five waiting times.
    pub exponents: Vec<Exponent>,
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

/// A row of results: the whole, a group or a tensor.
pub(crate) struct Rows {
    /// Names of the groups, and entries in each.
    pub(crate) groups: Vec<(String, usize)>,
    /// Names of the tensors, and entries in each; empty unless kept.
    pub(crate) tensors: Vec<(String, usize)>,
    /// Entries in all.
    pub(crate) total: usize,
}

/// SHA-256 over names and fingerprints.
pub(crate) fn fingerprint(common: &[Common], hashes: &[Hash]) -> String {
    let mut hasher = Sha256::new();
    for (c, hash) in common.iter().zip(hashes) {
        hasher.update((c.name.len() as u64).to_le_bytes());
        hasher.update(c.name.as_bytes());
        hasher.update(hash);
    }
    hasher.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// The records of the checkpoints `kept` (numbers in the order of their steps), with the dimensions of the observer
/// `two-time`: (replica = 1, waiting_time, time).
///
/// - `msd`, `fourth_moment`, `participation`, `msd_group`, `msd_layer`: as in `glasslab_observe::TwoTime`.
/// - `relative_msd`: |x(t) - x(t_w)|^2/|x(t_w)|^2: unchanged when all weights are multiplied by a number, not when layers are
///   rescaled against each other.
/// - `cosine`: x(t).x(t_w)/(|x(t)||x(t_w)|) = 1 - [|d|^2 - (|x(t)| - |x(t_w)|)^2]/(2 |x(t)||x(t_w)|): blind to the growth of
///   the norm, as with batch normalisation, where only the direction matters.
/// - `local_exponent`: d ln Delta/d ln lag within a factor 3 of each lag.
/// - `distance`, `path_length`, `norm` (replica, norm_time): as in `glasslab_observe::Norms`, from the first checkpoint;
///   `norm_group`, `norm_layer`.
/// - `drift` (replica, waiting_time, middle_time): as in `glasslab_observe::drift_fractions`.
///
/// Weight decay shrinks weights and shows as drift; neither function undoes a permutation of neurons.
pub(crate) fn records(
    checkpoints: &[Checkpoint],
    kept: &[usize],
    members: &[Member],
    rows: &Rows,
    found: &Measured,
) -> Result<Dataset, Fault> {
    let s = kept.len();
    let n = rows.total as f64;
    let mut data = Dataset::default();
    let unit = unit(checkpoints);
    for (name, value) in [
        ("system", "checkpoint series".to_owned()),
        ("unit_of_time", "steps".to_owned()),
        ("unit_of_steps", word(unit).to_owned()),
        ("space", "flat".to_owned()),
        ("dof", rows.total.to_string()),
        ("energy", "none".to_owned()),
    ] {
        data.attributes.insert(name.to_owned(), value);
    }
    let unit = word(unit);
    let steps = || Values::I64(kept.iter().map(|&i| checkpoints[i].step as i64).collect());
    data.coordinates.push(Record::coordinate("replica", "one trajectory", "1", Values::I64(vec![0])));
    for (name, about) in [
        ("waiting_time", "waiting time t_w: step of the earlier checkpoint"),
        ("time", "time t: step of the later checkpoint (not the lag t - t_w)"),
        ("norm_time", "step of the checkpoint"),
    ] {
        data.coordinates.push(Record::coordinate(name, about, unit, steps()));
    }
    for (name, about, value) in [
        ("checkpoint", "name of the file or folder", kept.iter().map(|&i| printable(&members[i].name)).collect()),
        (
            "content",
            "SHA-256 over the names and stored bytes of the compared tensors",
            kept.iter().map(|&i| members[i].content.clone()).collect::<Vec<_>>(),
        ),
    ] {
        data.variables.push(Record {
            name: name.to_owned(),
            about: about.to_owned(),
            unit: "1".to_owned(),
            dims: vec!["norm_time".to_owned()],
            shape: vec![s],
            values: Values::Text(value),
        });
    }
    // Square arrays [waiting_time, time] with NaN where t < t_w.
    let square = |value: &dyn Fn(usize, usize) -> f64, diagonal: &dyn Fn(usize) -> f64| -> Vec<f64> {
        let entry = |k: usize, t: usize| match k.cmp(&t) {
            std::cmp::Ordering::Less => value(kept[k], kept[t]),
            std::cmp::Ordering::Equal => diagonal(kept[k]),
            std::cmp::Ordering::Greater => f64::NAN,
        };
        (0..s).flat_map(|k| (0..s).map(move |t| (k, t))).map(|(k, t)| entry(k, t)).collect()
    };
    let zero = |_: usize| 0.0;
    let second = &found.second[0];
    let norm = |t: usize| found.norm[0][t].sqrt();
    let msd = square(&|k, t| second[pair(k, t)] / n, &zero);
    let dims = [("replica", 1), ("waiting_time", s), ("time", s)];
    let mut add = |name: &str, about: &str, unit: &str, values: Vec<f64>| {
        data.variables.push(Record::new(name, about, unit, &dims, values));
    };
    add("msd", "Delta(t_w,t) = (1/N) sum_i [x_i(t) - x_i(t_w)]^2, N = all compared parameters", "1", msd.clone());
    let fourth = square(&|k, t| found.fourth[pair(k, t)] / n, &zero);
    add("fourth_moment", "(1/N) sum_i [x_i(t) - x_i(t_w)]^4, N = all compared parameters", "1", fourth);
    let participation = |k, t| {
        let (p, d) = (found.fourth[pair(k, t)], second[pair(k, t)]);
        p / (d * d)
    };
    let about = "Y = sum_i d_i^4 / (sum_i d_i^2)^2, d = x(t) - x(t_w): 1/N if spread evenly, 3/N if Gaussian";
    add("participation", about, "1", square(&participation, &|_| f64::NAN));
    let relative = square(&|k, t| second[pair(k, t)] / found.norm[0][k], &zero);
    add("relative_msd", "|x(t) - x(t_w)|^2/|x(t_w)|^2", "1", relative);
    let cosine = |k, t| {
        let (a, b): (f64, f64) = (norm(k), norm(t));
        1.0 - (second[pair(k, t)] - (a - b) * (a - b)) / (2.0 * a * b)
    };
    add("cosine", "cosine of the angle between x(t) and x(t_w)", "1", square(&cosine, &|_| 1.0));
    let times: Vec<f64> = kept.iter().map(|&i| checkpoints[i].step as f64).collect();
    let curves = Curves::new("steps", times.clone(), times.clone(), msd)?;
    let mut exponents = vec![f64::NAN; s * s];
    for w in 0..s {
        let curve = curves.curve(0, w);
        for (lag, gamma) in curve.lag.iter().zip(curve.local_exponents(WINDOW)) {
            if let Some(t) = (w..s).find(|&t| times[t] - times[w] == *lag) {
                exponents[w * s + t] = gamma;
            }
        }
    }
    add("local_exponent", "gamma = d ln Delta/d ln (t - t_w) over lags within a factor 3", "1", exponents);
    for (prefix, dim, parts, first) in
        [("group", "group", &rows.groups, 1), ("layer", "layer", &rows.tensors, 1 + rows.groups.len())]
    {
        if parts.is_empty() {
            continue;
        }
        let names = parts.iter().map(|p| printable(&p.0)).collect();
        data.coordinates.push(Record::coordinate(dim, "compared tensors", "1", Values::Text(names)));
        let (mut values, mut norms) = (Vec::new(), Vec::new());
        for (i, (_, size)) in parts.iter().enumerate() {
            let sums = &found.second[first + i];
            values.extend(square(&|k, t| sums[pair(k, t)] / *size as f64, &zero));
            norms.extend(kept.iter().map(|&t| found.norm[first + i][t].sqrt()));
        }
        let about = "Delta(t_w,t): mean of [x_i(t) - x_i(t_w)]^2 over the own parameters";
        let dims = [("replica", 1), (dim, parts.len()), ("waiting_time", s), ("time", s)];
        data.variables.push(Record::new(&format!("msd_{prefix}"), about, "1", &dims, values));
        let dims = [("replica", 1), (dim, parts.len()), ("norm_time", s)];
        data.variables.push(Record::new(&format!("norm_{prefix}"), "|x(t)|, Euclidean", "1", &dims, norms));
    }
    let mut length = 0.0;
    let path = (0..s).map(|t| {
        length += if t == 0 { 0.0 } else { second[pair(kept[t - 1], kept[t])].sqrt() };
        length
    });
    let path = path.collect();
    let distance = (0..s).map(|t| if t == 0 { 0.0 } else { second[pair(kept[0], kept[t])].sqrt() }).collect();
    let dims = [("replica", 1), ("norm_time", s)];
    let about = "|x(t) - x(first)|, Euclidean, not divided by sqrt(N)";
    data.variables.push(Record::new("distance", about, "1", &dims, distance));
    let about = "length of the polygon through the checkpoints up to t: a lower bound of the path's length";
    data.variables.push(Record::new("path_length", about, "1", &dims, path));
    let norms = kept.iter().map(|&t| norm(t)).collect();
    data.variables.push(Record::new("norm", "|x(t)|, Euclidean", "1", &dims, norms));
    let (drift, middle) = drift_fractions(&curves);
    data.coordinates.push(middle);
    data.variables.push(drift);
    Ok(data)
}

/// Names of files and tensors as plain text: control characters are escaped.
fn printable(name: &str) -> String {
    name.escape_debug().to_string()
}

fn unit(checkpoints: &[Checkpoint]) -> Unit {
    let first = checkpoints.first().map_or(Unit::Steps, |c| c.unit);
    if checkpoints.iter().all(|c| c.unit == first) { first } else { Unit::Steps }
}

fn word(unit: Unit) -> &'static str {
    match unit {
        Unit::Steps => "steps",
        Unit::Epochs => "epochs",
        Unit::Position => "position",
    }
}

/// What the records say in a few numbers.
pub(crate) fn summarise(
    data: &Dataset,
    members: Vec<Member>,
    checkpoints: &[Checkpoint],
    findings: Vec<Finding>,
) -> Result<Summary, Fault> {
    let curves = Curves::from_dataset(data, "msd", false)?;
    let floats = |name: &str| data.get(name).and_then(|r| r.floats()).unwrap_or_default();
    let last = |name: &str| floats(name).last().copied().unwrap_or(f64::NAN);
    let times = &curves.waiting;
    let (s, end) = (times.len(), curves.last());
    let drifts = floats("drift");
    let widest = |from: f64| {
        let pairs = (0..s).filter(|&a| times[a] >= from).flat_map(|a| (a + 1..s).rev().map(move |b| (a, b)));
        let of = |(a, b): (usize, usize)| Drift { value: drifts[a * s + b], from: times[a], through: times[b] };
        pairs.map(of).find(|d| d.value.is_finite())
    };
    let gamma = |w: usize| {
        let curve = curves.curve(0, w);
        let longest = curve.lag.last()?;
        let gamma = curve.exponent(longest / 10.0, *longest)?;
        Some(Exponent { waiting_time: times[w], gamma })
    };
    let shown = |i: usize| (s - 1) * i / 6;
    let mut exponents: Vec<Exponent> = (0..5).filter_map(|i| gamma(shown(i))).collect();
    exponents.dedup_by(|a, b| a.waiting_time == b.waiting_time);
    let verdict = judge(&Evidence { curves: curves.clone(), energy: None, noise: None, bound: None }, Streams::new(0))?;
    let (drift, drift_late) = (widest(times[0]), widest(times[0] + (end - times[0]) / 2.0));
    let mut why = verdict.why;
    why.push(
        "A series is one trajectory: repeat the training with other seeds for error bars and a verdict.".to_owned(),
    );
    for (which, d) in [("The whole series", drift), ("Its second half", drift_late)] {
        if let Some(d) = d {
            let motion = match d.value {
                v if v > 0.75 => "mostly directed motion",
                v if v > 0.25 => "directed motion and diffusion together",
                v if v > -0.25 => "like diffusion",
                _ => "confined: steps are undone",
            };
            why.push(format!(
                "{which}, from step {} through {}: drift fraction {:.3}, {motion}.",
                d.from, d.through, d.value
            ));
        }
    }
    Ok(Summary {
        checkpoints: members,
        unit: unit(checkpoints),
        parameters: 0,
        tensors: 0,
        precision: "f32",
        bytes: 0,
        findings,
        distance: last("distance"),
        path_length: last("path_length"),
        cosine: floats("cosine").get(s - 1).copied().unwrap_or(f64::NAN),
        drift,
        drift_late,
        exponents,
        verdict: verdict.class.words().to_owned(),
        why,
    })
}
