//! A perceptron with one output on real-valued inputs, asked for margins: a System with constraints.

use super::pass::Pass;
use crate::derivatives::curvature::{Matrix, Moving, Shared};
use crate::jamming::entry::CITATIONS;
use crate::labelled::Labelled;
use crate::loss::Loss;
use crate::network::{Network, Tape};
use crate::zoo::{Mlp, dense};
use glasslab_core::*;
use rayon::prelude::*;
use std::sync::Mutex;

/// Samples that go through the layers together.
const CHUNK: usize = 256;
/// Vectors of one product that share a forward pass.
const VECTORS: usize = 8;

/// E(x) = (1/P) sum_mu l(y_mu f(x, input_mu)), l a hinge of margin kappa: the gap of sample mu is y f - kappa = -Delta_mu.
///
/// A sample whose loss has neither slope nor curvature (gap >= 0 of a hinge) costs its forward pass alone.
/// Source: Geiger et al. 2019, arXiv:1809.09349 (there: standard parametrisation, ReLU, biases, quadratic hinge, kappa = 1).
/// Checked by `the_split_matches_pytorch`, `adam_matches_pytorch` and the registry's contracts.
pub struct JammingMlp {
    pub(crate) network: Network,
    margin: f64,
    /// Flat where the gap is not negative.
    flat: bool,
    pub(super) train: Part,
    pub(super) test: Part,
    pass: Pass,
    spaces: Mutex<Vec<Space>>,
}

/// Samples with labels as [`crate::target`] reads them: even +1, odd -1.
#[derive(Default)]
pub(crate) struct Part {
    pub inputs: Vec<f64>,
    pub labels: Vec<u16>,
}

impl Part {
    fn new(data: &Labelled) -> Result<Self, Fault> {
        Fault::check_len("inputs", data.len() * data.inputs, data.x.len())?;
        if let Some(bad) = data.y.iter().find(|y| y.abs() != 1.0) {
            return Err(Fault::input("y", bad, "give labels -1 and +1"));
        }
        Ok(Self { inputs: data.x.clone(), labels: data.y.iter().map(|y| u16::from(*y < 0.0)).collect() })
    }
}

/// Work space; nothing in it matters between calls.
#[derive(Default)]
struct Space {
    tape: Tape<f64>,
    slopes: Vec<f64>,
    /// Samples that wait for their backward pass.
    kept: Vec<f64>,
    kept_slopes: Vec<f64>,
    /// The gradient of a chunk.
    part: Vec<f64>,
}

impl JammingMlp {
    /// The network of this shape on these data. Refuses losses that have no margin.
    pub fn new(shape: &Mlp, train: &Labelled, test: &Labelled) -> Result<Self, Fault> {
        let margin = match shape.loss {
            Loss::Hinge { margin } | Loss::QuadraticHinge { margin } | Loss::SoftHinge { margin, .. } => margin,
            Loss::MeanSquare | Loss::LogLikelihood => {
                return Err(Fault::input("loss", format!("{:?}", shape.loss), "give a hinge: it asks for a margin"));
            }
        };
        if train.is_empty() {
            return Err(Fault::input("train", 0, "give at least one training sample"));
        }
        let dense = dense(shape, train.inputs, 1)?;
        if dense.dof().is_none() {
            let fix = "give fewer units: a network has less than 2^31 weights";
            return Err(Fault::input("hidden", format!("{:?}", shape.widths), fix));
        }
        Ok(Self {
            network: dense.network(),
            margin,
            pass: Pass::new(&dense, &train.x),
            flat: !matches!(shape.loss, Loss::SoftHinge { .. }),
            train: Part::new(train)?,
            test: if test.is_empty() { Part::default() } else { Part::new(test)? },
            spaces: Mutex::default(),
        })
    }

    /// Number P of training samples.
    pub fn samples(&self) -> usize {
        self.train.labels.len()
    }

    /// Effective degrees of freedom: the weights without the biases, one less per unit than there are parameters, as each ReLU
    /// has a symmetry of scale. It is the N of the jamming papers.
    pub fn effective(&self) -> usize {
        let weights = self.network.layout();
        weights.iter().filter(|b| b.name.ends_with("weight")).map(|b| b.range.len()).sum()
    }

