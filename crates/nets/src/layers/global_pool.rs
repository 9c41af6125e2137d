//! The mean of each channel over its whole image.

use super::{Direction, Layer, Pass, Point, Tangents};
use crate::kernels::Real;

/// a_c = (1/pixels) sum over all pixels of z_c. Cost O(values). Checked by `cross` (PyTorch) and finite differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalPool {
    channels: usize,
    plane: usize,
}

impl GlobalPool {
    /// Pooling of images `[channels, height, width]`.
    pub fn new(image: [usize; 3]) -> Self {
        Self { channels: image[0], plane: image[1] * image[2] }
    }
}

impl Layer for GlobalPool {
    fn inputs(&self) -> usize {
        self.channels * self.plane
    }

    fn outputs(&self) -> usize {
        self.channels
    }

    fn reads_output(&self) -> bool {
        false
    }
}

impl<T: Real> Pass<T> for GlobalPool {
    fn forward(&self, _x: &[T], input: &[T], output: &mut [T]) {
        let pixels = T::from_f64(self.plane as f64);
        for (a, z) in output.iter_mut().zip(input.chunks_exact(self.plane)) {
            *a = z.iter().fold(T::ZERO, |sum, z| sum + *z) / pixels;
        }
    }

    fn backward(&self, _x: &[T], _input: &[T], _output: &[T], by_output: &[T], by_input: &mut [T]) {
        let pixels = T::from_f64(self.plane as f64);
        for (d, by) in by_input.chunks_exact_mut(self.plane).zip(by_output) {
            d.fill(*by / pixels);
        }
    }
}

/// Linear: a tangent runs through the same pass.
impl Tangents for GlobalPool {
    fn forward_tangent(&self, _at: Point<'_>, along: Direction<'_>, d_output: &mut [f64]) {
        match along.input {
            Some(d_input) => self.forward(&[], d_input, d_output),
            None => d_output.fill(0.0),
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
