//! One step of one dense network: forward and back for blocks of samples, then gradient and update for tiles of weights.

use super::blocks::Block;
use super::head::Head;
use super::update::{Law, Piece, Seen, Update};
use crate::data::Training;
use crate::kernels::{Buffer, Real, padded};
use crate::zoo::{Bend, Dense};
use glasslab_core::Split;
use pulp::Arch;
use rayon::prelude::*;

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// It moved.
    Yes,
    /// Every entry of the gradient is 0.
    NoForce,
    /// The batch's loss is not finite: nothing was moved.
    NotFinite,
    /// A weight is no longer finite.
    BeyondRange,
}

/// A pointer that several threads write through, each to its own entries.
#[derive(Clone, Copy)]
pub(super) struct Shared<T>(*mut T);

#[allow(unsafe_code)]
// SAFETY: a plain address; whoever reads or writes through it says why no two threads meet.
unsafe impl<T: Send> Send for Shared<T> {}
#[allow(unsafe_code)]
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub fn new(slice: &mut [T]) -> Self {
        Self(slice.as_mut_ptr())
    }

    pub fn get(self) -> *mut T {
        self.0
    }
}

/// One linear layer: where it lies in x, and the activations around it.
pub(super) struct Stage<T> {
    pub inputs: usize,
    pub outputs: usize,
    /// First weight in x; the biases, if any, follow the weights.
    pub at: usize,
    /// Factor on the biases, if there are any.
    pub bias: Option<T>,
    /// Factor on its inputs: above the first layer it is already in the activations below.
    pub scale: T,
    /// Derivative of the activations by z [outputs, columns]; unused for the last layer and for ReLU.
    pub bend: Buffer<T>,
    /// Outputs after the nonlinearity, times the factor of the layer above [outputs, columns]; for the last layer unused.
    pub act: Buffer<T>,
    /// The same, sample by sample [columns, padded outputs].
    pub rows: Buffer<T>,
    /// Derivative of the loss by the layer's z [outputs, columns].
    pub delta: Buffer<T>,
}

/// Inputs of one block, unit by unit.
struct Turned<T> {
    values: Buffer<T>,
    active: Vec<u32>,
}

/// Work space of one step; nothing in it outlives the step.
pub(super) struct Space<T> {
    pub stages: Vec<Stage<T>>,
    /// Columns of all blocks: the batch rounded up.
    pub columns: usize,
    /// Inputs of one block [inputs, COLUMNS] and which of them are used, per thread.
    turned: Vec<Turned<T>>,
    /// 0, 1, 2, ...
    counting: Vec<u32>,
    /// What a pixel 0 becomes [inputs, padded].
    background: Buffer<T>,
    /// Rows of the data table in this batch.
    inputs: Vec<u32>,
    labels: Vec<u16>,
    losses: Vec<f64>,
    pieces: Vec<Piece>,
}

impl<T: Real> Space<T> {
    pub fn new(dense: &Dense, training: &Training, batch: usize, threads: usize) -> Self {
        // One cache line more than whole blocks: rows do not fall on the same sets of a cache.
        let columns = batch.next_multiple_of(T::COLUMNS) + padded::<T>(1);
        let longest = dense.widths.iter().copied().max().unwrap_or(0).max(batch);
        let mut at = 0;
        let last = dense.widths.len() - 2;
        let smooth = dense.bend != Bend::Relu;
        let stages = dense.widths.windows(2).enumerate().map(|(l, w)| {
            let (inputs, outputs) = (w[0], w[1]);
            let bias = dense.biases[l];
            let stage = Stage {
                inputs,
                outputs,
                at,
                bias: bias.map(T::from_f64),
                scale: T::from_f64(dense.scales[l]),
                bend: Buffer::new(if l == last || !smooth { 0 } else { outputs * columns }),
                act: Buffer::new(if l == last { 0 } else { outputs * columns }),
                rows: Buffer::new(if l == last { 0 } else { padded::<T>(outputs) * columns }),
                delta: Buffer::new(outputs * columns),
            };
            at += (inputs + usize::from(bias.is_some())) * outputs;
            stage
        });
        let stages: Vec<Stage<T>> = stages.collect();
        let mut background = Buffer::new(padded::<T>(dense.widths[0]));
        background[..dense.widths[0]].copy_from_slice(&training.data.background());
        let pieces = Piece::all(&stages, threads);
        let slots = threads.min(columns / T::COLUMNS).max(1);
        Self {
            stages,
            columns,
            turned: (0..slots)
                .map(|_| Turned { values: Buffer::new(dense.widths[0] * T::COLUMNS), active: Vec::new() })
                .collect(),
            counting: (0..longest as u32).collect(),
            background,
            inputs: Vec::with_capacity(batch),
            labels: Vec::with_capacity(batch),
            losses: vec![0.0; columns.next_multiple_of(T::COLUMNS)],
            pieces,
        }
    }

