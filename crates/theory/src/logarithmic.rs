//! The long-time integrator: times logarithmic, ratios t'/t on a lattice that is dense at both ends, implicit steps.

use crate::history::{Clock, ROWS, Row};
use crate::implicit::{Places, Step, interpolate};
use crate::lattice::{Lattice, lagrange};
use crate::uniform::Uniform;
use crate::{Covariance, MeanField};
use glasslab_core::Fault;

/// How finely to resolve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resolution {
    /// Step du of u = ln(1 + t/a).
    pub step: f64,
    /// Spacing dx of x = ln[(phi + eps)/(1 - phi + eps)].
    pub spacing: f64,
    /// Order of the backward differentiation formula, 1 to 5.
    pub order: usize,
}

/// Correlation and response at logarithmic times. Memory 16 L bytes per time.
pub struct Logarithmic {
    clock: Clock,
    lattice: Lattice,
    rows: Vec<Row>,
    covariance: Covariance,
}

/// Intervals of the uniform grid within the first step.
const FIRST: usize = 12;

impl Logarithmic {
    /// Solves `model` at one resolution.
    pub fn solve(model: &MeanField, resolution: Resolution) -> Result<Self, Fault> {
        model.check()?;
        let covariance = model.covariance();
        // The fastest time of the dynamics.
        let fast = 1.0
            / (model.temperature + 2.0 * covariance.second(1.0).sqrt() + model.initial_beta() * covariance.first(1.0));
        let clock = Clock { linear: fast, step: resolution.step };
        let eps = (fast / model.until).min(0.5);
        let intervals = (2.0 * ((1.0 + eps) / eps).ln() / resolution.spacing).ceil().max(16.0);
        let lattice = Lattice::new(intervals as usize, eps);
        let mut rows = first_rows(model, &clock, &lattice)?;
        let places = Places::new(&lattice);
        let step =
            Step { model, covariance: &covariance, lattice: &lattice, places: &places, clock, order: resolution.order };
        while clock.time(rows.len() - 1) < model.until {
            let row = step.next(&rows)?;
            rows.push(row);
        }
        Ok(Self { clock, lattice, rows, covariance })
    }

    /// Number of times, that of ratios.
    pub fn size(&self) -> (usize, usize) {
        (self.rows.len(), self.lattice.intervals() + 1)
    }

    /// e(t).
    pub fn energy(&self, t: f64) -> f64 {
        let moment = self.clock.moment(t, self.rows.len() - 1);
        self.rows[moment.first..].iter().zip(moment.weights).map(|(row, w)| w * row.energy).sum()
    }

    /// C(t, s) and R(t, s), s <= t.
    pub fn functions(&self, t: f64, s: f64) -> (f64, f64) {
        let moment = self.clock.moment(t, self.rows.len() - 1);
        let at = if t > 0.0 { self.lattice.stencil(s / t, (t - s) / t) } else { self.lattice.stencil(1.0, 0.0) };
        interpolate(&self.rows, &moment, &at)
    }
}

/// The first ROWS rows, from a fine uniform grid.
fn first_rows(model: &MeanField, clock: &Clock, lattice: &Lattice) -> Result<Vec<Row>, Fault> {
    const POINTS: usize = 8;
    let fine = clock.time(1) / FIRST as f64;
    let mut short = model.clone();
    short.until = clock.time(ROWS - 1) + 4.0 * fine;
    let run = Uniform::solve(&short, fine)?;
    let steps = run.steps();
    // The row of the uniform grid at index i >= POINTS, at all ratios.
    let at_index = |i: usize, of: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
        lattice
            .phi
            .iter()
            .map(|phi| {
                let place = phi * i as f64;
                let start = (place as usize).saturating_sub(POINTS / 2 - 1).min(i + 1 - POINTS);
                let weights: [f64; POINTS] = lagrange(place - start as f64);
                weights.iter().enumerate().map(|(k, w)| w * of(i, start + k)).sum()
            })
            .collect()
    };
    let nodes = lattice.intervals() + 1;
    let ones = vec![1.0; nodes];
    let mut rows =
        vec![Row { correlation: ones.clone(), response: ones, multiplier: run.multiplier[0], energy: run.energy[0] }];
    for n in 1..ROWS {
        let place = clock.time(n) / fine;
        let start = (place as usize).saturating_sub(POINTS / 2 - 1).max(POINTS - 1).min(steps + 1 - POINTS);
        let weights: [f64; POINTS] = lagrange(place - start as f64);
        let mut row = Row { correlation: vec![0.0; nodes], response: vec![0.0; nodes], multiplier: 0.0, energy: 0.0 };
        for (m, w) in weights.iter().enumerate() {
            let i = start + m;
            let c = at_index(i, &|i, j| run.correlation(i, j));
            let r = at_index(i, &|i, j| run.response(i, j));
            for k in 0..nodes {
                row.correlation[k] += w * c[k];
                row.response[k] += w * r[k];
            }
            row.multiplier += w * run.multiplier[i];
            row.energy += w * run.energy[i];
        }
        rows.push(row);
    }
    Ok(rows)
}
