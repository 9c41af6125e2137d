//! Runs of exactly solved systems against their closed forms: Brownian motion, Ornstein-Uhlenbeck, the trap model.

use glasslab_core::{Job, Method, Precision, Stepper, Streams, System, sum};
use glasslab_glasses::ornstein_uhlenbeck::{OrnsteinUhlenbeck, Start};
use glasslab_glasses::{Brownian, TrapModel};
use glasslab_testkit::oracles::{EulerOrnsteinUhlenbeck, arcsine_law, brownian_displacement};
use std::sync::Arc;

const REPLICAS: u64 = 4;

fn stepper(system: Arc<dyn System>, method: Method) -> Box<dyn Stepper> {
    let job = Job { method, streams: Streams::new(2026), replicas: 0..REPLICAS, precision: Precision::F64 };
    glasslab_dynamics::stepper(system, &job).expect("a stepper")
}

fn all(stepper: &dyn Stepper) -> Vec<f64> {
    (0..stepper.replicas()).flat_map(|r| stepper.positions(r).to_f64()).collect()
}

/// Mean square displacement over all walkers, and its standard error.
fn displacement(a: &[f64], b: &[f64]) -> (f64, f64) {
    sum::mean_and_error(a.iter().zip(b).map(|(a, b)| (a - b).powi(2)))
}

fn agree(what: &str, (mean, error): (f64, f64), exact: f64, allowance: f64) {
    let distance = (mean - exact).abs();
    assert!(distance < 4.0 * error + allowance, "{what}: {mean} +- {error}, exact {exact}, allowance {allowance}");
    assert!(error < 0.1 * exact.abs(), "{what}: the run is too small to test anything");
}

/// Delta = 2 T t. N = 2000, 4 replicas, seed 2026, 4 standard errors.
#[test]
fn brownian_motion_diffuses() {
    let method = Method::Langevin { step_size: 0.05, temperature: 0.7.into() };
    let mut run = stepper(Arc::new(Brownian::new(2000).unwrap()), method);
    for waiting in [0_u64, 30] {
        run.advance(waiting).unwrap();
        let then = all(&*run);
        for steps in [1_u64, 20] {
            run.advance(steps).unwrap();
            let time = if steps == 1 { 0.05 } else { 1.05 };
            let exact = brownian_displacement(0.7, time);
            agree("Brownian motion", displacement(&then, &all(&*run)), exact, 0.0);
        }
    }
}

/// Delta(n_w, n_w + n) exactly as Euler-Maruyama has it, from equilibrium at another temperature and from a point, at a
/// time step large enough (k dt = 0.4) that the continuum formula would fail. N = 2000, 4 replicas, seed 2026,
/// 4 standard errors.
#[test]
fn ornstein_uhlenbeck_relaxes() {
    let ou = EulerOrnsteinUhlenbeck { stiffness: 2.0, temperature: 0.7, step_size: 0.2 };
    for start in [Start::Equilibrium { temperature: 0.7 }, Start::Fixed { position: 0.0 }] {
        let initial = if start == (Start::Fixed { position: 0.0 }) { 0.0 } else { 0.35 };
        let system = Arc::new(OrnsteinUhlenbeck::new(2000, 2.0, start).unwrap());
        let mut run = stepper(system, Method::Langevin { step_size: 0.2, temperature: 0.7.into() });
        let mut waiting = 0;
        for wait in [0, 2, 20] {
            run.advance(wait).unwrap();
            waiting += wait;
            let then = all(&*run);
            let mut steps = 0;
            for more in [1, 3, 16] {
                run.advance(more).unwrap();
                steps += more;
                let exact = ou.displacement(initial, waiting, steps);
                agree("Ornstein-Uhlenbeck", displacement(&then, &all(&*run)), exact, 0.0);
            }
            waiting += steps;
        }
        let square = sum::mean_and_error(all(&*run).iter().map(|x| x * x));
        agree("Ornstein-Uhlenbeck variance", square, ou.variance(initial, waiting), 0.0);
    }
}