    /// One step on `batch` with at most `threads` threads; the same bits for any number of them.
    #[allow(clippy::too_many_arguments)]
    pub fn step(
        &mut self,
        dense: &Dense,
        training: &Training,
        batch: &[u32],
        law: Law,
        x: &mut [T],
        v: &mut [T],
        threads: usize,
    ) -> Moved {
        let head = Head::of(dense);
        let table = training.data.table::<T>(Split::Train);
        self.inputs.clear();
        self.labels.clear();
        for &b in batch {
            self.inputs.push(training.rows[b as usize]);
            self.labels.push(training.labels[b as usize]);
        }
        let arch = Arch::new();
        let blocks = batch.len().div_ceil(T::COLUMNS);
        let slots = threads.min(self.turned.len()).min(blocks).max(1);
        let share = blocks.div_ceil(slots);
        let columns = self.columns;
        let work = self.stages.iter_mut().map(super::blocks::Work::new).collect::<Vec<_>>();
        let (inputs, labels) = (&self.inputs, &self.labels);
        let x_read: &[T] = x;
        let (counting, background) = (&self.counting, &self.background);
        let run = |(slot, (turned, losses)): (usize, (&mut Turned<T>, &mut [f64]))| {
            for (block, losses) in (slot * share..blocks).zip(losses.chunks_mut(T::COLUMNS)) {
                let from = block * T::COLUMNS;
                let to = (from + T::COLUMNS).min(inputs.len());
                arch.dispatch(Block {
                    head,
                    bend: dense.bend,
                    x: x_read,
                    work: &work,
                    columns,
                    from,
                    table,
                    inputs: &inputs[from..to],
                    counting,
                    background,
                    labels: &labels[from..to],
                    scale: T::from_f64(1.0 / inputs.len() as f64),
                    turned: &mut turned.values,
                    active: &mut turned.active,
                    losses: &mut losses[..to - from],
                });
            }
        };
        let parts = self.turned[..slots].iter_mut().zip(self.losses.chunks_mut(share * T::COLUMNS)).enumerate();
        if slots == 1 {
            parts.for_each(run);
        } else {
            parts.collect::<Vec<_>>().into_par_iter().with_max_len(1).for_each(run);
        }
        let loss: f64 = self.losses[..batch.len()].iter().sum();
        if !loss.is_finite() {
            return Moved::NotFinite;
        }
        let update = Update {
            stages: &self.stages,
            columns,
            table,
            inputs: &self.inputs,
            counting: &self.counting,
            background: &self.background,
            law: (T::from_f64(law.rate), T::from_f64(law.momentum)),
            x: Shared::new(x),
            v: Shared::new(v),
        };
        let seen = if threads == 1 {
            self.pieces.iter().map(|&piece| arch.dispatch(update.on(piece))).fold(Seen::default(), Seen::and)
        } else {
            let pieces = self.pieces.par_iter().with_max_len(1);
            pieces.map(|&piece| arch.dispatch(update.on(piece))).reduce(Seen::default, Seen::and)
        };
        match seen {
            Seen { finite: false, .. } => Moved::BeyondRange,
            Seen { force: false, .. } => Moved::NoForce,
            _ => Moved::Yes,
        }
    }
}
