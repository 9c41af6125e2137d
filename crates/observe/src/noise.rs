//! The noise that drives a run at its waiting times, and the diffusion that this noise alone would give.

use crate::log::{Log, Shape, diverged, physical, steps};
use glasslab_core::{Dataset, Fault, Method, Observer, Record, Schedule, Slice, Space, State, View};
use rayon::prelude::*;

/// Strength of the noise at the waiting times, with dimensions (replica, waiting_time).
///
/// - `noise`: SGD: D = tr Cov(g_B), the trace of the covariance of the mini-batch gradient, exact over the training
///   set: (tr S / B)(1 - B/P), see [`glasslab_core::NoiseMoments::batch_trace`]. Langevin: D = 2 T(t) N, the trace of
///   the force noise per unit time (N - 1 directions on a sphere).
/// - `gradient_squared` (SGD): |g|^2, the squared gradient of the whole training loss.
/// - `free_diffusion`: mean-square displacement per degree of freedom and step that this noise alone would give on a
///   flat landscape, all steps independent: SGD rate^2/(1-momentum)^2 D/N; Langevin 2 T dt (times (N-1)/N on a sphere).
///
/// Convention: D is not divided by N, as D_2 of Baity-Jesi et al. 2018 (arXiv:1803.06969), whose code is biased. Batches
/// drawn without replacement are anticorrelated within an epoch, so real displacements can stay below free diffusion.
/// Cost of a measurement: about one gradient of the whole training set for each replica. Checked by
/// `tests/observers.rs`.
pub struct Noise {
    waiting: Schedule,
    shape: Shape,
    method: Method,
    directions: f64,
    log: Log,
}

const WIDTH: usize = 3;

impl Noise {
    /// The observer for a run by `method`; `None` where there is no noise to measure: descent, hops, Langevin at T = 0
    /// throughout, or a System without samples.
    pub fn new(waiting: Schedule, method: &Method, view: &View<'_>) -> Option<Self> {
        let noisy = match method {
            Method::Sgd { .. } => view.system(0).gradient_noise().is_some(),
            Method::Langevin { temperature, .. } => !temperature.is_constant() || temperature.at(0.0) > 0.0,
            _ => false,
        };
        let shape = Shape::of(view);
        let on_sphere = matches!(view.system(0).space(), Space::Sphere { .. });
        let directions = shape.dof as f64 - if on_sphere { 1.0 } else { 0.0 };
        noisy.then(|| Self { waiting, shape, method: method.clone(), directions, log: Log::default() })
    }

    fn is_sgd(&self) -> bool {
        matches!(self.method, Method::Sgd { .. })
    }
}

impl Observer for Noise {
    fn name(&self) -> &'static str {
        "noise"
    }

    fn schedule(&self) -> &Schedule {
        &self.waiting
    }

    fn observe(&mut self, view: &View<'_>) -> Result<(), Fault> {
        self.log.check_due(&self.waiting, view.clock())?;
        let (n, clock) = (self.shape.dof as f64, view.clock());
        let alive: Vec<_> = (0..self.shape.replicas)
            .filter(|&r| !diverged(view, r))
            .map(|r| (r, view.system(r), view.positions(r), view.buffers(r)))
            .collect();
        let measure = |&(r, system, x, buffers): &(usize, &dyn glasslab_core::System, Slice<'_>, Slice<'_>)| {
            let values = match &self.method {
                Method::Sgd { rate, momentum, batch } => {
                    let Some(noise) = system.gradient_noise() else { return Ok((r, [f64::NAN; WIDTH])) };
                    let moments = noise.noise_moments_with(x, buffers)?;
                    let trace = moments.batch_trace(*batch);
                    let kick = rate.at(clock.step as f64) / (1.0 - momentum);
                    [trace, moments.mean_squared, kick * kick * trace / n]
                }
                Method::Langevin { step_size, temperature } => {
                    let trace = 2.0 * temperature.at(clock.time) * self.directions;
                    [trace, f64::NAN, trace * step_size / n]
                }
                _ => [f64::NAN; WIDTH],
            };
            Ok((r, values))
        };
        let found: Vec<_> = alive.par_iter().map(measure).collect::<Result<_, Fault>>()?;
        let mut row = vec![f64::NAN; self.shape.replicas * WIDTH];
        for (r, values) in found {
            row[r * WIDTH..][..WIDTH].copy_from_slice(&values);
        }
        self.log.push(&row);
        Ok(())
    }

    fn records(&self, view: &View<'_>) -> Dataset {
        let (replicas, times) = (self.shape.replicas, self.waiting.len());
        let mut data = Dataset::default();
        data.coordinates.push(self.shape.replica_numbers());
        data.coordinates.push(steps("waiting_time", "waiting time t_w of the reference copy", &self.waiting));
        data.variables.push(physical("noise_physical_time", "waiting_time", &self.waiting, view));
        let noise = if self.is_sgd() {
            "D(t_w) = tr Cov(g_B) = (tr S / B)(1 - B/P): trace of the mini-batch gradient covariance, not divided by N"
        } else {
            "D(t_w) = 2 T N: trace of the force noise per unit time (N - 1 directions on a sphere)"
        };
        let free =
            "mean-square displacement per degree of freedom and step if this noise acted alone on a flat landscape";
        let columns = [
            ("noise", noise, if self.is_sgd() { "gradient^2" } else { "force^2 time" }),
            ("gradient_squared", "|g(t_w)|^2, g the gradient of the whole training loss", "gradient^2"),
            ("free_diffusion", free, "1/step"),
        ];
        for (q, (name, about, unit)) in columns.into_iter().enumerate() {
            if name == "gradient_squared" && !self.is_sgd() {
                continue;
            }
            let mut values = vec![f64::NAN; replicas * times];
            for (t, row) in self.log.values().chunks(replicas * WIDTH).enumerate() {
                (0..replicas).for_each(|r| values[r * times + t] = row[r * WIDTH + q]);
            }
            let dims = [("replica", replicas), ("waiting_time", times)];
            data.variables.push(Record::new(name, about, unit, &dims, values));
        }
        data
    }

    fn memory(&self) -> u64 {
        (self.waiting.len() * self.shape.replicas * WIDTH * 8) as u64
    }

    fn save(&self) -> State {
        let mut state = State::default();
        self.log.save(&mut state);
        state
    }

    fn load(&mut self, state: &State) -> Result<(), Fault> {
        let row = self.shape.replicas * WIDTH;
        self.log.load(state, self.waiting.len(), |done| done * row)
    }
}
