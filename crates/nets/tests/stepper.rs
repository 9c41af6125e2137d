//! Native Steppers against the plain loop over mini-batches, and the contracts of every Stepper.

use glasslab_core::*;
use glasslab_nets::*;
use std::path::Path;
use std::sync::Arc;

fn training(data: &str, samples: usize) -> Training {
    let data = DataSet::open(data, Path::new(".")).unwrap();
    let choice = TrainingChoice { samples, random_labels: false, realisation: 0 };
    Training::new(data, choice, Streams::new(1)).unwrap()
}

fn systems() -> Vec<(Arc<Trained>, usize)> {
    vec![
        (Arc::new(toy(30, training("digits", 333)).unwrap()), 100),
        (Arc::new(toy(7, training("digits", 100)).unwrap()), 1),
        (Arc::new(fully_connected(&[23, 100, 5], training("digits", 300)).unwrap()), 128),
        (Arc::new(fully_connected(&[], training("digits", 50)).unwrap()), 50),
        (Arc::new(fully_connected(&[17, 101], training("mnist", 200)).unwrap()), 70),
        // More weights than whose gradients are kept lane by lane on a full batch.
        (Arc::new(fully_connected(&[280, 180], training("digits", 140)).unwrap()), 70),
        (perceptron(Hidden::Silu(10.0), 0.0, Loss::SoftHinge { margin: 1.0, beta: 20.0 }, true), 60),
        (perceptron(Hidden::Softplus(5.0), 0.4, Loss::QuadraticHinge { margin: 1.0 }, true), 100),
        (perceptron(Hidden::Tanh(2.0), 0.3, Loss::MeanSquare, true), 33),
        (perceptron(Hidden::Relu, 0.0, Loss::Hinge { margin: 1.0 }, true), 64),
        (perceptron(Hidden::Relu, 1.0, Loss::SoftHinge { margin: 0.5, beta: 2.0 }, false), 64),
        (perceptron(Hidden::Silu(1.0), 0.0, Loss::LogLikelihood, false), 100),
        (perceptron(Hidden::Tanh(1.0), 0.0, Loss::LogLikelihood, true), 100),
    ]
}

/// NTK parametrisation: the factors of every layer differ from 1.
fn perceptron(hidden: Hidden, bias: f64, loss: Loss, binary: bool) -> Arc<Trained> {
    let shape = Mlp { widths: vec![30, 11], hidden, bias, loss, binary, ..Mlp::default() };
    Arc::new(mlp(&shape, training("digits", 100)).unwrap())
}

fn sgd(batch: usize, momentum: f64) -> Method {
    let rate = Course::Staircase { initial: 0.1, factor: 0.5, every: 3.0 };
    Method::Sgd { rate, momentum, batch }
}

fn job(method: Method, replicas: std::ops::Range<u64>, precision: Precision) -> Job {
    Job { method, streams: Streams::new(5), replicas, precision }
}

fn stepper(system: &Arc<Trained>, job: &Job) -> Box<dyn Stepper> {
    system.clone().native(job).unwrap().expect("dense networks have native Steppers")
}

/// SGD as its definition says, over `Subsample`; the reference.
fn plain(system: &Trained, method: &Method, replica: u64, steps: u64) -> Vec<f64> {
    let n = system.dof();
    let (mut x, mut v, mut force) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    system.initial(Streams::new(5), replica, &mut x).unwrap();
    let sub = system.subsample().unwrap();
    let (rate, momentum, batch) = match *method {
        Method::Sgd { rate, momentum, batch } => (rate, momentum, batch),
        Method::Descent { step_size } => (step_size, 0.0, sub.samples()),
        _ => unreachable!(),
    };
    let mut order = BatchOrder::new(Streams::new(5), replica, sub.samples(), batch);
    for step in 0..steps {
        sub.batch_energy_force(&x, order.batch(step), &mut force).unwrap();
        for ((x, v), f) in x.iter_mut().zip(&mut v).zip(&force) {
            *v = momentum * *v - f;
            *x -= rate.at(step as f64) * *v;
        }
    }
    x
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    let d: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
    d.sqrt() / b.iter().map(|b| b * b).sum::<f64>().sqrt()
}

/// f64: 1e-12 relative per step; f32: 100 eps relative after 8 steps (rounding of sums of at most 784 terms).
#[test]
fn native_equals_the_plain_loop() {
    for (system, batch) in systems() {
        for method in [sgd(batch, 0.5), sgd(batch, 0.0), Method::Descent { step_size: 0.2.into() }] {
            let reference = plain(&system, &method, 3, 8);
            for (precision, bound) in [(Precision::F64, 8e-12), (Precision::F32, 100.0 * f64::from(f32::EPSILON))] {
                let mut native = stepper(&system, &job(method.clone(), 3..4, precision));
                native.advance(8).unwrap();
                let off = distance(&native.positions(0).to_f64(), &reference);
                assert!(off <= bound, "{} {method:?} {precision:?}: {off:e}", system.name());
            }
        }
    }
}

