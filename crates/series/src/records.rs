//! From pairwise sums to records.

use crate::components::Components;
use crate::estimate::{Trajectory, local_slopes};
use crate::layout::Checkpoint;
use crate::step::Unit;
use crate::stream::{Measured, pair};
use crate::summary::Member;
use glasslab_core::{Dataset, Fault, Record, Values};
use glasslab_observe::{Curves, drift_fractions};

/// Window of a local exponent: lags within this factor.
pub const WINDOW: f64 = 3.0;

/// A row of results: the whole, a group or a tensor.
pub(crate) struct Rows {
    /// Names of the groups, and parameters in each.
    pub(crate) groups: Vec<(String, u64)>,
    /// Names of the tensors, and parameters in each; empty unless kept.
    pub(crate) tensors: Vec<(String, u64)>,
    /// Parameters in all.
    pub(crate) total: u64,
    /// Standard error of every displacement in units of itself: sqrt(2/k) for sketches, 0 else.
    pub(crate) relative_error: f64,
}

/// Everything the records are made of.
pub(crate) struct Found<'a> {
    pub(crate) checkpoints: &'a [Checkpoint],
    /// Numbers of the compared checkpoints, in the order of their steps.
    pub(crate) kept: &'a [usize],
    pub(crate) members: &'a [Member],
    pub(crate) rows: &'a Rows,
    pub(crate) measured: &'a Measured,
    pub(crate) trajectory: &'a Trajectory<'a>,
    pub(crate) components: Option<&'a Components>,
}

impl Found<'_> {
    /// A square array `[waiting_time, time]` with NaN where t < t_w.
    fn square(&self, value: &dyn Fn(usize, usize) -> f64, diagonal: f64) -> Vec<f64> {
        let s = self.kept.len();
        let entry = |k: usize, t: usize| match k.cmp(&t) {
            std::cmp::Ordering::Less => value(self.kept[k], self.kept[t]),
            std::cmp::Ordering::Equal => diagonal,
            std::cmp::Ordering::Greater => f64::NAN,
        };
        (0..s).flat_map(|k| (0..s).map(move |t| (k, t))).map(|(k, t)| entry(k, t)).collect()
    }

    /// Delta, relative Delta and cosine of a row of `n` parameters.
    fn three(&self, row: usize, n: u64) -> [Vec<f64>; 3] {
        let (second, norm) = (&self.measured.second[row], &self.measured.norm[row]);
        let msd = self.square(&|k, t| second[pair(k, t)] / n as f64, 0.0);
        let relative = self.square(&|k, t| second[pair(k, t)] / norm[k], 0.0);
        (msd, relative, self.square(&|k, t| 1.0 - turn(second[pair(k, t)], norm[k], norm[t]), 1.0)).into()
    }
}

/// 1 - cos of the angle between two vectors of squares a, b and squared difference d, without subtracting large numbers:
/// [d - (|a| - |b|)^2]/(2 |a||b|).
fn turn(d: f64, a: f64, b: f64) -> f64 {
    let (a, b) = (a.sqrt(), b.sqrt());
    (d - (a - b) * (a - b)) / (2.0 * a * b)
}

