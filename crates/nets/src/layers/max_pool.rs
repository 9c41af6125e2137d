//! Maxima over windows of an image.

use super::{Direction, Layer, Pass, Point, Tangents, Window};
use crate::kernels::Real;
use glasslab_core::Fault;

/// a_c(y, x) = max over the window of z_c; padding never wins. The derivative goes to the first maximum in row-major order
/// (the rule of PyTorch); NaN in the window gives NaN. Cost O(kernel^2) per output. Checked by `cross` (PyTorch) and finite
/// differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool {
    image: [usize; 3],
    window: Window,
    sides: [usize; 2],
}

impl MaxPool {
    /// Pooling of images `[channels, height, width]`. Fails if the window does not fit into the image or the padding is
    /// more than half the kernel.
    pub fn new(image: [usize; 3], window: Window) -> Result<Self, Fault> {
        Ok(Self { image, window, sides: window.sides(image, window.kernel / 2)? })
    }

    /// Shape of its output, `[channels, height, width]`.
    pub fn shape(&self) -> [usize; 3] {
        [self.image[0], self.sides[0], self.sides[1]]
    }

    /// Pairs of rows and columns: the common case, written so that it becomes vectors.
    fn in_pairs(&self) -> bool {
        self.window == Window::new(2, 2)
    }
}

#[inline(always)]
fn larger<T: Real>(best: T, v: T) -> T {
    // NaN is the only value that differs from itself.
    #[allow(clippy::eq_op)]
    if v > best || v != v { v } else { best }
}

impl Layer for MaxPool {
    fn inputs(&self) -> usize {
        self.image.iter().product()
    }

    fn outputs(&self) -> usize {
        self.shape().iter().product()
    }
}

impl<T: Real> Pass<T> for MaxPool {
    fn forward(&self, _x: &[T], input: &[T], output: &mut [T]) {
        let ([_, height, width], [rows, columns]) = (self.image, self.sides);
        for (plane, output) in input.chunks_exact(height * width).zip(output.chunks_exact_mut(rows * columns)) {
            for (y, output) in output.chunks_exact_mut(columns).enumerate() {
                if self.in_pairs() {
                    let (upper, lower) = plane[2 * y * width..2 * (y + 1) * width].split_at(width);
                    let pairs = upper.chunks_exact(2).zip(lower.chunks_exact(2));
                    for (out, (u, l)) in output.iter_mut().zip(pairs) {
                        *out = larger(larger(larger(u[0], u[1]), l[0]), l[1]);
                    }
                    continue;
                }
                for (x, out) in output.iter_mut().enumerate() {
                    let (down, across) = (self.window.span(y, height), self.window.span(x, width));
                    let mut best = plane[down.start * width + across.start];
                    for i in down {
                        let row = &plane[i * width + across.start..i * width + across.end];
                        best = row.iter().fold(best, |best, v| larger(best, *v));
                    }
                    *out = best;
                }
            }
        }
    }

    fn backward(&self, _x: &[T], input: &[T], output: &[T], by_output: &[T], by_input: &mut [T]) {
        let ([_, height, width], [rows, columns]) = (self.image, self.sides);
        by_input.fill(T::ZERO);
        let outputs = output.chunks_exact(columns).zip(by_output.chunks_exact(columns));
        for (row, (output, by_output)) in outputs.enumerate() {
            let (plane, y) = (row / rows * height * width, row % rows);
            if self.in_pairs() {
                let range = plane + 2 * y * width..plane + 2 * (y + 1) * width;
                let (upper, lower) = input[range.clone()].split_at(width);
                let (by_upper, by_lower) = by_input[range].split_at_mut(width);
                let inputs = upper.chunks_exact(2).zip(lower.chunks_exact(2));
                let by_inputs = by_upper.chunks_exact_mut(2).zip(by_lower.chunks_exact_mut(2));
                let outputs = output.iter().zip(by_output);
                for (((u, l), (by_u, by_l)), (best, d)) in inputs.zip(by_inputs).zip(outputs) {
                    let first = u[0] == *best;
                    let second = !first && u[1] == *best;
                    let third = !first && !second && l[0] == *best;
                    let last = !first && !second && !third;
                    by_u[0] = if first { *d } else { T::ZERO };
                    by_u[1] = if second { *d } else { T::ZERO };
                    by_l[0] = if third { *d } else { T::ZERO };
                    by_l[1] = if last { *d } else { T::ZERO };
                }
                continue;
            }
            for (x, (best, d)) in output.iter().zip(by_output).enumerate() {
                let (down, across) = (self.window.span(y, height), self.window.span(x, width));
                let all = down.flat_map(|i| across.clone().map(move |j| plane + i * width + j));
                let first = all.clone().find(|&at| input[at] == *best);
                if let Some(at) = first.or(all.last()) {
                    by_input[at] += *d;
                }
            }
        }
    }
}

/// Linear as long as no other input becomes the maximum: a tangent follows the first maximum of the point.
impl Tangents for MaxPool {
    fn forward_tangent(&self, at: Point<'_>, along: Direction<'_>, d_output: &mut [f64]) {
        let Some(d_input) = along.input else { return d_output.fill(0.0) };
        let ([_, height, width], [rows, columns]) = (self.image, self.sides);
        for (number, (best, d)) in at.output.iter().zip(d_output).enumerate() {
            let (row, x) = (number / columns, number % columns);
            let (plane, down) = (row / rows * height * width, self.window.span(row % rows, height));
            let across = self.window.span(x, width);
            let all = down.flat_map(|i| across.clone().map(move |j| plane + i * width + j));
            let first = all.clone().find(|&i| at.input[i] == *best);
            *d = first.or(all.last()).map_or(0.0, |i| d_input[i]);
        }
    }

    fn backward_tangent(
        &self,
        at: Point<'_>,
        _along: Direction<'_>,
        _by_output: &[f64],
        d_by_output: &[f64],
        d_by_input: &mut [f64],
    ) {
        self.backward(&[], at.input, at.output, d_by_output, d_by_input);
    }
}
