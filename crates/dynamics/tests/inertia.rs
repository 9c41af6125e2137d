//! Methods with inertia: order and conservation of Verlet, the laws that the thermostats sample, the centre of mass.

use glasslab_core::sum::{dot, mean_and_error};
use glasslab_core::{Course, Fault, Inertia, Job, Method, Precision, Stepper, Streams, System};
use glasslab_testkit::toys::{Axes, Quartic};
use std::sync::Arc;

fn run(system: Arc<dyn System>, method: Method, replicas: u64) -> Box<dyn Stepper> {
    let job = Job { method, streams: Streams::new(4), replicas: 0..replicas, precision: Precision::F64 };
    glasslab_dynamics::stepper(system, &job).expect("a stepper")
}

fn velocities(stepper: &dyn Stepper) -> Vec<f64> {
    let all = stepper.replicas() * stepper.dof();
    stepper.save().f64("velocities", all).unwrap().to_vec()
}

/// The distance of the end of a run of length 2 from that of a very fine one falls like h^2, and so does the error of the
/// energy E + K at the end: a factor 4 from h to h/2, up to O(h^2) of itself (h = 0.02: within 5 %).
#[test]
fn verlet_is_of_order_two_and_keeps_the_energy() {
    let system = Arc::new(Quartic { n: 8, stiffness: 3.0 });
    let end = |steps: u64| {
        let h = 2.0 / steps as f64;
        let mut stepper = run(system.clone(), Method::Verlet { step_size: h, temperature: 1.0 }, 1);
        let inertia = Inertia::of(&*system);
        let total =
            |s: &dyn Stepper| system.energy(&s.positions(0).to_f64()).unwrap() + inertia.kinetic_energy(&velocities(s));
        let before = total(&*stepper);
        stepper.advance(steps).unwrap();
        (stepper.positions(0).to_f64(), total(&*stepper) - before)
    };
    let (exact, none) = end(51_200);
    let ((a, da), (b, db)) = (end(100), end(200));
    let off = |x: &[f64]| x.iter().zip(&exact).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt();
    assert!((off(&a) / off(&b) - 4.0).abs() < 0.2, "{} {}", off(&a), off(&b));
    assert!((da / db - 4.0).abs() < 0.3 && none.abs() < 1e-6, "{da} {db} {none}");
}

/// Particles on springs to the origin, E = (k/2) sum x^2, of masses 1 and 4 in turn.
struct Springs {
    masses: Vec<f64>,
}

impl System for Springs {
    fn name(&self) -> &str {
        "springs"
    }

    fn dof(&self) -> usize {
        self.masses.len()
    }

    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        force.iter_mut().zip(x).for_each(|(f, x)| *f = -2.0 * x);
        Ok(dot(x, x))
    }

    fn initial(&self, _streams: Streams, _replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        x.fill(0.5);
        Ok(())
    }

    fn masses(&self) -> Option<&[f64]> {
        Some(&self.masses)
    }
}

