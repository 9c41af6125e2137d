//! The shape of a perceptron of the plane: its weights, their layout and their initial draw.

use super::Gate;
use crate::fused::Plan;
use crate::layers::Initial;
use glasslab_core::{Block, Fault, Streams};
use rand_distr::{Distribution, StandardNormal};

/// Law of the initial weights W of a layer with n inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// Independent N(0, 1).
    Normal,
    /// W/sqrt(n) is `gain` times a matrix of orthonormal rows, Haar-distributed; with more rows than columns, one block of n rows
    /// below the other. At gain 1 entries have variance 1, as `Normal`.
    Orthogonal {
        /// The factor.
        gain: f64,
    },
}

impl Start {
    /// The start `name`, `normal` or `orthogonal`; the first has no gain.
    pub fn new(name: &str, gain: f64) -> Result<Self, Fault> {
        if !(gain.is_finite() && gain > 0.0) {
            return Err(Fault::input("gain", gain, "give a finite number > 0"));
        }
        match name {
            "normal" => Ok(Start::Normal),
            "orthogonal" => Ok(Start::Orthogonal { gain }),
            _ => Err(Fault::input("init", name, "give normal or orthogonal")),
        }
    }
}

/// f(x) = (1/h) w_out . z_L, z_l = act(W_l z_(l-1)/sqrt(fan_in)), z_0 = x; all weights standard normal at the start, unless said
/// otherwise; no biases.
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
    /// Law of the initial weights.
    pub start: Start,
}

impl Shape {
    /// The shape, if it is not absurd; weights start as standard normal ones.
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
        Ok(Self { inputs, hidden, depth, gate, start: Start::Normal })
    }

    /// The same with another start.
    pub fn with_start(self, start: Start) -> Self {
        Self { start, ..self }
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

    /// Draws all weights from the stream ("weights", seed, 0), in the order of x. Checked by `orthogonal_starts_are_haar`.
    pub fn draw(&self, streams: Streams, seed: u64) -> Vec<f64> {
        let mut rng = streams.stream("weights", seed, 0);
        let Start::Orthogonal { gain } = self.start else {
            return (0..self.dof()).map(|_| StandardNormal.sample(&mut rng)).collect();
        };
        let mut w = vec![0.0; self.dof()];
        for layer in 0..=self.depth {
            let (fan, weights) = (self.fan_in(layer), &mut w[self.range(layer)]);
            Initial::Orthogonal.draw(&mut rng, fan, weights, &mut []);
            let scale = gain * (fan as f64).sqrt();
            weights.iter_mut().for_each(|w| *w *= scale);
        }
        w
    }

    /// Floating-point operations of one output and its gradient for one sample: products alone.
    pub fn flops(&self) -> f64 {
        let (d, h, l) = (self.inputs as f64, self.hidden as f64, self.depth as f64);
        // Forward and gradient everywhere, backward in all layers but the first.
        4.0 * d * h + 6.0 * (l - 1.0) * h * h + 6.0 * h
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W W^T = gain^2 n 1 in each block of at most n rows. Haar: every entry of W has mean square gain^2, whatever its place: over
    /// 4000 draws of a 3 x 3 matrix, within 4 standard errors.
    #[test]
    fn orthogonal_starts_are_haar() {
        let gate = Gate::new("relu", 1.0).unwrap();
        let start = Start::new("orthogonal", 1.5).unwrap();
        let shape = Shape::new(3, 7, 2, gate).unwrap().with_start(start);
        let w = shape.draw(Streams::new(1), 0);
        for layer in 0..=2 {
            let n = shape.fan_in(layer);
            for block in w[shape.range(layer)].chunks(n * n) {
                for (i, a) in block.chunks(n).enumerate() {
                    for (j, b) in block.chunks(n).enumerate() {
                        let dot: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                        let expected = if i == j { 2.25 * n as f64 } else { 0.0 };
                        assert!((dot - expected).abs() < 1e-12 * n as f64, "{layer}: {dot}");
                    }
                }
            }
        }
        let small = Shape::new(3, 3, 1, gate).unwrap().with_start(start);
        let mut squares = [0.0; 9];
        for seed in 0..4000 {
            let w = small.draw(Streams::new(2), seed);
            squares.iter_mut().zip(&w).for_each(|(s, w)| *s += w * w / 4000.0);
        }
        // w^2 = 3 gain^2 u^2 with u uniform on (-1, 1) (Archimedes): mean gain^2, variance 9 gain^4 (1/5 - 1/9).
        let error = 3.0 * 2.25 * (1.0 / 5.0 - 1.0_f64 / 9.0).sqrt() / 4000_f64.sqrt();
        assert!(squares.iter().all(|s| (s - 2.25).abs() < 4.0 * error), "{squares:?}");
        assert!(Start::new("orthogonal", 0.0).is_err() && Start::new("haar", 1.0).is_err());
    }
}
