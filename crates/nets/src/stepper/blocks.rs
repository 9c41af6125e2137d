//! Forward and back for one block of samples: activations are stored unit by unit, so a vector holds one unit of many
//! samples and every product reads and writes whole vectors.
#![allow(unsafe_code)]

use super::engine::{Shared, Stage};
use super::head::{self, Head};
use crate::fused::bend;
use crate::kernels::{Finish, Left, Listed, Real, Step, Strided, Table, padded, sweep};
use crate::zoo::Bend;
use pulp::{Simd, WithSimd};

/// Addresses of a stage's arrays.
pub(super) struct Work<T> {
    inputs: usize,
    outputs: usize,
    at: usize,
    bias: Option<T>,
    scale: T,
    act: Shared<T>,
    bend: Shared<T>,
    rows: Shared<T>,
    delta: Shared<T>,
}

impl<T: Real> Work<T> {
    pub fn new(stage: &mut Stage<T>) -> Self {
        Self {
            inputs: stage.inputs,
            outputs: stage.outputs,
            at: stage.at,
            bias: stage.bias,
            scale: stage.scale,
            bend: Shared::new(&mut stage.bend),
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
    pub bend: Bend,
    pub x: &'a [T],
    pub work: &'a [Work<T>],
    pub columns: usize,
    pub from: usize,
    pub table: &'a Table<T>,
    pub inputs: &'a [u32],
    pub counting: &'a [u32],
    pub background: &'a [T],
    pub labels: &'a [u16],
    pub scale: T,
    pub turned: &'a mut [T],
    pub active: &'a mut Vec<u32>,
    pub losses: &'a mut [f64],
}

/// z = t b + W a (+ W background), then the factor of the layer above times ReLU if asked for.
struct Forward<'a, T> {
    weights: *const T,
    bias: Option<(*const T, T)>,
    /// The background, and the factor on the inputs.
    background: Option<(&'a [T], T)>,
    out: *mut T,
    row: usize,
    rectify: Option<T>,
}

impl<S: Simd, T: Real> Finish<S, T> for Forward<'_, T> {
    type Row = T::Vector<S>;

    #[inline(always)]
    fn start(&self, simd: S, i: usize) -> T::Vector<S> {
        // SAFETY: i is below the number of outputs, the length of the biases; a row of weights is as long as the inputs.
        let start = unsafe {
            let bias = match self.bias {
                None => T::ZERO,
                Some((bias, factor)) => factor * *bias.add(i),
            };
            match self.background {
                None => bias,
                Some((background, scale)) => {
                    bias + scale * dot(simd, self.weights.add(i * background.len()), background)
                }
            }
        };
        T::splat(simd, start)
    }

    #[inline(always)]
    unsafe fn finish(&self, simd: S, i: usize, j: usize, _valid: usize, start: T::Vector<S>, v: T::Vector<S>) {
        let v = T::plus(simd, start, v);
        let v = match self.rectify {
            Some(factor) => T::times(simd, T::rectify(simd, v), T::splat(simd, factor)),
            None => v,
        };
        // SAFETY: row i and the whole vector at column j lie in this block's part of the stage.
        unsafe { T::store(simd, self.out.add(i * self.row + j), v) };
    }
}

/// Dot product in a fixed order for a given processor.
///
/// # Safety
/// As many entries as `b` has can be read at a.
#[inline(always)]
unsafe fn dot<S: Simd, T: Real>(simd: S, a: *const T, b: &[T]) -> T {
    let (lanes, n) = (T::lanes(simd), b.len());
    let zero = T::splat(simd, T::ZERO);
    let mut sums = [zero; 4];
    let mut i = 0;
    // SAFETY: i + what is read stays at most n.
    unsafe {
        while i + 4 * lanes <= n {
            for (k, sum) in sums.iter_mut().enumerate() {
                let at = i + k * lanes;
                *sum = T::mul_add(simd, T::load(simd, a.add(at)), T::load(simd, b.as_ptr().add(at)), *sum);
            }
            i += 4 * lanes;
        }
        while i < n {
            let len = (n - i).min(lanes);
            let (a, b) = (T::load_part(simd, a.add(i), len), T::load_part(simd, b.as_ptr().add(i), len));
            sums[0] = T::mul_add(simd, a, b, sums[0]);
            i += len;
        }
    }
    let sum = T::plus(simd, T::plus(simd, sums[0], sums[1]), T::plus(simd, sums[2], sums[3]));
    T::total(simd, sum)
}

/// The derivative by z below: that by a, times the factor of the layer where a > 0, or times da/dz.
struct Back<T> {
    act: *const T,
    /// da/dz, unless it is the factor and 0 of ReLU.
    bend: Option<*const T>,
    scale: T,
    out: *mut T,
    row: usize,
}

impl<S: Simd, T: Real> Finish<S, T> for Back<T> {
    type Row = ();

    #[inline(always)]
    fn start(&self, _simd: S, _i: usize) {}

