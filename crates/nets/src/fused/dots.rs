//! Sums over samples of products of two sets of rows, in register tiles; lanes are added up at the end, or later.
#![allow(unsafe_code)]

use crate::kernels::Real;
use pulp::Simd;

/// Rows of numbers at a constant distance, readable in whole vectors.
#[derive(Clone, Copy)]
pub(super) struct Lines<T> {
    pub at: *const T,
    pub row: usize,
}

impl<T> Lines<T> {
    /// From row i on.
    ///
    /// # Safety
    /// Row i is one of the rows.
    #[inline(always)]
    unsafe fn from(self, i: usize) -> Self {
        // SAFETY: by the caller's word.
        Self { at: unsafe { self.at.add(i * self.row) }, row: self.row }
    }
}

/// Where sums go.
#[derive(Clone, Copy)]
pub(super) enum Sums<T> {
    /// Lane by lane, [rows, columns, lanes]: instead of what is there if `first`, else added to it.
    Lanes { to: *mut T, first: bool },
    /// Added up and added to [rows, columns].
    Totals { to: *mut T },
}

impl<T: Real> Sums<T> {
    /// From entry `i` on.
    ///
    /// # Safety
    /// Entry i is one of the entries.
    #[inline(always)]
    pub unsafe fn from<S: Simd>(self, simd: S, i: usize) -> Self {
        // SAFETY: by the caller's word.
        unsafe {
            match self {
                Sums::Lanes { to, first } => Sums::Lanes { to: to.add(i * T::lanes(simd)), first },
                Sums::Totals { to } => Sums::Totals { to: to.add(i) },
            }
        }
    }

    /// Adds one vector of sums.
    ///
    /// # Safety
    /// As `from`, and `to` can be accessed.
    #[inline(always)]
    pub unsafe fn add<S: Simd>(self, simd: S, i: usize, sum: T::Vector<S>) {
        // SAFETY: by the caller's word.
        unsafe {
            match self {
                Sums::Lanes { to, first } => {
                    let to = to.add(i * T::lanes(simd));
                    T::store(simd, to, if first { sum } else { T::plus(simd, T::load(simd, to), sum) });
                }
                Sums::Totals { to } => *to.add(i) += T::total(simd, sum),
            }
        }
    }
}

#[inline(always)]
#[allow(clippy::needless_range_loop)]
unsafe fn tile<S: Simd, T: Real, const M: usize, const N: usize>(
    simd: S,
    a: Lines<T>,
    b: Lines<T>,
    vectors: usize,
    to: Sums<T>,
    row: usize,
) {
    let lanes = T::lanes(simd);
    let zero = T::splat(simd, T::ZERO);
    // Loops with constant bounds and no closures: the sums live in registers.
    let mut sums = [[zero; N]; M];
    // SAFETY: the caller of `dots` vouches for all rows, vectors and sums.
    unsafe {
        if let Sums::Lanes { to, first: false } = to {
            for (r, sums) in sums.iter_mut().enumerate() {
                for (c, sum) in sums.iter_mut().enumerate() {
                    *sum = T::load(simd, to.add((r * row + c) * lanes));
                }
            }
        }
        for v in 0..vectors {
            let at = v * lanes;
            let mut right = [zero; N];
            for (c, right) in right.iter_mut().enumerate() {
                *right = T::load(simd, b.at.add(c * b.row + at));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let left = T::load(simd, a.at.add(r * a.row + at));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = T::mul_add(simd, left, right, *sum);
                }
            }
        }
        // By number: an iterator by value would move the sums to memory and back.
        match to {
            Sums::Lanes { to, .. } => {
                for r in 0..M {
                    for c in 0..N {
                        T::store(simd, to.add((r * row + c) * lanes), sums[r][c]);
                    }
                }
            }
            Sums::Totals { to } => {
                for r in 0..M {
                    for c in 0..N {
                        *to.add(r * row + c) += T::total(simd, sums[r][c]);
                    }
                }
            }
        }
    }
}

/// Largest side of a tile.
#[inline(always)]
fn most<S: Simd>(_simd: S) -> usize {
    match (S::F32_LANES, S::REGISTER_COUNT) {
        // Without vectors there is a single kind of tile: nobody waits for that but the compiler.
        (1, _) => 1,
        (_, 32..) => 5,
        _ => 3,
    }
}

#[inline(always)]
unsafe fn strip<S: Simd, T: Real, const M: usize>(
    simd: S,
    a: Lines<T>,
    b: (Lines<T>, usize),
    vectors: usize,
    to: Sums<T>,
) {
    let (b, columns) = b;
    let (mut j, mut tiles) = (0, columns.div_ceil(most(simd)));
    // SAFETY: columns stay inside what the caller of `dots` vouches for.
    unsafe {
        while j < columns {
            let n = (columns - j).div_ceil(tiles);
            let (b, to) = (b.from(j), to.from(simd, j));
            match n {
                5 if S::REGISTER_COUNT >= 32 => tile::<S, T, M, 5>(simd, a, b, vectors, to, columns),
                4 if S::REGISTER_COUNT >= 32 => tile::<S, T, M, 4>(simd, a, b, vectors, to, columns),
                3 if S::F32_LANES > 1 => tile::<S, T, M, 3>(simd, a, b, vectors, to, columns),
                2 if S::F32_LANES > 1 => tile::<S, T, M, 2>(simd, a, b, vectors, to, columns),
                _ => tile::<S, T, M, 1>(simd, a, b, vectors, to, columns),
            }
            (j, tiles) = (j + n, tiles - 1);
        }
    }
}

/// Sums of a_i b_j over `vectors` vectors of samples, for each row i of the `a.1` rows of a and j of the `b.1` rows of b. Must
/// be inlined into a function that has the processor's features.
///
/// # Safety
/// All rows can be read, all sums be accessed.
#[inline(always)]
pub(super) unsafe fn dots<S: Simd, T: Real>(
    simd: S,
    a: (Lines<T>, usize),
    b: (Lines<T>, usize),
    vectors: usize,
    to: Sums<T>,
) {
    let (a, rows) = a;
    let (mut i, mut tiles) = (0, rows.div_ceil(most(simd)));
    // SAFETY: rows stay inside what the caller vouches for.
    unsafe {
        while i < rows {
            let m = (rows - i).div_ceil(tiles);
            let (a, to) = (a.from(i), to.from(simd, i * b.1));
            match m {
                5 if S::REGISTER_COUNT >= 32 => strip::<S, T, 5>(simd, a, b, vectors, to),
                4 if S::REGISTER_COUNT >= 32 => strip::<S, T, 4>(simd, a, b, vectors, to),
                3 if S::F32_LANES > 1 => strip::<S, T, 3>(simd, a, b, vectors, to),
                2 if S::F32_LANES > 1 => strip::<S, T, 2>(simd, a, b, vectors, to),
                _ => strip::<S, T, 1>(simd, a, b, vectors, to),
            }
            (i, tiles) = (i + m, tiles - 1);
        }
    }
}
