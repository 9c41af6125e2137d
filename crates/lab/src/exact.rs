//! The exact dynamics of infinite systems, to put beside that of finite ones: spherical p-spins from a random start.

use crate::plan::Quench;
use crate::summary::{Mean, Tabulated};
use glasslab_core::{Dataset, Method, Value};
use glasslab_report::Exact;
use glasslab_theory::{MeanField, Solution};
use std::sync::{Arc, Mutex};

/// Stated error that the solution is asked for: a tenth of the finest line in a figure.
const TOLERANCE: f64 = 1e-4;

/// Solutions of this process: the summary and the report ask for the same one.
static SOLVED: Mutex<Vec<(MeanField, Arc<Solution>)>> = Mutex::new(Vec::new());

/// The mean-field model of a quench, if it is a p-spin at constant temperature (T = 0: gradient descent).
fn model(quench: &Quench, until: f64) -> Option<MeanField> {
    let Some(Value::Integer(p)) = quench.parameters.get("p").filter(|_| quench.system == "p-spin") else { return None };
    let temperature = match &quench.method {
        Method::Descent { .. } => 0.0,
        Method::Langevin { temperature, .. } if temperature.is_constant() => temperature.at(0.0),
        _ => return None,
    };
    Some(MeanField::pure(u32::try_from(*p).ok()?, temperature, until))
}

fn solve(model: MeanField) -> Option<Arc<Solution>> {
    let mut solved = SOLVED.lock().ok()?;
    if let Some((_, solution)) = solved.iter().find(|s| s.0 == model) {
        return Some(Arc::clone(solution));
    }
    // No solution to this tolerance: nothing is put beside the measurement.
    let solution = Arc::new(model.solve(TOLERANCE).ok()?);
    solved.push((model, Arc::clone(&solution)));
    Some(solution)
}

fn floats(data: &Dataset, name: &str) -> Vec<f64> {
    data.get(name).and_then(|r| r.floats()).unwrap_or_default()
}

fn solution(quench: &Quench, data: &Dataset) -> Option<Arc<Solution>> {
    let until = floats(data, "physical_time").into_iter().fold(0.0, f64::max);
    solve(model(quench, until).filter(|m| m.until > 0.0)?)
}

/// Measured energies at t = 1, 2, 5, 10, ... beside those of the infinite system.
pub(crate) fn compare(quench: &Quench, data: &Dataset) -> Vec<Tabulated> {
    let (times, values) = (floats(data, "loss_physical_time"), floats(data, "energy"));
    let Some(solution) = solution(quench, data).filter(|_| !values.is_empty()) else { return Vec::new() };
    let replicas = values.len() / times.len();
    let last = times[times.len() - 1];
    let decades = (0..9).flat_map(|k| [1.0, 2.0, 5.0].map(|f| f * 10_f64.powi(k)));
    let mut out = Vec::new();
    for time in decades.take_while(|&t| t <= last * (1.0 + 1e-9)) {
        // Between two measured times, linear in ln t.
        let between = |k: &usize| times[k - 1] > 0.0 && times[k - 1] <= time && time <= times[*k] * (1.0 + 1e-9);
        let Some(k) = (1..times.len()).find(between) else { continue };
        let share = (time / times[k - 1]).ln() / (times[k] / times[k - 1]).ln();
        let at = |r: usize| (1.0 - share) * values[r * times.len() + k - 1] + share * values[r * times.len() + k];
        let Ok(exact) = solution.energy(time.min(last)) else { continue };
        if let Some(measured) = Mean::of((0..replicas).map(at)) {
            out.push(Tabulated { time, measured, exact: exact.value });
        }
    }
    out
}

/// The exact curves at the measured times and waiting times.
pub(crate) fn curves(quench: &Quench, data: &Dataset) -> Option<Exact> {
    let solution = solution(quench, data)?;
    let times = floats(data, "loss_physical_time");
    let energy =
        times.iter().filter(|t| **t > 0.0).filter_map(|&t| Some((t, solution.energy(t).ok()?.value))).collect();
    let waiting = floats(data, "waiting_physical_time");
    let last = times.last().copied().unwrap_or(0.0);
    let first = times.iter().copied().find(|t| *t > 0.0).unwrap_or(last);
    let lags: Vec<f64> = (0..=60).map(|k| first * (last / first).powf(f64::from(k) / 60.0)).collect();
    let displacement = waiting.iter().filter(|w| **w > 0.0).map(|&w| {
        let within = lags.iter().filter(|&&lag| w + lag <= last);
        let point = |&lag: &f64| {
            let delta = solution.displacement(w, lag).ok()?;
            // Below its own error the difference of nearly equal correlations says nothing.
            (delta.value > 3.0 * delta.error).then_some((lag, delta.value))
        };
        (w, within.filter_map(point).collect())
    });
    Some(Exact { label: "N → ∞".to_owned(), energy, displacement: displacement.collect() })
}
