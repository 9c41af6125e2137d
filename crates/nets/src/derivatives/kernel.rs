//! The empirical tangent kernel in blocks: layer by layer, without the Jacobian of dense layers.

use crate::kernels::{Matrix, product};
use crate::layers::{Layer, Pass};
use crate::network::{Network, value};
use rayon::prelude::*;

/// Most bytes of one block of factors (there are two per thread), and of gradients of a layer that has no factors.
const BYTES: usize = 32 << 20;
/// Most samples of a block: longer ones leave the caches.
const SAMPLES: usize = 256;

/// Samples of one block with all that the kernel needs of them.
struct Block<'a> {
    network: &'a Network,
    samples: usize,
    inputs: &'a [f64],
    /// Outputs of each layer [B, width].
    outputs: Vec<Vec<f64>>,
    /// Derivatives of each output of the network by the outputs of each layer that has parameters, [B C, width].
    slopes: Vec<Vec<f64>>,
}

impl<'a> Block<'a> {
    fn new(network: &'a Network, x: &[f64], inputs: &'a [f64]) -> Self {
        let (samples, classes) = (inputs.len() / network.inputs(), network.outputs());
        let mut outputs = Vec::new();
        network.forward(x, inputs, samples, &mut outputs);
        let slots = |layer: &dyn Layer| if layer.is_empty() { 0 } else { samples * classes * layer.outputs() };
        let mut slopes: Vec<Vec<f64>> = network.layers().map(|(l, ..)| vec![0.0; slots(l)]).collect();
        let (mut flowing, mut spare) = (Vec::new(), Vec::new());
        let widths: Vec<usize> = network.layers().map(|(l, ..)| l.outputs()).collect();
        for class in 0..classes {
            let mut slope: Vec<f64> = spare.pop().unwrap_or_default();
            slope.clear();
            slope.resize(samples * classes, 0.0);
            slope.iter_mut().skip(class).step_by(classes).for_each(|s| *s = 1.0);
            network.pull_back(x, inputs, &outputs, slope, &mut flowing, &mut spare, |at, _, slope| {
                let rows = slopes[at].chunks_exact_mut(widths[at]).skip(class).step_by(classes);
                rows.zip(slope.chunks_exact(widths[at])).for_each(|(to, from)| to.copy_from_slice(from));
            });
        }
        Self { network, samples, inputs, outputs, slopes }
    }

    /// Gradients of some of the rows (sample, class) by one layer's parameters, [rows, len].
    fn gradients(&self, i: usize, layer: &dyn Layer, input: &[f64], rows: std::ops::Range<usize>) -> Vec<f64> {
        let (classes, len) = (self.network.outputs(), layer.len());
        let mut out = vec![0.0; rows.len() * len];
        for (row, gradient) in rows.zip(out.chunks_exact_mut(len)) {
            let (inputs, width) = (layer.inputs(), layer.outputs());
            let input = &input[row / classes * inputs..][..inputs];
            Pass::<f64>::gradient(layer, input, &self.slopes[i][row * width..][..width], gradient);
        }
        out
    }

    /// The kernel of these samples with others, [B C, B' C].
    fn with(&self, other: &Self) -> Vec<f64> {
        let classes = self.network.outputs();
        let [rows, columns] = [self, other].map(|b| b.samples * classes);
        let mut out = vec![0.0; rows * columns];
        for (i, (layer, link, _)) in self.network.layers().enumerate().filter(|l| !l.1.0.is_empty()) {
            let [a, b] = [self, other].map(|block| value(block.inputs, &block.outputs, link.from));
            if layer.kernel(a, &self.slopes[i], b, &other.slopes[i], &mut out) {
                continue;
            }
            let len = layer.len();
            let step = (BYTES / 8 / len).clamp(1, rows.max(columns).max(1));
            for top in (0..rows).step_by(step) {
                let tall = step.min(rows - top);
                let left = self.gradients(i, layer, a, top..top + tall);
                for from in (0..columns).step_by(step) {
                    let wide = step.min(columns - from);
                    let right = other.gradients(i, layer, b, from..from + wide);
                    let mut part = vec![0.0; tall * wide];
                    product([tall, wide, len], Matrix::rows(&left, len), Matrix::turned(&right, len), &mut part, false);
                    for (row, part) in part.chunks_exact(wide).enumerate() {
                        let out = &mut out[(top + row) * columns + from..][..wide];
                        out.iter_mut().zip(part).for_each(|(o, p)| *o += p);
                    }
                }
            }
        }
        out
    }
}

/// out [A C, B C] <- J(a) J(b)^T of inputs a [A, inputs], b [B, inputs]; b = a where `None`, then exactly symmetric. The same
/// bits for any number of threads. Samples must be independent (a frozen network).
pub(crate) fn tangent_kernel(network: &Network, x: &[f64], a: &[f64], b: Option<&[f64]>, out: &mut [f64]) {
    let (inputs, classes) = (network.inputs(), network.outputs());
    let per_sample: usize = network.layers().map(|(l, ..)| l.outputs() * (1 + classes)).sum::<usize>() + inputs;
    let most = (BYTES / 8 / per_sample).clamp(1, SAMPLES);
    let columns = b.unwrap_or(a).len() / inputs * classes;
    if columns == 0 {
        return;
    }
    let right = b.unwrap_or(a);
    let strips = a.par_chunks(most * inputs).zip(out.par_chunks_mut(most * classes * columns)).enumerate();
    strips.for_each(|(strip, (a, out))| {
        let block = Block::new(network, x, a);
        // Below the diagonal of a symmetric kernel the other strips know.
        let first = if b.is_none() { strip } else { 0 };
        for (number, right) in right.chunks(most * inputs).enumerate().skip(first) {
            let same = b.is_none() && number == strip;
            let part = if same { block.with(&block) } else { block.with(&Block::new(network, x, right)) };
            let wide = right.len() / inputs * classes;
            for (row, part) in part.chunks_exact(wide).enumerate() {
                out[row * columns + number * most * classes..][..wide].copy_from_slice(part);
            }
        }
    });
    if b.is_none() {
        const TILE: usize = 32;
        for top in (0..columns).step_by(TILE) {
            for from in (0..=top).step_by(TILE) {
                for i in top..(top + TILE).min(columns) {
                    for j in from..(from + TILE).min(i) {
                        out[i * columns + j] = out[j * columns + i];
                    }
                }
            }
        }
    }
}
