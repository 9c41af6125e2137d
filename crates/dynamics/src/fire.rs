//! Descent with inertia to a minimum: [`glasslab_core::Fire`] as a Method.

use crate::driver::Rule;
use crate::walkers::Walkers;
use glasslab_core::{Array, Fault, Fire, State, Stop};

/// One step of FIRE for each replica, from v = 0; a replica has converged where no entry of the tangent force is larger than
/// `tolerance`.
///
/// Source: Guenole et al. 2020, doi:10.1016/j.commatsci.2020.109584. Checked by: `tests/fire.rs`.
pub(crate) struct Descending {
    step_size: f64,
    tolerance: f64,
    fires: Vec<Fire>,
    velocities: Vec<f64>,
}

impl Descending {
    pub(crate) fn new(replicas: usize, n: usize, step_size: f64, tolerance: f64, largest_move: f64) -> Self {
        let fires = vec![Fire::new(step_size).with_largest_move(largest_move); replicas];
        Self { step_size, tolerance, fires, velocities: vec![0.0; replicas * n] }
    }
}

impl Rule for Descending {
    fn step(&mut self, walkers: &mut Walkers) -> Result<(), Fault> {
        let (space, n, tolerance) = (walkers.system.space(), walkers.dof(), self.tolerance);
        walkers.with_forces(self.fires.iter_mut().zip(self.velocities.chunks_mut(n)), |walker, energy| {
            if !walker.finite(energy) {
                return;
            }
            space.project(walker.x, walker.force);
            if walker.force.iter().all(|f| f.abs() <= tolerance) {
                *walker.stop = Some(Stop::Converged { step: walker.step });
                return;
            }
            walker.own.0.step(&space, walker.x, walker.own.1, walker.force);
            walker.arrived();
        })
    }

    fn time(&self, steps: u64) -> f64 {
        self.step_size * steps as f64
    }

    fn save(&self, state: &mut State) {
        let (steps, since): (Vec<_>, Vec<_>) = self.fires.iter().map(|f| f.state()).map(|s| ([s.0, s.1], s.2)).unzip();
        state.push("velocities", Array::F64(self.velocities.clone()));
        state.push("fire", Array::F64(steps.concat()));
        state.push("since", Array::U64(since));
    }

    fn load(&mut self, state: &State) -> Result<(), Fault> {
        let velocities = state.f64("velocities", self.velocities.len())?;
        let steps = state.f64("fire", 2 * self.fires.len())?;
        let since = state.u64("since", self.fires.len())?;
        self.velocities.copy_from_slice(velocities);
        for ((fire, pair), since) in self.fires.iter_mut().zip(steps.chunks(2)).zip(since) {
            fire.set_state((pair[0], pair[1], *since));
        }
        Ok(())
    }
}
