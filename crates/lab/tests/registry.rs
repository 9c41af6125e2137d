//! A walk through the registry: every System keeps the contracts.

use glasslab_core::parameter::Build;
use glasslab_core::{Parameters, Precision, Slice, Split, Streams, System, Value};
use glasslab_lab::registry;
use glasslab_testkit::{force_is_minus_gradient, many_is_one_by_one};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Small sizes, so that finite differences over every coordinate stay cheap.
fn small(name: &str) -> Vec<BTreeMap<String, Value>> {
    let set = |pairs: &[(&str, Value)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
    match name {
        "toy" => vec![set(&[("hidden", Value::Integer(3)), ("train", Value::Integer(40))])],
        "fully-connected" => vec![set(&[("widths", Value::Integers(vec![4, 3])), ("train", Value::Integer(40))])],
        "small-net" => vec![set(&[("width", Value::Number(0.2)), ("train", Value::Integer(20))])],
        "mlp" => vec![set(&[("hidden", Value::Integer(4)), ("train", Value::Integer(40))])],
        "resnet18" => vec![set(&[("width", Value::Integer(1)), ("train", Value::Integer(20))])],
        "cnn" => vec![set(&[("channels", Value::Integer(2)), ("train", Value::Integer(20))])],
        // So wide that no sample finds a whole layer off: with biases of zero the next layer would stand on its kink.
        "jamming-mlp" => vec![set(&[
            ("hidden", Value::Integer(20)),
            ("components", Value::Integer(5)),
            ("train", Value::Integer(40)),
            ("test", Value::Integer(0)),
        ])],
        "p-spin" => [2, 3].iter().map(|p| set(&[("p", Value::Integer(*p)), ("n", Value::Integer(20))])).collect(),
        "kob-andersen" => vec![set(&[("n", Value::Integer(150)), ("start_time", Value::Number(0.1))])],
        "dumbbells" => vec![set(&[("n", Value::Integer(130)), ("start_time", Value::Number(0.1))])],
        "soft-spheres" => {
            [2, 3].iter().map(|d| set(&[("n", Value::Integer(60)), ("dimension", Value::Integer(*d))])).collect()
        }
        _ => vec![set(&[("n", Value::Integer(20))])],
    }
}

fn every_system() -> Vec<(String, Arc<dyn System>)> {
    let mut all = Vec::new();
    for entry in registry::entries() {
        for given in small(entry.name) {
            let parameters = Parameters::check(&(entry.parameters)(), &given).unwrap();
            let build =
                Build { streams: Streams::new(11), sample: 0, folder: Default::default(), precision: Precision::F64 };
            let system = (entry.build)(&parameters, &build).unwrap();
            assert_eq!(system.name(), entry.name, "a System is called as in the registry");
            all.push((format!("{} {given:?}", entry.name), system));
        }
    }
    all
}

fn start(system: &dyn System, replica: u64) -> Vec<f64> {
    let mut x = vec![0.0; system.dof()];
    system.initial(Streams::new(11), replica, &mut x).unwrap();
    x
}

#[test]
fn names_and_citations_are_there_and_unique() {
    let entries = registry::entries();
    for (i, entry) in entries.iter().enumerate() {
        assert!(entries[..i].iter().all(|e| e.name != entry.name), "{} is there twice", entry.name);
        assert!(!entry.citations.is_empty(), "{} names no source", entry.name);
        assert!((entry.method)().complaints().is_empty() && entry.steps > 0);
    }
}

/// Largest difference of -F.u from the slope of E along random directions u, by central differences with h = 1e-6, relative
/// to |E| + |F|. Rounding is 1e-10. Maxima over windows and ReLUs put some 10^4 kinks at distances of order 1 in the way: with
/// probability 10^-2 one lies within h, and it changes the slope of the mean over samples by far less than 1e-6.
fn slope_error(system: &dyn System, force_of: impl Fn(&[f64], &mut [f64]) -> f64) -> f64 {
    let (x, h) = (start(system, 3), 1e-6);
    let mut force = vec![0.0; x.len()];
    let energy = force_of(&x, &mut force);
    let norm = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
    let one = |replica| {
        let u = start(system, replica);
        let length = norm(&u);
        let at = |s: f64| {
            let moved: Vec<f64> = x.iter().zip(&u).map(|(x, u)| x + s * u / length).collect();
            system.energy(&moved).unwrap()
        };
        let along: f64 = force.iter().zip(&u).map(|(f, u)| f * u / length).sum();
        ((at(h) - at(-h)) / (2.0 * h) + along).abs()
    };
    (10..16).map(one).fold(0.0, f64::max) / (energy.abs() + norm(&force))
}

/// Networks that pool maxima have a kink within any step that would resolve a smooth function best: small steps for them.
/// The check rejects a force that is wrong by one part in a thousand, and one without the first layer's biases.
#[test]
fn forces_of_networks_with_many_kinks_are_minus_gradients() {
    for (name, system) in every_system().into_iter().filter(|(n, _)| n.starts_with("small-net")) {
        let broken = |spoil: &dyn Fn(&mut [f64])| {
            slope_error(&*system, |x, force| {
                let energy = system.energy_force(x, force).unwrap();
                spoil(force);
                energy
            })
        };
        assert!(broken(&|_| ()) < 1e-6, "{name}");
        let biases = system.layout()[1].range.clone();
        assert!(broken(&|f| f.iter_mut().for_each(|f| *f *= 1.001)) > 1e-6, "{name}");
        assert!(broken(&|f| f[biases.clone()].fill(0.0)) > 1e-6, "{name}");
    }
}

/// F = -dE/dx by central differences. The trap model is left out: its energy is piecewise constant, by definition; networks
/// that pool maxima have a test of their own, and so have potentials whose force jumps or bends where a pair comes within reach
/// (`tests/particles.rs` of `glasses`).
#[test]
fn forces_are_minus_gradients() {
    let left_out = |name: &str| {
        ["trap", "small-net", "kob-andersen", "dumbbells", "soft-spheres"].iter().any(|system| name.starts_with(system))
    };
    for (name, system) in every_system().into_iter().filter(|(n, _)| !left_out(n)) {
        // Products of the p-spin are f32.
        let rounding = if name.starts_with("p-spin") { 1e-7 } else { 1e-15 };
        let x = start(&*system, 3);
        force_is_minus_gradient(&*system, &x, rounding).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

#[test]
fn many_replicas_give_the_bits_of_one() {
    for (name, system) in every_system() {
        let x: Vec<f64> = (0..5).flat_map(|r| start(&*system, r)).collect();
        many_is_one_by_one(&*system, &x).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

#[test]
fn blocks_tile_the_degrees_of_freedom_and_starts_are_reproducible() {
    for (name, system) in every_system() {
        let mut next = 0;
        for block in system.layout() {
            assert_eq!(block.range.start, next, "{name}: {}", block.name);
            assert_eq!(block.shape.iter().product::<usize>(), block.range.len(), "{name}: {}", block.name);
            next = block.range.end;
        }
        assert_eq!(next, system.dof(), "{name}");
        assert_eq!(start(&*system, 2), start(&*system, 2), "{name}");
        if name.starts_with("brownian") {
            continue;
        }
        assert_ne!(start(&*system, 2), start(&*system, 3), "{name}: replicas start alike");
    }
}

/// Abilities agree with the energy: the loss on the training set, the batch of all samples, the moments of the noise.
#[test]
fn abilities_agree_with_the_energy() {
    let mut seen = 0;
    for (name, system) in every_system() {
        let x = start(&*system, 1);
        let mut force = vec![0.0; system.dof()];
        let energy = system.energy_force(&x, &mut force).unwrap();
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-12 * b.abs().max(1e-12);
        if let Some(evaluate) = system.evaluate() {
            let train = evaluate.evaluate(Slice::F64(&x), Split::Train).unwrap().unwrap();
            assert!(close(train.loss, energy), "{name}: {} against {energy}", train.loss);
            seen += 1;
        }
        if let Some(subsample) = system.subsample() {
            let all: Vec<u32> = (0..subsample.samples() as u32).collect();
            let mut batch = vec![0.0; system.dof()];
            let loss = subsample.batch_energy_force(&x, &all, &mut batch).unwrap();
            assert!(close(loss, energy), "{name}");
            let squared: f64 = force.iter().map(|f| f * f).sum();
            if let Some(noise) = system.gradient_noise() {
                let moments = noise.noise_moments(Slice::F64(&x)).unwrap();
                // Normalisations held fixed at the statistics of the training set: another gradient.
                assert!(close(moments.mean_squared, squared) || !system.buffers().is_empty(), "{name}");
                assert!(moments.sample_trace > 0.0 && moments.batch_trace(subsample.samples()) == 0.0, "{name}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 13, "the networks have these abilities");
}
