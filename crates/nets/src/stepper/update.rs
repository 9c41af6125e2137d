//! Gradient and update for one piece of a layer's weights: the gradient never leaves the registers.
#![allow(unsafe_code)]

use super::engine::{Shared, Stage};
use crate::kernels::{Finish, Left, List, Listed, Real, Table, fetch, padded, sweep};
use pulp::{Simd, WithSimd};
use std::cell::Cell;

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
    pub table: &'a Table<T>,
    pub inputs: &'a [u32],
    pub counting: &'a [u32],
    pub background: &'a [T],
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
struct Descend<'a, S: Simd, T: Real> {
    /// Sum of delta over the batch, for each output of the piece from `first` on.
    sums: &'a [T],
    first: usize,
    /// Background of each input, in whole vectors; `None` above the first layer.
    background: Option<&'a [T]>,
    x: *mut T,
    v: *mut T,
    row: usize,
    rate: T::Vector<S>,
    momentum: T::Vector<S>,
    /// Factor on the layer's inputs that is not in them.
    scale: T::Vector<S>,
    inert: bool,
    /// Sum of |gradient|: 0 only if all of it is 0.
    force: Cell<T::Vector<S>>,
    /// Sum of 0 x: NaN once an entry is not finite.
    finite: Cell<T::Vector<S>>,
}

impl<S: Simd, T: Real> Descend<'_, S, T> {
    fn seen(&self, simd: S) -> Seen {
        let (force, finite) = (T::total(simd, self.force.get()), T::total(simd, self.finite.get()));
        Seen { finite: finite.is_finite(), force: force != T::ZERO }
    }
}

impl<S: Simd, T: Real> Finish<S, T> for Descend<'_, S, T> {
    type Row = T::Vector<S>;

    #[inline(always)]
    fn start(&self, simd: S, i: usize) -> T::Vector<S> {
        T::splat(simd, self.sums[i - self.first])
    }

    #[inline(always)]
    fn prepare(&self, i: usize, j: usize, count: usize) {
        let at = i * self.row + j;
        fetch(self.x.wrapping_add(at), count * size_of::<T>());
        if !self.inert {
            fetch(self.v.wrapping_add(at), count * size_of::<T>());
        }
    }

    #[inline(always)]
    unsafe fn finish(&self, simd: S, i: usize, j: usize, valid: usize, sum: T::Vector<S>, gradient: T::Vector<S>) {
        let zero = T::splat(simd, T::ZERO);
        // SAFETY: row i and `valid` columns from j on lie in the layer, and in no other thread's piece.
        unsafe {
            let at = i * self.row + j;
            let (x, v) = (self.x.add(at), self.v.wrapping_add(at));
            let gradient = match self.background {
                None => gradient,
                Some(background) => T::mul_add(simd, sum, T::load(simd, background.as_ptr().add(j)), gradient),
            };
            let gradient = T::times(simd, gradient, self.scale);
            let mut step = gradient;
            if !self.inert {
                step = T::mul_add(simd, self.momentum, load(simd, v, valid), gradient);
                store(simd, v, valid, step);
            }
            let moved = T::mul_add(simd, self.rate, step, load(simd, x, valid));
            store(simd, x, valid, moved);
            // Beyond `valid` the entries are of no layer, but they are finite as long as the network is.
            self.force.set(T::plus(simd, self.force.get(), T::magnitude(simd, gradient)));
            self.finite.set(T::mul_add(simd, moved, zero, self.finite.get()));
        }
    }
}

/// # Safety
/// `valid` entries can be read at p.
#[inline(always)]
unsafe fn load<S: Simd, T: Real>(simd: S, p: *const T, valid: usize) -> T::Vector<S> {
    // SAFETY: by the caller's word.
    unsafe { if valid == T::lanes(simd) { T::load(simd, p) } else { T::load_part(simd, p, valid) } }
}

/// # Safety
/// `valid` entries can be written at p.
#[inline(always)]
unsafe fn store<S: Simd, T: Real>(simd: S, p: *mut T, valid: usize, v: T::Vector<S>) {
    // SAFETY: by the caller's word.
    unsafe { if valid == T::lanes(simd) { T::store(simd, p, v) } else { T::store_part(simd, p, valid, v) } }
}

impl<T: Real> WithSimd for OnPiece<'_, T> {
    type Output = Seen;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Seen {
        let Update { stages, columns, table, inputs, counting, background, law: (rate, momentum), x, v } = *self.update;
        let Piece { stage, rows, columns: (from, to) } = self.piece;
        let s = &stages[stage];
        let batch = inputs.len();
        let zero = T::splat(simd, T::ZERO);
        let mut sums = Vec::with_capacity(rows.1 - rows.0);
        let (mut picked, mut starts) = (Vec::with_capacity(batch), Vec::with_capacity(batch));
        // SAFETY: pieces are disjoint parts of x and v; deltas hold `columns` columns for each output, 0 beyond the
        // batch; rows of data, of activations and the background are padded to whole vectors. With momentum 0, v is
        // empty and never touched.
        unsafe {
            for o in rows.0..rows.1 {
                let delta = s.delta.as_ptr().add(o * columns);
                let mut sum = zero;
                for b in (0..batch).step_by(T::lanes(simd)) {
                    sum = T::plus(simd, sum, T::load(simd, delta.add(b)));
                }
                sums.push(T::total(simd, sum));
            }
            let x = x.get().add(s.at);
            let v = v.get().wrapping_add(s.at);
            let descend = Descend {
                sums: &sums,
                first: rows.0,
                background: (stage == 0).then_some(background),
                x,
                v,
                row: s.inputs,
                rate: T::splat(simd, -rate),
                momentum: T::splat(simd, momentum),
                scale: T::splat(simd, if stage == 0 { s.scale } else { T::ONE }),
                inert: momentum == T::ZERO,
                force: Cell::new(zero),
                finite: Cell::new(zero),
            };
            for chunk in (from..to).step_by(T::COLUMNS) {
                let depths = if stage == 0 {
                    // Samples with something else than background in this chunk.
                    let bits = if T::COLUMNS < 64 { (1 << T::COLUMNS) - 1 } else { u64::MAX } << (chunk % 64);
                    picked.clear();
                    starts.clear();
                    for (b, &row) in inputs.iter().enumerate() {
                        if table.used(row as usize)[chunk / 64] & bits != 0 {
                            picked.push(b as u32);
                            starts.push(table.start(row as usize));
                        }
                    }
                    &picked[..]
                } else {
                    if starts.is_empty() {
                        let below = &stages[stage - 1];
                        let stride = padded::<T>(below.outputs);
                        starts.extend((0..batch).map(|b| below.rows.as_ptr().add(b * stride)));
                    }
                    &counting[..batch]
                };
                let left = Left { at: s.delta.as_ptr(), row: columns, depths: Listed(depths) };
                let end = (chunk + T::COLUMNS).min(to);
                sweep(simd, rows.0..rows.1, chunk..end, depths.len(), left, List(&starts), &descend, s.inputs);
            }
            let mut seen = descend.seen(simd);
            if let (0, Some(factor)) = (from, s.bias) {
                let biases = s.inputs * s.outputs;
                for (o, &sum) in (rows.0..rows.1).zip(&sums) {
                    let gradient = factor * sum;
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
