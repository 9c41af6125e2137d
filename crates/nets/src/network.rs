//! A network: a list of layers with links between them, its parameters and its buffers.

mod passes;

pub(crate) use passes::{Sums, Tape, give, plus, value};

use crate::data::Training;
use crate::kernels::Real;
use crate::layers::Layer;
use crate::loss::Loss;
use glasslab_core::{Block, Streams};
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
        self.forward_noting(x, &inputs, labels.len(), &mut tape.outputs, &mut tape.notes);
        self.follow(&inputs, &tape, buffers);
    }

    /// Moves the buffers by the batch whose values are on the tape.
    pub(crate) fn follow<T: Real>(&self, inputs: &[T], tape: &Tape<T>, buffers: &mut [T]) {
        for (i, range) in self.followers() {
            let input = value(inputs, &tape.outputs, self.links[i].from);
            T::layer(&*self.layers[i]).follow(input, &tape.notes[i], &mut buffers[range]);
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

    /// The layers, each with what it works on and its part of x.
    pub(crate) fn layers(
        &self,
    ) -> impl DoubleEndedIterator<Item = (&dyn Layer, Link, Range<usize>)> + ExactSizeIterator {
        let parts = self.links.iter().zip(&self.ranges);
        self.layers.iter().zip(parts).map(|(layer, (link, range))| (&**layer, *link, range.clone()))
    }
}
