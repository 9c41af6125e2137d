//! Every generic Stepper keeps the Stepper contract.

use glasslab_core::{Course, FlowRule, Job, Method, Precision, Streams, System};
use glasslab_testkit::stepper_contract;
use glasslab_testkit::toys::{Axes, LeastSquares, Quartic};
use std::sync::Arc;

fn check(system: Arc<dyn System>, method: Method, steps: u64) {
    let make = |replicas: std::ops::Range<u64>| {
        let job = Job { method: method.clone(), streams: Streams::new(9), replicas, precision: Precision::F64 };
        glasslab_dynamics::stepper(system.clone(), &job).expect("a stepper")
    };
    let verdict = stepper_contract(&make, 4, steps);
    assert_eq!(verdict, Ok(()), "{} moved by {}", system.name(), method.name());
}

#[test]
fn descent_keeps_the_contract() {
    let ramp = Course::Ramp { from: 0.1, to: 0.01, until: 7.0 };
    check(Arc::new(Quartic { n: 11, stiffness: 1.0 }), Method::Descent { step_size: ramp }, 10);
    check(Arc::new(Axes { n: 12 }), Method::Descent { step_size: 0.1.into() }, 10);
}

#[test]
fn langevin_keeps_the_contract() {
    let temperature = Course::Jump { before: 2.0, after: 0.1, at: 0.05 };
    let method = Method::Langevin { step_size: 0.01, temperature };
    check(Arc::new(Axes { n: 12 }), method.clone(), 11);
    // Large enough for threads to be used.
    check(Arc::new(Quartic { n: 3001, stiffness: 1.0 }), method, 6);
}

#[test]
fn sgd_keeps_the_contract() {
    let rate = Course::Staircase { initial: 0.1, factor: 0.5, every: 5.0 };
    check(Arc::new(LeastSquares::new(7, 23)), Method::Sgd { rate, momentum: 0.9, batch: 5 }, 13);
}

#[test]
fn inertial_methods_keep_the_contract() {
    let course = Course::Jump { before: 2.0, after: 0.1, at: 0.05 };
    let methods = [
        Method::Verlet { step_size: 0.01, temperature: 0.7 },
        Method::Underdamped { step_size: 0.01, temperature: course, friction: 0.5 },
        Method::Bussi { step_size: 0.01, temperature: course, relaxation: 0.2 },
        Method::Fire { step_size: 0.05, tolerance: 1e-9, largest_move: 0.1 },
    ];
    for method in methods {
        check(Arc::new(Quartic { n: 12, stiffness: 1.0 }), method.clone(), 11);
        // Large enough for threads to be used.
        check(Arc::new(Quartic { n: 3001, stiffness: 1.0 }), method, 6);
    }
    let descent = Method::Fire { step_size: 0.05, tolerance: 1e-9, largest_move: 0.1 };
    check(Arc::new(Axes { n: 12 }), descent, 11);
}

#[test]
fn flow_keeps_the_contract() {
    let rule = FlowRule { memory: 0.3, ..FlowRule::default() };
    check(Arc::new(Quartic { n: 11, stiffness: 1.0 }), Method::Flow(rule), 40);
    check(Arc::new(LeastSquares::new(7, 23)), Method::Flow(FlowRule::default()), 40);
}

#[test]
fn adam_keeps_the_contract() {
    let rate = Course::Floored { initial: 0.1, factor: 0.5, every: 4.0, least: 0.02 };
    let adam = |batch| Method::Adam { rate, betas: [0.9, 0.99], epsilon: 1e-8, batch };
    check(Arc::new(LeastSquares::new(7, 23)), adam(5), 13);
    check(Arc::new(LeastSquares::new(7, 23)), adam(0), 13);
    check(Arc::new(Quartic { n: 11, stiffness: 1.0 }), adam(0), 13);
    check(Arc::new(Axes { n: 12 }), adam(0), 13);
}
