//! Synthetic data of the literature: Gaussian noise with random labels, stripe, sphere, cylinder, teacher and student.

use super::{Labelled, Prepared, Recipe};
use crate::plane::{AlphaMlp, Gate, MarginLoss, Shape};
use glasslab_core::{Fault, Streams};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

/// Names and what they are. All inputs are standard normal in d dimensions; `components` says d.
pub const SYNTHETIC: &[(&str, &str)] = &[
    ("random", "random labels: nothing to generalise to"),
    ("stripe", "y = -1 in the band -0.3 < x_1 < 1.18549 (half of the samples), +1 outside"),
    ("sphere", "y = -1 inside the median sphere of all d directions"),
    ("cylinder", "y = -1 inside the median circle of the first two directions"),
    ("teacher", "y is the sign of a random network with one hidden layer of 30 ReLU, less its median"),
];

/// True for the name of a synthetic model.
pub fn is_name(name: &str) -> bool {
    SYNTHETIC.iter().any(|s| s.0 == name)
}

/// Parts are drawn from the streams ("data", part, 0): test 0, kernel 1, train 2, so parts of different sizes are nested.
pub(super) fn prepare(recipe: &Recipe, streams: Streams) -> Result<Prepared, Fault> {
    let d = if recipe.components == 0 { 10 } else { recipe.components };
    let name = recipe.data.as_str();
    if name == "cylinder" && d < 2 {
        return Err(Fault::input("components", d, "give at least 2 dimensions for a cylinder"));
    }
    let largest = [recipe.train, recipe.test, recipe.kernel].into_iter().max().unwrap_or(0);
    if d.saturating_mul(largest) > 1 << 28 {
        return Err(Fault::input("samples", largest, "give fewer samples or dimensions: less than 2^28 numbers"));
    }
    let teacher = match name {
        "teacher" => {
            let shape = Shape::new(d, 30, 1, Gate::new("relu", 1.0)?)?;
            let weights = shape.draw(streams, u64::MAX);
            let example = (vec![0.0; d], vec![1.0]);
            Some(AlphaMlp::new(shape, MarginLoss::Hinge, 1.0, (&example.0, &example.1), weights, false)?)
        }
        _ => None,
    };
    let draw = |part: u64, samples: usize| {
        let mut rng = streams.stream("data", part, 0);
        (0..samples * d).map(|_| StandardNormal.sample(&mut rng)).collect::<Vec<f64>>()
    };
    let score = |x: &[f64]| -> Vec<f64> {
        match (name, &teacher) {
            ("stripe", _) => {
                x.chunks_exact(d).map(|x| if x[0] > -0.3 && x[0] < 1.18549 { -1.0 } else { 1.0 }).collect()
            }
            ("sphere", _) => x.chunks_exact(d).map(|x| x.iter().map(|v| v * v).sum()).collect(),
            ("cylinder", _) => x.chunks_exact(d).map(|x| x[0] * x[0] + x[1] * x[1]).collect(),
            (_, Some(teacher)) => teacher.moved_outputs(teacher.origin(), x, false),
            _ => vec![0.0; x.len() / d],
        }
    };
    // Thresholds that halve the samples: exact for the stripe and the circle, else the median of 10,001 draws.
    let threshold = match name {
        "cylinder" => 2.0 * 2.0_f64.ln(),
        "sphere" | "teacher" => {
            let mut scores = score(&draw(3, 10_001));
            scores.sort_by(f64::total_cmp);
            scores[5_000]
        }
        _ => 0.0,
    };
    let part = |part: u64, samples: usize| {
        let x = draw(part, samples);
        let y = if name == "random" {
            let mut rng = streams.stream("labels", part, 0);
            (0..samples).map(|_| if rng.random::<bool>() { 1.0 } else { -1.0 }).collect()
        } else {
            score(&x).iter().map(|s| if *s < threshold { -1.0 } else { 1.0 }).collect()
        };
        Labelled { inputs: d, x, y }
    };
    let test = if recipe.test == 0 { 10_000 } else { recipe.test };
    let words = SYNTHETIC.iter().find(|s| s.0 == name).map_or("", |s| s.1);
    Ok(Prepared {
        test: part(0, test),
        kernel: part(1, recipe.kernel),
        train: part(2, recipe.train),
        about: format!("{name}: standard normal inputs in {d} dimensions; {words}"),
    })
}
