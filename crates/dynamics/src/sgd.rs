//! Stochastic gradient descent with heavy-ball momentum.

use crate::driver::Rule;
use crate::walkers::Walkers;
use glasslab_core::{Array, BatchOrder, Course, Fault, Job, State, System};

/// g = gradient of the mini-batch mean, v <- momentum v + g (v = 0 at the start), x <- x - rate(step) v, the batches
/// from [`BatchOrder`]. The convention of `torch.optim.SGD` without dampening.
///
/// Source: Polyak 1964, doi:10.1016/0041-5553(64)90137-5 (momentum); Robbins and Monro 1951, doi:10.1214/aoms/1177729586.
pub(crate) struct Sgd {
    rate: Course,
    momentum: f64,
    batch: usize,
    samples: usize,
    orders: Vec<BatchOrder>,
    velocity: Vec<f64>,
}

impl Sgd {
    pub(crate) fn new(
        system: &dyn System,
        job: &Job,
        rate: Course,
        momentum: f64,
        batch: usize,
    ) -> Result<Self, Fault> {
        let Some(subsample) = system.subsample() else {
            let ability = "samples: its energy is not a mean over a training set";
            return Err(Fault::Unsupported { system: system.name().to_owned(), method: "sgd", ability });
        };
        if !system.buffers().is_empty() {
            let ability = "a native Stepper here: only that keeps running statistics";
            return Err(Fault::Unsupported { system: system.name().to_owned(), method: "sgd", ability });
        }
        let samples = subsample.samples();
        if batch > samples {
            return Err(Fault::input("batch", batch, format!("give at most {samples}, the number of samples")));
        }
        let orders: Vec<_> =
            job.replicas.clone().map(|replica| BatchOrder::new(job.streams, replica, samples, batch)).collect();
        let velocity = vec![0.0; orders.len() * system.dof()];
        Ok(Self { rate, momentum, batch, samples, orders, velocity })
    }
}

impl Rule for Sgd {
    fn step(&mut self, walkers: &mut Walkers) -> Result<(), Fault> {
        let (rate, momentum) = (self.rate.at(walkers.step as f64), self.momentum);
        let (system, n) = (walkers.system.clone(), walkers.dof());
        let (space, step) = (system.space(), walkers.step);
        let subsample = system.subsample().expect("checked when the Stepper was made");
        let moving = walkers.moving() as u64;
        walkers.each(self.orders.iter_mut().zip(self.velocity.chunks_mut(n)), |walker| {
            let energy = subsample.batch_energy_force(walker.x, walker.own.0.batch(step), walker.force)?;
            if !walker.finite(energy) {
                return Ok(());
            }
            let v = &mut walker.own.1;
            v.iter_mut().zip(&*walker.force).for_each(|(v, f)| *v = momentum * *v - f);
            walker.x.iter_mut().zip(&**v).for_each(|(x, v)| *x -= rate * v);
            space.retract(walker.x);
            walker.arrived();
            Ok(())
        })?;
        let epoch_step = (step % self.orders[0].steps_per_epoch()) as usize;
        let seen = self.batch.min(self.samples - epoch_step * self.batch);
        walkers.work.samples += moving * seen as u64;
        Ok(())
    }

    fn time(&self, steps: u64) -> f64 {
        self.rate.sum(steps)
    }

    fn epochs(&self, steps: u64, _samples: usize) -> f64 {
        steps as f64 / self.orders[0].steps_per_epoch() as f64
    }

    fn save(&self, state: &mut State) {
        state.push("momenta", Array::F64(self.velocity.clone()));
    }

    fn load(&mut self, state: &State) -> Result<(), Fault> {
        let momenta = state.f64("momenta", self.velocity.len())?;
        self.velocity.copy_from_slice(momenta);
        Ok(())
    }
}
