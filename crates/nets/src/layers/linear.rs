//! The affine layer z = W a + b.

use super::{Layer, Pass};
use crate::kernels::{Matrix, Real, product};

/// z_o = sum_i W_oi a_i + b_o, with W [outputs, inputs] row-major, then b \[outputs\] (the order of PyTorch).
///
/// Convention: initial W and b are uniform on (-1/sqrt(inputs), 1/sqrt(inputs)), as `torch.nn.Linear`.
/// Checked by `cross` (PyTorch) and finite differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    /// Inputs.
    pub inputs: usize,
    /// Outputs.
    pub outputs: usize,
}

impl Layer for Linear {
    fn inputs(&self) -> usize {
        self.inputs
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn parameters(&self) -> Vec<(&'static str, Vec<usize>)> {
        vec![("weight", vec![self.outputs, self.inputs]), ("bias", vec![self.outputs])]
    }

    fn initial_bound(&self) -> Option<f64> {
        Some(1.0 / (self.inputs as f64).sqrt())
    }
}

impl<T: Real> Pass<T> for Linear {
    fn forward(&self, x: &[T], input: &[T], output: &mut [T]) {
        let (weight, bias) = x.split_at(self.inputs * self.outputs);
        let batch = input.len() / self.inputs;
        for row in output.chunks_exact_mut(self.outputs) {
            row.copy_from_slice(bias);
        }
        let size = [batch, self.outputs, self.inputs];
        product(size, Matrix::rows(input, self.inputs), Matrix::turned(weight, self.inputs), output, true);
    }

    fn backward(&self, x: &[T], _input: &[T], _output: &[T], by_output: &[T], by_input: &mut [T]) {
        let weight = &x[..self.inputs * self.outputs];
        let size = [by_output.len() / self.outputs, self.inputs, self.outputs];
        product(size, Matrix::rows(by_output, self.outputs), Matrix::rows(weight, self.inputs), by_input, false);
    }

    fn gradient(&self, input: &[T], by_output: &[T], gradient: &mut [T]) {
        let (weight, bias) = gradient.split_at_mut(self.inputs * self.outputs);
        let size = [self.outputs, self.inputs, by_output.len() / self.outputs];
        product(size, Matrix::turned(by_output, self.outputs), Matrix::rows(input, self.inputs), weight, true);
        for row in by_output.chunks_exact(self.outputs) {
            for (b, d) in bias.iter_mut().zip(row) {
                *b += *d;
            }
        }
    }

    /// |dW|^2 + |db|^2 = |delta|^2 (|a|^2 + 1), without forming dW. Source: I. Goodfellow, arXiv:1510.01799.
    fn sample_squares(&self, input: &[T], by_output: &[T], squares: &mut [f64]) {
        let square = |v: &[T]| v.iter().map(|v| v.to_f64() * v.to_f64()).sum::<f64>();
        let samples = input.chunks_exact(self.inputs).zip(by_output.chunks_exact(self.outputs));
        for (s, (a, d)) in squares.iter_mut().zip(samples) {
            *s += square(d) * (square(a) + 1.0);
        }
    }
}
