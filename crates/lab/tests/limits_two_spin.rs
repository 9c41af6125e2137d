//! The spherical 2-spin of finite N against its solution for N -> infinity (Cugliandolo and Dean 1995,
//! doi:10.1088/0305-4470/28/15/003).

use glasslab_core::{Job, Method, Precision, Stepper, Streams, System, sum};
use glasslab_glasses::SphericalPSpin;
use glasslab_testkit::oracles::two_spin::TwoSpin;
use std::sync::Arc;

const N: usize = 800;
const SAMPLES: u64 = 40;
const TIMES: [f64; 4] = [1.0, 2.0, 4.0, 8.0];
const WAITING: f64 = 2.0;

/// Energies per spin at TIMES, and C(t, WAITING) at the last two, of one sample, mean of two replicas.
fn run(sample: u64, method: Method, dt: f64) -> Vec<f64> {
    let streams = Streams::new(77);
    let system = Arc::new(SphericalPSpin::new(2, N, streams, sample).unwrap());
    let job = Job { method, streams, replicas: 2 * sample..2 * sample + 2, precision: Precision::F64 };
    let mut stepper = glasslab_dynamics::stepper(system.clone(), &job).unwrap();
    let both = |s: &dyn Stepper| [s.positions(0).to_f64(), s.positions(1).to_f64()];
    let (mut energies, mut correlations) = (Vec::new(), Vec::new());
    let mut then: Option<[Vec<f64>; 2]> = None;
    for time in TIMES {
        stepper.advance((time / dt).round() as u64 - stepper.clock().step).unwrap();
        let x = both(&*stepper);
        energies.push(x.iter().map(|x| system.energy(x).unwrap()).sum::<f64>() / (2 * N) as f64);
        if let Some([a, b]) = &then {
            correlations.push((sum::dot(&x[0], a) + sum::dot(&x[1], b)) / (2 * N) as f64);
        }
        if time == WAITING {
            then = Some(x);
        }
    }
    energies.extend(correlations);
    energies
}

/// 2 y(dt/2) - y(dt), averaged over samples, against the solution. Tolerance: 4 standard errors from the samples, and 6/N:
/// corrections of relative order 1/N (couplings i = j are absent, N modes are not a continuum).
fn check(temperature: f64, method: impl Fn(f64) -> Method) {
    let dt = 0.1;
    let measured: Vec<Vec<f64>> = (0..SAMPLES)
        .map(|sample| {
            let (coarse, fine) = (run(sample, method(dt), dt), run(sample, method(dt / 2.0), dt / 2.0));
            coarse.iter().zip(fine).map(|(c, f)| 2.0 * f - c).collect()
        })
        .collect();
    let h = 0.01;
    let exact = TwoSpin::new(temperature, h, 801);
    let at = |t: f64| (t / h).round() as usize;
    let mut expected: Vec<f64> = TIMES.iter().map(|t| exact.energy(at(*t))).collect();
    expected.extend(TIMES[2..].iter().map(|t| exact.correlation(at(*t), at(WAITING))));
    for (k, expected) in expected.iter().enumerate() {
        let (mean, error) = sum::mean_and_error(measured.iter().map(|m| m[k]));
        let tolerance = 4.0 * error + 6.0 / N as f64;
        eprintln!(
            "T = {temperature}, {k}: {mean:.5} +- {error:.5}, exact {expected:.5}, {:.2}/N",
            (mean - expected) * N as f64
        );
        assert!((mean - expected).abs() < tolerance, "T = {temperature}, {k}: {mean} +- {error}, exact {expected}");
        assert!(tolerance < 0.05, "the run is too small to test anything: {tolerance}");
    }
}

#[test]
fn two_spin_descent() {
    check(0.0, |dt| Method::Descent { step_size: dt.into() });
}

#[test]
fn two_spin_langevin() {
    check(0.5, |dt| Method::Langevin { step_size: dt, temperature: 0.5.into() });
}