/// The records of the compared checkpoints, with the dimensions of the observer `two-time`: (replica = 1, waiting_time, time).
///
/// - `msd`, `fourth_moment`, `participation`, `msd_group`, `msd_layer`: as in `glasslab_observe::TwoTime`. `msd_error`: of sketches.
/// - `relative_msd` (`_group`, `_layer`): |x(t) - x(t_w)|^2/|x(t_w)|^2: unchanged when all weights of the row are multiplied by a
///   number, not when layers are rescaled against each other.
/// - `cosine` (`_group`, `_layer`): x(t).x(t_w)/(|x(t)||x(t_w)|); `angular_msd` = 2 (1 - cosine), the squared distance of directions:
///   blind to the growth of the norm, as with batch normalisation and weight decay, where only the direction matters.
/// - `layer_angular_msd`: sum_l (N_l/N) 2 (1 - cosine_l) over tensors l: unchanged when any tensor is rescaled by a positive number.
/// - `local_exponent`, `local_exponent_error`: d ln Delta/d ln lag within a factor 3 of each lag; jackknife (`estimate.rs`).
/// - `distance`, `path_length`, `norm` (replica, norm_time): as in `glasslab_observe::Norms`, from the first checkpoint;
///   `norm_group`, `norm_layer`; `tortuosity` = path_length/distance: 1 on a straight line, growing with the number of checkpoints
///   on a rough path.
/// - `drift` (replica, waiting_time, middle_time): as in `glasslab_observe::drift_fractions`.
/// - `explained` (component), `component_position` (component, component_time): principal components (`components.rs`).
///
/// None undoes a permutation of neurons.
pub(crate) fn records(found: &Found<'_>) -> Result<Dataset, Fault> {
    let (checkpoints, kept, rows) = (found.checkpoints, found.kept, found.rows);
    let s = kept.len();
    let mut data = Dataset::default();
    let unit = word(unit(checkpoints));
    for (name, value) in [
        ("system", "checkpoint series".to_owned()),
        ("unit_of_time", "steps".to_owned()),
        ("unit_of_steps", unit.to_owned()),
        ("space", "flat".to_owned()),
        ("dof", rows.total.to_string()),
        ("energy", "none".to_owned()),
    ] {
        data.attributes.insert(name.to_owned(), value);
    }
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
        ("checkpoint", "name of the file or folder", kept.iter().map(|&i| printable(&found.members[i].name)).collect()),
        (
            "content",
            "BLAKE3 over the names and stored bytes of the compared tensors",
            kept.iter().map(|&i| found.members[i].content.clone()).collect::<Vec<_>>(),
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
    let [msd, relative, cosine] = found.three(0, rows.total);
    let dims = [("replica", 1), ("waiting_time", s), ("time", s)];
    let mut add = |name: &str, about: &str, values: Vec<f64>| {
        data.variables.push(Record::new(name, about, "1", &dims, values));
    };
    add("msd", "Delta(t_w,t) = (1/N) sum_i [x_i(t) - x_i(t_w)]^2, N = all compared parameters", msd.clone());
    if rows.relative_error > 0.0 {
        let about = "standard error of msd of a sketch: at most Delta sqrt(2/k)";
        add("msd_error", about, msd.iter().map(|d| d * rows.relative_error).collect());
    }
    if !found.measured.fourth.is_empty() {
        let (fourth, second) = (&found.measured.fourth, &found.measured.second[0]);
        let values = found.square(&|k, t| fourth[pair(k, t)] / rows.total as f64, 0.0);
        add("fourth_moment", "(1/N) sum_i [x_i(t) - x_i(t_w)]^4, N = all compared parameters", values);
        let about = "Y = sum_i d_i^4 / (sum_i d_i^2)^2, d = x(t) - x(t_w): 1/N if spread evenly, 3/N if Gaussian";
        add("participation", about, found.square(&|k, t| fourth[pair(k, t)] / second[pair(k, t)].powi(2), f64::NAN));
    }
    add("relative_msd", "|x(t) - x(t_w)|^2/|x(t_w)|^2", relative);
    let angular = cosine.iter().map(|c| 2.0 * (1.0 - c)).collect();
    add("cosine", "cosine of the angle between x(t) and x(t_w)", cosine);
    add("angular_msd", "squared distance of the directions x/|x|: 2 (1 - cosine)", angular);
    let times = &found.trajectory.times;
    let curves = Curves::new("steps", times.clone(), times.clone(), msd)?;
    let exponents = found.trajectory.estimates(|square| {
        let mut all = vec![f64::NAN; s * s];
        for w in 0..s {
            let points: Vec<(f64, f64)> = (w + 1..s).map(|t| (times[t] - times[w], square(w, t))).collect();
            all[w * s + w + 1..(w + 1) * s].copy_from_slice(&local_slopes(&points, WINDOW));
        }
        all
    });
    let about = "gamma = d ln Delta/d ln (t - t_w) over lags within a factor 3";
    add("local_exponent", about, exponents.iter().map(|e| e.value).collect());
    let about = "standard error of local_exponent: jackknife over eight parts of the parameters";
    add("local_exponent_error", about, exponents.iter().map(|e| e.error).collect());
    if !rows.tensors.is_empty() {
        let first = 1 + rows.groups.len();
        let turned = |k: usize, t: usize| -> f64 {
            let one = |(i, (_, n)): (usize, &(String, u64))| {
                let (second, norm) = (&found.measured.second[first + i], &found.measured.norm[first + i]);
                let turn = turn(second[pair(k, t)], norm[k], norm[t]);
                if turn.is_finite() { 2.0 * turn * *n as f64 / rows.total as f64 } else { 0.0 }
            };
            rows.tensors.iter().enumerate().map(one).sum()
        };
        let about = "sum over tensors of N_l/N times the squared distance of their directions: blind to a rescaling of any tensor";
        add("layer_angular_msd", about, found.square(&turned, 0.0));
    }
    parts(&mut data, found);
    along(&mut data, found, times);
    let (drift, middle) = drift_fractions(&curves);
    data.coordinates.push(middle);
    data.variables.push(drift);
    if let Some(c) = found.components {
        let numbers = Values::I64((1..=c.explained.len() as i64).collect());
        data.coordinates.push(Record::coordinate("component", "number of the principal component", "1", numbers));
        let at = Values::I64(c.times.iter().map(|&t| t as i64).collect());
        data.coordinates.push(Record::coordinate("component_time", "step of the checkpoint", unit, at));
        let dims = [("component", c.explained.len())];
        let about = "part of the variance of the trajectory about its mean";
        data.variables.push(Record::new("explained", about, "1", &dims, c.explained.clone()));
        let dims = [("component", c.explained.len()), ("component_time", c.times.len())];
        let about = "coordinate along the principal component, from the mean of the checkpoints";
        data.variables.push(Record::new("component_position", about, "1", &dims, c.coordinates.concat()));
    }
    Ok(data)
}

/// Records of groups and of tensors.
fn parts(data: &mut Dataset, found: &Found<'_>) {
    let (s, rows) = (found.kept.len(), found.rows);
    for (suffix, parts, first) in [("group", &rows.groups, 1), ("layer", &rows.tensors, 1 + rows.groups.len())] {
        if parts.is_empty() {
            continue;
        }
        let names = parts.iter().map(|p| printable(&p.0)).collect();
        data.coordinates.push(Record::coordinate(suffix, "compared tensors", "1", Values::Text(names)));
        let sizes = parts.iter().map(|p| p.1 as i64).collect();
        data.variables.push(Record {
            name: format!("size_{suffix}"),
            about: "number of parameters".to_owned(),
            unit: "1".to_owned(),
            dims: vec![suffix.to_owned()],
            shape: vec![parts.len()],
            values: Values::I64(sizes),
        });
        let mut three: [Vec<f64>; 3] = Default::default();
        let mut norms = Vec::new();
        for (i, (_, size)) in parts.iter().enumerate() {
            for (all, one) in three.iter_mut().zip(found.three(first + i, *size)) {
                all.extend(one);
            }
            norms.extend(found.kept.iter().map(|&t| found.measured.norm[first + i][t].sqrt()));
        }
        let dims = [("replica", 1), (suffix, parts.len()), ("waiting_time", s), ("time", s)];
        let abouts = [
            ("msd", "Delta(t_w,t): mean of [x_i(t) - x_i(t_w)]^2 over the own parameters"),
            ("relative_msd", "|x(t) - x(t_w)|^2/|x(t_w)|^2 over the own parameters"),
            ("cosine", "cosine of the angle between x(t) and x(t_w) over the own parameters"),
        ];
        for ((name, about), values) in abouts.into_iter().zip(three) {
            data.variables.push(Record::new(&format!("{name}_{suffix}"), about, "1", &dims, values));
        }
        let dims = [("replica", 1), (suffix, parts.len()), ("norm_time", s)];
        data.variables.push(Record::new(&format!("norm_{suffix}"), "|x(t)|, Euclidean", "1", &dims, norms));
    }
}

/// Records along the series.
fn along(data: &mut Dataset, found: &Found<'_>, times: &[f64]) {
    let s = times.len();
    let mut length = 0.0;
    let distance: Vec<f64> = (0..s).map(|t| found.trajectory.square(0, t).sqrt()).collect();
    let step = |t: usize| if t == 0 { 0.0 } else { found.trajectory.square(t - 1, t).sqrt() };
    let path: Vec<f64> = (0..s)
        .map(|t| {
            length += step(t);
            length
        })
        .collect();
    let tortuosity = path.iter().zip(&distance).map(|(p, d)| if *d > 0.0 { p / d } else { f64::NAN }).collect();
    let norms = found.kept.iter().map(|&t| found.measured.norm[0][t].sqrt()).collect();
    let dims = [("replica", 1), ("norm_time", s)];
    for (name, about, values) in [
        ("distance", "|x(t) - x(first)|, Euclidean, not divided by sqrt(N)", distance),
        (
            "path_length",
            "length of the polygon through the checkpoints up to t: a lower bound of the path's length",
            path,
        ),
        (
            "tortuosity",
            "path_length/distance: 1 on a straight line; depends on how many checkpoints there are",
            tortuosity,
        ),
        ("norm", "|x(t)|, Euclidean", norms),
    ] {
        data.variables.push(Record::new(name, about, "1", &dims, values));
    }
}

/// Names of files and tensors as plain text: control characters are escaped.
fn printable(name: &str) -> String {
    name.escape_debug().to_string()
}

/// What the steps of a series count.
pub(crate) fn unit(checkpoints: &[Checkpoint]) -> Unit {
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
