//! Two-time curves y_r(t_w, t) of several replicas, as they are fitted, rescaled and judged.

use glasslab_core::{Dataset, Fault};

/// Values y `[replica, waiting, time]` of a two-time function at waiting times t_w and measured times t; NaN where t < t_w
/// or nothing was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Curves {
    /// Unit of the times: `steps` or `time`.
    pub unit: String,
    /// Waiting times t_w, increasing.
    pub waiting: Vec<f64>,
    /// Measured times t (not lags), increasing.
    pub time: Vec<f64>,
    /// Values `[replica, waiting, time]`, flat.
    pub values: Vec<f64>,
}

impl Curves {
    /// Checks lengths and order. Cost O(size).
    pub fn new(unit: &str, waiting: Vec<f64>, time: Vec<f64>, values: Vec<f64>) -> Result<Self, Fault> {
        let size = waiting.len() * time.len();
        if size == 0 || values.is_empty() || !values.len().is_multiple_of(size) {
            return Err(Fault::Shape { what: "two-time curves", expected: size, found: values.len() });
        }
        for (name, axis) in [("waiting_time", &waiting), ("time", &time)] {
            if !axis.is_sorted_by(|a, b| a < b) || axis.iter().any(|t| !t.is_finite() || *t < 0.0) {
                return Err(Fault::input(name, "not increasing", "give finite, increasing times >= 0"));
            }
        }
        Ok(Self { unit: unit.to_owned(), waiting, time, values })
    }

    /// The record `name` (replica, waiting_time, time) of a two-time data set; in physical time if `physical`.
    pub fn from_dataset(data: &Dataset, name: &str, physical: bool) -> Result<Self, Fault> {
        let floats = |name: &str| {
            let found = data.get(name).and_then(|r| r.floats());
            found.ok_or_else(|| Fault::input("record", name, "give a data set of the observer `two-time`"))
        };
        let (waiting, time, unit) = match physical {
            true => (floats("waiting_physical_time")?, floats("physical_time")?, "time"),
            false => (floats("waiting_time")?, floats("time")?, "steps"),
        };
        Self::new(unit, waiting, time, floats(name)?)
    }

    /// Number R of replicas.
    pub fn replicas(&self) -> usize {
        self.values.len() / (self.waiting.len() * self.time.len())
    }

    /// y_r(t_w, t) by the numbers of replica, waiting time and time.
    pub fn value(&self, replica: usize, waiting: usize, time: usize) -> f64 {
        self.values[(replica * self.waiting.len() + waiting) * self.time.len() + time]
    }

    /// The last time at which any replica was measured.
    pub fn last(&self) -> f64 {
        let measured = |t: &usize| (0..self.replicas()).any(|r| self.value(r, 0, *t).is_finite());
        let last = (0..self.time.len()).rev().find(measured);
        last.map_or(0.0, |t| self.time[t])
    }

    /// The replicas that are finite at every pair (t_w, t) with t_w <= t <= [`Curves::last`]: those that did not diverge.
    pub fn alive(&self) -> Vec<usize> {
        let last = self.last();
        let whole = |r: &usize| {
            (0..self.waiting.len()).all(|w| {
                let due = |t: f64| t >= self.waiting[w] && t <= last;
                (0..self.time.len()).all(|t| !due(self.time[t]) || self.value(*r, w, t).is_finite())
            })
        };
        (0..self.replicas()).filter(whole).collect()
    }

    /// y_r(t_w, t_w + lag) of one replica as a function of the lag > 0.
    pub fn curve(&self, replica: usize, waiting: usize) -> Curve {
        let points =
            (0..self.time.len()).map(|t| (self.time[t] - self.waiting[waiting], self.value(replica, waiting, t)));
        Curve::new(points)
    }

    /// y_r(t_w, t_w + lag) on one grid of lags, `[replica, waiting, lag]`, interpolated as by [`Curve::at`]; NaN outside.
    /// Cost O(R K (times + lags log times)).
    pub fn on_lags(&self, lags: &[f64]) -> Vec<f64> {
        let pairs = (0..self.replicas()).flat_map(|r| (0..self.waiting.len()).map(move |w| (r, w)));
        pairs
            .flat_map(|(r, w)| {
                let curve = self.curve(r, w);
                lags.iter().map(move |&lag| curve.at(lag).unwrap_or(f64::NAN)).collect::<Vec<_>>()
            })
            .collect()
    }

    /// The noise-rescaled curves y_r(t_w, t)/D_r(t_w), with D `[replica, waiting]`: the papers' Delta/D(t_w). Entries with
    /// D = 0 or NaN become NaN.
    pub fn divided_by(&self, noise: &[f64]) -> Result<Self, Fault> {
        Fault::check_len(
            "the noise of every replica and waiting time",
            self.replicas() * self.waiting.len(),
            noise.len(),
        )?;
        let mut out = self.clone();
        for (row, d) in out.values.chunks_mut(self.time.len()).zip(noise) {
            row.iter_mut().for_each(|y| *y = if *d > 0.0 { *y / d } else { f64::NAN });
        }
        Ok(out)
    }
}

/// When a curve first reached a level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Passage {
    /// At this lag.
    At(f64),
    /// Before the first lag that was measured.
    Before(f64),
    /// Not by the last lag that was measured.
    After(f64),
}

/// One curve y(lag), lags > 0 and increasing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// Lags t - t_w.
    pub lag: Vec<f64>,
    /// Values.
    pub value: Vec<f64>,
}

impl Curve {
    /// The points (lag, y) with lag > 0 and y finite, in order of the lag.
    pub fn new(points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let (lag, value) = points.into_iter().filter(|(lag, y)| *lag > 0.0 && y.is_finite()).unzip();
        Self { lag, value }
    }

