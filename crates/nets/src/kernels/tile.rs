//! Register tiles: up to 6 rows by 4 vectors (2 where registers are few) of a product accumulate in registers over
//! the whole depth, so each entry is one chain of fused multiply-adds in a fixed order, whatever the tile it falls in.
#![allow(unsafe_code)]

use super::Real;
use pulp::Simd;
use std::mem::MaybeUninit;

/// The left factor: entry (i, k) is at `at + i row + depths.offset(k)`; broadcast from memory.
#[derive(Clone, Copy)]
pub(crate) struct Left<T, D> {
    pub at: *const T,
    pub row: usize,
    pub depths: D,
}

/// Where the left factor goes along the depth.
pub(crate) trait Depths: Copy {
    /// # Safety
    /// k is below the depth.
    unsafe fn offset(self, k: usize) -> usize;
}

/// At a constant distance.
#[derive(Clone, Copy)]
pub(crate) struct Step(pub usize);

impl Depths for Step {
    #[inline(always)]
    unsafe fn offset(self, k: usize) -> usize {
        k * self.0
    }
}

/// Anywhere, listed.
#[derive(Clone, Copy)]
pub(crate) struct Listed<'a>(pub &'a [u32]);

impl Depths for Listed<'_> {
    #[inline(always)]
    unsafe fn offset(self, k: usize) -> usize {
        // SAFETY: k is below the depth, the length of the list.
        unsafe { *self.0.get_unchecked(k) as usize }
    }
}

/// The right factor: its row k, contiguous and readable up to whole vectors.
pub(crate) trait Rows<T>: Copy {
    /// # Safety
    /// k is below the depth.
    unsafe fn row(self, k: usize) -> *const T;
}

/// Rows at a constant distance.
#[derive(Clone, Copy)]
pub(crate) struct Strided<T> {
    pub at: *const T,
    pub row: usize,
}

impl<T: Copy> Rows<T> for Strided<T> {
    #[inline(always)]
    unsafe fn row(self, k: usize) -> *const T {
        // SAFETY: k is below the depth for which the rows were described.
        unsafe { self.at.add(k * self.row) }
    }
}

/// Rows anywhere, listed.
#[derive(Clone, Copy)]
pub(crate) struct List<'a, T>(pub &'a [*const T]);

impl<T: Copy> Rows<T> for List<'_, T> {
    #[inline(always)]
    unsafe fn row(self, k: usize) -> *const T {
        // SAFETY: k is below the depth, the length of the list.
        unsafe { *self.0.get_unchecked(k) }
    }
}

/// Asks for the cache lines of `bytes` bytes at p to be fetched, where the processor has such an instruction.
#[inline(always)]
pub(crate) fn fetch<T>(p: *const T, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..bytes).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch is a hint: any address is allowed.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast::<i8>().wrapping_add(line)) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (p, bytes);
}

/// What becomes of a tile.
pub(crate) trait Finish<S: Simd, T: Real> {
    /// What all of row i needs.
    type Row: Copy;
    /// Computes what row i needs.
    fn start(&self, simd: S, i: usize) -> Self::Row;
    /// Asks for the memory that `finish` will need for row i, columns j to j + count.
    #[inline(always)]
    fn prepare(&self, _i: usize, _j: usize, _count: usize) {}
    /// Takes the vector of sums at row i, first column j, of which `valid` entries count.
    /// # Safety
    /// (i, j) lies in the product that the `Finish` was made for.
    unsafe fn finish(&self, simd: S, i: usize, j: usize, valid: usize, row: Self::Row, v: T::Vector<S>);
}

