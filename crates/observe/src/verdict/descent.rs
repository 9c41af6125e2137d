//! The energy's course: when exploration ends (t_1), when descent ends (t_2), and whether the energy rests.

use super::resample::{Estimate, Resamples};
use crate::curves::slope;

/// Energies e_r(t) `[replica, time]` (or losses) with what is known of the bottom.
#[derive(Clone, Debug, PartialEq)]
pub struct Energy {
    /// Times, increasing, in the unit of the curves; the first is the start.
    pub time: Vec<f64>,
    /// Values `[replica, time]`, flat; NaN where not measured.
    pub values: Vec<f64>,
    /// The bottom of the landscape where it is known (0 for a loss that can be fitted).
    pub floor: Option<f64>,
}

/// Part of the total fall that ends exploration.
pub const EXPLORED: f64 = 0.05;
/// A fall that at a third of t_1 is below this part of its value at t_1 accelerates; 1/3 is a fall that is linear in t.
pub const FLAT: f64 = 0.28;
/// Part of the greatest slope de/dln t (or of the height above the floor) below which descent is over.
pub const RESTING: f64 = 0.1;
/// Part of the initial height above the floor at which a loss counts as fitted.
pub const FITTED: f64 = 0.01;

/// What the energy says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Descent {
    /// True if the energy falls by more than its error.
    pub(super) falls: bool,
    pub(super) t_1: Option<Estimate>,
    pub(super) t_2: Option<Estimate>,
}

impl Energy {
    fn mean(&self, alive: &[usize], counts: &[f64]) -> Vec<f64> {
        let n = self.time.len();
        let total: f64 = counts.iter().sum();
        let at = |t: usize| alive.iter().zip(counts).map(|(&r, c)| c * self.values[r * n + t]).sum::<f64>() / total;
        // Replicas without weight must not spread their NaN: there is none among the alive ones.
        (0..n).map(at).collect()
    }

    /// The times up to which all alive replicas are measured.
    fn measured(&self, alive: &[usize]) -> usize {
        let n = self.time.len();
        (0..n).take_while(|&t| alive.iter().all(|&r| self.values[r * n + t].is_finite())).count()
    }

    pub(super) fn descent(&self, alive: &[usize], resamples: &Resamples) -> Descent {
        let none = Descent { falls: false, t_1: None, t_2: None };
        let n = self.measured(alive);
        if n < 4 {
            return none;
        }
        let time = &self.time[..n];
        let fall = |c: &[f64]| {
            let e = &self.mean(alive, c)[..n];
            Some(e[0] - late(e))
        };
        // Rounding of a conserved energy is not a fall.
        let scale = self.values.iter().filter(|v| v.is_finite()).fold(0.0_f64, |m, v| m.max(v.abs()));
        let Some(total) = resamples.estimate(fall) else { return none };
        if total.low <= 1e-9 * scale {
            return none;
        }
        let logarithm = |t: Option<f64>| t.filter(|t| *t > 0.0).map(f64::ln);
        let t_1 = resamples.estimate(|c| logarithm(exploration_end(time, &self.mean(alive, c)[..n])));
        let t_2 = resamples.estimate(|c| logarithm(descent_end(time, &self.mean(alive, c)[..n], self.floor)));
        let back = |e: Estimate| e.map(f64::exp, e.value.exp());
        Descent { falls: true, t_1: t_1.map(back), t_2: t_2.map(back) }
    }
}

/// The energy at the end: the mean of the last three values.
fn late(e: &[f64]) -> f64 {
    let last = &e[e.len().saturating_sub(3)..];
    last.iter().sum::<f64>() / last.len() as f64
}

/// e at t, linear between measured times.
fn at(time: &[f64], e: &[f64], t: f64) -> f64 {
    let i = time.partition_point(|&s| s < t).clamp(1, time.len() - 1);
    let part = ((t - time[i - 1]) / (time[i] - time[i - 1])).clamp(0.0, 1.0);
    e[i - 1] + part * (e[i] - e[i - 1])
}

