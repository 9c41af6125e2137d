//! Adam: steps of each coordinate scaled by a running mean of its squared gradient.

use crate::driver::Rule;
use crate::walkers::Walkers;
use glasslab_core::{Array, BatchOrder, Course, Fault, Job, State, Stop, System};

/// m <- beta1 m + (1 - beta1) g, s <- beta2 s + (1 - beta2) g^2, x <- x - rate/(1 - beta1^k) m/(sqrt(s/(1 - beta2^k)) + epsilon),
/// k = 1, 2, ... the number of the step, g the gradient of the whole energy or of a batch of [`BatchOrder`].
///
/// On the whole energy a replica is satisfied when no constraint is violated at x, and converged when every entry of the force is 0.
/// Convention: `torch.optim.Adam` without weight decay. Source: Kingma and Ba 2014, arXiv:1412.6980. Checked by
/// `adam_is_the_torch_convention` and, on networks, by `adam_matches_pytorch` in `nets` and `lab`.
pub(crate) struct Adam {
    rate: Course,
    betas: [f64; 2],
    epsilon: f64,
    batch: usize,
    samples: usize,
    orders: Vec<Option<BatchOrder>>,
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Adam {
    pub(crate) fn new(
        system: &dyn System,
        job: &Job,
        rate: Course,
        betas: [f64; 2],
        epsilon: f64,
        batch: usize,
    ) -> Result<Self, Fault> {
        let refuse = |ability| Err(Fault::Unsupported { system: system.name().to_owned(), method: "adam", ability });
        let samples = system.subsample().map_or(0, |s| s.samples());
        if batch > 0 && samples == 0 {
            return refuse("samples: its energy is not a mean over a training set; leave `batch` out");
        }
        if !system.buffers().is_empty() {
            return refuse("a native Stepper here: only that keeps running statistics");
        }
        if batch > samples {
            return Err(Fault::input(
                "batch",
                batch,
                format!("give at most {samples}, the number of samples, or 0 for all"),
            ));
        }
        let order = |replica| (batch > 0).then(|| BatchOrder::new(job.streams, replica, samples, batch));
        let orders: Vec<_> = job.replicas.clone().map(order).collect();
        let none = vec![0.0; orders.len() * system.dof()];
        Ok(Self { rate, betas, epsilon, batch, samples, orders, first: none.clone(), second: none })
    }
}

impl Rule for Adam {
    fn step(&mut self, walkers: &mut Walkers) -> Result<(), Fault> {
        let (system, n, step) = (walkers.system.clone(), walkers.dof(), walkers.step);
        let space = system.space();
        let [beta, gamma] = self.betas;
        let count = (step + 1) as f64;
        let rate = self.rate.at(step as f64) / (1.0 - beta.powf(count));
        let (root, epsilon) = ((1.0 - gamma.powf(count)).sqrt(), self.epsilon);
        let moving = walkers.moving() as u64;
        let moments = self.first.chunks_mut(n).zip(self.second.chunks_mut(n));
        walkers.each(self.orders.iter_mut().zip(moments), |walker| {
            let energy = match (&mut walker.own.0, system.subsample()) {
                (Some(order), Some(subsample)) => {
                    subsample.batch_energy_force(walker.x, order.batch(step), walker.force)?
                }
                _ => {
                    let (energy, violated) = system.energy_force_violated(walker.x, walker.force)?;
                    let still = walker.force.iter().all(|f| *f == 0.0);
                    if violated == Some(0) || still {
                        let satisfied = violated == Some(0);
                        *walker.stop =
                            Some(if satisfied { Stop::Satisfied { step } } else { Stop::Converged { step } });
                        return Ok(());
                    }
                    energy
                }
            };
            if !walker.finite(energy) {
                return Ok(());
            }
            space.project(walker.x, walker.force);
            let (first, second) = &mut walker.own.1;
            let moments = first.iter_mut().zip(second.iter_mut());
            for ((x, f), (m, s)) in walker.x.iter_mut().zip(&*walker.force).zip(moments) {
                *m = beta * *m - (1.0 - beta) * f;
                *s = gamma * *s + (1.0 - gamma) * f * f;
                *x -= rate * *m / (s.sqrt() / root + epsilon);
            }
            space.retract(walker.x);
            walker.arrived();
            Ok(())
        })?;
        if let Some(Some(order)) = self.orders.first() {
            let epoch_step = (step % order.steps_per_epoch()) as usize;
            walkers.work.samples += moving * self.batch.min(self.samples - epoch_step * self.batch) as u64;
        }
        Ok(())
    }

    fn time(&self, steps: u64) -> f64 {
        self.rate.sum(steps)
    }

    fn epochs(&self, steps: u64, _samples: usize) -> f64 {
        match self.orders.first() {
            Some(Some(order)) => steps as f64 / order.steps_per_epoch() as f64,
            _ => steps as f64,
        }
    }

    fn save(&self, state: &mut State) {
        state.push("first", Array::F64(self.first.clone()));
        state.push("second", Array::F64(self.second.clone()));
    }

    fn load(&mut self, state: &State) -> Result<(), Fault> {
        let (first, second) = (state.f64("first", self.first.len())?, state.f64("second", self.second.len())?);
        self.first.copy_from_slice(first);
        self.second.copy_from_slice(second);
        Ok(())
    }
}
