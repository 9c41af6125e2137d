//! Convolution of images with square kernels.

mod wide;

use super::{Direction, Initial, Layer, Pass, Point, Tangents, Window};
use crate::kernels::{Buffer, Correlate, Dots, Real, padded};
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

/// Entries of planes and derivatives that are summed over together: about what a second-level cache holds.
const TOGETHER: usize = 1 << 15;

/// How inputs are laid out so that each weight sees one contiguous run of them: for stride 1 the image with its padding,
/// else one line per weight.
struct Plan {
    /// Where the run of weight (c, i, j) begins.
    starts: Vec<usize>,
    /// From one row of outputs to the next.
    pitch: usize,
    /// Length of a run.
    columns: usize,
    /// Entries of the layout.
    size: usize,
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

    fn plan(&self) -> Plan {
        let ([channels, height, width], [rows, columns]) = (self.image, self.sides);
        if self.window.stride > 1 {
            let run = rows * columns;
            let starts = (0..self.fan_in()).map(|k| k * run).collect();
            return Plan { starts, pitch: columns, columns: run, size: self.fan_in() * run };
        }
        let [high, wide] = [height, width].map(|s| s + 2 * self.window.padding);
        let starts = self.taps().map(|[c, i, j]| (c * high + i) * wide + j).collect();
        Plan { starts, pitch: wide, columns: (rows - 1) * wide + columns, size: channels * high * wide }
    }

    /// Lays one sample out; `to` was zero where there is padding.
    fn unfold<T: Real>(&self, sample: &[T], to: &mut [T]) {
        let ([_, height, width], [rows, columns]) = (self.image, self.sides);
        let Window { stride, padding, .. } = self.window;
        if stride == 1 {
            let [high, wide] = [height, width].map(|s| s + 2 * padding);
            for (row, values) in sample.chunks_exact(width).enumerate() {
                let at = ((row / height * high) + row % height + padding) * wide + padding;
                to[at..at + width].copy_from_slice(values);
            }
            return;
        }
        for (line, [c, i, j]) in to.chunks_exact_mut(rows * columns).zip(self.taps()) {
            let plane = &sample[c * height * width..(c + 1) * height * width];
            for (y, line) in line.chunks_exact_mut(columns).enumerate() {
                let Some(row) = (y * stride + i).checked_sub(padding).filter(|y| *y < height) else { continue };
                for (x, value) in line.iter_mut().enumerate() {
                    if let Some(column) = (x * stride + j).checked_sub(padding).filter(|x| *x < width) {
                        *value = plane[row * width + column];
                    }
                }
            }
        }
    }

    /// Lays the derivatives by one sample's outputs out like its inputs: rows `pitch` apart, channels `len`, zeros between.
    fn spread<T: Real>(&self, by_output: &[T], pitch: usize, len: usize, to: &mut [T]) {
        let [rows, columns] = self.sides;
        for (to, plane) in to.chunks_exact_mut(len).zip(by_output.chunks_exact(rows * columns)) {
            for (y, row) in plane.chunks_exact(columns).enumerate() {
                to[y * pitch..y * pitch + columns].copy_from_slice(row);
            }
        }
    }

