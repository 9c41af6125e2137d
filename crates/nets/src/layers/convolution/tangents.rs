//! How a convolution's passes change along a direction.

use super::Convolution;
use crate::layers::{Direction, Pass, Point, Tangents};

impl Convolution {
    /// Adds the convolution of `input` with the weights of x, without biases.
    fn add_weighed(&self, x: &[f64], input: &[f64], output: &mut [f64]) {
        let (mut bare, mut sum) = (x.to_vec(), vec![0.0; output.len()]);
        bare[self.outputs * self.fan_in()..].fill(0.0);
        Pass::<f64>::forward(self, &bare, input, &mut sum);
        output.iter_mut().zip(sum).for_each(|(o, s)| *o += s);
    }
}

impl Tangents for Convolution {
    /// dz = dW * a + W * da + db.
    fn forward_tangent(&self, at: Point<'_>, along: Direction<'_>, d_output: &mut [f64]) {
        self.forward(along.x, at.input, d_output);
        if let Some(d_input) = along.input {
            self.add_weighed(at.x, d_input, d_output);
        }
    }

    /// The turned kernels W on d delta, and dW on delta.
    fn backward_tangent(
        &self,
        at: Point<'_>,
        along: Direction<'_>,
        by_output: &[f64],
        d_by_output: &[f64],
        d_by_input: &mut [f64],
    ) {
        let mut sum = vec![0.0; d_by_input.len()];
        self.backward(at.x, at.input, at.output, d_by_output, d_by_input);
        self.backward(along.x, at.input, at.output, by_output, &mut sum);
        d_by_input.iter_mut().zip(sum).for_each(|(d, s)| *d += s);
    }

    /// The correlations of d delta with a, and of delta with da; the biases see d delta alone.
    fn gradient_tangent(
        &self,
        at: Point<'_>,
        along: Direction<'_>,
        by_output: &[f64],
        d_by_output: &[f64],
        d_gradient: &mut [f64],
    ) {
        self.gradient(at.input, d_by_output, d_gradient);
        if let Some(d_input) = along.input {
            let mut sum = vec![0.0; d_gradient.len()];
            self.gradient(d_input, by_output, &mut sum);
            let weights = self.outputs * self.fan_in();
            d_gradient[..weights].iter_mut().zip(sum).for_each(|(d, s)| *d += s);
        }
    }
}
