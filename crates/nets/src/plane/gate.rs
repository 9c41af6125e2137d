//! Nonlinearities that keep the second moment of a standard normal input.

use crate::kernels::Real;
use crate::zoo::Bend;
use glasslab_core::Fault;
use pulp::{Arch, Simd, WithSimd};

/// act(z) = a phi(beta z)/beta, with a = E[(phi(beta g)/beta)^2]^(-1/2), g standard normal, so that E[act(g)^2] = 1.
///
/// Convention: as the public code of Geiger et al. 2020 (there a is estimated from 10^5 draws, here by quadrature).
/// Checked by `activations_keep_the_second_moment` and `the_flow_equals_pytorch_step_by_step`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    kind: Kind,
    beta: f64,
    scale: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Relu,
    Tanh,
    Softplus,
    Swish,
}

impl Gate {
    /// Names: `relu`, `tanh`, `softplus`, `swish`.
    pub const NAMES: &'static [&'static str] = &["relu", "tanh", "softplus", "swish"];

    /// The nonlinearity `name` with slope `beta` inside (ReLU has none).
    pub fn new(name: &str, beta: f64) -> Result<Self, Fault> {
        let kind = match name {
            "relu" => Kind::Relu,
            "tanh" => Kind::Tanh,
            "softplus" => Kind::Softplus,
            "swish" => Kind::Swish,
            _ => return Err(Fault::input("activation", name, "give one of relu, tanh, softplus, swish")),
        };
        if !(beta.is_finite() && beta > 0.0) {
            return Err(Fault::input("activation_slope", beta, "give a finite number > 0"));
        }
        let raw = Self { kind, beta, scale: 1.0 };
        // The trapezoidal rule on a Gaussian; the kink of ReLU lies on a node.
        let step = 1.0 / 2048.0;
        let moment: f64 = (-20_480..=20_480)
            .map(|k| {
                let g = f64::from(k) * step;
                raw.value(g).0.powi(2) * (-0.5 * g * g).exp()
            })
            .sum::<f64>()
            * step
            / (2.0 * std::f64::consts::PI).sqrt();
        Ok(Self { scale: 1.0 / moment.sqrt(), ..raw })
    }

    /// The factor a.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// act(z) = outside f(inside z): inside, f, outside.
    pub(crate) fn parts(&self) -> (f64, Bend, f64) {
        let (a, b) = (self.scale, self.beta);
        match self.kind {
            Kind::Relu => (1.0, Bend::Relu, a),
            Kind::Tanh => (b, Bend::Tanh, a / b),
            Kind::Softplus => (1.0, Bend::Softplus(b), a),
            Kind::Swish => (1.0, Bend::Silu(b), a),
        }
    }

    /// act(z) and act'(z).
    #[inline(always)]
    pub fn value(&self, z: f64) -> (f64, f64) {
        let (a, b) = (self.scale, self.beta);
        match self.kind {
            Kind::Relu => (a * z.max(0.0), if z > 0.0 { a } else { 0.0 }),
            Kind::Tanh => {
                let t = 1.0 - 2.0 / (1.0 + Real::exp(2.0 * b * z));
                (a * t / b, a * (1.0 - t * t))
            }
            Kind::Softplus => {
                let (value, slope) = softplus(b * z);
                (a * value / b, a * slope)
            }
            Kind::Swish => {
                let s = sigmoid(b * z);
                (a * z * s, a * (s + b * z * s * (1.0 - s)))
            }
        }
    }

    /// z <- act(factor z), slope <- factor act'(factor z). Cost O(length).
    pub(crate) fn apply(&self, factor: f64, z: &mut [f64], slope: &mut [f64]) {
        Arch::new().dispatch(Apply { gate: *self, factor, z, slope });
    }
}

/// 1/(1 + e^-u).
#[inline(always)]
pub(crate) fn sigmoid(u: f64) -> f64 {
    1.0 / (1.0 + Real::exp(-u))
}

/// ln(1 + e^u) and its derivative 1/(1 + e^-u), with one exponential q = e^-|u|: max(u, 0) + ln(1 + q), ln(1 + q) = 2 artanh(q/(2 + q)).
#[inline(always)]
pub(crate) fn softplus(u: f64) -> (f64, f64) {
    let q = Real::exp(-u.abs());
    let share = 1.0 / (1.0 + q);
    (u.max(0.0) + q.ln_1p_unit(), if u < 0.0 { q * share } else { share })
}

struct Apply<'a> {
    gate: Gate,
    factor: f64,
    z: &'a mut [f64],
    slope: &'a mut [f64],
}

impl WithSimd for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Self { gate, factor, z, slope } = self;
        // The kind is fixed outside of the loop, so that each loop becomes vectors.
        macro_rules! sweep {
            ($kind:expr) => {{
                let gate = Gate { kind: $kind, ..gate };
                for (z, s) in z.iter_mut().zip(slope) {
                    let (value, derivative) = gate.value(factor * *z);
                    *z = value;
                    *s = factor * derivative;
                }
            }};
        }
        match gate.kind {
            Kind::Relu => sweep!(Kind::Relu),
            Kind::Tanh => sweep!(Kind::Tanh),
            Kind::Softplus => sweep!(Kind::Softplus),
            Kind::Swish => sweep!(Kind::Swish),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E[act(g)^2] = 1. For ReLU a = sqrt 2 exactly; for the others by Simpson's rule on another grid.
    #[test]
    fn activations_keep_the_second_moment() {
        assert!((Gate::new("relu", 1.0).unwrap().scale() - 2_f64.sqrt()).abs() < 1e-6);
        for name in Gate::NAMES {
            for beta in [1.0, 5.0, 10.0] {
                let gate = Gate::new(name, beta).unwrap();
                let n = 6000;
                let step = 18.0 / f64::from(n);
                let density = |k: i32| {
                    let g = -9.0 + f64::from(k) * step;
                    gate.value(g).0.powi(2) * (-0.5 * g * g).exp()
                };
                let sum: f64 = (0..n / 2).map(|k| density(2 * k) + 4.0 * density(2 * k + 1) + density(2 * k + 2)).sum();
                let moment = sum * step / 3.0 / (2.0 * std::f64::consts::PI).sqrt();
                assert!((moment - 1.0).abs() < 1e-6, "{name} {beta}: {moment}");
            }
        }
    }

    #[test]
    fn sweeps_equal_the_plain_function_and_its_derivative() {
        for name in Gate::NAMES {
            let gate = Gate::new(name, 3.0).unwrap();
            let start: Vec<f64> = (0..37).map(|k| 0.3 * f64::from(k) - 5.05).collect();
            let (mut z, mut slope) = (start.clone(), vec![0.0; 37]);
            gate.apply(0.7, &mut z, &mut slope);
            for ((z, s), x) in z.iter().zip(&slope).zip(&start) {
                let h = 1e-6;
                let derivative = (gate.value(0.7 * (x + h)).0 - gate.value(0.7 * (x - h)).0) / (2.0 * h);
                assert!((z - gate.value(0.7 * x).0).abs() < 1e-14 && (s - derivative).abs() < 1e-8, "{name} at {x}");
            }
        }
        let worst = (-4000..4000).map(|k| {
            let u = f64::from(k) / 100.0;
            (softplus(u).0 - (u.max(0.0) + (-u.abs()).exp().ln_1p())).abs()
        });
        assert!(worst.fold(0.0, f64::max) < 1e-14);
    }
}
