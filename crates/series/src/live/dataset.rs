//! From the looks of a recorder to records, and from the records of several recorders to those of an ensemble.

use super::{Keep, Live};
use crate::records::WINDOW;
use glasslab_core::{Dataset, Fault, Record, Values};
use glasslab_observe::{Curves, drift_fractions};
use std::collections::BTreeMap;

/// Dimensions along which recorders may differ: what all have in common is kept.
const TIMES: [&str; 5] = ["waiting_time", "time", "norm_time", "loss_time", "middle_time"];

fn steps(name: &str, about: &str, steps: &[u64]) -> Record {
    Record::coordinate(name, about, "steps", Values::I64(steps.iter().map(|&s| s as i64).collect()))
}

impl Live {
    /// What was measured so far, with the names and dimensions of the observer `two-time` and of a checkpoint series:
    ///
    /// - `msd`, `fourth_moment`, `participation`, `relative_msd`, `cosine`, `local_exponent` (replica, waiting_time, time);
    ///   `msd_layer` (replica, layer, waiting_time, time) of each tensor if copies are kept.
    /// - with sketches: `msd`, `msd_error` (its standard error, sqrt(2/k sum_groups |d|^4)/N), `relative_msd`, `cosine`,
    ///   `local_exponent`, and `msd_group` (replica, group, waiting_time, time).
    /// - `norm`, `distance` from the first look, `path_length` of the polygon through the waiting times and on to t, all (replica,
    ///   norm_time); `batch_gradient_squared` |g|^2 as it was given; `train_loss` (replica, loss_time) as it was given.
    /// - `drift` (replica, waiting_time, middle_time).
    pub fn records(&self) -> Result<Dataset, Fault> {
        let (waits, times, n) = (self.waiting.len(), self.looks.len(), self.dof() as f64);
        if times == 0 {
            return Err(Fault::input("recorder", "nothing was recorded yet", "let it see at least one step"));
        }
        let width = self.rows.len() + 1;
        let mut data = self.head();
        let exact = self.keep == Keep::Exact;
        let norms: Vec<f64> = self.looks.iter().map(|l| l.squares.iter().sum::<f64>().sqrt()).collect();
        let at: Vec<usize> = self.waiting.iter().map(|w| self.looks.partition_point(|l| l.step < *w)).collect();
        // Arrays [waiting_time, time]: NaN before t_w, `origin` at t_w.
        let square = |value: &dyn Fn(usize, usize, &[f64]) -> f64, origin: f64| -> Vec<f64> {
            let entry = |k: usize, t: usize| match t.cmp(&at[k]) {
                std::cmp::Ordering::Less => f64::NAN,
                std::cmp::Ordering::Equal => origin,
                std::cmp::Ordering::Greater => value(k, t, &self.looks[t].moments[k * width..(k + 1) * width]),
            };
            (0..waits).flat_map(|k| (0..times).map(move |t| (k, t))).map(|(k, t)| entry(k, t)).collect()
        };
        let second = |m: &[f64]| m[..width - 1].iter().sum::<f64>();
        let msd = square(&|_, _, m| second(m) / n, 0.0);
        let dims = [("replica", 1), ("waiting_time", waits), ("time", times)];
        let mut add = |name: &str, about: &str, values: Vec<f64>| {
            data.variables.push(Record::new(name, about, "1", &dims, values));
        };
        add("msd", "Delta(t_w,t) = (1/N) sum_i [x_i(t) - x_i(t_w)]^2, N = all recorded parameters", msd.clone());
        if let Keep::Sketch { size, .. } = self.keep {
            let error = |m: &[f64]| {
                let fourth: f64 = m[..width - 1].iter().map(|d| d * d).sum();
                (2.0 * fourth / size as f64).sqrt() / n
            };
            let about = "standard error of msd, from the sketches alone: sqrt(2/k sum_groups |d_group|^4)/N";
            add("msd_error", about, square(&|_, _, m| error(m), 0.0));
        } else {
            let fourth = square(&|_, _, m| m[width - 1] / n, 0.0);
            add("fourth_moment", "(1/N) sum_i [x_i(t) - x_i(t_w)]^4, N = all recorded parameters", fourth);
            let about = "Y = sum_i d_i^4 / (sum_i d_i^2)^2, d = x(t) - x(t_w): 1/N if spread evenly, 3/N if Gaussian";
            let participation = |m: &[f64]| m[width - 1] / (second(m) * second(m));
            add("participation", about, square(&|_, _, m| participation(m), f64::NAN));
        }
        let relative = square(&|k, _, m| second(m) / (norms[at[k]] * norms[at[k]]), 0.0);
        add("relative_msd", "|x(t) - x(t_w)|^2/|x(t_w)|^2", relative);
        let cosine = |k: usize, t: usize, m: &[f64]| {
            let (a, b) = (norms[at[k]], norms[t]);
            1.0 - (second(m) - (a - b) * (a - b)) / (2.0 * a * b)
        };
        add("cosine", "cosine of the angle between x(t) and x(t_w)", square(&cosine, 1.0));
        let float = |s: &[u64]| s.iter().map(|&v| v as f64).collect::<Vec<f64>>();
        let curves = Curves::new("steps", float(&self.waiting), float(&self.times()), msd)?;
        let mut exponents = vec![f64::NAN; waits * times];
        for w in 0..waits {
            let curve = curves.curve(0, w);
            for (lag, gamma) in curve.lag.iter().zip(curve.local_exponents(WINDOW)) {
                if let Some(t) = (at[w]..times).find(|&t| curves.time[t] - curves.waiting[w] == *lag) {
                    exponents[w * times + t] = gamma;
                }
            }
        }
        add("local_exponent", "gamma = d ln Delta/d ln (t - t_w) over lags within a factor 3", exponents);
        let dim = if exact { "layer" } else { "group" };
        let mut parts = Vec::new();
        for (i, (_, size)) in self.rows.iter().enumerate() {
            parts.extend(square(&|_, _, m| m[i] / (*size).max(1) as f64, 0.0));
        }
        let dims = [("replica", 1), (dim, self.rows.len()), ("waiting_time", waits), ("time", times)];
        let about = "Delta(t_w,t): mean of [x_i(t) - x_i(t_w)]^2 over the own parameters";
        data.variables.push(Record::new(&format!("msd_{dim}"), about, "1", &dims, parts));
        self.lengths(&mut data, &at, norms, &|t, k| second(&self.looks[t].moments[k * width..(k + 1) * width]).sqrt());
        let (drift, middle) = drift_fractions(&curves);
        data.coordinates.push(middle);
        data.variables.push(drift);
        Ok(data)
    }

