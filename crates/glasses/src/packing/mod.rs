//! Packings of spheres at the verge of jamming: made by descent and bisection, examined contact by contact.

pub mod exponents;
mod jam;
mod network;
mod pairs;

pub use jam::{Jammed, Protocol, Stage, jam};
pub use network::Network;

use glasslab_core::{Block, Citation, Contacts, Fault, HessianVec, Space, Streams, System};
use pairs::{between, near};
use std::f64::consts::PI;

/// O'Hern et al. 2003.
pub const OHERN: Citation = Citation {
    key: "ohern2003",
    text: "C. S. O'Hern, L. E. Silbert, A. J. Liu, S. R. Nagel, Jamming at zero temperature and zero applied stress: the epitome of disorder, Phys. Rev. E 68, 011306 (2003)",
    locator: "doi:10.1103/PhysRevE.68.011306",
};
/// Charbonneau et al. 2014.
pub const CHARBONNEAU: Citation = Citation {
    key: "charbonneau2014",
    text: "P. Charbonneau, J. Kurchan, G. Parisi, P. Urbani, F. Zamponi, Fractal free energy landscapes in structural glasses, Nat. Commun. 5, 3725 (2014)",
    locator: "doi:10.1038/ncomms4725",
};
const SOURCES: [Citation; 2] = [OHERN, CHARBONNEAU];

/// Largest gap h = r/sigma - 1 that counts as within reach.
const REACH: f64 = 0.5;

/// Harmonic soft spheres: V = (1/2) sum_(i<j) (1 - r_ij/sigma_ij)^2 over r_ij < sigma_ij, sigma_ij the mean of the two diameters,
/// in the periodic box [0, 1)^d.
///
/// Units: energy of a full overlap x 2, side of the box. Convention: O'Hern et al. 2003 with alpha = 2 and epsilon = 1.
/// Source: [`OHERN`]. Checked by `forces_and_second_derivatives_of_spheres`.
#[derive(Clone, Debug, PartialEq)]
pub struct Packing {
    dimension: usize,
    diameters: Vec<f64>,
    start: Vec<f64>,
}

impl Packing {
    /// Spheres of these diameters `[N]` (side of the box) at x `[N d]`, d = 2 or 3, which is where runs start.
    pub fn new(dimension: usize, diameters: Vec<f64>, x: Vec<f64>) -> Result<Self, Fault> {
        if !(2..=3).contains(&dimension) {
            return Err(Fault::input("dimension", dimension, "give 2 or 3"));
        }
        if let Some(bad) = diameters.iter().find(|s| !(**s > 0.0 && **s < 0.5)) {
            return Err(Fault::input("diameter", bad, "give more than 0 and less than half of the box"));
        }
        Fault::check_len("positions", diameters.len() * dimension, x.len())?;
        Ok(Self { dimension, diameters, start: x })
    }

    /// d.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Number of spheres.
    pub fn spheres(&self) -> usize {
        self.diameters.len()
    }

    /// The diameters `[N]`, in sides of the box.
    pub fn diameters(&self) -> &[f64] {
        &self.diameters
    }

    /// The positions `[N, d]` it was made with.
    pub fn positions(&self) -> &[f64] {
        &self.start
    }

    /// Packing fraction phi: volume (area) of all spheres.
    pub fn fraction(&self) -> f64 {
        fraction(self.dimension, &self.diameters)
    }

    /// Adds up over the pairs that overlap at x.
    fn overlaps(&self, x: &[f64], mut each: impl FnMut(usize, usize, [f64; 3], f64, f64)) {
        match self.dimension {
            2 => over::<2>(x, &self.diameters, &near::<2>(x, &self.diameters, 0.0), &mut each),
            _ => over::<3>(x, &self.diameters, &near::<3>(x, &self.diameters, 0.0), &mut each),
        }
    }
}

/// Volume (d = 3) or area (d = 2) of spheres of these diameters.
fn fraction(dimension: usize, diameters: &[f64]) -> f64 {
    let one = if dimension == 2 { PI / 4.0 } else { PI / 6.0 };
    one * diameters.iter().map(|s| s.powi(dimension as i32)).sum::<f64>()
}

