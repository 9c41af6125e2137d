//! Register tiles: up to 6 rows by 4 vectors (2 where registers are few) of a product accumulate in registers over
//! the whole depth, so each entry is one chain of fused multiply-adds in a fixed order, whatever the tile it falls in.
#![allow(unsafe_code)]

use super::Real;
use pulp::Simd;

/// The left factor: entry (i, k) is at `at + i row + k step`; broadcast from memory.
#[derive(Clone, Copy)]
pub(crate) struct Left<T> {
    pub at: *const T,
    pub row: usize,
    pub step: usize,
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

/// What a tile begins with and what becomes of it.
pub(crate) trait Finish<S: Simd, T: Real> {
    /// The value that the entries of row i begin with.
    fn start(&self, simd: S, i: usize) -> T::Vector<S>;
    /// Takes the vector at row i, first column j, of which `valid` entries count.
    /// # Safety
    /// (i, j) lies in the product that the `Finish` was made for.
    unsafe fn finish(&self, simd: S, i: usize, j: usize, valid: usize, v: T::Vector<S>);
}

#[inline(always)]
unsafe fn tile<S: Simd, T: Real, R: Rows<T>, F: Finish<S, T>, const M: usize, const N: usize>(
    simd: S,
    depth: usize,
    left: Left<T>,
    right: R,
    finish: &F,
    at: (usize, usize),
    columns: usize,
) {
    let lanes = T::lanes(simd);
    let (i, j) = at;
    let mut sums: [[T::Vector<S>; N]; M] = std::array::from_fn(|r| [finish.start(simd, i + r); N]);
    // SAFETY: the caller of `sweep` vouches for both factors over all rows i, columns j (in whole vectors) and depths k.
    unsafe {
        let a = left.at.add(i * left.row);
        for k in 0..depth {
            let b = right.row(k).add(j);
            let b: [T::Vector<S>; N] = std::array::from_fn(|c| T::load(simd, b.add(c * lanes)));
            let a = a.add(k * left.step);
            for r in 0..M {
                let a = T::splat(simd, *a.add(r * left.row));
                for c in 0..N {
                    sums[r][c] = T::mul_add(simd, a, b[c], sums[r][c]);
                }
            }
        }
        for r in 0..M {
            for c in 0..N {
                let j = j + c * lanes;
                finish.finish(simd, i + r, j, (columns - j).min(lanes), sums[r][c]);
            }
        }
    }
}

#[inline(always)]
unsafe fn strip<S: Simd, T: Real, R: Rows<T>, F: Finish<S, T>, const N: usize>(
    simd: S,
    rows: std::ops::Range<usize>,
    depth: usize,
    left: Left<T>,
    right: R,
    finish: &F,
    j: usize,
    columns: usize,
) {
    let mut i = rows.start;
    // SAFETY: rows and columns stay inside what the caller of `sweep` vouches for.
    unsafe {
        while i + 6 <= rows.end {
            tile::<S, T, R, F, 6, N>(simd, depth, left, right, finish, (i, j), columns);
            i += 6;
        }
        if i + 4 <= rows.end {
            tile::<S, T, R, F, 4, N>(simd, depth, left, right, finish, (i, j), columns);
            i += 4;
        }
        if i + 2 <= rows.end {
            tile::<S, T, R, F, 2, N>(simd, depth, left, right, finish, (i, j), columns);
            i += 2;
        }
        if i < rows.end {
            tile::<S, T, R, F, 1, N>(simd, depth, left, right, finish, (i, j), columns);
        }
    }
}

/// Columns of the widest tile.
#[inline(always)]
pub(crate) fn tile_columns<S: Simd, T: Real>(simd: S) -> usize {
    T::lanes(simd) * if S::REGISTER_COUNT >= 32 { 4 } else { 2 }
}

/// Computes rows `rows` and columns `from..columns` of left * right (+ start) and hands them to `finish`. `from` is a
/// multiple of the lanes. Must be inlined into a function that has the processor's features.
///
/// # Safety
/// `left` can be read at all (i, k), `right` at all k and columns in whole vectors, with k < depth.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub(crate) unsafe fn sweep<S: Simd, T: Real, R: Rows<T>, F: Finish<S, T>>(
    simd: S,
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
    depth: usize,
    left: Left<T>,
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
                strip::<S, T, R, F, 4>(simd, rows.clone(), depth, left, right, finish, j, width);
                j += 4 * lanes;
            } else if S::REGISTER_COUNT >= 32 && vectors == 3 {
                strip::<S, T, R, F, 3>(simd, rows.clone(), depth, left, right, finish, j, width);
                j += 3 * lanes;
            } else if vectors >= 2 {
                strip::<S, T, R, F, 2>(simd, rows.clone(), depth, left, right, finish, j, width);
                j += 2 * lanes;
            } else {
                strip::<S, T, R, F, 1>(simd, rows.clone(), depth, left, right, finish, j, width);
                j += lanes;
            }
        }
    }
}
