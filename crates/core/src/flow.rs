//! Gradient flow with steps that are accepted or rejected: the rule of one replica, shared by every Stepper.

use crate::{Array, Complaint, Fault, State};
use serde::{Deserialize, Serialize};

/// When a step of gradient flow is good enough, and how the next one is chosen.
///
/// With the force F at x and F' at x' = x + dt F: the turn is |F - F'|^2/(|F| |F'|), the move is the largest change of a gap
/// ([`crate::Contacts`]; 0 for a System without). The step is accepted if both are below their limits; if both are
/// below half of them, dt grows by 1.1. Otherwise dt becomes dt/10, and the next step tries again from x.
///
/// Convention: gaps are alpha y (f - f0) - 1 for networks, so `largest_move` limits alpha |df|.
/// Source: public code of Geiger, Spigler, Jacot, Wyart 2020, arXiv:1906.08034 (its limits are the defaults).
/// Checked by `the_flow_equals_pytorch_step_by_step`, `flow_follows_the_exponential`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowRule {
    /// Limit of the turn.
    pub largest_turn: f64,
    /// Limit of the move, in units of the gaps.
    pub largest_move: f64,
    /// First time step.
    pub first_step: f64,
    /// Time over which a force is remembered (continuous momentum): v <- e^(-dt/tau) v + (1 - e^(-dt/tau)) F,
    /// x' = x + dt v. 0: none, v = F.
    pub memory: f64,
}

impl Default for FlowRule {
    fn default() -> Self {
        Self { largest_turn: 1e-4, largest_move: 0.1, first_step: 1.0, memory: 0.0 }
    }
}

impl FlowRule {
    /// What is wrong with the numbers.
    pub fn complaints(&self) -> Vec<Complaint> {
        let mut out = Vec::new();
        for (field, v) in
            [("largest_turn", self.largest_turn), ("largest_move", self.largest_move), ("first_step", self.first_step)]
        {
            if !(v.is_finite() && v > 0.0) {
                out.push(Complaint::new(field, v, "give a finite number > 0"));
            }
        }
        if !(self.memory.is_finite() && self.memory >= 0.0) {
            out.push(Complaint::new("memory", self.memory, "give a finite time >= 0"));
        }
        out
    }

    /// The share of the old velocity that a step of dt keeps: e^(-dt/tau), 0 without memory.
    pub fn keep(&self, dt: f64) -> f64 {
        if self.memory > 0.0 { (-dt / self.memory).exp() } else { 0.0 }
    }

    /// The turn |F - F'|^2/(|F| |F'|), 0 if either vanishes; forces of equal length. Cost O(N).
    pub fn turn(before: &[f64], after: &[f64]) -> f64 {
        let (mut difference, mut a, mut b) = ([0.0; 8], [0.0; 8], [0.0; 8]);
        let sums = |x: &[f64], y: &[f64], d: &mut [f64; 8], a: &mut [f64; 8], b: &mut [f64; 8]| {
            for (k, (x, y)) in x.iter().zip(y).enumerate() {
                d[k] += (x - y) * (x - y);
                a[k] += x * x;
                b[k] += y * y;
            }
        };
        let (x, y) = (before.chunks_exact(8), after.chunks_exact(8));
        sums(x.remainder(), y.remainder(), &mut difference, &mut a, &mut b);
        for (x, y) in x.zip(y) {
            sums(x, y, &mut difference, &mut a, &mut b);
        }
        let [d, a, b] = [difference, a, b].map(|s| s.iter().sum::<f64>());
        if a == 0.0 || b == 0.0 { 0.0 } else { d / (a.sqrt() * b.sqrt()) }
    }
}

/// Why gradient flow ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowEnd {
    /// No constraint is violated.
    Satisfied,
    /// The energy no longer falls, or no step is small enough.
    Stuck,
    /// The force vanished exactly.
    Converged,
}

