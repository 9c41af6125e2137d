//! The tangent kernel of the perceptrons of the plane, without their Jacobian; samples along the vectors.

use super::Shape;
use crate::kernels::{Matrix, product};

/// Work space; nothing in it matters between calls.
#[derive(Default)]
pub(super) struct Kernel {
    /// Activations and slopes of each hidden layer [h, B].
    values: Vec<Vec<f64>>,
    slopes: Vec<Vec<f64>>,
    delta: Vec<f64>,
    below: Vec<f64>,
}

impl Kernel {
    fn fit(&mut self, shape: &Shape, width: usize) {
        for buffers in [&mut self.values, &mut self.slopes] {
            buffers.resize_with(shape.depth, Vec::new);
            buffers.iter_mut().for_each(|b| b.resize(shape.hidden * width, 0.0));
        }
        self.delta.resize(shape.hidden * width, 0.0);
        self.below.resize(shape.hidden * width, 0.0);
    }

    /// Activations of one block x [d, B]; outputs [B].
    fn forward(&mut self, shape: &Shape, w: &[f64], x: &[f64], outputs: &mut [f64]) {
        let (width, h) = (outputs.len(), shape.hidden);
        self.fit(shape, width);
        for layer in 0..shape.depth {
            let fan = shape.fan_in(layer);
            let (below, here) = self.values.split_at_mut(layer);
            let input = below.last().map_or(x, |v| v);
            let weights = Matrix::rows(&w[shape.range(layer)], fan);
            product([h, width, fan], weights, Matrix::rows(input, width), &mut here[0], false);
            shape.gate.apply(1.0 / (fan as f64).sqrt(), &mut here[0], &mut self.slopes[layer]);
        }
        let out = Matrix::rows(&w[shape.range(shape.depth)], h);
        product([1, width, h], out, Matrix::rows(&self.values[shape.depth - 1], width), outputs, false);
        outputs.iter_mut().for_each(|o| *o /= h as f64);
    }

    /// The tangent kernel Theta [K, K] of K samples x [K, d]: the sum over layers of (z . z')(delta . delta'), raw.
    /// Cost O(K^2 h L + K N).
    pub fn kernel(&mut self, shape: &Shape, w: &[f64], x: &[f64]) -> Vec<f64> {
        let (d, h) = (shape.inputs, shape.hidden);
        let k = x.len() / d;
        let turned: Vec<f64> = (0..d).flat_map(|i| (0..k).map(move |b| x[b * d + i])).collect();
        let mut outputs = vec![0.0; k];
        self.forward(shape, w, &turned, &mut outputs);
        let gram = |a: &[f64], rows: usize| {
            let mut g = vec![0.0; k * k];
            product([k, k, rows], Matrix::turned(a, k), Matrix::rows(a, k), &mut g, false);
            g
        };
        let scale = 1.0 / h as f64;
        let mut theta = gram(&self.values[shape.depth - 1], h);
        theta.iter_mut().for_each(|t| *t *= scale * scale);
        let rows = self.delta.chunks_exact_mut(k).zip(self.slopes[shape.depth - 1].chunks_exact(k));
        for ((delta, slope), w) in rows.zip(&w[shape.range(shape.depth)]) {
            delta.iter_mut().zip(slope).for_each(|(d, s)| *d = scale * w * s);
        }
        for layer in (0..shape.depth).rev() {
            let (input, fan) = if layer == 0 { (&turned, d) } else { (&self.values[layer - 1], h) };
            let (a, b) = (gram(input, fan), gram(&self.delta, h));
            theta.iter_mut().zip(a.iter().zip(&b)).for_each(|(t, (a, b))| *t += a * b);
            if layer > 0 {
                let weights = Matrix::turned(&w[shape.range(layer)], fan);
                product([fan, k, h], weights, Matrix::rows(&self.delta, k), &mut self.below, false);
                self.below.iter_mut().zip(&self.slopes[layer - 1]).for_each(|(d, s)| *d *= s);
                std::mem::swap(&mut self.below, &mut self.delta);
            }
        }
        theta
    }
}
