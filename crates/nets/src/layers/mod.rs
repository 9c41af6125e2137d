//! Layers: maps of a batch of vectors with exact derivatives; adding a layer is adding a file.

mod activation;
mod average_pool;
mod batch_norm;
mod bend;
mod convolution;
mod global_pool;
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
pub use batch_norm::BatchNorm;
pub use convolution::Convolution;
pub use global_pool::GlobalPool;
pub use initial::Initial;
pub use linear::Linear;
pub use max_pool::MaxPool;
pub use silu::Silu;
pub use softplus::Softplus;
pub use tangent::{Direction, Point, Tangents};
pub use window::Window;

use crate::kernels::Real;
use glasslab_core::Rng;
use std::sync::Arc;

/// What every layer says about itself.
#[allow(private_bounds, reason = "precisions are f32 and f64, a closed set")]
pub trait Layer: Pass<f32> + Pass<f64> + Tangents {
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

    /// Names and shapes of its buffers: numbers that follow the batches of a training run without being parameters (running
    /// statistics).
    fn buffers(&self) -> Vec<(&'static str, Vec<usize>)> {
        Vec::new()
    }

    /// The buffers before the first batch.
    fn initial_buffers(&self) -> Vec<f64> {
        Vec::new()
    }

    /// The layer with its buffers in the place of the batch's own statistics, so that samples are independent; `None` if that is
    /// the layer itself.
    fn frozen(&self, _buffers: &[f64]) -> Option<Arc<dyn Layer>> {
        None
    }

    /// True if the outputs of one sample depend on the others of its batch: then a pass takes the whole batch at once.
    fn couples(&self) -> bool {
        false
    }

    /// True if `backward` reads the layer's own output: then nothing may be added to it in place.
    fn reads_output(&self) -> bool {
        true
    }

    /// True if a pass over many samples spreads them over threads itself.
    fn threads_itself(&self) -> bool {
        self.couples()
    }

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
pub trait Pass<T: Real>: Send + Sync {
    /// Outputs from inputs, over whatever was there.
    fn forward(&self, x: &[T], input: &[T], output: &mut [T]);

    /// The loss's derivative by the inputs, from that by the outputs, over whatever was there. `input` and `output` are those of
    /// the forward pass.
    fn backward(&self, x: &[T], input: &[T], output: &[T], by_output: &[T], by_input: &mut [T]);

    /// Adds the loss's derivative by the parameters to `gradient`.
    fn gradient(&self, _input: &[T], _by_output: &[T], _gradient: &mut [T]) {}

    /// What the inputs of a whole batch tell that later passes over the same batch need again (statistics); most layers note
    /// nothing. The calls with notes do the same as those without, which find out again.
    fn notes(&self, _input: &[T]) -> Vec<f64> {
        Vec::new()
    }

    /// `forward` with its notes.
    fn forward_noted(&self, x: &[T], input: &[T], _notes: &[f64], output: &mut [T]) {
        self.forward(x, input, output);
    }

    /// `gradient` with the notes of the forward pass, to which it may add; called before `backward_noted`.
    fn gradient_noted(&self, input: &[T], by_output: &[T], _notes: &mut Vec<f64>, gradient: &mut [T]) {
        self.gradient(input, by_output, gradient);
    }

    /// `backward` with the notes.
    fn backward_noted(&self, x: &[T], input: &[T], output: &[T], by_output: &[T], _notes: &[f64], by_input: &mut [T]) {
        self.backward(x, input, output, by_output, by_input);
    }

    /// Moves the buffers by one batch of inputs of the forward pass, with its notes.
    fn follow(&self, _input: &[T], _notes: &[f64], _buffers: &mut [T]) {}

    /// Sets the buffers so that the frozen layer does to this batch what the layer itself does.
    fn settle(&self, _input: &[T], _buffers: &mut [T]) {}

    /// Adds to `squares` \[B\] the squared norm of each sample's own derivative by the parameters.
    fn sample_squares(&self, _input: &[T], _by_output: &[T], _squares: &mut [f64]) {}
}
