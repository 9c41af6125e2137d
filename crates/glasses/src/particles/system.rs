//! Particles as a System: energies, forces, virials, and the evaluator that keeps its list of neighbours.

use super::{Neighbours, Particles, Start};
use glasslab_core::{Block, Citation, Fault, Forces, HessianVec, Streams, System, Virial, sum};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Particles {
    /// Adds the forces of the bonds, returns their energy.
    fn add_bonds(&self, x: &[f64], force: &mut [f64]) -> f64 {
        let d = self.dimension;
        let mut energies = Vec::with_capacity(self.spec.bonds.len());
        for bond in &self.spec.bonds {
            let [a, b] = bond.particles.map(|p| p as usize * d);
            let r = self.nearest(&x[a..a + d], &x[b..b + d]);
            let length = r.iter().map(|r| r * r).sum::<f64>().sqrt();
            let stretch = length - bond.length;
            let tension = if length > 0.0 { -bond.stiffness * stretch / length } else { 0.0 };
            for k in 0..d {
                force[a + k] += tension * r[k];
                force[b + k] -= tension * r[k];
            }
            energies.push(0.5 * bond.stiffness * stretch * stretch);
        }
        sum::sum(&energies)
    }

    pub(super) fn with_list(&self, list: &mut Neighbours, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        Fault::check_len("forces", self.dof(), force.len())?;
        let pairs = list.energy_force(self, x, force);
        Ok(if pairs.is_nan() { pairs } else { pairs + self.add_bonds(x, force) })
    }
}

impl System for Particles {
    fn name(&self) -> &str {
        self.spec.name
    }

    fn dof(&self) -> usize {
        self.count() * self.dimension
    }

    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        self.with_list(&mut Neighbours::new(0.0), x, force)
    }

    fn initial(&self, streams: Streams, replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        self.draw_start(streams, replica, x)
    }

    fn layout(&self) -> Vec<Block> {
        let shape = vec![self.count(), self.dimension];
        vec![Block { name: "positions".to_owned(), range: 0..self.dof(), shape }]
    }

    fn units(&self) -> usize {
        self.count()
    }

    fn masses(&self) -> Option<&[f64]> {
        Some(&self.masses)
    }

    fn translations(&self) -> usize {
        self.dimension
    }

    fn start_steps(&self) -> Option<(u64, u64)> {
        let Start::Lattice(Some(melt)) = &self.spec.start else { return None };
        Some((self.melted.load(Ordering::Relaxed), melt.steps()))
    }

    fn wave_number(&self) -> Option<f64> {
        Some(self.spec.wave_number)
    }

    fn memory(&self) -> u64 {
        (self.count() * 100) as u64
    }

    fn citations(&self) -> &'static [Citation] {
        self.spec.citations
    }

    fn hessian(&self) -> Option<&dyn HessianVec> {
        Some(self)
    }

    fn virial(&self) -> Option<&dyn Virial> {
        Some(self)
    }

    fn forces(self: Arc<Self>) -> Option<Box<dyn Forces>> {
        Some(Box::new(Evaluator { list: Neighbours::new(self.spec.skin), model: self }))
    }
}

impl Virial for Particles {
    fn virial(&self, x: &[f64]) -> Result<Vec<f64>, Fault> {
        let d = self.dimension;
        let mut terms: Vec<Vec<f64>> = vec![Vec::new(); d * d];
        let mut add = |r: [f64; 3], over: f64| {
            for a in 0..d {
                (0..d).for_each(|b| terms[a * d + b].push(over * r[a] * r[b]));
            }
        };
        self.for_pairs(x, 0.0, |i, j, r| {
            let distance = r.iter().map(|r| r * r).sum::<f64>().sqrt();
            let pair = self.pair(self.species_of(i as u32), self.species_of(j as u32));
            add(r, -pair.derivatives(distance).1 / distance);
        })?;
        for bond in &self.spec.bonds {
            let [a, b] = bond.particles.map(|p| p as usize * d);
            let r = self.nearest(&x[a..a + d], &x[b..b + d]);
            let length = r.iter().map(|r| r * r).sum::<f64>().sqrt();
            add(r, -bond.stiffness * (length - bond.length) / length);
        }
        Ok(terms.iter().map(|t| sum::sum(t)).collect())
    }
}

/// Keeps the list of neighbours of one replica.
struct Evaluator {
    model: Arc<Particles>,
    list: Neighbours,
}

impl Forces for Evaluator {
    fn energy_force(&mut self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        self.model.with_list(&mut self.list, x, force)
    }

    fn save(&self) -> Vec<f64> {
        self.list.reference().to_vec()
    }

    fn load(&mut self, remembered: &[f64]) -> Result<(), Fault> {
        let mut list = Neighbours::new(self.model.spec.skin);
        if !remembered.is_empty() {
            if remembered.len() != self.model.dof() || !remembered.iter().all(|x| x.is_finite()) {
                return Err(Fault::State { name: "neighbours".to_owned() });
            }
            list.build(&self.model, remembered);
        }
        self.list = list;
        Ok(())
    }
}
