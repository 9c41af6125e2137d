//! The shape of a perceptron as the fused pass needs it.

use crate::kernels::{Real, padded};
use crate::zoo::Bend;

/// One linear layer, z = scale W a + bias b.
pub(crate) struct Layer<T> {
    pub inputs: usize,
    pub outputs: usize,
    /// First weight in x; the biases, if any, follow the weights.
    pub at: usize,
    /// Factor on the weights.
    pub scale: T,
    /// Factor on the biases, if there are any.
    pub bias: Option<T>,
}

/// A chain of linear layers with one nonlinearity between; x holds the layers' weights (row-major) and biases in turn.
pub(crate) struct Plan<T> {
    pub layers: Vec<Layer<T>>,
    pub bend: Bend,
    /// Number N of weights and biases.
    pub dof: usize,
    /// Samples of a block: whole cache lines.
    pub block: usize,
    /// Whether gradients are kept lane by lane over the blocks: while N times the lanes stay in cache.
    pub lanewise: bool,
}

impl<T: Real> Plan<T> {
    /// `widths`: inputs, hidden units, outputs; `scales`, `biases`: factors on weights and biases of each layer.
    pub fn new(widths: &[usize], scales: &[f64], biases: &[Option<f64>], bend: Bend) -> Self {
        let mut dof = 0;
        let layers = widths.windows(2).zip(scales).zip(biases).map(|((w, scale), bias)| {
            let at = dof;
            dof += (w[0] + usize::from(bias.is_some())) * w[1];
            Layer { inputs: w[0], outputs: w[1], at, scale: T::from_f64(*scale), bias: bias.map(T::from_f64) }
        });
        let layers = layers.collect();
        let widest = widths.iter().copied().max().unwrap_or(1);
        // Measured: narrow networks stay in the first cache, wide ones in the second.
        let lines = if (24..=256).contains(&widest) { 32 } else { 16 };
        Self { layers, bend, dof, block: lines * padded::<T>(1), lanewise: dof <= 1 << 16 }
    }

    /// Number of inputs of the first layer.
    pub fn inputs(&self) -> usize {
        self.layers[0].inputs
    }
}