    /// Adds the weights' derivative [outputs, channels, kernel, kernel], `together` samples at a time, and calls `done`
    /// after each lot.
    fn weights<T: Real>(
        &self,
        input: &[T],
        by_output: &[T],
        together: usize,
        gradient: &mut [T],
        mut done: impl FnMut(&mut [T]),
    ) {
        let (plan, outputs) = (self.plan(), self.outputs());
        let len = padded::<T>(plan.columns);
        let wide = self.outputs * len;
        let mut planes = Buffer::new(together * plan.size + len);
        let mut spread = Buffer::new(together * wide);
        let lots = input.chunks(together * self.inputs()).zip(by_output.chunks(together * outputs));
        for (inputs, derivatives) in lots {
            for (sample, to) in inputs.chunks_exact(self.inputs()).zip(planes.chunks_mut(plan.size)) {
                self.unfold(sample, to);
            }
            for (sample, to) in derivatives.chunks_exact(outputs).zip(spread.chunks_exact_mut(wide)) {
                self.spread(sample, plan.pitch, len, to);
            }
            let dots = Dots {
                rows: self.outputs,
                len,
                groups: derivatives.len() / outputs,
                a_group: wide,
                b_group: plan.size,
                a: &spread,
                b: &planes,
                starts: &plan.starts,
                out: gradient,
            };
            dots.run();
            done(gradient);
        }
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
            return self.wide_forward(x, input, output);
        }
        let (plan, [rows, columns]) = (self.plan(), self.sides);
        let (weight, bias) = x.split_at(self.outputs * self.fan_in());
        let depths: Vec<u32> = (0..self.fan_in() as u32).collect();
        let scale = T::from_f64(self.scale);
        let mut plane = Buffer::new(plan.size + T::COLUMNS);
        let mut wide = vec![T::ZERO; self.outputs * plan.columns];
        let samples = input.chunks_exact(self.inputs()).zip(output.chunks_exact_mut(self.outputs()));
        for (sample, output) in samples {
            self.unfold(sample, &mut plane[..plan.size]);
            let correlate = Correlate {
                rows: self.outputs,
                columns: plan.columns,
                left: weight,
                row: self.fan_in(),
                depths: &depths,
                plane: &plane,
                starts: &plan.starts,
                out: &mut wide,
            };
            correlate.run();
            let channels = output.chunks_exact_mut(rows * columns).zip(wide.chunks_exact(plan.columns));
            for (o, (output, wide)) in channels.enumerate() {
                let bias = bias.get(o).map_or(T::ZERO, |b| *b);
                for (output, wide) in output.chunks_exact_mut(columns).zip(wide.chunks(plan.pitch)) {
                    output.iter_mut().zip(wide).for_each(|(o, w)| *o = scale * *w + bias);
                }
            }
        }
    }

    /// The derivatives, `stride` apart and with a border of kernel - 1 zeros, correlated with the turned kernels.
    fn backward(&self, x: &[T], _input: &[T], _output: &[T], by_output: &[T], by_input: &mut [T]) {
        if self.is_wide() {
            return self.wide_backward(x, by_output, by_input);
        }
        let ([channels, height, width], [rows, columns]) = (self.image, self.sides);
        let Window { kernel, stride, padding } = self.window;
        let [high, wide] = self.sides.map(|s| (s - 1) * stride + 2 * kernel - 1);
        // Inputs that some window sees.
        let seen = [(high - kernel + 1 - padding).min(height), (wide - kernel + 1 - padding).min(width)];
        let (mut starts, mut depths) = (Vec::new(), Vec::new());
        for o in 0..self.outputs {
            for (i, j) in (0..kernel).flat_map(|i| (0..kernel).map(move |j| (i, j))) {
                starts.push((o * high + kernel - 1 - i + padding) * wide + kernel - 1 - j + padding);
                depths.push((o * self.fan_in() + i * kernel + j) as u32);
            }
        }
        let run = (seen[0] - 1) * wide + seen[1];
        let mut plane = Buffer::new(self.outputs * high * wide + T::COLUMNS);
        let mut sums = vec![T::ZERO; channels * run];
        by_input.fill(T::ZERO);
        let samples = by_output.chunks_exact(self.outputs()).zip(by_input.chunks_exact_mut(self.inputs()));
        for (derivatives, by_input) in samples {
            for (row, values) in derivatives.chunks_exact(columns).enumerate() {
                let y = row / rows * high + kernel - 1 + row % rows * stride;
                let to = plane[y * wide + kernel - 1..].iter_mut().step_by(stride);
                to.zip(values).for_each(|(to, d)| *to = *d);
            }
            let correlate = Correlate {
                rows: channels,
                columns: run,
                left: &x[..self.outputs * self.fan_in()],
                row: kernel * kernel,
                depths: &depths,
                plane: &plane,
                starts: &starts,
                out: &mut sums,
            };
            correlate.run();
            for (by_input, sums) in by_input.chunks_exact_mut(height * width).zip(sums.chunks_exact(run)) {
                for (by_input, sums) in by_input.chunks_exact_mut(width).zip(sums.chunks(wide)) {
                    by_input[..seen[1]].copy_from_slice(&sums[..seen[1]]);
                }
            }
        }
        self.scaled(by_input);
    }

    fn gradient(&self, input: &[T], by_output: &[T], gradient: &mut [T]) {
        let (weight, bias) = gradient.split_at_mut(self.outputs * self.fan_in());
        let plan = self.plan();
        let together = (TOGETHER / (plan.size + self.outputs * plan.columns)).clamp(1, 16);
        if self.is_wide() {
            self.wide_gradient(input, by_output, weight);
        } else if self.scale == 1.0 {
            self.weights(input, by_output, together, weight, |_| ());
        } else {
            let mut scaled = by_output.to_vec();
            self.scaled(&mut scaled);
            self.weights(input, &scaled, together, weight, |_| ());
        }
        if self.biased {
            for sample in by_output.chunks_exact(self.outputs()) {
                bias.iter_mut().zip(self.channel_sums(sample)).for_each(|(b, d)| *b += d);
            }
        }
    }

    /// Each sample's own derivative is formed, in the precision of the pass; its squares are summed in f64.
    fn sample_squares(&self, input: &[T], by_output: &[T], squares: &mut [f64]) {
        let square = |v: T| v.to_f64() * v.to_f64();
        if self.is_wide() {
            self.wide_squares(input, by_output, squares);
        } else {
            let mut own = vec![T::ZERO; self.outputs * self.fan_in()];
            let factor = self.scale * self.scale;
            let mut sums = squares.iter_mut();
            self.weights(input, by_output, 1, &mut own, |own| {
                if let Some(sum) = sums.next() {
                    *sum += factor * own.iter().map(|v| square(*v)).sum::<f64>();
                }
                own.fill(T::ZERO);
            });
        }
        if self.biased {
            for (sum, sample) in squares.iter_mut().zip(by_output.chunks_exact(self.outputs())) {
                *sum += self.channel_sums(sample).map(square).sum::<f64>();
            }
        }
    }
}

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
