//! Gradient descent on the whole energy.

use crate::driver::Rule;
use crate::walkers::Walkers;
use glasslab_core::{Course, Fault, Stop};

/// x <- retract(x + dt(s) P F(x)), s the step, P the projection onto the tangent space: explicit Euler for dx/dt = P F,
/// of order 1. A replica on which no force acts at all (every entry 0) has converged.
pub(crate) struct Descent {
    step_size: Course,
}

impl Descent {
    pub(crate) fn new(step_size: Course) -> Self {
        Self { step_size }
    }
}

impl Rule for Descent {
    fn step(&mut self, walkers: &mut Walkers) -> Result<(), Fault> {
        let space = walkers.system.space();
        let dt = self.step_size.at(walkers.step as f64);
        let none = vec![(); walkers.stops.len()];
        walkers.with_forces(none, |walker, energy| {
            if !walker.finite(energy) {
                return;
            }
            if walker.force.iter().all(|f| *f == 0.0) {
                *walker.stop = Some(Stop::Converged { step: walker.step });
                return;
            }
            walker.force.iter_mut().for_each(|f| *f *= dt);
            space.project(walker.x, walker.force);
            walker.x.iter_mut().zip(&*walker.force).for_each(|(x, f)| *x += f);
            space.retract(walker.x);
            walker.arrived();
        })
    }

    fn time(&self, steps: u64) -> f64 {
        self.step_size.sum(steps)
    }
}
