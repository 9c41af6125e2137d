//! What is measured on a network and its samples: force of a batch, losses and errors, moments of the gradient.

use super::Trained;
use crate::kernels::Real;
use crate::network::{Network, Sums, Tape};
use glasslab_core::*;
use rayon::prelude::*;

/// Groups of chunks whose gradients are summed apart, whatever the number of threads.
pub(super) const GROUPS: usize = 4;

/// No buffers.
pub(super) const NONE: Slice<'static> = Slice::F64(&[]);

impl Trained {
    /// Sums over the samples `batch`, chunk by chunk; the gradient's sum [N] in f64 where asked for.
    fn sums<T: Real>(&self, network: &Network, x: &[T], batch: &[u32], squares: bool) -> (Sums, Vec<f64>) {
        let n = network.dof();
        let together = if network.couples() { batch.len() } else { self.together() };
        let chunks = batch.len().div_ceil(together);
        let group = chunks.div_ceil(GROUPS).max(1) * together;
        let parts: Vec<(Sums, Vec<f64>)> = batch
            .par_chunks(group)
            .map(|part| {
                let (mut total, mut gradient) = (Sums::default(), vec![0.0; n]);
                let (mut inputs, mut labels, mut local) = (Vec::new(), Vec::new(), vec![T::ZERO; n]);
                let mut tape = Tape::default();
                for chunk in part.chunks(together) {
                    self.training.gather(chunk, &mut inputs, &mut labels);
                    local.fill(T::ZERO);
                    add(&mut total, network.chunk(x, &inputs, &labels, Some(&mut local), squares, &mut tape));
                    for (g, l) in gradient.iter_mut().zip(&local) {
                        *g += l.to_f64();
                    }
                }
                (total, gradient)
            })
            .collect();
        let mut parts = parts.into_iter();
        let (mut total, mut gradient) = parts.next().unwrap_or_default();
        for (sums, part) in parts {
            add(&mut total, sums);
            for (g, p) in gradient.iter_mut().zip(part) {
                *g += p;
            }
        }
        (total, gradient)
    }

    /// Mean loss and error over `most` evenly spaced samples of a split, or all of them (0).
    pub(super) fn evaluation<T: Real>(
        &self,
        x: &[T],
        buffers: Slice<'_>,
        split: Split,
        most: usize,
    ) -> Result<Evaluation, Fault> {
        let network = self.settled(x, buffers)?;
        let data = &self.training.data;
        let lookup = data.lookup::<T>();
        let all = match split {
            Split::Train => self.training.len(),
            Split::Test => data.test.len(),
        };
        let chosen = evenly(all, most);
        let row = |i: usize| if split == Split::Train { self.training.rows[i] as usize } else { i };
        let labels = if split == Split::Train { &self.training.labels } else { &data.test.labels };
        let parts: Vec<Sums> = chosen
            .par_chunks(self.together())
            .map_init(Tape::default, |tape, chunk| {
                let mut inputs = Vec::with_capacity(chunk.len() * data.inputs());
                chunk.iter().for_each(|&i| data.append(&lookup, split, row(i as usize), &mut inputs));
                let labels: Vec<u16> = chunk.iter().map(|&i| labels[i as usize]).collect();
                network.chunk(x, &inputs, &labels, None, false, tape)
            })
            .collect();
        let mut total = Sums::default();
        parts.into_iter().for_each(|p| add(&mut total, p));
        let samples = chosen.len();
        Ok(Evaluation { loss: total.loss / samples as f64, error: total.wrong as f64 / samples as f64, samples })
    }

    fn moments<T: Real>(&self, x: &[T], buffers: Slice<'_>) -> Result<NoiseMoments, Fault> {
        let network = self.settled(x, buffers)?;
        let some = evenly(self.training.len(), self.noise_samples);
        let (sums, mut gradient) = self.sums(&network, x, &some, true);
        let p = some.len() as f64;
        gradient.iter_mut().for_each(|g| *g /= p);
        let mean_squared = sum::dot(&gradient, &gradient);
        let sample_trace = if some.len() < 2 { 0.0 } else { (sums.squares - p * mean_squared).max(0.0) / (p - 1.0) };
        // max() would hide a NaN.
        let sample_trace = if sums.squares.is_nan() { f64::NAN } else { sample_trace };
        // Over a part of the samples |g|^2 comes out too large by the variance of the mean.
        let all = self.training.len();
        let mean_squared = mean_squared - sample_trace / p * (1.0 - p / all as f64);
        Ok(NoiseMoments { samples: all, sample_trace, mean_squared })
    }
}

/// `some` of the numbers 0..all (0: all of them), evenly spaced: number k of M is k P/M, rounded down.
fn evenly(all: usize, some: usize) -> Vec<u32> {
    let some = if some == 0 { all } else { some.min(all) };
    (0..some as u64).map(|k| (k * all as u64 / some as u64) as u32).collect()
}

fn add(total: &mut Sums, part: Sums) {
    total.loss += part.loss;
    total.wrong += part.wrong;
    total.squares += part.squares;
}

impl Subsample for Trained {
    fn samples(&self) -> usize {
        self.training.len()
    }

    fn batch_energy_force(&self, x: &[f64], batch: &[u32], force: &mut [f64]) -> Result<f64, Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        Fault::check_len("forces", self.dof(), force.len())?;
        self.check_batch(batch)?;
        if batch.is_empty() {
            return Err(Fault::input("batch", "[]", "give at least one sample"));
        }
        self.check_room::<f64>(batch.len())?;
        let (sums, gradient) = self.sums(&self.network, x, batch, false);
        let b = batch.len() as f64;
        for (f, g) in force.iter_mut().zip(gradient) {
            *f = -g / b;
        }
        Ok(sums.loss / b)
    }
}

impl Evaluate for Trained {
    fn has_test(&self) -> bool {
        !self.training.data.test.is_empty()
    }

    fn evaluate(&self, x: Slice<'_>, split: Split) -> Result<Option<Evaluation>, Fault> {
        self.evaluate_with(x, NONE, split)
    }

    fn evaluate_with(&self, x: Slice<'_>, buffers: Slice<'_>, split: Split) -> Result<Option<Evaluation>, Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        if split == Split::Test && !self.has_test() {
            return Ok(None);
        }
        Ok(Some(match x {
            Slice::F32(x) => self.evaluation(x, buffers, split, self.loss_samples)?,
            Slice::F64(x) => self.evaluation(x, buffers, split, self.loss_samples)?,
        }))
    }
}

impl GradientNoise for Trained {
    /// tr S = (sum_mu |g_mu|^2 - P |g|^2)/(P - 1); the norms |g_mu| come from each layer's `sample_squares`, without
    /// forming g_mu. Sums in f64. On a part of M samples: the same with M, and |g|^2 = |g_M|^2 - (tr S/M)(1 - M/P), unbiased if the
    /// part is uniform (it can be negative). Checked by `noise_moments_match_pytorch`.
    fn noise_moments(&self, x: Slice<'_>) -> Result<NoiseMoments, Fault> {
        self.noise_moments_with(x, NONE)
    }

    fn noise_moments_with(&self, x: Slice<'_>, buffers: Slice<'_>) -> Result<NoiseMoments, Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        match x {
            Slice::F32(x) => self.moments(x, buffers),
            Slice::F64(x) => self.moments(x, buffers),
        }
    }
}
