//! Layers: maps of a batch of vectors with exact derivatives; adding a layer is adding a file.

mod activation;
mod average_pool;
mod bend;
mod convolution;
mod initial;
mod linear;
mod max_pool;
mod silu;
mod softplus;
mod tangent;
#[cfg(test)]
mod tangent_tests;
#[cfg(test)]
mod tests;
mod window;

pub use activation::{Activation, Pointwise};
pub use average_pool::AveragePool;
pub use convolution::Convolution;
pub use initial::Initial;
pub use linear::Linear;
pub use max_pool::MaxPool;
pub use silu::Silu;
pub use softplus::Softplus;
pub use tangent::{Direction, Point, Tangents};
pub use window::Window;

use crate::kernels::Real;
use glasslab_core::Rng;

/// What every layer says about itself.
#[allow(private_bounds, reason = "precisions are f32 and f64, a closed set")]
pub trait Layer: Pass<f32> + Pass<f64> + Tangents + Send + Sync {
    /// Inputs per sample.
    fn inputs(&self) -> usize;

    /// Outputs per sample.
    fn outputs(&self) -> usize;

    /// Names and shapes of its parameters, in the order in which they lie in x.
    fn parameters(&self) -> Vec<(&'static str, Vec<usize>)> {
        Vec::new()
    }

    /// Draws its initial parameters x, in order.
    fn initial(&self, _rng: &mut Rng, _x: &mut [f64]) {}

    /// Number of parameters.
    fn len(&self) -> usize {
        self.parameters().iter().map(|p| p.1.iter().product::<usize>()).sum()
    }

    /// True if the layer has no parameters.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One layer at work on a batch of B samples, in one precision. `x` are its parameters; arrays are [B, width], row-major.
#[allow(private_bounds, reason = "precisions are f32 and f64, a closed set")]
pub trait Pass<T: Real> {
    /// Outputs from inputs, over whatever was there.
    fn forward(&self, x: &[T], input: &[T], output: &mut [T]);

    /// The loss's derivative by the inputs, from that by the outputs, over whatever was there. `input` and `output` are those of
    /// the forward pass.
    fn backward(&self, x: &[T], input: &[T], output: &[T], by_output: &[T], by_input: &mut [T]);

    /// Adds the loss's derivative by the parameters to `gradient`.
    fn gradient(&self, _input: &[T], _by_output: &[T], _gradient: &mut [T]) {}

    /// Adds to `squares` \[B\] the squared norm of each sample's own derivative by the parameters.
    fn sample_squares(&self, _input: &[T], _by_output: &[T], _squares: &mut [f64]) {}
}
