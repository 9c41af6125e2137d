//! A System: N degrees of freedom x, an energy E(x), a force -dE/dx, and the abilities that it truly has.

use crate::stepper::{Job, Stepper};
use crate::{Citation, Contacts, Fault, Forces, HessianVec, Predict, Space, Streams, Tangent, Virial};
use std::ops::Range;
use std::sync::Arc;

/// A named block of the degrees of freedom (a layer's weights, its biases, all spins).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Name, `layer1.weight`; unique in its System.
    pub name: String,
    /// Which entries of x.
    pub range: Range<usize>,
    /// Shape, whose product is the length of the range.
    pub shape: Vec<usize>,
}

/// Positions of one replica in the precision that its Stepper works in.
#[derive(Clone, Copy, Debug)]
pub enum Slice<'a> {
    /// 32-bit.
    F32(&'a [f32]),
    /// 64-bit.
    F64(&'a [f64]),
}

impl Slice<'_> {
    /// Number of entries.
    pub fn len(&self) -> usize {
        match self {
            Slice::F32(x) => x.len(),
            Slice::F64(x) => x.len(),
        }
    }

    /// True if there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy in f64 (exact).
    pub fn to_f64(&self) -> Vec<f64> {
        match self {
            Slice::F32(x) => x.iter().map(|&v| f64::from(v)).collect(),
            Slice::F64(x) => x.to_vec(),
        }
    }

    /// True if every entry is finite.
    pub fn is_finite(&self) -> bool {
        match self {
            Slice::F32(x) => x.iter().all(|v| v.is_finite()),
            Slice::F64(x) => x.iter().all(|v| v.is_finite()),
        }
    }
}

/// What is studied: it knows no time, temperature or learning rate.
pub trait System: Send + Sync {
    /// Name in the registry: `toy`, `p-spin`.
    fn name(&self) -> &str;

    /// Number N of degrees of freedom.
    fn dof(&self) -> usize;

    /// Energy E(x), returned, and force F = -dE/dx, written. x and force have length N.
    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault>;

    /// Draws the initial condition of `replica` from `streams` into x. Deterministic in (seed, replica).
    fn initial(&self, streams: Streams, replica: u64, x: &mut [f64]) -> Result<(), Fault>;

    /// Energy E(x) alone.
    fn energy(&self, x: &[f64]) -> Result<f64, Fault> {
        let mut force = vec![0.0; self.dof()];
        self.energy_force(x, &mut force)
    }

    /// Energy, force, and the number of violated constraints (gaps below 0; `None` for a System without [`Contacts`]): what a
    /// descent asks for that ends when none is violated. Overridden where one pass gives all.
    fn energy_force_violated(&self, x: &[f64], force: &mut [f64]) -> Result<(f64, Option<usize>), Fault> {
        let energy = self.energy_force(x, force)?;
        let gaps = self.contacts().map(|c| c.gaps(x)).transpose()?;
        Ok((energy, gaps.map(|g| g.iter().filter(|g| **g < 0.0 || g.is_nan()).count())))
    }

    /// Energies `[R]` and forces `[R, N]` of R replicas `[R, N]`; overridden where one pass over data serves all replicas.
    /// Must return for each replica the same bits whatever the others are.
    fn energy_force_many(&self, x: &[f64], force: &mut [f64], energy: &mut [f64]) -> Result<(), Fault> {
        let n = self.dof();
        Fault::check_len("positions", energy.len() * n, x.len())?;
        Fault::check_len("forces", energy.len() * n, force.len())?;
        for ((x, f), e) in x.chunks(n).zip(force.chunks_mut(n)).zip(energy) {
            *e = self.energy_force(x, f)?;
        }
        Ok(())
    }

    /// Where x lives.
    fn space(&self) -> Space {
        Space::Flat
    }

    /// Named blocks of x, in order, together all of x.
    fn layout(&self) -> Vec<Block> {
        vec![Block { name: "x".to_owned(), range: 0..self.dof(), shape: vec![self.dof()] }]
    }

    /// Named blocks of its buffers, in order: numbers that follow the batches of a training run without being degrees of freedom
    /// (running statistics of a batch normalisation). They live in the Stepper, see [`Stepper::buffers`], never in N.
    fn buffers(&self) -> Vec<Block> {
        Vec::new()
    }

    /// True if E grows like N, so that E/N is reported (glasses); false if E itself is (a mean loss).
    fn extensive(&self) -> bool {
        true
    }

    /// Energy in the bottom of the landscape where it is known exactly (0 for a loss that can be fitted, the
    /// threshold for a glass), in reported units (E/N if extensive), with its name; used on axes and in verdicts.
    fn reference_energy(&self, _temperature: f64) -> Option<(f64, &'static str)> {
        None
    }

    /// Bytes that the System itself holds (couplings, data).
    fn memory(&self) -> u64 {
        0
    }

    /// Bytes that its native Stepper and its measurements take besides positions and momenta (gradients, values of the layers),
    /// about.
    fn working_memory(&self, _job: &Job) -> u64 {
        0
    }

