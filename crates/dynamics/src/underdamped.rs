//! Langevin dynamics with inertia, by the splitting BAOAB.

use crate::driver::Rule;
use crate::inertial::Inertial;
use crate::walkers::Walkers;
use glasslab_core::inertia::drift;
use glasslab_core::{Course, Fault, Job, State, System};

/// Half a kick, half a drift, friction and noise exactly, half a drift, half a kick; noise from the stream ("noise",
/// replica, step), temperature T(t) at the middle of the step. Positions sample exp(-E/T) up to O(h^2), harmonic wells
/// exactly.
///
/// Source: Leimkuhler and Matthews 2013, doi:10.1093/amrx/abs010. Checked by: `tests/inertia.rs`.
pub(crate) struct Underdamped {
    step_size: f64,
    temperature: Course,
    friction: f64,
    all: Inertial,
}

impl Underdamped {
    pub(crate) fn new(
        system: &dyn System,
        job: &Job,
        step_size: f64,
        temperature: Course,
        friction: f64,
    ) -> Result<Self, Fault> {
        Ok(Self { step_size, temperature, friction, all: Inertial::new(system, job, temperature.at(0.0))? })
    }
}

impl Rule for Underdamped {
    fn step(&mut self, walkers: &mut Walkers) -> Result<(), Fault> {
        let (h, step, streams) = (self.step_size, walkers.step, walkers.streams);
        let temperature = self.temperature.at(h * (step as f64 + 0.5));
        let keep = (-self.friction * h).exp();
        self.all.step(
            walkers,
            h,
            |inertia, moved| {
                drift(moved.v, 0.5 * h, moved.x);
                let mut rng = streams.stream("noise", moved.replica, step);
                inertia.thermalise(&mut rng, temperature, keep, moved.v);
                drift(moved.v, 0.5 * h, moved.x);
            },
            |_, _| (),
        )
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
