//! Losses of outputs against class labels, with first and second derivatives by the outputs.
//!
//! A network with one output classifies in two: its target y is +1 for even labels and -1 for odd ones (so class 0 of two is
//! +1, and of many classes it is their parity), its margin is m = y f. A network with C > 1 outputs has one margin per wrong
//! class, m_c = f_label - f_c, and the losses of margins are their mean with divisor C, as `torch.nn.MultiMarginLoss`.

use crate::kernels::Real;

/// A loss; the energy of a network is its mean over samples.
///
/// Convention: Geiger et al. divide hinge losses of m = alpha y f by alpha (code) or alpha^2 (paper); here alpha = 1. Source of
/// the hinge losses: Geiger, Petrini, Wyart 2021, arXiv:2012.15110, and Geiger et al. 2019, arXiv:1809.09349. Checked by
/// `cross` (PyTorch) and finite differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// e = (1/C) sum_c (f_c - [c = label])^2: mean over classes too, as `torch.nn.MSELoss` on one-hot targets; (f - y)^2 for
    /// one output.
    MeanSquare,
    /// e = -log softmax(f)_label = log sum_c exp(f_c) - f_label, in nats, as `torch.nn.CrossEntropyLoss`; log(1 + exp(-m)) for
    /// one output.
    LogLikelihood,
    /// e = max(0, margin - m).
    Hinge {
        /// The margin that is asked for.
        margin: f64,
    },
    /// e = (1/2) max(0, margin - m)^2.
    QuadraticHinge {
        /// The margin that is asked for.
        margin: f64,
    },
    /// e = (1/beta) log(1 + exp(beta (margin - m))): the hinge for beta -> infinity.
    SoftHinge {
        /// The margin that is asked for.
        margin: f64,
        /// Inverse width of the bend.
        beta: f64,
    },
}

/// The target of a network with one output: +1 for even labels, -1 for odd ones.
pub fn target(label: u16) -> f64 {
    1.0 - 2.0 * f64::from(label % 2)
}

impl Loss {
    /// l(m), l'(m), l''(m) of a loss of margins; the log-likelihood of one output is the soft hinge of margin 0, beta 1.
    #[inline(always)]
    pub(crate) fn of_margin<T: Real>(self, m: T) -> [T; 3] {
        let (zero, one) = (T::ZERO, T::ONE);
        let soft = |margin: f64, beta: f64| {
            let (gap, beta) = (T::from_f64(margin) - m, T::from_f64(beta));
            let u = beta * gap;
            let (ramp, size) = if u < zero { (zero, -u) } else { (gap, u) };
            let small = (-size).exp();
            let slope = if u < zero { small } else { one } / (one + small);
            [ramp + small.ln_1p_unit() / beta, -slope, beta * small / ((one + small) * (one + small))]
        };
        match self {
            Loss::MeanSquare => {
                let off = m - one;
                [off * off, off + off, one + one]
            }
            Loss::LogLikelihood => soft(0.0, 1.0),
            Loss::SoftHinge { margin, beta } => soft(margin, beta),
            Loss::Hinge { margin } => {
                let gap = T::from_f64(margin) - m;
                // A NaN stays.
                if gap <= zero { [zero, zero, zero] } else { [gap, -one, zero] }
            }
            Loss::QuadraticHinge { margin } => {
                let gap = T::from_f64(margin) - m;
                if gap <= zero { [zero; 3] } else { [T::from_f64(0.5) * gap * gap, -gap, one] }
            }
        }
    }