/// t_1: the first time at which the energy has fallen by [`EXPLORED`] of its total fall; `None` if it falls from the
/// first step on, that is if by t_1/3 the fall has reached more than [`FLAT`] of that.
fn exploration_end(time: &[f64], e: &[f64]) -> Option<f64> {
    let part = EXPLORED * (e[0] - late(e));
    let i = (1..e.len()).find(|&i| e[0] - e[i] >= part)?;
    let (a, b) = (e[0] - e[i - 1], e[0] - e[i]);
    let t_1 = time[i - 1] + (time[i] - time[i - 1]) * ((part - a) / (b - a)).clamp(0.0, 1.0);
    let third = time[0] + (t_1 - time[0]) / 3.0;
    (i > 1 && e[0] - at(time, e, third) < FLAT * part).then_some(t_1)
}

/// t_2: from when on the slope -de/dln t (least squares over times within a factor 2) stays below [`RESTING`] of its
/// greatest value, or the energy stays within [`FITTED`] of its initial height above the floor, whichever is first.
/// `None` if neither holds for the last third of the logarithm of two of the run: for good must be seen.
fn descent_end(time: &[f64], e: &[f64], floor: Option<f64>) -> Option<f64> {
    let slopes: Vec<f64> = time
        .iter()
        .map(|&t| {
            let near = time.iter().zip(e).filter(move |(s, _)| t > 0.0 && **s >= t / 2.0 && **s <= 2.0 * t);
            slope(near.map(|(s, e)| (s.ln(), *e))).map_or(0.0, |s| -s)
        })
        .collect();
    let greatest = slopes.iter().copied().fold(0.0, f64::max);
    let after = |moving: &dyn Fn(usize) -> bool| {
        let first = (1..time.len()).rev().find(|&i| moving(i)).map_or(1, |i| i + 1);
        time.get(first).copied()
    };
    let slow = after(&|i| slopes[i] > RESTING * greatest);
    let fitted = floor.and_then(|f| after(&|i| e[i] - f > FITTED * (e[0] - f)));
    let first = [slow, fitted].into_iter().flatten().fold(f64::INFINITY, f64::min);
    (first <= time[time.len() - 1] / 1.25).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasslab_core::Streams;

    fn times() -> Vec<f64> {
        let mut t: Vec<f64> = (0..60).map(|k| 10_f64.powf(f64::from(k) / 12.0)).collect();
        t.insert(0, 0.0);
        t
    }

    /// Flat until 100, then falling like ln t until 10^4, then flat: t_1 = 100 100^0.05, t_2 = 10^4 (to the smoothing's
    /// factor 2). A fall that is linear at first has no t_1; a fall like ln t to the end has no t_2.
    #[test]
    fn ends_of_exploration_and_descent() {
        let t = times();
        let e: Vec<f64> = t.iter().map(|t| 2.0 - (t.clamp(100.0, 1e4) / 100.0).ln()).collect();
        let t_1 = exploration_end(&t, &e).unwrap();
        assert!((t_1 / 125.9 - 1.0).abs() < 0.05, "{t_1}");
        let t_2 = descent_end(&t, &e, None).unwrap();
        assert!((1e4..=2.2e4).contains(&t_2), "{t_2}");
        let linear: Vec<f64> = t.iter().map(|t| 1.0 / (1.0 + t / 30.0)).collect();
        assert_eq!(exploration_end(&t, &linear), None);
        let forever: Vec<f64> = t.iter().map(|t| -(1.0 + t).ln()).collect();
        assert_eq!(descent_end(&t, &forever, None), None);
        // A power law above a floor that is reached: fitted when (1+t)^-1 < 0.01.
        let fitted = descent_end(&t, &linear, Some(0.0)).unwrap();
        assert!(fitted <= 30.0 * 99.0 * 1.22, "{fitted}");
    }

    #[test]
    fn a_constant_energy_does_not_fall() {
        let time = times();
        let energy = Energy { values: vec![1.0; 2 * time.len()], time, floor: None };
        let descent = energy.descent(&[0, 1], &Resamples::new(Streams::new(1), 2));
        assert_eq!(descent, Descent { falls: false, t_1: None, t_2: None });
    }
}
