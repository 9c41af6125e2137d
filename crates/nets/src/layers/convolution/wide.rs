//! Convolutions between many channels, as blocked products over the whole batch.

use super::Convolution;
use crate::kernels::{Matrix, Planes, Real, Scratch, Target, Turned, add_taps, convolve, product, square_of_taps};
use crate::layers::Window;
use rayon::prelude::*;
use std::ops::Deref;

/// Least number of outputs with which blocked products pay, and of channels with few outputs.
const MANY: usize = 32;
const SOME: usize = 16;

/// Images as they are, or with a border.
enum Bordered<'a, T> {
    Same(&'a [T]),
    Wider(Scratch<T>),
}

impl<T: Real> Deref for Bordered<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Bordered::Same(values) => values,
            Bordered::Wider(values) => values,
        }
    }
}

/// Images `[lines, height, width]` with `before` zeros before each row and column, up to `[high, wide]`.
fn bordered<T: Real>(values: &[T], image: [usize; 2], before: usize, [high, wide]: [usize; 2]) -> Bordered<'_, T> {
    if image == [high, wide] {
        return Bordered::Same(values);
    }
    let [height, width] = image;
    let mut out = Scratch::new(values.len() / (height * width) * high * wide);
    let planes = out.par_chunks_exact_mut(high * wide).zip(values.par_chunks_exact(height * width)).with_min_len(16);
    planes.for_each(|(to, from)| {
        to.fill(T::ZERO);
        for (to, from) in to[before * wide..].chunks_exact_mut(wide).zip(from.chunks_exact(width)) {
            to[before..before + width].copy_from_slice(from);
        }
    });
    Bordered::Wider(out)
}

impl Convolution {
    pub(super) fn is_wide(&self) -> bool {
        self.outputs >= MANY || (self.outputs >= SOME && self.image[0] >= SOME)
    }

    /// Sides of the inputs with their border.
    fn with_border(&self) -> [usize; 2] {
        [self.image[1], self.image[2]].map(|side| side + 2 * self.window.padding)
    }