/// Where one replica is in its flow: what is saved besides positions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlowClock {
    /// Next time step.
    pub dt: f64,
    /// Flow time: the sum of accepted steps.
    pub time: f64,
    /// Accepted steps.
    pub accepted: u64,
    /// Energy at the start.
    start: f64,
    /// Flow time since when the energy has been flat; NaN if it is not.
    flat: f64,
    /// Least logarithmic slope of the energy since then.
    least: f64,
}

/// Below this logarithmic slope -d ln E/d ln t the energy is called flat.
const FLAT: f64 = 0.02;
/// A slope that has risen by this factor leads off a saddle: what was flat before does not count.
const RISE: f64 = 1.2;
/// A slope below this is that of a force of rounding errors, which grows with the time and leads nowhere.
const ROUNDING: f64 = 1e-18;
/// Flat for this factor of time: stuck.
const FOR: f64 = 4.0;
/// Only after the energy fell to this share of its first value: the plateau at the start is no end.
const FELL: f64 = 0.98;

impl FlowClock {
    /// At the start, with the energy there.
    pub fn new(rule: &FlowRule, energy: f64) -> Self {
        Self { dt: rule.first_step, time: 0.0, accepted: 0, start: energy, flat: f64::NAN, least: f64::NAN }
    }

    /// Judges a step by its turn and move: true if it is accepted; sets the next dt. NaN is rejected.
    pub fn judge(&mut self, rule: &FlowRule, turn: f64, moved: f64) -> bool {
        if !(turn < rule.largest_turn && moved < rule.largest_move) {
            self.dt /= 10.0;
            return false;
        }
        self.time += self.dt;
        self.accepted += 1;
        if turn < 0.5 * rule.largest_turn && moved < 0.5 * rule.largest_move {
            self.dt *= 1.1;
        }
        true
    }

    /// The logarithmic slope of the energy under gradient flow, -d ln E/d ln t = t |F|^2/E.
    pub fn slope(&self, energy: f64, force_squared: f64) -> f64 {
        if energy > 0.0 { self.time * force_squared / energy } else { 0.0 }
    }

    /// Whether the flow ends here, for a System with constraints whose energy is >= 0: `violated` constraints, energy, and
    /// |F|^2, after an accepted step. Stuck: the slope stayed below 0.02 while the time grew by a factor of 4, and never rose by
    /// a fifth above its least value in that time, after the energy had fallen by 2 %. At a minimum the slope falls for good; near
    /// a saddle it falls and rises again, exponentially, so that the time is counted anew until the saddle is left behind. That is
    /// an observation, not a proof: a later fall cannot be excluded.
    pub fn end(&mut self, violated: Option<usize>, energy: f64, force_squared: f64) -> Option<FlowEnd> {
        if violated == Some(0) {
            return Some(FlowEnd::Satisfied);
        }
        if force_squared == 0.0 {
            return Some(FlowEnd::Converged);
        }
        violated?;
        if energy < FELL * self.start && self.slope(energy, force_squared) < FLAT {
            let slope = self.slope(energy, force_squared);
            if self.flat.is_nan() || slope > RISE * self.least.max(ROUNDING) {
                (self.flat, self.least) = (self.time, slope);
            }
            self.least = self.least.min(slope);
            return (self.time > FOR * self.flat).then_some(FlowEnd::Stuck);
        }
        self.flat = f64::NAN;
        None
    }

    /// True if the step became too small to change the time.
    pub fn vanished(&self) -> bool {
        self.dt < 1e-200 || (self.time > 0.0 && self.dt < 1e-15 * self.time)
    }

    /// Adds the clocks of all replicas to a state.
    pub fn save(clocks: &[FlowClock], state: &mut State) {
        let all = clocks.iter().flat_map(|c| [c.dt, c.time, c.start, c.flat, c.least]).collect();
        state.push("flow", Array::F64(all));
        state.push("accepted", Array::U64(clocks.iter().map(|c| c.accepted).collect()));
    }

