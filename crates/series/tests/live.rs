//! Live recorders: against definitions, against a random walk with known answers, saved and resumed, sketched, combined.

use glasslab_core::{Array, Dataset, Slice, Streams};
use glasslab_series::live::{Keep, Live, Recorded, combined, judged};
use rand_distr::{Distribution, StandardNormal};

const SIZES: [usize; 3] = [300, 1, 6000];

fn tensors() -> Vec<Recorded> {
    let names = ["body.0.weight", "body.0.bias", "head.weight"];
    let kinds = [true, true, false];
    let all = names.iter().zip(SIZES).zip(kinds);
    all.map(|((name, len), double)| Recorded { name: (*name).to_owned(), len, double }).collect()
}

/// A random walk with drift: x_i(t) = v t + sqrt(2 D) B_i(t), in steps.
struct Walk {
    x: Vec<Vec<f64>>,
    single: Vec<f32>,
    drift: f64,
    noise: f64,
    seed: u64,
}

impl Walk {
    fn new(seed: u64, drift: f64, noise: f64) -> Self {
        let x: Vec<Vec<f64>> = SIZES.iter().map(|&n| vec![1.0; n]).collect();
        Self { single: vec![1.0; SIZES[2]], x, drift, noise, seed }
    }

    fn step(&mut self, t: u64) {
        let mut rng = Streams::new(self.seed).stream("walk", 0, t);
        for x in self.x.iter_mut().flatten() {
            let z: f64 = StandardNormal.sample(&mut rng);
            *x += self.drift + (2.0 * self.noise).sqrt() * z;
        }
        self.single = self.x[2].iter().map(|&v| v as f32).collect();
    }

    fn slices(&self) -> [Slice<'_>; 3] {
        [Slice::F64(&self.x[0]), Slice::F64(&self.x[1]), Slice::F32(&self.single)]
    }
}

fn waits(t: u64) -> bool {
    [0, 1, 2, 5, 10, 20, 40].contains(&t)
}

fn recorded(live: &mut Live, walk: &mut Walk, from: u64, to: u64) {
    for t in from..=to {
        if t > 0 {
            walk.step(t);
        }
        live.look(t, &walk.slices(), waits(t), 1.0 / (t + 1) as f64, f64::NAN).unwrap();
    }
}

fn value(data: &Dataset, name: &str, at: &[usize]) -> f64 {
    let r = data.get(name).unwrap();
    assert_eq!(r.shape.len(), at.len(), "{name}");
    let flat = r.shape.iter().zip(at).fold(0, |i, (n, k)| i * n + k);
    r.floats().unwrap()[flat]
}

/// Delta, layers, fourth moment, norm, cosine, distance and path against the definitions summed naively: N = 6301, seed 1.
/// Tolerance: N eps relative for sums of positive terms.
#[test]
fn records_equal_their_definitions() {
    let (mut live, mut walk) = (Live::new(tensors(), Keep::Exact).unwrap(), Walk::new(1, 0.01, 0.02));
    recorded(&mut live, &mut walk, 0, 10);
    let at_10: Vec<f64> = walk.slices().iter().flat_map(|s| s.to_f64()).collect();
    recorded(&mut live, &mut walk, 11, 12);
    let at_12: Vec<f64> = walk.slices().iter().flat_map(|s| s.to_f64()).collect();
    let data = live.records().unwrap();
    let n = at_12.len() as f64;
    let tolerance = n * f64::EPSILON;
    let near = |a: f64, b: f64| assert!((a / b - 1.0).abs() < tolerance, "{a} {b}");
    let d: Vec<f64> = at_12.iter().zip(&at_10).map(|(a, b)| a - b).collect();
    let power = |p: i32, d: &[f64]| d.iter().map(|d| d.powi(p)).sum::<f64>();
    let (k, t) = (4, 12); // t_w = 10, t = 12
    near(value(&data, "msd", &[0, k, t]), power(2, &d) / n);
    near(value(&data, "fourth_moment", &[0, k, t]), power(4, &d) / n);
    near(value(&data, "msd_layer", &[0, 0, k, t]), power(2, &d[..300]) / 300.0);
    near(value(&data, "msd_layer", &[0, 2, k, t]), power(2, &d[301..]) / 6000.0);
    near(value(&data, "norm", &[0, t]), power(2, &at_12).sqrt());
    let dot: f64 = at_12.iter().zip(&at_10).map(|(a, b)| a * b).sum();
    let cosine = dot / (power(2, &at_12) * power(2, &at_10)).sqrt();
    assert!((value(&data, "cosine", &[0, k, t]) - cosine).abs() < 1e-12);
    let start: Vec<f64> = at_12.iter().map(|x| x - 1.0).collect();
    near(value(&data, "distance", &[0, t]), power(2, &start).sqrt());
    // The polygon 0, 1, 2, 5, 10, 12 from displacements that were measured.
    let legs = [(0, 1), (1, 2), (2, 5), (3, 10), (4, 12)];
    let length: f64 = legs.iter().map(|&(k, t)| (n * value(&data, "msd", &[0, k, t])).sqrt()).sum();
    near(value(&data, "path_length", &[0, t]), length);
    assert!(value(&data, "msd", &[0, 4, 9]).is_nan() && value(&data, "msd", &[0, 4, 10]) == 0.0);
    assert_eq!(value(&data, "train_loss", &[0, 3]), 0.25);
    assert!(data.get("batch_gradient_squared").is_none(), "none was given");
}

