//! Batch normalisation of the channels of an image.

mod tangents;

use super::{Layer, Pass};
use crate::kernels::Real;
use pulp::Arch;
use rayon::prelude::*;
use std::sync::Arc;

/// Added to variances.
const EPSILON: f64 = 1e-5;
/// Weight of the newest batch in the running statistics.
const MOMENTUM: f64 = 0.1;

/// a_c = weight_c (z_c - mean_c)/sqrt(variance_c + 1e-5) + bias_c, with mean and (biased) variance of channel c over all pixels of
/// all samples of the batch; once frozen, those of the buffers.
///
/// Parameters: weight \[channels\], initially 1, then bias \[channels\], initially 0. Buffers: running_mean \[channels\], initially
/// 0, then running_var \[channels\], initially 1; each batch of training moves them by running <- 0.9 running + 0.1 batch, with the
/// unbiased variance (that of a single value is left out). Convention: `torch.nn.BatchNorm2d`, training and evaluation mode.
/// Cost O(values), in a few passes over them.
/// Source: S. Ioffe, C. Szegedy 2015, arXiv:1502.03167. Checked by `cross` (PyTorch, both modes) and finite differences.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    channels: usize,
    plane: usize,
    /// Means and variances [2, channels] that take the place of the batch's.
    fixed: Option<Vec<f64>>,
}

/// What one channel is multiplied with and shifted by.
#[derive(Clone, Copy)]
struct Affine<T> {
    scale: T,
    shift: T,
}

/// Sum of f over entries, in 16 lanes: the order is fixed, and the loop becomes vectors.
#[inline(always)]
fn lanes<T: Real>(n: usize, f: impl Fn(usize) -> T) -> f64 {
    let mut sums = [T::ZERO; 16];
    let whole = n / 16 * 16;
    for from in (0..whole).step_by(16) {
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum += f(from + lane);
        }
    }
    let rest: f64 = (whole..n).map(|i| f(i).to_f64()).sum();
    sums.iter().map(|s| s.to_f64()).sum::<f64>() + rest
}

impl BatchNorm {
    /// Normalisation of images `[channels, height, width]`.
    pub fn new(image: [usize; 3]) -> Self {
        Self { channels: image[0], plane: image[1] * image[2], fixed: None }
    }

    /// The same in evaluation mode, with these buffers.
    pub fn with(self, buffers: Vec<f64>) -> Self {
        assert_eq!(buffers.len(), 2 * self.channels, "a mean and a variance for each channel");
        Self { fixed: Some(buffers), ..self }
    }

    fn width(&self) -> usize {
        self.channels * self.plane
    }