    fn with_space<R>(&self, work: impl FnOnce(&mut Space) -> R) -> R {
        let lock = || self.spaces.lock().unwrap_or_else(|e| e.into_inner());
        let mut space = lock().pop().unwrap_or_default();
        let result = work(&mut space);
        lock().push(space);
        result
    }

    /// Sum of the losses over samples, number of gaps below 0, and force [N] <- -(sum of gradients), not divided.
    fn sums(&self, x: &[f64], rows: impl Iterator<Item = usize>, force: &mut [f64], space: &mut Space) -> (f64, usize) {
        let d = self.network.inputs();
        let (mut loss, mut unmet) = (0.0, 0);
        let Space { tape, slopes, kept, kept_slopes, part } = space;
        kept.clear();
        kept_slopes.clear();
        part.clear();
        part.resize(x.len(), 0.0);
        let back = |inputs: &mut Vec<f64>, slopes: &mut Vec<f64>, part: &mut [f64], tape: &mut Tape<f64>| {
            if !slopes.is_empty() {
                self.network.outputs_of(x, inputs, tape);
                self.network.vec_jacobian(x, inputs, slopes, part, tape);
            }
            inputs.clear();
            slopes.clear();
        };
        let mut rows = rows.peekable();
        let (mut chunk, mut labels) = (Vec::with_capacity(CHUNK * d), Vec::with_capacity(CHUNK));
        while rows.peek().is_some() {
            chunk.clear();
            labels.clear();
            for row in rows.by_ref().take(CHUNK) {
                chunk.extend_from_slice(&self.train.inputs[row * d..(row + 1) * d]);
                labels.push(self.train.labels[row]);
            }
            slopes.clear();
            slopes.resize(labels.len(), 0.0);
            let outputs = self.network.outputs_of(x, &chunk, tape);
            let mut sloped = 0;
            for ((f, slope), &label) in outputs.iter().zip(slopes.iter_mut()).zip(&labels) {
                loss += self.network.loss.sample(std::slice::from_ref(f), label.into(), std::slice::from_mut(slope));
                let gap = self.gap(*f, label);
                unmet += usize::from(gap < 0.0 || gap.is_nan());
                sloped += usize::from(*slope != 0.0);
            }
            // A backward pass costs twice a forward one, which has to be repeated for the samples that are kept.
            if 3 * sloped >= 2 * labels.len() {
                self.network.vec_jacobian(x, &chunk, slopes, part, tape);
                continue;
            }
            for (input, slope) in chunk.chunks_exact(d).zip(slopes.iter()).filter(|s| *s.1 != 0.0) {
                kept.extend_from_slice(input);
                kept_slopes.push(*slope);
                if kept_slopes.len() == CHUNK {
                    back(kept, kept_slopes, part, tape);
                }
            }
        }
        back(kept, kept_slopes, part, tape);
        force.iter_mut().zip(part).for_each(|(f, g)| *f = -*g);
        (loss, unmet)
    }

