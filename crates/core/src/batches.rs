//! The order in which mini-batches are drawn: without replacement, reshuffled every epoch.

use crate::Streams;
use rand::RngExt;

/// The mini-batches of one replica: epoch e is a fresh permutation of the P samples, drawn from the stream
/// (seed, "batch", replica, e) by Fisher-Yates and cut into ceil(P/B) batches, the last of which may be shorter.
///
/// Generic and native Steppers share it, so they see the same samples in the same order.
#[derive(Clone, Debug)]
pub struct BatchOrder {
    streams: Streams,
    replica: u64,
    samples: usize,
    batch: usize,
    epoch: Option<u64>,
    order: Vec<u32>,
}

impl BatchOrder {
    /// Batches of `batch` out of `samples` (both at least 1) for `replica`.
    pub fn new(streams: Streams, replica: u64, samples: usize, batch: usize) -> Self {
        assert!(samples > 0 && batch > 0, "a batch order needs samples");
        Self { streams, replica, samples, batch: batch.min(samples), epoch: None, order: Vec::new() }
    }

    /// Steps per epoch, ceil(P/B).
    pub fn steps_per_epoch(&self) -> u64 {
        self.samples.div_ceil(self.batch) as u64
    }

    /// The samples of the batch used at `step` (0-based). Amortised O(B); O(P) when a new epoch begins.
    pub fn batch(&mut self, step: u64) -> &[u32] {
        let epoch = step / self.steps_per_epoch();
        if self.epoch != Some(epoch) {
            self.order.clear();
            self.order.extend(0..self.samples as u32);
            let mut rng = self.streams.stream("batch", self.replica, epoch);
            for i in (1..self.samples).rev() {
                self.order.swap(i, rng.random_range(0..=i as u32) as usize);
            }
            self.epoch = Some(epoch);
        }
        let first = (step % self.steps_per_epoch()) as usize * self.batch;
        &self.order[first..(first + self.batch).min(self.samples)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_is_a_fresh_permutation() {
        let mut order = BatchOrder::new(Streams::new(3), 0, 10, 4);
        let epoch = |order: &mut BatchOrder, e: u64| -> Vec<u32> {
            (3 * e..3 * e + 3).flat_map(|s| order.batch(s).to_vec()).collect()
        };
        let (a, b) = (epoch(&mut order, 0), epoch(&mut order, 1));
        assert_eq!(order.batch(2).len(), 2);
        assert_eq!(a, epoch(&mut order, 0), "going back gives the same batch");
        assert_ne!(a, b);
        for mut e in [a, b] {
            e.sort_unstable();
            assert_eq!(e, (0..10).collect::<Vec<_>>());
        }
    }
}
