//! Gradient and update for one piece of a layer's weights: the gradient never leaves the registers.
#![allow(unsafe_code)]

use super::engine::{Row, Shared, Stage};
use crate::kernels::{Finish, Left, List, Real, Rows, Strided, padded, sweep};
use pulp::{Simd, WithSimd};
use std::cell::Cell;
use std::ops::Range;

/// Learning rate and momentum of one step.
#[derive(Clone, Copy)]
pub(super) struct Law {
    pub rate: f64,
    pub momentum: f64,
}

/// Rows (outputs) and columns (inputs) of one layer's weights that are updated together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    stage: usize,
    rows: (usize, usize),
    columns: (usize, usize),
}

impl Piece {
    /// All pieces of all layers, each about a fair share for several threads, first layer first.
    pub fn all<T: Real>(stages: &[Stage<T>], threads: usize) -> Vec<Piece> {
        let total: usize = stages.iter().map(|s| s.inputs * s.outputs).sum();
        let share = if threads == 1 { total } else { (total / (8 * threads)).max(1 << 12) };
        let mut pieces = Vec::new();
        for (stage, s) in stages.iter().enumerate() {
            let columns = (share / s.outputs).max(1).next_multiple_of(T::COLUMNS).min(s.inputs);
            let rows = (share / columns).max(1).next_multiple_of(12).min(s.outputs);
            for from in (0..s.inputs).step_by(columns) {
                for top in (0..s.outputs).step_by(rows) {
                    let (bottom, to) = ((top + rows).min(s.outputs), (from + columns).min(s.inputs));
                    pieces.push(Piece { stage, rows: (top, bottom), columns: (from, to) });
                }
            }
        }
        pieces
    }
}

/// What was noticed on the way.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    /// All weights are finite.
    pub finite: bool,
    /// Some entry of the gradient is not 0.
    pub force: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self { finite: true, force: false }
    }
}

impl Seen {
    pub fn and(self, other: Self) -> Self {
        Self { finite: self.finite && other.finite, force: self.force || other.force }
    }
}

/// The update of a network after the backward pass.
pub(super) struct Update<'a, T> {
    pub stages: &'a [Stage<T>],
    pub columns: usize,
    pub inputs: &'a [Row<T>],
    pub law: (T, T),
    pub x: Shared<T>,
    pub v: Shared<T>,
}

impl<T: Real> Update<'_, T> {
    pub fn on(&self, piece: Piece) -> OnPiece<'_, T> {
        OnPiece { update: self, piece }
    }
}

pub(super) struct OnPiece<'a, T> {
    update: &'a Update<'a, T>,
    piece: Piece,
}

/// v <- momentum v + g, x <- x - rate v, for the entries of one layer from `x` and `v` on.
struct Descend<S: Simd, T: Real> {
    x: *mut T,
    v: *mut T,
    row: usize,
    rate: T::Vector<S>,
    momentum: T::Vector<S>,
    inert: bool,
    /// Sum of |gradient|: 0 only if all of it is 0.
    force: Cell<T::Vector<S>>,
    /// Sum of 0 x: NaN once an entry is not finite.
    finite: Cell<T::Vector<S>>,
}

impl<S: Simd, T: Real> Descend<S, T> {
    fn seen(&self, simd: S) -> Seen {
        let (force, finite) = (T::total(simd, self.force.get()), T::total(simd, self.finite.get()));
        Seen { finite: finite.is_finite(), force: force != T::ZERO }
    }
}

impl<S: Simd, T: Real> Finish<S, T> for Descend<S, T> {
    #[inline(always)]
    fn start(&self, simd: S, _i: usize) -> T::Vector<S> {
        T::splat(simd, T::ZERO)
    }

