//! Every glass keeps the contracts of Systems, and the trap model's own Stepper that of Steppers.

use glasslab_core::parameter::Build;
use glasslab_core::{Job, Method, Parameters, Precision, Slice, Streams, System, Value};
use glasslab_glasses::{SphericalPSpin, TrapModel, entries};
use glasslab_testkit::{force_is_minus_gradient, many_is_one_by_one, stepper_contract};
use std::collections::BTreeMap;
use std::sync::Arc;

fn starts(system: &dyn System, replicas: u64) -> Vec<f64> {
    let n = system.dof();
    let mut x = vec![0.0; replicas as usize * n];
    for (r, x) in x.chunks_mut(n).enumerate() {
        system.initial(Streams::new(8), r as u64, x).expect("a start");
    }
    x
}

fn build(name: &str, given: &[(&str, Value)]) -> Arc<dyn System> {
    let entry = entries().into_iter().find(|e| e.name == name).expect("an entry of that name");
    let given: BTreeMap<_, _> = given.iter().map(|(k, v)| (k.to_string(), v.clone())).collect();
    let parameters = Parameters::check(&(entry.parameters)(), &given).expect("good parameters");
    let build = Build { streams: Streams::new(8), sample: 2, folder: Default::default(), precision: Precision::F64 };
    (entry.build)(&parameters, &build).expect("a system")
}

/// With p-spins large enough for several chunks of couplings, and the remainder of a lane and of a block of rows.
fn systems() -> Vec<(Arc<dyn System>, f64)> {
    let (n, p) = (|n| ("n", Value::Integer(n)), |p| ("p", Value::Integer(p)));
    let couplings = |word: &str| ("couplings", Value::Text(word.to_owned()));
    vec![
        (build("p-spin", &[n(37), p(3)]), 1e-7),
        (build("p-spin", &[n(150), p(3)]), 1e-7),
        (build("p-spin", &[n(39), p(2)]), 1e-7),
        (build("p-spin", &[n(900), p(2)]), 1e-7),
        (build("p-spin", &[n(45), couplings("regenerated")]), 1e-7),
        (build("p-spin", &[n(70), couplings("diluted")]), 1e-14),
        (build("p-spin", &[n(50), ("start", Value::Text("planted".to_owned()))]), 1e-7),
        (build("ornstein-uhlenbeck", &[n(20), ("stiffness", Value::Number(2.5))]), 1e-15),
        (build("brownian", &[n(20)]), 1e-15),
    ]
}

#[test]
fn forces_are_minus_gradients() {
    for (system, rounding) in systems() {
        let x = starts(&*system, 1);
        assert_eq!(force_is_minus_gradient(&*system, &x, rounding), Ok(()), "{} {}", system.name(), system.dof());
    }
}

#[test]
fn replicas_together_are_replicas_alone() {
    for (system, _) in systems() {
        assert_eq!(many_is_one_by_one(&*system, &starts(&*system, 5)), Ok(()), "{}", system.name());
    }
}

/// The walls between traps are where force cannot be defined; within a trap energy is constant and force is zero.
#[test]
fn traps_are_flat() {
    let traps = TrapModel::new(50, 1.0, Streams::new(8), 0).unwrap();
    let x = starts(&traps, 1);
    let (mut force, width) = (vec![1.0; 50], 2.0 * 3_f64.sqrt() / 4_294_967_296.0);
    let energy = traps.energy_force(&x, &mut force).unwrap();
    assert!(force.iter().all(|f| *f == 0.0));
    let moved: Vec<f64> = x.iter().map(|x| x + 0.4 * width).collect();
    assert_eq!(traps.energy(&moved).unwrap(), energy);
    let beyond: Vec<f64> = x.iter().map(|x| x + width).collect();
    assert_ne!(traps.energy(&beyond).unwrap(), energy);
}

#[test]
fn hops_keep_the_stepper_contract() {
    // Enough walkers for several threads.
    let traps = Arc::new(TrapModel::new(9_000, 1.0, Streams::new(8), 0).unwrap());
    let make = |replicas: std::ops::Range<u64>| {
        let method = Method::Hop { step_size: 0.7, temperature: 0.5 };
        let job = Job { method, streams: Streams::new(8), replicas, precision: Precision::F64 };
        traps.clone().native(&job).expect("no fault").expect("a native stepper")
    };
    assert_eq!(stepper_contract(&make, 3, 9), Ok(()));
    assert!(matches!(make(0..1).positions(0), Slice::F64(x) if x == &starts(&*traps, 1)[..]));
}

/// Starts are on the sphere, and at t = 0 e has mean 0 and variance f(1)/N = 1/(2N): R samples, standard errors
/// sqrt(1/2NR) and sqrt(2/R) of the variance, 4 of them allowed.
#[test]
fn starts_are_infinitely_hot() {
    for p in [2, 3] {
        let (n, samples) = (48, 200_u64);
        let energies: Vec<f64> = (0..samples)
            .map(|sample| {
                let system = SphericalPSpin::new(p, n, Streams::new(6), sample).unwrap();
                let mut x = vec![0.0; n];
                system.initial(Streams::new(6), sample, &mut x).unwrap();
                assert!((glasslab_core::sum::dot(&x, &x) / n as f64 - 1.0).abs() < 1e-12);
                system.energy(&x).unwrap() / n as f64
            })
            .collect();
        let unit = 1.0 / (2.0 * n as f64);
        let mean = energies.iter().sum::<f64>() / samples as f64;
        let square = energies.iter().map(|e| e * e).sum::<f64>() / samples as f64;
        assert!(mean.abs() < 4.0 * (unit / samples as f64).sqrt(), "p = {p}: {mean}");
        // Exact at finite N: pairs or triples of N, N^p of them counted by f.
        let finite: f64 = (0..p).map(|k| 1.0 - k as f64 / n as f64).product();
        let spread = 4.0 * (2.0 / samples as f64).sqrt();
        // The fourth moment of spins uniform on the sphere adds corrections of order 1/N.
        assert!((square / unit / finite - 1.0).abs() < spread + 4.0 / n as f64, "p = {p}: {square} {unit}");
    }
}
