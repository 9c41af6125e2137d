//! FIRE finds minima: of a quartic form, on a sphere, as a function and as a Method.

use glasslab_core::{Fire, Job, Method, Precision, Stop, Streams, System, minimise};
use glasslab_testkit::toys::{Axes, Quartic};
use std::sync::Arc;

fn start(system: &dyn System) -> Vec<f64> {
    let mut x = vec![0.0; system.dof()];
    system.initial(Streams::new(5), 0, &mut x).unwrap();
    x
}

/// E = sum (k/2) x^2 + x^4/4 + x x' is convex for k > 2: its only minimum is x = 0, E = 0.
#[test]
fn a_convex_well_is_descended_to_its_bottom() {
    let system: Arc<dyn System> = Arc::new(Quartic { n: 40, stiffness: 2.5 });
    let mut x = start(&*system);
    let found = minimise(&system, &mut x, Fire::new(0.1), 1e-13, 10_000).unwrap();
    assert!(found.converged && found.force <= 1e-13 && found.steps < 2_000, "{found:?}");
    assert!(x.iter().all(|x| x.abs() < 1e-12) && found.energy.abs() < 1e-23, "{found:?}");
    let mut x = start(&*system);
    let cut = minimise(&system, &mut x, Fire::new(0.1), 1e-13, 5).unwrap();
    assert!(!cut.converged && cut.steps == 5);
}

/// E = (1/2) sum k_i x_i^2 on |x|^2 = N, k_i = i/N: the minima are +-sqrt(N) along the first axis, E = 0. There the force is
/// normal to the sphere, the tangent force vanishes, and |x_i| <= force/(k_i - k_0).
#[test]
fn the_sphere_is_descended_to_the_first_axis() {
    let system: Arc<dyn System> = Arc::new(Axes { n: 12 });
    let mut x = start(&*system);
    let found = minimise(&system, &mut x, Fire::new(0.2), 1e-12, 20_000).unwrap();
    assert!(found.converged, "{found:?}");
    assert!((x[0].abs() - 12.0_f64.sqrt()).abs() < 1e-11 && x[1..].iter().all(|x| x.abs() < 1e-10), "{x:?}");
}

#[test]
fn the_method_stops_where_the_function_does() {
    let system: Arc<dyn System> = Arc::new(Quartic { n: 40, stiffness: 2.5 });
    let method = Method::Fire { step_size: 0.1, tolerance: 1e-10, largest_move: 0.05 };
    let job = Job { method, streams: Streams::new(5), replicas: 0..2, precision: Precision::F64 };
    let mut run = glasslab_dynamics::stepper(system.clone(), &job).unwrap();
    run.advance(3_000).unwrap();
    let mut x = start(&*system);
    let fire = Fire::new(0.1).with_largest_move(0.05);
    let found = minimise(&system, &mut x, fire, 1e-10, 3_000).unwrap();
    assert_eq!(run.stop(0), Some(Stop::Converged { step: found.steps - 1 }));
    assert_eq!(run.positions(0).to_f64(), x);
    let moves = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let mut again = glasslab_dynamics::stepper(system, &job).unwrap();
    for _ in 0..20 {
        let before = again.positions(1).to_f64();
        again.advance(1).unwrap();
        // Half a step back may come before the step: one and a half times the largest move, with rounding.
        assert!(moves(&before, &again.positions(1).to_f64()) <= 0.075 * (1.0 + 1e-12));
    }
}
