//! A number that changes along a run: a temperature that is quenched, ramped or annealed, a learning rate that decays.

use crate::Complaint;
use serde::{Deserialize, Serialize};

/// A value as a function of time t (t in the run's unit: physical time for temperatures, steps for learning rates).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Course {
    /// v(t) = v.
    Constant(f64),
    /// v(t) = `before` for t < `at`, `after` from then on: a sudden quench.
    Jump {
        /// Value for t < `at`.
        before: f64,
        /// Value for t >= `at`.
        after: f64,
        /// Time of the jump.
        at: f64,
    },
    /// v(t) = from + (to - from) t/until, then `to`: a linear ramp.
    Ramp {
        /// Value at t = 0.
        from: f64,
        /// Value at t >= `until`.
        to: f64,
        /// End of the ramp.
        until: f64,
    },
    /// v(t) = from (to/from)^(t/until), then `to`: an exponential anneal; both ends positive.
    Anneal {
        /// Value at t = 0.
        anneal_from: f64,
        /// Value at t >= `until`.
        to: f64,
        /// End of the anneal.
        until: f64,
    },
    /// v(t) = initial * factor^floor(t/every): a staircase.
    Staircase {
        /// Value at t = 0.
        initial: f64,
        /// Factor per stair.
        factor: f64,
        /// Length of a stair.
        every: f64,
    },
    /// v(t) = max(least, initial * factor^floor(t/every)): a staircase with a floor.
    Floored {
        /// Value at t = 0.
        initial: f64,
        /// Factor per stair.
        factor: f64,
        /// Length of a stair.
        every: f64,
        /// The least value.
        least: f64,
    },
}

impl Course {
    /// The value at time t.
    pub fn at(&self, t: f64) -> f64 {
        match *self {
            Course::Constant(v) => v,
            Course::Jump { before, after, at } => {
                if t < at {
                    before
                } else {
                    after
                }
            }
            Course::Ramp { from, to, until } => {
                if t >= until {
                    to
                } else {
                    from + (to - from) * t / until
                }
            }
            Course::Anneal { anneal_from, to, until } => {
                if t >= until {
                    to
                } else {
                    anneal_from * (to / anneal_from).powf(t / until)
                }
            }
            Course::Staircase { initial, factor, every } => initial * factor.powf((t / every).floor()),
            Course::Floored { initial, factor, every, least } => {
                (initial * factor.powf((t / every).floor())).max(least)
            }
        }
    }

    /// sum_(s < steps) v(s): the physical time of `steps` steps of size v. Closed forms, cost O(1); a staircase O(stairs).
    pub fn sum(&self, steps: u64) -> f64 {
        let n = steps as f64;
        let until_or_n = |t: f64| t.ceil().clamp(0.0, n);
        match *self {
            Course::Constant(v) => v * n,
            Course::Jump { before, after, at } => {
                let m = until_or_n(at);
                before * m + after * (n - m)
            }
            Course::Ramp { from, to, until } => {
                let m = until_or_n(until);
                from * m + (to - from) / until * (m * (m - 1.0) / 2.0) + to * (n - m)
            }
            Course::Anneal { anneal_from, to, until } => {
                let m = until_or_n(until);
                let rate = (to / anneal_from).ln() / until;
                let sum = if rate == 0.0 { m } else { (rate * m).exp_m1() / rate.exp_m1() };
                anneal_from * sum + to * (n - m)
            }
            Course::Staircase { .. } | Course::Floored { .. } => {
                let (initial, factor, every, least) = match *self {
                    Course::Floored { initial, factor, every, least } => (initial, factor, every, least),
                    Course::Staircase { initial, factor, every } => (initial, factor, every, f64::NEG_INFINITY),
                    _ => unreachable!("one of the two"),
                };
                let (mut total, mut stair, mut begin) = (0.0, 0.0_f64, 0.0_f64);
                while begin < n {
                    let end = ((stair + 1.0) * every).ceil().max(begin + 1.0).min(n);
                    total += (initial * factor.powf(stair)).max(least) * (end - begin);
                    // Stairs shorter than a step are skipped at once.
                    (stair, begin) = ((stair + 1.0).max((end / every).floor()), end);
                }
                total
            }
        }
    }

    /// True if the value never changes.
    pub fn is_constant(&self) -> bool {
        matches!(self, Course::Constant(_))
    }

