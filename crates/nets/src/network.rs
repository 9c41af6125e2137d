//! A network: a list of layers with links between them, run on chunks of samples; the reference that native Steppers are held
//! to.

use crate::data::Training;
use crate::kernels::Real;
use crate::layers::Layer;
use crate::loss::{Loss, is_wrong};
use glasslab_core::{Block, Streams};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// What a layer works on. Values are numbered: 0 is the network's input, k the output of layer k - 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The value that the layer reads.
    pub from: usize,
    /// A value of the same width that is added to its output, if any: what makes a block residual.
    pub add: Option<usize>,
}

/// Layers in order, each reading an earlier value (by default the one before), and the loss on top of the last.
#[derive(Clone)]
pub struct Network {
    layers: Vec<Arc<dyn Layer>>,
    links: Vec<Link>,
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
    /// Values after each layer, [B, width] each.
    outputs: Vec<Vec<T>>,
    /// Derivatives by each value, while they are needed.
    slopes: Vec<Vec<T>>,
    /// Arrays that are free.
    spare: Vec<Vec<T>>,
    /// Gradients of groups of samples.
    parts: Vec<T>,
}

/// Samples that a thread takes through one layer at a time where the whole batch is one chunk.
const SHARE: usize = 8;
/// Groups of samples whose derivatives by the parameters are held apart there, whatever the number of threads.
const PARTS: usize = 4;

impl Network {
    /// The network of these layers, one after the other. Panics if their widths do not chain: a bug of who calls.
    pub fn new(layers: Vec<Box<dyn Layer>>, loss: Loss) -> Self {
        let link = |(from, layer)| (layer, Link { from, add: None });
        Self::linked(layers.into_iter().enumerate().map(link).collect(), loss)
    }

