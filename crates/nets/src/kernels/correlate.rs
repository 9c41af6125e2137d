//! Sums over shifted copies of one array: what convolutions are made of, without copying the shifts out.
#![allow(unsafe_code)]

use super::Real;
use super::tile::{Finish, Left, List, Listed, sweep};
use pulp::{Arch, Simd, WithSimd};

/// out [rows, columns] <- sum_k left(i, k) plane[starts(k) + j].
pub(crate) struct Correlate<'a, T> {
    /// Rows of the result.
    pub rows: usize,
    /// Columns of the result.
    pub columns: usize,
    /// Left factor: entry (i, k) is `left[i row + depths[k]]`.
    pub left: &'a [T],
    pub row: usize,
    pub depths: &'a [u32],
    /// Where row k of the right factor begins in `plane`, which goes on for `COLUMNS` entries behind the last one used.
    pub plane: &'a [T],
    pub starts: &'a [usize],
    pub out: &'a mut [T],
}

struct Store<T> {
    at: *mut T,
    row: usize,
}

impl<S: Simd, T: Real> Finish<S, T> for Store<T> {
    type Row = ();

    #[inline(always)]
    fn start(&self, _simd: S, _i: usize) {}

    #[inline(always)]
    unsafe fn finish(&self, simd: S, i: usize, j: usize, valid: usize, _row: (), v: T::Vector<S>) {
        // SAFETY: row i and `valid` columns from j on lie in the output, whose length was checked.
        unsafe {
            let p = self.at.add(i * self.row + j);
            if valid == T::lanes(simd) { T::store(simd, p, v) } else { T::store_part(simd, p, valid, v) }
        }
    }
}

impl<T: Real> Correlate<'_, T> {
    /// Each entry is one chain of fused multiply-adds in the order of k. Cost O(rows columns depth). Checked by
    /// `correlations_equal_the_plain_sum`.
    pub fn run(self) {
        let most = |v: &[usize]| v.iter().max().copied().unwrap_or(0);
        let reach = most(&self.starts.iter().map(|&s| s + self.columns + T::COLUMNS).collect::<Vec<_>>());
        let far = self.rows.saturating_sub(1) * self.row;
        let deep = self.depths.iter().max().map_or(0, |&d| d as usize + far + 1);
        let fits = self.starts.len() == self.depths.len() && self.out.len() == self.rows * self.columns;
        assert!(fits && reach <= self.plane.len() && deep <= self.left.len(), "arrays fit their sizes");
        if self.rows > 0 && self.columns > 0 {
            Arch::new().dispatch(self);
        }
    }
}

impl<T: Real> WithSimd for Correlate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let mut lines = Vec::with_capacity(self.starts.len());
        for &start in self.starts {
            lines.push(self.plane[start..].as_ptr());
        }
        let left = Left { at: self.left.as_ptr(), row: self.row, depths: Listed(self.depths) };
        let store = Store { at: self.out.as_mut_ptr(), row: self.columns };
        // SAFETY: `run` checked that the left factor can be read at all (i, k) and each line for `columns` entries and
        // COLUMNS more, which is at least a vector.
        unsafe {
            sweep(simd, 0..self.rows, 0..self.columns, lines.len(), left, List(&lines), &store, self.columns);
        }
    }
}

/// out [rows, starts] grows by sum_g sum_p a[g a_group + i len + p] b[g b_group + starts(j) + p], p < len.
pub(crate) struct Dots<'a, T> {
    /// Rows of the result.
    pub rows: usize,
    /// Length of a sum, in whole cache lines.
    pub len: usize,
    /// Groups that are summed over, and how far apart they are.
    pub groups: usize,
    pub a_group: usize,
    pub b_group: usize,
    pub a: &'a [T],
    pub b: &'a [T],
    pub starts: &'a [usize],
    pub out: &'a mut [T],
}

