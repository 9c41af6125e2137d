//! Forward and backward passes over blocks of samples that stay in cache; samples along the vectors.

use super::Shape;
use crate::kernels::{Matrix, product};

/// Samples that go through the layers together.
const BLOCK: usize = 128;

/// Inputs of many samples, cut into blocks, each transposed: [d, B].
pub(crate) struct Inputs {
    values: Vec<f64>,
    inputs: usize,
    samples: usize,
}

impl Inputs {
    /// From x [P, d].
    pub fn new(x: &[f64], inputs: usize) -> Self {
        let samples = x.len() / inputs;
        let mut values = Vec::with_capacity(x.len());
        for block in x.chunks(BLOCK * inputs) {
            let width = block.len() / inputs;
            values.extend((0..inputs).flat_map(|i| (0..width).map(move |b| block[b * inputs + i])));
        }
        Self { values, inputs, samples }
    }

    /// Number P of samples.
    pub fn len(&self) -> usize {
        self.samples
    }

    fn blocks(&self) -> impl Iterator<Item = (std::ops::Range<usize>, &[f64])> {
        let d = self.inputs;
        self.values.chunks(BLOCK * d).enumerate().map(move |(k, v)| (k * BLOCK..k * BLOCK + v.len() / d, v))
    }
}

/// Work space; nothing in it matters between calls.
#[derive(Default)]
pub(crate) struct Space {
    /// Activations and slopes of each hidden layer [h, B].
    values: Vec<Vec<f64>>,
    slopes: Vec<Vec<f64>>,
    delta: Vec<f64>,
    below: Vec<f64>,
}

impl Space {
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

    /// After `forward` on the same block: gradient [N] += sum_b u_b df_b/dw, u [B].
    fn backward(&mut self, shape: &Shape, w: &[f64], x: &[f64], u: &[f64], gradient: &mut [f64]) {
        let (width, h) = (u.len(), shape.hidden);
        let scale = 1.0 / h as f64;
        let last = shape.depth - 1;
        let (u_row, top) = (Matrix::rows(u, width), &self.values[last]);
        let out = shape.range(shape.depth);
        // In `below` for a moment: the sum without 1/h.
        product([1, h, width], u_row, Matrix::turned(top, width), &mut self.below[..h], false);
        gradient[out.clone()].iter_mut().zip(&self.below).for_each(|(g, s)| *g += scale * s);
        let rows = self.delta.chunks_exact_mut(width).zip(self.slopes[last].chunks_exact(width)).zip(&w[out]);
        for ((delta, slope), w) in rows {
            let w = scale * w;
            delta.iter_mut().zip(slope).zip(u).for_each(|((d, s), u)| *d = w * u * s);
        }
        for layer in (0..shape.depth).rev() {
            let fan = shape.fan_in(layer);
            let input = if layer == 0 { x } else { &self.values[layer - 1] };
            let delta = Matrix::rows(&self.delta, width);
            product([h, fan, width], delta, Matrix::turned(input, width), &mut gradient[shape.range(layer)], true);
            if layer > 0 {
                let weights = Matrix::turned(&w[shape.range(layer)], fan);
                product([fan, width, h], weights, delta, &mut self.below, false);
                self.below.iter_mut().zip(&self.slopes[layer - 1]).for_each(|(d, s)| *d *= s);
                std::mem::swap(&mut self.below, &mut self.delta);
            }
        }
    }

    /// Outputs f [P] of all samples. Cost O(P N).
    pub fn outputs(&mut self, shape: &Shape, w: &[f64], x: &Inputs, outputs: &mut [f64]) {
        for (range, block) in x.blocks() {
            self.forward(shape, w, block, &mut outputs[range]);
        }
    }

    /// Outputs f [P], and gradient [N] += sum_mu u_mu df_mu/dw, where `slope(range, outputs, u)` gives u for the
    /// samples `range` from their outputs. Cost O(P N), three times that of the outputs.
    pub fn gradient(
        &mut self,
        shape: &Shape,
        w: &[f64],
        x: &Inputs,
        outputs: &mut [f64],
        gradient: &mut [f64],
        mut slope: impl FnMut(std::ops::Range<usize>, &mut [f64], &mut [f64]),
    ) {
        let mut u = [0.0; BLOCK];
        for (range, block) in x.blocks() {
            let u = &mut u[..range.len()];
            self.forward(shape, w, block, &mut outputs[range.clone()]);
            slope(range.clone(), &mut outputs[range], u);
            self.backward(shape, w, block, u, gradient);
        }
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
