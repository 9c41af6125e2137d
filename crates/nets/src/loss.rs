//! Losses of a batch of outputs against class labels.

use crate::kernels::Real;

/// A loss; the energy of a network is its mean over samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// e = (1/C) sum_c (f_c - [c = label])^2: mean over classes too, as `torch.nn.MSELoss` on one-hot targets.
    MeanSquare,
    /// e = -log softmax(f)_label = log sum_c exp(f_c) - f_label, in nats, as `torch.nn.CrossEntropyLoss`.
    LogLikelihood,
}

impl Loss {
    /// The loss of one sample with outputs [C]; `slope` [C] becomes its derivative by the outputs.
    /// Checked by `cross` (PyTorch) and finite differences.
    pub(crate) fn sample<T: Real>(self, outputs: &[T], label: usize, slope: &mut [T]) -> f64 {
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
        }
    }
}

/// True unless the largest output is the label's (the first of equals, as `torch.argmax`); NaN anywhere counts as wrong.
pub(crate) fn is_wrong<T: Real>(outputs: &[T], label: usize) -> bool {
    let ahead = |(c, f): (usize, &T)| match f.partial_cmp(&outputs[label]) {
        None | Some(std::cmp::Ordering::Greater) => true,
        Some(std::cmp::Ordering::Equal) => c < label,
        Some(std::cmp::Ordering::Less) => false,
    };
    outputs.iter().enumerate().any(ahead)
}