fn bits(x: Slice<'_>) -> Vec<u64> {
    x.to_f64().iter().map(|v| v.to_bits()).collect()
}

#[test]
fn bytes_do_not_depend_on_grouping_threads_or_interruption() {
    let mut all = systems();
    // Large enough for several threads inside a step.
    all.push((Arc::new(toy(500, training("mnist", 300)).unwrap()), 150));
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let (one, three) = (pool(1), pool(3));
    for (system, batch) in all {
        for precision in [Precision::F32, Precision::F64] {
            let whole = job(sgd(batch, 0.5), 0..3, precision);
            let mut together = stepper(&system, &whole);
            one.install(|| together.advance(7)).unwrap();
            let mut resumed = stepper(&system, &whole);
            three.install(|| resumed.advance(2)).unwrap();
            let state = resumed.save();
            let mut resumed = stepper(&system, &whole);
            resumed.load(&state).unwrap();
            three.install(|| (0..5).try_for_each(|_| resumed.advance(1))).unwrap();
            assert_eq!(resumed.save(), together.save());
            for r in 0..3 {
                let mut alone = stepper(&system, &job(sgd(batch, 0.5), r..r + 1, precision));
                three.install(|| alone.advance(7)).unwrap();
                assert_eq!(bits(alone.positions(0)), bits(together.positions(r as usize)));
            }
            assert_eq!(together.clock().step, 7);
            assert!((together.clock().time - 0.1 * (3.0 + 1.5 + 0.25)).abs() < 1e-14);
        }
    }
}

#[test]
fn states_of_another_plan_are_refused() {
    let system = systems().remove(0).0;
    let state = stepper(&system, &job(sgd(10, 0.5), 0..2, Precision::F32)).save();
    for other in [
        job(sgd(10, 0.5), 0..3, Precision::F32),
        job(sgd(10, 0.5), 0..2, Precision::F64),
        job(sgd(10, 0.0), 0..2, Precision::F32),
    ] {
        assert!(matches!(stepper(&system, &other).load(&state), Err(Fault::State { .. })));
    }
}

#[test]
fn a_replica_that_diverges_stops_and_the_others_go_on() {
    let (system, _) = systems().remove(2);
    let method = |rate: f64| Method::Sgd { rate: rate.into(), momentum: 0.0, batch: 10 };
    for precision in [Precision::F32, Precision::F64] {
        // A huge rate sends weights out of range within a few steps.
        let mut wild = stepper(&system, &job(method(1e30), 0..2, precision));
        wild.advance(40).unwrap();
        let Some(Stop::Diverged { step }) = wild.stop(0) else { panic!("it diverges") };
        assert!(step > 0 && step < 40);
        let held = bits(wild.positions(0));
        wild.advance(3).unwrap();
        assert_eq!(held, bits(wild.positions(0)), "it stays");
        assert_eq!(wild.clock().step, 43);
        // One replica made to fail by its weights; the other is untouched.
        let mut pair = stepper(&system, &job(method(0.1), 0..2, precision));
        let mut state = pair.save();
        match &mut state.arrays[0].1 {
            Array::F32(x) => x[0] = f32::NAN,
            Array::F64(x) => x[0] = f64::NAN,
            Array::U64(_) => unreachable!(),
        }
        pair.load(&state).unwrap();
        pair.advance(4).unwrap();
        assert_eq!((pair.stop(0), pair.stop(1)), (Some(Stop::Diverged { step: 0 }), None));
        let mut alone = stepper(&system, &job(method(0.1), 1..2, precision));
        alone.advance(4).unwrap();
        assert_eq!(bits(pair.positions(1)), bits(alone.positions(0)));
        assert_eq!(pair.work().steps, 5);
        assert_eq!(pair.work().samples, 50);
    }
}

#[test]
fn absurd_methods_are_refused() {
    let (system, _) = systems().remove(0);
    for method in [
        Method::Sgd { rate: (-1.0).into(), momentum: 0.5, batch: 10 },
        Method::Sgd { rate: f64::NAN.into(), momentum: 0.5, batch: 10 },
        Method::Sgd { rate: 0.1.into(), momentum: 1.0, batch: 10 },
        Method::Sgd { rate: 0.1.into(), momentum: 0.5, batch: 0 },
        Method::Sgd { rate: 0.1.into(), momentum: 0.5, batch: 334 },
    ] {
        assert!(matches!(system.clone().native(&job(method, 0..1, Precision::F32)), Err(Fault::Input(_))));
    }
}
