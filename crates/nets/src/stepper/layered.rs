//! One step of any network, layer by layer: groups of samples whose gradients are summed in their order.

use super::engine::Moved;
use super::update::Law;
use crate::data::Move;
use crate::kernels::Real;
use crate::network::{Sums, Tape};
use crate::trained::{IMAGES, Trained};
use rayon::prelude::*;

/// Groups whose gradients are held apart, whatever the number of threads.
pub(crate) const GROUPS: usize = 16;

/// Samples and gradient of one group.
struct Group<T> {
    inputs: Vec<T>,
    labels: Vec<u16>,
    gradient: Vec<T>,
    tape: Tape<T>,
    loss: f64,
}

/// Work space of one step; nothing in it outlives the step.
pub(super) struct Layered<T> {
    groups: Vec<Group<T>>,
    size: usize,
}

impl<T: Real> Layered<T> {
    /// For batches of up to `batch` samples.
    pub fn new(system: &Trained, batch: usize) -> Self {
        let count = if system.network.couples() { 1 } else { batch.div_ceil(IMAGES).clamp(1, GROUPS) };
        let group = |_| Group {
            inputs: Vec::new(),
            labels: Vec::new(),
            gradient: vec![T::ZERO; system.network.dof()],
            tape: Tape::default(),
            loss: 0.0,
        };
        Self { groups: (0..count).map(group).collect(), size: batch.div_ceil(count).max(1) }
    }

    /// One step on `batch`, its images moved by `moves` if there are any; also moves the running statistics `buffers`. On the
    /// threads around if `parallel`; the same bits for any number of them.
    #[allow(clippy::too_many_arguments)]
    pub fn step(
        &mut self,
        system: &Trained,
        batch: &[u32],
        moves: &[Move],
        law: Law,
        x: &mut [T],
        v: &mut [T],
        buffers: &mut [T],
        parallel: bool,
    ) -> Moved {
        let weights: &[T] = x;
        let together = if system.network.couples() { batch.len() } else { IMAGES };
        let (size, shape) = (self.size, system.training.data.shape);
        let black = system.training.data.background::<T>();
        let black = |channel: usize| black[channel * shape[1] * shape[2]];
        let run = |(number, (group, part)): (usize, (&mut Group<T>, &[u32]))| {
            group.gradient.fill(T::ZERO);
            group.loss = 0.0;
            for (at, chunk) in part.chunks(together).enumerate() {
                system.training.gather(chunk, &mut group.inputs, &mut group.labels);
                let moves = moves.iter().skip(number * size + at * together);
                for (image, way) in group.inputs.chunks_exact_mut(shape.iter().product()).zip(moves) {
                    way.apply(image, shape, black);
                }
                let gradient = Some(&mut group.gradient[..]);
                let Sums { loss, .. } =
                    system.network.chunk(weights, &group.inputs, &group.labels, gradient, false, &mut group.tape);
                group.loss += loss;
            }
        };
        let used = batch.len().div_ceil(self.size);
        let groups = &mut self.groups[..used];
        if parallel && used > 1 {
            groups.par_iter_mut().zip(batch.par_chunks(size)).enumerate().with_max_len(1).for_each(run);
        } else {
            groups.iter_mut().zip(batch.chunks(size)).enumerate().for_each(run);
        }
        if !groups.iter().map(|g| g.loss).sum::<f64>().is_finite() {
            return Moved::NotFinite;
        }
        let Some((total, rest)) = groups.split_first_mut() else { return Moved::NoForce };
        if !buffers.is_empty() {
            // The whole batch went through as one chunk.
            system.network.follow(&total.inputs, &total.tape, buffers);
        }
        let total = &mut total.gradient;
        for group in rest {
            total.iter_mut().zip(&group.gradient).for_each(|(t, g)| *t += *g);
        }
        let (rate, momentum) = (T::from_f64(law.rate), T::from_f64(law.momentum));
        let samples = T::from_f64(batch.len() as f64);
        total.iter_mut().for_each(|g| *g = *g / samples);
        if momentum == T::ZERO {
            x.iter_mut().zip(&*total).for_each(|(x, g)| *x = *x - rate * *g);
        } else {
            for ((x, v), g) in x.iter_mut().zip(v).zip(&*total) {
                *v = momentum * *v + *g;
                *x = *x - rate * *v;
            }
        }
        if !x.iter().all(|x| x.is_finite()) {
            Moved::BeyondRange
        } else if total.iter().all(|g| *g == T::ZERO) {
            Moved::NoForce
        } else {
            Moved::Yes
        }
    }
}
