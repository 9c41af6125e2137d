//! What all methods with inertia share: velocities, the force at the present positions, half a kick before and after.

use crate::walkers::Walkers;
use glasslab_core::inertia::drift;
use glasslab_core::{Array, Fault, Inertia, Job, Space, State, System};

/// Velocities and forces `[R, N]` of all replicas, both at the time of the positions.
pub(crate) struct Inertial {
    pub(crate) inertia: Inertia,
    velocities: Vec<f64>,
    forces: Vec<f64>,
    /// True once `forces` are those at the positions.
    ready: bool,
}

/// One replica in a step of an inertial method.
pub(crate) struct Moved<'a> {
    pub(crate) replica: u64,
    pub(crate) x: &'a mut [f64],
    pub(crate) v: &'a mut [f64],
}

impl Inertial {
    /// Velocities from Maxwell's law at `temperature`, stream ("velocities", replica, 0).
    pub(crate) fn new(system: &dyn System, job: &Job, temperature: f64) -> Result<Self, Fault> {
        if system.space() != Space::Flat {
            let ability = "a flat space: methods with inertia know no curved one";
            return Err(Fault::Unsupported { system: system.name().to_owned(), method: job.method.name(), ability });
        }
        let (inertia, n) = (Inertia::of(system), system.dof());
        let mut velocities = vec![0.0; (job.replicas.end - job.replicas.start) as usize * n];
        for (replica, v) in job.replicas.clone().zip(velocities.chunks_mut(n)) {
            inertia.draw(&mut job.streams.stream("velocities", replica, 0), temperature, v);
        }
        Ok(Self { inertia, forces: vec![0.0; velocities.len()], velocities, ready: false })
    }

    /// v <- v + h F/2m, then `middle` (a drift by h in all), then v <- v + h F/2m with the new force, then `end`.
    pub(crate) fn step(
        &mut self,
        walkers: &mut Walkers,
        h: f64,
        middle: impl Fn(&Inertia, &mut Moved<'_>) + Sync,
        end: impl Fn(&Inertia, &mut Moved<'_>) + Sync,
    ) -> Result<(), Fault> {
        let (n, inertia) = (walkers.dof(), &self.inertia);
        if !self.ready {
            walkers.with_forces(self.forces.chunks_mut(n), |walker, energy| {
                walker.finite(energy);
                walker.own.copy_from_slice(walker.force);
            })?;
            self.ready = true;
        }
        let own = self.velocities.chunks_mut(n).zip(self.forces.chunks(n));
        walkers.without_forces(own, |walker| {
            let (v, force) = (&mut *walker.own.0, walker.own.1);
            inertia.kick(force, 0.5 * h, v);
            middle(inertia, &mut Moved { replica: walker.replica, x: walker.x, v });
            walker.arrived();
        });
        walkers.with_forces(self.velocities.chunks_mut(n).zip(self.forces.chunks_mut(n)), |walker, energy| {
            if walker.finite(energy) {
                inertia.kick(walker.force, 0.5 * h, walker.own.0);
                end(inertia, &mut Moved { replica: walker.replica, x: walker.x, v: walker.own.0 });
            }
            walker.own.1.copy_from_slice(walker.force);
        })
    }

    pub(crate) fn save(&self, state: &mut State) {
        state.push("velocities", Array::F64(self.velocities.clone()));
        state.push("forces", Array::F64(if self.ready { self.forces.clone() } else { Vec::new() }));
    }

    pub(crate) fn load(&mut self, state: &State) -> Result<(), Fault> {
        let velocities = state.f64("velocities", self.velocities.len())?;
        self.ready = !state.get("forces")?.is_empty();
        if self.ready {
            let forces = state.f64("forces", self.forces.len())?;
            self.forces.copy_from_slice(forces);
        }
        self.velocities.copy_from_slice(velocities);
        Ok(())
    }
}

/// The whole drift of velocity Verlet.
pub(crate) fn whole_drift(h: f64) -> impl Fn(&Inertia, &mut Moved<'_>) + Sync {
    move |_, moved| drift(moved.v, h, moved.x)
}
