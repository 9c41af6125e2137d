//! Data of two classes as the literature of the (h, alpha) plane prepares them: pooled, centred, on the sphere, principal
//! components, parity of the class, class-balanced splits; and the synthetic data of that literature.

mod classes;
mod parts;
mod pca;
mod samples;
mod synthetic;
mod table;

pub use classes::Classes;
pub use parts::{Parts, Sizes, parts};
pub use pca::{Components, components};
pub use samples::Samples;
pub use synthetic::{SYNTHETIC, is_name as is_synthetic};

use glasslab_core::{Fault, Streams};
use rand::RngExt;
use std::path::Path;

/// Samples x [P, d] with y = +-1 \[P\].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labelled {
    /// Inputs per sample.
    pub inputs: usize,
    /// Inputs, row-major.
    pub x: Vec<f64>,
    /// -1 or +1.
    pub y: Vec<f64>,
}

impl Labelled {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.y.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.y.is_empty()
    }

    fn pick(&self, rows: &[u32]) -> Self {
        let d = self.inputs;
        let x = rows.iter().flat_map(|&r| self.x[r as usize * d..(r as usize + 1) * d].iter().copied()).collect();
        Self { inputs: d, x, y: rows.iter().map(|&r| self.y[r as usize]).collect() }
    }
}

/// What to prepare.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// A data set's name or folder, a CSV file, or one of [`SYNTHETIC`].
    pub data: String,
    /// Principal components to keep, or dimensions of synthetic data; 0: all inputs (10 dimensions of synthetic data).
    pub components: usize,
    /// Give every component unit variance, instead of one factor for all.
    pub whiten: bool,
    /// Training samples P.
    pub train: usize,
    /// Samples on which tangent kernels are taken.
    pub kernel: usize,
    /// Test samples; 0: all that are left, at most 10,000.
    pub test: usize,
}

/// The three disjoint parts, and what was done to make them.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// To train on.
    pub train: Labelled,
    /// To take tangent kernels on.
    pub kernel: Labelled,
    /// To test on.
    pub test: Labelled,
    /// What was done, in words.
    pub about: String,
}

impl Prepared {
    /// The same with a constant input, the last, so that a first layer W x/sqrt(inputs) of standard normal weights is one of
    /// z = W x/sqrt(d) + bias b with standard normal biases b: inputs times sqrt((d + 1)/d), the constant is bias sqrt(d + 1).
    /// Nothing is changed if `bias` is 0. Checked by `a_constant_input_makes_biases`.
    pub fn with_bias(mut self, bias: f64) -> Self {
        if bias == 0.0 {
            return self;
        }
        let d = self.train.inputs;
        let (scale, constant) = (((d + 1) as f64 / d as f64).sqrt(), bias * ((d + 1) as f64).sqrt());
        for part in [&mut self.train, &mut self.kernel, &mut self.test] {
            let row = |x: &[f64]| x.iter().map(|v| v * scale).chain([constant]).collect::<Vec<f64>>();
            part.x = part.x.chunks_exact(d).flat_map(row).collect();
            part.inputs = d + 1;
        }
        self.about += &format!("; a constant input: biases of the first layer of standard deviation {bias}");
        self
    }
}

/// Prepares data. Files are looked up from `folder`.
///
/// Images and tables: train and test are pooled, each input is centred over the pool, each sample is put on the sphere
/// |x|^2 = d; with `components`, the principal components of the pool (test included) are kept, and divided by the root of
/// their mean variance (each by its own if whitened). y = +1 for classes of even index, -1 for odd. Splits are balanced:
/// each class is shuffled by the stream ("split", class, 0), all are cut to the size of the smallest, and taken
/// in turn: first the test part, then the kernel part, then the training part, so that the training parts of different P are
/// nested and the test part does not depend on them. Synthetic data are drawn by the streams ("data", 0, 0) and on.
///
/// Convention: Geiger, Petrini, Wyart 2021, doi:10.1016/j.physrep.2021.04.001, and their public code. Checked by
/// `splits_are_balanced_disjoint_and_nested`.
pub fn prepare(recipe: &Recipe, folder: &Path, streams: Streams) -> Result<Prepared, Fault> {
    if recipe.train == 0 {
        return Err(Fault::input("samples", 0, "give at least 1 training sample"));
    }
    if synthetic::is_name(&recipe.data) {
        return synthetic::prepare(recipe, streams);
    }
    prepare_samples(recipe, Samples::open(&recipe.data, folder)?, streams)
}