    #[inline(always)]
    unsafe fn finish(&self, simd: S, i: usize, j: usize, _valid: usize, _row: (), v: T::Vector<S>) {
        // SAFETY: row i and the whole vector at column j lie in this block's part of the stage.
        unsafe {
            let at = i * self.row + j;
            let d = match self.bend {
                Some(bend) => T::times(simd, v, T::load(simd, bend.add(at))),
                None => {
                    let v = T::times(simd, v, T::splat(simd, self.scale));
                    T::where_positive(simd, T::load(simd, self.act.add(at)), v)
                }
            };
            T::store(simd, self.out.add(at), d);
        }
    }
}

impl<T: Real> Block<'_, T> {
    /// Finds the inputs that are not background in all samples, and writes them [active, COLUMNS]. Columns beyond the
    /// samples repeat others: their derivatives are set to 0 at the top.
    #[inline(always)]
    fn turn(&mut self, inputs: usize, width: usize) {
        self.active.clear();
        for word in 0..inputs.div_ceil(64) {
            let mut bits = self.inputs.iter().fold(0, |all, &row| all | self.table.used(row as usize)[word]);
            while bits != 0 {
                self.active.push((word * 64) as u32 + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
        let start = |b: usize| self.table.start(self.inputs[b.min(self.inputs.len() - 1)] as usize);
        // Four samples at a time, so that a store holds four entries and the addresses stay in registers.
        for (active, lines) in self.active.chunks(32).zip(self.turned.chunks_mut(32 * T::COLUMNS)) {
            for b in (0..width).step_by(4) {
                let [p, q, r, s] = [start(b), start(b + 1), start(b + 2), start(b + 3)];
                for (line, &i) in lines.chunks_exact_mut(T::COLUMNS).zip(active) {
                    let i = i as usize;
                    // SAFETY: i is one of the columns of the table, of which p, q, r, s begin rows.
                    let four = unsafe { [*p.add(i), *q.add(i), *r.add(i), *s.add(i)] };
                    line[b..b + 4].copy_from_slice(&four);
                }
            }
        }
    }
}

/// Copies `from` [units, columns], rows `row` apart, to `to` [columns, units], rows `stride` apart.
///
/// # Safety
/// Both can be accessed in full.
#[inline(always)]
unsafe fn transpose<T: Real>(from: *const T, row: usize, units: usize, columns: usize, to: *mut T, stride: usize) {
    // SAFETY: o < units and b < columns throughout.
    unsafe {
        for first in (0..columns).step_by(16) {
            let last = (first + 16).min(columns);
            for o in (0..units / 4 * 4).step_by(4) {
                let p = from.add(o * row);
                for b in first..last {
                    let four = [*p.add(b), *p.add(row + b), *p.add(2 * row + b), *p.add(3 * row + b)];
                    to.add(b * stride + o).cast::<[T; 4]>().write_unaligned(four);
                }
            }
            for o in units / 4 * 4..units {
                for b in first..last {
                    *to.add(b * stride + o) = *from.add(o * row + b);
                }
            }
        }
    }
}

impl<T: Real> WithSimd for Block<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let count = self.inputs.len();
        let width = count.next_multiple_of(T::lanes(simd));
        let last = self.work.len() - 1;
        // SAFETY: blocks are disjoint ranges of columns and rows of the stages' arrays, all allocated for `columns`
        // columns; x holds all stages; rows of the data table hold `inputs` entries.
        unsafe {
            let inputs = self.work[0].inputs;
            self.turn(inputs, width);
            let scale = self.work[0].scale;
            if scale != T::ONE {
                let turned = &mut self.turned[..self.active.len() * T::COLUMNS];
                turned.iter_mut().for_each(|v| *v = *v * scale);
            }
            let smooth = self.bend != Bend::Relu;
            let mut right = Strided { at: self.turned.as_ptr(), row: T::COLUMNS };
            for (l, w) in self.work.iter().enumerate() {
                let weights = self.x.as_ptr().add(w.at);
                let depths: &[u32] = if l == 0 { self.active } else { &self.counting[..w.inputs] };
                let left = Left { at: weights, row: w.inputs, depths: Listed(depths) };
                let (hidden, row) = (l < last, self.columns);
                let out = if hidden { w.act.get() } else { w.delta.get() }.add(self.from);
                let background = (l == 0).then_some((&self.background[..inputs], w.scale));
                let bias = w.bias.map(|factor| (weights.add(w.inputs * w.outputs), factor));
                let above = if hidden { self.work[l + 1].scale } else { T::ONE };
                let rectify = (hidden && !smooth).then_some(above);
                let finish = Forward { weights, bias, background, out, row, rectify };
                sweep(simd, 0..w.outputs, 0..width, depths.len(), left, right, &finish, width);
                if hidden {
                    if smooth {
                        for o in 0..w.outputs {
                            let z = std::slice::from_raw_parts_mut(out.add(o * row), width);
                            let slopes = w.bend.get().add(self.from + o * row);
                            bend(self.bend, above, z, std::slice::from_raw_parts_mut(slopes, width));
                        }
                    }
                    let stride = padded::<T>(w.outputs);
                    let rows = w.rows.get().add(self.from * stride);
                    transpose(out, row, w.outputs, count, rows, stride);
                    right = Strided { at: out, row };
                } else {
                    head::slopes(self.head, out, row, w.outputs, width, self.labels, self.scale, self.losses);
                }
            }
            for l in (1..=last).rev() {
                let (below, w) = (&self.work[l - 1], &self.work[l]);
                let left = Left { at: self.x.as_ptr().add(w.at), row: 1, depths: Step(w.inputs) };
                let right = Strided { at: w.delta.get().add(self.from), row: self.columns };
                let act = below.act.get().add(self.from);
                let bend = smooth.then_some(below.bend.get().add(self.from).cast_const());
                let finish =
                    Back { act, bend, scale: w.scale, out: below.delta.get().add(self.from), row: self.columns };
                sweep(simd, 0..w.inputs, 0..width, w.outputs, left, right, &finish, width);
            }
        }
    }
}
