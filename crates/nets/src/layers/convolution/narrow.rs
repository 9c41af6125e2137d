//! Convolutions between few channels: correlations of shifted copies of one sample.

use super::Convolution;
use crate::kernels::{Buffer, Correlate, Dots, Real, padded};
use crate::layers::{Layer, Window};

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

    pub(super) fn narrow_forward<T: Real>(&self, x: &[T], input: &[T], output: &mut [T]) {
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
    pub(super) fn narrow_backward<T: Real>(&self, x: &[T], by_output: &[T], by_input: &mut [T]) {
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

    pub(super) fn narrow_gradient<T: Real>(&self, input: &[T], by_output: &[T], weight: &mut [T]) {
        let plan = self.plan();
        let together = (TOGETHER / (plan.size + self.outputs * plan.columns)).clamp(1, 16);
        if self.scale == 1.0 {
            self.weights(input, by_output, together, weight, |_| ());
        } else {
            let mut scaled = by_output.to_vec();
            self.scaled(&mut scaled);
            self.weights(input, &scaled, together, weight, |_| ());
        }
    }

    /// Each sample's own derivative is formed, in the precision of the pass; its squares are summed in f64.
    pub(super) fn narrow_squares<T: Real>(&self, input: &[T], by_output: &[T], squares: &mut [f64]) {
        let mut own = vec![T::ZERO; self.outputs * self.fan_in()];
        let factor = self.scale * self.scale;
        let mut sums = squares.iter_mut();
        self.weights(input, by_output, 1, &mut own, |own| {
            if let Some(sum) = sums.next() {
                *sum += factor * own.iter().map(|v| v.to_f64() * v.to_f64()).sum::<f64>();
            }
            own.fill(T::ZERO);
        });
    }
}