    /// The network of these layers and links. Panics if a link does not lead to an earlier value of the right width, or adds to
    /// what a layer has to read again: a bug of who calls.
    pub fn linked(layers: Vec<(Box<dyn Layer>, Link)>, loss: Loss) -> Self {
        let (layers, links): (Vec<Arc<dyn Layer>>, Vec<Link>) = layers.into_iter().map(|(l, k)| (l.into(), k)).unzip();
        let width = |value: usize| if value == 0 { layers[0].inputs() } else { layers[value - 1].outputs() };
        for (i, (layer, link)) in layers.iter().zip(&links).enumerate() {
            assert!(link.from <= i && width(link.from) == layer.inputs(), "layers chain");
            let fits = |add: usize| add <= i && width(add) == layer.outputs() && !layer.reads_output();
            assert!(link.add.is_none_or(fits), "what is added fits");
        }
        let mut at = 0;
        let ranges = layers.iter().map(|l| {
            at += l.len();
            at - l.len()..at
        });
        let ranges = ranges.collect();
        Self { layers, links, ranges, loss }
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

    /// True if the output of one sample depends on the others of its batch (batch normalisation that is not frozen).
    pub fn couples(&self) -> bool {
        self.layers.iter().any(|l| l.couples())
    }

    /// Named blocks of the buffers (running statistics), in order: `layer2.running_mean`, ...; numbered as in [`Network::layout`].
    pub fn buffers(&self) -> Vec<Block> {
        let (mut blocks, mut at) = (Vec::new(), 0);
        for (number, layer) in self.layers.iter().filter(|l| !l.is_empty()).enumerate() {
            for (name, shape) in layer.buffers() {
                let len = shape.iter().product::<usize>();
                blocks.push(Block { name: format!("layer{}.{name}", number + 1), range: at..at + len, shape });
                at += len;
            }
        }
        blocks
    }

    /// The buffers before the first batch.
    pub fn initial_buffers(&self) -> Vec<f64> {
        self.layers.iter().filter(|l| !l.buffers().is_empty()).flat_map(|l| l.initial_buffers()).collect()
    }

    /// The layers that have buffers: number, and where their buffers lie.
    fn followers(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        let mut at = 0;
        self.layers.iter().enumerate().filter_map(move |(i, layer)| {
            let len: usize = layer.buffers().iter().map(|b| b.1.iter().product::<usize>()).sum();
            at += len;
            (len > 0).then_some((i, at - len..at))
        })
    }

    /// The same network with these buffers in the place of the batch's own statistics: samples are independent.
    pub fn frozen(&self, buffers: &[f64]) -> Self {
        let mut frozen = self.clone();
        for (i, range) in self.followers() {
            if let Some(layer) = self.layers[i].frozen(&buffers[range]) {
                frozen.layers[i] = layer;
            }
        }
        frozen
    }

    /// Moves the buffers by one batch of training samples at x, as a step of training does. Cost: one forward pass.
    pub fn follow_batch(&self, x: &[f64], training: &Training, batch: &[u32], buffers: &mut [f64]) {
        let (mut inputs, mut labels, mut tape) = (Vec::new(), Vec::new(), Tape::default());
        training.gather(batch, &mut inputs, &mut labels);
        self.forward(x, &inputs, labels.len(), &mut tape.outputs);
        self.follow(&inputs, &tape, buffers);
    }

    /// Moves the buffers by the batch whose values are on the tape.
    pub(crate) fn follow<T: Real>(&self, inputs: &[T], tape: &Tape<T>, buffers: &mut [T]) {
        for (i, range) in self.followers() {
            T::layer(&*self.layers[i]).follow(value(inputs, &tape.outputs, self.links[i].from), &mut buffers[range]);
        }
    }

    /// The buffers with which the frozen network does to this batch what the network itself does.
    pub(crate) fn settled<T: Real>(&self, x: &[T], inputs: &[T], samples: usize) -> Vec<f64> {
        let mut outputs = Vec::new();
        self.forward(x, inputs, samples, &mut outputs);
        let mut buffers: Vec<T> = self.initial_buffers().into_iter().map(T::from_f64).collect();
        for (i, range) in self.followers() {
            T::layer(&*self.layers[i]).settle(value(inputs, &outputs, self.links[i].from), &mut buffers[range]);
        }
        buffers.into_iter().map(Real::to_f64).collect()
    }

    /// Numbers on the tape per sample.
    pub(crate) fn values(&self) -> usize {
        self.layers.iter().map(|l| l.outputs()).sum()
    }

    /// Fills `outputs` with the values after each layer, [B, width] each.
    pub(crate) fn forward<T: Real>(&self, x: &[T], inputs: &[T], samples: usize, outputs: &mut Vec<Vec<T>>) {
        outputs.resize_with(self.layers.len(), Vec::new);
        let couples = self.couples();
        for (i, (layer, range)) in self.layers.iter().zip(&self.ranges).enumerate() {
            let (below, output) = outputs.split_at_mut(i);
            let input = value(inputs, below, self.links[i].from);
            let output = &mut output[0];
            output.resize(samples * layer.outputs(), T::ZERO);
            let (x, pass) = (&x[range.clone()], T::layer(&**layer));
            if couples && !layer.threads_itself() {
                let (i, o) = (SHARE * layer.inputs(), SHARE * layer.outputs());
                let shares = output.par_chunks_mut(o).zip(input.par_chunks(i));
                shares.for_each(|(output, input)| pass.forward(x, input, output));
            } else {
                pass.forward(x, input, output);
            }
            if let Some(add) = self.links[i].add {
                let more = value(inputs, below, add);
                if couples {
                    let o = SHARE * layer.outputs();
                    output.par_chunks_mut(o).zip(more.par_chunks(o)).for_each(|(output, more)| plus(output, more));
                } else {
                    plus(output, more);
                }
            }
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
        self.forward(x, inputs, labels.len(), &mut tape.outputs);
        let mut sums = Sums::default();
        let mut slope = tape.spare.pop().unwrap_or_default();
        slope.resize(labels.len() * classes, T::ZERO);
        let last = &tape.outputs[self.layers.len() - 1];
        for ((f, d), &label) in last.chunks_exact(classes).zip(slope.chunks_exact_mut(classes)).zip(labels) {
            sums.loss += self.loss.sample(f, label.into(), d);
            sums.wrong += usize::from(is_wrong(f, label.into()));
        }
        let Some(gradient) = gradient else {
            tape.spare.push(slope);
            return sums;
        };
        let mut norms = vec![0.0; if squares { labels.len() } else { 0 }];
        self.add_gradient(x, inputs, slope, gradient, squares.then_some(&mut norms[..]), tape);
        sums.squares = norms.iter().sum();
        sums
    }

    /// Outputs [B, C] of a chunk of inputs [B, inputs].
    pub(crate) fn outputs_of<'a, T: Real>(&self, x: &[T], inputs: &[T], tape: &'a mut Tape<T>) -> &'a [T] {
        self.forward(x, inputs, inputs.len() / self.inputs(), &mut tape.outputs);
        &tape.outputs[self.layers.len() - 1]
    }

    /// After `outputs_of`: `gradient` [N] grows by J^T u, u [B, C].
    pub(crate) fn vec_jacobian<T: Real>(&self, x: &[T], inputs: &[T], u: &[T], gradient: &mut [T], tape: &mut Tape<T>) {
        let mut slope = tape.spare.pop().unwrap_or_default();
        slope.clear();
        slope.extend_from_slice(u);
        self.add_gradient(x, inputs, slope, gradient, None, tape);
    }

