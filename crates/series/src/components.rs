//! Principal components of a trajectory, from its pairwise distances alone.
//!
//! With D_ij = |x_i - x_j|^2 the matrix of products about the mean of the checkpoints is G = -J D J/2, J = 1 - 1/S (classical scaling);
//! its eigenvalues are the variances of the trajectory along its principal components, summed over checkpoints. A component is counted
//! by checkpoint, not by time: many checkpoints in a stretch weigh it up.
//!
//! What misleads: a free random walk has few dominant components too. In high dimension the k-th has variance 1/k^2 in units of the
//! first, so the first holds 6/pi^2 = 61 % and the effective dimension is 2.5, whatever N. A straight line has 1.
//! Source: Torgerson 1952 (doi:10.1007/BF02288916); Antognini and Sohl-Dickstein 2018 (arXiv:1806.08805). Checked by
//! `tests/known_answers.rs`.

use crate::estimate::{Estimate, Trajectory};
use serde::Serialize;

/// Most checkpoints that enter; of more, so many are chosen evenly.
const MOST: usize = 128;
/// Components that are kept.
pub(crate) const KEPT: usize = 5;

/// What the eigenvalues say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Components {
    /// (sum lambda)^2 / sum lambda^2: 1 for a straight line, 2.5 for a free random walk.
    pub effective_dimension: Estimate,
    /// Parts of the variance of the first components, up to five.
    pub explained: Vec<f64>,
    /// Steps of the checkpoints that entered.
    #[serde(skip)]
    pub(crate) times: Vec<f64>,
    /// Coordinates along the kept components `[component][checkpoint]`, from the mean; the largest in size is positive.
    #[serde(skip)]
    pub(crate) coordinates: Vec<Vec<f64>>,
}

/// Components of the kept checkpoints; `None` if nothing moves. Cost O(S^3), S at most 128.
pub(crate) fn components(trajectory: &Trajectory<'_>) -> Option<Components> {
    let thin = trajectory.thinned(MOST);
    let s = thin.len();
    let (values, vectors) = eigen(&products(s, &|k, t| thin.square(k, t)), s);
    let sum: f64 = values.iter().filter(|v| **v > 0.0).sum();
    if sum <= 0.0 || sum.is_nan() {
        return None;
    }
    // No eigenvector is needed for sums of eigenvalues and of their squares: the trace and the Frobenius norm.
    let effective_dimension = thin.estimate(|square| {
        let g = products(s, square);
        let trace: f64 = (0..s).map(|i| g[i * s + i]).sum();
        trace * trace / g.iter().map(|x| x * x).sum::<f64>()
    })?;
    let kept = KEPT.min(s - 1);
    let coordinates = (0..kept).map(|c| {
        let (root, v) = (values[c].max(0.0).sqrt(), &vectors[c]);
        let largest = v.iter().fold(0.0_f64, |a, b| if b.abs() > a.abs() { *b } else { a });
        v.iter().map(|x| x * root * largest.signum()).collect()
    });
    let explained = values[..kept].iter().map(|v| v.max(0.0) / sum).collect();
    Some(Components { effective_dimension, explained, coordinates: coordinates.collect(), times: thin.times.clone() })
}

/// G = -J D J/2 `[s, s]`.
fn products(s: usize, square: &dyn Fn(usize, usize) -> f64) -> Vec<f64> {
    let mut g: Vec<f64> = (0..s).flat_map(|k| (0..s).map(move |t| (k, t))).map(|(k, t)| square(k, t)).collect();
    let means: Vec<f64> = g.chunks(s).map(|row| row.iter().sum::<f64>() / s as f64).collect();
    let mean = means.iter().sum::<f64>() / s as f64;
    for k in 0..s {
        for t in 0..s {
            g[k * s + t] = -0.5 * (g[k * s + t] - means[k] - means[t] + mean);
        }
    }
    g
}

/// Eigenvalues in decreasing order, and eigenvectors, of a symmetric matrix, by rotations of pairs (Jacobi 1846), until all that is off
/// the diagonal is below 1e-15 of the whole. Cost O(s^3) a sweep, some ten sweeps.
fn eigen(matrix: &[f64], s: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
    let mut a = matrix.to_vec();
    // Rows of `v` are the vectors: rotating rows is what memory likes.
    let mut v: Vec<Vec<f64>> = (0..s).map(|i| (0..s).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    let whole: f64 = a.iter().map(|x| x * x).sum();
    for _ in 0..60 {
        let off: f64 = (0..s).flat_map(|i| (0..i).map(move |j| i * s + j)).map(|at| a[at] * a[at]).sum();
        if off <= 1e-30 * whole || off.is_nan() {
            break;
        }
        for p in 0..s {
            for q in p + 1..s {
                let x = a[p * s + q];
                if x == 0.0 {
                    continue;
                }
                let theta = (a[q * s + q] - a[p * s + p]) / (2.0 * x);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let sine = t * c;
                for i in 0..s {
                    let (ip, iq) = (a[i * s + p], a[i * s + q]);
                    (a[i * s + p], a[i * s + q]) = (c * ip - sine * iq, sine * ip + c * iq);
                }
                for i in 0..s {
                    let (pi, qi) = (a[p * s + i], a[q * s + i]);
                    (a[p * s + i], a[q * s + i]) = (c * pi - sine * qi, sine * pi + c * qi);
                }
                let (front, back) = v.split_at_mut(q);
                for (x, y) in front[p].iter_mut().zip(&mut back[0]) {
                    (*x, *y) = (c * *x - sine * *y, sine * *x + c * *y);
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..s).collect();
    order.sort_by(|&i, &j| a[j * s + j].total_cmp(&a[i * s + i]));
    (order.iter().map(|&i| a[i * s + i]).collect(), order.into_iter().map(|i| std::mem::take(&mut v[i])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second-difference matrix of size n has eigenvalues 2 - 2 cos(pi k/(n + 1)); A v = lambda v for each.
    #[test]
    fn eigenvalues_of_the_second_difference() {
        let n = 24;
        let mut a = vec![0.0; n * n];
        for i in 0..n {
            a[i * n + i] = 2.0;
            if i > 0 {
                (a[i * n + i - 1], a[(i - 1) * n + i]) = (-1.0, -1.0);
            }
        }
        let (values, vectors) = eigen(&a, n);
        for k in 0..n {
            let expected = 2.0 - 2.0 * (std::f64::consts::PI * (n - k) as f64 / (n + 1) as f64).cos();
            assert!((values[k] - expected).abs() < 1e-13);
            for i in 0..n {
                let av: f64 = (0..n).map(|j| a[i * n + j] * vectors[k][j]).sum();
                assert!((av - values[k] * vectors[k][i]).abs() < 1e-13);
            }
        }
    }
}
