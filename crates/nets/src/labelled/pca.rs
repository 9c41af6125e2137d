//! Leading principal components by subspace iteration.

use crate::kernels::{Matrix, product};
use glasslab_core::{Fault, Streams};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

/// The leading eigenvectors of a covariance.
#[derive(Clone, Debug, PartialEq)]
pub struct Components {
    /// Inputs n.
    pub inputs: usize,
    /// Eigenvectors [k, n], row-major, orthonormal; the entry of largest size of each is positive.
    pub vectors: Vec<f64>,
    /// Eigenvalues \[k\], descending.
    pub values: Vec<f64>,
}

impl Components {
    /// Coordinates [P, k] of centred samples x [P, n], divided by the root of the mean of the k eigenvalues; or each by
    /// the root of its own, if whitened (a component without variance stays 0). Cost O(P n k).
    pub fn project(&self, x: &[f64], whiten: bool) -> Vec<f64> {
        let (n, k) = (self.inputs, self.values.len());
        let samples = x.len() / n;
        let mut out = vec![0.0; samples * k];
        product([samples, k, n], Matrix::rows(x, n), Matrix::turned(&self.vectors, n), &mut out, false);
        let mean = self.values.iter().sum::<f64>() / k as f64;
        let scale = |v: &f64| if *v > 1e-12 * mean { 1.0 / v.sqrt() } else { 0.0 };
        let scales: Vec<f64> = self.values.iter().map(|v| if whiten { scale(v) } else { scale(&mean) }).collect();
        out.chunks_exact_mut(k).for_each(|row| row.iter_mut().zip(&scales).for_each(|(v, s)| *v *= s));
        out
    }
}

/// The covariance (1/P) x^T x [n, n] of x [P, n]. Cost O(P n^2); the order of sums does not depend on threads.
fn covariance(x: &[f64], n: usize) -> Vec<f64> {
    const PARTS: usize = 4;
    let samples = x.len() / n;
    let part = samples.div_ceil(PARTS).max(1) * n;
    let sums: Vec<Vec<f64>> = x
        .par_chunks(part)
        .map(|x| {
            let mut sum = vec![0.0; n * n];
            for x in x.chunks(256 * n) {
                product([n, n, x.len() / n], Matrix::turned(x, n), Matrix::rows(x, n), &mut sum, true);
            }
            sum
        })
        .collect();
    let mut total = vec![0.0; n * n];
    for sum in sums {
        total.iter_mut().zip(sum).for_each(|(t, s)| *t += s);
    }
    total.iter_mut().for_each(|t| *t /= samples as f64);
    total
}

/// The first k principal components of centred samples x [P, n]: subspace iteration with k + 8 vectors and a Rayleigh-Ritz
/// step, until every residual |C v - lambda v| is below 10^-10 of the largest eigenvalue. Start from the stream ("pca", 0, 0).
/// Cost O(P n^2) and O(n^2 k) an iteration. Checked by `components_are_eigenvectors_and_projections_have_unit_variance`.
pub fn components(x: &[f64], n: usize, k: usize, streams: Streams) -> Result<Components, Fault> {
    let c = covariance(x, n);
    let m = (k + 8).min(n);
    let mut rng = streams.stream("pca", 0, 0);
    // Rows are vectors.
    let mut q: Vec<f64> = (0..m * n).map(|_| StandardNormal.sample(&mut rng)).collect();
    let mut image = vec![0.0; m * n];
    orthonormal(&mut q, n);
    for round in 0..4000 {
        product([m, n, n], Matrix::rows(&q, n), Matrix::rows(&c, n), &mut image, false);
        if round % 10 == 9 || m == n {
            let mut small = vec![0.0; m * m];
            product([m, m, n], Matrix::rows(&q, n), Matrix::turned(&image, n), &mut small, false);
            let (values, turns) = jacobi(&mut small, m);
            let (mut vectors, mut images) = (vec![0.0; m * n], vec![0.0; m * n]);
            product([m, n, m], Matrix::rows(&turns, m), Matrix::rows(&q, n), &mut vectors, false);
            product([m, n, m], Matrix::rows(&turns, m), Matrix::rows(&image, n), &mut images, false);
            let top = values[0].max(f64::MIN_POSITIVE);
            let residual = |i: usize| {
                let rows = vectors[i * n..(i + 1) * n].iter().zip(&images[i * n..(i + 1) * n]);
                rows.map(|(v, c)| (c - values[i] * v).powi(2)).sum::<f64>().sqrt()
            };
            if (0..k).all(|i| residual(i) <= 1e-10 * top) {
                vectors.truncate(k * n);
                for v in vectors.chunks_exact_mut(n) {
                    let largest = v.iter().fold(0.0_f64, |m, x| if x.abs() > m.abs() { *x } else { m });
                    if largest < 0.0 {
                        v.iter_mut().for_each(|x| *x = -*x);
                    }
                }
                return Ok(Components { inputs: n, vectors, values: values[..k].to_vec() });
            }
            (q, image) = (vectors, images);
        }
        std::mem::swap(&mut q, &mut image);
        orthonormal(&mut q, n);
    }
    Err(Fault::input("components", k, "give fewer: the spectrum is too flat there to tell components apart"))
}

