//! The second derivative of the 3-spin on its sphere after a quench, against random-matrix theory.

use glasslab_core::{Job, Method, Precision, Streams, System};
use glasslab_glasses::{SphericalPSpin, Store};
use glasslab_spectra::{TangentHessian, density, distance, hessian_eigenvalues, semicircle_cumulative};
use std::sync::Arc;

/// Where gradient descent stands at time t, N = 256.
fn quenched(store: Store, time: u64) -> (Arc<SphericalPSpin>, Vec<f64>, f64) {
    let (n, streams) = (256, Streams::new(12));
    let system = Arc::new(SphericalPSpin::stored(3, n, store, streams, 0).unwrap());
    let method = Method::Descent { step_size: 0.1.into() };
    let job = Job { method, streams, replicas: 0..1, precision: Precision::F64 };
    let mut stepper = glasslab_dynamics::stepper(system.clone(), &job).unwrap();
    stepper.advance(10 * time).unwrap();
    let x = stepper.positions(0).to_f64();
    let energy = system.energy(&x).unwrap() / n as f64;
    (system, x, energy)
}

/// At N -> infinity: the semicircle of radius 2 sqrt(f''(1)) = 2 sqrt 3 around mu = -3 e, at the energy e that was reached
/// (Kurchan and Laloux 1996, doi:10.1088/0305-4470/29/9/009). The multiplier is exact at any N (E is homogeneous); the counting
/// function is within 0.03 of the law: O(1/N) fluctuations, and O(N^-2/3) at the edge, from which descent expels the negative
/// eigenvalues. A semicircle shifted by a tenth of its radius, or that of another energy, is rejected.
#[test]
fn semicircle_at_the_energy_reached() {
    for store in [Store::Regenerated, Store::Diluted] {
        for time in [1, 30] {
            let (system, x, energy) = quenched(store, time);
            let operator = TangentHessian::new(&*system, &x).unwrap();
            let centre = -3.0 * energy;
            assert!((operator.multiplier() - centre).abs() < 1e-5, "{} {centre}", operator.multiplier());
            let all = hessian_eigenvalues(&*system, &x).unwrap();
            assert_eq!(all.len(), 255);
            let radius = 2.0 * 3_f64.sqrt();
            let far = distance(&all, |e| semicircle_cumulative(e, centre, radius));
            eprintln!("{store:?}, t = {time}: e = {energy:.4}, distance {far:.4}, least {:.3}", all[0]);
            assert!(far < 0.03, "{store:?}, t = {time}: {far}");
            assert!(distance(&all, |e| semicircle_cumulative(e, centre + 0.1 * radius, radius)) > 0.05);
            assert!(distance(&all, |e| semicircle_cumulative(e, centre, 1.2 * radius)) > 0.03);
            // The same density from 8 probes of 30 steps: mean and variance within 4 of its own errors.
            let found = density(&operator, 8, 30, Streams::new(3)).unwrap();
            let mean = all.iter().sum::<f64>() / 255.0;
            for k in [1, 2] {
                let exact = all.iter().map(|e| (e - mean).powi(k)).sum::<f64>() / 255.0;
                let (value, error) = found.mean(|e| (e - mean).powi(k));
                assert!((value - exact).abs() < 4.0 * error, "moment {k}: {value} +- {error}, {exact}");
            }
        }
    }
}
