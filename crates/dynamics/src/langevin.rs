//! Overdamped Langevin dynamics by Euler and Maruyama.

use crate::driver::Rule;
use crate::walkers::Walkers;
use glasslab_core::{Course, Fault};
use rand::RngExt;
use rand_distr::StandardNormal;

/// x <- retract(x + P [dt F(x) + sqrt(2 T(t) dt) xi]), xi standard normal from the stream ("noise", replica, step),
/// t = step dt, P the projection onto the tangent space. Weak order 1. At T = 0 no noise is drawn and the step is that
/// of descent, to the bit. Where the System does not change under common shifts (`System::translations`), the noise is drawn
/// without its mean: the centre of mass stays where it is.
///
/// Source: Maruyama 1955, doi:10.1007/BF02846028.
pub(crate) struct Langevin {
    step_size: f64,
    temperature: Course,
}

impl Langevin {
    pub(crate) fn new(step_size: f64, temperature: Course) -> Self {
        Self { step_size, temperature }
    }
}

impl Rule for Langevin {
    fn step(&mut self, walkers: &mut Walkers) -> Result<(), Fault> {
        let space = walkers.system.space();
        let streams = walkers.streams;
        let shifts = walkers.system.translations();
        let dt = self.step_size;
        let amplitude = (2.0 * self.temperature.at(self.time(walkers.step)) * dt).sqrt();
        let none = vec![(); walkers.stops.len()];
        walkers.with_forces(none, |walker, energy| {
            if !walker.finite(energy) {
                return;
            }
            walker.force.iter_mut().for_each(|f| *f *= dt);
            if amplitude > 0.0 {
                let mut rng = streams.stream("noise", walker.replica, walker.step);
                if shifts == 0 {
                    walker.force.iter_mut().for_each(|f| *f += amplitude * rng.sample::<f64, _>(StandardNormal));
                } else {
                    let mut noise: Vec<f64> = walker.x.iter().map(|_| rng.sample(StandardNormal)).collect();
                    for k in 0..shifts {
                        let count = noise.iter().skip(k).step_by(shifts).count() as f64;
                        let mean = noise.iter().skip(k).step_by(shifts).sum::<f64>() / count;
                        noise.iter_mut().skip(k).step_by(shifts).for_each(|xi| *xi -= mean);
                    }
                    walker.force.iter_mut().zip(&noise).for_each(|(f, xi)| *f += amplitude * xi);
                }
            }
            space.project(walker.x, walker.force);
            walker.x.iter_mut().zip(&*walker.force).for_each(|(x, f)| *x += f);
            space.retract(walker.x);
            walker.arrived();
        })
    }

    fn time(&self, steps: u64) -> f64 {
        self.step_size * steps as f64
    }
}
