//! Convolutions with many channels as blocked matrix products: shifted planes are copied into a panel that stays in cache and is
//! swept by register tiles. Whole batches; tasks of fixed shape are spread over threads, so the bytes do not depend on them.
#![allow(unsafe_code)]

use super::planes::Planes;
use super::tile::{Finish, Left, Step, Strided, sweep};
use super::{Real, Scratch, padded};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// Depth of a block.
const DEPTH: usize = 256;
/// Rows of a task where there are few columns, and of a block of taps.
const ROWS: usize = 96;
/// With at least as many blocks of columns, each has a single task.
const ENOUGH: usize = 8;

/// out [rows, width] <- left [rows, depth] panel [depth, width], or plus what was there.
struct Part<'a, T> {
    rows: Range<usize>,
    left: &'a [T],
    /// From one row of `left` to the next, and its first column.
    row: usize,
    from: usize,
    depth: usize,
    panel: &'a [T],
    stride: usize,
    width: usize,
    out: &'a mut [T],
    pitch: usize,
    add: bool,
}

struct Accumulate<T> {
    at: *mut T,
    pitch: usize,
    first: usize,
    add: bool,
}

impl<S: Simd, T: Real> Finish<S, T> for Accumulate<T> {
    type Row = ();

    #[inline(always)]
    fn start(&self, _simd: S, _i: usize) {}

    #[inline(always)]
    unsafe fn finish(&self, simd: S, i: usize, j: usize, _valid: usize, _row: (), v: T::Vector<S>) {
        // SAFETY: rows are padded to whole vectors, as `run` checked.
        unsafe {
            let p = self.at.add((i - self.first) * self.pitch + j);
            let v = if self.add { T::plus(simd, v, T::load(simd, p)) } else { v };
            T::store(simd, p, v);
        }
    }
}

impl<T: Real> Part<'_, T> {
    fn run(self) {
        let whole = padded::<T>(self.width);
        let fits = self.rows.end > self.rows.start
            && (self.rows.end - 1) * self.row + self.from + self.depth <= self.left.len()
            && self.depth > 0
            && (self.depth - 1) * self.stride + whole <= self.panel.len()
            && whole <= self.pitch
            && self.rows.len() * self.pitch <= self.out.len();
        assert!(fits, "arrays fit their sizes");
        Arch::new().dispatch(self);
    }
}

impl<T: Real> WithSimd for Part<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let left = Left { at: self.left[self.from..].as_ptr(), row: self.row, depths: Step(1) };
        let right = Strided { at: self.panel.as_ptr(), row: self.stride };
        let finish = Accumulate { at: self.out.as_mut_ptr(), pitch: self.pitch, first: self.rows.start, add: self.add };
        // SAFETY: `run` checked that left holds all (row, depth), and panel and out whole cache lines, of which a vector is a
        // part, in each row.
        unsafe { sweep(simd, self.rows, 0..self.width, self.depth, left, right, &finish, self.width) };
    }
}

/// Where results go: entry (s, i, y, x) to `at[s sample + i row + start + y pitch + x step]`.
pub(crate) struct Target<'a, T> {
    pub values: &'a mut [T],
    pub sample: usize,
    pub row: usize,
    pub start: usize,
    pub pitch: usize,
    pub step: usize,
}

/// A pointer that several tasks write through, each to its own entries.
#[derive(Clone, Copy)]
struct Everywhere<T>(*mut T);
// SAFETY: a plain address; whoever writes through it says why no two tasks meet.
unsafe impl<T: Send> Send for Everywhere<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Everywhere<T> {}

impl<T> Everywhere<T> {
    fn at(self, i: usize) -> *mut T {
        self.0.wrapping_add(i)
    }
}

/// target(s, i, y, x) <- scale sum_k left[i, k] planes(s, k, y, x) + bias_i, left [rows, lines] row-major.
///
/// Each entry is a sum of blocks of 256 terms, each one chain in the order of k. Cost O(rows lines pixels). Checked by
/// `convolve_equals_the_plain_sum` and the layers' tests.
pub(crate) fn convolve<T: Real>(
    rows: usize,
    left: &[T],
    planes: &Planes<'_, T>,
    (scale, bias): (T, Option<&[T]>),
    target: Target<'_, T>,
) {
    let (lines, columns) = (planes.offsets.len(), planes.columns());
    planes.check();
    let [high, wide] = planes.grid;
    let Target { values, sample, row, start, pitch, step } = target;
    let last = (planes.samples - 1) * sample + (rows - 1) * row + start + (high - 1) * pitch + (wide - 1) * step;
    assert!(last < values.len() && left.len() == rows * lines && bias.is_none_or(|b| b.len() >= rows), "sizes fit");
    let width = 2 * T::COLUMNS;
    // One cache line more: rows do not fall on the same sets of a cache.
    let stride = width + padded::<T>(1);
    let blocks = columns.div_ceil(width);
    let tall = if blocks >= ENOUGH { rows } else { ROWS.min(rows) };
    let values = Everywhere(values.as_mut_ptr());
    let tasks = blocks * rows.div_ceil(tall);
    let buffers = || (Scratch::<T>::new(DEPTH * stride), Scratch::<T>::new(tall * stride));
    (0..tasks).into_par_iter().for_each_init(buffers, |(panel, out), task| {
        let (block, top) = (task % blocks * width, task / blocks * tall);
        let runs = planes.runs(block..(block + width).min(columns));
        let part = top..(top + tall).min(rows);
        for from in (0..lines).step_by(DEPTH) {
            let depth = (lines - from).min(DEPTH);
            planes.copy(from..from + depth, &runs, stride, panel);
            Part {
                rows: part.clone(),
                left,
                row: lines,
                from,
                depth,
                panel,
                stride,
                width: width.min(columns - block),
                out,
                pitch: stride,
                add: from > 0,
            }
            .run();
        }
        let lines = part.zip(out.chunks_exact(stride));
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (i, out) in lines {
                    let bias = bias.map_or(T::ZERO, |b| b[i]);
                    for run in &runs {
                        let at = run.sample * sample + i * row + start + run.y * pitch + run.x * step;
                        let sums = &out[run.to..run.to + run.len];
                        if step == 1 {
                            // SAFETY: the last entry was checked above; blocks and rows are those of this task alone.
                            let to = unsafe { std::slice::from_raw_parts_mut(values.at(at), run.len) };
                            to.iter_mut().zip(sums).for_each(|(to, v)| *to = scale * *v + bias);
                            continue;
                        }
                        for (n, v) in sums.iter().enumerate() {
                            // SAFETY: as above.
                            unsafe { *values.at(at + n * step) = scale * *v + bias };
                        }
                    }
                }
            },
        );
    });
}

