//! Newton's equations at constant energy, by velocity Verlet.

use crate::driver::Rule;
use crate::inertial::{Inertial, whole_drift};
use crate::walkers::Walkers;
use glasslab_core::{Fault, Job, State, System};

/// v <- v + h F/2m, x <- x + h v, v <- v + h F/2m: of order 2, symplectic and reversible; the energy oscillates by O(h^2)
/// and does not drift.
///
/// Source: Swope et al. 1982, doi:10.1063/1.442716. Checked by: `tests/inertia.rs`.
pub(crate) struct Verlet {
    step_size: f64,
    all: Inertial,
}

impl Verlet {
    pub(crate) fn new(system: &dyn System, job: &Job, step_size: f64, temperature: f64) -> Result<Self, Fault> {
        Ok(Self { step_size, all: Inertial::new(system, job, temperature)? })
    }
}

impl Rule for Verlet {
    fn step(&mut self, walkers: &mut Walkers) -> Result<(), Fault> {
        self.all.step(walkers, self.step_size, whole_drift(self.step_size), |_, _| ())
    }

    fn time(&self, steps: u64) -> f64 {
        self.step_size * steps as f64
    }

    fn save(&self, state: &mut State) {
        self.all.save(state);
    }

    fn load(&mut self, state: &State) -> Result<(), Fault> {
        self.all.load(state)
    }
}
