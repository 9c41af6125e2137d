//! Particles in a periodic box with pair potentials, several species, and molecules with harmonic bonds.

pub mod dumbbells;
mod hessian;
mod kernel;
pub mod kob_andersen;
pub mod law;
mod neighbours;
pub mod soft_spheres;
mod start;
mod system;

pub use law::{Form, Pair, Shift};
pub use start::{Melt, Start};

use crate::memory;
use glasslab_core::{Citation, Complaint, Fault};
use neighbours::Neighbours;
use std::sync::atomic::AtomicU64;

/// A harmonic bond, (k/2)(r - r_0)^2; its two particles feel no pair potential of each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bond {
    /// The two particles.
    pub particles: [u32; 2],
    /// Stiffness k, energy per squared length.
    pub stiffness: f64,
    /// Length r_0 at rest.
    pub length: f64,
}

/// What is needed to make [`Particles`].
#[derive(Clone, Debug)]
pub struct Specification {
    /// Name in the registry.
    pub name: &'static str,
    /// Sides of the periodic box, two or three of them.
    pub lengths: Vec<f64>,
    /// Species of each particle, from 0.
    pub species: Vec<u8>,
    /// Mass of each species.
    pub masses: Vec<f64>,
    /// Potentials: `pairs[s * species + t]`, symmetric.
    pub pairs: Vec<Pair>,
    /// Bonds.
    pub bonds: Vec<Bond>,
    /// Where runs start.
    pub start: Start,
    /// How much farther than the cut-off the lists of neighbours reach.
    pub skin: f64,
    /// Wave number of the scattering function.
    pub wave_number: f64,
    /// Sources.
    pub citations: &'static [Citation],
}

/// E = sum over pairs i < j of u_st(r_ij) + sum over bonds of (k/2)(r - r_0)^2, r_ij the distance of the nearest images in the
/// periodic box, s and t the species; bonded pairs are left out of the first sum.
///
/// x `[particle, d]`, unwrapped: displacements are true ones, forces are periodic. Cost of a force: O(N) with cells; the
/// evaluator of [`glasslab_core::System::forces`] keeps its list of neighbours between calls.
/// Checked by: `tests/particles.rs` (all pairs one by one, finite differences), `tests/cross_lammps.rs`.
pub struct Particles {
    spec: Specification,
    dimension: usize,
    lengths: [f64; 3],
    members: Vec<Vec<u32>>,
    masses: Vec<f64>,
    excluded: Vec<Vec<u32>>,
    reach: f64,
    /// Steps of melts so far, for progress bars.
    melted: AtomicU64,
}

impl Particles {
    /// Checks everything and prepares the tables.
    pub fn new(spec: Specification) -> Result<Self, Fault> {
        let (d, n, k) = (spec.lengths.len(), spec.species.len(), spec.masses.len());
        let reach = spec.pairs.iter().map(|p| p.cutoff).fold(0.0, f64::max);
        check(&spec, d, n, k, reach)?;
        let mut members = vec![Vec::new(); k];
        spec.species.iter().enumerate().for_each(|(p, &s)| members[s as usize].push(p as u32));
        let mut excluded = vec![Vec::new(); n];
        for bond in &spec.bonds {
            let [a, b] = bond.particles;
            excluded[a as usize].push(b);
            excluded[b as usize].push(a);
        }
        let mut lengths = [1.0; 3];
        lengths[..d].copy_from_slice(&spec.lengths);
        let masses = spec.species.iter().flat_map(|&s| vec![spec.masses[s as usize]; d]).collect();
        Ok(Self { dimension: d, lengths, members, masses, excluded, reach, melted: AtomicU64::new(0), spec })
    }

    /// What it was made of.
    pub fn specification(&self) -> &Specification {
        &self.spec
    }

    /// Number of particles.
    pub fn count(&self) -> usize {
        self.spec.species.len()
    }

    /// Dimension d, 2 or 3.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Sides of the box; 1 beyond its dimension.
    pub fn lengths(&self) -> [f64; 3] {
        self.lengths
    }

    /// Volume (area) of the box.
    pub fn volume(&self) -> f64 {
        self.spec.lengths.iter().product()
    }

    /// Number of species.
    pub fn species_count(&self) -> usize {
        self.members.len()
    }

    /// Species of a particle.
    pub fn species_of(&self, particle: u32) -> usize {
        self.spec.species[particle as usize] as usize
    }

    /// Particles of a species.
    pub fn members(&self, species: usize) -> &[u32] {
        &self.members[species]
    }

    /// Potential of two species.
    pub fn pair(&self, s: usize, t: usize) -> &Pair {
        &self.spec.pairs[s * self.members.len() + t]
    }

    /// The largest cut-off.
    pub fn reach(&self) -> f64 {
        self.reach
    }

    fn excluded(&self, particle: u32) -> &[u32] {
        &self.excluded[particle as usize]
    }

    /// The displacement a - b of the nearest images.
    fn nearest(&self, a: &[f64], b: &[f64]) -> [f64; 3] {
        let mut r = [0.0; 3];
        for (k, r) in r.iter_mut().enumerate().take(self.dimension) {
            let (difference, length) = (a[k] - b[k], self.lengths[k]);
            *r = difference - length * (difference / length).round();
        }
        r
    }

