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

/// A zip archive of members (name, bytes, compressed), as plain as it gets.
pub fn zip(members: &[(&str, &[u8], bool)]) -> Vec<u8> {
    use std::io::Write;
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes, deflated) in members {
        let packed = match deflated {
            false => bytes.to_vec(),
            true => {
                let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
        };
        let at = out.len() as u32;
        let mut facts = vec![20, 0, 0, 0, if *deflated { 8 } else { 0 }, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        facts.extend((packed.len() as u32).to_le_bytes());
        facts.extend((bytes.len() as u32).to_le_bytes());
        facts.extend((name.len() as u16).to_le_bytes());
        facts.extend([0, 0]);
        out.extend(b"PK\x03\x04");
        out.extend(&facts);
        out.extend(name.as_bytes());
        out.extend(packed);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&facts);
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let end = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend((members.len() as u16).to_le_bytes());
    out.extend((members.len() as u16).to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(end.to_le_bytes());
    out.extend([0, 0]);
    out
}

/// A numpy array of version 1 with this header text.
pub fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(data);
    out
}

/// A one-dimensional f32 array.
pub fn npy_f32(values: &[f32]) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({},), }}\n", values.len());
    npy(&header, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())
}

/// The pickle of a dictionary of f32 tensors: name, storage, its entries, offset, shape, strides.
#[allow(clippy::type_complexity)]
pub fn pickle(tensors: &[(&str, &str, u64, u64, &[u64], &[u64])]) -> Vec<u8> {
    fn text(out: &mut Vec<u8>, s: &str) {
        out.push(b'X');
        out.extend((s.len() as u32).to_le_bytes());
        out.extend(s.as_bytes());
    }
    fn number(out: &mut Vec<u8>, n: u64) {
        out.extend([0x8a, 8]);
        out.extend(n.to_le_bytes());
    }
    fn tuple(out: &mut Vec<u8>, all: &[u64]) {
        out.push(b'(');
        all.iter().for_each(|&n| number(out, n));
        out.push(b't');
    }
    let mut out = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
    for (name, key, entries, offset, shape, stride) in tensors {
        text(&mut out, name);
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut out, "storage");
        out.extend(b"ctorch\nFloatStorage\n");
        text(&mut out, key);
        text(&mut out, "cpu");
        number(&mut out, *entries);
        out.extend(b"tQ");
        number(&mut out, *offset);
        tuple(&mut out, shape);
        tuple(&mut out, stride);
        out.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    }
    out.extend(b"u.");
    out
}

/// A PyTorch checkpoint of one storage `0` of f32 numbers.
pub fn torch(pickle: &[u8], values: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    zip(&[("a/data.pkl", pickle, false), ("a/byteorder", b"little", false), ("a/data/0", &bytes, false)])
}