    /// The inverse of [`FlowClock::save`], for `replicas` replicas.
    pub fn load(state: &State, replicas: usize) -> Result<Vec<FlowClock>, Fault> {
        let (all, accepted) = (state.f64("flow", 5 * replicas)?, state.u64("accepted", replicas)?);
        let one = |(v, &accepted): (&[f64], &u64)| FlowClock {
            dt: v[0],
            time: v[1],
            accepted,
            start: v[2],
            flat: v[3],
            least: v[4],
        };
        Ok(all.chunks_exact(5).zip(accepted).map(one).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_grow_by_a_tenth_and_shrink_tenfold() {
        let rule = FlowRule::default();
        let mut clock = FlowClock::new(&rule, 1.0);
        assert!(clock.judge(&rule, 0.49e-4, 0.049));
        assert_eq!((clock.time, clock.dt), (1.0, 1.1));
        assert!(clock.judge(&rule, 0.6e-4, 0.0), "accepted, but not small enough to grow");
        assert_eq!((clock.time, clock.dt), (2.1, 1.1));
        for (turn, moved) in [(2e-4, 0.0), (0.0, 0.2), (f64::NAN, 0.0), (0.0, f64::NAN)] {
            let before = clock.dt;
            assert!(!clock.judge(&rule, turn, moved));
            assert_eq!((clock.time, clock.dt), (2.1, before / 10.0));
        }
        let a: Vec<f64> = (0..19).map(|k| f64::from(k) - 3.0).collect();
        let b: Vec<f64> = a.iter().map(|v| 2.0 * v).collect();
        assert!((FlowRule::turn(&a, &b) - 0.5).abs() < 1e-12, "|a|^2/(|a| 2|a|)");
    }

    /// E ~ t^-p is flat for p = 0.01, not for p = 0.05, and never while it has not fallen.
    #[test]
    fn a_flat_energy_is_stuck_only_after_a_factor_of_time() {
        let run = |p: f64, fell: f64| {
            let mut clock = FlowClock::new(&FlowRule::default(), 1.0);
            (1..1000).find(|&t| {
                clock.time = f64::from(t);
                let energy = fell * f64::from(t).powf(-p);
                clock.end(Some(3), energy, p * energy / f64::from(t)) == Some(FlowEnd::Stuck)
            })
        };
        assert_eq!(run(0.01, 0.5), Some(5));
        assert_eq!(run(0.05, 0.5), None);
        assert_eq!(run(0.0001, 1.0), None);
    }

    /// Flow past a saddle: E = 1 - x^2/2 + x^4/4 + y^2 from x = 10^-8, y = 2. First y falls; from t = 1.9 on E = 1 is flat. There
    /// |F|^2 = 16 e^(-4t) + 10^-16 e^(2t), which rises from t = 6.6 on: before four times 1.9. The saddle is left at t = 15. It is
    /// no end before x is at its minimum, E = 3/4.
    #[test]
    fn a_saddle_is_not_the_end() {
        let (mut x, mut y, dt) = (1e-8_f64, 2.0_f64, 1e-3);
        let energy = |x: f64, y: f64| 1.0 - 0.5 * x * x + 0.25 * x.powi(4) + y * y;
        let mut clock = FlowClock::new(&FlowRule::default(), energy(x, y));
        let stuck = (0..200_000).find(|_| {
            let (fx, fy) = (x - x.powi(3), -2.0 * y);
            (x, y) = (x + dt * fx, y + dt * fy);
            clock.time += dt;
            let (fx, fy) = (x - x.powi(3), -2.0 * y);
            clock.end(Some(3), energy(x, y), fx * fx + fy * fy) == Some(FlowEnd::Stuck)
        });
        assert!(stuck.is_some(), "it ends");
        assert!((energy(x, y) - 0.75).abs() < 1e-6, "at t = {}, E = {}", clock.time, energy(x, y));
    }
}
