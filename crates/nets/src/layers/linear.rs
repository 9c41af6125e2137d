//! The affine layer z = s W a + t b.

use super::{Direction, Initial, Layer, Pass, Point, Tangents};
use crate::kernels::{Matrix, Real, product};
use glasslab_core::Rng;

/// z_o = s sum_i W_oi a_i + t b_o, with W [outputs, inputs] row-major, then b \[outputs\] (the order of PyTorch).
///
/// Convention: s = t = 1 and uniform initial parameters, as `torch.nn.Linear`, unless said otherwise; s = 1/sqrt(inputs) with
/// N(0, 1) weights is the NTK parametrisation. Checked by `cross` (PyTorch) and finite differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Linear {
    /// Inputs.
    pub inputs: usize,
    /// Outputs.
    pub outputs: usize,
    /// The factor s on the weights.
    pub scale: f64,
    /// The factor t on the biases; `None`: there are no biases.
    pub bias: Option<f64>,
    /// Law of the initial parameters.
    pub initial: Initial,
}

impl Linear {
    /// W a + b, initially uniform.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self { inputs, outputs, scale: 1.0, bias: Some(1.0), initial: Initial::Uniform }
    }

    fn scaled<T: Real>(&self, values: &mut [T]) {
        if self.scale != 1.0 {
            let scale = T::from_f64(self.scale);
            values.iter_mut().for_each(|v| *v = *v * scale);
        }
    }

    /// Adds s `input` W^T to `output`, which is 0 unless s = 1.
    fn weigh<T: Real>(&self, x: &[T], input: &[T], output: &mut [T]) {
        let size = [input.len() / self.inputs, self.outputs, self.inputs];
        let weight = Matrix::turned(&x[..self.inputs * self.outputs], self.inputs);
        product(size, Matrix::rows(input, self.inputs), weight, output, true);
    }

    fn add_biases<T: Real>(&self, x: &[T], output: &mut [T]) {
        if let Some(factor) = self.bias {
            let factor = T::from_f64(factor);
            let biases = &x[self.inputs * self.outputs..];
            for row in output.chunks_exact_mut(self.outputs) {
                row.iter_mut().zip(biases).for_each(|(z, b)| *z += factor * *b);
            }
        }
    }

    /// s `by_output` W.
    fn pull<T: Real>(&self, x: &[T], by_output: &[T], by_input: &mut [T], add: bool) {
        let weight = Matrix::rows(&x[..self.inputs * self.outputs], self.inputs);
        let size = [by_output.len() / self.outputs, self.inputs, self.outputs];
        product(size, Matrix::rows(by_output, self.outputs), weight, by_input, add);
    }

    /// Adds s `by_output`^T `input` to the weights' derivative.
    fn add_weights<T: Real>(&self, input: &[T], by_output: &[T], gradient: &mut [T]) {
        let size = [self.outputs, self.inputs, by_output.len() / self.outputs];
        let input = Matrix::rows(input, self.inputs);
        let weight = &mut gradient[..self.inputs * self.outputs];
        if self.scale == 1.0 {
            product(size, Matrix::turned(by_output, self.outputs), input, weight, true);
        } else {
            let mut scaled = by_output.to_vec();
            self.scaled(&mut scaled);
            product(size, Matrix::turned(&scaled, self.outputs), input, weight, true);
        }
    }

    fn add_bias_gradient<T: Real>(&self, by_output: &[T], gradient: &mut [T]) {
        if let Some(factor) = self.bias {
            let factor = T::from_f64(factor);
            let bias = &mut gradient[self.inputs * self.outputs..];
            for row in by_output.chunks_exact(self.outputs) {
                bias.iter_mut().zip(row).for_each(|(b, d)| *b += factor * *d);
            }
        }
    }
}

impl Layer for Linear {
    fn inputs(&self) -> usize {
        self.inputs
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn reads_output(&self) -> bool {
        false
    }

    fn parameters(&self) -> Vec<(&'static str, Vec<usize>)> {
        let mut all = vec![("weight", vec![self.outputs, self.inputs])];
        all.extend(self.bias.map(|_| ("bias", vec![self.outputs])));
        all
    }

    fn initial(&self, rng: &mut Rng, x: &mut [f64]) {
        let (weights, biases) = x.split_at_mut(self.inputs * self.outputs);
        self.initial.draw(rng, self.inputs, weights, biases);
    }
}

impl<T: Real> Pass<T> for Linear {
    fn forward(&self, x: &[T], input: &[T], output: &mut [T]) {
        output.fill(T::ZERO);
        if self.scale == 1.0 {
            self.add_biases(x, output);
            self.weigh(x, input, output);
        } else {
            self.weigh(x, input, output);
            self.scaled(output);
            self.add_biases(x, output);
        }
    }

