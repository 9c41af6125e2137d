//! Means over windows of an image.

use super::{Direction, Layer, Pass, Point, Tangents, Window};
use crate::kernels::Real;
use glasslab_core::Fault;

/// a_c(y, x) = (1/n) sum over the window of z_c, where n = kernel^2 if padding is counted (`count_include_pad` of PyTorch),
/// else the number of pixels inside the image. Cost O(kernel^2) per output. Checked by `cross` (PyTorch) and finite
/// differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AveragePool {
    image: [usize; 3],
    window: Window,
    count_padding: bool,
    sides: [usize; 2],
}

impl AveragePool {
    /// Pooling of images `[channels, height, width]`. Fails if the window does not fit into the image or the padding is
    /// more than half the kernel.
    pub fn new(image: [usize; 3], window: Window, count_padding: bool) -> Result<Self, Fault> {
        Ok(Self { image, window, count_padding, sides: window.sides(image, window.kernel / 2)? })
    }

    /// Shape of its output, `[channels, height, width]`.
    pub fn shape(&self) -> [usize; 3] {
        [self.image[0], self.sides[0], self.sides[1]]
    }

    /// Calls `visit(output, inputs, n)` with the number of each output, those of the inputs in its window, row by row, and n.
    fn windows<T: Real>(&self, planes: usize, mut visit: impl FnMut(usize, &mut dyn Iterator<Item = usize>, T)) {
        let ([_, height, width], [rows, columns]) = (self.image, self.sides);
        for (number, row) in (0..planes * rows).enumerate() {
            let (plane, down) = (row / rows * height * width, self.window.span(row % rows, height));
            for x in 0..columns {
                let across = self.window.span(x, width);
                let inside = down.len() * across.len();
                let n = if self.count_padding { self.window.kernel * self.window.kernel } else { inside };
                let mut inputs = down.clone().flat_map(|i| across.clone().map(move |j| plane + i * width + j));
                visit(number * columns + x, &mut inputs, T::from_f64(n as f64));
            }
        }
    }
}

impl Layer for AveragePool {
    fn inputs(&self) -> usize {
        self.image.iter().product()
    }

    fn outputs(&self) -> usize {
        self.shape().iter().product()
    }

    fn reads_output(&self) -> bool {
        false
    }
}

impl<T: Real> Pass<T> for AveragePool {
    fn forward(&self, _x: &[T], input: &[T], output: &mut [T]) {
        let planes = input.len() / self.inputs() * self.image[0];
        self.windows(planes, |at, inputs, n: T| {
            output[at] = inputs.fold(T::ZERO, |sum, i| sum + input[i]) / n;
        });
    }

    fn backward(&self, _x: &[T], input: &[T], _output: &[T], by_output: &[T], by_input: &mut [T]) {
        by_input.fill(T::ZERO);
        let planes = input.len() / self.inputs() * self.image[0];
        self.windows(planes, |at, inputs, n: T| {
            inputs.for_each(|i| by_input[i] += by_output[at] / n);
        });
    }
}

/// Linear: a tangent runs through the same pass.
impl Tangents for AveragePool {
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
