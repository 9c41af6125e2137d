//! One implicit step of the two-time equations on the lattice: residual, exact Jacobian, Newton iteration.

use crate::history::{Clock, Moment, ROWS, Row};
use crate::lattice::{Lattice, POINTS, Stencil};
use crate::linear::Factors;
use crate::places::Places;
use crate::{Covariance, MeanField};
use glasslab_core::Fault;
use pulp::Arch;
use rayon::prelude::*;

/// Order of the backward differentiation formula. The fifth order is unstable here: its stability wedge misses too much
/// of the imaginary axis, where transport in phi puts the fast modes.
const ORDER: usize = 4;

/// What the rows before the new one contribute at node k.
struct Past {
    /// Weight of the new row in the interpolation at t' = phi_k t.
    share: f64,
    /// C(t', phi_j t'), R(t', phi_j t') without the new row.
    correlation: Vec<f64>,
    response: Vec<f64>,
    /// C(s, t'), R(s, t') for s in [t', t] without the new row, and its weights.
    through_c: Vec<f64>,
    through_r: Vec<f64>,
    shares: Vec<f64>,
}

/// Everything that one step needs.
pub struct Step<'a> {
    /// The model.
    pub model: &'a MeanField,
    /// Its covariance.
    pub covariance: &'a Covariance,
    /// The grid of ratios.
    pub lattice: &'a Lattice,
    /// The interpolations on it.
    pub places: &'a Places,
    /// The grid of times.
    pub clock: Clock,
}

/// Weights of the backward differentiation formula of `order` for the newest, second newest, ... value, times the step.
fn backward(order: usize) -> Vec<f64> {
    let mut weights = vec![0.0; order + 1];
    for m in 1..=order {
        // (1/m) nabla^m
        let mut binomial = 1.0 / m as f64;
        for (j, w) in weights.iter_mut().enumerate().take(m + 1) {
            *w += binomial;
            binomial *= -((m - j) as f64) / (j + 1) as f64;
        }
    }
    weights
}

/// A trial for the new row: C, R, mu and the derivatives of mu.
struct Trial<'a> {
    t: f64,
    c: &'a [f64],
    r: &'a [f64],
    mu: f64,
    mu_c: Vec<f64>,
    mu_r: Vec<f64>,
}

/// Derivatives of the residuals (of C, of R) at one node with respect to (C, R) at all nodes.
struct Jacobian {
    cc: Vec<f64>,
    cr: Vec<f64>,
    rc: Vec<f64>,
    rr: Vec<f64>,
}

impl Jacobian {
    fn new(nodes: usize) -> Self {
        Self { cc: vec![0.0; nodes], cr: vec![0.0; nodes], rc: vec![0.0; nodes], rr: vec![0.0; nodes] }
    }
}

/// Residuals of C and R at one node and, if asked for, their derivatives.
struct Line {
    residual: [f64; 2],
    jacobian: Option<Jacobian>,
}

