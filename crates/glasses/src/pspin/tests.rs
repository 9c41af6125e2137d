//! Tests of the p-spin: its force against plain f64 sums, its couplings, its stores, its starts, its second derivatives.

use super::*;

fn all(system: &SphericalPSpin) -> &Couplings {
    match &system.interactions {
        Interactions::All(all) => all,
        Interactions::Few(_) => panic!("not all couplings"),
    }
}

fn plain(system: &SphericalPSpin, s: &[f64]) -> (f64, Vec<f64>) {
    let n = system.n;
    // (i, j, k, J), k = n where there is none.
    let list = match &system.interactions {
        Interactions::Few(few) => few.all(),
        Interactions::All(all) => {
            let pairs = (0..n).flat_map(|j| (0..j).map(move |i| (i, j)));
            let last = |j: usize| if system.p == 2 { n..n + 1 } else { j + 1..n };
            pairs.flat_map(|(i, j)| last(j).map(move |k| (i, j, k, all.at(i, j, (k < n).then_some(k))))).collect()
        }
    };
    let (mut energy, mut force) = (0.0, vec![0.0; n + 1]);
    let spin = |k: usize| if k < n { s[k] } else { 1.0 };
    for (i, j, k, coupling) in list {
        energy -= coupling * s[i] * s[j] * spin(k);
        force[i] += coupling * s[j] * spin(k);
        force[j] += coupling * s[i] * spin(k);
        force[k] += coupling * s[i] * s[j];
    }
    force.pop();
    (energy, force)
}

/// Every way to make the system, small.
fn variants(p: usize, n: usize) -> Vec<SphericalPSpin> {
    let streams = Streams::new(5);
    let make = |store| SphericalPSpin::stored(p, n, store, streams, 1).unwrap();
    let mut out = vec![make(Store::Dense), make(Store::Regenerated)];
    out.push(make(Store::Dense).planted_at(1.1, streams, 1).unwrap());
    if p == 3 {
        out.push(make(Store::Diluted));
    }
    out
}

/// Against sums in f64 over i < j < k. Tolerance: forces have rms size sqrt(p/2); a sum of M products in f32 rounds by
/// at most 2 eps M times its largest partial sum, here far less than 1e-5.
#[test]
fn force_agrees_with_plain_f64() {
    for (p, n) in [(2, 2), (2, 67), (2, 300), (3, 3), (3, 5), (3, 21), (3, 64)] {
        for store in [Store::Dense, Store::Diluted] {
            let Ok(system) = SphericalPSpin::stored(p, n, store, Streams::new(5), 1) else { continue };
            let (mut x, mut force) = (vec![0.0; n], vec![0.0; n]);
            system.initial(Streams::new(5), 3, &mut x).unwrap();
            let energy = system.energy_force(&x, &mut force).unwrap();
            let (energy_plain, force_plain) = plain(&system, &x);
            assert!(
                (energy - energy_plain).abs() < 1e-6 * (n as f64).sqrt(),
                "p = {p}, n = {n}: {energy} {energy_plain}"
            );
            for (a, b) in force.iter().zip(&force_plain) {
                assert!((a - b).abs() < 1e-5, "p = {p}, n = {n}: {a} {b}");
            }
        }
    }
}

/// Mean square of the couplings is p!/(2 N^(p-1)): M independent normals, standard error sqrt(2/M), 4 of them allowed.
#[test]
fn couplings_have_the_stated_variance() {
    for (p, n) in [(2, 400), (3, 80)] {
        let system = SphericalPSpin::new(p, n, Streams::new(1), 0).unwrap();
        let count = if p == 2 { n * (n - 1) / 2 } else { n * (n - 1) * (n - 2) / 6 } as f64;
        let nonzero = all(&system).entries().iter().filter(|j| **j != 0.0).count() as f64;
        assert_eq!(nonzero, count);
        let square: f64 = all(&system).entries().iter().map(|&j| f64::from(j).powi(2)).sum();
        let ratio = square / count / coupling_variance(p, n);
        assert!((ratio - 1.0).abs() < 4.0 * (2.0 / count).sqrt(), "p = {p}: {ratio}");
    }
}

/// Diluted: (N-1)(N-2)/2 triplets of distinct spins, sum J^2 = N/2 exactly, signs balanced within 4 standard errors.
#[test]
fn diluted_couplings_are_normalised() {
    let n = 150;
    let system = SphericalPSpin::stored(3, n, Store::Diluted, Streams::new(1), 0).unwrap();
    let Interactions::Few(few) = &system.interactions else { panic!("diluted") };
    let list = few.all();
    assert_eq!(list.len(), (n - 1) * (n - 2) / 2);
    assert!(list.iter().all(|(i, j, k, _)| i < j && j < k && *k < n));
    let square: f64 = list.iter().map(|t| t.3 * t.3).sum();
    assert!((square - n as f64 / 2.0).abs() < 1e-9, "{square}");
    let sum: f64 = list.iter().map(|t| t.3.signum()).sum();
    assert!(sum.abs() < 4.0 * (list.len() as f64).sqrt(), "{sum}");
}