    /// Complaints about `field` unless every value taken is finite and at least `least` (above it if `strict`).
    pub fn complaints(&self, field: &str, least: f64, strict: bool) -> Vec<Complaint> {
        let mut out = Vec::new();
        let bound = if strict { format!("> {least}") } else { format!(">= {least}") };
        let mut value = |name: &str, v: f64| {
            if !(v.is_finite() && (v > least || (!strict && v == least))) {
                out.push(Complaint::new(format!("{field}{name}"), v, format!("give a finite number {bound}")));
            }
        };
        match *self {
            Course::Constant(v) => value("", v),
            Course::Jump { before, after, .. } => {
                value(".before", before);
                value(".after", after);
            }
            Course::Ramp { from, to, .. } => {
                value(".from", from);
                value(".to", to);
            }
            Course::Anneal { anneal_from, to, .. } => {
                value(".anneal_from", anneal_from);
                value(".to", to);
            }
            Course::Staircase { initial, .. } => value(".initial", initial),
            Course::Floored { initial, least, .. } => {
                value(".initial", initial);
                value(".least", least);
            }
        }
        let mut positive = |name: &str, v: f64| {
            if !(v.is_finite() && v > 0.0) {
                out.push(Complaint::new(format!("{field}{name}"), v, "give a finite number > 0"));
            }
        };
        match *self {
            Course::Constant(_) => {}
            Course::Jump { at, .. } => positive(".at", at),
            Course::Ramp { until, .. } => positive(".until", until),
            Course::Anneal { until, to, anneal_from } => {
                positive(".until", until);
                if to <= 0.0 {
                    positive(".to", to)
                }
                if anneal_from <= 0.0 {
                    positive(".anneal_from", anneal_from)
                }
            }
            Course::Staircase { factor, every, .. } | Course::Floored { factor, every, .. } => {
                positive(".factor", factor);
                positive(".every", every);
            }
        }
        out.dedup_by(|a, b| a.field == b.field);
        out
    }
}

impl From<f64> for Course {
    fn from(v: f64) -> Self {
        Course::Constant(v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn courses_take_their_stated_values() {
        assert_eq!(Course::Jump { before: 2.0, after: 0.5, at: 10.0 }.at(9.9), 2.0);
        assert_eq!(Course::Jump { before: 2.0, after: 0.5, at: 10.0 }.at(10.0), 0.5);
        assert_eq!(Course::Ramp { from: 1.0, to: 0.0, until: 4.0 }.at(1.0), 0.75);
        assert!((Course::Anneal { anneal_from: 1.0, to: 0.01, until: 2.0 }.at(1.0) - 0.1).abs() < 1e-15);
        assert_eq!(Course::Staircase { initial: 1.0, factor: 0.5, every: 3.0 }.at(7.0), 0.25);
        assert_eq!(Course::Floored { initial: 1.0, factor: 0.5, every: 3.0, least: 0.3 }.at(7.0), 0.3);
    }

    #[test]
    fn sums_are_the_sums_of_the_values() {
        let courses = [
            Course::Constant(0.1),
            Course::Jump { before: 2.0, after: 0.5, at: 10.5 },
            Course::Ramp { from: 1.0, to: 0.25, until: 7.5 },
            Course::Anneal { anneal_from: 1.0, to: 0.01, until: 9.3 },
            Course::Anneal { anneal_from: 1.0, to: 1.0, until: 9.3 },
            Course::Staircase { initial: 1.0, factor: 0.5, every: 3.0 },
            Course::Staircase { initial: 1.0, factor: 0.9, every: 0.4 },
            Course::Staircase { initial: 1.0, factor: 0.9, every: 2.7 },
            Course::Floored { initial: 1.0, factor: 0.3, every: 4.0, least: 0.05 },
        ];
        for course in courses {
            for steps in [0, 1, 5, 8, 11, 40] {
                let sum: f64 = (0..steps).map(|s| course.at(s as f64)).sum();
                assert!((course.sum(steps) - sum).abs() < 1e-13 * (1.0 + sum), "{course:?} {steps}");
            }
        }
    }

    #[test]
    fn bad_values_are_named() {
        assert_eq!(Course::Constant(-1.0).complaints("rate", 0.0, true)[0].field, "rate");
        assert_eq!(Course::Constant(f64::NAN).complaints("rate", 0.0, true).len(), 1);
        assert!(Course::Constant(0.0).complaints("temperature", 0.0, false).is_empty());
    }
}