    /// The loss of one sample with outputs [C]; `slope` [C] becomes its derivative by the outputs.
    pub(crate) fn sample<T: Real>(self, outputs: &[T], label: usize, slope: &mut [T]) -> f64 {
        if let [f] = outputs {
            let y = T::from_f64(target(label as u16));
            let [loss, by_margin, _] = self.of_margin(y * *f);
            slope[0] = y * by_margin;
            return loss.to_f64();
        }
        match self {
            Loss::MeanSquare => {
                let scale = T::from_f64(2.0 / outputs.len() as f64);
                let mut sum = T::ZERO;
                for (c, (f, d)) in outputs.iter().zip(slope).enumerate() {
                    let off = if c == label { *f - T::ONE } else { *f };
                    sum += off * off;
                    *d = off * scale;
                }
                sum.to_f64() / outputs.len() as f64
            }
            Loss::LogLikelihood => {
                let most = outputs.iter().fold(outputs[0], |m, f| if *f > m { *f } else { m });
                let mut sum = T::ZERO;
                for (f, d) in outputs.iter().zip(&mut *slope) {
                    *d = (*f - most).exp();
                    sum += *d;
                }
                for d in &mut *slope {
                    *d = *d / sum;
                }
                slope[label] = slope[label] - T::ONE;
                (sum.ln() - (outputs[label] - most)).to_f64()
            }
            Loss::Hinge { .. } | Loss::QuadraticHinge { .. } | Loss::SoftHinge { .. } => {
                let share = T::from_f64(1.0 / outputs.len() as f64);
                let (mut sum, mut own) = (T::ZERO, T::ZERO);
                for (c, (f, d)) in outputs.iter().zip(&mut *slope).enumerate() {
                    *d = T::ZERO;
                    if c != label {
                        let [loss, by_margin, _] = self.of_margin(outputs[label] - *f);
                        sum += loss;
                        *d = -(share * by_margin);
                        own += share * by_margin;
                    }
                }
                slope[label] = own;
                (share * sum).to_f64()
            }
        }
    }

    /// out [C] <- (d^2 e/df^2) u of one sample with outputs [C], u [C]. Positive semidefinite: all losses are convex in f.
    pub(crate) fn curvature(self, outputs: &[f64], label: usize, u: &[f64], out: &mut [f64]) {
        if let [f] = outputs {
            out[0] = self.of_margin(target(label as u16) * f)[2] * u[0];
            return;
        }
        let share = 1.0 / outputs.len() as f64;
        match self {
            Loss::MeanSquare => out.iter_mut().zip(u).for_each(|(o, u)| *o = 2.0 * share * u),
            Loss::LogLikelihood => {
                // p (u - p.u), p = softmax(f).
                let most = outputs.iter().fold(outputs[0], |m, f| if *f > m { *f } else { m });
                out.iter_mut().zip(outputs).for_each(|(p, f)| *p = Real::exp(*f - most));
                let sum: f64 = out.iter().sum();
                out.iter_mut().for_each(|p| *p /= sum);
                let mean: f64 = out.iter().zip(u).map(|(p, u)| p * u).sum();
                out.iter_mut().zip(u).for_each(|(p, u)| *p *= u - mean);
            }
            Loss::Hinge { .. } | Loss::QuadraticHinge { .. } | Loss::SoftHinge { .. } => {
                let mut own = 0.0;
                for (c, (o, f)) in out.iter_mut().zip(outputs).enumerate() {
                    *o = 0.0;
                    if c != label {
                        let bend = share * self.of_margin(outputs[label] - *f)[2] * (u[label] - u[c]);
                        *o = -bend;
                        own += bend;
                    }
                }
                out[label] = own;
            }
        }
    }
}

