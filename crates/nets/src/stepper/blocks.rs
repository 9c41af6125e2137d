//! Forward and back for one block of samples: activations are stored unit by unit, so a vector holds one unit of many
//! samples and every product reads and writes whole vectors.
#![allow(unsafe_code)]

use super::engine::{Row, Shared, Stage};
use super::head;
use crate::kernels::{Finish, Left, Real, Strided, padded, sweep};
use crate::zoo::Head;
use pulp::{Simd, WithSimd};

/// Addresses of a stage's arrays.
pub(super) struct Work<T> {
    inputs: usize,
    outputs: usize,
    at: usize,
    act: Shared<T>,
    rows: Shared<T>,
    delta: Shared<T>,
}

impl<T: Real> Work<T> {
    pub fn new(stage: &mut Stage<T>) -> Self {
        Self {
            inputs: stage.inputs,
            outputs: stage.outputs,
            at: stage.at,
            act: Shared::new(&mut stage.act),
            rows: Shared::new(&mut stage.rows),
            delta: Shared::new(&mut stage.delta),
        }
    }
}

/// The work on samples `from..from + inputs.len()` of the batch: it writes those columns (up to whole vectors, within
/// its own `COLUMNS`) and rows of every stage, and no others.
pub(super) struct Block<'a, T> {
    pub head: Head,
    pub x: &'a [T],
    pub work: &'a [Work<T>],
    pub columns: usize,
    pub from: usize,
    pub inputs: &'a [Row<T>],
    pub labels: &'a [u16],
    pub scale: T,
    pub turned: &'a mut [T],
    pub losses: &'a mut [f64],
}

/// z = b + W a, then ReLU if hidden.
struct Forward<T, const HIDDEN: bool> {
    bias: *const T,
    out: *mut T,
    row: usize,
}

impl<S: Simd, T: Real, const HIDDEN: bool> Finish<S, T> for Forward<T, HIDDEN> {
    #[inline(always)]
    fn start(&self, simd: S, i: usize) -> T::Vector<S> {
        // SAFETY: i is below the number of outputs, the length of the biases.
        T::splat(simd, unsafe { *self.bias.add(i) })
    }

    #[inline(always)]
    unsafe fn finish(&self, simd: S, i: usize, j: usize, _valid: usize, v: T::Vector<S>) {
        let v = if HIDDEN { T::rectify(simd, v) } else { v };
        // SAFETY: row i and the whole vector at column j lie in this block's part of the stage.
        unsafe { T::store(simd, self.out.add(i * self.row + j), v) };
    }
}

/// The derivative by z below: that by a, where a > 0.
struct Back<T> {
    act: *const T,
    out: *mut T,
    row: usize,
}

impl<S: Simd, T: Real> Finish<S, T> for Back<T> {
    #[inline(always)]
    fn start(&self, simd: S, _i: usize) -> T::Vector<S> {
        T::splat(simd, T::ZERO)
    }

    #[inline(always)]
    unsafe fn finish(&self, simd: S, i: usize, j: usize, _valid: usize, v: T::Vector<S>) {
        // SAFETY: row i and the whole vector at column j lie in this block's part of the stage.
        unsafe {
            let a = T::load(simd, self.act.add(i * self.row + j));
            T::store(simd, self.out.add(i * self.row + j), T::where_positive(simd, a, v));
        }
    }
}

impl<T: Real> WithSimd for Block<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let count = self.inputs.len();
        let width = count.next_multiple_of(T::lanes(simd));
        let last = self.work.len() - 1;
        // SAFETY: blocks are disjoint ranges of columns and rows of the stages' arrays, all allocated for `columns`
        // columns; x holds all stages; rows of the data table hold `inputs` entries.
        unsafe {
            let inputs = self.work[0].inputs;
            for i in 0..inputs {
                let line = self.turned.as_mut_ptr().add(i * T::COLUMNS);
                for (b, row) in self.inputs.iter().enumerate() {
                    *line.add(b) = *row.0.add(i);
                }
                for b in count..width {
                    *line.add(b) = T::ZERO;
                }
            }
            let mut right = Strided { at: self.turned.as_ptr(), row: T::COLUMNS };
            for (l, w) in self.work.iter().enumerate() {
                let weights = self.x.as_ptr().add(w.at);
                let left = Left { at: weights, row: w.inputs, step: 1 };
                let bias = weights.add(w.inputs * w.outputs);
                if l < last {
                    let out = w.act.get().add(self.from);
                    let finish = Forward::<T, true> { bias, out, row: self.columns };
                    sweep(simd, 0..w.outputs, 0..width, w.inputs, left, right, &finish, width);
                    let stride = padded::<T>(w.outputs);
                    let rows = w.rows.get().add(self.from * stride);
                    for b in 0..count {
                        for o in 0..w.outputs {
                            *rows.add(b * stride + o) = *out.add(o * self.columns + b);
                        }
                    }
                    right = Strided { at: out, row: self.columns };
                } else {
                    let out = w.delta.get().add(self.from);
                    let finish = Forward::<T, false> { bias, out, row: self.columns };
                    sweep(simd, 0..w.outputs, 0..width, w.inputs, left, right, &finish, width);
                    head::slopes(self.head, out, self.columns, w.outputs, width, self.labels, self.scale, self.losses);
                }
            }
            for l in (1..=last).rev() {
                let (below, w) = (&self.work[l - 1], &self.work[l]);
                let left = Left { at: self.x.as_ptr().add(w.at), row: 1, step: w.inputs };
                let right = Strided { at: w.delta.get().add(self.from), row: self.columns };
                let act = below.act.get().add(self.from);
                let finish = Back { act, out: below.delta.get().add(self.from), row: self.columns };
                sweep(simd, 0..w.inputs, 0..width, w.outputs, left, right, &finish, width);
            }
        }
    }
}