    /// The planes of channel c, sample by sample.
    fn planes<'a, T>(&self, values: &'a [T], c: usize) -> impl Iterator<Item = &'a [T]> + use<'a, T> {
        let (at, plane) = (c * self.plane, self.plane);
        values.chunks_exact(self.width()).map(move |sample| &sample[at..at + plane])
    }

    /// Mean and biased variance of each channel: those of the batch, or the fixed ones.
    fn statistics<T: Real>(&self, input: &[T]) -> Vec<[f64; 2]> {
        if let Some(fixed) = &self.fixed {
            let (mean, variance) = fixed.split_at(self.channels);
            return mean.iter().zip(variance).map(|(m, v)| [*m, *v]).collect();
        }
        // Plane by plane, as each is in cache; joined by the formula of Chan, Golub, LeVeque 1983.
        let of = |c: usize| {
            let (mut mean, mut squares, mut seen) = (0.0, 0.0, 0.0);
            for p in self.planes(input, c) {
                let n = p.len() as f64;
                let own = lanes(p.len(), |i| p[i]) / n;
                let centre = T::from_f64(own);
                let off = own - mean;
                squares += lanes(p.len(), |i| (p[i] - centre) * (p[i] - centre)) + off * off * (seen * n / (seen + n));
                mean += off * (n / (seen + n));
                seen += n;
            }
            [mean, squares / seen]
        };
        (0..self.channels)
            .into_par_iter()
            .map(|c| {
                Arch::new().dispatch(
                    #[inline(always)]
                    || of(c),
                )
            })
            .collect()
    }

    /// The statistics of the notes, or of the input if there are none.
    fn noted<T: Real>(&self, input: &[T], notes: &[f64]) -> Vec<[f64; 2]> {
        match notes.get(..2 * self.channels) {
            Some(notes) => notes.as_chunks::<2>().0.to_vec(),
            None => self.statistics(input),
        }
    }

    fn inverse(variance: f64) -> f64 {
        1.0 / (variance + EPSILON).sqrt()
    }

    /// Sums over batch and pixels of d and of d (z - mean)/deviation, per channel.
    fn sums<T: Real>(&self, statistics: &[[f64; 2]], input: &[T], by_output: &[T]) -> Vec<[f64; 2]> {
        let of = |(c, &[mean, variance]): (usize, &[f64; 2])| {
            let centre = T::from_f64(mean);
            let mut sums = [0.0; 2];
            for (z, d) in self.planes(input, c).zip(self.planes(by_output, c)) {
                sums[0] += lanes(z.len(), |i| d[i]);
                sums[1] += lanes(z.len(), |i| d[i] * (z[i] - centre));
            }
            [sums[0], sums[1] * Self::inverse(variance)]
        };
        statistics
            .par_iter()
            .enumerate()
            .map(|at| {
                Arch::new().dispatch(
                    #[inline(always)]
                    || of(at),
                )
            })
            .collect()
    }

    /// Calls `each(channel, outputs, inputs)` for every plane, samples spread over threads where the batch is one.
    fn each<T: Real>(&self, output: &mut [T], input: &[T], each: impl Fn(usize, &mut [T], &[T], usize) + Sync) {
        let width = self.width();
        let sample = |(s, (output, input)): (usize, (&mut [T], &[T]))| {
            let planes = output.chunks_exact_mut(self.plane).zip(input.chunks_exact(self.plane));
            Arch::new().dispatch(
                #[inline(always)]
                || {
                    planes.enumerate().for_each(|(c, (o, i))| each(c, o, i, s * width + c * self.plane));
                },
            );
        };
        if self.fixed.is_some() {
            output.chunks_exact_mut(width).zip(input.chunks_exact(width)).enumerate().for_each(sample);
        } else {
            output.par_chunks_exact_mut(width).zip(input.par_chunks_exact(width)).enumerate().for_each(sample);
        }
    }
}

impl Layer for BatchNorm {
    fn inputs(&self) -> usize {
        self.width()
    }

    fn outputs(&self) -> usize {
        self.width()
    }

    fn parameters(&self) -> Vec<(&'static str, Vec<usize>)> {
        vec![("weight", vec![self.channels]), ("bias", vec![self.channels])]
    }

    fn initial(&self, _rng: &mut glasslab_core::Rng, x: &mut [f64]) {
        let (weight, bias) = x.split_at_mut(self.channels);
        weight.fill(1.0);
        bias.fill(0.0);
    }

    fn buffers(&self) -> Vec<(&'static str, Vec<usize>)> {
        match self.fixed {
            None => vec![("running_mean", vec![self.channels]), ("running_var", vec![self.channels])],
            Some(_) => Vec::new(),
        }
    }

    fn initial_buffers(&self) -> Vec<f64> {
        let mut buffers = vec![0.0; 2 * self.channels];
        buffers[self.channels..].fill(1.0);
        buffers
    }

    fn frozen(&self, buffers: &[f64]) -> Option<Arc<dyn Layer>> {
        Some(Arc::new(self.clone().with(buffers.to_vec())))
    }

    fn couples(&self) -> bool {
        self.fixed.is_none()
    }

    fn reads_output(&self) -> bool {
        false
    }
}

impl<T: Real> Pass<T> for BatchNorm {
    fn forward(&self, x: &[T], input: &[T], output: &mut [T]) {
        self.forward_noted(x, input, &[], output);
    }

    fn backward(&self, x: &[T], input: &[T], output: &[T], by_output: &[T], by_input: &mut [T]) {
        self.backward_noted(x, input, output, by_output, &[], by_input);
    }

    fn gradient(&self, input: &[T], by_output: &[T], gradient: &mut [T]) {
        self.gradient_noted(input, by_output, &mut Vec::new(), gradient);
    }

    /// The statistics [channels, 2]; the gradient adds its sums [channels, 2].
    fn notes(&self, input: &[T]) -> Vec<f64> {
        if self.fixed.is_some() { Vec::new() } else { self.statistics(input).into_flattened() }
    }

