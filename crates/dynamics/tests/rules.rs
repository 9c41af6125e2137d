//! What one step is, where a run is in time, what stops it, and what is refused.

use glasslab_core::{
    BatchOrder, Complaint, Course, Fault, Job, Method, Precision, Stepper, Stop, Streams, Subsample, System,
};
use glasslab_testkit::forces::same_bits;
use glasslab_testkit::toys::{Axes, LeastSquares, Quartic};
use std::sync::Arc;

fn job(method: Method, replicas: std::ops::Range<u64>) -> Job {
    Job { method, streams: Streams::new(3), replicas, precision: Precision::F64 }
}

fn stepper(system: Arc<dyn System>, method: Method) -> Box<dyn Stepper> {
    glasslab_dynamics::stepper(system, &job(method, 0..3)).expect("a stepper")
}

/// v <- m v + g, x <- x - rate v, v = 0 at the start, with the batches of `BatchOrder`: the first epoch and a half by hand,
/// in the same arithmetic, hence the same bits.
#[test]
fn sgd_is_the_torch_convention() {
    let (n, samples, batch, m) = (4, 10, 4, 0.5);
    let system = Arc::new(LeastSquares::new(n, samples));
    let rate = Course::Ramp { from: 0.2, to: 0.1, until: 3.0 };
    let mut run = stepper(system.clone(), Method::Sgd { rate, momentum: m, batch });
    run.advance(5).unwrap();
    let mut order = BatchOrder::new(Streams::new(3), 1, samples, batch);
    let (mut x, mut v, mut force) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    system.initial(Streams::new(3), 1, &mut x).unwrap();
    for step in 0..5 {
        system.batch_energy_force(&x, order.batch(step), &mut force).unwrap();
        for i in 0..n {
            v[i] = m * v[i] - force[i];
            x[i] -= rate.at(step as f64) * v[i];
        }
    }
    assert!(same_bits(&x, &run.positions(1).to_f64()));
    let clock = run.clock();
    assert_eq!((clock.step, clock.epochs), (5, Some(5.0 / 3.0)));
    assert!((clock.time - (0.2 + 0.5 / 3.0 + 0.4 / 3.0 + 0.2)).abs() < 1e-15);
    let work = run.work();
    assert_eq!((work.steps, work.forces, work.samples), (15, 15, 3 * (4 + 4 + 2 + 4 + 4)));
}

/// m <- b m + (1 - b) g, s <- c s + (1 - c) g^2, x <- x - rate/(1 - b^k) m/(sqrt(s)/sqrt(1 - c^k) + epsilon), with the batches of
/// `BatchOrder`: the first epoch and a half by hand, to rounding. Without samples a batch is refused.
#[test]
fn adam_is_the_torch_convention() {
    let (n, samples, batch) = (4, 10, 4);
    let system = Arc::new(LeastSquares::new(n, samples));
    let rate = Course::Ramp { from: 0.2, to: 0.1, until: 3.0 };
    let method = |batch| Method::Adam { rate, betas: [0.8, 0.95], epsilon: 1e-3, batch };
    let mut run = stepper(system.clone(), method(batch));
    run.advance(5).unwrap();
    let mut order = BatchOrder::new(Streams::new(3), 1, samples, batch);
    let (mut x, mut m, mut s, mut force) = (vec![0.0; n], vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    system.initial(Streams::new(3), 1, &mut x).unwrap();
    for step in 0..5 {
        system.batch_energy_force(&x, order.batch(step), &mut force).unwrap();
        let k = step as i32 + 1;
        for i in 0..n {
            m[i] = 0.8 * m[i] + 0.2 * -force[i];
            s[i] = 0.95 * s[i] + 0.05 * force[i] * force[i];
            let (first, second) = (m[i] / (1.0 - 0.8_f64.powi(k)), s[i] / (1.0 - 0.95_f64.powi(k)));
            x[i] -= rate.at(step as f64) * first / (second.sqrt() + 1e-3);
        }
    }
    let found = run.positions(1).to_f64();
    assert!(x.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-13), "{x:?} {found:?}");
    assert_eq!((run.work().samples, run.clock().epochs), (3 * (4 + 4 + 2 + 4 + 4), Some(5.0 / 3.0)));
    let refuse = glasslab_dynamics::stepper(Arc::new(Quartic { n: 3, stiffness: 1.0 }), &job(method(2), 0..1));
    assert!(refuse.err().unwrap().to_string().contains("samples"));
}

#[test]
fn langevin_at_zero_temperature_is_descent() {
    let system = Arc::new(Axes { n: 9 });
    let mut cold = stepper(system.clone(), Method::Langevin { step_size: 0.1, temperature: 0.0.into() });
    let mut descent = stepper(system, Method::Descent { step_size: 0.1.into() });
    cold.advance(20).unwrap();
    descent.advance(20).unwrap();
    for r in 0..3 {
        assert!(same_bits(&cold.positions(r).to_f64(), &descent.positions(r).to_f64()));
    }
}

/// |x|^2 = N after every step, to rounding: N = 9, 4 eps N.
#[test]
fn the_sphere_is_never_left() {
    for method in [
        Method::Descent { step_size: 0.5.into() },
        Method::Langevin { step_size: 0.5, temperature: Course::Constant(2.0) },
    ] {
        let mut run = stepper(Arc::new(Axes { n: 9 }), method);
        for _ in 0..10 {
            run.advance(1).unwrap();
            let x = run.positions(0).to_f64();
            assert!((glasslab_core::sum::dot(&x, &x) - 9.0).abs() < 36.0 * f64::EPSILON);
        }
    }
}

