//! The shape of a perceptron of the plane: its weights, their layout and their initial draw.

use super::Gate;
use crate::fused::Plan;
use glasslab_core::{Block, Fault, Streams};
use rand_distr::{Distribution, StandardNormal};

/// f(x) = (1/h) w_out . z_L, z_l = act(W_l z_(l-1)/sqrt(fan_in)), z_0 = x; all weights standard normal at the start; no biases.
///
/// N = d h + (L - 1) h^2 + h. Layout: `layer1.weight` [h, d], ..., `layerL.weight` [h, h], `output.weight` [1, h], row-major.
/// Convention: 1/h before the output, as the code of Geiger et al. 2020 (arXiv:1906.08034); the paper writes 1/sqrt(h).
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Inputs d.
    pub inputs: usize,
    /// Width h.
    pub hidden: usize,
    /// Hidden layers L.
    pub depth: usize,
    /// Nonlinearity.
    pub gate: Gate,
}

impl Shape {
    /// The shape, if it is not absurd.
    pub fn new(inputs: usize, hidden: usize, depth: usize, gate: Gate) -> Result<Self, Fault> {
        if inputs == 0 || inputs > 1 << 20 {
            return Err(Fault::input("inputs", inputs, "give from 1 to 1048576 inputs"));
        }
        if hidden == 0 || hidden > 1 << 15 {
            return Err(Fault::input("hidden", hidden, "give a width from 1 to 32768"));
        }
        if depth == 0 || depth > 100 {
            return Err(Fault::input("depth", depth, "give from 1 to 100 hidden layers"));
        }
        Ok(Self { inputs, hidden, depth, gate })
    }

    /// Number N of weights.
    pub fn dof(&self) -> usize {
        self.inputs * self.hidden + (self.depth - 1) * self.hidden * self.hidden + self.hidden
    }

    /// Inputs of layer l = 0..L (the last is the output).
    pub(crate) fn fan_in(&self, layer: usize) -> usize {
        if layer == 0 { self.inputs } else { self.hidden }
    }

    /// Where the weights of layer l = 0..=L begin.
    pub(crate) fn start(&self, layer: usize) -> usize {
        if layer == 0 { 0 } else { self.inputs * self.hidden + (layer - 1) * self.hidden * self.hidden }
    }

    /// The weights of layer l = 0..=L.
    pub(crate) fn range(&self, layer: usize) -> std::ops::Range<usize> {
        let end = if layer == self.depth { self.dof() } else { self.start(layer + 1) };
        self.start(layer)..end
    }

    /// For the fused pass: all factors are on the weights.
    pub(crate) fn plan(&self) -> Plan<f64> {
        let (inside, bend, outside) = self.gate.parts();
        let mut widths = vec![self.hidden; self.depth + 2];
        (widths[0], widths[self.depth + 1]) = (self.inputs, 1);
        let scales: Vec<f64> = (0..=self.depth)
            .map(|layer| {
                let below = if layer == 0 { 1.0 } else { outside };
                let fan = self.fan_in(layer) as f64;
                below * if layer == self.depth { 1.0 / fan } else { inside / fan.sqrt() }
            })
            .collect();
        Plan::new(&widths, &scales, &vec![None; self.depth + 1], bend)
    }

    /// Named blocks of x.
    pub fn layout(&self) -> Vec<Block> {
        let block = |layer: usize| {
            let output = layer == self.depth;
            let name = if output { "output.weight".to_owned() } else { format!("layer{}.weight", layer + 1) };
            let shape = vec![if output { 1 } else { self.hidden }, self.fan_in(layer)];
            Block { name, range: self.range(layer), shape }
        };
        (0..=self.depth).map(block).collect()
    }

    /// Draws all weights, standard normal, from the stream ("weights", seed, 0), in the order of x.
    pub fn draw(&self, streams: Streams, seed: u64) -> Vec<f64> {
        let mut rng = streams.stream("weights", seed, 0);
        (0..self.dof()).map(|_| StandardNormal.sample(&mut rng)).collect()
    }

    /// Floating-point operations of one output and its gradient for one sample: products alone.
    pub fn flops(&self) -> f64 {
        let (d, h, l) = (self.inputs as f64, self.hidden as f64, self.depth as f64);
        // Forward and gradient everywhere, backward in all layers but the first.
        4.0 * d * h + 6.0 * (l - 1.0) * h * h + 6.0 * h
    }
}
