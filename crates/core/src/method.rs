//! How a System is moved, as plain data; the crate `dynamics` carries each Method out for any System.

use crate::{Complaint, Course};
use serde::{Deserialize, Serialize};

/// A dynamics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Method {
    /// Stochastic gradient descent with heavy-ball momentum (as `torch.optim.SGD`, no dampening):
    /// g = gradient of the mini-batch mean loss, v <- momentum v + g (v = 0 at the start), x <- x - rate(step) v.
    /// One step is one mini-batch; batches are drawn without replacement and reshuffled every epoch.
    Sgd {
        /// Learning rate; its course is a function of the step.
        rate: Course,
        /// Momentum, 0 <= momentum < 1.
        momentum: f64,
        /// Samples per batch.
        batch: usize,
    },
    /// Gradient descent on the whole energy: x <- retract(x + step_size * P F), F = -dE/dx, P the tangent projection.
    /// Physical time advances by `step_size` per step: dx/dt = F.
    Descent {
        /// Time step; its course is a function of the step.
        step_size: Course,
    },
    /// Overdamped Langevin dynamics (Euler-Maruyama): x <- retract(x + dt P F + sqrt(2 T(t) dt) P xi),
    /// xi standard normal; <eta eta'> = 2T delta, unit friction.
    Langevin {
        /// Time step.
        step_size: f64,
        /// Temperature T(t), a function of physical time, in units of energy (k_B = 1).
        temperature: Course,
    },
    /// Thermally activated hops of a System that has no force but holds its walkers for a time: continuous-time,
    /// rates exp(-depth/T) in units of the attempt rate.
    Hop {
        /// Physical time per step.
        step_size: f64,
        /// Temperature T.
        temperature: f64,
    },
}

impl Method {
    /// The name in a plan: `sgd`, `descent`, `langevin`, `hop`.
    pub fn name(&self) -> &'static str {
        match self {
            Method::Sgd { .. } => "sgd",
            Method::Descent { .. } => "descent",
            Method::Langevin { .. } => "langevin",
            Method::Hop { .. } => "hop",
        }
    }

    /// Everything that is wrong with the numbers, at once.
    pub fn complaints(&self) -> Vec<Complaint> {
        let mut out = Vec::new();
        let mut positive = |field: &str, v: f64| {
            if !(v.is_finite() && v > 0.0) {
                out.push(Complaint::new(field, v, "give a finite number > 0"));
            }
        };
        match self {
            Method::Sgd { rate, momentum, batch } => {
                out.extend(rate.complaints("rate", 0.0, true));
                if !(0.0..1.0).contains(momentum) {
                    out.push(Complaint::new("momentum", momentum, "give a number from 0 up to, not including, 1"));
                }
                if *batch == 0 {
                    out.push(Complaint::new("batch", batch, "give at least 1 sample per batch"));
                }
            }
            Method::Descent { step_size } => out.extend(step_size.complaints("step_size", 0.0, true)),
            Method::Langevin { step_size, temperature } => {
                positive("step_size", *step_size);
                out.extend(temperature.complaints("temperature", 0.0, false));
            }
            Method::Hop { step_size, temperature } => {
                positive("step_size", *step_size);
                positive("temperature", *temperature);
            }
        }
        out
    }
}

/// Arithmetic of a native Stepper's kernels. Borders are always f64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32-bit floating point.
    F32,
    /// 64-bit floating point.
    F64,
}