/// Weak order 1: the stationary variance is off by (T/k) k dt/2 to first order, so halving dt halves the error.
/// N = 20000, 4 replicas: the ratio of the two measured errors is 2 (1 + k dt/4 + ...), within 4 standard errors.
#[test]
fn langevin_is_of_weak_order_one() {
    let error = |step_size: f64| {
        let system = OrnsteinUhlenbeck::new(20_000, 1.0, Start::Equilibrium { temperature: 1.0 }).unwrap();
        let mut run = stepper(Arc::new(system), Method::Langevin { step_size, temperature: 1.0.into() });
        run.advance((12.0 / step_size) as u64).unwrap();
        let (mean, error) = sum::mean_and_error(all(&*run).iter().map(|x| x * x));
        (mean - 1.0, error)
    };
    let ((coarse, e1), (fine, e2)) = (error(0.8), error(0.4));
    let ratio = coarse / fine;
    let spread = ratio * ((e1 / coarse).powi(2) + (e2 / fine).powi(2)).sqrt();
    // (1/(1 - 0.4) - 1)/(1/(1 - 0.2) - 1) = 8/3; to first order 2.
    assert!((ratio - 8.0 / 3.0).abs() < 4.0 * spread, "{ratio} +- {spread}");
    assert!(spread < 0.2, "the run is too small to test anything: {spread}");
}

/// Delta(t_w, t_w + t) = 2 (1 - Pi), Pi the arcsine law, at T/T_g = 1/2 and t_w = 10^4, 8 10^4, and aging: only t/t_w
/// matters. N = 2000, 4 replicas, seed 2026. Tolerance: 4 standard errors, and t_w^(-1/2) times 2 for the law's own
/// finite-time correction (of relative order t_w^(x-1), x = 1/2).
/// Displacements at one t_w are (x_i - x_j)^2 of independent uniform cells or 0: independent walkers, hence the errors.
#[test]
fn traps_age_by_the_arcsine_law() {
    let system = Arc::new(TrapModel::new(2000, 1.0, Streams::new(5), 0).unwrap());
    let mut run = stepper(system, Method::Hop { step_size: 10.0, temperature: 0.5 });
    let mut now = 0;
    for waiting in [1_000_u64, 8_000] {
        run.advance(waiting - now).unwrap();
        now = waiting;
        let then = all(&*run);
        for ratio in [0.1, 1.0, 5.0] {
            let until = waiting + (ratio * waiting as f64) as u64;
            run.advance(until - now).unwrap();
            now = until;
            let stayed: Vec<f64> = then.iter().zip(all(&*run)).map(|(a, b)| f64::from(*a == b)).collect();
            let allowance = 2.0 / (10.0 * waiting as f64).sqrt();
            let law = arcsine_law(0.5, ratio);
            agree("no hop", sum::mean_and_error(stayed.iter().copied()), law, allowance);
            let moved = displacement(&then, &all(&*run));
            agree("trap displacement", moved, 2.0 * (1.0 - law), 2.0 * allowance);
        }
    }
}

/// Above T_g the trap model comes to equilibrium: at T = 4 T_g the mean depth is T T_g/(T - T_g) = 4/3 with variance 16/9,
/// left by times of order one. N = 4000, 4 replicas, t = 400, 4 standard errors, and 2 t^-2 (tail of the waiting times
/// t^(1-x), x = 4, is below that).
#[test]
fn hot_traps_equilibrate() {
    let system = Arc::new(TrapModel::new(4000, 1.0, Streams::new(5), 0).unwrap());
    let mut run = stepper(system.clone(), Method::Hop { step_size: 1.0, temperature: 4.0 });
    run.advance(400).unwrap();
    let energies = (0..REPLICAS as usize).map(|r| system.energy(&run.positions(r).to_f64()).unwrap() / 4000.0);
    let mean = energies.sum::<f64>() / REPLICAS as f64;
    let error = (16.0_f64 / 9.0 / (4000.0 * REPLICAS as f64)).sqrt();
    let (exact, name) = system.reference_energy(4.0).unwrap();
    assert_eq!((exact, name), (-4.0 / 3.0, "equilibrium"));
    agree("energy of hot traps", (mean, error), exact, 2.0 / 160_000.0);
}
