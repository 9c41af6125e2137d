//! Seconds per step of 64 small replicas (full batch), per gradient, per product with the Hessian, alone and with others at the
//! same point, and per tangent kernel, one JSON line per case; `derivatives_torch.py` prints the same for PyTorch and JAX.
//!
//!     cargo bench -p glasslab-nets --bench derivatives -- [PART OF A NAME] [--threads T] [--seconds S]

use glasslab_core::*;
use glasslab_nets::data::Images;
use glasslab_nets::*;
use pulp::{Arch, Simd, WithSimd};
use std::sync::Arc;
use std::time::Instant;

/// Samples of a training set.
const SAMPLES: usize = 1000;
/// Samples of a tangent kernel.
const KERNEL: usize = 2500;
/// Vectors at one point.
const VECTORS: usize = 8;

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

/// Operations per second of one thread: the best of 20 runs.
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
    (0..20).map(|_| once()).fold(0.0, f64::max)
}

/// Processor time of this thread so far, in seconds (Linux; NaN elsewhere): what is left of a time on a busy machine.
fn busy() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|t| t.parse::<f64>().ok()).map_or(f64::NAN, |t| t * 1e-9)
}

/// Bytes that look random, as images of 10 pixels in two classes.
fn training() -> Training {
    let mut images = Images::default();
    images.pixels = (0..10 * KERNEL as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    images.labels = (0..KERNEL).map(|i| (i * 7 % 2) as u16).collect();
    let data = DataSet::new("made-up", [1, 10, 1], 2, 255.0, None, images, Images::default()).unwrap();
    let labels = data.train.labels[..SAMPLES].to_vec();
    Training { data: Arc::new(data), rows: (0..SAMPLES as u32).collect(), labels }
}

fn network(h: usize) -> Arc<Trained> {
    let loss = Loss::QuadraticHinge { margin: 1.0 };
    let shape = Mlp { widths: vec![h, h], hidden: Hidden::Relu, loss, ..Mlp::default() };
    Arc::new(mlp(&shape, training()).unwrap())
}

struct Bench {
    named: Vec<String>,
    threads: usize,
    seconds: f64,
}

impl Bench {
    fn wants(&self, case: &str) -> bool {
        self.named.is_empty() || self.named.iter().any(|n| case.contains(n.as_str()))
    }

    /// The best of many runs of `work`, which does `times` of what is counted; `flops` of one.
    fn case(&self, case: &str, precision: Precision, times: usize, flops: f64, work: &mut dyn FnMut()) {
        if !self.wants(case) {
            return;
        }
        let once = |work: &mut dyn FnMut()| {
            let (start, before) = (Instant::now(), busy());
            work();
            (start.elapsed().as_secs_f64(), busy() - before)
        };
        let runs = (0.02 / once(work).0).ceil() as usize;
        let (begin, mut wall, mut least) = (Instant::now(), f64::INFINITY, f64::INFINITY);
        while begin.elapsed().as_secs_f64() < self.seconds || wall.is_infinite() {
            let (time, cpu) = once(&mut || (0..runs).for_each(|_| work()));
            (wall, least) = (wall.min(time), least.min(cpu));
        }
        let per = (runs * times) as f64;
        let floor = flops / (peak(precision) * self.threads as f64);
        // Gradients and products are compared by their times, not by their work.
        let work = if case.contains("vec") || case.contains("gradient") {
            String::new()
        } else {
            format!("\"flops\": {flops:.4e}, ")
        };
        println!(
            "{{\"case\": \"{case}\", \"precision\": \"{}\", \"threads\": {}, \"seconds\": {:.4e}, \"cpu\": {:.4e}, \
             {work}\"floor\": {floor:.4e}}}",
            if precision == Precision::F32 { "f32" } else { "f64" },
            self.threads,
            wall / per,
            least / per,
        );
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let option = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1));
    let number = |name: &str, default: f64| option(name).map_or(default, |v| v.parse().expect("a number"));
    let (threads, seconds) = (number("--threads", 1.0) as usize, number("--seconds", 1.0));
    rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build_global().expect("threads");
    let named = args.iter().take_while(|a| !a.starts_with("--")).cloned().collect();
    let bench = Bench { named, threads, seconds };
    for h in [10, 30, 100] {
        let system = network(h);
        let n = system.dof();
        // Products of forward, weight gradient, and backward above the first layer.
        let gradient = (SAMPLES * (6 * n - 20 * h)) as f64;
        for (precision, name) in [(Precision::F64, "f64"), (Precision::F32, "f32")] {
            let method = Method::Descent { step_size: 0.01.into() };
            let job = Job { method, streams: Streams::new(1), replicas: 0..64, precision };
            let mut stepper = system.clone().native(&job).unwrap().unwrap();
            let case = format!("replicas-64-of-10-{h}-{h}-1 {name}");
            bench.case(&case, precision, 1, 64.0 * gradient, &mut || stepper.advance(1).unwrap());
        }
        let (mut x, mut v, mut out) = (vec![0.0; n], vec![0.0; VECTORS * n], vec![0.0; VECTORS * n]);
        system.initial(Streams::new(1), 0, &mut x).unwrap();
        v.iter_mut().enumerate().for_each(|(i, v)| *v = (i as f64).sin());
        let hessian = system.hessian().unwrap();
        let double = Precision::F64;
        bench.case(&format!("gradient/10-{h}-{h}-1"), double, 1, gradient, &mut || {
            system.energy_force(&x, &mut out[..n]).unwrap();
        });
        // Forward and back once more, and each product twice but for the data, which do not move.
        let product = (SAMPLES * (16 * n - 100 * h)) as f64;
        for name in ["hessian-vec", "hessian-vec-alone"] {
            bench.case(&format!("{name}/10-{h}-{h}-1"), double, 1, product, &mut || {
                hessian.hessian_vec(&x, &v[..n], &mut out[..n]).unwrap();
            });
        }
        bench.case(&format!("hessian-vec-shared/10-{h}-{h}-1"), double, VECTORS, product, &mut || {
            hessian.hessian_vec_many(&x, &v, &mut out).unwrap();
        });
    }
    let system = network(100);
    let mut x = vec![0.0; system.dof()];
    system.initial(Streams::new(1), 0, &mut x).unwrap();
    let inputs: Vec<f64> = (0..KERNEL).flat_map(|row| system.training.data.sample(Split::Train, row)).collect();
    let mut out = vec![0.0; KERNEL * KERNEL];
    // Half of the products of inputs and of derivatives of each layer.
    let flops = (KERNEL * KERNEL * (10 + 100 + 100 + 100 + 100 + 1)) as f64;
    bench.case("tangent-kernel/10-100-100-1", Precision::F64, 1, flops, &mut || {
        system.tangent_kernel(&x, &inputs, None, &mut out).unwrap();
    });
}
