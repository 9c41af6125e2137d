//! Pointwise nonlinearities.

use super::bend::{Bend, each, each_pair};
use super::{Layer, Pass};
use crate::kernels::Real;

/// A nonlinearity a = f(z) whose derivative is a function of a.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// max(0, z); derivative 0 at 0; NaN stays NaN.
    Relu,
    /// 1/(1 + exp(-z)).
    Sigmoid,
    /// tanh z.
    Tanh,
}

impl Activation {
    #[inline(always)]
    pub(crate) fn value<T: Real>(self, z: T) -> T {
        match self {
            Activation::Relu => {
                if z < T::ZERO {
                    T::ZERO
                } else {
                    z
                }
            }
            Activation::Sigmoid => T::ONE / (T::ONE + (-z).exp()),
            Activation::Tanh => z.tanh(),
        }
    }

    #[inline(always)]
    pub(crate) fn slope<T: Real>(self, a: T) -> T {
        match self {
            Activation::Relu => {
                if a > T::ZERO {
                    T::ONE
                } else {
                    T::ZERO
                }
            }
            Activation::Sigmoid => a * (T::ONE - a),
            Activation::Tanh => T::ONE - a * a,
        }
    }
}

/// The nonlinearity on every unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointwise {
    /// Units.
    pub units: usize,
    /// Which.
    pub activation: Activation,
}

impl Layer for Pointwise {
    fn inputs(&self) -> usize {
        self.units
    }

    fn outputs(&self) -> usize {
        self.units
    }
}

impl<T: Real> Pass<T> for Pointwise {
    fn forward(&self, _x: &[T], input: &[T], output: &mut [T]) {
        each(input, output, |z| self.activation.value(z));
    }

    fn backward(&self, _x: &[T], _input: &[T], output: &[T], by_output: &[T], by_input: &mut [T]) {
        each_pair(by_output, output, by_input, |by, a| by * self.activation.slope(a));
    }
}

impl Bend for Pointwise {
    /// Sigmoid: f'' = f'(1 - 2a); tanh: f'' = -2a f'; ReLU: 0.
    #[inline(always)]
    fn bend(&self, _z: f64, a: f64) -> [f64; 2] {
        let slope = self.activation.slope(a);
        let curvature = match self.activation {
            Activation::Relu => 0.0,
            Activation::Sigmoid => slope * (1.0 - 2.0 * a),
            Activation::Tanh => -2.0 * a * slope,
        };
        [slope, curvature]
    }
}
