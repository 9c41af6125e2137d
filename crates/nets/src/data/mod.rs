//! Data sets: images and class labels, kept as bytes, normalised on demand, shared by all Systems of a process.

mod augment;
mod catalogue;
mod cifar;
pub mod deform;
mod embedded;
mod files;
mod idx;
mod training;

pub use augment::Augmentation;
pub(crate) use augment::Move;
pub use catalogue::{DataEntry, datasets};
pub use training::{Training, TrainingChoice};

use crate::kernels::{Real, Table};
use glasslab_core::{Fault, Split};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, Weak};

/// Images and labels of one split, in file order.
#[derive(Default)]
pub struct Images {
    /// Pixels as stored [samples, channels, height, width], row-major.
    pub pixels: Vec<u8>,
    /// Class of each sample \[samples\].
    pub labels: Vec<u16>,
    single: OnceLock<Table<f32>>,
    double: OnceLock<Table<f64>>,
}

impl Images {
    pub(crate) fn new(pixels: Vec<u8>, labels: Vec<u16>) -> Self {
        Self { pixels, labels, single: OnceLock::new(), double: OnceLock::new() }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// True if there is no sample.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// How pixels become inputs: (pixel/full - mean)/deviation, per channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalisation {
    /// The pixel value that counts as 1 (255; 16 for `digits`).
    pub full: f64,
    /// Mean of each channel.
    pub mean: Vec<f64>,
    /// Standard deviation of each channel.
    pub deviation: Vec<f64>,
}

impl Normalisation {
    /// Mean and standard deviation of each channel over all pixels of all samples (exact integer sums, divisor
    /// n); a channel without variation gets deviation 1. Cost O(pixels).
    pub fn of(pixels: &[u8], channels: usize, plane: usize, full: f64) -> Self {
        let (mut mean, mut deviation) = (vec![0.0; channels], vec![1.0; channels]);
        for c in 0..channels {
            let (mut n, mut s, mut q) = (0_u64, 0_u64, 0_u64);
            for sample in pixels.chunks_exact(channels * plane) {
                for &p in &sample[c * plane..(c + 1) * plane] {
                    s += u64::from(p);
                    q += u64::from(p) * u64::from(p);
                }
                n += plane as u64;
            }
            if n > 0 {
                let m = s as f64 / n as f64;
                let variance = q as f64 / n as f64 - m * m;
                mean[c] = m / full;
                if variance > 0.0 {
                    deviation[c] = variance.sqrt() / full;
                }
            }
        }
        Self { full, mean, deviation }
    }

    /// Refuses numbers that would make inputs which are none.
    fn check(&self, channels: usize) -> Result<(), Fault> {
        let Self { full, mean, deviation } = self;
        if (mean.len(), deviation.len()) != (channels, channels) {
            let found = format!("{} means, {} deviations", mean.len(), deviation.len());
            return Err(Fault::input("normalisation", found, format!("give one of each for the {channels} channels")));
        }
        let bad = |v: &f64| !(v.is_finite() && *v > 0.0);
        if mean.iter().any(|m| !m.is_finite()) || bad(full) || deviation.iter().any(bad) {
            let fix = "give finite means, and a full scale and deviations that are finite and above 0";
            return Err(Fault::input("normalisation", format!("{self:?}"), fix));
        }
        Ok(())
    }
}

/// A data set.
pub struct DataSet {
    /// Its name or folder.
    pub name: String,
    /// Channels, height, width.
    pub shape: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// How pixels become inputs.
    pub normalisation: Normalisation,
    /// The training images.
    pub train: Images,
    /// The test images; empty if there are none.
    pub test: Images,
}

impl DataSet {
    /// A data set from pixels and labels; checks that they fit. `normalisation`: `None` computes it on the training
    /// set.
    pub fn new(
        name: &str,
        shape: [usize; 3],
        classes: usize,
        full: f64,
        normalisation: Option<Normalisation>,
        train: Images,
        test: Images,
    ) -> Result<Self, Fault> {
        let pixels = shape.iter().product::<usize>();
        for images in [&train, &test] {
            Fault::check_len("pixels", images.len() * pixels, images.pixels.len())?;
            if let Some(bad) = images.labels.iter().find(|&&l| usize::from(l) >= classes) {
                return Err(Fault::input(name, bad, format!("give labels below the number of classes, {classes}")));
            }
        }
        if let Some(law) = &normalisation {
            law.check(shape[0])?;
        }
        let normalisation =
            normalisation.unwrap_or_else(|| Normalisation::of(&train.pixels, shape[0], shape[1] * shape[2], full));
        Ok(Self { name: name.to_owned(), shape, classes, normalisation, train, test })
    }

