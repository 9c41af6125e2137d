//! F = -dE/dx by finite differences for every network, and what Systems of networks promise.

use glasslab_core::parameter::Build;
use glasslab_core::*;
use glasslab_nets::layers::Initial;
use glasslab_nets::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

fn training(samples: usize) -> Training {
    let data = DataSet::open("digits", Path::new(".")).unwrap();
    Training::new(data, TrainingChoice { samples, random_labels: true, realisation: 2 }, Streams::new(1)).unwrap()
}

/// Difference between force and -dE/dx along a random direction d: central differences with step h have error
/// h^2 E'''/6 + eps E/h, below 1e-8 for these networks at all three steps, unless a ReLU turns within h. Where one does,
/// it does so for the longer steps first, so the least of the three counts; a wrong force is wrong at all of them.
fn worst(system: &dyn System, force_of: impl Fn(&[f64], &mut [f64]) -> f64, seed: u64) -> f64 {
    let n = system.dof();
    let (mut x, mut d, mut force) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    system.initial(Streams::new(seed), 0, &mut x).unwrap();
    system.initial(Streams::new(seed), 1, &mut d).unwrap();
    // With biases of exactly 0, units above a layer of dead ones sit on their kink.
    x.iter_mut().filter(|x| **x == 0.0).for_each(|x| *x = 0.05);
    d.iter_mut().filter(|d| **d == 0.0).for_each(|d| *d = 0.3);
    force_of(&x, &mut force);
    let shifted = |s: f64| -> Vec<f64> { x.iter().zip(&d).map(|(x, d)| x + s * d).collect() };
    let off = |h: f64| {
        let slope = (system.energy(&shifted(h)).unwrap() - system.energy(&shifted(-h)).unwrap()) / (2.0 * h);
        (slope + sum::dot(&force, &d)).abs()
    };
    [1e-5, 1e-6, 1e-7].map(off).into_iter().fold(f64::INFINITY, f64::min)
}

fn systems() -> Vec<Trained> {
    let mut all = vec![
        toy(6, training(20)).unwrap(),
        fully_connected(&[7, 5], training(20)).unwrap(),
        fully_connected(&[], training(20)).unwrap(),
    ];
    all.extend(shapes().iter().map(|shape| mlp(shape, training(20)).unwrap()));
    all
}

/// Every activation, loss, parametrisation, law and number of outputs at least once.
fn shapes() -> Vec<Mlp> {
    let base = Mlp { widths: vec![6, 5], ..Mlp::default() };
    let soft = Loss::SoftHinge { margin: 1.0, beta: 3.0 };
    let standard = Mlp {
        widths: vec![6, 5, 4],
        hidden: Hidden::Relu,
        parametrisation: Parametrisation::Standard,
        initial: Initial::Orthogonal,
        bias: 1.0,
        loss: Loss::QuadraticHinge { margin: 1.0 },
        binary: true,
    };
    vec![
        Mlp { loss: soft, ..base.clone() },
        Mlp { hidden: Hidden::Softplus(5.0), bias: 0.1, ..base.clone() },
        Mlp { hidden: Hidden::Tanh(2.0), loss: Loss::MeanSquare, bias: 0.3, ..base.clone() },
        Mlp { hidden: Hidden::Tanh(1.0), loss: Loss::LogLikelihood, ..base.clone() },
        Mlp { loss: Loss::LogLikelihood, binary: false, ..base.clone() },
        Mlp { loss: Loss::QuadraticHinge { margin: 1.0 }, binary: false, ..base.clone() },
        Mlp { widths: vec![], loss: soft, ..base.clone() },
        Mlp { loss: Loss::Hinge { margin: 1.0 }, ..base },
        standard,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]
    #[test]
    fn forces_are_minus_the_slope(seed in 0..10_000_u64) {
        for system in systems() {
            let off = worst(&system, |x, f| system.energy_force(x, f).unwrap(), seed);
            prop_assert!(off < 2e-7, "{} {off:e}", system.name());
        }
    }
}

/// The check above rejects a force that is wrong by one part in a thousand, and one with a bias left out.
#[test]
fn broken_forces_are_found() {
    for system in systems() {
        let scaled = |x: &[f64], f: &mut [f64]| {
            let e = system.energy_force(x, f).unwrap();
            f.iter_mut().for_each(|f| *f *= 1.001);
            e
        };
        let no_bias = |x: &[f64], f: &mut [f64]| {
            let e = system.energy_force(x, f).unwrap();
            f[system.layout().last().unwrap().range.clone()].fill(0.0);
            e
        };
        let most =
            |broken: &dyn Fn(&[f64], &mut [f64]) -> f64| (0..5).map(|s| worst(&system, broken, s)).fold(0.0, f64::max);
        assert!(most(&scaled) > 2e-7 && most(&no_bias) > 2e-7, "{}", system.name());
    }
}

/// H v against differences of the force, for every network, loss and activation, at several points.
#[test]
fn hessians_are_slopes_of_forces() {
    for system in systems() {
        let mut x = vec![0.0; system.dof()];
        for replica in 0..3 {
            system.initial(Streams::new(8), replica, &mut x).unwrap();
            let hessian = system.hessian().unwrap();
            x.iter_mut().filter(|x| **x == 0.0).for_each(|x| *x = 0.05);
            if system.network.loss == (Loss::Hinge { margin: 1.0 }) {
                x.iter_mut().for_each(|x| *x *= 1.5);
            }
            glasslab_testkit::hessian_is_slope_of_force(&system, hessian, &x, 1e-14).unwrap();
        }
    }
}

