//! A network on its training set is a System: x = weights and biases, E = mean training loss.

use crate::data::{Augmentation, Training};
use crate::kernels::Real;
use crate::network::{Network, Sums, Tape};
use crate::stepper::Native;
use crate::zoo::Dense;
use glasslab_core::*;
use rayon::prelude::*;
use std::borrow::Cow;
use std::sync::Arc;

/// Samples that run through the layers together: many share the packing of a dense layer's weights, few images stay in
/// cache.
const CHUNK: usize = 256;
pub(crate) const IMAGES: usize = 16;
/// Groups of chunks whose gradients are summed apart, whatever the number of threads.
const GROUPS: usize = 4;

/// Most bytes that the values of one batch may take where it has to go through the network as a whole: 16 GiB.
const MOST: u64 = 16 << 30;

/// A network with its data and loss.
///
/// E(x) = (1/P) sum_mu e(f(x, input_mu), label_mu). Convention: not extensive; 0 is a perfect fit.
///
/// Convention with batch normalisation: E and the force of a batch use the statistics of that batch (training mode), E itself those
/// of the whole training set. `evaluate_with` and `noise_moments_with` use the running statistics of a replica (evaluation mode, as
/// the published code of Baity-Jesi et al. 2018), where samples are independent; without any (`evaluate`, `noise_moments`) those
/// of the whole training set at x, held fixed.
pub struct Trained {
    pub(crate) name: &'static str,
    pub(crate) citations: &'static [Citation],
    /// The network.
    pub network: Network,
    /// What it is trained on.
    pub training: Training,
    /// Its shape, if it is a chain of dense layers: what native Steppers need.
    pub(crate) dense: Option<Dense>,
    /// Samples that the gradient noise is measured on; 0: all.
    pub(crate) noise_samples: usize,
    /// What the mini-batches of its own SGD go through.
    pub(crate) augmentation: Augmentation,
}

impl Trained {
    /// A network of any layers on its data; `field` is what decides on its size.
    pub(crate) fn of(
        name: &'static str,
        citations: &'static [Citation],
        field: &str,
        network: Network,
        training: Training,
    ) -> Result<Self, Fault> {
        if network.dof() >= 1 << 31 {
            return Err(Fault::input(field, network.dof(), "give a smaller one: a network has less than 2^31 weights"));
        }
        let augmentation = Augmentation::default();
        Ok(Self { name, citations, network, training, dense: None, noise_samples: 0, augmentation })
    }

    /// The same, its gradient noise measured on `samples` training samples, evenly spaced in the training set, in place of all (0).
    pub fn with_noise_samples(self, samples: usize) -> Self {
        Self { noise_samples: samples, ..self }
    }

    /// The same, with the images of the mini-batches of SGD moved at random. Fails unless it is a network of image layers (chains
    /// of dense layers run in fused kernels that read the data as they are).
    pub fn with_augmentation(self, augmentation: Augmentation) -> Result<Self, Fault> {
        if self.dense.is_some() && !augmentation.is_off() {
            return Err(Fault::input("augmentation", format!("{augmentation:?}"), "leave it off for dense networks"));
        }
        let side = self.training.data.shape[1].min(self.training.data.shape[2]);
        if augmentation.crop >= side {
            let fix = format!("give less than the side of the images, {side}");
            return Err(Fault::input("crop", augmentation.crop, fix));
        }
        Ok(Self { augmentation, ..self })
    }

    /// The samples that the noise is measured on: number k of M is k P/M, rounded down.
    fn noisy(&self) -> Vec<u32> {
        let (all, some) = (self.training.len(), self.noise_samples);
        if some == 0 || some >= all {
            return self.training.all();
        }
        (0..some as u64).map(|k| (k * all as u64 / some as u64) as u32).collect()
    }

    pub(crate) fn check_batch(&self, batch: &[u32]) -> Result<(), Fault> {
        match batch.iter().find(|&&b| b as usize >= self.training.len()) {
            Some(bad) => Err(Fault::input("batch", bad, format!("give sample numbers below {}", self.training.len()))),
            None => Ok(()),
        }
    }

    pub(crate) fn together(&self) -> usize {
        if self.dense.is_some() { CHUNK } else { IMAGES }
    }

    /// Refuses a batch that has to go through the network as a whole and is too large for that.
    pub(crate) fn check_room<T>(&self, samples: usize) -> Result<(), Fault> {
        let needed = 3 * (samples * self.network.values() * size_of::<T>()) as u64;
        if !self.network.couples() || needed <= MOST {
            return Ok(());
        }
        let what = format!("a batch of {samples} samples with batch normalisation over all of it");
        Err(Fault::Memory { what, needed, available: MOST, lower: "train (the number of samples), or width" })
    }