    fn backward(&self, x: &[T], _input: &[T], _output: &[T], by_output: &[T], by_input: &mut [T]) {
        self.pull(x, by_output, by_input, false);
        self.scaled(by_input);
    }

    fn gradient(&self, input: &[T], by_output: &[T], gradient: &mut [T]) {
        self.add_weights(input, by_output, gradient);
        self.add_bias_gradient(by_output, gradient);
    }

    /// |dW|^2 + |db|^2 = |delta|^2 (s^2 |a|^2 + t^2), without forming dW. Source: I. Goodfellow, arXiv:1510.01799.
    fn sample_squares(&self, input: &[T], by_output: &[T], squares: &mut [f64]) {
        let square = |v: &[T]| v.iter().map(|v| v.to_f64() * v.to_f64()).sum::<f64>();
        let (weights, biases) = (self.scale * self.scale, self.bias.map_or(0.0, |t| t * t));
        let samples = input.chunks_exact(self.inputs).zip(by_output.chunks_exact(self.outputs));
        for (s, (a, d)) in squares.iter_mut().zip(samples) {
            *s += square(d) * (weights * square(a) + biases);
        }
    }
}

impl Tangents for Linear {
    /// dz = s (dW a + W da) + t db.
    fn forward_tangent(&self, at: Point<'_>, along: Direction<'_>, d_output: &mut [f64]) {
        d_output.fill(0.0);
        self.weigh(along.x, at.input, d_output);
        if let Some(d_input) = along.input {
            self.weigh(at.x, d_input, d_output);
        }
        self.scaled(d_output);
        self.add_biases(along.x, d_output);
    }

    /// d epsilon = s (W^T d delta + dW^T delta).
    fn backward_tangent(
        &self,
        at: Point<'_>,
        along: Direction<'_>,
        by_output: &[f64],
        d_by_output: &[f64],
        d_by_input: &mut [f64],
    ) {
        self.pull(at.x, d_by_output, d_by_input, false);
        self.pull(along.x, by_output, d_by_input, true);
        self.scaled(d_by_input);
    }

    /// s (d delta a^T + delta da^T) and t d delta.
    fn gradient_tangent(
        &self,
        at: Point<'_>,
        along: Direction<'_>,
        by_output: &[f64],
        d_by_output: &[f64],
        d_gradient: &mut [f64],
    ) {
        self.add_weights(at.input, d_by_output, d_gradient);
        if let Some(d_input) = along.input {
            self.add_weights(d_input, by_output, d_gradient);
        }
        self.add_bias_gradient(d_by_output, d_gradient);
    }

    /// (s^2 a.b + t^2)(delta_a . delta_b): the gradient of a dense layer is an outer product. Cost O(A B (inputs + C C'
    /// outputs)).
    fn kernel(&self, a: &[f64], by_a: &[f64], b: &[f64], by_b: &[f64], out: &mut [f64]) -> bool {
        let [many, wide] = [a, b].map(|v| v.len() / self.inputs);
        let [rows, columns] = [by_a, by_b].map(|v| v.len() / self.outputs);
        let (mut gram, mut slopes) = (vec![0.0; many * wide], vec![0.0; rows * columns]);
        product(
            [many, wide, self.inputs],
            Matrix::rows(a, self.inputs),
            Matrix::turned(b, self.inputs),
            &mut gram,
            false,
        );
        let turned = Matrix::turned(by_b, self.outputs);
        product([rows, columns, self.outputs], Matrix::rows(by_a, self.outputs), turned, &mut slopes, false);
        let (weights, biases) = (self.scale * self.scale, self.bias.map_or(0.0, |t| t * t));
        gram.iter_mut().for_each(|g| *g = weights * *g + biases);
        let [tall, broad] = [rows / many.max(1), columns / wide.max(1)];
        for (row, (out, slopes)) in out.chunks_exact_mut(columns).zip(slopes.chunks_exact(columns)).enumerate() {
            let gram = &gram[row / tall * wide..][..wide];
            for ((out, slopes), gram) in out.chunks_exact_mut(broad).zip(slopes.chunks_exact(broad)).zip(gram) {
                out.iter_mut().zip(slopes).for_each(|(o, s)| *o += gram * s);
            }
        }
        true
    }
}