    #[inline(always)]
    unsafe fn finish(&self, simd: S, i: usize, j: usize, valid: usize, gradient: T::Vector<S>) {
        let zero = T::splat(simd, T::ZERO);
        // SAFETY: row i and `valid` columns from j on lie in the layer, and in no other thread's piece.
        unsafe {
            let at = i * self.row + j;
            let (x, v) = (self.x.add(at), self.v.wrapping_add(at));
            let whole = valid == T::lanes(simd);
            let load = |p| if whole { T::load(simd, p) } else { T::load_part(simd, p, valid) };
            let store = |p, value| if whole { T::store(simd, p, value) } else { T::store_part(simd, p, valid, value) };
            let mut step = gradient;
            if !self.inert {
                step = T::mul_add(simd, self.momentum, load(v), gradient);
                store(v, step);
            }
            let moved = T::mul_add(simd, self.rate, step, load(x));
            store(x, moved);
            // Beyond `valid` the entries are of no layer, but they are finite as long as the network is.
            self.force.set(T::plus(simd, self.force.get(), T::magnitude(simd, gradient)));
            self.finite.set(T::mul_add(simd, moved, zero, self.finite.get()));
        }
    }
}

impl<T: Real> WithSimd for OnPiece<'_, T> {
    type Output = Seen;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Seen {
        let Update { stages, columns, inputs, law: (rate, momentum), x, v } = *self.update;
        let Piece { stage, rows, columns: (from, to) } = self.piece;
        let s = &stages[stage];
        let batch = inputs.len();
        let zero = T::splat(simd, T::ZERO);
        // SAFETY: pieces are disjoint parts of x and v; deltas hold `columns` columns for each output, rows of data and
        // of activations are padded to whole vectors. With momentum 0, v is empty and never touched.
        unsafe {
            let x = x.get().add(s.at);
            let v = v.get().wrapping_add(s.at);
            let descend = Descend {
                x,
                v,
                row: s.inputs,
                rate: T::splat(simd, -rate),
                momentum: T::splat(simd, momentum),
                inert: momentum == T::ZERO,
                force: Cell::new(zero),
                finite: Cell::new(zero),
            };
            let left = Left { at: s.delta.as_ptr(), row: columns, step: 1 };
            let (r, c): (Range<usize>, Range<usize>) = (rows.0..rows.1, from..to);
            if stage == 0 {
                // SAFETY: `Row` is a transparent pointer.
                let list = List(std::slice::from_raw_parts(inputs.as_ptr().cast::<*const T>(), batch));
                go(simd, r, c, batch, left, list, &descend, s.inputs);
            } else {
                let below = &stages[stage - 1];
                let right = Strided { at: below.rows.as_ptr(), row: padded::<T>(below.outputs) };
                go(simd, r, c, batch, left, right, &descend, s.inputs);
            }
            let mut seen = descend.seen(simd);
            if from == 0 {
                let biases = s.inputs * s.outputs;
                for o in rows.0..rows.1 {
                    let delta = s.delta.as_ptr().add(o * columns);
                    let mut sum = zero;
                    let mut b = 0;
                    while b < batch {
                        sum = T::plus(simd, sum, T::load(simd, delta.add(b)));
                        b += T::lanes(simd);
                    }
                    let gradient = T::total(simd, sum);
                    let mut step = gradient;
                    if momentum != T::ZERO {
                        let v = v.add(biases + o);
                        step = momentum * *v + gradient;
                        *v = step;
                    }
                    let x = x.add(biases + o);
                    *x = *x - rate * step;
                    seen = seen.and(Seen { finite: (*x).is_finite(), force: gradient != T::ZERO });
                }
            }
            seen
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn go<S: Simd, T: Real, R: Rows<T>>(
    simd: S,
    rows: Range<usize>,
    columns: Range<usize>,
    depth: usize,
    left: Left<T>,
    right: R,
    finish: &Descend<S, T>,
    width: usize,
) {
    // SAFETY: passed on to the caller.
    unsafe { sweep(simd, rows, columns, depth, left, right, finish, width) }
}
