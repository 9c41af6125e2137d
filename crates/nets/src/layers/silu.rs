//! The smooth gate z sigmoid(slope z).

use super::{Layer, Pass};
use crate::kernels::Real;

/// a = z s, s = 1/(1 + exp(-slope z)); slope 1 is the SiLU of PyTorch, large slopes approach ReLU.
///
/// Source: P. Ramachandran, B. Zoph, Q. Le 2017, arXiv:1710.05941 (Swish). Checked by `cross` (PyTorch) and finite
/// differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Silu {
    /// Units.
    pub units: usize,
    /// Slope inside the sigmoid.
    pub slope: f64,
}

impl Silu {
    #[inline(always)]
    fn gate<T: Real>(slope: T, z: T) -> T {
        T::ONE / (T::ONE + (-(slope * z)).exp())
    }
}

impl Layer for Silu {
    fn inputs(&self) -> usize {
        self.units
    }

    fn outputs(&self) -> usize {
        self.units
    }
}

impl<T: Real> Pass<T> for Silu {
    fn forward(&self, _x: &[T], input: &[T], output: &mut [T]) {
        let slope = T::from_f64(self.slope);
        for (a, z) in output.iter_mut().zip(input) {
            *a = *z * Self::gate(slope, *z);
        }
    }

    /// da/dz = s + slope z s (1 - s).
    fn backward(&self, _x: &[T], input: &[T], _output: &[T], by_output: &[T], by_input: &mut [T]) {
        let slope = T::from_f64(self.slope);
        for ((d, z), by) in by_input.iter_mut().zip(input).zip(by_output) {
            let s = Self::gate(slope, *z);
            *d = *by * (s + slope * *z * s * (T::ONE - s));
        }
    }
}
