//! Matrix products on slices: the right factor is packed into panels, then swept by register tiles.
#![allow(unsafe_code)]

use super::tile::{Finish, Left, Step, Strided, sweep, tile_columns};
use super::{Buffer, Real};
use pulp::{Arch, Simd, WithSimd};

/// A matrix in a slice: entry (i, j) is `values[i row + j column]`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    pub values: &'a [T],
    pub row: usize,
    pub column: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// Row-major, `columns` wide.
    pub fn rows(values: &'a [T], columns: usize) -> Self {
        Self { values, row: columns, column: 1 }
    }

    /// The transpose of a row-major matrix `columns` wide.
    pub fn turned(values: &'a [T], columns: usize) -> Self {
        Self { values, row: 1, column: columns }
    }
}

struct Store<T> {
    at: *mut T,
    row: usize,
    from: usize,
    add: bool,
}

impl<S: Simd, T: Real> Finish<S, T> for Store<T> {
    type Row = ();

    #[inline(always)]
    fn start(&self, _simd: S, _i: usize) {}

    #[inline(always)]
    unsafe fn finish(&self, simd: S, i: usize, j: usize, valid: usize, _row: (), v: T::Vector<S>) {
        // SAFETY: row i and `valid` columns from `from + j` on lie in the output, whose length was checked.
        unsafe {
            let p = self.at.add(i * self.row + self.from + j);
            let v = if self.add { T::plus(simd, v, T::load_part(simd, p, valid)) } else { v };
            T::store_part(simd, p, valid, v);
        }
    }
}

struct Product<'a, T> {
    size: [usize; 3],
    a: Matrix<'a, T>,
    b: Matrix<'a, T>,
    c: &'a mut [T],
    add: bool,
}

impl<T: Real> WithSimd for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let [m, n, k] = self.size;
        let wide = tile_columns::<S, T>(simd);
        let mut panel = Buffer::<T>::new(k * wide);
        for from in (0..n).step_by(wide) {
            let width = (n - from).min(wide);
            let entry = |p: usize, j: usize| self.b.values[p * self.b.row + (from + j) * self.b.column];
            // Along the memory of b.
            if self.b.row < self.b.column {
                for j in 0..width {
                    panel.chunks_exact_mut(wide).enumerate().for_each(|(p, row)| row[j] = entry(p, j));
                }
            } else {
                for (p, row) in panel.chunks_exact_mut(wide).enumerate() {
                    row[..width].iter_mut().enumerate().for_each(|(j, v)| *v = entry(p, j));
                }
            }
            let left = Left { at: self.a.values.as_ptr(), row: self.a.row, depths: Step(self.a.column) };
            let right = Strided { at: panel.as_ptr(), row: wide };
            let store = Store { at: self.c.as_mut_ptr(), row: n, from, add: self.add };
            // SAFETY: `product` checked that a holds (m-1, k-1) and c m n entries; the panel is k rows of whole tiles.
            unsafe { sweep(simd, 0..m, 0..width, k, left, right, &store, width) };
        }
    }
}

/// c [m, n] <- a [m, k] b [k, n], or c + a b if `add`. Each entry is one sum in the order of k, added to c at the end.
/// Cost O(m n k). Checked by `products_equal_the_plain_sum`.
pub(crate) fn product<T: Real>(size: [usize; 3], a: Matrix<'_, T>, b: Matrix<'_, T>, c: &mut [T], add: bool) {
    let [m, n, k] = size;
    if m == 0 || n == 0 {
        return;
    }
    let last = |x: Matrix<'_, T>, i: usize, j: usize| k == 0 || (i - 1) * x.row + (j - 1) * x.column < x.values.len();
    assert!(last(a, m, k.max(1)) && last(b, k.max(1), n) && c.len() == m * n, "matrices fit their sizes");
    Arch::new().dispatch(Product { size, a, b, c, add });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check<T: Real>(size: [usize; 3], seed: u32, turned: (bool, bool), add: bool) -> Result<(), TestCaseError> {
        let [m, n, k] = size;
        let value =
            |i: usize| f64::from((i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 20) / 2048.0 - 1.0;
        let a: Vec<T> = (0..m * k).map(|i| T::from_f64(value(i))).collect();
        let b: Vec<T> = (0..k * n).map(|i| T::from_f64(value(i + 7777))).collect();
        let mut c: Vec<T> = (0..m * n).map(|i| T::from_f64(value(i + 99_999))).collect();
        let am = if turned.0 { Matrix::turned(&a, m) } else { Matrix::rows(&a, k) };
        let bm = if turned.1 { Matrix::turned(&b, k) } else { Matrix::rows(&b, n) };
        let plain: Vec<f64> = (0..m * n)
            .map(|ij| {
                let (i, j) = (ij / n, ij % n);
                let sum = (0..k).map(|p| {
                    am.values[i * am.row + p * am.column].to_f64() * bm.values[p * bm.row + j * bm.column].to_f64()
                });
                sum.sum::<f64>() + if add { c[ij].to_f64() } else { 0.0 }
            })
            .collect();
        product(size, am, bm, &mut c, add);
        let eps = if size_of::<T>() == 4 { f64::from(f32::EPSILON) } else { f64::EPSILON };
        for (x, y) in c.iter().zip(&plain) {
            // k products of numbers at most 1 in size: rounding at most (k + 2) eps (k + 1) in the worst case.
            prop_assert!((x.to_f64() - y).abs() <= eps * ((k + 2) * (k + 1)) as f64);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn products_equal_the_plain_sum(m in 1..15_usize, n in 1..80_usize, k in 0..20_usize, seed: u32, ta: bool, tb: bool, add: bool) {
            check::<f32>([m, n, k], seed, (ta, tb), add)?;
            check::<f64>([m, n, k], seed, (ta, tb), add)?;
        }
    }
}