#[test]
fn threads_samples_and_seeds() {
    let draw = |seed, sample| SphericalPSpin::new(3, 70, Streams::new(seed), sample).unwrap();
    let entries = all(&draw(1, 0)).entries().to_vec();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(entries, all(&one.install(|| draw(1, 0))).entries());
    assert_ne!(entries, all(&draw(1, 1)).entries());
    assert_ne!(entries, all(&draw(2, 0)).entries());
}

/// The same J, stored or made again: the same bytes of forces and energies, on several replicas.
#[test]
fn stored_and_regenerated_are_the_same() {
    for (p, n) in [(2, 2), (2, 211), (3, 3), (3, 10), (3, 97), (3, 130)] {
        let streams = Streams::new(5);
        let run = |store| {
            let system = SphericalPSpin::stored(p, n, store, streams, 2).unwrap();
            let mut x = vec![0.0; 3 * n];
            x.chunks_mut(n).enumerate().for_each(|(r, x)| system.initial(streams, r as u64, x).unwrap());
            let (mut force, mut energy) = (vec![0.0; 3 * n], vec![0.0; 3]);
            system.energy_force_many(&x, &mut force, &mut energy).unwrap();
            (force, energy, system.bytes_per_pass())
        };
        let (dense, made) = (run(Store::Dense), run(Store::Regenerated));
        assert!(dense.0.iter().any(|f| *f != 0.0));
        assert_eq!((&dense.0, &dense.1), (&made.0, &made.1), "p = {p}, n = {n}");
        assert_eq!(made.2, 0);
        let auto = run(Store::Auto);
        assert_eq!((dense.0, dense.1), (auto.0, auto.1));
    }
}

/// Replicas go alone, or up to sixteen in company: no bit of a force or an energy tells which.
#[test]
fn company_changes_no_bit() {
    for (p, n) in [(2, 2), (2, 77), (3, 3), (3, 16), (3, 61), (3, 130)] {
        for store in [Store::Dense, Store::Regenerated] {
            let system = SphericalPSpin::stored(p, n, store, Streams::new(5), 2).unwrap();
            let starts = |r: usize| {
                let mut x = vec![0.0; n];
                system.initial(Streams::new(5), r as u64, &mut x).unwrap();
                x
            };
            let x: Vec<f64> = (0..37).flat_map(starts).collect();
            let alone: Vec<(Vec<f64>, f64)> = x
                .chunks(n)
                .map(|x| {
                    let mut force = vec![0.0; n];
                    let energy = system.energy_force(x, &mut force).unwrap();
                    (force, energy)
                })
                .collect();
            for replicas in [2, 3, 4, 15, 16, 17, 21, 37] {
                let (mut force, mut energy) = (vec![0.0; replicas * n], vec![0.0; replicas]);
                system.energy_force_many(&x[..replicas * n], &mut force, &mut energy).unwrap();
                for (r, alone) in alone.iter().take(replicas).enumerate() {
                    assert_eq!(force[r * n..(r + 1) * n], alone.0, "p = {p}, n = {n}: replica {r} of {replicas}");
                    assert_eq!(energy[r], alone.1);
                }
            }
        }
    }
}

/// A pass through another route than the force's: [F(x + hv) - F(x - hv)]/2h in f64 by plain sums, to the rounding of the f32
/// kernel (forces of size 1 are off by less than 1e-5, see above, and enter twice).
#[test]
fn hessian_is_the_derivative_of_the_force() {
    for (p, n) in [(2, 60), (3, 45)] {
        for system in variants(p, n) {
            let mut x = vec![0.0; 4 * n];
            let flat = SphericalPSpin::stored(p, n, Store::Regenerated, Streams::new(5), 1).unwrap();
            x.chunks_mut(n).enumerate().for_each(|(r, x)| flat.initial(Streams::new(5), r as u64, x).unwrap());
            let (x, v) = x.split_at(n);
            let mut out = vec![0.0; 3 * n];
            let hessian = system.hessian().unwrap();
            hessian.hessian_vec_many(x, v, &mut out).unwrap();
            for (v, out) in v.chunks(n).zip(out.chunks(n)) {
                let mut one = vec![0.0; n];
                hessian.hessian_vec(x, v, &mut one).unwrap();
                assert_eq!(one, out);
                let at = |h: f64| -> Vec<f64> {
                    let moved: Vec<f64> = x.iter().zip(v).map(|(x, v)| x + h * v).collect();
                    if system.planted.is_none() && system.bytes_per_pass() > 0 {
                        return plain(&system, &moved).1;
                    }
                    let mut force = vec![0.0; n];
                    system.energy_force(&moved, &mut force).unwrap();
                    force
                };
                // Exact for any h, since the force is at most quadratic.
                let (plus, minus) = (at(0.5), at(-0.5));
                for i in 0..n {
                    assert!((out[i] - (minus[i] - plus[i])).abs() < 3e-5, "p = {p}: {} {}", out[i], minus[i] - plus[i]);
                }
            }
            let mut zero = vec![1.0; n];
            hessian.hessian_vec(x, &vec![0.0; n], &mut zero).unwrap();
            assert!(zero.iter().all(|z| *z == 0.0));
        }
    }
}