impl Step<'_> {
    fn past(&self, rows: &[Row]) -> Vec<Past> {
        let (n, nodes) = (rows.len(), self.lattice.intervals() + 1);
        let t = self.clock.time(n);
        let arch = Arch::new();
        (0..nodes - 1)
            .into_par_iter()
            .map(|k| {
                arch.dispatch(|| {
                    let moment = self.clock.moment(self.lattice.phi[k] * t, n);
                    let (mut correlation, mut response) = (vec![0.0; nodes], vec![0.0; nodes]);
                    for (row, w) in rows[moment.first..].iter().zip(moment.weights) {
                        for j in 0..nodes {
                            correlation[j] += w * row.correlation[j];
                            response[j] += w * row.response[j];
                        }
                    }
                    let mut past = Past {
                        share: moment.weight_of(n),
                        correlation,
                        response,
                        through_c: vec![0.0; nodes],
                        through_r: vec![0.0; nodes],
                        shares: vec![0.0; nodes],
                    };
                    for j in 0..nodes {
                        let place = k * nodes + j;
                        let moment = self.clock.moment(t * (1.0 - self.places.lag[place]), n);
                        let inner = &self.places.inner[place];
                        let (c, r) = interpolate(rows, &moment, inner);
                        past.through_c[j] = c;
                        past.through_r[j] = r;
                        past.shares[j] = moment.weight_of(n);
                    }
                    past
                })
            })
            .collect()
    }

    /// mu and e of a row at time t, and the derivatives of mu.
    pub fn multiplier(&self, t: f64, c: &[f64], r: &[f64], slopes: Option<(&mut [f64], &mut [f64])>) -> (f64, f64) {
        let (f, beta) = (self.covariance, self.model.initial_beta());
        let (mut feedback, mut force) = (0.0, 0.0);
        for (j, w) in self.lattice.weights.iter().enumerate() {
            feedback += w * f.second(c[j]) * r[j] * c[j];
            force += w * f.first(c[j]) * r[j];
        }
        if let Some((dc, dr)) = slopes {
            for j in 0..dc.len() {
                let w = t * self.lattice.weights[j];
                dc[j] = w * r[j] * (f.third(c[j]) * c[j] + 2.0 * f.second(c[j]));
                dr[j] = w * (f.second(c[j]) * c[j] + f.first(c[j]));
            }
            dc[0] += beta * (f.second(c[0]) * c[0] + f.first(c[0]));
        }
        let mu = self.model.temperature + t * (feedback + force) + beta * f.first(c[0]) * c[0];
        (mu, -t * force - beta * f.value(c[0]))
    }

    /// Residuals, and Jacobian if asked for, of all nodes at the trial (c, r).
    fn lines(&self, rows: &[Row], past: &[Past], c: &[f64], r: &[f64], with_jacobian: bool) -> Vec<Line> {
        let (unknown, t) = (self.lattice.intervals(), self.clock.time(rows.len()));
        let (mut mu_c, mut mu_r) = (vec![0.0; unknown], vec![0.0; unknown]);
        let (mu, _) = self.multiplier(t, c, r, Some((&mut mu_c, &mut mu_r)));
        let trial = Trial { t, c, r, mu, mu_c, mu_r };
        let arch = Arch::new();
        (0..unknown)
            .into_par_iter()
            .map(|k| {
                arch.dispatch(|| {
                    let mut jacobian = with_jacobian.then(|| Jacobian::new(unknown + 1));
                    let (into_c, into_r) = self.integrals(k, &past[k], &trial, jacobian.as_mut());
                    let residual = self.residual(k, rows, &trial, into_c, into_r, jacobian.as_mut());
                    Line { residual, jacobian }
                })
            })
            .collect()
    }

    /// The integrals over the history in dC/dt and dR/dt at node k; their derivatives are taken off the Jacobian.
    #[inline(always)]
    fn integrals(&self, k: usize, past: &Past, trial: &Trial, mut jacobian: Option<&mut Jacobian>) -> (f64, f64) {
        let (f, lattice, &Trial { t, c, r, .. }) = (self.covariance, self.lattice, trial);
        let nodes = lattice.phi.len();
        let (mut into_c, mut into_r) = (0.0, 0.0);
        for j in 0..nodes {
            let place = k * nodes + j;
            // s in [0, t'].
            let w = lattice.phi[k] * t * lattice.weights[j];
            let at = &self.places.below[place];
            let (q, g) = (at.at(c), at.at(r));
            let row_c = past.correlation[j] + past.share * c[j];
            let row_r = past.response[j] + past.share * r[j];
            let (f1, f2) = (f.first(q), f.second(q));
            into_c += w * (f2 * g * row_c + f1 * row_r);
            if let Some(jacobian) = &mut jacobian {
                scatter(&mut jacobian.cc, at, -w * (f.third(q) * g * row_c + f2 * row_r));
                scatter(&mut jacobian.cr, at, -w * f2 * row_c);
                jacobian.cc[j] -= w * f2 * g * past.share;
                jacobian.cr[j] -= w * f1 * past.share;
            }
            // s in [t', t].
            let w = lattice.psi[k] * t * lattice.weights[j];
            let (at, inner) = (&self.places.above[place], &self.places.inner[place]);
            let (q, g) = (at.at(c), at.at(r));
            let share = past.shares[j];
            let (mut through_c, mut through_r) = (past.through_c[j], past.through_r[j]);
            if share != 0.0 {
                through_c += share * inner.at(c);
                through_r += share * inner.at(r);
            }
            let f2 = f.second(q);
            into_c += w * f2 * g * through_c;
            into_r += w * f2 * g * through_r;
            if let Some(jacobian) = &mut jacobian {
                let f3 = f.third(q);
                scatter(&mut jacobian.cc, at, -w * f3 * g * through_c);
                scatter(&mut jacobian.cr, at, -w * f2 * through_c);
                scatter(&mut jacobian.rc, at, -w * f3 * g * through_r);
                scatter(&mut jacobian.rr, at, -w * f2 * through_r);
                if share != 0.0 {
                    scatter(&mut jacobian.cc, inner, -w * f2 * g * share);
                    scatter(&mut jacobian.rr, inner, -w * f2 * g * share);
                }
            }
        }
        // The equilibrium start, with C(t', 0).
        let beta = self.model.initial_beta();
        let first = past.correlation[0] + past.share * c[0];
        into_c += beta * f.first(c[0]) * first;
        if let Some(jacobian) = jacobian {
            jacobian.cc[0] -= beta * (f.second(c[0]) * first + f.first(c[0]) * past.share);
        }
        (into_c, into_r)
    }

    /// Residuals dC/dt + mu C - (integrals) and the same of R at node k, with d/dt at fixed t' from backward differences
    /// at fixed phi and the transport -(phi/t) d/dphi.
    #[inline(always)]
    fn residual(
        &self,
        k: usize,
        rows: &[Row],
        trial: &Trial,
        into_c: f64,
        into_r: f64,
        jacobian: Option<&mut Jacobian>,
    ) -> [f64; 2] {
        let (n, &Trial { t, c, r, mu, ref mu_c, ref mu_r }) = (rows.len(), trial);
        let weights = backward(ORDER);
        let rate = 1.0 / (self.clock.step * (t + self.clock.linear));
        let (slope, carried) = (&self.lattice.slopes[k], self.lattice.phi[k] / t);
        let (mut change_c, mut change_r) = (weights[0] * c[k], weights[0] * r[k]);
        for (m, w) in weights.iter().enumerate().skip(1) {
            change_c += w * rows[n - m].correlation[k];
            change_r += w * rows[n - m].response[k];
        }
        if let Some(jacobian) = jacobian {
            for p in 0..mu_c.len() {
                jacobian.cc[p] += mu_c[p] * c[k];
                jacobian.cr[p] += mu_r[p] * c[k];
                jacobian.rc[p] += mu_c[p] * r[k];
                jacobian.rr[p] += mu_r[p] * r[k];
            }
            for diagonal in [&mut jacobian.cc, &mut jacobian.rr] {
                diagonal[k] += rate * weights[0] + mu;
                scatter(diagonal, slope, -carried);
            }
        }
        [
            rate * change_c - carried * slope.at(c) + mu * c[k] - into_c,
            rate * change_r - carried * slope.at(r) + mu * r[k] - into_r,
        ]
    }

    /// The row after `rows` (at least ROWS of them): Newton iteration, with the factors of the first Jacobian as long as
    /// they contract tenfold. Cost O(L^3 + L^2 POINTS ROWS).
    pub fn next(&self, rows: &[Row]) -> Result<Row, Fault> {
        let (n, unknown) = (rows.len(), self.lattice.intervals());
        let nodes = unknown + 1;
        let t = self.clock.time(n);
        let past = self.past(rows);
        // Extrapolation of fifth degree in u at equal ratios.
        let guess = |of: fn(&Row) -> &[f64]| -> Vec<f64> {
            let past: [&[f64]; ROWS] = std::array::from_fn(|m| of(&rows[n - 1 - m]));
            (0..nodes)
                .map(|k| {
                    6.0 * past[0][k] - 15.0 * past[1][k] + 20.0 * past[2][k] - 15.0 * past[3][k] + 6.0 * past[4][k]
                        - past[5][k]
                })
                .collect()
        };
        let (mut c, mut r) = (guess(|row| &row.correlation), guess(|row| &row.response));
        (c[unknown], r[unknown]) = (1.0, 1.0);
        let mut factors = None;
        let mut before = f64::INFINITY;
        for iteration in 0..12 {
            let with_jacobian = factors.is_none();
            let lines = self.lines(rows, &past, &c, &r, with_jacobian);
            let mut change: Vec<f64> = lines.iter().map(|l| -l.residual[0]).collect();
            change.extend(lines.iter().map(|l| -l.residual[1]));
            let solver = match factors.take() {
                Some(f) => f,
                None => {
                    let mut matrix = Vec::with_capacity(4 * unknown * unknown);
                    let jacobians = || lines.iter().filter_map(|line| line.jacobian.as_ref());
                    for j in jacobians() {
                        matrix.extend_from_slice(&j.cc[..unknown]);
                        matrix.extend_from_slice(&j.cr[..unknown]);
                    }
                    for j in jacobians() {
                        matrix.extend_from_slice(&j.rc[..unknown]);
                        matrix.extend_from_slice(&j.rr[..unknown]);
                    }
                    Factors::new(2 * unknown, matrix)?
                }
            };
            solver.solve(&mut change);
            let mut size = 0.0_f64;
            for k in 0..unknown {
                c[k] += change[k];
                r[k] += change[unknown + k];
                let weight = 1.0 + t * self.lattice.phi[k].min(self.lattice.psi[k]);
                size = size.max(change[k].abs()).max(weight * change[unknown + k].abs());
            }
            if !size.is_finite() {
                break;
            }
            if size < 1e-10 {
                let (multiplier, energy) = self.multiplier(t, &c, &r, None);
                return Ok(Row { correlation: c, response: r, multiplier, energy });
            }
            // Keep the factors as long as they contract well.
            if iteration == 0 || size < 0.1 * before {
                factors = Some(solver);
            }
            before = size;
        }
        let fix = format!("give an earlier time or another tolerance: the step to t = {t} found no solution");
        Err(Fault::input("until", self.model.until, fix))
    }
}

#[inline(always)]
fn scatter(target: &mut [f64], at: &Stencil, value: f64) {
    let target = &mut target[at.start as usize..][..POINTS];
    for (t, w) in target.iter_mut().zip(at.weights) {
        *t += w * value;
    }
}

/// C and R at a time and a ratio, from the rows that there are.
#[inline(always)]
pub fn interpolate(rows: &[Row], moment: &Moment, at: &Stencil) -> (f64, f64) {
    let (mut c, mut r) = ([0.0; POINTS], [0.0; POINTS]);
    let start = at.start as usize;
    for m in 0..ROWS.min(rows.len() - moment.first) {
        let (row, w) = (&rows[moment.first + m], moment.weights[m]);
        let (row_c, row_r) = (&row.correlation[start..][..POINTS], &row.response[start..][..POINTS]);
        for k in 0..POINTS {
            c[k] += w * row_c[k];
            r[k] += w * row_r[k];
        }
    }
    let (mut sum_c, mut sum_r) = (0.0, 0.0);
    for k in 0..POINTS {
        sum_c += at.weights[k] * c[k];
        sum_r += at.weights[k] * r[k];
    }
    (sum_c, sum_r)
}

#[cfg(test)]
mod tests;