    /// The network as it acts on single samples: with these buffers, or with the statistics of the training set at x.
    pub(crate) fn settled<T: Real>(&self, x: &[T], buffers: Slice<'_>) -> Result<Cow<'_, Network>, Fault> {
        if !self.network.couples() {
            return Ok(Cow::Borrowed(&self.network));
        }
        if !buffers.is_empty() {
            let expected = self.network.buffers().last().map_or(0, |b| b.range.end);
            Fault::check_len("running statistics", expected, buffers.len())?;
            return Ok(Cow::Owned(self.network.frozen(&buffers.to_f64())));
        }
        self.check_room::<T>(self.training.len())?;
        let (mut inputs, mut labels) = (Vec::new(), Vec::new());
        self.training.gather(&self.training.all(), &mut inputs, &mut labels);
        Ok(Cow::Owned(self.network.frozen(&self.network.settled(x, &inputs, labels.len()))))
    }

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

    fn evaluation<T: Real>(&self, x: &[T], buffers: Slice<'_>, split: Split) -> Result<Evaluation, Fault> {
        let network = self.settled(x, buffers)?;
        let data = &self.training.data;
        let lookup = data.lookup::<T>();
        let samples = match split {
            Split::Train => self.training.len(),
            Split::Test => data.test.len(),
        };
        let row = |i: usize| if split == Split::Train { self.training.rows[i] as usize } else { i };
        let labels = if split == Split::Train { &self.training.labels } else { &data.test.labels };
        let starts: Vec<usize> = (0..samples).step_by(self.together()).collect();
        let parts: Vec<Sums> = starts
            .into_par_iter()
            .map_init(Tape::default, |tape, from| {
                let to = (from + self.together()).min(samples);
                let mut inputs = Vec::with_capacity((to - from) * data.inputs());
                for i in from..to {
                    data.append(&lookup, split, row(i), &mut inputs);
                }
                network.chunk(x, &inputs, &labels[from..to], None, false, tape)
            })
            .collect();
        let mut total = Sums::default();
        parts.into_iter().for_each(|p| add(&mut total, p));
        Ok(Evaluation { loss: total.loss / samples as f64, error: total.wrong as f64 / samples as f64, samples })
    }

    fn moments<T: Real>(&self, x: &[T], buffers: Slice<'_>) -> Result<NoiseMoments, Fault> {
        let network = self.settled(x, buffers)?;
        let some = self.noisy();
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

fn add(total: &mut Sums, part: Sums) {
    total.loss += part.loss;
    total.wrong += part.wrong;
    total.squares += part.squares;
}

impl System for Trained {
    fn name(&self) -> &str {
        self.name
    }

    fn dof(&self) -> usize {
        self.network.dof()
    }

    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        self.batch_energy_force(x, &self.training.all(), force)
    }

    fn energy(&self, x: &[f64]) -> Result<f64, Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        Ok(self.evaluation(x, NONE, Split::Train)?.loss)
    }

    fn initial(&self, streams: Streams, replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        self.network.initial(streams, replica, x);
        Ok(())
    }

    fn layout(&self) -> Vec<Block> {
        self.network.layout()
    }

    fn buffers(&self) -> Vec<Block> {
        self.network.buffers()
    }

    fn extensive(&self) -> bool {
        false
    }

    fn reference_energy(&self, _temperature: f64) -> Option<(f64, &'static str)> {
        Some((0.0, "perfect fit"))
    }

    fn memory(&self) -> u64 {
        self.training.data.memory()
    }

    fn citations(&self) -> &'static [Citation] {
        self.citations
    }

    fn native(self: Arc<Self>, job: &Job) -> Result<Option<Box<dyn Stepper>>, Fault> {
        if !matches!(job.method, Method::Sgd { .. } | Method::Descent { .. }) {
            return Ok(None);
        }
        Ok(Some(match job.precision {
            Precision::F32 => Box::new(Native::<f32>::new(self, job)?),
            Precision::F64 => Box::new(Native::<f64>::new(self, job)?),
        }))
    }

    fn subsample(&self) -> Option<&dyn Subsample> {
        Some(self)
    }

    fn evaluate(&self) -> Option<&dyn Evaluate> {
        Some(self)
    }

    fn gradient_noise(&self) -> Option<&dyn GradientNoise> {
        Some(self)
    }

    fn hessian(&self) -> Option<&dyn HessianVec> {
        Some(self)
    }

    fn predict(&self) -> Option<&dyn Predict> {
        Some(self)
    }

    fn tangent(&self) -> Option<&dyn Tangent> {
        Some(self)
    }
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
            Slice::F32(x) => self.evaluation(x, buffers, split)?,
            Slice::F64(x) => self.evaluation(x, buffers, split)?,
        }))
    }
}

/// No buffers.
const NONE: Slice<'static> = Slice::F64(&[]);

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
