//! Error bars of one trajectory: the jackknife over eight interleaved parts of its parameters.
//!
//! Part p holds every fourth entry of a tensor, of even or of odd stretches. A number theta is computed of all parameters, and eight
//! times without one part; error^2 = (7/8) sum_p (theta_p - mean)^2. It says how well this trajectory determines the number if
//! parameters move independently of each other; what moves them together (a direction all share) or differs between seeds is not
//! in it. Source: Efron and Stein 1981 (doi:10.1214/aos/1176345462). Checked by `tests/known_answers.rs`, by repetition.

use crate::pairs::PARTS;
use crate::stream::{Measured, pair};
use serde::Serialize;

/// A number with its standard error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Standard error over eight parts of the parameters; multiply by 2.36 (Student's law, 7 degrees of freedom) for 95 %.
    pub error: f64,
}

/// Squared displacements of the kept checkpoints, of all parameters or without a part.
pub(crate) struct Trajectory<'a> {
    pub(crate) times: Vec<f64>,
    /// Numbers of the checkpoints in the order of their steps.
    kept: Vec<usize>,
    found: &'a Measured,
}

impl<'a> Trajectory<'a> {
    pub(crate) fn new(times: Vec<f64>, kept: Vec<usize>, found: &'a Measured) -> Self {
        Self { times, kept, found }
    }

    /// At most `most` of the checkpoints, evenly chosen, with the first and the last.
    pub(crate) fn thinned(&self, most: usize) -> Self {
        let s = self.kept.len();
        let chosen: Vec<usize> =
            if s <= most { (0..s).collect() } else { (0..most).map(|i| i * (s - 1) / (most - 1)).collect() };
        let times = chosen.iter().map(|&i| self.times[i]).collect();
        Self { times, kept: chosen.iter().map(|&i| self.kept[i]).collect(), found: self.found }
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// sum d^2 between the k-th and the t-th of the kept checkpoints.
    pub(crate) fn square(&self, k: usize, t: usize) -> f64 {
        if k == t { 0.0 } else { self.found.second[0][pair(self.kept[k.min(t)], self.kept[k.max(t)])] }
    }

    /// Part `p` of [`Trajectory::square`], times the number of parts.
    pub(crate) fn part(&self, p: usize, k: usize, t: usize) -> f64 {
        if k == t { 0.0 } else { self.found.parts[pair(self.kept[k.min(t)], self.kept[k.max(t)])][p] * PARTS as f64 }
    }

    /// [`Trajectory::square`] without part `p`, scaled to all parameters.
    fn without(&self, p: usize, k: usize, t: usize) -> f64 {
        if k == t {
            return 0.0;
        }
        let parts = &self.found.parts[pair(self.kept[k.min(t)], self.kept[k.max(t)])];
        let rest: f64 = parts.iter().enumerate().filter(|(i, _)| *i != p).map(|(_, x)| x).sum();
        rest * PARTS as f64 / (PARTS - 1) as f64
    }

    /// Values of `theta`, a list of numbers made of squared displacements, with their jackknife errors. A number that is NaN with
    /// or without some part has a NaN error.
    pub(crate) fn estimates(&self, theta: impl Fn(&dyn Fn(usize, usize) -> f64) -> Vec<f64>) -> Vec<Estimate> {
        let values = theta(&|k, t| self.square(k, t));
        let without: Vec<Vec<f64>> = (0..PARTS).map(|p| theta(&|k, t| self.without(p, k, t))).collect();
        let one = |(i, &value): (usize, &f64)| {
            let mean = without.iter().map(|w| w[i]).sum::<f64>() / PARTS as f64;
            let spread: f64 = without.iter().map(|w| (w[i] - mean) * (w[i] - mean)).sum();
            Estimate { value, error: (spread * (PARTS - 1) as f64 / PARTS as f64).sqrt() }
        };
        values.iter().enumerate().map(one).collect()
    }

    /// One number with its jackknife error; `None` if it is not defined.
    pub(crate) fn estimate(&self, theta: impl Fn(&dyn Fn(usize, usize) -> f64) -> f64) -> Option<Estimate> {
        let found = self.estimates(|square| vec![theta(square)]);
        found.first().copied().filter(|e| e.value.is_finite())
    }
}

/// Slopes of ln y against ln x by least squares over the points within `factor` of each; NaN for fewer than two points there.
/// Points with y <= 0 are left out. x increases. Cost O(points).
pub(crate) fn local_slopes(points: &[(f64, f64)], factor: f64) -> Vec<f64> {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let usable: Vec<(f64, f64)> = logs.iter().copied().filter(|l| l.0.is_finite() && l.1.is_finite()).collect();
    let n = usable.len() as f64;
    let (mx, my) = usable.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / n, b + y / n));
    // Running sums of 1, x, y, xx, xy of the centred points.
    let mut running = vec![[0.0; 5]];
    for (x, y) in &usable {
        let (x, y) = (x - mx, y - my);
        let last = running[running.len() - 1];
        let next = [1.0, x, y, x * x, x * y];
        running.push(std::array::from_fn(|i| last[i] + next[i]));
    }
    let (mut from, mut to) = (0, 0);
    let width = factor.ln() * (1.0 + 1e-12);
    let slope = |(x, y): &(f64, f64)| {
        while from < usable.len() && usable[from].0 < x - width {
            from += 1;
        }
        while to < usable.len() && usable[to].0 <= x + width {
            to += 1;
        }
        if to < from + 2 || !y.is_finite() {
            return f64::NAN;
        }
        let [n, x, y, xx, xy] = std::array::from_fn(|i| running[to][i] - running[from][i]);
        (xy - x * y / n) / (xx - x * x / n)
    };
    logs.iter().map(slope).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A power law has its exponent everywhere; the ends of y = x + x^2 have 1 and 2.
    #[test]
    fn slopes_of_power_laws() {
        let points: Vec<(f64, f64)> = (0..60).map(|i| 1.3_f64.powi(i)).map(|x| (x, 3.0 * x.powf(0.7))).collect();
        assert!(local_slopes(&points, 3.0).iter().all(|g| (g - 0.7).abs() < 1e-9));
        let points: Vec<(f64, f64)> = (-30..30).map(|i| 1.5_f64.powi(i)).map(|x| (x, x + x * x)).collect();
        let found = local_slopes(&points, 3.0);
        assert!((found[0] - 1.0).abs() < 1e-3 && (found[59] - 2.0).abs() < 1e-3, "{found:?}");
        assert!(local_slopes(&[(1.0, 1.0), (9.0, 2.0)], 3.0).iter().all(|g| g.is_nan()));
    }
}
