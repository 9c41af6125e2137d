//! Small Net: parameter counts, PyTorch's numbers in float64 (`cross/make_small_net.py` made them), native Steppers, and
//! the authors' loss curve on CIFAR-10.

use glasslab_core::*;
use glasslab_nets::data::Images;
use glasslab_nets::*;
use safetensors::SafeTensors;
use std::path::Path;
use std::sync::Arc;

const SAMPLES: usize = 48;
const BATCH: usize = 20;
const RATE: f64 = 0.05;

/// Pixels and labels by the formula of the script.
fn colour(side: usize, classes: usize) -> Training {
    let mut images = Images::default();
    let pixels = 0..(SAMPLES * 3 * side * side) as u32;
    images.pixels = pixels.map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    images.labels = (0..SAMPLES).map(|i| (i * 7 % classes) as u16).collect();
    let data = DataSet::new("formula", [3, side, side], classes, 255.0, None, images, Images::default()).unwrap();
    Training::new(Arc::new(data), TrainingChoice::default(), Streams::new(0)).unwrap()
}

fn grey(samples: usize) -> Training {
    let data = DataSet::open("mnist", Path::new(".")).unwrap();
    let labels = data.train.labels[..samples].to_vec();
    Training { data, rows: (0..samples as u32).collect(), labels }
}

fn cases() -> [(&'static str, Arc<Trained>); 3] {
    [
        ("grey", Arc::new(small_net(0.2, grey(SAMPLES)).unwrap())),
        ("colour", Arc::new(small_net(0.2, colour(32, 10)).unwrap())),
        ("hundred", Arc::new(small_net(0.1, colour(32, 100)).unwrap())),
    ]
}

/// N as counted in the notes on the paper's code.
#[test]
fn parameter_counts_are_those_of_the_paper() {
    for (training, n) in [(colour(32, 10), 56_890), (grey(5), 31_770), (colour(32, 100), 369_292)] {
        let system = small_net(1.0, training).unwrap();
        assert_eq!(system.dof(), n);
        let layout = system.layout();
        assert_eq!(layout.last().unwrap().range.end, n);
        assert_eq!((layout[0].shape[0], layout[0].shape[2..].to_vec()), (10, vec![5, 5]));
    }
}

#[test]
fn images_that_are_too_small_are_refused() {
    let digits =
        Training::new(DataSet::open("digits", Path::new(".")).unwrap(), TrainingChoice::default(), Streams::new(0));
    for (training, found) in [(digits.unwrap(), "8 x 8"), (colour(15, 10), "15 x 15")] {
        let Err(fault) = small_net(1.0, training) else { panic!("{found} is too small") };
        assert!(fault.to_string().contains(found) && fault.to_string().contains("16 x 16"), "{fault}");
    }
    assert!(small_net(1.0, colour(16, 10)).is_ok());
    for width in [0.0, -1.0, f64::NAN, 1e9] {
        assert!(matches!(small_net(width, colour(16, 10)), Err(Fault::Input(_))));
    }
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let off: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    (sum::dot(&off, &off) / sum::dot(b, b)).sqrt()
}

/// Loss, gradient and noise moments to 1e-12 relative (asked for: 1e-9); 50 steps of SGD to 1e-10 (1e-8).
#[test]
fn derivatives_and_fifty_steps_match_pytorch() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cross");
    let bytes = std::fs::read(folder.join("small_net.safetensors")).unwrap();
    let all = SafeTensors::deserialize(&bytes).unwrap();
    for (name, system) in cases() {
        let get = |what: &str| -> Vec<f64> {
            let tensor = all.tensor(&format!("{name}/{what}")).unwrap();
            tensor.data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
        };
        let mut x = get("initial");
        let mut force = vec![0.0; x.len()];
        let energy = system.energy_force(&x, &mut force).unwrap();
        assert!(distance(&[energy], &get("loss")) < 1e-12, "{name}");
        let gradient: Vec<f64> = force.iter().map(|f| -f).collect();
        let off = distance(&gradient, &get("gradient"));
        assert!(off < 1e-12, "{name} {off:e}");
        let single: Vec<f32> = x.iter().map(|x| *x as f32).collect();
        for (x, bound) in [(Slice::F64(&x), 1e-11), (Slice::F32(&single), 300.0 * f64::from(f32::EPSILON))] {
            let moments = system.noise_moments(x).unwrap();
            for (found, right) in [moments.sample_trace, moments.mean_squared].into_iter().zip(get("noise")) {
                assert!((found / right - 1.0).abs() < bound, "{name}: {found} {right}");
            }
        }
        let (mut v, losses) = (vec![0.0; x.len()], get("losses"));
        for (step, loss) in losses.iter().enumerate() {
            let batch: Vec<u32> = (0..BATCH).map(|b| ((step * BATCH + b) % SAMPLES) as u32).collect();
            let energy = system.batch_energy_force(&x, &batch, &mut force).unwrap();
            assert!((energy - loss).abs() < 1e-10, "{name} {step}");
            for ((x, v), f) in x.iter_mut().zip(&mut v).zip(&force) {
                *v = 0.5 * *v - f;
                *x -= RATE * *v;
            }
        }
        assert_eq!(losses.len(), 50);
        let off = distance(&x, &get("after"));
        assert!(off < 1e-10, "{name} {off:e}");
        assert!(distance(&x, &get("initial")) > 1e-2, "{name}: it moved");
    }
}

