//! Small Systems whose everything is known, for testing Steppers without the crates of real ones.

use glasslab_core::{Fault, Space, Streams, Subsample, System, sum};
use rand::RngExt;

/// E(x) = sum_i (k/2) x_i^2 + (1/4) x_i^4 + x_i x_(i+1): smooth, coupled, bounded below for any k. Start: uniform in (-1, 1).
pub struct Quartic {
    /// N.
    pub n: usize,
    /// k.
    pub stiffness: f64,
}

impl System for Quartic {
    fn name(&self) -> &str {
        "quartic"
    }

    fn dof(&self) -> usize {
        self.n
    }

    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        let mut terms = vec![0.0; self.n];
        for i in 0..self.n {
            let (next, before) = (x[(i + 1) % self.n], x[(i + self.n - 1) % self.n]);
            terms[i] = 0.5 * self.stiffness * x[i] * x[i] + 0.25 * x[i].powi(4) + x[i] * next;
            force[i] = -(self.stiffness * x[i] + x[i].powi(3) + next + before);
        }
        Ok(sum::sum(&terms))
    }

    fn initial(&self, streams: Streams, replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        let mut rng = streams.stream("initial", replica, 0);
        x.iter_mut().for_each(|x| *x = rng.random_range(-1.0..1.0));
        Ok(())
    }
}

/// E(x) = (1/2) sum_i k_i x_i^2 on the sphere |x|^2 = N, k_i = i/N: descent ends on the first axis. Start: uniform in
/// (-1, 1), scaled onto the sphere.
pub struct Axes {
    /// N.
    pub n: usize,
}

impl System for Axes {
    fn name(&self) -> &str {
        "axes"
    }

    fn dof(&self) -> usize {
        self.n
    }

    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        force.iter_mut().enumerate().zip(x).for_each(|((i, f), x)| *f = -(i as f64 / self.n as f64) * x);
        Ok(-0.5 * sum::dot(x, force))
    }

    fn initial(&self, streams: Streams, replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        let mut rng = streams.stream("initial", replica, 0);
        x.iter_mut().for_each(|x| *x = rng.random_range(-1.0..1.0));
        self.space().retract(x);
        Ok(())
    }

    fn space(&self) -> Space {
        Space::Sphere { radius: (self.n as f64).sqrt() }
    }
}

/// Least squares, E(x) = (1/P) sum_mu (a_mu . x - b_mu)^2/2, a and b uniform in (-1, 1): the smallest System of samples.
pub struct LeastSquares {
    n: usize,
    inputs: Vec<f64>,
    targets: Vec<f64>,
}

impl LeastSquares {
    /// N = n weights, P = samples.
    pub fn new(n: usize, samples: usize) -> Self {
        let mut rng = Streams::new(17).stream("least-squares", 0, 0);
        let inputs = (0..n * samples).map(|_| rng.random_range(-1.0..1.0)).collect();
        let targets = (0..samples).map(|_| rng.random_range(-1.0..1.0)).collect();
        Self { n, inputs, targets }
    }
}

impl System for LeastSquares {
    fn name(&self) -> &str {
        "least-squares"
    }

    fn dof(&self) -> usize {
        self.n
    }

    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        let all: Vec<u32> = (0..self.targets.len() as u32).collect();
        self.batch_energy_force(x, &all, force)
    }

    fn initial(&self, streams: Streams, replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        let mut rng = streams.stream("initial", replica, 0);
        x.iter_mut().for_each(|x| *x = rng.random_range(-1.0..1.0));
        Ok(())
    }

    fn extensive(&self) -> bool {
        false
    }

    fn subsample(&self) -> Option<&dyn Subsample> {
        Some(self)
    }
}

impl Subsample for LeastSquares {
    fn samples(&self) -> usize {
        self.targets.len()
    }

    fn batch_energy_force(&self, x: &[f64], batch: &[u32], force: &mut [f64]) -> Result<f64, Fault> {
        force.fill(0.0);
        let (mut energy, size) = (0.0, batch.len() as f64);
        for &mu in batch {
            let a = &self.inputs[mu as usize * self.n..][..self.n];
            let error = sum::dot(a, x) - self.targets[mu as usize];
            energy += 0.5 * error * error / size;
            force.iter_mut().zip(a).for_each(|(f, a)| *f -= error * a / size);
        }
        Ok(energy)
    }
}