    /// Facts and coordinates.
    fn head(&self) -> Dataset {
        let mut data = Dataset::default();
        let given = self.looks.iter().any(|l| !l.given[0].is_nan());
        let kept = match self.keep {
            Keep::Exact => "copies".to_owned(),
            Keep::Sketch { size, seed } => format!("sketches, k = {size}, seed {seed}"),
        };
        for (name, value) in [
            ("system", "training"),
            ("unit_of_time", "steps"),
            ("unit_of_steps", "steps"),
            ("space", "flat"),
            ("dof", &self.dof().to_string()),
            ("energy", if given { "train_loss" } else { "none" }),
            ("references", &kept),
        ] {
            data.attributes.insert(name.to_owned(), value.to_owned());
        }
        let times = self.times();
        data.coordinates.push(Record::coordinate("replica", "one trajectory", "1", Values::I64(vec![0])));
        data.coordinates.push(steps("waiting_time", "waiting time t_w of the reference", &self.waiting));
        data.coordinates.push(steps("time", "time t of the measurement (not the lag t - t_w)", &times));
        data.coordinates.push(steps("norm_time", "time of the measurement", &times));
        let names = self.rows.iter().map(|r| r.0.escape_debug().to_string()).collect();
        let dim = if self.keep == Keep::Exact { "layer" } else { "group" };
        data.coordinates.push(Record::coordinate(dim, "recorded tensors", "1", Values::Text(names)));
        data
    }

    /// Norms, distances, gradients and losses; `from` is the distance at a look from a reference.
    fn lengths(&self, data: &mut Dataset, at: &[usize], norms: Vec<f64>, from: &dyn Fn(usize, usize) -> f64) {
        let times = self.looks.len();
        let (mut distance, mut path, mut length, mut next) = (Vec::new(), Vec::new(), 0.0, 0);
        for t in 0..times {
            let last = at.partition_point(|&a| a < t);
            distance.push(if last == 0 { 0.0 } else { from(t, 0) });
            let here = if last == 0 { 0.0 } else { length + from(t, last - 1) };
            path.push(here);
            if at.get(next) == Some(&t) {
                (length, next) = (here, next + 1);
            }
        }
        let gradients: Vec<f64> = self.looks.iter().map(|l| l.given[1]).collect();
        let dims = [("replica", 1), ("norm_time", times)];
        let mut add = |name: &str, about: &str, values: Vec<f64>| {
            data.variables.push(Record::new(name, about, "1", &dims, values));
        };
        add("distance", "|x(t) - x(first)|, Euclidean, not divided by sqrt(N)", distance);
        let about = "length of the polygon through the waiting times, and on to t: a lower bound of the path's length";
        add("path_length", about, path);
        add("norm", "|x(t)|, Euclidean", norms);
        if gradients.iter().any(|g| !g.is_nan()) {
            add("batch_gradient_squared", "|g|^2 of the gradient that was given (of one mini-batch)", gradients);
        }
        let losses: Vec<_> = self.looks.iter().filter(|l| !l.given[0].is_nan()).collect();
        if !losses.is_empty() {
            let at: Vec<u64> = losses.iter().map(|l| l.step).collect();
            data.coordinates.push(steps("loss_time", "time of the loss", &at));
            let values = losses.iter().map(|l| l.given[0]).collect();
            let dims = [("replica", 1), ("loss_time", losses.len())];
            let about = "training loss as it was given (usually of one mini-batch, so noisy)";
            data.variables.push(Record::new("train_loss", about, "1", &dims, values));
        }
    }
}

