//! Steps of a perceptron of few inputs, on its whole training set or on large mini-batches, by the fused pass.
#![allow(unsafe_code)]

use super::engine::Moved;
use super::head::{self, Head};
use super::update::{Law, Seen};
use crate::data::Training;
use crate::fused::{Inputs, Plan, Room};
use crate::kernels::{Buffer, Real};
use crate::zoo::Dense;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// Most inputs: of images with more of them many are background, which the other pass over mini-batches leaves out.
const INPUTS: usize = 128;
/// Fewest samples in f64, and most weights, of a mini-batch: else adding up lanes is not worth it.
const BATCH: usize = 48;
const WEIGHTS: usize = 1 << 16;
/// Floating-point operations that are worth a thread, and the most threads: sums are cut there, whatever the threads.
const SHARE: f64 = 32e6;
const SHARES: usize = 16;
/// Columns that a head takes.
const COLUMNS: usize = 64;

/// What all replicas share.
pub(super) struct Full<T> {
    plan: Plan<T>,
    head: Head,
    /// All samples, if each step takes all.
    whole: Option<Batch<T>>,
    /// Inputs [P, d], if it does not.
    rows: Vec<T>,
}

/// The samples of a step.
struct Batch<T> {
    inputs: Inputs<T>,
    labels: Vec<u16>,
    /// Blocks whose gradients are added up together.
    shares: Vec<Range<usize>>,
}

/// Work space of one step; nothing in it outlives the step.
pub(super) struct FullSpace<T> {
    batch: Option<Batch<T>>,
    shares: Vec<Share<T>>,
}

struct Share<T> {
    room: Room<T>,
    gradient: Buffer<T>,
    loss: f64,
}

impl<T: Real> Batch<T> {
    fn new(inputs: Inputs<T>, labels: Vec<u16>) -> Self {
        Self { inputs, labels, shares: Vec::new() }
    }

    /// Cuts the samples.
    fn cut(&mut self, plan: &Plan<T>) {
        let flops = 6.0 * plan.dof as f64 * self.labels.len() as f64;
        let blocks = self.inputs.blocks();
        let count = ((flops / SHARE) as usize).clamp(1, SHARES.min(blocks));
        self.shares.clear();
        self.shares.extend((0..count).map(|s| s * blocks / count..(s + 1) * blocks / count));
    }

    /// Adds the losses of the blocks of share s; their part of the gradient of the mean loss.
    fn share(&self, full: &Full<T>, share: &mut Share<T>, x: &[T], s: usize, add: bool) {
        let (plan, Share { room, gradient, loss }) = (&full.plan, share);
        room.load(plan, x);
        let scale = T::from_f64(1.0 / self.labels.len() as f64);
        for k in self.shares[s].clone() {
            room.forward(plan, &self.inputs, k);
            let (z, row) = room.top(plan);
            let labels = &self.labels[self.inputs.range(k)];
            *loss += Arch::new().dispatch(Slopes { head: full.head, z, row, labels, scale });
            room.back(plan, &self.inputs, k, k == self.shares[s].start);
        }
        room.totals(plan, gradient, add);
    }
}

impl<T: Real> Full<T> {
    /// For batches of `batch` samples of a perceptron, if this pass is the faster one.
    pub fn new(dense: &Dense, training: &Training, batch: usize) -> Option<Self> {
        let (d, whole) = (dense.widths[0], batch == training.len());
        if d > INPUTS {
            return None;
        }
        let plan = Plan::new(&dense.widths, &dense.scales, &dense.biases, dense.bend);
        // Measured: in f32 adding up 16 lanes costs what is won on batches of 100.
        let short = batch < if size_of::<T>() == 4 { 4 * BATCH } else { BATCH };
        if !whole && (short || plan.dof > WEIGHTS) {
            return None;
        }
        let (mut rows, mut labels) = (Vec::new(), Vec::new());
        training.gather(&training.all(), &mut rows, &mut labels);
        let head = Head::of(dense);
        if !whole {
            return Some(Self { plan, head, whole: None, rows });
        }
        let inputs = Inputs::rows(&plan, &rows);
        let mut whole = Batch::new(inputs, labels);
        whole.cut(&plan);
        Some(Self { plan, head, whole: Some(whole), rows: Vec::new() })
    }

    /// Most threads that one step can use.
    pub fn threads(&self) -> usize {
        self.whole.as_ref().map_or(SHARES, |whole| whole.shares.len())
    }

    /// Each step takes all samples, in their own order.
    pub fn is_whole(&self) -> bool {
        self.whole.is_some()
    }

