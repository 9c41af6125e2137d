//! Dense systems of linear equations: LU decomposition with row pivoting.

use glasslab_core::Fault;
use pulp::Arch;
use rayon::prelude::*;

/// The factors of a square matrix.
pub struct Factors {
    size: usize,
    /// Unit lower and upper factor, row-major.
    entries: Vec<f64>,
    pivots: Vec<usize>,
}

#[inline(always)]
fn subtract(target: &mut [f64], factor: f64, source: &[f64]) {
    for (t, s) in target.iter_mut().zip(source) {
        *t -= factor * s;
    }
}

/// Rows that are updated together, so that a block of pivot rows is read once for all of them.
const BLOCK: usize = 32;

impl Factors {
    /// Factors `matrix` [size, size], row-major. Cost 2/3 size^3. A matrix that is singular or not finite is a fault.
    pub fn new(size: usize, matrix: Vec<f64>) -> Result<Self, Fault> {
        let mut this = Self { size, entries: matrix, pivots: Vec::with_capacity(size) };
        Arch::new().dispatch(|| this.factor())?;
        Ok(this)
    }

    #[inline(always)]
    fn factor(&mut self) -> Result<(), Fault> {
        let n = self.size;
        for first in (0..n).step_by(BLOCK) {
            let last = (first + BLOCK).min(n);
            // The panel of columns first..last, all rows below.
            for k in first..last {
                let a = &mut self.entries;
                let best = (k..n).fold(k, |b, i| if a[i * n + k].abs() > a[b * n + k].abs() { i } else { b });
                let pivot = a[best * n + k];
                if !(pivot.is_finite() && pivot != 0.0) {
                    return Err(Fault::input("matrix", pivot, "give one that is finite and not singular"));
                }
                self.pivots.push(best);
                if best != k {
                    let (top, bottom) = a.split_at_mut(best * n);
                    top[k * n..][..n].swap_with_slice(&mut bottom[..n]);
                }
                let (top, bottom) = a.split_at_mut((k + 1) * n);
                let pivot_row = &top[k * n..];
                for row in bottom.chunks_exact_mut(n) {
                    let factor = row[k] / pivot;
                    row[k] = factor;
                    subtract(&mut row[k + 1..last], factor, &pivot_row[k + 1..last]);
                }
            }
            // The rest of the rows of the block, then of all rows below.
            for i in first + 1..last {
                let (top, bottom) = self.entries.split_at_mut(i * n);
                let (factors, target) = bottom[..n].split_at_mut(last);
                for k in first..i {
                    subtract(target, factors[k], &top[k * n + last..(k + 1) * n]);
                }
            }
            let (top, bottom) = self.entries.split_at_mut(last * n);
            let arch = Arch::new();
            bottom.par_chunks_mut(8 * n).for_each(|rows| {
                arch.dispatch(|| {
                    for row in rows.chunks_exact_mut(n) {
                        let (factors, target) = row.split_at_mut(last);
                        for k in first..last {
                            subtract(target, factors[k], &top[k * n + last..(k + 1) * n]);
                        }
                    }
                })
            });
        }
        Ok(())
    }

    /// Solves for the right-hand side b, in place. Cost 2 size^2.
    pub fn solve(&self, b: &mut [f64]) {
        let n = self.size;
        for (k, &pivot) in self.pivots.iter().enumerate() {
            b.swap(k, pivot);
        }
        for i in 1..n {
            let (done, rest) = b.split_at_mut(i);
            rest[0] -= crate::dot::dot(&self.entries[i * n..i * n + i], done);
        }
        for i in (0..n).rev() {
            let (head, done) = b.split_at_mut(i + 1);
            let row = &self.entries[i * n..(i + 1) * n];
            head[i] = (head[i] - crate::dot::dot(&row[i + 1..], done)) / row[i];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solutions_satisfy_the_equations() {
        for n in [1_usize, 5, 33, 100] {
            // Small diagonal: pivoting is needed.
            let entry = |i: usize, j: usize| ((i * 7 + j * 13 + i * j) as f64).sin() + if i == j { 1e-9 } else { 0.0 };
            let matrix: Vec<f64> = (0..n * n).map(|k| entry(k / n, k % n)).collect();
            let x: Vec<f64> = (0..n).map(|i| (i as f64).cos()).collect();
            let mut b: Vec<f64> = matrix.chunks(n).map(|row| crate::dot::dot(row, &x)).collect();
            Factors::new(n, matrix).unwrap().solve(&mut b);
            for (found, given) in b.iter().zip(&x) {
                assert!((found - given).abs() < 1e-8, "n = {n}: {found} {given}");
            }
        }
        assert!(Factors::new(2, vec![1.0, 2.0, 2.0, 4.0]).is_err());
        assert!(Factors::new(1, vec![f64::NAN]).is_err());
    }
}