#[inline(always)]
unsafe fn tile<S: Simd, T: Real, D: Depths, R: Rows<T>, F: Finish<S, T>, const M: usize, const N: usize>(
    simd: S,
    depth: usize,
    left: Left<T, D>,
    right: R,
    finish: &F,
    at: (usize, usize),
    columns: usize,
) {
    let lanes = T::lanes(simd);
    let (i, j) = at;
    // No closures here: they would be compiled without the processor's features. Loops over `sums` have constant bounds
    // and small bodies, so that it lives in registers; `finish` runs on a copy.
    let zero = T::splat(simd, T::ZERO);
    let mut sums = [[zero; N]; M];
    let mut done = [[MaybeUninit::<T::Vector<S>>::uninit(); N]; M];
    for r in 0..M {
        finish.prepare(i + r, j, N * lanes);
    }
    // SAFETY: the caller of `sweep` vouches for both factors over all rows i, columns j (in whole vectors) and depths k;
    // all of `done` is written before it is read.
    unsafe {
        let a = left.at.add(i * left.row);
        for k in 0..depth {
            let row = right.row(k).add(j);
            let mut b = [zero; N];
            for (c, b) in b.iter_mut().enumerate() {
                *b = T::load(simd, row.add(c * lanes));
            }
            let a = a.add(left.depths.offset(k));
            for (r, sums) in sums.iter_mut().enumerate() {
                let a = T::splat(simd, *a.add(r * left.row));
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = T::mul_add(simd, a, b, *sum);
                }
            }
        }
        for (done, sums) in done.iter_mut().zip(sums) {
            for (done, sum) in done.iter_mut().zip(sums) {
                done.write(sum);
            }
        }
        for (r, done) in done.iter().enumerate() {
            let start = finish.start(simd, i + r);
            for (c, v) in done.iter().enumerate() {
                let j = j + c * lanes;
                finish.finish(simd, i + r, j, (columns - j).min(lanes), start, v.assume_init());
            }
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn strip<S: Simd, T: Real, D: Depths, R: Rows<T>, F: Finish<S, T>, const N: usize>(
    simd: S,
    rows: std::ops::Range<usize>,
    depth: usize,
    left: Left<T, D>,
    right: R,
    finish: &F,
    j: usize,
    columns: usize,
) {
    let mut i = rows.start;
    // Without vectors there is a single kind of tile: nobody waits for that but the compiler.
    let plain = T::lanes(simd) == 1;
    // SAFETY: rows and columns stay inside what the caller of `sweep` vouches for.
    unsafe {
        while !plain && i + 6 <= rows.end {
            tile::<S, T, D, R, F, 6, N>(simd, depth, left, right, finish, (i, j), columns);
            i += 6;
        }
        if !plain && i + 4 <= rows.end {
            tile::<S, T, D, R, F, 4, N>(simd, depth, left, right, finish, (i, j), columns);
            i += 4;
        }
        while !plain && i + 2 <= rows.end {
            tile::<S, T, D, R, F, 2, N>(simd, depth, left, right, finish, (i, j), columns);
            i += 2;
        }
        while i < rows.end {
            tile::<S, T, D, R, F, 1, N>(simd, depth, left, right, finish, (i, j), columns);
            i += 1;
        }
    }
}

/// Columns of the widest tile.
#[inline(always)]
pub(crate) fn tile_columns<S: Simd, T: Real>(simd: S) -> usize {
    T::lanes(simd) * if S::REGISTER_COUNT >= 32 { 4 } else { 2 }
}

/// Computes rows `rows` and columns `columns` of left * right, of `width` columns, and hands them to `finish`. The first
/// column is a multiple of the lanes. Must be inlined into a function that has the processor's features.
///
/// # Safety
/// `left` can be read at all (i, k), `right` at all k and columns in whole vectors, with k < depth.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub(crate) unsafe fn sweep<S: Simd, T: Real, D: Depths, R: Rows<T>, F: Finish<S, T>>(
    simd: S,
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
    depth: usize,
    left: Left<T, D>,
    right: R,
    finish: &F,
    width: usize,
) {
    let lanes = T::lanes(simd);
    let mut j = columns.start;
    // SAFETY: passed on to the caller.
    unsafe {
        while j < columns.end {
            let vectors = (columns.end - j).div_ceil(lanes);
            if S::REGISTER_COUNT >= 32 && vectors >= 4 {
                strip::<S, T, D, R, F, 4>(simd, rows.clone(), depth, left, right, finish, j, width);
                j += 4 * lanes;
            } else if S::REGISTER_COUNT >= 32 && vectors == 3 {
                strip::<S, T, D, R, F, 3>(simd, rows.clone(), depth, left, right, finish, j, width);
                j += 3 * lanes;
            } else if lanes > 1 && vectors >= 2 {
                strip::<S, T, D, R, F, 2>(simd, rows.clone(), depth, left, right, finish, j, width);
                j += 2 * lanes;
            } else {
                strip::<S, T, D, R, F, 1>(simd, rows.clone(), depth, left, right, finish, j, width);
                j += lanes;
            }
        }
    }
}