    /// One step on the samples `batch` (of all of them where each step takes all) with at most `threads` threads; the same bits for
    /// any number of them.
    #[allow(clippy::too_many_arguments)]
    pub fn step(
        &self,
        space: &mut FullSpace<T>,
        training: &Training,
        batch: &[u32],
        law: Law,
        x: &mut [T],
        v: &mut [T],
        threads: usize,
    ) -> Moved {
        let FullSpace { batch: own, shares } = space;
        let batch: &Batch<T> = match &self.whole {
            Some(whole) => whole,
            None => {
                let plan = &self.plan;
                let own = own.get_or_insert_with(|| Batch::new(Inputs::empty(plan), Vec::new()));
                let d = plan.inputs();
                own.inputs.fill(plan, batch.len(), |b| &self.rows[batch[b] as usize * d..][..d]);
                own.labels.clear();
                own.labels.extend(batch.iter().map(|&b| training.labels[b as usize]));
                own.cut(plan);
                own
            }
        };
        let count = batch.shares.len();
        let parallel = threads > 1 && count > 1;
        shares.resize_with(if parallel { count } else { 1 }, || Share::new(&self.plan));
        shares.iter_mut().for_each(|s| s.loss = 0.0);
        let weights: &[T] = x;
        if parallel {
            let work = shares.par_iter_mut().enumerate().with_max_len(1);
            work.for_each(|(s, share)| batch.share(self, share, weights, s, false));
        } else {
            (0..count).for_each(|s| batch.share(self, &mut shares[0], weights, s, s > 0));
        }
        let Some((first, rest)) = shares.split_first_mut() else { return Moved::NoForce };
        for share in rest {
            first.loss += share.loss;
            first.gradient.iter_mut().zip(&*share.gradient).for_each(|(a, b)| *a += *b);
        }
        if !first.loss.is_finite() {
            return Moved::NotFinite;
        }
        match Arch::new().dispatch(Descend { law, gradient: &first.gradient, x, v }) {
            Seen { finite: false, .. } => Moved::BeyondRange,
            Seen { force: false, .. } => Moved::NoForce,
            _ => Moved::Yes,
        }
    }
}

impl<T: Real> FullSpace<T> {
    pub fn new() -> Self {
        Self { batch: None, shares: Vec::new() }
    }
}

impl<T: Real> Share<T> {
    fn new(plan: &Plan<T>) -> Self {
        Self { room: Room::new(plan), gradient: Buffer::new(plan.dof), loss: 0.0 }
    }
}

/// The sum of the losses; z becomes their derivatives.
struct Slopes<'a, T> {
    head: Head,
    z: &'a mut [T],
    row: usize,
    labels: &'a [u16],
    scale: T,
}

impl<T: Real> WithSimd for Slopes<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let Self { head, z, row, labels, scale } = self;
        let classes = z.len() / row;
        let mut sums = [0.0; 8];
        for (from, labels) in labels.chunks(COLUMNS).enumerate().map(|(k, l)| (k * COLUMNS, l)) {
            let width = labels.len().next_multiple_of(T::lanes(simd));
            let mut losses = [0.0; COLUMNS];
            let losses = &mut losses[..labels.len()];
            // SAFETY: rows are `row` long, more than the padded number of labels; at most 64 columns.
            unsafe { head::slopes(head, z.as_mut_ptr().add(from), row, classes, width, labels, scale, losses) };
            for losses in losses.chunks(8) {
                sums.iter_mut().zip(losses).for_each(|(s, l)| *s += l);
            }
        }
        sums.iter().sum()
    }
}

/// v <- momentum v + g, x <- x - rate v.
struct Descend<'a, T> {
    law: Law,
    gradient: &'a [T],
    x: &'a mut [T],
    v: &'a mut [T],
}

impl<T: Real> WithSimd for Descend<'_, T> {
    type Output = Seen;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> Seen {
        let Self { law, gradient, x, v } = self;
        let (rate, momentum) = (T::from_f64(law.rate), T::from_f64(law.momentum));
        if momentum == T::ZERO {
            x.iter_mut().zip(gradient).for_each(|(x, g)| *x = *x - rate * *g);
        } else {
            for ((x, v), g) in x.iter_mut().zip(v).zip(gradient) {
                *v = momentum * *v + *g;
                *x = *x - rate * *v;
            }
        }
        // 0 x is NaN where x is not finite.
        let mut seen = [T::ZERO; 16];
        for x in x.chunks(16) {
            seen.iter_mut().zip(x).for_each(|(s, x)| *s += T::ZERO * *x);
        }
        Seen { finite: seen.iter().all(|s| *s == T::ZERO), force: gradient.iter().any(|g| *g != T::ZERO) }
    }
}