/// The same check rejects the Gauss-Newton matrix in the Hessian's place, wherever the network is not linear.
#[test]
fn broken_hessians_are_found() {
    struct GaussNewton<'a>(&'a Trained);
    impl HessianVec for GaussNewton<'_> {
        fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
            self.0.gauss_newton_vec(x, v, out)
        }
    }
    for system in systems() {
        let mut x = vec![0.0; system.dof()];
        system.initial(Streams::new(8), 0, &mut x).unwrap();
        let linear = system.layout().iter().filter(|b| b.name.ends_with("weight")).count() == 1;
        let verdict = glasslab_testkit::hessian_is_slope_of_force(&system, &GaussNewton(&system), &x, 1e-14);
        assert_eq!(verdict.is_ok(), linear, "{} {verdict:?}", system.name());
    }
}

#[test]
fn batches_average_to_the_whole() {
    for system in systems() {
        let n = system.dof();
        let mut x = vec![0.0; n];
        system.initial(Streams::new(3), 0, &mut x).unwrap();
        let (mut whole, mut part, mut mean) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        let energy = system.energy_force(&x, &mut whole).unwrap();
        let mut sum = 0.0;
        for batch in [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [10, 11, 12, 13, 14, 15, 16, 17, 18, 19]] {
            sum += 0.5 * system.batch_energy_force(&x, &batch, &mut part).unwrap();
            mean.iter_mut().zip(&part).for_each(|(m, p)| *m += 0.5 * p);
        }
        assert!((sum - energy).abs() < 1e-14 * energy);
        assert!(mean.iter().zip(&whole).all(|(a, b)| (a - b).abs() < 1e-14));
        assert!(system.batch_energy_force(&x, &[20], &mut part).is_err());
        assert!(system.batch_energy_force(&x, &[], &mut part).is_err());
        assert!(system.energy_force(&x[1..], &mut part).is_err());
    }
}

#[test]
fn evaluation_survives_nan_and_counts_it_as_wrong() {
    let system = toy(5, training(30)).unwrap();
    for value in [f64::NAN, f64::INFINITY] {
        let x = vec![value; system.dof()];
        let found = Evaluate::evaluate(&system, Slice::F64(&x), Split::Test).unwrap().unwrap();
        assert!(found.error == 1.0 && found.samples == 360 && !found.loss.is_finite());
    }
}

/// Uniform on +-1/sqrt(fan_in): the mean square of n draws is bound^2/3 within 4 standard errors bound^2 sqrt(4/45/n).
#[test]
fn initial_weights_have_the_stated_law() {
    let system = fully_connected(&[400, 100], training(10)).unwrap();
    let mut x = vec![0.0; system.dof()];
    system.initial(Streams::new(9), 4, &mut x).unwrap();
    for block in system.layout() {
        let fan_in = if block.shape.len() == 2 { block.shape[1] } else { continue };
        let (square, n) = (1.0 / fan_in as f64, block.range.len() as f64);
        let w = &x[block.range.clone()];
        assert!(w.iter().all(|w| w * w <= square));
        let mean = w.iter().map(|w| w * w).sum::<f64>() / n;
        assert!((mean - square / 3.0).abs() < 4.0 * square * (4.0 / 45.0 / n).sqrt(), "{}", block.name);
    }
    let names: Vec<String> = system.layout().into_iter().map(|b| b.name).collect();
    assert_eq!(names[..3], ["layer1.weight", "layer1.bias", "layer2.weight"]);
    assert_eq!(system.layout().last().unwrap().range.end, system.dof());
}

#[test]
fn every_entry_builds_with_its_defaults_and_complains_about_nonsense() {
    let folder = Path::new(".").to_owned();
    let build = Build { streams: Streams::new(0), sample: 0, folder, precision: Precision::F32 };
    for entry in entries() {
        let made = |given: &[(&str, Value)]| -> Result<Arc<dyn System>, String> {
            let given: BTreeMap<String, Value> = given.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
            let parameters = Parameters::check(&(entry.parameters)(), &given).map_err(|c| format!("{c:?}"))?;
            (entry.build)(&parameters, &build).map_err(|f| f.to_string())
        };
        let on_mnist = ["small-net", "resnet18", "cnn"].contains(&entry.name);
        let system = made(&[]).unwrap();
        assert_eq!((system.name(), system.extensive()), (entry.name, false));
        assert!((entry.method)().complaints().is_empty());
        // Constraints on real-valued inputs, with data of their own: `tests/jamming.rs`.
        if entry.name == "jamming-mlp" {
            assert!(system.contacts().is_some() && system.subsample().is_some() && system.evaluate().is_some());
            continue;
        }
        assert!(system.subsample().is_some() && system.evaluate().is_some() && system.gradient_noise().is_some());
        assert_eq!(made(&[("train", Value::Integer(100))]).unwrap().subsample().unwrap().samples(), 100);
        for (name, value, word) in [
            ("train", Value::Integer(20_000), if on_mnist { "10000" } else { "1437" }),
            ("data", Value::Text("digit".into()), "`digits`"),
            ("data", Value::Text("no/such/folder".into()), "no/such/folder"),
            ("data", Value::Integer(3), "give a text"),
            ("random_labels", Value::Integer(3), "true or false"),
        ] {
            let Err(message) = made(&[(name, value.clone())]) else { panic!("{name} = {value}") };
            assert!(message.contains(word) && message.contains(name), "{message}");
        }
    }
    let wide = fully_connected(&[1 << 24, 1 << 24], training(10));
    assert!(matches!(wide, Err(Fault::Input(_))), "absurd widths are refused before allocation");
}