/// True unless the largest output is the label's (the first of equals, as `torch.argmax`), or the single output has the sign
/// of its target; NaN anywhere counts as wrong.
pub(crate) fn is_wrong<T: Real>(outputs: &[T], label: usize) -> bool {
    if let [f] = outputs {
        let margin = f.to_f64() * target(label as u16);
        return margin <= 0.0 || margin.is_nan();
    }
    let ahead = |(c, f): (usize, &T)| match f.partial_cmp(&outputs[label]) {
        None | Some(std::cmp::Ordering::Greater) => true,
        Some(std::cmp::Ordering::Equal) => c < label,
        Some(std::cmp::Ordering::Less) => false,
    };
    outputs.iter().enumerate().any(ahead)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn losses() -> [Loss; 7] {
        [
            Loss::MeanSquare,
            Loss::LogLikelihood,
            Loss::Hinge { margin: 0.5 },
            Loss::QuadraticHinge { margin: 1.0 },
            Loss::QuadraticHinge { margin: 0.3 },
            Loss::SoftHinge { margin: 1.0, beta: 20.0 },
            Loss::SoftHinge { margin: 0.5, beta: 1.0 },
        ]
    }

    /// Largest error of slope and curvature along u against central differences, h = 1e-6; third derivatives are below beta^2
    /// = 400, so the differences are good to 1e-9, except at a kink of a hinge, which no draw comes nearer than 1e-5 to.
    fn worst(loss: Loss, f: &[f64], u: &[f64], label: usize, broken: f64) -> f64 {
        let n = f.len();
        let at = |s: f64| {
            let moved: Vec<f64> = f.iter().zip(u).map(|(f, u)| f + s * u).collect();
            let mut slope = vec![0.0; n];
            (loss.sample(&moved, label, &mut slope), slope)
        };
        let h = 1e-6;
        let (plus, minus, (_, slope)) = (at(h), at(-h), at(0.0));
        let mut bend = vec![f64::NAN; n];
        loss.curvature(f, label, u, &mut bend);
        let first: f64 = slope.iter().zip(u).map(|(s, u)| broken * s * u).sum();
        let mut off = ((plus.0 - minus.0) / (2.0 * h) - first).abs();
        for ((p, m), b) in plus.1.iter().zip(&minus.1).zip(&bend) {
            off = off.max(((p - m) / (2.0 * h) - broken * b).abs());
        }
        off
    }

    fn near_a_kink(loss: Loss, f: &[f64], label: usize) -> bool {
        let (Loss::Hinge { margin } | Loss::QuadraticHinge { margin }) = loss else { return false };
        match f {
            [f] => (target(label as u16) * f - margin).abs() < 1e-5,
            _ => f.iter().any(|g| (f[label] - g - margin).abs() < 1e-5),
        }
    }

    proptest! {
        #[test]
        fn losses_have_their_derivatives(f in prop::collection::vec(-2.0..2.0, 1..6), seed in 0_usize..60) {
            let label = if f.len() == 1 { seed % 10 } else { seed % f.len() };
            let u: Vec<f64> = (0..f.len()).map(|i| ((seed + 3 * i) as f64).sin()).collect();
            for loss in losses() {
                if !near_a_kink(loss, &f, label) {
                    let off = worst(loss, &f, &u, label, 1.0);
                    prop_assert!(off < 2e-7, "{loss:?} {off:e}");
                }
            }
        }
    }

    #[test]
    fn broken_derivatives_are_found() {
        for loss in losses() {
            for f in [vec![0.2], vec![0.2, -0.1, 0.4]] {
                let u = vec![1.0, 0.3, -0.8][..f.len()].to_vec();
                assert!(worst(loss, &f, &u, 1, 1.0) < 2e-7, "{loss:?}");
                assert!(worst(loss, &f, &u, 1, 1.001) > 2e-7, "{loss:?}");
            }
        }
    }

    /// Soft hinge at u = beta (margin - m) -> +-800: the hinge, finite; NaN stays NaN and counts as wrong.
    #[test]
    fn far_out_and_nan() {
        let soft = Loss::SoftHinge { margin: 1.0, beta: 20.0 };
        assert_eq!(soft.of_margin(-39.0), [40.0, -1.0, 20.0 * Real::exp(-800.0)]);
        let far = soft.of_margin(41.0);
        assert!(far.iter().all(|v: &f64| v.abs() < 1e-290 && v.is_finite()));
        for loss in losses() {
            assert!(loss.of_margin(f64::NAN)[0].is_nan(), "{loss:?}");
            assert!(loss.sample(&[f64::NAN, 1.0], 1, &mut [0.0; 2]).is_nan(), "{loss:?}");
        }
        assert!(is_wrong(&[f64::NAN], 0) && is_wrong(&[0.0], 0) && !is_wrong(&[1.0], 2) && is_wrong(&[1.0], 3));
    }
}
