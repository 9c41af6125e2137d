//! The long-time integrator: times logarithmic, ratios t'/t on a lattice that is dense at both ends, implicit steps.
//!
//! C(t, phi t) and R(t, phi t) are smooth functions of u = ln(1 + t/a) and of x = ln[(phi + eps)/(1 - phi + eps)],
//! fast relaxation (a layer at phi = 1 of width 1/t) and aging (all phi) alike. So both are kept on an equidistant grid of
//! u and x, O(log until) each way. At fixed phi the equations are stiff but slow: each new row solves
//! du/dt dC/du - (phi/t) dC/dphi = right-hand side implicitly, by backward differences of fourth order in u, differences
//! of seventh order in x and Newton's iteration with the exact Jacobian. History integrals are sums over the lattice with
//! end corrections of sixth order; C(s, t') between rows comes from interpolation, sixth order in u, eighth in x. It works
//! with C and R themselves, so T = 0 is no special case.

use crate::MeanField;
use crate::history::{Clock, ROWS, Row};
use crate::implicit::{Step, interpolate};
use crate::lattice::{Lattice, lagrange};
use crate::places::Places;
use crate::uniform::Uniform;
use glasslab_core::Fault;

/// How finely to resolve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resolution {
    /// Step du of u = ln(1 + t/a), 0.001 to 0.2.
    pub step: f64,
    /// Spacing dx of x = ln[(phi + eps)/(1 - phi + eps)], 0.001 to 0.5.
    pub spacing: f64,
}

/// Correlation and response at logarithmic times and ratios. Memory 16 L bytes per time, 216 L^2 while solving.
#[derive(Clone, Debug)]
pub struct Logarithmic {
    clock: Clock,
    lattice: Lattice,
    rows: Vec<Row>,
}

/// Width of the linear region at the ends of the lattice at the last time, in units of the fastest time.
const LAYER: f64 = 0.005;

/// Times below this, in units of the fastest time, are left to the uniform grid: the same at all resolutions, so that
/// all begin their implicit steps together.
const START: f64 = 0.65;

/// Intervals of the uniform grid within the first step.
const FIRST: usize = 12;

impl Logarithmic {
    /// Solves `model` at one resolution; the error is found by comparing two, see [`MeanField::solve`].
    /// Cost O(n L^3 + 400 n L^2) for n times and L ratios.
    ///
    /// Checked by `two_spin_closed_form`, `uniform_and_logarithmic_grids_agree`.
    pub fn solve(model: &MeanField, resolution: Resolution) -> Result<Self, Fault> {
        model.check()?;
        for (name, value, most) in [("step", resolution.step, 0.2), ("spacing", resolution.spacing, 0.5)] {
            if !(value >= 1e-3 && value <= most) {
                return Err(Fault::input(name, value, format!("give a number from 0.001 to {most}")));
            }
        }
        let covariance = model.covariance();
        // The fastest time of the dynamics.
        let fast = 1.0
            / (model.temperature + 2.0 * covariance.second(1.0).sqrt() + model.initial_beta() * covariance.first(1.0));
        let clock = Clock { linear: fast, step: resolution.step };
        let eps = (LAYER * fast / model.until).min(0.5);
        let intervals = (2.0 * ((1.0 + eps) / eps).ln() / resolution.spacing).ceil().max(16.0);
        let lattice = Lattice::new(intervals as usize, eps);
        let mut rows = first_rows(model, &clock, &lattice)?;
        let places = Places::new(&lattice);
        let step = Step { model, covariance: &covariance, lattice: &lattice, places: &places, clock };
        while clock.time(rows.len() - 1) < model.until {
            let row = step.next(&rows)?;
            rows.push(row);
        }
        Ok(Self { clock, lattice, rows })
    }

    /// Number of times, number of ratios.
    pub fn size(&self) -> (usize, usize) {
        (self.rows.len(), self.lattice.intervals() + 1)
    }

    /// The times of the grid; the last may pass `until`.
    pub fn times(&self) -> Vec<f64> {
        (0..self.rows.len()).map(|n| self.clock.time(n)).collect()
    }

    fn in_time(&self, t: f64, of: impl Fn(&Row) -> f64) -> f64 {
        let moment = self.clock.moment(t, self.rows.len() - 1);
        self.rows[moment.first..].iter().zip(moment.weights).map(|(row, w)| w * of(row)).sum()
    }

    /// e(t) per N, 0 <= t <= until. O(1).
    pub fn energy(&self, t: f64) -> f64 {
        self.in_time(t, |row| row.energy)
    }

    /// mu(t), 0 <= t <= until. O(1).
    pub fn multiplier(&self, t: f64) -> f64 {
        self.in_time(t, |row| row.multiplier)
    }

    /// The ratio s/t and its complement for the pair (t_w + lag, t_w).
    fn ratio(waiting: f64, lag: f64) -> (f64, f64) {
        let t = waiting + lag;
        if t > 0.0 { (waiting / t, lag / t) } else { (1.0, 0.0) }
    }

    /// C(t_w + t, t_w) and R(t_w + t, t_w) for the lag t. O(1).
    pub fn functions(&self, waiting: f64, lag: f64) -> (f64, f64) {
        let moment = self.clock.moment(waiting + lag, self.rows.len() - 1);
        let (phi, psi) = Self::ratio(waiting, lag);
        interpolate(&self.rows, &moment, &self.lattice.stencil(phi, psi))
    }

    /// dC(t_w + t, t_w)/dt_w at fixed t_w + t. O(1).
    pub fn correlation_slope(&self, waiting: f64, lag: f64) -> f64 {
        let t = waiting + lag;
        let moment = self.clock.moment(t, self.rows.len() - 1);
        let (phi, psi) = Self::ratio(waiting, lag);
        interpolate(&self.rows, &moment, &self.lattice.slope(phi, psi)).0 / t
    }

    /// Integral of R(t_w + t, s) over s from t_w to t_w + t. O(L).
    pub fn integrated_response(&self, waiting: f64, lag: f64) -> f64 {
        let (t, lattice) = (waiting + lag, &self.lattice);
        let moment = self.clock.moment(t, self.rows.len() - 1);
        let (phi, psi) = Self::ratio(waiting, lag);
        let mut sum = 0.0;
        for j in 0..=lattice.intervals() {
            let at = lattice.stencil(phi + psi * lattice.phi[j], psi * lattice.psi[j]);
            sum += lattice.weights[j] * interpolate(&self.rows, &moment, &at).1;
        }
        lag * sum
    }
}

/// The rows before START (at least ROWS of them), from a fine uniform grid.
pub(crate) fn first_rows(model: &MeanField, clock: &Clock, lattice: &Lattice) -> Result<Vec<Row>, Fault> {
    const POINTS: usize = 8;
    let fine = clock.time(1) / FIRST as f64;
    let mut short = model.clone();
    let count = (0..).find(|&n| n >= ROWS && clock.time(n) > START * clock.linear).unwrap_or(ROWS);
    short.until = clock.time(count - 1) + 4.0 * fine;
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
    for n in 1..count {
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
