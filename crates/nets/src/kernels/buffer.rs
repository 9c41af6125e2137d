//! Arrays that begin on a cache line, and tables whose rows do.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::marker::PhantomData;
use std::mem::take;
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

/// Arrays that a thread keeps for the next one that asks.
const KEPT: usize = 4;

thread_local! {
    static SPARE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer for work between two calls: its entries are any numbers (those of earlier work), and its memory goes back to the thread that
/// drops it, which saves the system from handing out fresh pages at every step.
pub(crate) struct Scratch<T>(Buffer<T>);

impl<T: super::Real> Scratch<T> {
    /// `len` numbers, to be written before they are read.
    pub fn new(len: usize) -> Self {
        let needed = (len * size_of::<T>()).div_ceil(LINE);
        let spare = SPARE.with_borrow_mut(|spare| {
            // The smallest that is large enough, or the largest, to grow.
            let fits = |v: &Vec<Line>| (v.len() < needed, v.len().abs_diff(needed));
            let at = (0..spare.len()).min_by_key(|&i| fits(&spare[i]));
            at.map(|i| spare.swap_remove(i)).unwrap_or_default()
        });
        let mut lines = spare;
        if lines.len() < needed {
            lines.resize(needed, Line([0; LINE]));
        }
        Self(Buffer { lines, len, entries: PhantomData })
    }
}

impl<T> Drop for Scratch<T> {
    fn drop(&mut self) {
        let lines = take(&mut self.0.lines);
        // The thread may be ending.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < KEPT {
                spare.push(lines);
            }
        });
    }
}

impl<T> Deref for Scratch<T> {
    type Target = Buffer<T>;

    fn deref(&self) -> &Buffer<T> {
        &self.0
    }
}

impl<T> DerefMut for Scratch<T> {
    fn deref_mut(&mut self) -> &mut Buffer<T> {
        &mut self.0
    }
}

/// Rows of numbers, each padded with zeros to whole cache lines, and where they are not zero.
pub(crate) struct Table<T> {
    values: Buffer<T>,
    stride: usize,
    used: Vec<u64>,
    words: usize,
}

impl<T: super::Real> Table<T> {
    /// A table whose rows are written by `fill(row, values)`.
    pub fn new(rows: usize, columns: usize, mut fill: impl FnMut(usize, &mut [T])) -> Self {
        let (stride, words) = (padded::<T>(columns), columns.div_ceil(64));
        let mut table = Self { values: Buffer::new(rows * stride), stride, used: vec![0; rows * words], words };
        for row in 0..rows {
            let values = &mut table.values[row * stride..row * stride + columns];
            fill(row, values);
            for (word, values) in table.used[row * words..].iter_mut().zip(values.chunks(64)) {
                *word = values.iter().enumerate().fold(0, |w, (i, v)| w | u64::from(*v != T::ZERO) << i);
            }
        }
        table
    }

    /// The first entry of a row, which can be read up to whole cache lines.
    pub fn start(&self, row: usize) -> *const T {
        self.values[row * self.stride..(row + 1) * self.stride].as_ptr()
    }

    /// Bit i % 64 of word i / 64 says whether entry i of a row is not zero.
    pub fn used(&self, row: usize) -> &[u64] {
        &self.used[row * self.words..(row + 1) * self.words]
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.values.len * size_of::<T>() + 8 * self.used.len()
    }
}