/// From one and the same start, every replica and every step has noise of its own.
#[test]
fn noise_is_independent() {
    let mut run = stepper(Arc::new(Nothing), Method::Langevin { step_size: 0.5, temperature: 1.0.into() });
    let mut increments = Vec::new();
    for _ in 0..3 {
        let before: Vec<f64> = (0..3).flat_map(|r| run.positions(r).to_f64()).collect();
        run.advance(1).unwrap();
        let after = (0..3).flat_map(|r| run.positions(r).to_f64());
        increments.extend(after.zip(before).map(|(a, b)| a - b));
    }
    increments.sort_by(f64::total_cmp);
    assert!(increments.windows(2).all(|w| w[1] - w[0] > 1e-12), "two of {increments:?} are the same");
}

/// Replica 1 starts where a step overshoots for ever; the others must not notice.
struct OneFarOut(Quartic);

impl System for OneFarOut {
    fn name(&self) -> &str {
        "one-far-out"
    }

    fn dof(&self) -> usize {
        self.0.dof()
    }

    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        self.0.energy_force(x, force)
    }

    fn initial(&self, streams: Streams, replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        self.0.initial(streams, replica, x)?;
        if replica == 1 {
            x.iter_mut().for_each(|x| *x *= 1e3);
        }
        Ok(())
    }
}

#[test]
fn a_diverging_replica_stops_and_the_others_go_on() {
    let method = Method::Descent { step_size: 0.05.into() };
    let system = |n| Quartic { n, stiffness: 2.5 };
    let mut broken = stepper(Arc::new(OneFarOut(system(6))), method.clone());
    let mut whole = stepper(Arc::new(system(6)), method);
    broken.advance(3).unwrap();
    assert_eq!(broken.stop(1), None, "still finite");
    broken.advance(40).unwrap();
    whole.advance(43).unwrap();
    let Some(Stop::Diverged { step }) = broken.stop(1) else { panic!("replica 1 has diverged") };
    assert!((4..12).contains(&step), "{step}");
    for r in [0, 2] {
        assert_eq!(broken.stop(r), None);
        assert!(same_bits(&broken.positions(r).to_f64(), &whole.positions(r).to_f64()));
    }
    assert_eq!(broken.clock().step, 43);
    let mut again = stepper(Arc::new(OneFarOut(system(6))), Method::Descent { step_size: 0.05.into() });
    again.load(&broken.save()).unwrap();
    assert_eq!(again.stop(1), broken.stop(1));
    assert!(broken.work().steps < 3 * 43 && broken.work().steps > 2 * 43);
}

/// No energy at all.
struct Nothing;

impl System for Nothing {
    fn name(&self) -> &str {
        "nothing"
    }

    fn dof(&self) -> usize {
        2
    }

    fn energy_force(&self, _x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        force.fill(0.0);
        Ok(0.0)
    }

    fn initial(&self, _streams: Streams, _replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        x.fill(1.0);
        Ok(())
    }
}

#[test]
fn descent_without_force_has_converged() {
    let mut run = stepper(Arc::new(Nothing), Method::Descent { step_size: 0.1.into() });
    run.advance(5).unwrap();
    assert_eq!(run.stop(2), Some(Stop::Converged { step: 0 }));
    assert_eq!((run.clock().step, run.clock().time), (5, 0.5));
}

#[test]
fn what_cannot_be_done_is_refused_with_its_name() {
    let refuse = |system: Arc<dyn System>, method: Method| {
        glasslab_dynamics::stepper(system, &job(method, 0..3)).err().expect("a refusal")
    };
    let quartic = || Arc::new(Quartic { n: 2, stiffness: 1.0 });
    let sgd = |batch| Method::Sgd { rate: 0.1.into(), momentum: 0.0, batch };
    let fault = refuse(quartic(), sgd(1));
    assert!(matches!(fault, Fault::Unsupported { method: "sgd", .. }), "{fault}");
    let fault = refuse(quartic(), Method::Hop { step_size: 1.0, temperature: 1.0 });
    assert!(matches!(fault, Fault::Unsupported { method: "hop", .. }), "{fault}");
    let named = |fault: Fault| match fault {
        Fault::Input(complaints) => complaints.into_iter().map(|c: Complaint| c.field).collect::<Vec<_>>(),
        other => panic!("{other}"),
    };
    assert_eq!(named(refuse(Arc::new(LeastSquares::new(2, 5)), sgd(6))), ["batch"]);
    let wild = Method::Langevin { step_size: -1.0, temperature: Course::Constant(f64::NAN) };
    assert_eq!(named(refuse(quartic(), wild)), ["step_size", "temperature"]);
    let none = job(Method::Descent { step_size: 0.1.into() }, 4..4);
    assert_eq!(named(glasslab_dynamics::stepper(quartic(), &none).err().unwrap()), ["replicas"]);
    let state = stepper(quartic(), Method::Descent { step_size: 0.1.into() }).save();
    let mut other = stepper(Arc::new(Quartic { n: 3, stiffness: 1.0 }), Method::Descent { step_size: 0.1.into() });
    assert!(matches!(other.load(&state), Err(Fault::State { name }) if name == "positions"));
}
