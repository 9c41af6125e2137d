//! Arrays that begin on a cache line, and tables whose rows do.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

const LINE: usize = 64;

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[expect(dead_code, reason = "only its size and alignment are used")] [u8; LINE]);

/// The next multiple of a cache line, in entries of T.
pub(crate) fn padded<T>(n: usize) -> usize {
    n.next_multiple_of(LINE / size_of::<T>())
}

/// A zeroed array of plain numbers that begins on a cache line.
pub(crate) struct Buffer<T> {
    lines: Vec<Line>,
    len: usize,
    entries: PhantomData<T>,
}

impl<T: super::Real> Buffer<T> {
    /// `len` zeros.
    pub fn new(len: usize) -> Self {
        Self { lines: vec![Line([0; LINE]); (len * size_of::<T>()).div_ceil(LINE)], len, entries: PhantomData }
    }
}

impl<T: super::Real> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the lines are initialised, aligned beyond T, hold at least `len` entries, and every bit pattern is a
        // valid f32 or f64, the only types that are `Real`.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<T: super::Real> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and the borrow is unique.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

/// Rows of numbers, each padded with zeros to whole cache lines.
pub(crate) struct Table<T> {
    values: Buffer<T>,
    stride: usize,
}

impl<T: super::Real> Table<T> {
    /// A table of zeros.
    pub fn new(rows: usize, columns: usize) -> Self {
        let stride = padded::<T>(columns);
        Self { values: Buffer::new(rows * stride), stride }
    }

    /// A row with its padding.
    pub fn row(&self, row: usize) -> &[T] {
        &self.values[row * self.stride..(row + 1) * self.stride]
    }

    /// A row with its padding, to be written.
    pub fn row_mut(&mut self, row: usize) -> &mut [T] {
        &mut self.values[row * self.stride..(row + 1) * self.stride]
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.values.len * size_of::<T>()
    }
}
