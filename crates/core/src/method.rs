//! How a System is moved, as plain data; the crate `dynamics` carries each Method out for any System.

use crate::{Complaint, Course, FlowRule};
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
    /// Newton's equations by velocity Verlet, at constant energy: v <- v + h F/2m, x <- x + h v, v <- v + h F/2m, masses of the
    /// System, velocities at the start from Maxwell's law.
    Verlet {
        /// Time step h.
        step_size: f64,
        /// Temperature of the velocities at the start.
        temperature: f64,
    },
    /// Langevin dynamics with inertia, m dv = F dt - friction m v dt + sqrt(2 friction m T(t)) dW, by the splitting BAOAB.
    Underdamped {
        /// Time step.
        step_size: f64,
        /// Temperature T(t), a function of physical time; T(0) is that of the velocities at the start.
        temperature: Course,
        /// Friction, a rate: velocities are forgotten after 1/friction.
        friction: f64,
    },
    /// Newton's equations with a thermostat that rescales all velocities by a random factor (Bussi, Donadio and Parrinello):
    /// the kinetic energy relaxes to that of T(t) within the time `relaxation`, and fluctuates as it should.
    Bussi {
        /// Time step.
        step_size: f64,
        /// Temperature T(t), a function of physical time; T(0) is that of the velocities at the start.
        temperature: Course,
        /// Relaxation time of the kinetic energy.
        relaxation: f64,
    },
    /// Descent with inertia (fast inertial relaxation engine) to a minimum; a replica converges where no entry of the
    /// force is larger than `tolerance`. Its clock counts `step_size` a step: no physical time.
    Fire {
        /// First time step; it grows up to tenfold.
        step_size: f64,
        /// Largest entry of the force that counts as none, absolute.
        tolerance: f64,
        /// Largest move of a coordinate in one step.
        largest_move: f64,
    },
    /// Thermally activated hops of a System that has no force but holds its walkers for a time: continuous-time,
    /// rates exp(-depth/T) in units of the attempt rate.
    Hop {
        /// Physical time per step.
        step_size: f64,
        /// Temperature T.
        temperature: f64,
    },
    /// Gradient flow dx/dt = F on the whole energy, explicit Euler with steps that are accepted or rejected: a step of
    /// the run is one attempt, with each replica's own time step. Physical time is the flow time, its mean over replicas.
    Flow(FlowRule),
    /// Adam: m <- beta1 m + (1 - beta1) g, s <- beta2 s + (1 - beta2) g^2, x <- x - rate m'/(sqrt(s') + epsilon) for each
    /// coordinate, m' = m/(1 - beta1^k) and s' = s/(1 - beta2^k) after k steps (as `torch.optim.Adam`). A replica ends as satisfied
    /// when a step on the whole energy finds no constraint violated. Its clock counts the rate: no physical time.
    Adam {
        /// Learning rate; its course is a function of the step.
        rate: Course,
        /// Memory of the gradient, beta1 and beta2, from 0 up to, not including, 1.
        betas: [f64; 2],
        /// Added to the root of s'.
        epsilon: f64,
        /// Samples per batch; 0: the whole energy in every step.
        batch: usize,
    },
}

impl Method {
    /// The temperature at long times, 0 where the Method has none.
    pub fn final_temperature(&self) -> f64 {
        match self {
            Method::Langevin { temperature, .. }
            | Method::Underdamped { temperature, .. }
            | Method::Bussi { temperature, .. } => temperature.at(f64::MAX),
            Method::Hop { temperature, .. } | Method::Verlet { temperature, .. } => *temperature,
            Method::Sgd { .. }
            | Method::Descent { .. }
            | Method::Fire { .. }
            | Method::Flow(_)
            | Method::Adam { .. } => 0.0,
        }
    }

    /// The name in a plan: `sgd`, `descent`, `langevin`, `verlet`, `underdamped`, `bussi`, `fire`, `hop`, `flow`,
    /// `adam`.
    pub fn name(&self) -> &'static str {
        match self {
            Method::Sgd { .. } => "sgd",
            Method::Descent { .. } => "descent",
            Method::Langevin { .. } => "langevin",
            Method::Verlet { .. } => "verlet",
            Method::Underdamped { .. } => "underdamped",
            Method::Bussi { .. } => "bussi",
            Method::Fire { .. } => "fire",
            Method::Hop { .. } => "hop",
            Method::Flow(_) => "flow",
            Method::Adam { .. } => "adam",
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
            Method::Verlet { step_size, temperature } => {
                positive("step_size", *step_size);
                out.extend(Course::Constant(*temperature).complaints("temperature", 0.0, false));
            }
            Method::Underdamped { step_size, temperature, friction } => {
                positive("step_size", *step_size);
                positive("friction", *friction);
                out.extend(temperature.complaints("temperature", 0.0, false));
            }
            Method::Bussi { step_size, temperature, relaxation } => {
                positive("step_size", *step_size);
                positive("relaxation", *relaxation);
                out.extend(temperature.complaints("temperature", 0.0, false));
            }
            Method::Fire { step_size, tolerance, largest_move } => {
                positive("step_size", *step_size);
                positive("largest_move", *largest_move);
                if !(tolerance.is_finite() && *tolerance >= 0.0) {
                    out.push(Complaint::new("tolerance", tolerance, "give a finite number >= 0"));
                }
            }
            Method::Hop { step_size, temperature } => {
                positive("step_size", *step_size);
                positive("temperature", *temperature);
            }
            Method::Flow(rule) => out.extend(rule.complaints()),
            Method::Adam { rate, betas, epsilon, .. } => {
                positive("epsilon", *epsilon);
                out.extend(rate.complaints("rate", 0.0, true));
                for (field, beta) in [("beta1", betas[0]), ("beta2", betas[1])] {
                    if !(0.0..1.0).contains(&beta) {
                        out.push(Complaint::new(field, beta, "give a number from 0 up to, not including, 1"));
                    }
                }
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
