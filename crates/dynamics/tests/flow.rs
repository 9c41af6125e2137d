//! Gradient flow against the solution of a harmonic well.

use glasslab_core::{Fault, FlowRule, Job, Method, Precision, Stepper, Streams, System};
use std::sync::Arc;

/// E = K x^2/2, from x = 1.
struct Well;

const K: f64 = 3.0;

impl System for Well {
    fn name(&self) -> &str {
        "well"
    }
    fn dof(&self) -> usize {
        1
    }
    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        force[0] = -K * x[0];
        Ok(0.5 * K * x[0] * x[0])
    }
    fn initial(&self, _: Streams, _: u64, x: &mut [f64]) -> Result<(), Fault> {
        x[0] = 1.0;
        Ok(())
    }
}

fn run(largest_turn: f64, memory: f64, steps: u64) -> Box<dyn Stepper> {
    let rule = FlowRule { largest_turn, memory, ..FlowRule::default() };
    let job = Job { method: Method::Flow(rule), streams: Streams::new(1), replicas: 0..1, precision: Precision::F64 };
    let mut stepper = glasslab_dynamics::stepper(Arc::new(Well), &job).unwrap();
    stepper.advance(steps).unwrap();
    stepper
}

/// x(t) = e^(-K t). A step multiplies x by 1 - K dt, and its turn is (K dt)^2/(1 - K dt): so K dt < sqrt(limit), and
/// |ln x + K t| = sum of (K dt)^2/2 + (K dt)^3/3 + ... < 0.51 sqrt(limit) K t for limits up to 10^-4.
/// The bound is met, is not met by a limit ten times smaller, and falls with the square root of the limit.
#[test]
fn flow_follows_the_exponential() {
    let mut errors = Vec::new();
    for limit in [1e-4, 1e-6_f64] {
        let stepper = run(limit, 0.0, (3.0 / limit.sqrt()) as u64);
        let (x, t) = (stepper.positions(0).to_f64()[0], stepper.clock().time);
        assert!(K * t > 1.0, "it came far: K t = {}", K * t);
        let error = (x.ln() + K * t).abs() / (K * t);
        assert!(error < 0.51 * limit.sqrt() && error > 0.51 * (0.1 * limit).sqrt(), "{limit}: {error}");
        errors.push(error);
    }
    // Steps lie between 1/10 and all of the limit, in the same pattern: within a few per cent.
    assert!((errors[0] / errors[1] / 10.0 - 1.0).abs() < 0.1, "{errors:?}");
}

/// With a memory tau: dx/dt = v, dv/dt = (F - v)/tau, a damped oscillator. Its solution from x = 1, v = 0, with
/// 4 K tau > 1: x = e^(-t/2tau) (cos w t + sin w t/(2 tau w)), w = sqrt(K/tau - 1/(4 tau^2)). First order in dt: below 2 %.
#[test]
fn flow_with_memory_is_a_damped_oscillator() {
    let tau = 0.5;
    let w = (K / tau - 1.0 / (4.0 * tau * tau)).sqrt();
    let mut far = 0.0_f64;
    for steps in [100, 200, 400] {
        let stepper = run(1e-5, tau, steps);
        let (x, t) = (stepper.positions(0).to_f64()[0], stepper.clock().time);
        let exact = (-t / (2.0 * tau)).exp() * ((w * t).cos() + (w * t).sin() / (2.0 * tau * w));
        assert!((x - exact).abs() < 0.02, "t = {t}: {x} against {exact}");
        far = far.max((x - (-K * t).exp()).abs());
    }
    assert!(far > 0.1, "it is not the flow without memory");
}