    pub(super) fn mean(
        &self,
        x: &[f64],
        rows: impl ExactSizeIterator<Item = usize>,
        force: &mut [f64],
    ) -> Result<(f64, usize), Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        Fault::check_len("forces", self.dof(), force.len())?;
        let scale = 1.0 / rows.len() as f64;
        let (loss, unmet) = self.with_space(|space| self.sums(x, rows, force, space));
        force.iter_mut().for_each(|f| *f *= scale);
        Ok((loss * scale, unmet))
    }

    /// Energy, number of gaps below 0, and force [N] of the whole training set.
    fn whole(&self, x: &[f64], force: &mut [f64]) -> Result<(f64, usize), Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        Fault::check_len("forces", self.dof(), force.len())?;
        let scale = 1.0 / self.samples() as f64;
        let of = |f: f64, sample: usize| {
            let label = self.train.labels[sample];
            let (mut slope, gap) = ([0.0], self.gap(f, label));
            let loss = self.network.loss.sample(&[f], label.into(), &mut slope);
            (loss, slope[0], gap < 0.0 || gap.is_nan())
        };
        let (loss, unmet) = self.pass.sums(x, of, force);
        force.iter_mut().for_each(|f| *f *= scale);
        Ok((loss * scale, unmet))
    }

    pub(super) fn gap(&self, f: f64, label: u16) -> f64 {
        crate::loss::target(label) * f - self.margin
    }

    /// Outputs f [B] on any inputs [B, d].
    pub(super) fn outputs_on(&self, x: &[f64], inputs: &[f64]) -> Vec<f64> {
        let d = self.network.inputs();
        self.with_space(|space| {
            let chunks = inputs.chunks(CHUNK * d);
            chunks.flat_map(|chunk| self.network.outputs_of(x, chunk, &mut space.tape).to_vec()).collect()
        })
    }

    /// Outputs f [P] on the training set.
    pub(super) fn train_outputs(&self, x: &[f64]) -> Vec<f64> {
        self.pass.outputs(x)
    }

    /// Rows whose loss bends or slopes at x.
    pub(crate) fn active(&self, x: &[f64]) -> Part {
        if !self.flat {
            return Part { inputs: self.train.inputs.clone(), labels: self.train.labels.clone() };
        }
        let (d, outputs) = (self.network.inputs(), self.train_outputs(x));
        let mut part = Part::default();
        for ((f, input), &label) in outputs.iter().zip(self.train.inputs.chunks_exact(d)).zip(&self.train.labels) {
            let gap = self.gap(*f, label);
            if gap < 0.0 || gap.is_nan() {
                part.inputs.extend_from_slice(input);
                part.labels.push(label);
            }
        }
        part
    }

    /// out [K, N] <- (1/P) sum_mu matrix_mu v, v [K, N].
    pub(crate) fn products(&self, matrix: Matrix, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        let n = self.dof();
        Fault::check_len("positions", n, x.len())?;
        Fault::check_len("vectors", v.len().next_multiple_of(n.max(1)), v.len())?;
        Fault::check_len("products", v.len(), out.len())?;
        let (d, active) = (self.network.inputs(), self.active(x));
        let scale = 1.0 / self.samples() as f64;
        out.par_chunks_mut(VECTORS * n).zip(v.par_chunks(VECTORS * n)).for_each(|(out, v)| {
            out.fill(0.0);
            let (mut shared, mut moving) = (Shared::default(), Moving::default());
            for (inputs, labels) in active.inputs.chunks(CHUNK * d).zip(active.labels.chunks(CHUNK)) {
                shared.forward(&self.network, x, inputs);
                shared.backward(&self.network, x, labels);
                for (v, out) in v.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
                    shared.product(&self.network, matrix, x, v, out, &mut moving);
                }
            }
            out.iter_mut().for_each(|o| *o *= scale);
        });
        Ok(())
    }
}

impl System for JammingMlp {
    fn name(&self) -> &str {
        "jamming-mlp"
    }

    fn dof(&self) -> usize {
        self.network.dof()
    }

    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        Ok(self.whole(x, force)?.0)
    }

    fn energy_force_violated(&self, x: &[f64], force: &mut [f64]) -> Result<(f64, Option<usize>), Fault> {
        let (energy, unmet) = self.whole(x, force)?;
        Ok((energy, Some(unmet)))
    }

    fn energy_force_many(&self, x: &[f64], force: &mut [f64], energy: &mut [f64]) -> Result<(), Fault> {
        let n = self.dof();
        Fault::check_len("positions", energy.len() * n, x.len())?;
        Fault::check_len("forces", energy.len() * n, force.len())?;
        let all = x.par_chunks(n).zip(force.par_chunks_mut(n)).zip(energy);
        all.try_for_each(|((x, force), energy)| {
            *energy = self.energy_force(x, force)?;
            Ok(())
        })
    }

    fn initial(&self, streams: Streams, replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        self.network.initial(streams, replica, x);
        Ok(())
    }

    fn layout(&self) -> Vec<Block> {
        self.network.layout()
    }

    fn extensive(&self) -> bool {
        false
    }

    fn reference_energy(&self, _temperature: f64) -> Option<(f64, &'static str)> {
        Some((0.0, "all margins met"))
    }

    fn memory(&self) -> u64 {
        8 * (self.train.inputs.len() + self.test.inputs.len()) as u64
    }

    fn citations(&self) -> &'static [Citation] {
        CITATIONS
    }

    fn subsample(&self) -> Option<&dyn Subsample> {
        Some(self)
    }

    fn evaluate(&self) -> Option<&dyn Evaluate> {
        Some(self)
    }

    fn hessian(&self) -> Option<&dyn HessianVec> {
        Some(self)
    }

    fn predict(&self) -> Option<&dyn Predict> {
        Some(self)
    }

    fn contacts(&self) -> Option<&dyn Contacts> {
        Some(self)
    }
}
