//! Exact derivatives of networks beyond the gradient: Hessian, Gauss-Newton and Fisher products, Jacobian products, tangent
//! kernels, gradients of single samples.
//!
//! Convention with batch normalisation: products with the Hessian and the Gauss-Newton matrix are of E, in training mode (the
//! batch is the training set); outputs, their Jacobian, kernels, the gradients of samples and the empirical Fisher matrix take
//! samples as independent, with the statistics of the training set at x held fixed. `Trained::frozen` has everything in
//! evaluation mode with given running statistics.

pub(crate) mod curvature;
mod kernel;

use crate::data::Training;
use crate::network::Tape;
use crate::start::Start;
use crate::trained::Trained;
use curvature::{Matrix, Moving, Shared};
use glasslab_core::*;
use rayon::prelude::*;
use std::borrow::Cow;

/// Groups of chunks whose products are summed apart, whatever the number of threads.
const GROUPS: usize = 4;
/// No running statistics.
const NONE: Slice<'_> = Slice::F64(&[]);

impl Trained {
    /// out [K, N] <- (1/P) sum_mu matrix_mu v, v [K, N]: each chunk of samples runs forward and back once for all vectors.
    fn products(&self, matrix: Matrix, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        let n = self.network.dof();
        Fault::check_len("positions", n, x.len())?;
        Fault::check_len("vectors", v.len().next_multiple_of(n.max(1)), v.len())?;
        Fault::check_len("products", v.len(), out.len())?;
        let all = self.training.all();
        // The empirical Fisher matrix is one of single samples.
        let network = match matrix {
            Matrix::EmpiricalFisher => self.settled(x, NONE)?,
            _ => Cow::Borrowed(&self.network),
        };
        let network = &*network;
        self.check_room::<f64>(all.len())?;
        let together = if network.couples() { all.len() } else { self.together() };
        let group = all.len().div_ceil(together).div_ceil(GROUPS).max(1) * together;
        let parts: Vec<Vec<f64>> = all
            .par_chunks(group)
            .map(|part| {
                let (mut sum, mut inputs, mut labels) = (vec![0.0; v.len()], Vec::new(), Vec::new());
                let (mut shared, mut moving) = (Shared::default(), Moving::default());
                for chunk in part.chunks(together) {
                    self.training.gather(chunk, &mut inputs, &mut labels);
                    shared.forward(network, x, &inputs);
                    shared.backward(network, x, &labels);
                    for (v, sum) in v.chunks_exact(n).zip(sum.chunks_exact_mut(n)) {
                        shared.product(network, matrix, x, v, sum, &mut moving);
                    }
                }
                sum
            })
            .collect();
        out.fill(0.0);
        for part in parts {
            out.iter_mut().zip(part).for_each(|(o, p)| *o += p);
        }
        let samples = all.len() as f64;
        out.iter_mut().for_each(|o| *o /= samples);
        Ok(())
    }

    /// out `[N]` <- (1/P) sum_mu g_mu (g_mu . v), the empirical Fisher matrix on v `[N]`, g_mu the gradient of sample mu's loss.
    ///
    /// Convention: with the training labels, and raw second moments (no mean subtracted). The Fisher matrix of the model, whose
    /// labels are drawn from it, is `gauss_newton_vec` for the log-likelihood. Cost: about two gradients. Checked by
    /// `derivatives_match_pytorch`.
    pub fn empirical_fisher_vec(&self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        self.products(Matrix::EmpiricalFisher, x, v, out)
    }

    /// out `[B, N]` <- the gradient of the loss of each sample of `batch` alone. Cost: one pass per sample. Checked by
    /// `derivatives_match_pytorch`.
    pub fn sample_gradients(&self, x: &[f64], batch: &[u32], out: &mut [f64]) -> Result<(), Fault> {
        let n = self.network.dof();
        Fault::check_len("positions", n, x.len())?;
        Fault::check_len("gradients", batch.len() * n, out.len())?;
        self.check_batch(batch)?;
        let network = self.settled(x, NONE)?;
        out.fill(0.0);
        out.par_chunks_mut(n).zip(batch).for_each_init(
            || (Vec::new(), Vec::new(), Tape::default()),
            |(inputs, labels, tape), (out, sample)| {
                self.training.gather(std::slice::from_ref(sample), inputs, labels);
                network.chunk(x, inputs, labels, Some(out), false, tape);
            },
        );
        Ok(())
    }

    /// The same network, on the same data, in evaluation mode with these running statistics (as laid out by `System::buffers`).
    pub fn frozen(&self, buffers: &[f64]) -> Result<Self, Fault> {
        let expected = self.network.buffers().last().map_or(0, |b| b.range.end);
        Fault::check_len("running statistics", expected, buffers.len())?;
        let Training { data, rows, labels } = &self.training;
        let training = Training { data: data.clone(), rows: rows.clone(), labels: labels.clone() };
        let network = self.network.frozen(buffers);
        Ok(Self {
            name: self.name,
            citations: self.citations,
            network,
            training,
            dense: self.dense.clone(),
            noise_samples: self.noise_samples,
            loss_samples: self.loss_samples,
            augmentation: self.augmentation,
            start: self.start.as_ref().map(|s| Start { x: s.x.clone(), buffers: Vec::new() }),
        })
    }