    fn wide_inputs<'a, T: Real>(&self, input: &'a [T]) -> (Bordered<'a, T>, Vec<usize>) {
        let [high, wide] = self.with_border();
        let offsets = self.taps().map(|[c, i, j]| (c * high + i) * wide + j).collect();
        (bordered(input, [self.image[1], self.image[2]], self.window.padding, [high, wide]), offsets)
    }

    fn planes<'a, T>(&self, values: &'a [T], offsets: &'a [usize]) -> Planes<'a, T> {
        let ([high, wide], stride) = (self.with_border(), self.window.stride);
        let sample = self.image[0] * high * wide;
        let samples = values.len() / sample;
        Planes { values, sample, samples, offsets, pitch: stride * wide, step: stride, grid: self.sides }
    }

    pub(super) fn wide_forward<T: Real>(&self, x: &[T], input: &[T], output: &mut [T]) {
        let (weight, bias) = x.split_at(self.outputs * self.fan_in());
        let (values, offsets) = self.wide_inputs(input);
        let [rows, columns] = self.sides;
        let target = Target {
            values: output,
            sample: self.outputs * rows * columns,
            row: rows * columns,
            start: 0,
            pitch: columns,
            step: 1,
        };
        let affine = (T::from_f64(self.scale), self.biased.then_some(bias));
        convolve(self.outputs, weight, &self.planes(&values, &offsets), affine, target);
    }

    /// For each residue of the pixels modulo the stride, the taps that reach it, turned.
    pub(super) fn wide_backward<T: Real>(&self, x: &[T], by_output: &[T], by_input: &mut [T]) {
        let ([channels, height, width], [rows, columns]) = (self.image, self.sides);
        let Window { kernel, stride, padding } = self.window;
        let before = (kernel - 1).saturating_sub(padding).div_ceil(stride);
        let reach = |side: usize, outputs: usize| before + outputs.max((side - 1 + padding) / stride + 1);
        let [high, wide] = [reach(height, rows), reach(width, columns)];
        let values = bordered(by_output, self.sides, before, [high, wide]);
        if kernel < stride {
            by_input.fill(T::ZERO);
        }
        let own = |residue: usize| (0..kernel).filter(move |i| (residue + padding) % stride == i % stride);
        // Where the window's entry i sees the output that belongs to a residue.
        let shift = |residue: usize, i: usize| (residue + padding + before * stride - i) / stride;
        for (down, across) in (0..stride.min(height)).flat_map(|y| (0..stride.min(width)).map(move |x| (y, x))) {
            let entries: Vec<(usize, usize)> = own(down).flat_map(|i| own(across).map(move |j| (i, j))).collect();
            if entries.is_empty() {
                continue;
            }
            let offset = |o: usize, &(i, j): &(usize, usize)| (o * high + shift(down, i)) * wide + shift(across, j);
            let offsets: Vec<usize> =
                (0..self.outputs).flat_map(|o| entries.iter().map(move |e| offset(o, e))).collect();
            let mut left = Scratch::new(channels * offsets.len());
            left.par_chunks_exact_mut(offsets.len()).enumerate().for_each(|(c, left)| {
                for (o, left) in left.chunks_exact_mut(entries.len()).enumerate() {
                    let from = &x[o * self.fan_in() + c * kernel * kernel..][..kernel * kernel];
                    left.iter_mut().zip(&entries).for_each(|(l, (i, j))| *l = from[i * kernel + j]);
                }
            });
            let planes = Planes {
                values: &values,
                sample: self.outputs * high * wide,
                samples: by_output.len() / (self.outputs * rows * columns),
                offsets: &offsets,
                pitch: wide,
                step: 1,
                grid: [(height - down).div_ceil(stride), (width - across).div_ceil(stride)],
            };
            let target = Target {
                values: &mut *by_input,
                sample: channels * height * width,
                row: height * width,
                start: down * width + across,
                pitch: stride * width,
                step: stride,
            };
            convolve(channels, &left, &planes, (T::from_f64(self.scale), None), target);
        }
    }

    pub(super) fn wide_gradient<T: Real>(&self, input: &[T], by_output: &[T], weight: &mut [T]) {
        let (values, offsets) = self.wide_inputs(input);
        let pixels = self.sides[0] * self.sides[1];
        let turned = Turned::new(by_output, self.outputs, pixels, T::from_f64(self.scale));
        add_taps(&self.planes(&values, &offsets), &turned, weight);
    }

    /// |dW_mu|^2 of each sample: of the sums themselves, or, where pixels are few, sum_pq (delta_p . delta_q)(a_p . a_q) over
    /// pixels p, q, which does not form them.
    pub(super) fn wide_squares<T: Real>(&self, input: &[T], by_output: &[T], squares: &mut [f64]) {
        let (values, offsets) = self.wide_inputs(input);
        let ([high, wide], pixels) = (self.with_border(), self.sides[0] * self.sides[1]);
        let sample = self.image[0] * high * wide;
        let few = 2 * pixels * (offsets.len() + self.outputs) < offsets.len() * self.outputs;
        let scale = T::from_f64(self.scale);
        let samples = values.chunks_exact(sample).zip(by_output.chunks_exact(self.outputs * pixels));
        for (square, (values, by_output)) in squares.iter_mut().zip(samples) {
            if few {
                *square += self.scale * self.scale * self.square_by_pixels(values, &offsets, by_output);
            } else {
                let turned = Turned::new(by_output, self.outputs, pixels, scale);
                *square += square_of_taps(&self.planes(values, &offsets), &turned);
            }
        }
    }

    fn square_by_pixels<T: Real>(&self, values: &[T], offsets: &[usize], by_output: &[T]) -> f64 {
        let ([rows, columns], [_, wide], stride) = (self.sides, self.with_border(), self.window.stride);
        let pixels = rows * columns;
        let start = |p: usize| (p / columns * wide + p % columns) * stride;
        let lines: Vec<T> = offsets.iter().flat_map(|o| (0..pixels).map(move |p| values[o + start(p)])).collect();
        let gram = |values: &[T], depth: usize| {
            let mut out = vec![T::ZERO; pixels * pixels];
            product(
                [pixels, pixels, depth],
                Matrix::turned(values, pixels),
                Matrix::rows(values, pixels),
                &mut out,
                false,
            );
            out
        };
        let (inputs, slopes) = (gram(&lines, offsets.len()), gram(by_output, self.outputs));
        inputs.iter().zip(&slopes).map(|(a, d)| a.to_f64() * d.to_f64()).sum()
    }
}
