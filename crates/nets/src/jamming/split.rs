//! The two parts of the Hessian of a hinge: H = H0 + Hp.

use super::JammingMlp;
use crate::derivatives::curvature::Matrix;
use glasslab_core::{Contacts, Fault, System};

/// Dense parts of the Hessian at x, symmetric [N, N] each, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct HessianSplit {
    /// N, biases included.
    pub dof: usize,
    /// N_Delta, number of gaps below 0.
    pub violated: usize,
    /// H0 = (1/P) sum_mu l'' grad Delta grad Delta^T: positive semidefinite, of rank at most N_Delta for a hinge.
    pub h0: Vec<f64>,
    /// Hp = (1/P) sum_mu l' Hess Delta, l' = dl/dDelta.
    pub hp: Vec<f64>,
}

/// Most parameters of which a dense Hessian is made: two matrices of 128 MiB.
const MOST: usize = 4096;
/// Columns made at a time.
const TOGETHER: usize = 64;

impl JammingMlp {
    /// H0 and Hp at x, for the quadratic hinge: Delta = kappa - y f, l = Delta^2/2, so l'' = 1 and l' = Delta for Delta > 0.
    ///
    /// Exact second derivatives, each part by its own products; at a kink of ReLU those of the flat side. Both matrices are
    /// symmetric up to rounding, which is averaged out. Cost: 2N products over the N_Delta samples, 24 N^2 N_Delta flops.
    /// Source: Geiger et al. 2019, arXiv:1809.09349. Checked by `the_split_matches_pytorch`.
    pub fn hessian_split(&self, x: &[f64]) -> Result<HessianSplit, Fault> {
        let n = self.dof();
        if n > MOST {
            let fix = format!("give a network of at most {MOST} parameters: its Hessian is a dense matrix");
            return Err(Fault::input("hidden", n, fix));
        }
        let violated = self.gaps(x)?.iter().filter(|g| **g < 0.0 || g.is_nan()).count();
        let dense = |matrix: Matrix| -> Result<Vec<f64>, Fault> {
            let mut entries = vec![0.0; n * n];
            for (block, rows) in entries.chunks_mut(TOGETHER * n).enumerate() {
                let mut unit = vec![0.0; rows.len()];
                unit.chunks_mut(n).enumerate().for_each(|(k, v)| v[block * TOGETHER + k] = 1.0);
                self.products(matrix, x, &unit, rows)?;
            }
            for i in 0..n {
                for j in 0..i {
                    let mean = 0.5 * (entries[i * n + j] + entries[j * n + i]);
                    (entries[i * n + j], entries[j * n + i]) = (mean, mean);
                }
            }
            Ok(entries)
        };
        Ok(HessianSplit { dof: n, violated, h0: dense(Matrix::GaussNewton)?, hp: dense(Matrix::Residual)? })
    }
}