/// Planted at T': E(s*)/N = -1/(2T') on average, with variance f(1)/N = 1/(2N) from the couplings; S samples, 4 standard errors,
/// and p(p-1)/2N of the leading one for the missing diagonal. All replicas start there.
#[test]
fn planted_starts_are_in_equilibrium() {
    for (p, n, temperature) in [(2, 100, 1.2), (3, 60, 0.6)] {
        let samples = 100;
        let mean = (0..samples)
            .map(|sample| {
                let streams = Streams::new(3);
                let system = SphericalPSpin::new(p, n, streams, sample).unwrap();
                let system = system.planted_at(temperature, streams, sample).unwrap();
                let (mut x, mut y) = (vec![0.0; n], vec![0.0; n]);
                system.initial(streams, 2 * sample, &mut x).unwrap();
                system.initial(streams, 2 * sample + 1, &mut y).unwrap();
                assert_eq!(x, y);
                system.energy(&x).unwrap() / n as f64
            })
            .sum::<f64>()
            / samples as f64;
        let (exact, error) = (-0.5 / temperature, (0.5 / (n as f64 * samples as f64)).sqrt());
        let missing = exact.abs() * (p * (p - 1) / 2) as f64 / n as f64 * 3.0;
        assert!((mean - exact).abs() < 4.0 * error + missing, "p = {p}: {mean} {exact}");
    }
}

#[test]
fn what_cannot_be_made_is_refused_with_the_numbers() {
    match SphericalPSpin::new(3, 50_000, Streams::new(0), 0) {
        Err(Fault::Memory { needed, available, lower, .. }) => {
            assert!(needed > available);
            assert!(lower.contains("regenerated"));
        }
        _ => panic!("n = 50000 must be refused"),
    }
    assert_eq!(SphericalPSpin::stored(3, 50_000, Store::Auto, Streams::new(0), 0).unwrap().memory(), 0);
    for store in [Store::Auto, Store::Dense, Store::Regenerated] {
        assert!(matches!(SphericalPSpin::stored(3, 1 << 20, store, Streams::new(0), 0), Err(Fault::Input(_))));
    }
    assert!(matches!(
        SphericalPSpin::stored(3, 1 << 20, Store::Diluted, Streams::new(0), 0),
        Err(Fault::Memory { lower: "n", .. })
    ));
    let small = |p, store| SphericalPSpin::stored(p, 10, store, Streams::new(0), 0);
    assert!(matches!(small(4, Store::Dense), Err(Fault::Input(_))));
    assert!(matches!(small(2, Store::Diluted), Err(Fault::Input(_))));
    for temperature in [0.5, 0.0, f64::NAN, f64::INFINITY] {
        assert!(small(3, Store::Dense).unwrap().planted_at(temperature, Streams::new(0), 0).is_err(), "{temperature}");
    }
    assert!(small(3, Store::Diluted).unwrap().planted_at(0.6, Streams::new(0), 0).is_err());
}

/// Scalar, AVX2 and AVX-512 (where there are such) round alike.
#[test]
#[cfg(target_arch = "x86_64")]
fn instruction_sets_give_the_same_bits() {
    for (p, n) in [(2, 77), (3, 61)] {
        let system = SphericalPSpin::new(p, n, Streams::new(5), 0).unwrap();
        // Sixteen in company and one alone.
        let mut x = vec![0.0; 17 * n];
        x.chunks_mut(n).enumerate().for_each(|(r, x)| system.initial(Streams::new(5), r as u64, x).unwrap());
        let run = |instructions| {
            let mut force = vec![0.0; 17 * n];
            let total = all(&system).contract_with(instructions, &x, &mut force);
            (total, force)
        };
        let scalar = run(pulp::Arch::Scalar);
        assert_eq!(scalar, run(pulp::Arch::new()), "p = {p}");
        if let Some(avx2) = pulp::x86::V3::try_new() {
            assert_eq!(scalar, run(pulp::Arch::V3(avx2)), "p = {p}, AVX2");
        }
    }
}
