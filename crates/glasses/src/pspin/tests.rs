//! Tests of the p-spin: its force against plain f64 sums, its couplings, its start.

use super::*;

fn plain(system: &SphericalPSpin, s: &[f64]) -> (f64, Vec<f64>) {
    let (n, mut energy, mut force) = (system.n, 0.0, vec![0.0; system.n]);
    for j in 0..n {
        for i in 0..j {
            if system.p == 2 {
                let coupling = system.couplings.at(i, j, None);
                energy -= coupling * s[i] * s[j];
                force[i] += coupling * s[j];
                force[j] += coupling * s[i];
            } else {
                for k in j + 1..n {
                    let coupling = system.couplings.at(i, j, Some(k));
                    energy -= coupling * s[i] * s[j] * s[k];
                    force[i] += coupling * s[j] * s[k];
                    force[j] += coupling * s[i] * s[k];
                    force[k] += coupling * s[i] * s[j];
                }
            }
        }
    }
    (energy, force)
}

/// Against sums in f64 over i < j < k. Tolerance: forces have rms size sqrt(p/2); a sum of M products in f32 rounds by
/// at most 2 eps M times its largest partial sum, here far less than 1e-5.
#[test]
fn force_agrees_with_plain_f64() {
    for (p, n) in [(2, 2), (2, 67), (2, 300), (3, 3), (3, 5), (3, 21), (3, 64)] {
        let system = SphericalPSpin::new(p, n, Streams::new(5), 1).unwrap();
        let (mut x, mut force) = (vec![0.0; n], vec![0.0; n]);
        system.initial(Streams::new(5), 3, &mut x).unwrap();
        let energy = system.energy_force(&x, &mut force).unwrap();
        let (energy_plain, force_plain) = plain(&system, &x);
        assert!((energy - energy_plain).abs() < 1e-6 * (n as f64).sqrt(), "p = {p}, n = {n}: {energy} {energy_plain}");
        for (a, b) in force.iter().zip(&force_plain) {
            assert!((a - b).abs() < 1e-5, "p = {p}, n = {n}: {a} {b}");
        }
    }
}

/// Mean square of the couplings is p!/(2 N^(p-1)): M independent normals, standard error sqrt(2/M), 4 of them allowed.
#[test]
fn couplings_have_the_stated_variance() {
    for (p, n) in [(2, 400), (3, 80)] {
        let system = SphericalPSpin::new(p, n, Streams::new(1), 0).unwrap();
        let count = if p == 2 { n * (n - 1) / 2 } else { n * (n - 1) * (n - 2) / 6 } as f64;
        let nonzero = system.couplings.entries().iter().filter(|j| **j != 0.0).count() as f64;
        assert_eq!(nonzero, count);
        let square: f64 = system.couplings.entries().iter().map(|&j| f64::from(j).powi(2)).sum();
        let ratio = square / count / coupling_variance(p, n);
        assert!((ratio - 1.0).abs() < 4.0 * (2.0 / count).sqrt(), "p = {p}: {ratio}");
    }
}

#[test]
fn threads_samples_and_seeds() {
    let draw = |seed, sample| SphericalPSpin::new(3, 70, Streams::new(seed), sample).unwrap();
    let entries = draw(1, 0).couplings.entries().to_vec();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(entries, one.install(|| draw(1, 0)).couplings.entries());
    assert_ne!(entries, draw(1, 1).couplings.entries());
    assert_ne!(entries, draw(2, 0).couplings.entries());
}

#[test]
fn too_large_is_refused_with_the_numbers() {
    for n in [50_000, 1 << 20] {
        match SphericalPSpin::new(3, n, Streams::new(0), 0) {
            Err(Fault::Memory { needed, available, lower: "n", .. }) => assert!(needed > available),
            _ => panic!("n = {n} must be refused"),
        }
    }
    assert!(matches!(SphericalPSpin::new(4, 10, Streams::new(0), 0), Err(Fault::Input(_))));
}

/// Scalar, AVX2 and AVX-512 (where there are such) round alike.
#[test]
#[cfg(target_arch = "x86_64")]
fn instruction_sets_give_the_same_bits() {
    for (p, n) in [(2, 77), (3, 61)] {
        let system = SphericalPSpin::new(p, n, Streams::new(5), 0).unwrap();
        let mut x = vec![0.0; n];
        system.initial(Streams::new(5), 0, &mut x).unwrap();
        let run = |instructions| {
            let mut force = vec![0.0; n];
            let total = system.couplings.contract_with(instructions, &x, &mut force);
            (total, force)
        };
        let scalar = run(pulp::Arch::Scalar);
        assert_eq!(scalar, run(pulp::Arch::new()), "p = {p}");
        if let Some(avx2) = pulp::x86::V3::try_new() {
            assert_eq!(scalar, run(pulp::Arch::V3(avx2)), "p = {p}, AVX2");
        }
    }
}
