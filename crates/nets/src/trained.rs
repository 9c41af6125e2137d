//! A network on its training set is a System: x = weights and biases, E = mean training loss.

mod measured;

use crate::data::{Augmentation, Training};
use crate::kernels::Real;
use crate::network::Network;
use crate::start::Start;
use crate::stepper::{self, Native};
use crate::zoo::Dense;
use glasslab_core::*;
use measured::NONE;
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

/// Samples that run through the layers together: many share the packing of a dense layer's weights, few images stay in
/// cache.
const CHUNK: usize = 256;
pub(crate) const IMAGES: usize = 16;

/// Arrays as large as the values of the layers that a pass forward and back holds at a time: outputs, slopes, padded copies.
const VALUES: u64 = 2;

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
    /// Samples of each split that losses and errors are measured on; 0: all.
    pub(crate) loss_samples: usize,
    /// What the mini-batches of its own SGD go through.
    pub(crate) augmentation: Augmentation,
    /// Where all replicas start, if not at weights drawn for each.
    pub(crate) start: Option<Start>,
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
        Ok(Self::new(name, citations, network, training, None))
    }

    /// As it is, measured on all samples, nothing augmented, weights drawn for each replica.
    pub(crate) fn new(
        name: &'static str,
        citations: &'static [Citation],
        network: Network,
        training: Training,
        dense: Option<Dense>,
    ) -> Self {
        let augmentation = Augmentation::default();
        Self { name, citations, network, training, dense, noise_samples: 0, loss_samples: 0, augmentation, start: None }
    }

    /// The same, its gradient noise measured on `samples` training samples, evenly spaced in the training set, in place of all (0).
    pub fn with_noise_samples(self, samples: usize) -> Self {
        Self { noise_samples: samples, ..self }
    }

    /// The same, its losses and errors (`evaluate`) measured on `samples` evenly spaced samples of each split, in place of all (0).
    pub fn with_loss_samples(self, samples: usize) -> Self {
        Self { loss_samples: samples, ..self }
    }

    /// The same, all replicas starting from the weights (and running statistics) of a safetensors file: see [`Start::read`].
    pub fn with_weights(self, path: &Path) -> Result<Self, Fault> {
        let start = Start::read(path, &self.network)?;
        Ok(Self { start: Some(start), ..self })
    }

    /// Buffers (running statistics) before the first step.
    pub fn initial_buffers(&self) -> Vec<f64> {
        self.start.as_ref().map_or_else(|| self.network.initial_buffers(), |start| start.buffers.clone())
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
        Ok(self.evaluation(x, NONE, Split::Train, 0)?.loss)
    }

    fn initial(&self, streams: Streams, replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        match &self.start {
            Some(start) => x.copy_from_slice(&start.x),
            None => self.network.initial(streams, replica, x),
        }
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
        let start = self.start.as_ref().map_or(0, |s| 8 * (s.x.len() + s.buffers.len()));
        self.training.data.memory() + start as u64
    }

    /// For a step: one gradient for each group of samples and the values of the layers, forward and back, for each replica that moves
    /// at a time. For the noise: sums in f64 and in the arithmetic of the run for each group. They do not overlap.
    fn working_memory(&self, job: &Job) -> u64 {
        let size = match job.precision {
            Precision::F32 => 4,
            Precision::F64 => 8,
        };
        let batch = match job.method {
            Method::Sgd { batch, .. } => batch,
            _ => self.training.len(),
        };
        let (n, values, threads) = (self.dof() as u64, self.network.values() as u64, rayon::current_num_threads());
        let images = |samples: usize| VALUES * samples as u64 * values * size;
        let moving = threads.min(job.replicas.clone().count()) as u64;
        let (groups, held) = match &self.dense {
            Some(_) => (1, batch),
            None if self.network.couples() => (1, batch),
            None => (batch.div_ceil(IMAGES).clamp(1, stepper::GROUPS), batch.min(threads * IMAGES)),
        };
        let step = moving * (groups as u64 * n * size + images(held));
        let noise = measured::GROUPS as u64 * n * (8 + size) + images(threads * self.together());
        step.max(noise)
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