/// Drift and diffusion: Delta(t) = v^2 t^2 + 2 D t, each term known; N = 6301 coordinates, so the relative standard error of
/// a pure diffusion is sqrt(2/N) = 1.8 %; 4 of them. Sketches add sqrt(2/k), k = 1024.
#[test]
fn a_random_walk_has_its_known_displacement() {
    let (drift, noise) = (0.05, 0.02);
    for keep in [Keep::Exact, Keep::Sketch { size: 1024, seed: 3 }] {
        let (mut live, mut walk) = (Live::new(tensors(), keep).unwrap(), Walk::new(2, drift, noise));
        recorded(&mut live, &mut walk, 0, 40);
        let data = live.records().unwrap();
        let sketched = if keep == Keep::Exact { 0.0 } else { 2.0 / 1024.0 };
        for (k, w, t) in [(0, 0.0, 40), (3, 5.0, 25), (5, 20.0, 40)] {
            let lag = t as f64 - w;
            let expected = drift * drift * lag * lag + 2.0 * noise * lag;
            let error = (2.0_f64 / 6301.0 + sketched).sqrt() * expected;
            let found = value(&data, "msd", &[0, k, t]);
            assert!((found - expected).abs() < 4.0 * error, "{keep:?} t_w = {w}: {found} {expected} {error}");
        }
    }
}

/// Sketched against exact: the errors are those that are stated. k = 256, 40 seeds of the projection; the mean of
/// z^2 = ((sketched - exact)/msd_error)^2 is 1 up to 4 sqrt(Var z^2/40), Var z^2 about 2 (taken as 3 for the tails).
#[test]
fn sketches_err_as_they_say() {
    let (mut exact, mut walk) = (Live::new(tensors(), Keep::Exact).unwrap(), Walk::new(5, 0.0, 0.5));
    recorded(&mut exact, &mut walk, 0, 5);
    let truth = value(&exact.records().unwrap(), "msd", &[0, 1, 5]);
    let mut z = Vec::new();
    for seed in 0..40 {
        let keep = Keep::Sketch { size: 256, seed };
        let (mut live, mut walk) = (Live::new(tensors(), keep).unwrap(), Walk::new(5, 0.0, 0.5));
        recorded(&mut live, &mut walk, 0, 5);
        let data = live.records().unwrap();
        let (found, error) = (value(&data, "msd", &[0, 1, 5]), value(&data, "msd_error", &[0, 1, 5]));
        z.push((found - truth) / error);
        assert!(data.get("msd_group").is_some() && data.get("fourth_moment").is_none());
    }
    let square = z.iter().map(|z| z * z).sum::<f64>() / z.len() as f64;
    assert!((square - 1.0).abs() < 4.0 * (3.0_f64 / 40.0).sqrt(), "{square}");
    let mean = z.iter().sum::<f64>() / z.len() as f64;
    assert!(mean.abs() < 4.0 / 40.0_f64.sqrt(), "{mean}");
}