    /// y at a lag between the measured ones: linear in (ln lag, ln y), or in (lag, y) where y = 0. `None` outside.
    pub fn at(&self, lag: f64) -> Option<f64> {
        let above = self.lag.partition_point(|&l| l < lag);
        if *self.lag.get(above)? == lag {
            return Some(self.value[above]);
        }
        let below = above.checked_sub(1)?;
        let (l0, l1, y0, y1) = (self.lag[below], self.lag[above], self.value[below], self.value[above]);
        Some(if y0 > 0.0 && y1 > 0.0 {
            y0 * (y1 / y0).powf((lag / l0).ln() / (l1 / l0).ln())
        } else {
            y0 + (y1 - y0) * (lag - l0) / (l1 - l0)
        })
    }

    /// The lag at which y first reaches `level` > 0, interpolated as by [`Curve::at`].
    pub fn first_passage(&self, level: f64) -> Passage {
        match self.value.iter().position(|&y| y >= level) {
            Some(0) => Passage::Before(self.lag[0]),
            None => Passage::After(self.lag.last().copied().unwrap_or(0.0)),
            Some(i) => {
                let (l0, l1, y0, y1) = (self.lag[i - 1], self.lag[i], self.value[i - 1], self.value[i]);
                Passage::At(if y0 > 0.0 {
                    l0 * (l1 / l0).powf((level / y0).ln() / (y1 / y0).ln())
                } else {
                    l0 + (l1 - l0) * (level - y0) / (y1 - y0)
                })
            }
        }
    }

    /// gamma = d ln y / d ln lag between two lags, by least squares; `None` for fewer than two points with y > 0.
    pub fn exponent(&self, from: f64, to: f64) -> Option<f64> {
        let points = self.lag.iter().zip(&self.value).filter(|(l, y)| **l >= from && **l <= to && **y > 0.0);
        slope(points.map(|(l, y)| (l.ln(), y.ln())))
    }

    /// The local exponent gamma(lag) = d ln y / d ln lag, by least squares over lags within `factor` > 1 of each; NaN where
    /// fewer than two points lie there. Cost O(points^2) at worst.
    pub fn local_exponents(&self, factor: f64) -> Vec<f64> {
        self.lag.iter().map(|&l| self.exponent(l / factor, l * factor).unwrap_or(f64::NAN)).collect()
    }
}

/// Slope of the least-squares line through (x, y); `None` for fewer than two distinct x.
pub fn slope(points: impl Iterator<Item = (f64, f64)> + Clone) -> Option<f64> {
    let n = points.clone().count() as f64;
    let (mx, my) = points.clone().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / n, b + y / n));
    let (sxx, sxy) = points.fold((0.0, 0.0), |(a, b), (x, y)| (a + (x - mx) * (x - mx), b + (x - mx) * (y - my)));
    (sxx > 0.0).then(|| sxy / sxx)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// y = 3 (t - t_w)^0.7: interpolation, passage and exponent are exact for a power law.
    fn power() -> Curves {
        let (waiting, time) = (vec![0.0, 4.0], vec![0.0, 1.0, 2.0, 4.0, 8.0, 16.0]);
        let y = |w: f64, t: f64| if t < w { f64::NAN } else { 3.0 * (t - w).powf(0.7) };
        let values = waiting.iter().flat_map(|&w| time.iter().map(move |&t| y(w, t))).collect();
        Curves::new("steps", waiting, time, values).unwrap()
    }

    #[test]
    fn power_laws_are_interpolated_exactly() {
        let curves = power();
        let near = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-13, "{a} {b}");
        for w in 0..2 {
            let c = curves.curve(0, w);
            near(c.at(5.5).unwrap(), 3.0 * 5.5_f64.powf(0.7));
            let Passage::At(tau) = c.first_passage(3.0 * 6.0_f64.powf(0.7)) else { panic!() };
            near(tau, 6.0);
            near(c.exponent(1.0, 16.0).unwrap(), 0.7);
            c.local_exponents(3.5).iter().for_each(|&g| near(g, 0.7));
        }
        let grid = curves.on_lags(&[5.5, 13.0]);
        near(grid[1], 3.0 * 13.0_f64.powf(0.7));
        assert!(grid[3].is_nan(), "beyond the last time of t_w = 4");
        assert_eq!(curves.curve(0, 0).first_passage(1.0), Passage::Before(1.0));
        assert_eq!(curves.curve(0, 0).first_passage(1e9), Passage::After(16.0));
        assert_eq!((curves.curve(0, 0).at(0.5), curves.last()), (None, 16.0));
    }

    #[test]
    fn rescaling_divides_by_the_noise_of_its_row() {
        let half = power().divided_by(&[2.0, 0.0]).unwrap();
        assert_eq!(half.value(0, 0, 1), 1.5);
        assert!(half.value(0, 1, 4).is_nan() && power().divided_by(&[1.0]).is_err());
    }

    #[test]
    fn a_diverged_replica_is_not_alive() {
        let one = power();
        let mut values = [one.values.clone(), one.values.clone()].concat();
        let last = values.len() - 1;
        values[last] = f64::NAN;
        let two = Curves::new("steps", one.waiting.clone(), one.time.clone(), values).unwrap();
        assert_eq!((two.replicas(), two.alive()), (2, vec![0]));
        assert!(Curves::new("steps", vec![1.0, 1.0], vec![1.0], vec![0.0; 2]).is_err());
        assert!(Curves::new("steps", vec![0.0, 1.0], vec![1.0], vec![0.0; 3]).is_err());
    }
}
