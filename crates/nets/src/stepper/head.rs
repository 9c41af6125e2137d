//! Losses and their derivatives by the last layer's z, for the columns of a block at once.
#![allow(unsafe_code)]

use crate::kernels::Real;
use crate::loss::Loss;
use crate::zoo::Dense;

/// The heads that run on whole vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Head {
    /// Sigmoid outputs, mean squared error.
    SigmoidMeanSquare,
    /// Log-likelihood of the softmax.
    LogLikelihood,
    /// Any loss of one output.
    One(Loss),
    /// Any loss of several outputs, sample by sample.
    Many(Loss),
}

impl Head {
    /// The head of a dense network.
    pub fn of(dense: &Dense) -> Self {
        match (dense.sigmoid, dense.loss, dense.widths.last()) {
            (true, ..) => Head::SigmoidMeanSquare,
            (false, loss, Some(1)) => Head::One(loss),
            (false, Loss::LogLikelihood, _) => Head::LogLikelihood,
            (false, loss, _) => Head::Many(loss),
        }
    }
}

/// Most columns of a block: `COLUMNS` of f32.
const MOST: usize = 64;

/// Replaces z [classes, width] (rows `row` apart) by the derivative of the batch's mean loss, `scale` = 1/B, and writes
/// the loss of each sample; columns beyond the labels become 0. Inlined so that loops over columns become vectors.
///
/// # Safety
/// Whole rows of z can be read and written, and width <= 64.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub(super) unsafe fn slopes<T: Real>(
    head: Head,
    z: *mut T,
    row: usize,
    classes: usize,
    width: usize,
    labels: &[u16],
    scale: T,
    losses: &mut [f64],
) {
    // SAFETY: by the caller's word; the rows do not overlap.
    let line = |c: usize| unsafe { std::slice::from_raw_parts_mut(z.add(c * row), width) };
    let mut sums = [T::ZERO; MOST];
    let sums = &mut sums[..width];
    match head {
        Head::SigmoidMeanSquare => {
            // Labels as numbers of the same width as z: the comparison is then one vector instruction.
            let mut target = [T::ZERO; MOST];
            target.iter_mut().zip(labels).for_each(|(t, l)| *t = T::from_f64(f64::from(*l)));
            let target = &target[..width];
            let factor = T::from_f64(2.0 / classes as f64) * scale;
            for c in 0..classes {
                let class = T::from_f64(c as f64);
                for ((z, sum), t) in line(c).iter_mut().zip(&mut *sums).zip(target) {
                    let f = T::ONE / (T::ONE + (-*z).exp());
                    let off = f - if *t == class { T::ONE } else { T::ZERO };
                    *sum += off * off;
                    *z = off * factor * (f * (T::ONE - f));
                }
            }
            for (loss, sum) in losses.iter_mut().zip(&*sums) {
                *loss = sum.to_f64() / classes as f64;
            }
        }
        Head::LogLikelihood => {
            let mut most = [T::ZERO; MOST];
            let most = &mut most[..width];
            most.copy_from_slice(line(0));
            for c in 1..classes {
                for (m, z) in most.iter_mut().zip(&*line(c)) {
                    *m = if *z > *m { *z } else { *m };
                }
            }
            for ((b, loss), &label) in losses.iter_mut().enumerate().zip(labels) {
                *loss = (line(label.into())[b] - most[b]).to_f64();
            }
            for c in 0..classes {
                for ((z, sum), m) in line(c).iter_mut().zip(&mut *sums).zip(&*most) {
                    *z = (*z - *m).exp();
                    *sum += *z;
                }
            }
            for (loss, sum) in losses.iter_mut().zip(&*sums) {
                *loss = sum.ln().to_f64() - *loss;
            }
            for sum in &mut *sums {
                *sum = scale / *sum;
            }
            for c in 0..classes {
                for (z, sum) in line(c).iter_mut().zip(&*sums) {
                    *z = *z * *sum;
                }
            }
            for (b, &label) in labels.iter().enumerate() {
                let z = &mut line(label.into())[b];
                *z = *z - scale;
            }
        }
        Head::One(loss) => {
            let mut target = [T::ZERO; MOST];
            target.iter_mut().zip(labels).for_each(|(t, l)| *t = T::from_f64(crate::loss::target(*l)));
            for ((z, sum), y) in line(0).iter_mut().zip(&mut *sums).zip(&target) {
                let [value, slope, _] = loss.of_margin(*y * *z);
                *sum = value;
                *z = *y * slope * scale;
            }
            losses.iter_mut().zip(&*sums).for_each(|(loss, sum)| *loss = sum.to_f64());
        }
        Head::Many(loss) => {
            let (mut f, mut slope) = (vec![T::ZERO; classes], vec![T::ZERO; classes]);
            for (b, (to, &label)) in losses.iter_mut().zip(labels).enumerate() {
                f.iter_mut().enumerate().for_each(|(c, f)| *f = line(c)[b]);
                *to = loss.sample(&f, label.into(), &mut slope);
                slope.iter().enumerate().for_each(|(c, s)| line(c)[b] = *s * scale);
            }
        }
    }
    for c in 0..classes {
        line(c)[labels.len()..].fill(T::ZERO);
    }
}
