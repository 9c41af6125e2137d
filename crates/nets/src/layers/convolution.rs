//! Convolution of images with square kernels.

mod narrow;
mod tangents;
mod wide;

use super::{Initial, Layer, Pass, Window};
use crate::kernels::Real;
use glasslab_core::{Fault, Rng};

/// z_o(y, x) = s sum_c sum_ij W_ocij a_c(y stride + i - padding, x stride + j - padding) + b_o, a = 0 outside the image.
///
/// W [outputs, channels, kernel, kernel] row-major, then b \[outputs\] (the order of PyTorch); images [channels, height,
/// width]. Cost O(outputs channels kernel^2) per output pixel. Convention: s = 1 and initial W and b uniform on (-1,
/// 1)/sqrt(channels kernel^2), as `torch.nn.Conv2d`, unless said otherwise. Checked by `cross` (PyTorch) and finite differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Convolution {
    image: [usize; 3],
    outputs: usize,
    window: Window,
    sides: [usize; 2],
    scale: f64,
    biased: bool,
    initial: Initial,
}

impl Convolution {
    /// Convolution of images `[channels, height, width]` to `outputs` channels. Fails if the window does not fit into the
    /// image or the padding is as wide as the kernel.
    pub fn new(image: [usize; 3], outputs: usize, window: Window) -> Result<Self, Fault> {
        let sides = window.sides(image, window.kernel.saturating_sub(1))?;
        if outputs == 0 {
            return Err(Fault::input("channels", outputs, "give at least 1"));
        }
        Ok(Self { image, outputs, window, sides, scale: 1.0, biased: true, initial: Initial::Uniform })
    }

    /// The same without biases, its weights drawn from N(0, 2/(kernel^2 outputs)): the convolutions of residual networks.
    /// Source: K. He, X. Zhang, S. Ren, J. Sun 2015, arXiv:1502.01852 (the law that keeps the variance of gradients).
    pub fn residual(self) -> Self {
        let fan_out = (self.window.kernel * self.window.kernel * self.outputs) as f64;
        Self { biased: false, initial: Initial::Gaussian((2.0 / fan_out).sqrt()), ..self }
    }

    /// The same without biases, with N(0, 1) weights and s = gain/sqrt(channels kernel^2): the NTK parametrisation.
    pub fn tangent_scaled(self, gain: f64) -> Self {
        Self { biased: false, initial: Initial::Normal, scale: gain / (self.fan_in() as f64).sqrt(), ..self }
    }

    fn scaled<T: Real>(&self, values: &mut [T]) {
        if self.scale != 1.0 {
            let scale = T::from_f64(self.scale);
            values.iter_mut().for_each(|v| *v = *v * scale);
        }
    }

    /// Shape of its output, `[channels, height, width]`.
    pub fn shape(&self) -> [usize; 3] {
        [self.outputs, self.sides[0], self.sides[1]]
    }

    /// Weights of one output channel.
    fn fan_in(&self) -> usize {
        self.image[0] * self.window.kernel * self.window.kernel
    }

    /// The triples (c, i, j) in the order of the weights.
    fn taps(&self) -> impl Iterator<Item = [usize; 3]> + use<> {
        let (channels, kernel) = (self.image[0], self.window.kernel);
        (0..channels * kernel * kernel).map(move |k| [k / kernel / kernel, k / kernel % kernel, k % kernel])
    }

    /// Sum of the derivatives by each output channel of one sample.
    fn channel_sums<'a, T: Real>(&self, by_output: &'a [T]) -> impl Iterator<Item = T> + use<'a, T> {
        let plane = self.sides[0] * self.sides[1];
        by_output.chunks_exact(plane).map(|plane| plane.iter().fold(T::ZERO, |sum, d| sum + *d))
    }
}

impl Layer for Convolution {
    fn inputs(&self) -> usize {
        self.image.iter().product()
    }

    fn outputs(&self) -> usize {
        self.shape().iter().product()
    }

    fn reads_output(&self) -> bool {
        false
    }

    fn parameters(&self) -> Vec<(&'static str, Vec<usize>)> {
        let kernel = self.window.kernel;
        let mut all = vec![("weight", vec![self.outputs, self.image[0], kernel, kernel])];
        all.extend(self.biased.then(|| ("bias", vec![self.outputs])));
        all
    }

    fn threads_itself(&self) -> bool {
        self.is_wide()
    }

    fn initial(&self, rng: &mut Rng, x: &mut [f64]) {
        let (weights, biases) = x.split_at_mut(self.outputs * self.fan_in());
        self.initial.draw(rng, self.fan_in(), weights, biases);
    }
}

impl<T: Real> Pass<T> for Convolution {
    fn forward(&self, x: &[T], input: &[T], output: &mut [T]) {
        if self.is_wide() {
            self.wide_forward(x, input, output);
        } else {
            self.narrow_forward(x, input, output);
        }
    }

    fn backward(&self, x: &[T], _input: &[T], _output: &[T], by_output: &[T], by_input: &mut [T]) {
        if self.is_wide() {
            self.wide_backward(x, by_output, by_input);
        } else {
            self.narrow_backward(x, by_output, by_input);
        }
    }

    fn gradient(&self, input: &[T], by_output: &[T], gradient: &mut [T]) {
        let (weight, bias) = gradient.split_at_mut(self.outputs * self.fan_in());
        if self.is_wide() {
            self.wide_gradient(input, by_output, weight);
        } else {
            self.narrow_gradient(input, by_output, weight);
        }
        if self.biased {
            for sample in by_output.chunks_exact(self.outputs()) {
                bias.iter_mut().zip(self.channel_sums(sample)).for_each(|(b, d)| *b += d);
            }
        }
    }

    fn sample_squares(&self, input: &[T], by_output: &[T], squares: &mut [f64]) {
        let square = |v: T| v.to_f64() * v.to_f64();
        if self.is_wide() {
            self.wide_squares(input, by_output, squares);
        } else {
            self.narrow_squares(input, by_output, squares);
        }
        if self.biased {
            for (sum, sample) in squares.iter_mut().zip(by_output.chunks_exact(self.outputs())) {
                *sum += self.channel_sums(sample).map(square).sum::<f64>();
            }
        }
    }
}
