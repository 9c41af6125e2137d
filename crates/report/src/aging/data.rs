//! Means over replicas, and two-time curves, out of records; what is missing or of another shape is simply not drawn.

use super::{QuenchView, TimeUnit};
use crate::figure::ColorBar;
use glasslab_core::sum::mean_and_error;
use glasslab_core::{Dataset, Record};

/// A quantity along one dimension for each replica.
pub(super) struct Trace {
    /// Times or waiting times, in the unit of the quench.
    pub at: Vec<f64>,
    /// Values [replica][time].
    pub replicas: Vec<Vec<f64>>,
}

/// A mean over replicas with its standard error.
pub(super) struct Mean {
    pub points: Vec<(f64, f64)>,
    pub errors: Vec<f64>,
}

impl Trace {
    /// Mean and standard error over replicas at each time.
    pub fn mean(&self) -> Mean {
        let (mut points, mut errors) = (Vec::new(), Vec::new());
        for (k, &at) in self.at.iter().enumerate() {
            let (mean, error) = mean_and_error(self.replicas.iter().map(|r| r[k]));
            points.push((at, mean));
            errors.push(error);
        }
        Mean { points, errors }
    }
}

/// A record's values if its dimensions are these.
fn shaped<'a>(data: &'a Dataset, name: &str, dims: &[&str]) -> Option<(&'a Record, Vec<f64>)> {
    let record = data.get(name)?;
    let fits = record.dims == dims && record.shape.iter().product::<usize>() == record.values.len();
    if fits { Some((record, record.floats()?)) } else { None }
}

/// The coordinate of a dimension, in the unit wanted; `None` if there is none of that length.
fn times(quench: &QuenchView, dim: &str, physical: &[&str], length: usize) -> Option<Vec<f64>> {
    let names: &[&str] = match quench.unit {
        TimeUnit::Steps => &[dim],
        TimeUnit::Physical => physical,
    };
    let found = names.iter().find_map(|name| shaped(&quench.data, name, &[dim]).map(|f| f.1));
    found.filter(|t| t.len() == length)
}

fn waiting_times(quench: &QuenchView, length: usize) -> Option<Vec<f64>> {
    times(quench, "waiting_time", &["waiting_physical_time", "noise_physical_time"], length)
}

/// `name` (replica, loss_time), or (replica, waiting_time).
pub(super) fn trace(quench: &QuenchView, name: &str, dim: &str) -> Option<Trace> {
    let (record, values) = shaped(&quench.data, name, &["replica", dim])?;
    let at = match dim {
        "waiting_time" => waiting_times(quench, record.shape[1])?,
        _ => times(quench, dim, &["loss_physical_time"], record.shape[1])?,
    };
    let replicas = values.chunks(record.shape[1].max(1)).map(<[f64]>::to_vec).collect();
    Some(Trace { at, replicas })
}

/// `name` (replica, `of`, `dim`): the values of the coordinate `of`, and the trace along `dim` at each of them.
pub(super) fn cube(quench: &QuenchView, name: &str, of: &str, dim: &str) -> Option<(Vec<f64>, Vec<Trace>)> {
    let (record, values) = shaped(&quench.data, name, &["replica", of, dim])?;
    let [_, sets, steps] = record.shape[..] else { return None };
    let (_, sizes) = shaped(&quench.data, of, &[of])?;
    let physical = dim.replace("_time", "_physical_time");
    let at = times(quench, dim, &[&physical], steps)?;
    let row = |set: usize, values: &[f64]| values[set * steps..(set + 1) * steps].to_vec();
    let trace = |set: usize| Trace {
        at: at.clone(),
        replicas: values.chunks((sets * steps).max(1)).map(|v| row(set, v)).collect(),
    };
    (sizes.len() == sets).then(|| (sizes.clone(), (0..sets).map(trace).collect()))
}

/// One two-time curve: a waiting time, its lags and the values of each replica.
pub(super) struct TwoTime {
    /// Waiting time t_w.
    pub waiting: f64,
    /// Its number along `waiting_time`.
    pub index: usize,
    /// The curve: lags t > 0 and values.
    pub curve: Trace,
}

/// Curves of the record `name` (replica, waiting_time, time) against the lag, for every waiting time at which something was
/// measured.
pub(super) fn two_time(quench: &QuenchView, name: &str) -> Vec<TwoTime> {
    let Some((record, values)) = shaped(&quench.data, name, &["replica", "waiting_time", "time"]) else {
        return Vec::new();
    };
    let (replicas, waits, steps) = (record.shape[0], record.shape[1], record.shape[2]);
    let (Some(waiting), Some(time)) = (waiting_times(quench, waits), times(quench, "time", &["physical_time"], steps))
    else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for (index, &waiting) in waiting.iter().enumerate() {
        let row = |r: usize| &values[(r * waits + index) * steps..][..steps];
        let kept: Vec<usize> =
            (0..steps).filter(|&k| time[k] > waiting && (0..replicas).any(|r| row(r)[k].is_finite())).collect();
        if kept.len() > 1 {
            let at = kept.iter().map(|&k| time[k] - waiting).collect();
            let replicas = (0..replicas).map(|r| kept.iter().map(|&k| row(r)[k]).collect()).collect();
            out.push(TwoTime { waiting, index, curve: Trace { at, replicas } });
        }
    }
    out
}

/// At most `count` of the curves, spread evenly over log t_w; the one for t_w = 0 first if there is one.
pub(super) fn spread(curves: Vec<TwoTime>, count: usize) -> Vec<TwoTime> {
    let zero = curves.iter().filter(|c| c.waiting <= 0.0).count();
    let positive = curves.len() - zero;
    if positive <= count {
        return curves;
    }
    let (low, high) = (curves[zero].waiting.ln(), curves[curves.len() - 1].waiting.ln());
    let mut wanted = (0..count).map(|k| low + (high - low) * k as f64 / (count - 1).max(1) as f64).peekable();
    let mut last = f64::NEG_INFINITY;
    let keep = |c: &TwoTime| {
        let at = c.waiting.ln();
        let due = wanted.peek().is_some_and(|&w| at >= w - 1e-9);
        while wanted.peek().is_some_and(|&w| at >= w - 1e-9) {
            wanted.next();
        }
        let take = c.waiting <= 0.0 || (due && at > last);
        last = at;
        take
    };
    let mut keep = keep;
    curves.into_iter().filter(|c| keep(c)).collect()
}

/// The scale of colours for waiting times; `None` if there are no two positive ones.
pub(super) fn colors(curves: &[TwoTime]) -> Option<ColorBar> {
    let positive: Vec<f64> = curves.iter().map(|c| c.waiting).filter(|&w| w > 0.0).collect();
    let (low, high) = (positive.first().copied()?, positive.last().copied()?);
    (high > low).then(|| ColorBar { title: "t_w".to_owned(), low, high })
}

/// A number for a hint: three significant digits.
pub(super) fn short(value: f64) -> String {
    if value == 0.0 || (1e-2..1e5).contains(&value.abs()) {
        let digits = (2.0 - value.abs().max(1e-2).log10().floor()).clamp(0.0, 4.0) as usize;
        let text = format!("{value:.digits$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    } else {
        format!("{value:.2e}")
    }
}