impl<T: Real> Dots<'_, T> {
    /// Sums in vectors, whose lanes are added at the end: the order is fixed for a given processor. Cost O(rows starts
    /// len groups). Checked by `dots_equal_the_plain_sum`.
    pub fn run(self) {
        if self.groups == 0 || self.rows == 0 || self.starts.is_empty() {
            return;
        }
        let last = self.groups - 1;
        let far = self.starts.iter().max().copied().unwrap_or(0);
        let fits = self.len.is_multiple_of(64 / size_of::<T>()) && self.out.len() == self.rows * self.starts.len();
        let reach = last * self.a_group + self.rows * self.len <= self.a.len()
            && last * self.b_group + far + self.len <= self.b.len();
        assert!(fits && reach, "arrays fit their sizes");
        Arch::new().dispatch(self);
    }

    /// # Safety
    /// Rows i..i + M and starts j..j + N exist, and `run` has checked the sizes.
    #[inline(always)]
    unsafe fn tile<S: Simd, const M: usize, const N: usize>(&mut self, simd: S, i: usize, j: usize) {
        let zero = T::splat(simd, T::ZERO);
        let lanes = T::lanes(simd);
        let mut sums = [[zero; N]; M];
        // SAFETY: all addresses were checked in `run`; `len` is whole vectors.
        unsafe {
            let mut lines = [self.b.as_ptr(); N];
            for (c, line) in lines.iter_mut().enumerate() {
                *line = line.add(*self.starts.get_unchecked(j + c));
            }
            for g in 0..self.groups {
                let a = self.a.as_ptr().add(g * self.a_group + i * self.len);
                let shift = g * self.b_group;
                let mut p = 0;
                while p < self.len {
                    let mut b = [zero; N];
                    for (b, line) in b.iter_mut().zip(lines) {
                        *b = T::load(simd, line.add(shift + p));
                    }
                    for (r, sums) in sums.iter_mut().enumerate() {
                        let a = T::load(simd, a.add(r * self.len + p));
                        for (sum, b) in sums.iter_mut().zip(b) {
                            *sum = T::mul_add(simd, a, b, *sum);
                        }
                    }
                    p += lanes;
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (c, sum) in sums.iter().enumerate() {
                self.out[(i + r) * self.starts.len() + j + c] += T::total(simd, *sum);
            }
        }
    }

    /// # Safety
    /// Starts j..j + N exist, and `run` has checked the sizes.
    #[inline(always)]
    unsafe fn column<S: Simd, const N: usize>(&mut self, simd: S, j: usize) {
        let mut i = 0;
        // SAFETY: rows stay below `rows`.
        unsafe {
            if S::REGISTER_COUNT >= 32 {
                while i + 4 <= self.rows {
                    self.tile::<S, 4, N>(simd, i, j);
                    i += 4;
                }
            }
            while i + 2 <= self.rows {
                self.tile::<S, 2, N>(simd, i, j);
                i += 2;
            }
            if i < self.rows {
                self.tile::<S, 1, N>(simd, i, j);
            }
        }
    }
}

impl<T: Real> WithSimd for Dots<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut j = 0;
        // SAFETY: starts stay below their number.
        unsafe {
            while j + 4 <= self.starts.len() {
                self.column::<S, 4>(simd, j);
                j += 4;
            }
            while j < self.starts.len() {
                self.column::<S, 1>(simd, j);
                j += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::padded;
    use super::*;
    use proptest::prelude::*;

    fn values<T: Real>(n: usize, seed: u32) -> Vec<T> {
        let value = |i: usize| (i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 20;
        (0..n).map(|i| T::from_f64(f64::from(value(i)) / 2048.0 - 1.0)).collect()
    }

    fn near<T: Real>(found: T, plain: f64, terms: usize) -> bool {
        let eps = if size_of::<T>() == 4 { f64::from(f32::EPSILON) } else { f64::EPSILON };
        // Sums of products of numbers at most 1 in size: rounding at most (terms + 2) eps (terms + 1) in the worst case.
        (found.to_f64() - plain).abs() <= eps * ((terms + 2) * (terms + 1)) as f64
    }

    fn correlate<T: Real>(rows: usize, columns: usize, depth: usize, seed: u32) -> Result<(), TestCaseError> {
        let starts: Vec<usize> = (0..depth).map(|k| (k * 37 + seed as usize % 11) % 90).collect();
        let depths: Vec<u32> = (0..depth as u32).map(|k| (k * 5) % 23).collect();
        let plane = values::<T>(90 + columns + T::COLUMNS, seed);
        let left = values::<T>(23 + 3 * rows, seed ^ 77);
        let mut out = values::<T>(rows * columns, 5);
        Correlate {
            rows,
            columns,
            left: &left,
            row: 3,
            depths: &depths,
            plane: &plane,
            starts: &starts,
            out: &mut out,
        }
        .run();
        for (at, found) in out.iter().enumerate() {
            let (i, j) = (at / columns, at % columns);
            let term = |k: usize| left[i * 3 + depths[k] as usize].to_f64() * plane[starts[k] + j].to_f64();
            prop_assert!(near(*found, (0..depth).map(term).sum(), depth));
        }
        Ok(())
    }

    fn dots<T: Real>(rows: usize, count: usize, lines: usize, groups: usize, seed: u32) -> Result<(), TestCaseError> {
        let len = lines * padded::<T>(1);
        let starts: Vec<usize> = (0..count).map(|k| (k * 37 + seed as usize % 11) % 90).collect();
        let (a_group, b_group) = (rows * len + 7, 90 + len);
        let (a, b) = (values::<T>(groups * a_group, seed), values::<T>(groups * b_group, seed ^ 5));
        let before = values::<T>(rows * count, 9);
        let mut out = before.clone();
        Dots { rows, len, groups, a_group, b_group, a: &a, b: &b, starts: &starts, out: &mut out }.run();
        for (at, found) in out.iter().enumerate() {
            let (i, j) = (at / count, at % count);
            let term =
                |g: usize, p: usize| a[g * a_group + i * len + p].to_f64() * b[g * b_group + starts[j] + p].to_f64();
            let sum: f64 = (0..groups).flat_map(|g| (0..len).map(move |p| (g, p))).map(|(g, p)| term(g, p)).sum();
            prop_assert!(near(*found, before[at].to_f64() + sum, groups * len));
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn correlations_equal_the_plain_sum(m in 1..15_usize, n in 1..150_usize, k in 0..20_usize, seed: u32) {
            correlate::<f32>(m, n, k, seed)?;
            correlate::<f64>(m, n, k, seed)?;
        }

        #[test]
        fn dots_equal_the_plain_sum(m in 1..11_usize, n in 1..11_usize, len in 1..5_usize, g in 1..4_usize, seed: u32) {
            dots::<f32>(m, n, len, g, seed)?;
            dots::<f64>(m, n, len, g, seed)?;
        }
    }
}
