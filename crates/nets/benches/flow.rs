//! Gradient flow of the (h, alpha) plane: 15 nets of one point, P = 1000, d = 10, L = 2, swish, soft hinge, f64. `flow h=..`:
//! seconds per attempt of all nets; `plane-point h=..`: seconds of the point, each net until all its margins are met or for at most
//! `--attempts`; `plane-point h=10..100`: of all points. `flow_torch.py` does the same with vmap over nets, by the same rules.
//!
//!     cargo bench -p glasslab-nets --bench flow -- [--threads T] [--seconds S] [--attempts A]

use glasslab_core::*;
use glasslab_nets::labelled::{Recipe, prepare};
use glasslab_nets::plane::{AlphaMlp, Gate, MarginLoss, Shape};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const NETS: u64 = 15;
const SAMPLES: usize = 1000;
const ALPHA: f64 = 10.0;

/// Fused multiply-adds in registers: the most operations that one thread can do.
struct Peak(u64);

impl WithSimd for Peak {
    type Output = (u64, f64);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (u64, f64) {
        let (a, b) = (simd.splat_f64s(std::hint::black_box(0.999)), simd.splat_f64s(std::hint::black_box(0.001)));
        let mut sums: [S::f64s; 12] = std::array::from_fn(|i| simd.splat_f64s(std::hint::black_box(i as f64)));
        for _ in 0..self.0 {
            for s in &mut sums {
                *s = simd.mul_add_f64s(*s, a, b);
            }
        }
        let total = sums.iter().map(|s| simd.reduce_sum_f64s(*s)).sum();
        (self.0 * 24 * (size_of::<S::f64s>() / size_of::<f64>()) as u64, total)
    }
}

/// Operations per second of one thread: the best of 20 runs.
fn peak() -> f64 {
    let once = |_| {
        let start = Instant::now();
        let work = std::hint::black_box(Arch::new().dispatch(Peak(1 << 20))).0;
        work as f64 / start.elapsed().as_secs_f64()
    };
    (0..20).map(once).fold(0.0, f64::max)
}

fn nets(shape: &Shape, data: (&[f64], &[f64])) -> Vec<Box<dyn Stepper>> {
    let one = |seed| {
        let origin = shape.draw(Streams::new(1), seed);
        let loss = MarginLoss::Soft { beta: 20.0 };
        let system = AlphaMlp::new(shape.clone(), loss, ALPHA, data, origin, true).unwrap();
        let method = Method::Flow(FlowRule::default());
        let job = Job { method, streams: Streams::new(1), replicas: seed..seed + 1, precision: Precision::F64 };
        Arc::new(system).native(&job).unwrap().unwrap()
    };
    (0..NETS).map(one).collect()
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let option = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1));
    let number = |name: &str, default: f64| option(name).map_or(default, |v| v.parse().expect("a number"));
    let (threads, seconds) = (number("--threads", 1.0) as usize, number("--seconds", 2.0));
    let most = number("--attempts", 200.0) as u64;
    rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build_global().expect("threads");
    let recipe = Recipe { data: "sphere".into(), components: 10, whiten: false, train: SAMPLES, kernel: 2, test: 10 };
    let data = prepare(&recipe, Path::new("."), Streams::new(1)).expect("data").train;
    let data = (&data.x[..], &data.y[..]);
    let line = |case: &str, seconds: f64, flops: f64, more: &str| {
        let floor = flops / (peak() * threads as f64);
        println!(
            "{{\"case\": \"{case}\", \"precision\": \"f64\", \"threads\": {threads}, \"seconds\": {seconds:.4e}, \
             \"flops\": {flops:.4e}, \"floor\": {floor:.4e}{more}}}"
        );
    };
    let mut all = (0.0, 0.0, 0);
    for hidden in [10, 30, 100] {
        let shape = Shape::new(10, hidden, 2, Gate::new("swish", 10.0).unwrap()).unwrap();
        let flops = shape.flops() * SAMPLES as f64;
        let mut some = nets(&shape, data);
        let (mut best, begin) = (f64::INFINITY, Instant::now());
        while begin.elapsed().as_secs_f64() < seconds || best.is_infinite() {
            let start = Instant::now();
            some.par_iter_mut().with_max_len(1).for_each(|net| net.advance(5).expect("an attempt"));
            if some.iter().any(|net| net.stop(0).is_some()) {
                some = nets(&shape, data);
            } else {
                best = best.min(start.elapsed().as_secs_f64() / 5.0);
            }
        }
        line(&format!("flow h={hidden}"), best, flops * NETS as f64, "");
        let start = Instant::now();
        let mut some = nets(&shape, data);
        some.par_iter_mut().with_max_len(1).for_each(|net| {
            while net.stop(0).is_none() && net.clock().step < most {
                net.advance((most - net.clock().step).min(100)).expect("attempts");
            }
        });
        let time = start.elapsed().as_secs_f64();
        let attempts: u64 = some.iter().map(|net| net.work().steps).sum();
        let fitted = some.iter().filter(|net| matches!(net.stop(0), Some(Stop::Satisfied { .. }))).count();
        let stuck = some.iter().filter(|net| matches!(net.stop(0), Some(Stop::Stuck { .. }))).count();
        let more = format!(", \"attempts\": {attempts}, \"fitted\": {fitted}, \"stuck\": {stuck}");
        line(&format!("plane-point h={hidden}"), time, flops * attempts as f64, &more);
        all = (all.0 + time, all.1 + flops * attempts as f64, all.2 + attempts);
    }
    let more = format!(", \"attempts\": {}, \"points_per_minute\": {:.1}", all.2, 180.0 / all.0);
    line("plane-point h=10..100", all.0, all.1, &more);
}