/// The records of several recorders of the same network as those of one ensemble: one replica each, at the times that all
/// have in common. Cost O(size). Checked by `tests/live.rs`.
pub fn combined(all: &[Dataset]) -> Result<Dataset, Fault> {
    let Some(first) = all.first() else {
        return Err(Fault::input("recorders", "none", "give at least one recorder"));
    };
    let mut out = Dataset { attributes: first.attributes.clone(), ..Dataset::default() };
    // For each dimension and each data set, the numbers of the entries that are kept.
    let mut kept: BTreeMap<&str, Vec<Vec<usize>>> = BTreeMap::new();
    for c in &first.coordinates {
        let others = all.iter().map(|d| d.coordinates.iter().find(|o| o.name == c.name));
        let Some(each) = others.collect::<Option<Vec<_>>>() else { continue };
        if c.name == "replica" {
            continue;
        }
        let whole = |r: &Record| (0..r.values.len()).collect::<Vec<usize>>();
        let Values::I64(own) = &c.values else {
            if each.iter().any(|o| o.values != c.values) {
                let fix = "give recorders of the same network: their tensors differ";
                return Err(Fault::input("recorders", &c.name, fix));
            }
            kept.insert(&c.name, each.iter().map(|o| whole(o)).collect());
            out.coordinates.push(c.clone());
            continue;
        };
        if !TIMES.contains(&c.name.as_str()) {
            continue;
        }
        let lists: Option<Vec<&Vec<i64>>> =
            each.iter().map(|o| if let Values::I64(v) = &o.values { Some(v) } else { None }).collect();
        let Some(lists) = lists else { continue };
        let common: Vec<i64> = own.iter().filter(|v| lists.iter().all(|l| l.contains(v))).copied().collect();
        if common.is_empty() {
            let fix = "give recorders with the same schedule: they have no time in common";
            return Err(Fault::input("recorders", &c.name, fix));
        }
        let places = |l: &Vec<i64>| common.iter().filter_map(|v| l.iter().position(|w| w == v)).collect();
        kept.insert(&c.name, lists.into_iter().map(places).collect());
        out.coordinates.push(Record { shape: vec![common.len()], values: Values::I64(common), ..c.clone() });
    }
    let numbers = Values::I64((0..all.len() as i64).collect());
    out.coordinates.insert(0, Record::coordinate("replica", "number of the recorder", "1", numbers));
    for v in &first.variables {
        let Some(each) = all.iter().map(|d| d.get(&v.name)).collect::<Option<Vec<_>>>() else { continue };
        if v.dims.first().map(String::as_str) != Some("replica")
            || v.dims[1..].iter().any(|d| !kept.contains_key(d.as_str()))
        {
            continue;
        }
        let mut values = Vec::new();
        for (number, record) in each.iter().enumerate() {
            let Some(own) = record.floats() else { continue };
            let choice: Vec<&Vec<usize>> = v.dims[1..].iter().map(|d| &kept[d.as_str()][number]).collect();
            for replica in 0..record.shape[0] {
                gather(&own, &record.shape[1..], &choice, replica, &mut values);
            }
        }
        let mut shape = vec![each.iter().map(|r| r.shape[0]).sum()];
        shape.extend(v.dims[1..].iter().map(|d| kept[d.as_str()][0].len()));
        out.variables.push(Record { shape, values: Values::F64(values), ..v.clone() });
    }
    Ok(out)
}

/// Appends the chosen entries of an array whose leading part was chosen to be number `at`.
fn gather(values: &[f64], shape: &[usize], choice: &[&Vec<usize>], at: usize, out: &mut Vec<f64>) {
    match (shape.split_first(), choice.split_first()) {
        (Some((size, shape)), Some((own, choice))) => {
            own.iter().for_each(|i| gather(values, shape, choice, at * size + i, out));
        }
        _ => out.push(values[at]),
    }
}
