//! Newton's equations with a thermostat that rescales velocities at random.

use crate::driver::Rule;
use crate::inertial::{Inertial, whole_drift};
use crate::walkers::Walkers;
use glasslab_core::{Course, Fault, Job, State, System};
use rand::RngExt;
use rand_distr::{ChiSquared, StandardNormal};

/// A step of velocity Verlet, then all velocities times sqrt(K'/K), K' drawn from the exact law of
/// dK = (K_T - K) dt/tau + 2 sqrt(K K_T/(f tau)) dW over one step, K_T = f T/2, f directions of kinetic energy:
/// K' = c K + (K_T/f)(1 - c)(R_1^2 + R_2^2 + ... + R_f^2) + 2 R_1 sqrt(c (1 - c) K K_T/f), c = exp(-h/tau), R_i normal, from
/// the stream ("thermostat", replica, step). T(t) is taken at the end of the step.
///
/// Source: Bussi, Donadio and Parrinello 2007, doi:10.1063/1.2408420, appendix. Checked by: `tests/inertia.rs`.
pub(crate) struct Bussi {
    step_size: f64,
    temperature: Course,
    relaxation: f64,
    all: Inertial,
}

impl Bussi {
    pub(crate) fn new(
        system: &dyn System,
        job: &Job,
        step_size: f64,
        temperature: Course,
        relaxation: f64,
    ) -> Result<Self, Fault> {
        Ok(Self { step_size, temperature, relaxation, all: Inertial::new(system, job, temperature.at(0.0))? })
    }
}

/// The kinetic energy after a step with K before it; `normal` is R_1, `squares` is R_2^2 + ... + R_f^2.
fn next(kinetic: f64, target: f64, directions: f64, keep: f64, normal: f64, squares: f64) -> f64 {
    let unit = target / directions;
    let sum = keep * kinetic + unit * (1.0 - keep) * (normal * normal + squares);
    (sum + 2.0 * normal * (keep * (1.0 - keep) * kinetic * unit).sqrt()).max(0.0)
}

impl Rule for Bussi {
    fn step(&mut self, walkers: &mut Walkers) -> Result<(), Fault> {
        let (h, step, streams) = (self.step_size, walkers.step, walkers.streams);
        let temperature = self.temperature.at(h * (step + 1) as f64);
        let keep = (-h / self.relaxation).exp();
        self.all.step(walkers, h, whole_drift(h), |inertia, moved| {
            let directions = inertia.directions();
            let kinetic = inertia.kinetic_energy(moved.v);
            if directions < 1.0 || kinetic <= 0.0 {
                return;
            }
            let mut rng = streams.stream("thermostat", moved.replica, step);
            let normal: f64 = rng.sample(StandardNormal);
            let squares = ChiSquared::new(directions - 1.0).map_or(0.0, |law| rng.sample(law));
            let after = next(kinetic, 0.5 * directions * temperature, directions, keep, normal, squares);
            let factor = (after / kinetic).sqrt();
            moved.v.iter_mut().for_each(|v| *v *= factor);
        })
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