    /// Opens `digits`, `mnist`, `fashion-mnist`, or a folder of IDX or CIFAR binary files; a relative folder is
    /// looked up in `folder`. A set that is still in use is shared, not read again.
    pub fn open(name: &str, folder: &Path) -> Result<Arc<Self>, Fault> {
        static OPEN: OnceLock<Mutex<HashMap<PathBuf, Weak<DataSet>>>> = OnceLock::new();
        let key = if catalogue::is_name(name) { PathBuf::from(name) } else { folder.join(name) };
        let mut open = OPEN.get_or_init(Mutex::default).lock().unwrap_or_else(|e| e.into_inner());
        if let Some(set) = open.get(&key).and_then(Weak::upgrade) {
            return Ok(set);
        }
        let set = Arc::new(catalogue::read(name, &key)?);
        open.insert(key, Arc::downgrade(&set));
        Ok(set)
    }

    /// Number of inputs of a network: channels x height x width.
    pub fn inputs(&self) -> usize {
        self.shape.iter().product()
    }

    /// The images of a split.
    pub fn images(&self, split: Split) -> &Images {
        match split {
            Split::Train => &self.train,
            Split::Test => &self.test,
        }
    }

    /// Normalised inputs of one sample \[inputs\], in f64.
    pub fn sample(&self, split: Split, row: usize) -> Vec<f64> {
        let mut out = Vec::new();
        self.append(&self.lookup(), split, row, &mut out);
        out
    }

    /// Appends the normalised inputs of one sample.
    pub(crate) fn append<T: Real>(&self, lookup: &[T], split: Split, row: usize, out: &mut Vec<T>) {
        let (n, plane) = (self.inputs(), self.shape[1] * self.shape[2]);
        let pixels = &self.images(split).pixels[row * n..(row + 1) * n];
        for (pixels, inputs) in pixels.chunks_exact(plane).zip(lookup.chunks_exact(256)) {
            out.extend(pixels.iter().map(|&p| inputs[usize::from(p)]));
        }
    }

    /// The input that each pixel value becomes [channels, 256]: table and background of the same precision, added.
    pub(crate) fn lookup<T: Real>(&self) -> Vec<T> {
        let Normalisation { full, mean, deviation } = &self.normalisation;
        let input =
            |p: u8, c: usize| T::from_f64(f64::from(p) / full / deviation[c]) + T::from_f64(-mean[c] / deviation[c]);
        (0..self.shape[0]).flat_map(|c| (0..=255).map(move |p| input(p, c))).collect()
    }

    /// The input that a pixel 0 becomes, per input [inputs]: -mean/deviation of its channel.
    pub(crate) fn background<T: Real>(&self) -> Vec<T> {
        let Normalisation { mean, deviation, .. } = &self.normalisation;
        let plane = self.shape[1] * self.shape[2];
        (0..self.inputs()).map(|i| T::from_f64(-mean[i / plane] / deviation[i / plane])).collect()
    }

    /// Inputs less background, (pixel/full)/deviation, of a whole split: zero where the pixel is. Computed once per
    /// precision.
    pub(crate) fn table<T: Real>(&self, split: Split) -> &Table<T> {
        let images = self.images(split);
        T::cell(&images.single, &images.double).get_or_init(|| {
            let (n, plane) = (self.inputs(), self.shape[1] * self.shape[2]);
            let Normalisation { full, deviation, .. } = &self.normalisation;
            Table::new(images.len(), n, |row, inputs| {
                let pixels = images.pixels[row * n..(row + 1) * n].chunks_exact(plane);
                for ((pixels, inputs), deviation) in pixels.zip(inputs.chunks_exact_mut(plane)).zip(deviation) {
                    for (p, o) in pixels.iter().zip(inputs) {
                        *o = T::from_f64(f64::from(*p) / full / deviation);
                    }
                }
            })
        })
    }

    /// Bytes held: pixels, labels, and the normalised tables that were made.
    pub fn memory(&self) -> u64 {
        let of = |i: &Images| {
            i.pixels.len()
                + 2 * i.len()
                + i.single.get().map_or(0, Table::bytes)
                + i.double.get().map_or(0, Table::bytes)
        };
        (of(&self.train) + of(&self.test)) as u64
    }
}