    /// Calls `f(i, j, r)` once for every pair i < j that is closer than its cut-off plus `beyond`, r = x_i - x_j of the
    /// nearest images; bonded pairs are left out. In a fixed order. Cost O(N).
    ///
    /// For analyses (contacts, gaps, virials); forces have a faster way.
    pub fn for_pairs(&self, x: &[f64], beyond: f64, mut f: impl FnMut(usize, usize, [f64; 3])) -> Result<(), Fault> {
        Fault::check_len("positions", self.count() * self.dimension, x.len())?;
        if !x.iter().all(|x| x.is_finite()) {
            return Err(Fault::input("positions", "not finite", "give finite coordinates"));
        }
        let mut list = Neighbours::new(beyond);
        list.build(self, x);
        list.each(self.species_count(), |i, j, r| {
            let square = r.iter().map(|r| r * r).sum::<f64>();
            let limit = self.pair(self.species_of(i as u32), self.species_of(j as u32)).cutoff + beyond;
            if i < j && square < limit * limit {
                f(i, j, r);
            }
        });
        Ok(())
    }

    /// `Err` with the two particles if some are so close that their energy is above `most` (units of epsilon).
    pub fn check_overlaps(&self, x: &[f64], most: f64) -> Result<(), Fault> {
        let mut worst: Option<(f64, usize, usize, f64)> = None;
        self.for_pairs(x, 0.0, |i, j, r| {
            let distance = r.iter().map(|r| r * r).sum::<f64>().sqrt();
            let pair = self.pair(self.species_of(i as u32), self.species_of(j as u32));
            let energy = pair.derivatives(distance.max(1e-30)).0 / pair.epsilon;
            if energy.is_nan() || energy > worst.map_or(most, |w| w.0) {
                worst = Some((energy, i, j, distance));
            }
        })?;
        match worst {
            None => Ok(()),
            Some((_, i, j, distance)) => {
                let fix = format!("particles {i} and {j} overlap (distance {distance:.3e}): move them apart");
                Err(Fault::input("positions", "overlapping", fix))
            }
        }
    }
}

/// All complaints about a specification, at once.
fn check(spec: &Specification, d: usize, n: usize, k: usize, reach: f64) -> Result<(), Fault> {
    let mut complaints = Vec::new();
    let mut complain = |field: &str, value: String, fix: String| complaints.push(Complaint::new(field, value, fix));
    let positive = |v: f64| v.is_finite() && v > 0.0;
    if !(2..=3).contains(&d) || !spec.lengths.iter().all(|&l| positive(l)) {
        complain("lengths", format!("{:?}", spec.lengths), "give 2 or 3 sides, finite and > 0".to_owned());
    }
    if n < 2 {
        complain("n", n.to_string(), "give at least 2 particles".to_owned());
    }
    if k == 0 || spec.species.iter().any(|&s| s as usize >= k) {
        complain("species", format!("{k} masses"), "give a mass for each species".to_owned());
    }
    if !spec.masses.iter().all(|&m| positive(m)) {
        complain("masses", format!("{:?}", spec.masses), "give finite numbers > 0".to_owned());
    }
    let symmetric = || (0..k).all(|s| (0..k).all(|t| spec.pairs[s * k + t] == spec.pairs[t * k + s]));
    if spec.pairs.len() != k * k || !symmetric() {
        let fix = format!("give {} potentials, the same for (s, t) and (t, s)", k * k);
        complain("pairs", format!("{} potentials", spec.pairs.len()), fix);
    }
    let fine = |p: &Pair| {
        p.cutoff == 0.0 || (positive(p.cutoff) && positive(p.sigma) && p.epsilon.is_finite() && p.epsilon >= 0.0)
    };
    if !spec.pairs.iter().all(fine) {
        complain("pairs", "a potential".to_owned(), "give finite epsilon >= 0, sigma > 0 and cut-off >= 0".to_owned());
    }
    let shortest = spec.lengths.iter().copied().fold(f64::INFINITY, f64::min);
    if shortest < 2.0 * reach {
        let fix = format!(
            "the box must be at least twice the cut-off, {:.4}: take more particles or a lower density",
            2.0 * reach
        );
        complain("box", format!("{shortest:.4}"), fix);
    }
    if !(spec.skin.is_finite() && spec.skin >= 0.0) {
        complain("skin", spec.skin.to_string(), "give a finite number >= 0".to_owned());
    }
    let bonded = |b: &Bond| {
        let [i, j] = b.particles;
        i != j && (i.max(j) as usize) < n && positive(b.stiffness) && b.length.is_finite() && b.length >= 0.0
    };
    if !spec.bonds.iter().all(bonded) {
        complain("bonds", "a bond".to_owned(), "bind two particles that exist, stiffness > 0, length >= 0".to_owned());
    }
    if !complaints.is_empty() {
        return Err(Fault::Input(complaints));
    }
    check_size(n, n as f64 / spec.lengths.iter().product::<f64>(), d, reach + spec.skin)
}

/// Refuses more particles than numbers of 32 bits or the memory can hold, before anything is allocated.
fn check_size(n: usize, density: f64, d: usize, reach: f64) -> Result<(), Fault> {
    if n > 1 << 28 {
        return Err(Fault::input("n", n, format!("give at most {} particles", 1 << 28)));
    }
    // A list reaches some (4/3) pi reach^3 times the density; 4 bytes each, and 40 for each of some 3 copies.
    let needed = n as f64 * (4.0 * density * 4.2 * reach.powi(d as i32) + 400.0);
    memory::check(format!("neighbours of {n} particles"), needed as u64, "n")
}
