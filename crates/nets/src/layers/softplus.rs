//! The smooth ramp log(1 + exp(beta z))/beta.

use super::bend::{Bend, each_pair};
use super::{Layer, Pass};
use crate::kernels::Real;

/// a = log(1 + exp(beta z))/beta, for any z without overflow. Convention: exact for large beta z too, where PyTorch takes z
/// itself beyond 20 (a difference of at most 3e-9/beta). Checked by `cross` (PyTorch) and finite differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softplus {
    /// Units.
    pub units: usize,
    /// Inverse width of the bend, > 0.
    pub beta: f64,
}

impl Layer for Softplus {
    fn inputs(&self) -> usize {
        self.units
    }

    fn outputs(&self) -> usize {
        self.units
    }
}

impl<T: Real> Pass<T> for Softplus {
    /// max(0, z) + log(1 + exp(-beta |z|))/beta.
    fn forward(&self, _x: &[T], input: &[T], output: &mut [T]) {
        let beta = T::from_f64(self.beta);
        for (a, z) in output.iter_mut().zip(input) {
            let u = beta * *z;
            let (ramp, size) = if u < T::ZERO { (T::ZERO, -u) } else { (*z, u) };
            *a = ramp + (-size).exp().ln_1p() / beta;
        }
    }

    /// da/dz = 1/(1 + exp(-beta z)).
    fn backward(&self, _x: &[T], input: &[T], _output: &[T], by_output: &[T], by_input: &mut [T]) {
        let beta = T::from_f64(self.beta);
        each_pair(input, by_output, by_input, |z, by| by / (T::ONE + (-(beta * z)).exp()));
    }
}

impl Bend for Softplus {
    /// f'' = beta f' (1 - f').
    #[inline(always)]
    fn bend(&self, z: f64, _a: f64) -> [f64; 2] {
        let slope = 1.0 / (1.0 + Real::exp(-(self.beta * z)));
        [slope, self.beta * slope * (1.0 - slope)]
    }
}
