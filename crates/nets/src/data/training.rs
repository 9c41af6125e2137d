//! What a network is trained on: all or some of the samples of a data set, with their labels or random ones.

use super::DataSet;
use crate::kernels::Real;
use glasslab_core::{Fault, Split, Streams};
use rand::RngExt;
use std::sync::Arc;

/// Which samples, which labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrainingChoice {
    /// Number P of samples; 0 takes all, in file order. Otherwise the first P of a shuffle of the training set drawn
    /// from the stream ("subset", realisation, 0): uniform, not balanced over classes; subsets are nested in P.
    pub samples: usize,
    /// Replace each label by a uniform random class from the stream ("labels", realisation, 0).
    pub random_labels: bool,
    /// Number of the realisation of the disorder.
    pub realisation: u64,
}

/// The P training samples of a network.
pub struct Training {
    /// The data set.
    pub data: Arc<DataSet>,
    /// Row of each sample in the data set's training images \[P\].
    pub rows: Vec<u32>,
    /// Class of each sample \[P\], as trained on.
    pub labels: Vec<u16>,
}

impl Training {
    /// Chooses samples and labels. Fails if P is larger than the training set.
    pub fn new(data: Arc<DataSet>, choice: TrainingChoice, streams: Streams) -> Result<Self, Fault> {
        let all = data.train.len();
        if choice.samples > all {
            let fix = format!("give at most {all}, the size of the training set `{}`, or 0 for all of it", data.name);
            return Err(Fault::input("train", choice.samples, fix));
        }
        if all == 0 || all > u32::MAX as usize {
            return Err(Fault::input("data", &data.name, "give a training set of 1 to 4294967295 samples"));
        }
        let mut rows: Vec<u32> = (0..all as u32).collect();
        if choice.samples > 0 {
            let mut rng = streams.stream("subset", choice.realisation, 0);
            for i in 0..choice.samples {
                rows.swap(i, rng.random_range(i as u32..all as u32) as usize);
            }
            rows.truncate(choice.samples);
        }
        let labels = if choice.random_labels {
            let mut rng = streams.stream("labels", choice.realisation, 0);
            rows.iter().map(|_| rng.random_range(0..data.classes as u16)).collect()
        } else {
            rows.iter().map(|&r| data.train.labels[r as usize]).collect()
        };
        Ok(Self { data, rows, labels })
    }

    /// Number P of samples.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The numbers of all samples.
    pub(crate) fn all(&self) -> Vec<u32> {
        (0..self.len() as u32).collect()
    }

    /// True if there is no sample (never, once built).
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Copies the inputs [B, inputs] of the samples `batch` and their labels [B].
    pub(crate) fn gather<T: Real>(&self, batch: &[u32], inputs: &mut Vec<T>, labels: &mut Vec<u16>) {
        let lookup = self.data.lookup::<T>();
        inputs.clear();
        labels.clear();
        for &b in batch {
            self.data.append(&lookup, Split::Train, self.rows[b as usize] as usize, inputs);
            labels.push(self.labels[b as usize]);
        }
    }
}
