//! Arrays as little-endian bytes, for safetensors files.

use glasslab_core::Array;
use safetensors::{Dtype, View};
use std::borrow::Cow;

/// An array as bytes.
pub struct Bytes {
    /// Type of its entries.
    pub kind: Dtype,
    shape: Vec<usize>,
    /// Its entries, little-endian.
    pub bytes: Vec<u8>,
}

impl Bytes {
    /// The array, flat.
    pub fn of(array: &Array) -> Self {
        Self::shaped(array, vec![array.len()])
    }

    /// The array in this shape.
    pub fn shaped(array: &Array, shape: Vec<usize>) -> Self {
        let (kind, size) = match array {
            Array::F64(_) => (Dtype::F64, 8),
            Array::F32(_) => (Dtype::F32, 4),
            Array::U64(_) => (Dtype::U64, 8),
        };
        let mut bytes = Vec::with_capacity(size * array.len());
        match array {
            Array::F64(v) => v.iter().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes())),
            Array::F32(v) => v.iter().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes())),
            Array::U64(v) => v.iter().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes())),
        }
        Self { kind, shape, bytes }
    }
}

impl View for &Bytes {
    fn dtype(&self) -> Dtype {
        self.kind
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}