/// Gram-Schmidt on the rows, twice; a row without a rest becomes zero.
fn orthonormal(rows: &mut [f64], n: usize) {
    let m = rows.len() / n;
    for i in 0..m {
        let (done, rest) = rows.split_at_mut(i * n);
        let row = &mut rest[..n];
        for _ in 0..2 {
            for before in done.chunks_exact(n) {
                let overlap: f64 = before.iter().zip(&*row).map(|(a, b)| a * b).sum();
                row.iter_mut().zip(before).for_each(|(r, b)| *r -= overlap * b);
            }
        }
        let norm = row.iter().map(|v| v * v).sum::<f64>().sqrt();
        let scale = if norm > 1e-290 { 1.0 / norm } else { 0.0 };
        row.iter_mut().for_each(|v| *v *= scale);
    }
}

/// Eigenvalues, descending, and eigenvectors (rows) of a symmetric a [m, m], by cyclic Jacobi rotations. Cost O(m^3).
fn jacobi(a: &mut [f64], m: usize) -> (Vec<f64>, Vec<f64>) {
    let mut v: Vec<f64> = (0..m * m).map(|i| if i / m == i % m { 1.0 } else { 0.0 }).collect();
    for _ in 0..60 {
        let off: f64 = (0..m * m).filter(|i| i / m != i % m).map(|i| a[i] * a[i]).sum();
        let on: f64 = (0..m).map(|i| a[i * m + i] * a[i * m + i]).sum();
        if off <= 1e-30 * on {
            break;
        }
        for p in 0..m {
            for q in p + 1..m {
                if a[p * m + q].abs() < 1e-300 {
                    continue;
                }
                let theta = (a[q * m + q] - a[p * m + p]) / (2.0 * a[p * m + q]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let t = if theta == 0.0 { 1.0 } else { t };
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for i in 0..m {
                    let (x, y) = (a[i * m + p], a[i * m + q]);
                    (a[i * m + p], a[i * m + q]) = (c * x - s * y, s * x + c * y);
                }
                for i in 0..m {
                    let (x, y) = (a[p * m + i], a[q * m + i]);
                    (a[p * m + i], a[q * m + i]) = (c * x - s * y, s * x + c * y);
                    let (x, y) = (v[p * m + i], v[q * m + i]);
                    (v[p * m + i], v[q * m + i]) = (c * x - s * y, s * x + c * y);
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..m).collect();
    order.sort_by(|&i, &j| a[j * m + j].total_cmp(&a[i * m + i]));
    let vectors = order.iter().flat_map(|&i| v[i * m..(i + 1) * m].to_vec()).collect();
    (order.iter().map(|&i| a[i * m + i]).collect(), vectors)
}