fn job(method: Method, replicas: std::ops::Range<u64>, precision: Precision) -> Job {
    Job { method, streams: Streams::new(5), replicas, precision }
}

fn sgd(momentum: f64) -> Method {
    let rate = Course::Staircase { initial: 0.1, factor: 0.5, every: 3.0 };
    Method::Sgd { rate, momentum, batch: 37 }
}

/// The native Stepper against the plain loop over `Subsample`: 1e-12 relative per step in f64, 100 eps in f32.
#[test]
fn native_equals_the_plain_loop() {
    for (name, system) in cases() {
        for method in [sgd(0.5), sgd(0.0), Method::Descent { step_size: 0.05.into() }] {
            let (rate, momentum, batch) = match method {
                Method::Sgd { rate, momentum, batch } => (rate, momentum, batch),
                _ => (0.05.into(), 0.0, SAMPLES),
            };
            let n = system.dof();
            let (mut x, mut v, mut force) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
            system.initial(Streams::new(5), 2, &mut x).unwrap();
            let mut order = BatchOrder::new(Streams::new(5), 2, SAMPLES, batch);
            for step in 0..8 {
                system.batch_energy_force(&x, order.batch(step), &mut force).unwrap();
                for ((x, v), f) in x.iter_mut().zip(&mut v).zip(&force) {
                    *v = momentum * *v - f;
                    *x -= rate.at(step as f64) * *v;
                }
            }
            for (precision, bound) in [(Precision::F64, 8e-12), (Precision::F32, 100.0 * f64::from(f32::EPSILON))] {
                let mut native = system.clone().native(&job(method.clone(), 2..3, precision)).unwrap().unwrap();
                native.advance(8).unwrap();
                let off = distance(&native.positions(0).to_f64(), &x);
                assert!(off <= bound, "{name} {method:?} {precision:?}: {off:e}");
            }
        }
    }
}

#[test]
fn bytes_do_not_depend_on_grouping_threads_or_interruption() {
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let (one, three) = (pool(1), pool(3));
    // The second is large enough for several threads inside a step: 6 N B > 4e6.
    let wide = Arc::new(small_net(1.0, grey(60)).unwrap());
    for system in [cases()[1].1.clone(), wide] {
        for precision in [Precision::F32, Precision::F64] {
            let make = |r: std::ops::Range<u64>| system.clone().native(&job(sgd(0.5), r, precision)).unwrap().unwrap();
            let mut together = make(0..2);
            one.install(|| together.advance(4)).unwrap();
            let mut resumed = make(0..2);
            three.install(|| resumed.advance(1)).unwrap();
            let state = resumed.save();
            let mut resumed = make(0..2);
            resumed.load(&state).unwrap();
            three.install(|| (0..3).try_for_each(|_| resumed.advance(1))).unwrap();
            assert_eq!(resumed.save(), together.save());
            for r in 0..2 {
                let mut alone = make(r..r + 1);
                three.install(|| alone.advance(4)).unwrap();
                assert_eq!(alone.positions(0).to_f64(), together.positions(r as usize).to_f64());
            }
        }
    }
}

