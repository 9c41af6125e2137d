//! A network: a list of layers, run on chunks of samples; the reference that native Steppers are held to.

use crate::kernels::Real;
use crate::layers::{Activation, Layer, Linear, Pointwise};
use crate::loss::{Loss, is_wrong};
use glasslab_core::{Block, Streams};
use std::ops::Range;

/// Layers one after the other, and the loss on top.
pub struct Network {
    layers: Vec<Box<dyn Layer>>,
    ranges: Vec<Range<usize>>,
    /// The loss of its outputs.
    pub loss: Loss,
}

/// Sums over the samples of one chunk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums {
    /// Sum of the losses.
    pub loss: f64,
    /// Number of samples misclassified.
    pub wrong: usize,
    /// Sum over samples of |g_mu|^2, if asked for.
    pub squares: f64,
}

/// Work space of a chunk, kept from one to the next; nothing in it matters.
#[derive(Default)]
pub(crate) struct Tape<T> {
    /// Activations after each layer, [B, width] each.
    outputs: Vec<Vec<T>>,
    slope: Vec<T>,
    by_input: Vec<T>,
}

impl Network {
    /// The network of these layers. Panics if their widths do not chain: a bug of who calls.
    pub fn new(layers: Vec<Box<dyn Layer>>, loss: Loss) -> Self {
        assert!(layers.windows(2).all(|w| w[0].outputs() == w[1].inputs()), "layers chain");
        let mut at = 0;
        let ranges = layers.iter().map(|l| {
            at += l.len();
            at - l.len()..at
        });
        let ranges = ranges.collect();
        Self { layers, ranges, loss }
    }

    /// Linear layers of the given widths [inputs, ..., outputs] with ReLU between, and `last` on the outputs.
    pub fn dense(widths: &[usize], last: Option<Activation>, loss: Loss) -> Self {
        let mut layers: Vec<Box<dyn Layer>> = Vec::new();
        for (i, w) in widths.windows(2).enumerate() {
            layers.push(Box::new(Linear::new(w[0], w[1])));
            let activation = if i + 2 < widths.len() { Some(Activation::Relu) } else { last };
            layers
                .extend(activation.map(|activation| Box::new(Pointwise { units: w[1], activation }) as Box<dyn Layer>));
        }
        Self::new(layers, loss)
    }

    /// Number N of parameters.
    pub fn dof(&self) -> usize {
        self.ranges.last().map_or(0, |r| r.end)
    }

    /// Inputs per sample.
    pub fn inputs(&self) -> usize {
        self.layers[0].inputs()
    }

    /// Outputs per sample.
    pub fn outputs(&self) -> usize {
        self.layers[self.layers.len() - 1].outputs()
    }

    /// Named blocks of x: `layer1.weight`, `layer1.bias`, `layer2.weight`, ... over the layers that have parameters.
    pub fn layout(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let with = self.layers.iter().zip(&self.ranges).filter(|l| !l.0.is_empty());
        for (number, (layer, range)) in with.enumerate() {
            let mut at = range.start;
            for (name, shape) in layer.parameters() {
                let len = shape.iter().product::<usize>();
                blocks.push(Block { name: format!("layer{}.{name}", number + 1), range: at..at + len, shape });
                at += len;
            }
        }
        blocks
    }

    /// Draws x: each layer's parameters by its own law, from the stream ("weights", replica, 0), in order.
    pub fn initial(&self, streams: Streams, replica: u64, x: &mut [f64]) {
        let mut rng = streams.stream("weights", replica, 0);
        for (layer, range) in self.layers.iter().zip(&self.ranges) {
            layer.initial(&mut rng, &mut x[range.clone()]);
        }
    }

    fn forward<T: Real>(&self, x: &[T], inputs: &[T], samples: usize, outputs: &mut Vec<Vec<T>>) {
        outputs.resize_with(self.layers.len(), Vec::new);
        for (i, (layer, range)) in self.layers.iter().zip(&self.ranges).enumerate() {
            let (below, output) = outputs.split_at_mut(i);
            let input = below.last().map_or(inputs, |o| o);
            output[0].resize(samples * layer.outputs(), T::ZERO);
            T::layer(&**layer).forward(&x[range.clone()], input, &mut output[0]);
        }
    }

    /// Losses and errors of one chunk: inputs [B, inputs], labels [B]. If given, `gradient` [N] grows by the sum over
    /// samples of the loss's gradient; `squares` asks for the sum of the squared norms of the samples' gradients.
    pub(crate) fn chunk<T: Real>(
        &self,
        x: &[T],
        inputs: &[T],
        labels: &[u16],
        gradient: Option<&mut [T]>,
        squares: bool,
        tape: &mut Tape<T>,
    ) -> Sums {
        let classes = self.outputs();
        let Tape { outputs, slope, by_input } = tape;
        self.forward(x, inputs, labels.len(), outputs);
        let mut sums = Sums::default();
        slope.resize(labels.len() * classes, T::ZERO);
        let last = &outputs[outputs.len() - 1];
        for ((f, d), &label) in last.chunks_exact(classes).zip(slope.chunks_exact_mut(classes)).zip(labels) {
            sums.loss += self.loss.sample(f, label.into(), d);
            sums.wrong += usize::from(is_wrong(f, label.into()));
        }
        let Some(gradient) = gradient else { return sums };
        let mut norms = vec![0.0; if squares { labels.len() } else { 0 }];
        for (i, (layer, range)) in self.layers.iter().zip(&self.ranges).enumerate().rev() {
            let input = if i == 0 { inputs } else { &outputs[i - 1] };
            let pass = T::layer(&**layer);
            pass.gradient(input, slope, &mut gradient[range.clone()]);
            if squares {
                pass.sample_squares(input, slope, &mut norms);
            }
            if i > 0 {
                by_input.resize(input.len(), T::ZERO);
                pass.backward(&x[range.clone()], input, &outputs[i], slope, by_input);
                std::mem::swap(slope, by_input);
            }
        }
        sums.squares = norms.iter().sum();
        sums
    }
}
