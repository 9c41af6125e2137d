//! Seconds per SGD step, sampling of the batch included, one JSON line per case; `sgd_torch.py` prints the same for
//! PyTorch.
//!
//!     cargo bench -p glasslab-nets --bench sgd -- [CASE...] [--precision f32|f64] [--threads T] [--seconds S]

use glasslab_core::*;
use glasslab_nets::*;
use pulp::{Arch, Simd, WithSimd};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

struct Case {
    name: &'static str,
    data: &'static str,
    hidden: &'static [usize],
    batch: usize,
    replicas: u64,
    toy: bool,
}

const CASES: [Case; 3] = [
    Case {
        name: "fc-784-100-100-100-10",
        data: "mnist",
        hidden: &[100, 100, 100],
        batch: 128,
        replicas: 1,
        toy: false,
    },
    Case { name: "toy-784-1000-10", data: "mnist", hidden: &[1000], batch: 128, replicas: 1, toy: true },
    Case { name: "replicas-64-of-64-30-10", data: "digits", hidden: &[30], batch: 100, replicas: 64, toy: true },
];

/// Fused multiply-adds in registers: the most operations per second that one thread can do.
struct Peak<T>(u64, std::marker::PhantomData<T>);

macro_rules! peak {
    ($t:ident, $splat:ident, $fma:ident, $sum:ident, $vec:ident) => {
        impl WithSimd for Peak<$t> {
            type Output = (u64, $t);

            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) -> (u64, $t) {
                let (a, b) = (simd.$splat(std::hint::black_box(0.999)), simd.$splat(std::hint::black_box(0.001)));
                let mut sums: [S::$vec; 12] = std::array::from_fn(|i| simd.$splat(std::hint::black_box(i as $t)));
                for _ in 0..self.0 {
                    for s in &mut sums {
                        *s = simd.$fma(*s, a, b);
                    }
                }
                let total = sums.iter().map(|s| simd.$sum(*s)).sum();
                (self.0 * 24 * (size_of::<S::$vec>() / size_of::<$t>()) as u64, total)
            }
        }
    };
}
peak!(f32, splat_f32s, mul_add_f32s, reduce_sum_f32s, f32s);
peak!(f64, splat_f64s, mul_add_f64s, reduce_sum_f64s, f64s);

fn peak(precision: Precision) -> f64 {
    let once = || {
        let start = Instant::now();
        let work = match precision {
            Precision::F32 => {
                std::hint::black_box(Arch::new().dispatch(Peak::<f32>(1 << 20, std::marker::PhantomData))).0
            }
            Precision::F64 => {
                std::hint::black_box(Arch::new().dispatch(Peak::<f64>(1 << 20, std::marker::PhantomData))).0
            }
        };
        work as f64 / start.elapsed().as_secs_f64()
    };
    (0..10).map(|_| once()).fold(0.0, f64::max)
}

/// Processor time of this thread so far, in seconds (Linux; NaN elsewhere): what is left of a time on a busy machine.
fn busy() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|t| t.parse::<f64>().ok()).map_or(f64::NAN, |t| t * 1e-9)
}

fn run(case: &Case, precision: Precision, threads: usize, seconds: f64) {
    let data = DataSet::open(case.data, Path::new(".")).unwrap();
    let training = Training::new(data, TrainingChoice::default(), Streams::new(1)).unwrap();
    let system = if case.toy { toy(case.hidden[0], training) } else { fully_connected(case.hidden, training) }.unwrap();
    let method = Method::Sgd { rate: 0.01.into(), momentum: 0.5, batch: case.batch };
    let (n, inputs) = (system.dof(), system.network.inputs());
    let job = Job { method, streams: Streams::new(1), replicas: 0..case.replicas, precision };
    let mut stepper = Arc::new(system).native(&job).unwrap().unwrap();
    let timed = |stepper: &mut dyn Stepper, steps: u64| {
        let start = Instant::now();
        stepper.advance(steps).unwrap();
        start.elapsed().as_secs_f64() / steps as f64
    };
    timed(&mut *stepper, 10);
    let steps = (0.05 / timed(&mut *stepper, 20)).ceil() as u64;
    let (begin, mut times, mut least) = (Instant::now(), Vec::new(), f64::INFINITY);
    while begin.elapsed().as_secs_f64() < seconds || times.is_empty() {
        let before = busy();
        times.push(timed(&mut *stepper, steps));
        least = least.min((busy() - before) / steps as f64);
    }
    times.sort_by(f64::total_cmp);
    // Products of forward, weight gradient, and backward below the first layer.
    let first = inputs * case.hidden[0];
    let flops = (case.replicas as usize * case.batch * (6 * n - 2 * first)) as f64;
    let floor = flops / (peak(precision) * threads as f64);
    println!(
        "{{\"case\": \"{}\", \"precision\": \"{}\", \"threads\": {threads}, \"seconds_per_step\": {:.4e}, \
         \"median\": {:.4e}, \"cpu\": {least:.4e}, \"flops\": {flops:.4e}, \"floor\": {floor:.4e}, \"of_floor\": {:.3}}}",
        case.name,
        if precision == Precision::F32 { "f32" } else { "f64" },
        times[0],
        times[times.len() / 2],
        floor / times[0],
    );
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let option = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1));
    let number = |name: &str, default: f64| option(name).map_or(default, |v| v.parse().expect("a number"));
    let (threads, seconds) = (number("--threads", 1.0) as usize, number("--seconds", 2.0));
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().expect("threads");
    let precisions = match option("--precision").map(String::as_str) {
        Some("f32") => vec![Precision::F32],
        Some("f64") => vec![Precision::F64],
        _ => vec![Precision::F32, Precision::F64],
    };
    let named: Vec<&String> = args.iter().filter(|a| CASES.iter().any(|c| c.name == **a)).collect();
    for case in CASES.iter().filter(|c| named.is_empty() || named.iter().any(|n| *n == c.name)) {
        for &precision in &precisions {
            run(case, precision, threads, seconds);
        }
    }
}
