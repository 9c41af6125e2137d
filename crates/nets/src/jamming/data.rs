//! Data as the jamming papers prepare them: centred over the training set, on the sphere, labels balanced.

use crate::labelled::{Labelled, Recipe, SYNTHETIC, prepare};
use glasslab_core::{Fault, Streams};
use rand_distr::{Distribution, StandardNormal};
use std::path::Path;

/// Training and test set of one net.
#[derive(Clone, Debug, PartialEq)]
pub struct Balanced {
    /// To train on: centred, |x|^2 = d.
    pub train: Labelled,
    /// To test on: the same shift, |x|^2 = d; empty for random labels.
    pub test: Labelled,
}

/// What nets draw their data from.
#[derive(Clone, Debug)]
pub struct JammingData {
    /// Whitened samples in balanced order; `None`: random data.
    pool: Option<(Labelled, Labelled)>,
    streams: Streams,
    /// What was done, in words.
    pub about: String,
}

impl JammingData {
    /// `random`, or at most `most` samples of a data set: `components` principal components, whitened, y = parity of the class;
    /// and `test` samples apart from them. Files are looked up from `folder`.
    pub fn open(
        data: &str,
        components: usize,
        most: usize,
        test: usize,
        folder: &Path,
        streams: Streams,
    ) -> Result<Self, Fault> {
        const SPHERE: &str = "centred over the training set, on the sphere |x|^2 = d";
        if data == "random" {
            let about = format!("random: standard normal inputs, labels alternate; {SPHERE}");
            return Ok(Self { pool: None, streams, about });
        }
        if SYNTHETIC.iter().any(|s| s.0 == data) {
            return Err(Fault::input("data", data, "give random, or a data set, a folder or a CSV file"));
        }
        // No kernels are taken here: one sample, the least that there can be.
        let recipe =
            |train| Recipe { data: data.to_owned(), components, whiten: true, train, kernel: 1, test: test.max(1) };
        let prepared = prepare(&recipe(most), folder, streams)?;
        let none = Labelled { inputs: prepared.test.inputs, ..Labelled::default() };
        let about = format!("{}; {SPHERE}", prepared.about);
        let test = if test == 0 { none } else { prepared.test };
        Ok(Self { pool: Some((prepared.train, test)), streams, about })
    }

    /// P samples in d dimensions for a net. Random data: x standard normal from the stream ("data", net, 0), y alternating. A
    /// data set: P samples of the pool in its order, from sample net P on, or as far on as there are enough left.
    ///
    /// Then, as the papers do, the mean over the P samples is taken off and every sample put on the sphere |x|^2 = d.
    /// Convention: the public code prepares train and test sets apart; here the test set is shifted by the training set's mean.
    /// Source: public code of Geiger et al. 2019, arXiv:1809.09349. Checked by `jamming_data_are_balanced_and_on_the_sphere`.
    pub fn of(&self, d: usize, samples: usize, net: u64) -> Result<Balanced, Fault> {
        let (mut train, mut test) = match &self.pool {
            None => {
                let mut rng = self.streams.stream("data", net, 0);
                let x = (0..samples * d).map(|_| StandardNormal.sample(&mut rng)).collect();
                let y = (0..samples).map(|k| if k % 2 == 0 { 1.0 } else { -1.0 }).collect();
                (Labelled { inputs: d, x, y }, Labelled { inputs: d, ..Labelled::default() })
            }
            Some((pool, test)) => {
                let Some(left) = pool.len().checked_sub(samples) else {
                    return Err(Fault::input("samples", samples, format!("give at most {}", pool.len())));
                };
                let from = (net.saturating_mul(samples as u64) % (left as u64 + 1)) as usize;
                let (d, to) = (pool.inputs, from + samples);
                let train = Labelled { inputs: d, x: pool.x[from * d..to * d].to_vec(), y: pool.y[from..to].to_vec() };
                (train, test.clone())
            }
        };
        let mut mean = vec![0.0; train.inputs];
        for x in train.x.chunks_exact(train.inputs) {
            mean.iter_mut().zip(x).for_each(|(m, v)| *m += v / samples as f64);
        }
        for part in [&mut train, &mut test] {
            for x in part.x.chunks_exact_mut(part.inputs) {
                x.iter_mut().zip(&mean).for_each(|(v, m)| *v -= m);
                let norm = x.iter().map(|v| v * v).sum::<f64>().sqrt();
                if norm > 0.0 {
                    let factor = (x.len() as f64).sqrt() / norm;
                    x.iter_mut().for_each(|v| *v *= factor);
                }
            }
        }
        Ok(Balanced { train, test })
    }
}
