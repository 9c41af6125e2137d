//! The smooth gate z sigmoid(slope z).

use super::bend::{Bend, each, each_pair};
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
        each(input, output, |z| z * Self::gate(slope, z));
    }

    /// da/dz = s + slope z s (1 - s).
    fn backward(&self, _x: &[T], input: &[T], _output: &[T], by_output: &[T], by_input: &mut [T]) {
        let slope = T::from_f64(self.slope);
        each_pair(input, by_output, by_input, |z, by| {
            let s = Self::gate(slope, z);
            by * (s + slope * z * s * (T::ONE - s))
        });
    }
}

impl Bend for Silu {
    /// f'' = slope s (1 - s) (2 + slope z (1 - 2s)).
    #[inline(always)]
    fn bend(&self, z: f64, _a: f64) -> [f64; 2] {
        let s = Self::gate(self.slope, z);
        let rise = self.slope * s * (1.0 - s);
        [s + z * rise, rise * (2.0 + self.slope * z * (1.0 - 2.0 * s))]
    }
}
