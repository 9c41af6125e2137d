//! All eigenvalues of dense symmetric matrices.

use crate::operator::{Matrix, Operator, TangentHessian};
use crate::tridiagonal;
use glasslab_core::{Fault, System, sum};
use rayon::prelude::*;

/// Rows below which one thread is faster than several.
const ALONE: usize = 256;
/// Products asked for at a time.
const TOGETHER: usize = 64;

/// All eigenvalues, ascending, of a symmetric matrix `[n, n]` (its lower half is not looked at).
///
/// Householder reflections to tridiagonal form, 8/3 n^3 flops at the speed of memory, all threads, the same bits on any number;
/// then QL. Error: a few n times rounding of the largest eigenvalue. Memory 8 n^2 bytes, in place.
/// Source: Golub and Van Loan, Matrix Computations, section 8.3.
/// Checked by `dense_matrices_with_known_eigenvalues`.
pub fn eigenvalues(matrix: Matrix) -> Result<Vec<f64>, Fault> {
    Ok(measure_at_first(matrix)?.into_iter().map(|e| e.0).collect())
}

/// The spectral measure of a symmetric matrix A `[n, n]` at a vector v `[n]`, not zero: all eigenvalues, ascending, each with
/// the square of the overlap of its eigenvector with v/|v|. The weights sum to 1; sum_i w_i lambda_i^k = v^T A^k v/|v|^2.
///
/// A reflection takes v onto the first axis, where the reduction to tridiagonal form leaves it: the weights come with the
/// eigenvalues and no eigenvector is made. Equal eigenvalues share their weight in no particular way. Cost of
/// [`eigenvalues`], and two products. Checked by `the_spectral_measure_integrates_powers`.
pub fn spectral_measure(mut matrix: Matrix, v: &[f64]) -> Result<Vec<(f64, f64)>, Fault> {
    let n = matrix.size;
    Fault::check_len("matrix", n * n, matrix.entries.len())?;
    Fault::check_len("vector", n, v.len())?;
    let length = sum::dot(v, v).sqrt();
    if !(length.is_finite() && length > 0.0) {
        return Err(Fault::input("vector", length, "give a finite vector that is not zero"));
    }
    let mut u: Vec<f64> = v.iter().map(|v| v / length).collect();
    u[0] += 1.0_f64.copysign(u[0]);
    let scale = 2.0 / sum::dot(&u, &u);
    // A - scale (u w^T + w u^T) + scale^2 (u.w) u u^T with w = A u.
    let mut w = vec![0.0; n];
    matrix.apply(&u, &mut w)?;
    let half = 0.5 * scale * sum::dot(&u, &w);
    w.iter_mut().zip(&u).for_each(|(w, u)| *w = scale * (*w - half * u));
    for (row, (a, b)) in matrix.entries.chunks_mut(n).zip(u.iter().zip(&w)) {
        row.iter_mut().zip(u.iter().zip(&w)).for_each(|(e, (u, w))| *e -= a * w + b * u);
    }
    measure_at_first(matrix)
}

/// Eigenvalues, ascending, with the squares of the first components of their eigenvectors.
fn measure_at_first(mut matrix: Matrix) -> Result<Vec<(f64, f64)>, Fault> {
    let n = matrix.size;
    Fault::check_len("matrix", n * n, matrix.entries.len())?;
    let a = &mut matrix.entries;
    // The upper half rules: one triangle is copied onto the other.
    for i in 0..n {
        for j in 0..i {
            a[i * n + j] = a[j * n + i];
        }
    }
    let (mut diagonal, mut off) = (Vec::with_capacity(n), Vec::new());
    for k in 0..n {
        diagonal.push(a[k * n + k]);
        if k + 1 == n {
            break;
        }
        // Reflect the rest of column k (= row k) onto its first entry.
        let mut v = a[k * n + k + 1..(k + 1) * n].to_vec();
        let length = sum::dot(&v, &v).sqrt();
        let target = -length.copysign(v[0]);
        off.push(target);
        v[0] -= target;
        let square = sum::dot(&v, &v);
        if square == 0.0 || v.len() == 1 {
            if v.len() == 1 {
                // Nothing is left to reflect: the sign does not matter to the eigenvalues.
                *off.last_mut().expect("just pushed") = a[k * n + k + 1];
            }
            continue;
        }
        let rest = &mut a[(k + 1) * n..];
        let part = |row: &[f64]| sum::dot(&row[k + 1..], &v);
        let mut w: Vec<f64> = if v.len() < ALONE {
            rest.chunks(n).map(part).collect()
        } else {
            rest.par_chunks(n).with_min_len(32).map(part).collect()
        };
        w.iter_mut().for_each(|w| *w *= 2.0 / square);
        let along = sum::dot(&w, &v) / square;
        w.iter_mut().zip(&v).for_each(|(w, v)| *w -= along * v);
        let update = |(row, (vi, wi)): (&mut [f64], (&f64, &f64))| {
            row[k + 1..].iter_mut().zip(v.iter().zip(&w)).for_each(|(a, (v, w))| *a -= vi * w + wi * v);
        };
        if v.len() < ALONE {
            rest.chunks_mut(n).zip(v.iter().zip(&w)).for_each(update);
        } else {
            rest.par_chunks_mut(n).with_min_len(32).zip(v.par_iter().zip(&w)).for_each(update);
        }
    }
    Ok(tridiagonal::solve(diagonal, &off))
}

/// All eigenvalues of a System's second derivative at x along its space: N, or N - 1 on a sphere, ascending.
///
/// Cost: N products, then [`eigenvalues`]. Memory 16 N^2 bytes.
pub fn hessian_eigenvalues(system: &dyn System, x: &[f64]) -> Result<Vec<f64>, Fault> {
    let operator = TangentHessian::new(system, x)?;
    let n = operator.size();
    let mut entries = vec![0.0; n * n];
    for (block, rows) in entries.chunks_mut(TOGETHER * n).enumerate() {
        let mut unit = vec![0.0; rows.len()];
        unit.chunks_mut(n).enumerate().for_each(|(k, v)| v[block * TOGETHER + k] = 1.0);
        operator.apply(&unit, rows)?;
    }
    if operator.removed() == 0 {
        return eigenvalues(Matrix { size: n, entries });
    }
    // A reflection takes x onto the last axis, whose row and column are then left out: v = x/|x| + sign e_n.
    let length = sum::dot(x, x).sqrt();
    let mut v: Vec<f64> = x.iter().map(|x| x / length).collect();
    v[n - 1] += 1.0_f64.copysign(v[n - 1]);
    let scale = 2.0 / sum::dot(&v, &v);
    let reflect = |row: &mut [f64]| {
        let along = scale * sum::dot(row, &v);
        row.iter_mut().zip(&v).for_each(|(a, v)| *a -= along * v);
    };
    entries.chunks_mut(n).for_each(reflect);
    let mut along = vec![0.0; n];
    for (row, v) in entries.chunks(n).zip(&v) {
        along.iter_mut().zip(row).for_each(|(w, a)| *w += scale * v * a);
    }
    let mut small = Vec::with_capacity((n - 1) * (n - 1));
    for (row, v) in entries.chunks(n).zip(&v).take(n - 1) {
        small.extend(row[..n - 1].iter().zip(&along).map(|(a, w)| a - v * w));
    }
    eigenvalues(Matrix { size: n - 1, entries: small })
}
