//! Where particles start: on a lattice, at random, at given places; molten by dynamics at a high temperature.

use super::{Neighbours, Particles};
use glasslab_core::inertia::drift;
use glasslab_core::{Fault, Fire, Inertia, Rng, Space, Streams};
use rand::RngExt;
use std::sync::atomic::Ordering;

/// The configuration that a run starts from.
#[derive(Clone, Debug)]
pub enum Start {
    /// The first particle of each molecule on a face-centred lattice (d = 2: centred squares) that fills the box, which
    /// molecule where and which places stay empty drawn from the stream ("initial", replica, 0); the others of a molecule
    /// above it along the last axis, at the lengths of their bonds. Then molten, if asked for.
    Lattice(Option<Melt>),
    /// Every particle anywhere in the box, uniformly: infinite temperature. Only potentials that stay finite at contact
    /// can be moved from there. Stream ("initial", replica, 0).
    Random,
    /// These coordinates `[N, d]`, the same for every replica.
    Given(Vec<f64>),
}

/// Dynamics at a high temperature before the clock starts: 200 steps of FIRE, then underdamped Langevin, friction 1, by the splitting BAOAB, noise
/// from the stream ("melt", replica, step).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Melt {
    /// Temperature T_i.
    pub temperature: f64,
    /// How long.
    pub time: f64,
    /// Time step.
    pub step_size: f64,
}

impl Melt {
    /// How many time steps it has.
    pub(super) fn steps(&self) -> u64 {
        (self.time / self.step_size).ceil() as u64
    }
}

/// Steps of FIRE before a melt.
const RELAXATION: usize = 200;

impl Particles {
    pub(super) fn draw_start(&self, streams: Streams, replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        let mut rng = streams.stream("initial", replica, 0);
        match &self.spec.start {
            Start::Given(positions) => {
                Fault::check_len("given positions", x.len(), positions.len())?;
                self.check_overlaps(positions, 1e8)?;
                x.copy_from_slice(positions);
            }
            Start::Random => {
                for (i, x) in x.iter_mut().enumerate() {
                    *x = self.lengths[i % self.dimension] * rng.random::<f64>();
                }
            }
            Start::Lattice(melt) => {
                self.lattice(&mut rng, x);
                if let Some(melt) = melt {
                    self.melt(*melt, streams, replica, x)?;
                }
            }
        }
        Ok(())
    }

    fn lattice(&self, rng: &mut Rng, x: &mut [f64]) {
        let d = self.dimension;
        // The first particle of each molecule, and how far above it the others are.
        let mut above: Vec<Option<(usize, f64)>> = vec![None; self.count()];
        for bond in &self.spec.bonds {
            let [a, b] = bond.particles.map(|p| p as usize);
            let height = above[a].map_or(0.0, |h| h.1);
            above[b] = Some((above[a].map_or(a, |h| h.0), height + bond.length));
        }
        let molecules: Vec<usize> = (0..self.count()).filter(|&p| above[p].is_none()).collect();
        let basis: &[[f64; 3]] = match d {
            2 => &[[0.0, 0.0, 0.0], [0.5, 0.5, 0.0]],
            _ => &[[0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]],
        };
        // As few cells as hold all, their numbers along the axes differing by one at most.
        let mut cells = [1; 3];
        let mut next = (0..d).cycle();
        while basis.len() * cells.iter().product::<usize>() < molecules.len() {
            cells[next.next().expect("a cycle has no end")] += 1;
        }
        let mut sites: Vec<usize> = (0..basis.len() * cells.iter().product::<usize>()).collect();
        // Fisher and Yates, as many places as are needed.
        for k in 0..molecules.len() {
            let other = rng.random_range(k..sites.len());
            sites.swap(k, other);
        }
        for (&p, &site) in molecules.iter().zip(&sites) {
            let (cell, place) = (site / basis.len(), basis[site % basis.len()]);
            let cell = [cell % cells[0], cell / cells[0] % cells[1], cell / cells[0] / cells[1]];
            for k in 0..d {
                x[p * d + k] = self.lengths[k] / cells[k] as f64 * (cell[k] as f64 + place[k] + 0.25);
            }
        }
        for (p, place) in above.iter().enumerate() {
            if let Some((first, height)) = *place {
                x.copy_within(first * d..(first + 1) * d, p * d);
                x[p * d + d - 1] += height;
            }
        }
    }

    fn melt(&self, melt: Melt, streams: Streams, replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        let (inertia, mut list) = (Inertia::of(self), Neighbours::new(self.spec.skin));
        let (h, keep) = (melt.step_size, (-melt.step_size).exp());
        let (mut v, mut force) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        inertia.draw(&mut streams.stream("melt-velocities", replica, 0), melt.temperature, &mut v);
        // Molecules on a lattice overlap a little: they are let down first.
        let (mut fire, mut u) = (Fire::new(0.002).with_largest_move(0.02), vec![0.0; x.len()]);
        let mut energy = self.with_list(&mut list, x, &mut force)?;
        for _ in 0..RELAXATION {
            fire.step(&Space::Flat, x, &mut u, &mut force);
            energy = self.with_list(&mut list, x, &mut force)?;
        }
        for step in 0..melt.steps() {
            self.melted.fetch_add(1, Ordering::Relaxed);
            inertia.kick(&force, 0.5 * h, &mut v);
            drift(&v, 0.5 * h, x);
            inertia.thermalise(&mut streams.stream("melt", replica, step), melt.temperature, keep, &mut v);
            drift(&v, 0.5 * h, x);
            energy = self.with_list(&mut list, x, &mut force)?;
            inertia.kick(&force, 0.5 * h, &mut v);
        }
        if !energy.is_finite() {
            let fix = format!("the melt blew up with time step {h}: lower `start_step_size` or the temperature");
            return Err(Fault::input("start_temperature", melt.temperature, fix));
        }
        Ok(())
    }
}
