//! Synthetic trajectories with known answers, written as safetensors by the official crate.
#![allow(dead_code)] // each test file uses a part

use glasslab_core::Streams;
use rand_distr::{Distribution, StandardNormal};
use safetensors::tensor::{Dtype, TensorView, serialize};
use std::path::Path;

/// One checkpoint: tensors by name, each in f32.
pub type Weights = Vec<(&'static str, Vec<f32>)>;

/// Writes tensors of any format.
pub fn write_raw(path: &Path, tensors: &[(&str, Dtype, Vec<usize>, Vec<u8>)]) {
    let views = tensors.iter().map(|(n, d, s, b)| (*n, TensorView::new(*d, s.clone(), b).unwrap()));
    std::fs::write(path, serialize(views, None).unwrap()).unwrap();
}

/// Writes f32 tensors.
pub fn write(path: &Path, weights: &Weights) {
    let raw: Vec<_> = weights
        .iter()
        .map(|(n, x)| (*n, Dtype::F32, vec![x.len()], x.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>()))
        .collect();
    write_raw(path, &raw);
}

/// Writes a series as `step<t>.safetensors`.
pub fn write_series(folder: &Path, steps: &[u64], series: &[Weights]) {
    for (step, weights) in steps.iter().zip(series) {
        write(&folder.join(format!("step{step}.safetensors")), weights);
    }
}

/// n normal numbers.
pub fn normal(n: usize, stream: u64, step: u64) -> Vec<f64> {
    let mut rng = Streams::new(7).stream("test", stream, step);
    (0..n).map(|_| StandardNormal.sample(&mut rng)).collect()
}

/// x(t + 1) = keep x(t) + velocity + noise z in f64, seen at `steps` from x(0) = start z', in tensors `body.0.a` (two
/// thirds) and `body.1.b` and `head`, in f32.
pub fn walk(n: usize, steps: &[u64], keep: f64, velocity: f64, noise: f64, start: f64) -> Vec<Weights> {
    let mut x: Vec<f64> = normal(n, 0, 0).iter().map(|z| start * z).collect();
    let mut series = Vec::new();
    for t in 0..=steps[steps.len() - 1] {
        if steps.contains(&t) {
            let single: Vec<f32> = x.iter().map(|&v| v as f32).collect();
            let (a, b) = (2 * n / 3, n - 5);
            series.push(vec![
                ("body.0.a", single[..a].to_vec()),
                ("body.1.b", single[a..b].to_vec()),
                ("head", single[b..].to_vec()),
            ]);
        }
        let z = normal(n, 1, t);
        x.iter_mut().zip(z).for_each(|(x, z)| *x = keep * *x + velocity + noise * z);
    }
    series
}

/// 0 and powers of 2 up to 2^last.
pub fn powers(last: u32) -> Vec<u64> {
    std::iter::once(0).chain((0..=last).map(|k| 1 << k)).collect()
}
