//! What tests of networks of images share: the data of `cross/make_images.py`, PyTorch's numbers, distances.

use glasslab_core::*;
use glasslab_nets::data::Images;
use glasslab_nets::*;
use std::path::Path;
use std::sync::Arc;

/// Pixels and labels by the formula of `cross/make_images.py`.
pub fn formula(samples: usize, side: usize, classes: usize) -> Training {
    let mut images = Images::default();
    let pixels = 0..(samples * 3 * side * side) as u32;
    images.pixels = pixels.map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    images.labels = (0..samples).map(|i| (i * 7 % classes) as u16).collect();
    let data = DataSet::new("formula", [3, side, side], classes, 255.0, None, images, Images::default()).unwrap();
    Training::new(Arc::new(data), TrainingChoice::default(), Streams::new(0)).unwrap()
}

/// |a - b|/|b|.
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let off: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    (sum::dot(&off, &off) / sum::dot(b, b)).sqrt()
}

/// The numbers that the script kept, by case and name.
pub fn pytorch() -> impl Fn(&str, &str) -> Vec<f64> {
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cross/images.safetensors")).unwrap();
    move |case, what| {
        let all = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let tensor = all.tensor(&format!("{case}/{what}")).unwrap();
        tensor.data().as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect()
    }
}