    /// From the outputs' cotangents `slope` [B, C] to the parameters; `norms` \[B\] grow by the squares of each sample's part.
    fn add_gradient<T: Real>(
        &self,
        x: &[T],
        inputs: &[T],
        slope: Vec<T>,
        gradient: &mut [T],
        mut norms: Option<&mut [f64]>,
        tape: &mut Tape<T>,
    ) {
        let (samples, couples) = (inputs.len() / self.inputs(), self.couples());
        let Tape { outputs, slopes, spare, parts } = tape;
        self.pull_back(x, inputs, outputs, slope, slopes, spare, |at, input, slope| {
            let layer = &self.layers[at];
            let (pass, own) = (T::layer(&**layer), &mut gradient[self.ranges[at].clone()]);
            if couples && !layer.threads_itself() && !own.is_empty() {
                // Groups of samples, summed in their order.
                let size = samples.div_ceil(PARTS);
                let n = own.len();
                parts.clear();
                parts.resize(PARTS * n, T::ZERO);
                let groups = input.par_chunks(size * layer.inputs()).zip(slope.par_chunks(size * layer.outputs()));
                parts.par_chunks_mut(n).zip(groups).for_each(|(part, (i, d))| pass.gradient(i, d, part));
                parts.chunks(n).for_each(|part| plus(own, part));
            } else {
                pass.gradient(input, slope, own);
            }
            if let Some(norms) = &mut norms {
                pass.sample_squares(input, slope, norms);
            }
        });
    }

    /// Takes the outputs' cotangents `slope` [B, C] down the layers: `visit(layer, input, cotangent of its output)` for each, the
    /// last one first. `slopes` and `spare` are work space.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn pull_back<T: Real>(
        &self,
        x: &[T],
        inputs: &[T],
        outputs: &[Vec<T>],
        slope: Vec<T>,
        slopes: &mut Vec<Vec<T>>,
        spare: &mut Vec<Vec<T>>,
        mut visit: impl FnMut(usize, &[T], &[T]),
    ) {
        let couples = self.couples();
        slopes.resize_with(self.layers.len() + 1, Vec::new);
        slopes[self.layers.len()] = slope;
        for (at, (layer, range)) in self.layers.iter().zip(&self.ranges).enumerate().rev() {
            let slope = std::mem::take(&mut slopes[at + 1]);
            let Link { from, add } = self.links[at];
            let input = value(inputs, outputs, from);
            visit(at, input, &slope);
            if from > 0 {
                let pass = T::layer(&**layer);
                let mut by_input = spare.pop().unwrap_or_default();
                by_input.resize(input.len(), T::ZERO);
                let x = &x[range.clone()];
                if couples && !layer.threads_itself() {
                    let (i, o) = (SHARE * layer.inputs(), SHARE * layer.outputs());
                    let values = input.par_chunks(i).zip(outputs[at].par_chunks(o)).zip(slope.par_chunks(o));
                    by_input.par_chunks_mut(i).zip(values).for_each(|(by_input, ((input, output), by_output))| {
                        pass.backward(x, input, output, by_output, by_input);
                    });
                } else {
                    pass.backward(x, input, &outputs[at], &slope, &mut by_input);
                }
                give(&mut slopes[from], by_input, spare);
            }
            match add {
                Some(add) if add > 0 => give(&mut slopes[add], slope, spare),
                _ => spare.push(slope),
            }
        }
    }

    /// The layers, each with what it works on and its part of x.
    pub(crate) fn layers(
        &self,
    ) -> impl DoubleEndedIterator<Item = (&dyn Layer, Link, Range<usize>)> + ExactSizeIterator {
        let parts = self.links.iter().zip(&self.ranges);
        self.layers.iter().zip(parts).map(|(layer, (link, range))| (&**layer, *link, range.clone()))
    }
}

/// The value of this number.
pub(crate) fn value<'a, T>(inputs: &'a [T], outputs: &'a [Vec<T>], number: usize) -> &'a [T] {
    if number == 0 { inputs } else { &outputs[number - 1] }
}

pub(crate) fn plus<T: Real>(total: &mut [T], more: &[T]) {
    total.iter_mut().zip(more).for_each(|(t, m)| *t += *m);
}

/// Adds `more` to a derivative, which is empty as long as it is zero.
pub(crate) fn give<T: Real>(slope: &mut Vec<T>, more: Vec<T>, spare: &mut Vec<Vec<T>>) {
    if slope.is_empty() {
        *slope = more;
    } else {
        plus(slope, &more);
        spare.push(more);
    }
}
