//! The rows C(t_n, phi t_n), R(t_n, phi t_n) found so far, equidistant in u = ln(1 + t/a), and interpolation in time.

use crate::lattice::lagrange;

/// Rows of an interpolation in time.
pub const ROWS: usize = 6;

/// One time: both functions on the lattice.
#[derive(Clone, Debug)]
pub struct Row {
    /// C(t, phi_k t).
    pub correlation: Vec<f64>,
    /// R(t, phi_k t).
    pub response: Vec<f64>,
    /// mu(t).
    pub multiplier: f64,
    /// e(t).
    pub energy: f64,
}

/// The grid of times t_n = a (exp(n du) - 1).
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Time a below which steps are equal.
    pub linear: f64,
    /// Step du.
    pub step: f64,
}

/// Interpolation in time: weights of the rows first..first + ROWS.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// First row.
    pub first: usize,
    /// Weights.
    pub weights: [f64; ROWS],
}

impl Clock {
    /// t_n.
    pub fn time(&self, n: usize) -> f64 {
        self.linear * (n as f64 * self.step).exp_m1()
    }

    /// Interpolation at time t among the rows 0..=last, last >= ROWS - 1.
    #[inline(always)]
    pub fn moment(&self, t: f64, last: usize) -> Moment {
        let place = ((t / self.linear).ln_1p() / self.step).max(0.0);
        let first = (place as usize).saturating_sub(ROWS / 2 - 1).min(last + 1 - ROWS);
        Moment { first, weights: lagrange(place - first as f64) }
    }
}

impl Moment {
    /// Weight of row n, 0 if it is not used.
    #[inline(always)]
    pub fn weight_of(&self, n: usize) -> f64 {
        if n >= self.first && n < self.first + ROWS { self.weights[n - self.first] } else { 0.0 }
    }
}
