//! Losses with a margin: functions of u = 1 - m, where m = alpha y (f - f0) is the margin of a sample.

use super::gate::softplus;
use glasslab_core::Fault;
use pulp::{Arch, Simd, WithSimd};

/// A loss l(u) of u = 1 - alpha y (f - f0), y = +-1. The energy is E = (1/P) sum_mu l(u_mu)/alpha.
///
/// Convention: alpha is that of the code of Geiger et al. 2020, with f carrying 1/h; the paper's alpha is alpha/sqrt(h), its
/// energy E/(alpha/h) with its own clock. Checked by `the_flow_equals_pytorch_step_by_step` and finite differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MarginLoss {
    /// max(0, u). Its gradient jumps at the margin: the rule of gradient flow then takes ever smaller steps.
    Hinge,
    /// max(0, u)^2/2 (jamming papers: times 1, with alpha = 1).
    Quadratic,
    /// ln(1 + e^(beta u))/beta: within ln 2/beta of the hinge.
    Soft {
        /// Sharpness.
        beta: f64,
    },
    /// ln(1 + e^(u - 1)) = ln(1 + e^-m): cross entropy of two classes; its range is infinite.
    Logistic,
}

impl MarginLoss {
    /// Names: `hinge`, `quadratic-hinge`, `soft-hinge`, `logistic`.
    pub const NAMES: &'static [&'static str] = &["hinge", "quadratic-hinge", "soft-hinge", "logistic"];

    /// The loss `name`; `beta` is the sharpness of the soft hinge.
    pub fn new(name: &str, beta: f64) -> Result<Self, Fault> {
        if !(beta.is_finite() && beta > 0.0) {
            return Err(Fault::input("loss_sharpness", beta, "give a finite number > 0"));
        }
        Ok(match name {
            "hinge" => MarginLoss::Hinge,
            "quadratic-hinge" => MarginLoss::Quadratic,
            "soft-hinge" => MarginLoss::Soft { beta },
            "logistic" => MarginLoss::Logistic,
            _ => return Err(Fault::input("loss", name, "give one of hinge, quadratic-hinge, soft-hinge, logistic")),
        })
    }

    /// l(u) and l'(u).
    #[inline(always)]
    pub fn value(self, u: f64) -> (f64, f64) {
        match self {
            MarginLoss::Hinge => (u.max(0.0), if u > 0.0 { 1.0 } else { 0.0 }),
            MarginLoss::Quadratic => {
                let v = u.max(0.0);
                (0.5 * v * v, v)
            }
            MarginLoss::Soft { beta } => {
                let (value, slope) = softplus(beta * u);
                (value / beta, slope)
            }
            MarginLoss::Logistic => softplus(u - 1.0),
        }
    }

    /// From outputs o = f - f0 [P] and y [P]: sum of l, number of u > 0, and slope [P] <- y l'(u): minus the
    /// derivative of the sum of l/alpha by o.
    pub(crate) fn all(self, alpha: f64, outputs: &[f64], y: &[f64], slope: &mut [f64]) -> (f64, usize) {
        Arch::new().dispatch(All { loss: self, alpha, outputs, y, slope })
    }
}

struct All<'a> {
    loss: MarginLoss,
    alpha: f64,
    outputs: &'a [f64],
    y: &'a [f64],
    slope: &'a mut [f64],
}

impl WithSimd for All<'_> {
    type Output = (f64, usize);

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> (f64, usize) {
        let Self { loss, alpha, outputs, y, slope } = self;
        let mut unmet = 0;
        // Losses stand in `slope` for a moment, and are summed in order.
        macro_rules! sweep {
            ($loss:expr) => {{
                let loss = $loss;
                let mut sum = 0.0;
                let mut values = [0.0; 64];
                for ((o, y), s) in outputs.chunks(64).zip(y.chunks(64)).zip(slope.chunks_mut(64)) {
                    for (((o, y), s), v) in o.iter().zip(y).zip(s).zip(&mut values) {
                        let u = 1.0 - alpha * y * o;
                        let (value, derivative) = loss.value(u);
                        *v = value;
                        *s = y * derivative;
                        unmet += usize::from(u > 0.0 || u.is_nan());
                    }
                    sum += values[..o.len()].iter().sum::<f64>();
                }
                sum
            }};
        }
        let sum = match loss {
            MarginLoss::Hinge => sweep!(MarginLoss::Hinge),
            MarginLoss::Quadratic => sweep!(MarginLoss::Quadratic),
            MarginLoss::Soft { beta } => sweep!(MarginLoss::Soft { beta }),
            MarginLoss::Logistic => sweep!(MarginLoss::Logistic),
        };
        (sum, unmet)
    }
}