#[test]
fn saved_and_resumed_it_is_the_same_and_threads_do_not_matter() {
    for keep in [Keep::Exact, Keep::Sketch { size: 128, seed: 1 }] {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (mut live, mut walk) = (Live::new(tensors(), keep).unwrap(), Walk::new(7, 0.0, 1.0));
                recorded(&mut live, &mut walk, 0, 21);
                let whole = live.save();
                let (mut first, mut walk) = (Live::new(tensors(), keep).unwrap(), Walk::new(7, 0.0, 1.0));
                recorded(&mut first, &mut walk, 0, 10);
                let mut second = Live::new(tensors(), keep).unwrap();
                second.load(&first.save()).unwrap();
                recorded(&mut second, &mut walk, 11, 21);
                (whole, second.save())
            })
        };
        // NaN is not equal to itself: bits are compared.
        let bits = |state: glasslab_core::State| -> Vec<(String, Vec<u64>)> {
            let bits = |a: Array| match a {
                Array::F64(v) => v.iter().map(|v| v.to_bits()).collect(),
                Array::F32(v) => v.iter().map(|v| u64::from(v.to_bits())).collect(),
                Array::U64(v) => v,
            };
            state.arrays.into_iter().map(|(n, a)| (n, bits(a))).collect()
        };
        let (whole, resumed) = run(1);
        let whole = bits(whole);
        assert_eq!(whole, bits(resumed));
        let (other, _) = run(3);
        assert_eq!(whole, bits(other));
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    assert!(Live::new(Vec::new(), Keep::Exact).is_err());
    assert!(Live::new(tensors(), Keep::Sketch { size: 1, seed: 0 }).is_err());
    let twice = vec![tensors()[0].clone(), tensors()[0].clone()];
    assert!(Live::new(twice, Keep::Exact).unwrap_err().to_string().contains("body.0.weight"));
    let (mut live, mut walk) = (Live::new(tensors(), Keep::Exact).unwrap(), Walk::new(1, 0.0, 1.0));
    assert!(live.records().unwrap_err().to_string().contains("nothing was recorded"));
    recorded(&mut live, &mut walk, 0, 3);
    let wrong = |r: Result<(), glasslab_core::Fault>, word: &str| {
        let text = r.unwrap_err().to_string();
        assert!(text.contains(word), "{text}");
    };
    wrong(live.look(3, &walk.slices(), false, 0.0, 0.0), "after 3");
    let s = walk.slices();
    wrong(live.look(4, &s[..2], false, 0.0, 0.0), "list of tensors");
    wrong(live.look(4, &[s[0], s[1], Slice::F64(&walk.x[2])], false, 0.0, 0.0), "head.weight");
    // Damaged states: every array shortened in turn, and steps out of order.
    let state = live.save();
    for i in 0..state.arrays.len() {
        let mut broken = state.clone();
        match &mut broken.arrays[i].1 {
            Array::F64(v) => drop(v.pop()),
            Array::F32(v) => drop(v.pop()),
            Array::U64(v) => v.reverse(),
        }
        let name = broken.arrays[i].0.clone();
        assert!(Live::new(tensors(), Keep::Exact).unwrap().load(&broken).is_err(), "{name}");
    }
    let mut fresh = Live::new(tensors(), Keep::Exact).unwrap();
    fresh.load(&state).unwrap();
    assert_eq!(fresh.times(), [0, 1, 2, 3]);
}

/// Several seeds make an ensemble; one of them looked less often: the common times are kept.
#[test]
fn recorders_combine_at_their_common_times() {
    let mut all = Vec::new();
    for seed in 0..3 {
        let (mut live, mut walk) = (Live::new(tensors(), Keep::Exact).unwrap(), Walk::new(seed, 0.0, 0.1));
        for t in 0..=40 {
            if t > 0 {
                walk.step(t);
            }
            if seed == 1 && t % 2 == 1 {
                continue;
            }
            live.look(t, &walk.slices(), waits(t), 1.0, 2.0).unwrap();
        }
        all.push(live.records().unwrap());
    }
    let data = combined(&all).unwrap();
    assert_eq!(data.get("msd").unwrap().shape, [3, 5, 21]); // t_w = 0, 2, 10, 20, 40
    assert_eq!(value(&data, "msd", &[0, 2, 15]), value(&all[0], "msd", &[0, 4, 30]));
    assert_eq!(value(&data, "msd", &[1, 2, 15]), value(&all[1], "msd", &[0, 2, 15]));
    assert_eq!(value(&data, "msd_layer", &[2, 1, 2, 15]), value(&all[2], "msd_layer", &[0, 1, 4, 30]));
    let summary = judged(&data, 0).unwrap();
    assert_eq!((summary.replicas, summary.parameters, summary.last), (3, 6301, 40.0));
    // Free diffusion: gamma = 1, drift fraction 0, each with an error of a few per cent.
    assert!(summary.exponents.iter().all(|e| (e.gamma - 1.0).abs() < 0.1), "{:?}", summary.exponents);
    assert!(summary.drift.unwrap().value.abs() < 0.1);
    assert!(judged(&all[0], 0).unwrap().why.iter().any(|w| w.contains("one trajectory")));
    assert!(combined(&[]).is_err());
    let other = Live::new(vec![Recorded { name: "x".into(), len: 2, double: true }], Keep::Exact);
    let mut other = other.unwrap();
    other.look(0, &[Slice::F64(&[0.0, 1.0])], true, 0.0, 0.0).unwrap();
    assert!(combined(&[all[0].clone(), other.records().unwrap()]).is_err());
}
