//! The declared order of each integrator.

use glasslab_core::{Job, Method, Precision, Streams, System};
use glasslab_testkit::toys::{Axes, Quartic};
use std::sync::Arc;

fn end(system: Arc<dyn System>, time: f64, steps: u64) -> Vec<f64> {
    let method = Method::Descent { step_size: (time / steps as f64).into() };
    let job = Job { method, streams: Streams::new(3), replicas: 0..1, precision: Precision::F64 };
    let mut stepper = glasslab_dynamics::stepper(system, &job).expect("a stepper");
    stepper.advance(steps).expect("steps");
    stepper.positions(0).to_f64()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// Descent is of order 1, in flat space and on the sphere: from dt to dt/2 the distance to the exact end is halved,
/// up to O(dt). On the sphere the exact flow is x_i(t) ~ x_i(0) exp(-k_i t), scaled; in flat space the reference is
/// the extrapolation of two fine runs. Tolerance: 5 % at dt = 0.01, of the order of dt times the curvature.
#[test]
fn descent_is_of_order_one() {
    let sphere = Arc::new(Axes { n: 8 });
    let mut exact = vec![0.0; 8];
    sphere.initial(Streams::new(3), 0, &mut exact).unwrap();
    exact.iter_mut().enumerate().for_each(|(i, x)| *x *= (-(i as f64) / 8.0 * 2.0_f64).exp());
    sphere.space().retract(&mut exact);
    let flat = Arc::new(Quartic { n: 8, stiffness: 1.0 });
    let (fine, finer) = (end(flat.clone(), 2.0, 20_000), end(flat.clone(), 2.0, 40_000));
    let reference: Vec<f64> = fine.iter().zip(&finer).map(|(a, b)| 2.0 * b - a).collect();
    for (system, exact) in [(sphere as Arc<dyn System>, exact), (flat, reference)] {
        let ratio = distance(&end(system.clone(), 2.0, 200), &exact) / distance(&end(system.clone(), 2.0, 400), &exact);
        assert!((ratio - 2.0).abs() < 0.1, "{}: {ratio}", system.name());
    }
}
