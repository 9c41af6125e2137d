//! Where the integrands of the two-time equations are needed: ratios of times, the same at all times.

use crate::lattice::{Lattice, Stencil};

/// Places of the integrands of node k, the same at all times: an index [k (L+1) + j] for quadrature node j.
pub struct Places {
    /// phi_k phi_j: s/t for s in [0, t'].
    pub below: Vec<Stencil>,
    /// s/t for s = t' + (t - t') phi_j in [t', t].
    pub above: Vec<Stencil>,
    /// t'/s for the same s.
    pub inner: Vec<Stencil>,
    /// 1 - s/t for the same s.
    pub lag: Vec<f64>,
}

impl Places {
    /// All interpolations of a lattice. Memory 216 L^2 bytes.
    pub fn new(lattice: &Lattice) -> Self {
        let nodes = lattice.intervals() + 1;
        let mut this = Self { below: vec![], above: vec![], inner: vec![], lag: vec![] };
        for k in 0..nodes {
            let (phi, psi) = (lattice.phi[k], lattice.psi[k]);
            for j in 0..nodes {
                let (rho, sigma) = (lattice.phi[j], lattice.psi[j]);
                this.below.push(lattice.stencil(phi * rho, psi + phi * sigma));
                let (near, lag) = (phi + psi * rho, psi * sigma);
                this.above.push(lattice.stencil(near, lag));
                // At s = 0 the limit t'/s -> 1 of t' -> 0 is of no weight.
                let inner = if near > 0.0 { (phi / near, psi * rho / near) } else { (0.0, 1.0) };
                this.inner.push(lattice.stencil(inner.0, inner.1));
                this.lag.push(lag);
            }
        }
        this
    }
}