    fn forward_noted(&self, x: &[T], input: &[T], notes: &[f64], output: &mut [T]) {
        let (weight, bias) = x.split_at(self.channels);
        let affine = |(c, &[mean, variance]): (usize, &[f64; 2])| {
            let scale = weight[c].to_f64() * Self::inverse(variance);
            Affine { scale: T::from_f64(scale), shift: T::from_f64(bias[c].to_f64() - mean * scale) }
        };
        let affine: Vec<Affine<T>> = self.noted(input, notes).iter().enumerate().map(affine).collect();
        self.each(output, input, |c, output, input, _| {
            let Affine { scale, shift } = affine[c];
            output.iter_mut().zip(input).for_each(|(a, z)| *a = *z * scale + shift);
        });
    }

    /// weight/deviation (d - mean(d) - u mean(d u)), u = (z - mean)/deviation; frozen: weight/deviation d.
    fn backward_noted(&self, x: &[T], input: &[T], _output: &[T], by_output: &[T], notes: &[f64], by_input: &mut [T]) {
        let statistics = self.noted(input, notes);
        let scale: Vec<f64> = statistics.iter().zip(x).map(|(s, w)| w.to_f64() * Self::inverse(s[1])).collect();
        if self.fixed.is_some() {
            self.each(by_input, by_output, |c, out, d, _| {
                let scale = T::from_f64(scale[c]);
                out.iter_mut().zip(d).for_each(|(o, d)| *o = *d * scale);
            });
            return;
        }
        let count = (input.len() / self.channels) as f64;
        let sums = match notes.get(2 * self.channels..4 * self.channels) {
            Some(sums) => sums.as_chunks::<2>().0.to_vec(),
            None => self.sums(&statistics, input, by_output),
        };
        // scale d + slope z + shift.
        let terms = (0..self.channels).map(|c| {
            let ([mean, variance], [sum, along]) = (statistics[c], sums[c]);
            let slope = -scale[c] * along / count * Self::inverse(variance);
            [scale[c], slope, -scale[c] * sum / count - slope * mean].map(T::from_f64)
        });
        let terms: Vec<[T; 3]> = terms.collect();
        self.each(by_input, by_output, |c, out, d, at| {
            let [scale, slope, shift] = terms[c];
            let z = &input[at..at + d.len()];
            out.iter_mut().zip(d).zip(z).for_each(|((o, d), z)| *o = *d * scale + (*z * slope + shift));
        });
    }

    fn gradient_noted(&self, input: &[T], by_output: &[T], notes: &mut Vec<f64>, gradient: &mut [T]) {
        let (weight, bias) = gradient.split_at_mut(self.channels);
        let sums = self.sums(&self.noted(input, notes), input, by_output);
        for ((w, b), [sum, along]) in weight.iter_mut().zip(bias).zip(&sums) {
            *w += T::from_f64(*along);
            *b += T::from_f64(*sum);
        }
        if notes.len() >= 2 * self.channels {
            notes.truncate(2 * self.channels);
            notes.extend(sums.into_flattened());
        }
    }

    fn follow(&self, input: &[T], notes: &[f64], buffers: &mut [T]) {
        let count = (input.len() / self.channels) as f64;
        let (mean, variance) = buffers.split_at_mut(self.channels);
        let (old, new) = (T::from_f64(1.0 - MOMENTUM), T::from_f64(MOMENTUM));
        for ((m, v), [mean, variance]) in mean.iter_mut().zip(variance).zip(self.noted(input, notes)) {
            *m = old * *m + new * T::from_f64(mean);
            if count > 1.0 {
                *v = old * *v + new * T::from_f64(variance * count / (count - 1.0));
            }
        }
    }

    fn settle(&self, input: &[T], buffers: &mut [T]) {
        let (mean, variance) = buffers.split_at_mut(self.channels);
        for ((m, v), found) in mean.iter_mut().zip(variance).zip(self.statistics(input)) {
            (*m, *v) = (T::from_f64(found[0]), T::from_f64(found[1]));
        }
    }

    /// The norm of a sample's own derivative, once frozen; of a batch's share otherwise.
    fn sample_squares(&self, input: &[T], by_output: &[T], squares: &mut [f64]) {
        let statistics = self.statistics(input);
        let own = Self { fixed: None, ..self.clone() };
        let samples = input.chunks_exact(self.width()).zip(by_output.chunks_exact(self.width()));
        for (square, (z, d)) in squares.iter_mut().zip(samples) {
            *square += own.sums(&statistics, z, d).iter().map(|[a, b]| a * a + b * b).sum::<f64>();
        }
    }
}
