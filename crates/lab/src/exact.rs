//! The exact dynamics of infinite systems, to put beside that of finite ones: spherical p-spins from a random start or from
//! equilibrium (planted).

use crate::plan::Quench;
use crate::summary::{Mean, Tabulated};
use glasslab_core::{Dataset, Method, Value};
use glasslab_report::Exact;
use glasslab_theory::{MeanField, Solution, Start, statics};
use std::sync::{Arc, Mutex};

/// Stated error that the solution is asked for: a tenth of the finest line in a figure.
const TOLERANCE: f64 = 1e-4;

/// Solutions of this process: the summary and the report ask for the same one.
static SOLVED: Mutex<Vec<(MeanField, Arc<Solution>)>> = Mutex::new(Vec::new());

/// p and the start of a quench, if it is a p-spin.
fn pspin(quench: &Quench) -> Option<(u32, Start)> {
    let Some(Value::Integer(p)) = quench.parameters.get("p").filter(|_| quench.system == "p-spin") else { return None };
    let start = match (quench.parameters.get("start"), quench.parameters.get("start_temperature")) {
        (Some(Value::Text(word)), Some(Value::Number(temperature))) if word == "planted" => {
            Start::Equilibrium(*temperature)
        }
        _ => Start::Random,
    };
    Some((u32::try_from(*p).ok()?, start))
}

/// The mean-field model of a quench, if it is a p-spin at constant temperature (T = 0: gradient descent).
fn model(quench: &Quench, until: f64) -> Option<MeanField> {
    let (p, start) = pspin(quench)?;
    let temperature = match &quench.method {
        Method::Descent { .. } => 0.0,
        Method::Langevin { temperature, .. } if temperature.is_constant() => temperature.at(0.0),
        _ => return None,
    };
    Some(MeanField { start, ..MeanField::pure(p, temperature, until) })
}

/// Energy per spin that an infinite p-spin tends to at long times, and its name; `None` where it is not known: from
/// equilibrium at one temperature into the glass at another.
///
/// p >= 3 from a random start: the threshold, or equilibrium above T_d ([`statics::aging`]). p = 2, whose transition is at
/// T = 1: -1 + T/2 below (Kosterlitz, Thouless and Jones 1976, doi:10.1103/PhysRevLett.36.1217), -1/(2T) above.
pub(crate) fn reference(quench: &Quench, temperature: f64) -> Option<(f64, &'static str)> {
    let (p, start) = pspin(quench)?;
    let hot = temperature >= statics::dynamical_temperature(p).ok()?;
    match start {
        _ if hot => Some((-0.5 / temperature, "equilibrium")),
        Start::Equilibrium(t) if t == temperature => Some((-0.5 / temperature, "equilibrium")),
        Start::Equilibrium(_) => None,
        Start::Random if p == 2 => {
            Some((-1.0 + 0.5 * temperature, if temperature > 0.0 { "equilibrium" } else { "ground state" }))
        }
        Start::Random => Some((statics::aging(p, temperature).ok()?.energy, "threshold")),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::age_plan;

    fn known(p: i64, start: Option<f64>, temperature: f64) -> Option<(f64, &'static str)> {
        let mut plan = age_plan(&["p-spin".to_owned()], &Default::default()).unwrap();
        let parameters = &mut plan.quench[0].parameters;
        parameters.insert("p".into(), Value::Integer(p));
        if let Some(t) = start {
            parameters.insert("start".into(), Value::Text("planted".into()));
            parameters.insert("start_temperature".into(), Value::Number(t));
        }
        reference(&plan.quench[0], temperature)
    }

    /// Values of the physics notes (six digits), and continuity at T = 0 and at the transition.
    #[test]
    fn reference_energies() {
        assert!((known(3, None, 0.5).unwrap().0 + 0.886693).abs() < 6e-7);
        assert_eq!(known(3, None, 0.0).unwrap().1, "threshold");
        assert_eq!(known(3, None, 1.0), Some((-0.5, "equilibrium")));
        assert_eq!(known(2, None, 0.0), Some((-1.0, "ground state")));
        assert_eq!(known(3, Some(0.6), 0.6).unwrap().1, "equilibrium");
        assert_eq!(known(3, Some(0.6), 0.3), None);
        for (p, transition) in [(2, 1.0), (3, 0.375_f64.sqrt())] {
            let e = |t| known(p, None, t).unwrap().0;
            assert!((e(1e-7) - e(0.0)).abs() < 1e-6);
            assert!((e(transition * (1.0 - 1e-9)) - e(transition * (1.0 + 1e-9))).abs() < 1e-4);
        }
    }
}
