//! Whole arrays of a numpy archive, as numbers or words: data to train on.

use crate::error::{SeriesError, io, refused};
use crate::header::{Packing, Tensor};
use crate::{dtype, open};
use flate2::read::DeflateDecoder;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// The entries of an array, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Entries {
    /// Of any format of numbers, exact up to 2^53.
    Numbers(Vec<f64>),
    /// Of strings.
    Words(Vec<String>),
}

/// An array.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Its name in the archive.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its entries.
    pub entries: Entries,
}

/// Most bytes of an array: 8 GiB.
const MOST: u64 = 8 << 30;

/// Names and shapes of the arrays of a `.npz` archive; arrays of Python objects are pickles and are left out.
pub fn names(path: &Path) -> Result<Vec<(String, Vec<u64>)>, SeriesError> {
    let header = open::contents(path, "array", None)?;
    Ok(header.tensors.into_iter().map(|t| (t.name, t.shape)).collect())
}

/// The array of this name, whole. Sizes are checked against the file before memory is taken; at most 8 GiB.
///
/// Source: NumPy Enhancement Proposal 1. Checked by `arrays_of_every_format_are_read_whole`.
pub fn array(path: &Path, name: &str) -> Result<Array, SeriesError> {
    let header = open::contents(path, "array", None)?;
    let found: Vec<&str> = header.tensors.iter().map(|t| t.name.as_str()).collect();
    let Some(tensor) = header.tensors.iter().find(|t| t.name == name) else {
        let near = glasslab_core::parameter::nearest(name, found.iter().copied());
        let near = near.map_or(String::new(), |n| format!(" (did you mean `{n}`?)"));
        let there = if found.is_empty() {
            "no arrays that can be read (arrays of Python objects never are)".to_owned()
        } else {
            found.join(", ")
        };
        return Err(refused(path, "array", name, format!("it is not there{near}; there are {there}")));
    };
    let bytes = bytes(path, tensor)?;
    let shape: Vec<usize> = tensor.shape.iter().map(|n| *n as usize).collect();
    let count: usize = shape.iter().product();
    let entries = if tensor.dtype_name.starts_with("<U") || tensor.dtype_name.starts_with("|S") {
        Entries::Words(words(&bytes, count, tensor.dtype_name.starts_with("<U")))
    } else {
        let values = numbers(&tensor.dtype_name, &bytes, count).ok_or_else(|| {
            refused(path, format!("array {name:?}: descr"), &tensor.dtype_name, "convert it with .astype('f8')")
        })?;
        Entries::Numbers(match &tensor.packing {
            Packing::Strided(strides) => turned(&values, &shape, strides),
            _ => values,
        })
    };
    Ok(Array { name: name.to_owned(), shape, entries })
}

fn bytes(path: &Path, tensor: &Tensor) -> Result<Vec<u8>, SeriesError> {
    if tensor.bytes > MOST {
        return Err(refused(
            path,
            format!("array {:?}", tensor.name),
            format!("{} bytes", tensor.bytes),
            "at most 8 GiB are read",
        ));
    }
    let mut file = File::open(path).map_err(io("open", path))?;
    file.seek(SeekFrom::Start(tensor.offset)).map_err(io("read", path))?;
    let mut out = Vec::new();
    let read = match tensor.packing {
        Packing::Deflated { compressed, skip } => {
            let mut stream = DeflateDecoder::new(file.take(compressed));
            let mut head = vec![0; skip as usize];
            stream.read_exact(&mut head).and_then(|()| stream.take(tensor.bytes).read_to_end(&mut out))
        }
        _ => file.take(tensor.bytes).read_to_end(&mut out),
    };
    read.map_err(io("read", path))?;
    if out.len() as u64 != tensor.bytes {
        let value = format!("{} of {} bytes", out.len(), tensor.bytes);
        return Err(refused(
            path,
            format!("array {:?}", tensor.name),
            value,
            "the archive is truncated: save it again",
        ));
    }
    Ok(out)
}

fn numbers(descr: &str, bytes: &[u8], count: usize) -> Option<Vec<f64>> {
    fn all<const N: usize>(bytes: &[u8], of: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        bytes.as_chunks::<N>().0.iter().map(|b| of(*b)).collect()
    }
    let out = match descr {
        "<f8" => all(bytes, f64::from_le_bytes),
        "<f4" => all(bytes, |b| f32::from_le_bytes(b).into()),
        "<f2" => all(bytes, |b| dtype::half(u16::from_le_bytes(b)).into()),
        "|b1" | "|u1" => all(bytes, |[b]| b.into()),
        "|i1" => all(bytes, |b| i8::from_le_bytes(b).into()),
        "<u2" => all(bytes, |b| u16::from_le_bytes(b).into()),
        "<i2" => all(bytes, |b| i16::from_le_bytes(b).into()),
        "<u4" => all(bytes, |b| u32::from_le_bytes(b).into()),
        "<i4" => all(bytes, |b| i32::from_le_bytes(b).into()),
        "<u8" => all(bytes, |b| u64::from_le_bytes(b) as f64),
        "<i8" => all(bytes, |b| i64::from_le_bytes(b) as f64),
        _ => return None,
    };
    (out.len() == count).then_some(out)
}

/// Strings of equal width, padded with zeros: UCS-4 or bytes.
fn words(bytes: &[u8], count: usize, wide: bool) -> Vec<String> {
    let each = bytes.len() / count.max(1);
    if each == 0 {
        return vec![String::new(); count];
    }
    let word = |b: &[u8]| -> String {
        let all: String = if wide {
            b.as_chunks::<4>().0.iter().map(|c| char::from_u32(u32::from_le_bytes(*c)).unwrap_or('\u{fffd}')).collect()
        } else {
            String::from_utf8_lossy(b).into_owned()
        };
        all.trim_end_matches('\0').to_owned()
    };
    bytes.chunks_exact(each).map(word).collect()
}

/// From Fortran order to rows.
fn turned(values: &[f64], shape: &[usize], strides: &[u64]) -> Vec<f64> {
    let place = |mut i: usize| -> usize {
        let parts = shape.iter().zip(strides).rev().map(|(n, s)| {
            let digit = i % n;
            i /= n;
            digit * *s as usize
        });
        parts.sum()
    };
    (0..values.len()).map(|i| values[place(i)]).collect()
}
