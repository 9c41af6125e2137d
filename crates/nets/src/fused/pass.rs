//! One block of samples through all layers and back; the sums of all blocks.
#![allow(unsafe_code)]

use super::dots::{Lines, Sums, dots};
use super::{Plan, Room, bend};
use crate::kernels::{Finish, Left, Real, Step, Strided, sweep};
use crate::zoo::Bend;
use pulp::{Simd, WithSimd};

/// z, or max(z, 0), plus the bias.
struct Store<T> {
    out: *mut T,
    row: usize,
    bias: Option<*const T>,
    rectify: bool,
}

impl<S: Simd, T: Real> Finish<S, T> for Store<T> {
    type Row = T::Vector<S>;

    #[inline(always)]
    fn start(&self, simd: S, i: usize) -> T::Vector<S> {
        // SAFETY: i is below the number of outputs, the length of the biases.
        T::splat(simd, self.bias.map_or(T::ZERO, |bias| unsafe { *bias.add(i) }))
    }

    #[inline(always)]
    unsafe fn finish(&self, simd: S, i: usize, j: usize, _valid: usize, bias: T::Vector<S>, v: T::Vector<S>) {
        let v = if self.bias.is_some() { T::plus(simd, bias, v) } else { v };
        let v = if self.rectify { T::rectify(simd, v) } else { v };
        // SAFETY: row i and the whole vector at column j lie in the layer's room.
        unsafe { T::store(simd, self.out.add(i * self.row + j), v) };
    }
}

/// The derivative by z below, in the place of the activation: that by a times da/dz, which is 1 or 0 for ReLU.
struct Below<T> {
    act: *mut T,
    slope: Option<*const T>,
    row: usize,
}

impl<S: Simd, T: Real> Finish<S, T> for Below<T> {
    type Row = ();

    #[inline(always)]
    fn start(&self, _simd: S, _i: usize) {}

    #[inline(always)]
    unsafe fn finish(&self, simd: S, i: usize, j: usize, _valid: usize, _row: (), v: T::Vector<S>) {
        let at = i * self.row + j;
        // SAFETY: row i and the whole vector at column j lie in the layer's room.
        unsafe {
            let d = match self.slope {
                Some(slope) => T::times(simd, v, T::load(simd, slope.add(at))),
                None => T::where_positive(simd, T::load(simd, self.act.add(at)), v),
            };
            T::store(simd, self.act.add(at), d);
        }
    }
}

/// The first `width` samples of a block through all layers.
pub(super) struct Forward<'a, T> {
    pub plan: &'a Plan<T>,
    pub room: &'a mut Room<T>,
    pub block: &'a [T],
    pub width: usize,
}

impl<T: Real> WithSimd for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { plan, room, block, width } = self;
        let (row, last) = (plan.stride(), plan.layers.len() - 1);
        let width = width.next_multiple_of(T::lanes(simd));
        let mut right = block.as_ptr();
        for (l, layer) in plan.layers.iter().enumerate() {
            let weights = room.weights[layer.at..].as_ptr();
            let left = Left { at: weights, row: layer.inputs, depths: Step(1) };
            let out = room.act[l].as_mut_ptr();
            let bias = layer.bias.map(|_| weights.wrapping_add(layer.inputs * layer.outputs));
            let store = Store { out, row, bias, rectify: l < last && plan.bend == Bend::Relu };
            // SAFETY: `Room::forward` checked that weights, block and room are those of the plan: rows of `row` entries, of
            // which whole vectors up to `width`, at most the plan's block, are accessed.
            unsafe {
                sweep(simd, 0..layer.outputs, 0..width, layer.inputs, left, Strided { at: right, row }, &store, width);
            }
            if l < last && plan.bend != Bend::Relu {
                let rows = room.act[l].chunks_exact_mut(row).zip(room.slope[l].chunks_exact_mut(row));
                for (z, slopes) in rows {
                    bend(plan.bend, T::ONE, &mut z[..width], &mut slopes[..width]);
                }
            }
            right = out;
        }
    }
}

/// The way back, with the derivatives by the last z in place.
pub(super) struct Back<'a, T> {
    pub plan: &'a Plan<T>,
    pub room: &'a mut Room<T>,
    pub block: &'a [T],
    pub width: usize,
    pub first: bool,
}

impl<T: Real> WithSimd for Back<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { plan, room, block, width, first } = self;
        let (row, lanes) = (plan.stride(), T::lanes(simd));
        let vectors = width.div_ceil(lanes);
        let to = room.sums.as_mut_ptr();
        let to = if plan.lanewise { Sums::Lanes { to, first } } else { Sums::Totals { to } };
        for (l, layer) in plan.layers.iter().enumerate().rev() {
            let delta = room.act[l].as_ptr();
            let below = if l == 0 { block.as_ptr() } else { room.act[l - 1].as_ptr() };
            // SAFETY: `Room::back` checked that weights, block, sums and room are those of the plan.
            unsafe {
                let a = (Lines { at: delta, row }, layer.outputs);
                let b = (Lines { at: below, row }, layer.inputs);
                dots(simd, a, b, vectors, to.from(simd, layer.at));
                if layer.bias.is_some() {
                    for o in 0..layer.outputs {
                        let mut sum = T::splat(simd, T::ZERO);
                        for v in 0..vectors {
                            sum = T::plus(simd, sum, T::load(simd, delta.add(o * row + v * lanes)));
                        }
                        to.add(simd, layer.at + layer.inputs * layer.outputs + o, sum);
                    }
                }
                if l > 0 {
                    let weights = room.weights[layer.at..].as_ptr();
                    let left = Left { at: weights, row: 1, depths: Step(layer.inputs) };
                    let slope = (plan.bend != Bend::Relu).then_some(room.slope[l - 1].as_ptr());
                    let below = Below { act: room.act[l - 1].as_mut_ptr(), slope, row };
                    let right = Strided { at: delta, row };
                    sweep(simd, 0..layer.inputs, 0..vectors * lanes, layer.outputs, left, right, &below, row);
                }
            }
        }
    }
}

/// The sums, with the factors of the layers.
pub(super) struct Totals<'a, T> {
    pub plan: &'a Plan<T>,
    pub room: &'a Room<T>,
    pub gradient: &'a mut [T],
    pub add: bool,
}

impl<T: Real> WithSimd for Totals<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { plan, room, gradient, add } = self;
        let lanes = if plan.lanewise { T::lanes(simd) } else { 1 };
        let sums = &room.sums[..plan.dof * lanes];
        for layer in &plan.layers {
            let biases = layer.at + layer.inputs * layer.outputs;
            let parts = [(layer.at..biases, layer.scale)];
            let bias = layer.bias.map(|factor| (biases..biases + layer.outputs, factor));
            for (range, factor) in parts.into_iter().chain(bias) {
                let sums = sums[range.start * lanes..range.end * lanes].chunks_exact(lanes);
                for (g, sum) in gradient[range].iter_mut().zip(sums) {
                    let total = if plan.lanewise {
                        // SAFETY: `sum` holds a whole vector.
                        T::total(simd, unsafe { T::load(simd, sum.as_ptr()) })
                    } else {
                        sum[0]
                    };
                    *g = if add { *g + factor * total } else { factor * total };
                }
            }
        }
    }
}
