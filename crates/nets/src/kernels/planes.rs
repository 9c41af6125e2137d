//! Shifted images as lines of pixels, copied into panels that stay in cache.
#![allow(unsafe_code)]

use super::Real;
use pulp::{Arch, Simd, WithSimd};
use std::ops::Range;

/// Lines of pixels of several samples: pixel (s, y, x) of line k is `planes[s sample + offsets[k] + y pitch + x step]`.
pub(crate) struct Planes<'a, T> {
    pub values: &'a [T],
    /// Entries of a sample, and number of samples.
    pub sample: usize,
    pub samples: usize,
    pub offsets: &'a [usize],
    pub pitch: usize,
    pub step: usize,
    /// Pixels of a line: rows and columns.
    pub grid: [usize; 2],
}

/// Neighbouring pixels of one row of a line.
pub(super) struct Run {
    pub sample: usize,
    pub y: usize,
    pub x: usize,
    /// Where they stand in the block, and how many they are.
    pub to: usize,
    pub len: usize,
}

impl<T: Real> Planes<'_, T> {
    pub(super) fn columns(&self) -> usize {
        self.samples * self.grid[0] * self.grid[1]
    }

    /// The pixels `block`, counted sample by sample, row by row.
    pub(super) fn runs(&self, block: Range<usize>) -> Vec<Run> {
        let [rows, columns] = self.grid;
        let (mut runs, mut at) = (Vec::new(), block.start);
        while at < block.end {
            let (line, x) = (at / columns, at % columns);
            let len = (columns - x).min(block.end - at);
            runs.push(Run { sample: line / rows, y: line % rows, x, to: at - block.start, len });
            at += len;
        }
        runs
    }

    pub(super) fn check(&self) {
        let most = self.offsets.iter().max().copied().unwrap_or(0);
        let [rows, columns] = self.grid;
        assert!(rows > 0 && columns > 0 && self.samples > 0, "there are pixels");
        let last = (self.samples - 1) * self.sample + most + (rows - 1) * self.pitch + (columns - 1) * self.step;
        assert!(last < self.values.len(), "planes fit their sizes");
    }

    /// Copies the pixels `runs` of lines `lines` into rows `stride` apart.
    pub(super) fn copy(&self, lines: Range<usize>, runs: &[Run], stride: usize, panel: &mut [T]) {
        let width = runs.last().map_or(0, |r| r.to + r.len);
        assert!(width <= stride && lines.len() * stride <= panel.len(), "the panel has room");
        let starts: Vec<usize> =
            runs.iter().map(|r| r.sample * self.sample + r.y * self.pitch + r.x * self.step).collect();
        let Self { values, step, offsets, .. } = *self;
        Arch::new().dispatch(Fill { values, step, offsets: &offsets[lines], runs, starts: &starts, stride, panel });
    }
}

/// Runs of pixels of some lines into rows `stride` apart; run r of a line begins at `starts[r]` behind the line's offset.
struct Fill<'a, T> {
    values: &'a [T],
    step: usize,
    offsets: &'a [usize],
    runs: &'a [Run],
    starts: &'a [usize],
    stride: usize,
    panel: &'a mut [T],
}

impl<T: Real> WithSimd for Fill<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = T::lanes(simd);
        for (row, offset) in self.panel.chunks_exact_mut(self.stride).zip(self.offsets) {
            for (run, start) in self.runs.iter().zip(self.starts) {
                // SAFETY: `Planes::check` has seen that every pixel of every line lies in `values`, and `Planes::copy` that runs end
                // inside the row; whole vectors only where the run consists of them.
                unsafe {
                    let from = self.values.as_ptr().add(start + offset);
                    let to = row.as_mut_ptr().add(run.to);
                    if self.step > 1 {
                        (0..run.len).for_each(|i| *to.add(i) = *from.add(i * self.step));
                    } else if run.len.is_multiple_of(lanes) {
                        (0..run.len).step_by(lanes).for_each(|i| T::store(simd, to.add(i), T::load(simd, from.add(i))));
                    } else if run.len.is_multiple_of(4) {
                        (0..run.len).step_by(4).for_each(|i| {
                            to.add(i).cast::<[T; 4]>().write_unaligned(from.add(i).cast::<[T; 4]>().read_unaligned());
                        });
                    } else {
                        (0..run.len).for_each(|i| *to.add(i) = *from.add(i));
                    }
                }
            }
        }
    }
}