/// Wells of stiffness k = 2 at T = 0.7 after a jump from T = 3: <x^2> = T/k for BAOAB at any time step (Leimkuhler and
/// Matthews 2013), T/[k (1 - h^2 k/4m)] for velocity Verlet under any thermostat of the velocities (its shadow Hamiltonian),
/// averaged over the masses; <m v^2> = T. 2 x 400 wells of period about 4 and 9, 20 snapshots 10 apart after 30: 4 standard
/// errors of the mean over 400 wells (each a mean over its snapshots).
#[test]
fn thermostats_sample_their_temperature() {
    let n = 400;
    let temperature = Course::Jump { before: 3.0, after: 0.7, at: 1.0 };
    let h = 0.25;
    let verlet = |m: f64| 0.35 / (1.0 - h * h * 2.0 / (4.0 * m));
    let methods = [
        (Method::Underdamped { step_size: h, temperature, friction: 0.8 }, [0.35, 0.35]),
        (Method::Bussi { step_size: h, temperature, relaxation: 1.0 }, [verlet(1.0), verlet(4.0)]),
    ];
    for (method, expected) in methods {
        let masses: Vec<f64> = (0..2 * n).map(|i| if i % 2 == 0 { 1.0 } else { 4.0 }).collect();
        let mut stepper = run(Arc::new(Springs { masses: masses.clone() }), method.clone(), 1);
        stepper.advance(120).unwrap();
        let (mut squares, mut kinetic) = (vec![0.0; 2 * n], Vec::new());
        for _ in 0..20 {
            stepper.advance(40).unwrap();
            let (x, v) = (stepper.positions(0).to_f64(), velocities(&*stepper));
            squares.iter_mut().zip(&x).for_each(|(s, x)| *s += x * x / 20.0);
            kinetic.push(v.iter().zip(&masses).map(|(v, m)| m * v * v).sum::<f64>() / (2 * n) as f64);
        }
        for (mass, expected) in expected.into_iter().enumerate() {
            let (mean, error) = mean_and_error(squares.iter().skip(mass).step_by(2).copied());
            assert!((mean - expected).abs() < 4.0 * error, "{method:?}: {mean} +- {error}, {expected}");
        }
        // Of the kinetic temperature the mean over 20 snapshots of 800 directions: T sqrt(2/800/20), snapshots being
        // uncorrelated; BAOAB's velocities are colder by O(h^2): k h^2/4m, at most 3 %.
        let (mean, _) = mean_and_error(kinetic.iter().copied());
        let error = 0.7 * (2.0 / 800.0 / 20.0_f64).sqrt();
        let bias = if method.name() == "bussi" { 0.0 } else { 0.7 * h * h * 2.0 / 4.0 };
        assert!((mean - 0.7).abs() < 4.0 * error + bias, "{}: {mean} +- {error}", method.name());
        // The kinetic energy fluctuates as in the canonical ensemble: variance of its temperature 2 T^2/800, known from 20
        // values to a relative standard error sqrt(2/19).
        let variance = kinetic.iter().map(|k| (k - mean).powi(2)).sum::<f64>() / 19.0;
        let ratio = variance / (2.0 * 0.49 / 800.0);
        assert!((ratio - 1.0).abs() < 4.0 * (2.0 / 19.0_f64).sqrt(), "{}: {ratio}", method.name());
    }
}

/// A System without any force in two dimensions: the momentum is zero at the start and stays so under every method.
struct Gas;

impl System for Gas {
    fn name(&self) -> &str {
        "gas"
    }

    fn dof(&self) -> usize {
        20
    }

    fn energy_force(&self, _x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        force.fill(0.0);
        Ok(0.0)
    }

    fn initial(&self, _streams: Streams, _replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        x.fill(0.0);
        Ok(())
    }

    fn translations(&self) -> usize {
        2
    }
}

#[test]
fn the_centre_of_mass_rests() {
    let methods = [
        Method::Verlet { step_size: 0.1, temperature: 1.0 },
        Method::Underdamped { step_size: 0.1, temperature: 1.0.into(), friction: 1.0 },
        Method::Bussi { step_size: 0.1, temperature: 1.0.into(), relaxation: 1.0 },
        Method::Langevin { step_size: 0.1, temperature: 1.0.into() },
    ];
    for method in methods {
        let mut stepper = run(Arc::new(Gas), method.clone(), 2);
        stepper.advance(50).unwrap();
        for r in 0..2 {
            let x = stepper.positions(r).to_f64();
            assert!(x.iter().any(|x| x.abs() > 0.1), "{method:?} moves nothing");
            for k in 0..2 {
                let sum: f64 = x.iter().skip(k).step_by(2).sum();
                assert!(sum.abs() < 1e-12, "{method:?}: {sum}");
            }
        }
    }
    assert_eq!(Inertia::of(&Gas).directions(), 18.0);
}

#[test]
fn inertia_is_refused_on_a_sphere() {
    let method = Method::Verlet { step_size: 0.1, temperature: 1.0 };
    let job = Job { method, streams: Streams::new(4), replicas: 0..1, precision: Precision::F64 };
    let fault = glasslab_dynamics::stepper(Arc::new(Axes { n: 4 }), &job).err().expect("a refusal");
    assert!(matches!(fault, Fault::Unsupported { method: "verlet", .. }), "{fault}");
}