/// Calls `each` (i, j, vector from j to i, its length, sigma_ij) for all overlapping pairs of the list.
#[inline(always)]
fn over<const D: usize>(
    x: &[f64],
    diameters: &[f64],
    pairs: &[[u32; 2]],
    each: &mut impl FnMut(usize, usize, [f64; 3], f64, f64),
) {
    let x = x.as_chunks::<D>().0;
    for [i, j] in pairs {
        let (i, j) = (*i as usize, *j as usize);
        let (r, square) = between(&x[i], &x[j]);
        let sigma = 0.5 * (diameters[i] + diameters[j]);
        if square < sigma * sigma {
            let mut vector = [0.0; 3];
            vector[..D].copy_from_slice(&r);
            each(i, j, vector, square.sqrt(), sigma);
        }
    }
}

impl System for Packing {
    fn name(&self) -> &str {
        "packing"
    }

    fn dof(&self) -> usize {
        self.start.len()
    }

    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        Fault::check_len("forces", self.dof(), force.len())?;
        force.fill(0.0);
        let (mut energy, d) = (0.0, self.dimension);
        self.overlaps(x, |i, j, r, length, sigma| {
            let overlap = 1.0 - length / sigma;
            energy += 0.5 * overlap * overlap;
            for c in 0..d {
                let f = overlap / (sigma * length) * r[c];
                force[i * d + c] += f;
                force[j * d + c] -= f;
            }
        });
        Ok(energy)
    }

    fn initial(&self, _streams: Streams, _replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        x.copy_from_slice(&self.start);
        Ok(())
    }

    fn space(&self) -> Space {
        Space::Torus { lengths: vec![1.0] }
    }

    fn layout(&self) -> Vec<Block> {
        let shape = vec![self.spheres(), self.dimension];
        vec![Block { name: "positions".to_owned(), range: 0..self.dof(), shape }]
    }

    fn hessian(&self) -> Option<&dyn HessianVec> {
        Some(self)
    }

    fn contacts(&self) -> Option<&dyn Contacts> {
        Some(self)
    }

    fn citations(&self) -> &'static [Citation] {
        &SOURCES
    }
}

/// Each overlap of length r adds k n n^T - (f/r)(1 - n n^T) on the relative displacement, k = 1/sigma^2, f = (1 - r/sigma)/sigma.
/// Cost O(N). Checked by `forces_and_second_derivatives_of_spheres`.
impl HessianVec for Packing {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        self.hessian_vec_many(x, v, out)
    }

    fn hessian_vec_many(&self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        let (n, d) = (self.dof(), self.dimension);
        Fault::check_len("positions", n, x.len())?;
        Fault::check_len("directions", v.len() / n * n, v.len())?;
        Fault::check_len("products", v.len(), out.len())?;
        out.fill(0.0);
        self.overlaps(x, |i, j, r, length, sigma| {
            let force = (1.0 - length / sigma) / sigma;
            let normal = r.map(|c| c / length);
            for (v, out) in v.chunks(n).zip(out.chunks_mut(n)) {
                let mut apart = [0.0; 3];
                (0..d).for_each(|c| apart[c] = v[i * d + c] - v[j * d + c]);
                let along: f64 = (0..d).map(|c| apart[c] * normal[c]).sum();
                for c in 0..d {
                    let h = along / (sigma * sigma) * normal[c] - force / length * (apart[c] - along * normal[c]);
                    out[i * d + c] += h;
                    out[j * d + c] -= h;
                }
            }
        });
        Ok(())
    }
}

/// h = r/sigma - 1 for all pairs with h < 1/2.
impl Contacts for Packing {
    fn gaps(&self, x: &[f64]) -> Result<Vec<f64>, Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        Ok(gaps(self.dimension, x, &self.diameters).into_iter().map(|g| g.1).collect())
    }
}

/// All pairs with h = r/sigma - 1 below [`REACH`], with h.
fn gaps(dimension: usize, x: &[f64], diameters: &[f64]) -> Vec<([u32; 2], f64)> {
    let wide: Vec<f64> = diameters.iter().map(|s| s * (1.0 + REACH)).collect();
    let mut found = Vec::new();
    let mut each = |i: usize, j: usize, _: [f64; 3], length: f64, wide: f64| {
        found.push(([i as u32, j as u32], length / (wide / (1.0 + REACH)) - 1.0));
    };
    match dimension {
        2 => over::<2>(x, &wide, &near::<2>(x, &wide, 0.0), &mut each),
        _ => over::<3>(x, &wide, &near::<3>(x, &wide, 0.0), &mut each),
    }
    found
}

#[cfg(test)]
mod tests;