/// A replica whose weights leave the range stops; the step is named.
#[test]
fn divergence_is_data() {
    let (_, system) = cases()[0].clone();
    let wild = Method::Sgd { rate: 1e30.into(), momentum: 0.5, batch: 10 };
    for precision in [Precision::F32, Precision::F64] {
        let mut native = system.clone().native(&job(wild.clone(), 0..1, precision)).unwrap().unwrap();
        native.advance(40).unwrap();
        assert!(matches!(native.stop(0), Some(Stop::Diverged { step }) if step > 0 && step < 40));
    }
}

/// Train loss of the authors' own run on CIFAR-10, B = 100, rate 0.01, momentum 0.5: (step, loss). Source: the raw data
/// released with the code of Baity-Jesi et al. 2018.
const CURVE: [(u64, f64); 8] = [
    (0, 2.3092),
    (33, 2.2851),
    (50, 2.2683),
    (100, 2.1310),
    (201, 1.9499),
    (404, 1.6924),
    (811, 1.4784),
    (1874, 1.2814),
];

/// The end of the plateau, t_1: where the loss has fallen by 2 % of its value at the start, on the line through the two
/// neighbouring points against log(step).
fn first_time(losses: &[f64]) -> f64 {
    let level = 0.98 * losses[0];
    let after = losses.iter().position(|l| *l < level).expect("the loss falls");
    let [before, behind] = [after - 1, after].map(|i| (CURVE[i].0 as f64).ln());
    let part = (losses[after - 1] - level) / (losses[after - 1] - losses[after]);
    (before + part * (behind - before)).exp()
}

/// The authors' own curve gives t_1 = 51.
#[test]
fn the_plateau_of_the_authors_curve_ends_in_time() {
    let t = first_time(&CURVE.map(|c| c.1));
    assert!((51.0..52.0).contains(&t), "{t}");
}

/// Five seeds on all 50,000 images, losses on all of them. The authors' value is one more draw, so it lies within k = 4
/// deviations sqrt(s5^2 (1 + 1/5)), with s5 that of the five (4 degrees of freedom: 4 is 98.4 %), plus 0.01 for the loss of one
/// initialisation, which two seeds can share by chance. t_1 of the mean curve: 30 to 60 steps, as
/// the notes read it off.
#[test]
#[ignore = "slow: trains five networks on CIFAR-10 for minutes"]
fn slow_small_net_follows_the_authors_curve() {
    let folder = tempfile::tempdir().unwrap();
    if !glasslab_testkit::shared::cifar_10(folder.path()) {
        eprintln!("SKIPPED: no ../shared/data/cifar-10, or no python3 to unpack it");
        return;
    }
    let data = DataSet::open(&folder.path().display().to_string(), Path::new(".")).unwrap();
    assert_eq!(data.train.len(), 50_000);
    let training = Training::new(data, TrainingChoice::default(), Streams::new(1)).unwrap();
    let system = Arc::new(small_net(1.0, training).unwrap());
    let method = Method::Sgd { rate: 0.01.into(), momentum: 0.5, batch: 100 };
    let mut native = system.clone().native(&job(method, 0..5, Precision::F32)).unwrap().unwrap();
    let mut means = Vec::new();
    for (step, right) in CURVE {
        native.advance(step - native.clock().step).unwrap();
        let loss = |r| Evaluate::evaluate(&*system, native.positions(r), Split::Train).unwrap().unwrap().loss;
        let losses: Vec<f64> = (0..5).map(loss).collect();
        let (mean, error) = sum::mean_and_error(losses.iter().copied());
        let scatter = 6_f64.sqrt() * error + 0.01 / 4.0;
        eprintln!("step {step:4}: {mean:.4} +- {:.4} per seed; authors {right:.4}; {losses:.4?}", error * 5_f64.sqrt());
        assert!((mean - right).abs() < 4.0 * scatter, "step {step}");
        means.push(mean);
    }
    let first = first_time(&means);
    eprintln!("t_1 = {first:.1}");
    assert!((30.0..=60.0).contains(&first), "{first}");
}