    fn check_inputs(&self, x: &[f64], inputs: &[f64]) -> Result<usize, Fault> {
        Fault::check_len("positions", self.network.dof(), x.len())?;
        let per_sample = self.network.inputs();
        Fault::check_len("inputs", inputs.len().next_multiple_of(per_sample), inputs.len())?;
        Ok(inputs.len() / per_sample)
    }
}

/// Forward over reverse, by hand in each layer; a gradient's cost times 3 at most. Checked by `hessians_are_slopes_of_forces`
/// and `derivatives_match_pytorch`.
impl HessianVec for Trained {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        Fault::check_len("vectors", self.network.dof(), v.len())?;
        self.products(Matrix::Hessian, x, v, out)
    }

    fn hessian_vec_many(&self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        self.products(Matrix::Hessian, x, v, out)
    }
}

impl Predict for Trained {
    fn inputs(&self) -> usize {
        self.network.inputs()
    }

    fn outputs(&self) -> usize {
        self.network.outputs()
    }

    fn predict(&self, x: &[f64], inputs: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        let samples = self.check_inputs(x, inputs)?;
        let (wide, classes, together) = (self.network.inputs(), self.network.outputs(), self.together());
        Fault::check_len("outputs", samples * classes, out.len())?;
        let network = self.settled(x, NONE)?;
        let chunks = inputs.par_chunks(together * wide).zip(out.par_chunks_mut(together * classes));
        chunks.for_each_init(Tape::default, |tape, (inputs, out)| {
            out.copy_from_slice(network.outputs_of(x, inputs, tape));
        });
        Ok(())
    }
}

impl Tangent for Trained {
    fn jacobian_vec(&self, x: &[f64], inputs: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        let samples = self.check_inputs(x, inputs)?;
        let (wide, classes, together) = (self.network.inputs(), self.network.outputs(), self.together());
        Fault::check_len("vectors", self.network.dof(), v.len())?;
        Fault::check_len("outputs", samples * classes, out.len())?;
        let network = self.settled(x, NONE)?;
        let chunks = inputs.par_chunks(together * wide).zip(out.par_chunks_mut(together * classes));
        chunks.for_each_init(Default::default, |(shared, moving): &mut (Shared, Moving), (inputs, out)| {
            shared.forward(&network, x, inputs);
            out.copy_from_slice(shared.jacobian_vec(&network, x, v, moving));
        });
        Ok(())
    }

    fn vec_jacobian(&self, x: &[f64], inputs: &[f64], u: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        let samples = self.check_inputs(x, inputs)?;
        let (wide, classes, together) = (self.network.inputs(), self.network.outputs(), self.together());
        Fault::check_len("cotangents", samples * classes, u.len())?;
        Fault::check_len("products", self.network.dof(), out.len())?;
        let network = self.settled(x, NONE)?;
        let group = samples.div_ceil(together).div_ceil(GROUPS).max(1) * together;
        let groups = inputs.par_chunks(group * wide).zip(u.par_chunks(group * classes));
        let parts: Vec<Vec<f64>> = groups
            .map(|(inputs, u)| {
                let (mut sum, mut tape) = (vec![0.0; x.len()], Tape::default());
                for (inputs, u) in inputs.chunks(together * wide).zip(u.chunks(together * classes)) {
                    network.outputs_of(x, inputs, &mut tape);
                    network.vec_jacobian(x, inputs, u, &mut sum, &mut tape);
                }
                sum
            })
            .collect();
        out.fill(0.0);
        for part in parts {
            out.iter_mut().zip(part).for_each(|(o, p)| *o += p);
        }
        Ok(())
    }

    /// Theta = sum_l (s_l^2 A_l A_l'^T + t_l^2) o (D_l D_l'^T) over dense layers, A inputs and D derivatives by outputs; other
    /// layers form gradients of a block. Cost for dense layers O(A B sum_l (inputs + C^2 outputs)), memory 64 MiB a thread.
    fn tangent_kernel(&self, x: &[f64], a: &[f64], b: Option<&[f64]>, out: &mut [f64]) -> Result<(), Fault> {
        let rows = self.check_inputs(x, a)? * self.network.outputs();
        let columns = b.map_or(Ok(rows), |b| Ok(self.check_inputs(x, b)? * self.network.outputs()))?;
        Fault::check_len("kernel", rows * columns, out.len())?;
        kernel::tangent_kernel(&*self.settled(x, NONE)?, x, a, b, out);
        Ok(())
    }

    fn gauss_newton_vec(&self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        Fault::check_len("vectors", self.network.dof(), v.len())?;
        self.products(Matrix::GaussNewton, x, v, out)
    }
}
