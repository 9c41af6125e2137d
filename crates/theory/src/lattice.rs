//! The fixed grid of ratios phi = t'/t, dense towards both ends, with interpolation, derivative and quadrature.

use crate::gregory::correct;

/// Points of an interpolation.
pub const POINTS: usize = 8;

/// Interpolation at one place: weights of the nodes start..start + POINTS.
#[derive(Clone, Copy, Debug)]
pub struct Stencil {
    /// First node.
    pub start: u32,
    /// Weights.
    pub weights: [f64; POINTS],
}

impl Stencil {
    /// The interpolated value of `row`.
    #[inline(always)]
    pub fn at(&self, row: &[f64]) -> f64 {
        let row = &row[self.start as usize..][..POINTS];
        let mut sum = 0.0;
        for (w, x) in self.weights.iter().zip(row) {
            sum += w * x;
        }
        sum
    }
}

/// Nodes phi_0 = 0 < ... < phi_L = 1, equidistant in x = ln[(phi + eps)/(1 - phi + eps)]: spacing eps dx at both ends,
/// logarithmic in between. Functions of phi and of t' alike are smooth in x.
#[derive(Clone, Debug)]
pub struct Lattice {
    eps: f64,
    /// Half the range of x.
    half: f64,
    spacing: f64,
    /// phi_k.
    pub phi: Vec<f64>,
    /// 1 - phi_k, without cancellation.
    pub psi: Vec<f64>,
    /// Weights of the integral over phi from 0 to 1.
    pub weights: Vec<f64>,
    /// d/dphi at the nodes, with more points on the side of phi = 1, from where the dynamics carries.
    pub slopes: Vec<Stencil>,
}

/// Lagrange weights at `place` for the nodes 0, 1, ... in units of the spacing.
#[inline(always)]
pub fn lagrange<const N: usize>(place: f64) -> [f64; N] {
    std::array::from_fn(|k| {
        let mut w = 1.0;
        for j in (0..N).filter(|&j| j != k) {
            w *= (place - j as f64) / (k as f64 - j as f64);
        }
        w
    })
}

/// Weights of the derivative at `place` for the nodes 0, 1, ... in units of the spacing.
pub fn lagrange_slope<const N: usize>(place: f64) -> [f64; N] {
    std::array::from_fn(|k| {
        let mut sum = 0.0;
        for l in (0..N).filter(|&l| l != k) {
            let mut w = 1.0 / (k as f64 - l as f64);
            for j in (0..N).filter(|&j| j != k && j != l) {
                w *= (place - j as f64) / (k as f64 - j as f64);
            }
            sum += w;
        }
        sum
    })
}

impl Lattice {
    /// L + 1 nodes with the width `eps` of the linear region at both ends. L is at least 2 POINTS.
    pub fn new(intervals: usize, eps: f64) -> Self {
        let half = ((1.0 + eps) / eps).ln();
        let spacing = 2.0 * half / intervals as f64;
        let x = |k: usize| -half + k as f64 * spacing;
        let low = |x: f64| eps * (x + half).exp_m1() / (1.0 + x.exp());
        let mut phi: Vec<f64> = (0..=intervals).map(|k| low(x(k))).collect();
        phi[0] = 0.0;
        phi[intervals] = 1.0;
        let psi: Vec<f64> = (0..=intervals).map(|k| phi[intervals - k]).collect();
        let density = |k: usize| (phi[k] + eps) * (psi[k] + eps) / (1.0 + 2.0 * eps);
        let mut weights: Vec<f64> = (0..=intervals).map(|k| spacing * density(k)).collect();
        let unit: Vec<f64> =
            (0..=intervals).map(|k| 1.0 + correct(0, intervals, |j| if j == k { 1.0 } else { 0.0 })).collect();
        weights.iter_mut().zip(unit).for_each(|(w, u)| *w *= u);
        let slopes = (0..=intervals)
            .map(|k| {
                let start = k.saturating_sub(3).min(intervals + 1 - POINTS);
                let mut weights = lagrange_slope((k - start) as f64);
                weights.iter_mut().for_each(|w| *w /= spacing * density(k));
                Stencil { start: start as u32, weights }
            })
            .collect();
        Self { eps, half, spacing, phi, psi, weights, slopes }
    }

    /// Number L of intervals; the nodes are 0..=L.
    pub fn intervals(&self) -> usize {
        self.phi.len() - 1
    }

    /// Weights of d/dphi at phi, given with psi = 1 - phi.
    pub fn slope(&self, phi: f64, psi: f64) -> Stencil {
        let place = ((((phi + self.eps) / (psi + self.eps)).ln() + self.half) / self.spacing).max(0.0);
        let start = (place as usize).saturating_sub(POINTS / 2 - 1).min(self.intervals() + 1 - POINTS);
        let mut weights = lagrange_slope(place - start as f64);
        let density = (phi + self.eps) * (psi + self.eps) / (1.0 + 2.0 * self.eps);
        weights.iter_mut().for_each(|w| *w /= self.spacing * density);
        Stencil { start: start as u32, weights }
    }

    /// Interpolation at phi, given with psi = 1 - phi.
    pub fn stencil(&self, phi: f64, psi: f64) -> Stencil {
        let place = ((((phi + self.eps) / (psi + self.eps)).ln() + self.half) / self.spacing).max(0.0);
        let start = (place as usize).saturating_sub(POINTS / 2 - 1).min(self.intervals() + 1 - POINTS);
        Stencil { start: start as u32, weights: lagrange(place - start as f64) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smooth_functions_are_integrated_interpolated_and_differentiated() {
        // A boundary layer of width 1e-3 at phi = 1 and a power law at phi = 0, as correlations have.
        let lattice = Lattice::new(120, 1e-4);
        let f = |phi: f64, psi: f64| (-psi / 1e-3).exp() + 1.0 / (1.0 + phi / 1e-3).sqrt();
        let slope = |phi: f64, psi: f64| 1e3 * (-psi / 1e-3).exp() - 500.0 * (1.0 + phi / 1e-3).powf(-1.5);
        let row: Vec<f64> = (0..=120).map(|k| f(lattice.phi[k], lattice.psi[k])).collect();
        let integral: f64 = row.iter().zip(&lattice.weights).map(|(r, w)| r * w).sum();
        let exact = 1e-3 + 2e-3 * (1001_f64.sqrt() - 1.0);
        assert!((integral / exact - 1.0).abs() < 1e-7, "{integral} {exact}");
        for k in 0..=120 {
            let d = lattice.slopes[k].at(&row);
            let scale = 1.0 / lattice.phi[k].min(lattice.psi[k]).max(1e-3);
            assert!((d - slope(lattice.phi[k], lattice.psi[k])).abs() < 1e-4 * scale, "node {k}: {d}");
        }
        for i in 0..1000 {
            let psi = 10_f64.powf(-7.0 * f64::from(i) / 1000.0);
            for (phi, psi) in [(1.0 - psi, psi), (psi, 1.0 - psi)] {
                let s = lattice.stencil(phi, psi);
                assert!((s.at(&row) - f(phi, psi)).abs() < 1e-6, "phi {phi} psi {psi}");
                let d = lattice.slope(phi, psi).at(&row);
                let scale = 1.0 / phi.min(psi).max(1e-3);
                assert!((d - slope(phi, psi)).abs() < 1e-4 * scale, "phi {phi} psi {psi}: {d}");
            }
        }
    }
}