    /// The sources of the model.
    fn citations(&self) -> &'static [Citation] {
        &[]
    }

    /// A fused Stepper of the System's own for this job, or `None`: then the generic one of the crate `dynamics` is
    /// used. A native Stepper equals the generic one in f64 up to rounding.
    fn native(self: Arc<Self>, _job: &Job) -> Result<Option<Box<dyn Stepper>>, Fault> {
        Ok(None)
    }

    /// Energy and force on mini-batches, if the energy is a mean over samples.
    fn subsample(&self) -> Option<&dyn Subsample> {
        None
    }

    /// Loss and error on whole data sets, if the System predicts.
    fn evaluate(&self) -> Option<&dyn Evaluate> {
        None
    }

    /// Moments of the per-sample gradient, if the energy is a mean over samples.
    fn gradient_noise(&self) -> Option<&dyn GradientNoise> {
        None
    }

    /// Products with the Hessian, if they are exact.
    fn hessian(&self) -> Option<&dyn HessianVec> {
        None
    }

    /// Outputs on any inputs, if the System predicts.
    fn predict(&self) -> Option<&dyn Predict> {
        None
    }

    /// Jacobian products and tangent kernels of the outputs.
    fn tangent(&self) -> Option<&dyn Tangent> {
        None
    }

    /// Gaps of constraints, if the energy punishes violated ones.
    fn contacts(&self) -> Option<&dyn Contacts> {
        None
    }

    /// The virial, if the System is made of particles.
    fn virial(&self) -> Option<&dyn Virial> {
        None
    }

    /// An evaluator for one replica that remembers neighbours between calls; `None` if there is nothing to remember.
    fn forces(self: Arc<Self>) -> Option<Box<dyn Forces>> {
        None
    }

    /// Mass of each degree of freedom `[N]`, for Methods with inertia; `None`: all 1.
    fn masses(&self) -> Option<&[f64]> {
        None
    }

    /// d > 0 if E does not change when all x[i d + k] of one k < d are shifted alike (particles in d dimensions, x
    /// `[particle, d]`): Methods that draw noise or velocities keep the centre of mass at rest. 0: no such symmetry.
    fn translations(&self) -> usize {
        0
    }

    /// Where drawing a start takes long: the steps of that work that were done so far, over all calls of [`System::initial`], and how
    /// many one call takes. For progress bars alone.
    fn start_steps(&self) -> Option<(u64, u64)> {
        None
    }

    /// What an extensive energy is divided by in reports: degrees of freedom, or particles.
    fn units(&self) -> usize {
        self.dof()
    }

    /// Wave number q at which the self-intermediate scattering function of particles is measured: about the first peak
    /// of the structure factor.
    fn wave_number(&self) -> Option<f64> {
        None
    }
}

/// The energy is a mean over P samples: E = (1/P) sum_mu e_mu.
pub trait Subsample: Send + Sync {
    /// Number P of samples.
    fn samples(&self) -> usize;

    /// Mean energy over `batch` (sample numbers < P), returned, and its force, written.
    fn batch_energy_force(&self, x: &[f64], batch: &[u32], force: &mut [f64]) -> Result<f64, Fault>;
}

/// Which data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// The training set.
    Train,
    /// The held-out test set.
    Test,
}

/// Loss and error on one data set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// The mean loss, with the normalisation of the training loss.
    pub loss: f64,
    /// Fraction misclassified.
    pub error: f64,
    /// Number of samples.
    pub samples: usize,
}

/// A System that predicts: loss and error on its data.
pub trait Evaluate: Send + Sync {
    /// True if there is a test set.
    fn has_test(&self) -> bool;

    /// Loss and error of the network with weights x on the whole `split`, in the precision of x.
    /// `None` if there is no such set.
    fn evaluate(&self, x: Slice<'_>, split: Split) -> Result<Option<Evaluation>, Fault>;

    /// The same with the buffers of a run (running statistics: evaluation mode); without buffers as [`Evaluate::evaluate`].
    fn evaluate_with(&self, x: Slice<'_>, _buffers: Slice<'_>, split: Split) -> Result<Option<Evaluation>, Fault> {
        self.evaluate(x, split)
    }
}

/// Exact moments of the per-sample gradients g_mu over the training set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseMoments {
    /// P.
    pub samples: usize,
    /// tr S = (1/(P-1)) sum_mu |g_mu - g|^2: trace of the per-sample covariance, unbiased.
    pub sample_trace: f64,
    /// |g|^2, g = (1/P) sum_mu g_mu the gradient of the whole training loss.
    pub mean_squared: f64,
}

impl NoiseMoments {
    /// Trace of the covariance of the gradient of a mini-batch of B samples drawn without replacement:
    /// D = (tr S / B)(1 - B/P). Convention: no division by N, as D_2 of the public code of Baity-Jesi et al. 2018,
    /// without that code's factor for skipped batches.
    pub fn batch_trace(&self, batch: usize) -> f64 {
        let (b, p) = (batch as f64, self.samples as f64);
        self.sample_trace / b * (1.0 - b / p).max(0.0)
    }
}

/// Moments of the gradient noise.
pub trait GradientNoise: Send + Sync {
    /// The exact moments at weights x. Cost: about one pass of the gradient over the training set.
    fn noise_moments(&self, x: Slice<'_>) -> Result<NoiseMoments, Fault>;

    /// The same with the buffers of a run (running statistics: evaluation mode); without buffers as
    /// [`GradientNoise::noise_moments`].
    fn noise_moments_with(&self, x: Slice<'_>, _buffers: Slice<'_>) -> Result<NoiseMoments, Fault> {
        self.noise_moments(x)
    }
}
