//! Against PyTorch in float64: loss, gradient, noise moments and 100 steps of SGD with momentum. `cross/make.py` made
//! the numbers.

use glasslab_core::*;
use glasslab_nets::*;
use safetensors::SafeTensors;
use std::path::Path;
use std::sync::Arc;

const SAMPLES: u64 = 120;
const BATCH: usize = 32;
const SEED: u64 = 11;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cross")
}

struct Reference(Vec<u8>);

impl Reference {
    fn open() -> Self {
        Self(std::fs::read(folder().join("networks.safetensors")).unwrap())
    }

    fn get(&self, name: &str) -> Vec<f64> {
        let all = SafeTensors::deserialize(&self.0).unwrap();
        all.tensor(name).unwrap().data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
    }
}

/// The two networks, on the first 120 samples of `digits`.
fn networks() -> [Arc<Trained>; 2] {
    let training = || {
        let data = DataSet::open("digits", Path::new(".")).unwrap();
        let rows: Vec<u32> = (0..SAMPLES as u32).collect();
        let labels = data.train.labels[..SAMPLES as usize].to_vec();
        Training { data, rows, labels }
    };
    [Arc::new(toy(12, training()).unwrap()), Arc::new(fully_connected(&[9, 8, 7], training()).unwrap())]
}

fn batches() -> Vec<Vec<u32>> {
    let mut order = BatchOrder::new(Streams::new(SEED), 0, SAMPLES as usize, BATCH);
    (0..100).map(|step| order.batch(step).to_vec()).collect()
}

/// The file that make.py reads holds the batches of this order; with GLASSLAB_WRITE_BATCHES set, it is written first.
#[test]
fn the_batches_that_pytorch_saw_are_these() {
    let path = folder().join("batches.json");
    if std::env::var_os("GLASSLAB_WRITE_BATCHES").is_some() {
        std::fs::write(&path, serde_json::to_string(&batches()).unwrap()).unwrap();
    }
    let read: Vec<Vec<u32>> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(read, batches());
}

fn close(what: &str, a: &[f64], b: &[f64], bound: f64) {
    assert_eq!(a.len(), b.len(), "{what}");
    let norm = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
    let off: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    assert!(norm(&off) <= bound * norm(b), "{what}: relative difference {:e}", norm(&off) / norm(b));
}

#[test]
fn loss_gradient_and_noise_moments_match_pytorch() {
    let reference = Reference::open();
    for system in networks() {
        let get = |what: &str| reference.get(&format!("{}/{what}", system.name()));
        let x = get("initial");
        let mut force = vec![0.0; system.dof()];
        let energy = system.energy_force(&x, &mut force).unwrap();
        let gradient: Vec<f64> = force.iter().map(|f| -f).collect();
        close("loss", &[energy], &get("loss"), 1e-13);
        close("gradient", &gradient, &get("gradient"), 1e-12);
        let evaluation = Evaluate::evaluate(&*system, Slice::F64(&x), Split::Train).unwrap().unwrap();
        close("evaluated loss", &[evaluation.loss], &get("loss"), 1e-13);
        let noise = get("noise");
        let single: Vec<f32> = x.iter().map(|x| *x as f32).collect();
        // f32: sums of at most 120 terms, each of two sums of at most 64 products.
        for (x, bound) in [(Slice::F64(&x), 1e-11), (Slice::F32(&single), 300.0 * f64::from(f32::EPSILON))] {
            let moments = system.gradient_noise().unwrap().noise_moments(x).unwrap();
            assert_eq!(moments.samples, SAMPLES as usize);
            close("trace", &[moments.sample_trace], &noise[..1], bound);
            close("mean squared", &[moments.mean_squared], &noise[1..], bound);
        }
    }
}

/// 100 steps, both through `Subsample` and by the native Stepper: 1e-10 relative.
#[test]
fn a_hundred_steps_match_pytorch() {
    let reference = Reference::open();
    for system in networks() {
        let get = |what: &str| reference.get(&format!("{}/{what}", system.name()));
        let (rate, losses) = (get("rate")[0], get("losses"));
        let method = Method::Sgd { rate: rate.into(), momentum: 0.5, batch: BATCH };
        let job = Job { method, streams: Streams::new(SEED), replicas: 0..1, precision: Precision::F64 };
        let mut native = system.clone().native(&job).unwrap().unwrap();
        let mut state = native.save();
        state.arrays.iter_mut().find(|a| a.0 == "positions").unwrap().1 = Array::F64(get("initial"));
        native.load(&state).unwrap();
        let (mut x, mut v) = (get("initial"), vec![0.0; system.dof()]);
        let mut force = v.clone();
        for (step, batch) in batches().iter().enumerate() {
            if step == 1 || step == 10 {
                close("native", &native.positions(0).to_f64(), &get(&format!("after-{step}")), 1e-10);
                close("generic", &x, &get(&format!("after-{step}")), 1e-10);
            }
            let energy = system.subsample().unwrap().batch_energy_force(&x, batch, &mut force).unwrap();
            close("batch loss", &[energy], &losses[step..=step], 1e-10);
            for ((x, v), f) in x.iter_mut().zip(&mut v).zip(&force) {
                *v = 0.5 * *v - f;
                *x -= rate * *v;
            }
            native.advance(1).unwrap();
        }
        close("native", &native.positions(0).to_f64(), &get("after-100"), 1e-10);
        close("generic", &x, &get("after-100"), 1e-10);
        let moved: f64 = x.iter().zip(get("initial")).map(|(a, b)| (a - b).abs()).sum();
        assert!(moved > 1.0, "it moved");
        let test = Evaluate::evaluate(&*system, Slice::F64(&x), Split::Test).unwrap().unwrap();
        close("test loss", &[test.loss], &get("test")[..1], 1e-10);
        assert_eq!(test.error, get("test")[1]);
    }
}

#[test]
fn the_batches_are_those_that_pytorch_saw() {
    let text = std::fs::read_to_string(folder().join("batches.json")).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Vec<u32>>>(&text).unwrap(), batches());
}