/// Derivatives by outputs, pixel by pixel: [samples, pixels, padded outputs].
pub(crate) struct Turned<T> {
    values: Scratch<T>,
    outputs: usize,
    stride: usize,
}

impl<T: Real> Turned<T> {
    /// From [samples, outputs, pixels], times `scale`.
    pub fn new(by_output: &[T], outputs: usize, pixels: usize, scale: T) -> Self {
        let stride = padded::<T>(outputs);
        let mut values = Scratch::new(by_output.len() / outputs * stride);
        let samples = values.par_chunks_exact_mut(pixels * stride).zip(by_output.par_chunks_exact(pixels * outputs));
        samples.for_each(|(to, from)| {
            // In squares that stay in cache.
            for (o, lines) in from.chunks(16 * pixels).enumerate() {
                for first in (0..pixels).step_by(16) {
                    let last = (first + 16).min(pixels);
                    for (k, line) in lines.chunks_exact(pixels).enumerate() {
                        for (p, v) in line[first..last].iter().enumerate() {
                            to[(first + p) * stride + 16 * o + k] = scale * *v;
                        }
                    }
                }
            }
        });
        Self { values, outputs, stride }
    }
}

/// Calls `each(first, sums)` with sums [taps, stride] over all pixels of all samples of planes(s, k, y, x) turned(s, y, x, o), for
/// blocks of taps k from `first` on; returns the results in the order of the taps. Cost O(outputs lines pixels).
fn taps<T: Real, R: Send>(
    planes: &Planes<'_, T>,
    turned: &Turned<T>,
    each: impl Fn(usize, usize, &[T]) -> R + Sync,
) -> Vec<R> {
    let (lines, columns) = (planes.offsets.len(), planes.columns());
    planes.check();
    assert!(columns * turned.stride == turned.values.len(), "a derivative for each pixel");
    let stride = DEPTH + padded::<T>(1);
    let buffers = || (Scratch::<T>::new(ROWS * stride), Scratch::<T>::new(ROWS * turned.stride));
    let tasks = lines.div_ceil(ROWS);
    let task = |(panel, out): &mut (Scratch<T>, Scratch<T>), task: usize| {
        let first = task * ROWS;
        let many = (lines - first).min(ROWS);
        for from in (0..columns).step_by(DEPTH) {
            let depth = (columns - from).min(DEPTH);
            planes.copy(first..first + many, &planes.runs(from..from + depth), stride, panel);
            Part {
                rows: 0..many,
                left: panel,
                row: stride,
                from: 0,
                depth,
                panel: &turned.values[from * turned.stride..],
                stride: turned.stride,
                width: turned.outputs,
                out,
                pitch: turned.stride,
                add: from > 0,
            }
            .run();
        }
        each(first, many, out)
    };
    (0..tasks).into_par_iter().map_init(buffers, task).collect()
}

/// gradient [outputs, lines] grows by the sum over pixels and samples of planes(s, k, y, x) turned(s, y, x, o).
pub(crate) fn add_taps<T: Real>(planes: &Planes<'_, T>, turned: &Turned<T>, gradient: &mut [T]) {
    let lines = planes.offsets.len();
    assert_eq!(gradient.len(), turned.outputs * lines, "a sum for each tap and output");
    let gradient = Everywhere(gradient.as_mut_ptr());
    taps(planes, turned, |first, many, sums| {
        for o in 0..turned.outputs {
            for k in 0..many {
                // SAFETY: o and k are in range, and taps from `first` on are those of this task alone.
                unsafe { *gradient.at(o * lines + first + k) += sums[k * turned.stride + o] };
            }
        }
    });
}

/// The squared norm of the same sums, in f64.
pub(crate) fn square_of_taps<T: Real>(planes: &Planes<'_, T>, turned: &Turned<T>) -> f64 {
    let squares = taps(planes, turned, |_, many, sums| {
        let rows = sums.chunks_exact(turned.stride).take(many);
        rows.map(|row| row[..turned.outputs].iter().map(|v| v.to_f64() * v.to_f64()).sum::<f64>()).sum::<f64>()
    });
    squares.iter().sum()
}