/// [`prepare`], of samples that are there already.
pub fn prepare_samples(recipe: &Recipe, mut pool: Samples, streams: Streams) -> Result<Prepared, Fault> {
    if recipe.train == 0 {
        return Err(Fault::input("samples", 0, "give at least 1 training sample"));
    }
    let raw = pool.inputs;
    centre(&mut pool.x, raw);
    on_sphere(&mut pool.x, raw);
    let mut about =
        format!("{}: {} samples pooled, centred, on the sphere |x|^2 = {raw}", recipe.data, pool.class.len());
    if recipe.components > 0 {
        if recipe.components > raw {
            return Err(Fault::input(
                "components",
                recipe.components,
                format!("give at most {raw}, the number of inputs"),
            ));
        }
        let found = components(&pool.x, raw, recipe.components, streams)?;
        pool.x = found.project(&pool.x, recipe.whiten);
        pool.inputs = recipe.components;
        let how = if recipe.whiten { "each of unit variance" } else { "of mean variance 1" };
        about += &format!("; {} principal components of the pool, {how}", recipe.components);
    }
    about += &format!("; y = parity of the class ({} classes), balanced splits", pool.names.len());
    split(recipe, pool, about, streams)
}

/// Each sample to |x|^2 = d.
fn on_sphere(x: &mut [f64], inputs: usize) {
    for x in x.chunks_exact_mut(inputs) {
        let norm = x.iter().map(|v| v * v).sum::<f64>().sqrt();
        if norm > 0.0 {
            let factor = (inputs as f64).sqrt() / norm;
            x.iter_mut().for_each(|v| *v *= factor);
        }
    }
}

fn centre(x: &mut [f64], inputs: usize) {
    let samples = (x.len() / inputs).max(1) as f64;
    let mut mean = vec![0.0; inputs];
    for x in x.chunks_exact(inputs) {
        mean.iter_mut().zip(x).for_each(|(m, v)| *m += v);
    }
    for x in x.chunks_exact_mut(inputs) {
        x.iter_mut().zip(&mean).for_each(|(v, m)| *v -= m / samples);
    }
}

fn split(recipe: &Recipe, pool: Samples, about: String, streams: Streams) -> Result<Prepared, Fault> {
    let mut rows: Vec<Vec<u32>> = vec![Vec::new(); pool.names.len()];
    for (row, &class) in pool.class.iter().enumerate() {
        rows[class as usize].push(row as u32);
    }
    rows.retain(|r| !r.is_empty());
    if rows.len() < 2 {
        return Err(Fault::input("data", &recipe.data, "give data of at least 2 classes"));
    }
    for (class, rows) in rows.iter_mut().enumerate() {
        let mut rng = streams.stream("split", class as u64, 0);
        for i in (1..rows.len()).rev() {
            rows.swap(i, rng.random_range(0..=i));
        }
    }
    let smallest = rows.iter().map(Vec::len).min().unwrap_or(0);
    let order: Vec<u32> = (0..smallest).flat_map(|k| rows.iter().map(move |r| r[k])).collect();
    let y = pool.class.iter().map(|c| if c % 2 == 0 { 1.0 } else { -1.0 }).collect();
    let all = Labelled { inputs: pool.inputs, x: pool.x, y };
    let needed = recipe.train + recipe.kernel;
    let test = if recipe.test == 0 { order.len().saturating_sub(needed).min(10_000) } else { recipe.test };
    if test == 0 || test + needed > order.len() {
        let fix = format!(
            "give at most {} samples in all (train, kernel, test): each of {} classes has {smallest}",
            order.len(),
            rows.len()
        );
        return Err(Fault::input("samples", needed + test, fix));
    }
    let (a, b) = (test, test + recipe.kernel);
    Ok(Prepared {
        test: all.pick(&order[..a]),
        kernel: all.pick(&order[a..b]),
        train: all.pick(&order[b..b + recipe.train]),
        about,
    })
}
