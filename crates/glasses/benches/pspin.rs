//! Speed of the p-spin force against the memory's copy bandwidth: JSON lines, one a case.
//!
//! `bandwidth` of a force pass: bytes of couplings (4 N^3/6) read per second, one pass whatever the replicas.
//! `bandwidth` of a copy: bytes read plus bytes written per second of `copy_from_slice` between two buffers, each as
//! large as the couplings, cut evenly over the same threads. Cases are interleaved; the best of all rounds counts.
//! `regenerated`: the same force with couplings that are made again; `per_coupling`: its seconds per coupling.
//! `diluted`: about N^2/2 triplets; `per_coupling` likewise. `ratio` of 16 replicas: 16 times the time of one over theirs.
//! `floor`: of a stored pass, the larger of bytes over copied bytes per second and flops over measured flops of fused
//! multiply-adds in registers.
//! Arguments: `--rounds R`, `--threads T,T,...`, `--n N,N,...`; others are ignored.

use glasslab_core::{Streams, System};
use glasslab_glasses::{SphericalPSpin, Store};
use rayon::prelude::*;
use std::time::Instant;

fn list(name: &str, default: &[usize]) -> Vec<usize> {
    let mut arguments = std::env::args().skip_while(|a| a != name);
    match arguments.nth(1) {
        Some(text) => text.split(',').map(|v| v.parse().expect("whole numbers, separated by commas")).collect(),
        None => default.to_vec(),
    }
}

/// Seconds that the work took: of computing on this thread if it is alone (others on the machine do not count), else by the
/// clock.
fn seconds(alone: bool, mut work: impl FnMut()) -> f64 {
    let computing = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok().filter(|_| alone)?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    let (begin, before) = (Instant::now(), computing());
    work();
    let passed = begin.elapsed().as_secs_f64();
    match (before, computing()) {
        // What is shorter than a few ticks of the scheduler's count is taken from the clock.
        (Some(before), Some(after)) if passed > 0.02 && after > before => ((after - before) * 1e-9).min(passed),
        _ => passed,
    }
}

fn main() {
    let available = std::thread::available_parallelism().map_or(1, usize::from);
    let rounds = list("--rounds", &[15])[0];
    let threads = list("--threads", &if available > 1 { vec![1, available] } else { vec![1] });
    let peak = flops_per_second();
    for n in list("--n", &[512, 1024]) {
        let make =
            |store| SphericalPSpin::stored(3, n, store, Streams::new(1), 0).expect("the couplings fit into memory");
        let (dense, made, few) = (make(Store::Dense), make(Store::Regenerated), make(Store::Diluted));
        let couplings = n * (n - 1) * (n - 2) / 6;
        let useful = 4 * couplings;
        let source = vec![1.0_f32; couplings];
        let mut target = vec![0.0_f32; couplings];
        let replicas = [1, 2, 4, 8, 16];
        let mut cases: Vec<(String, &SphericalPSpin, usize)> =
            replicas.iter().map(|&r| (format!("pspin3 n={n} replicas={r}"), &dense, r)).collect();
        for r in [1, 16] {
            cases.push((format!("pspin3 regenerated n={n} replicas={r}"), &made, r));
            cases.push((format!("pspin3 diluted n={n} replicas={r}"), &few, r));
        }
        for &threads in &threads {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads");
            let mut best = vec![f64::INFINITY; cases.len() + 1];
            let starts: Vec<Vec<f64>> = cases.iter().map(|c| start(c.1, c.2)).collect();
            pool.install(|| {
                for _ in 0..rounds {
                    let part = couplings.div_ceil(threads);
                    let copy = seconds(threads == 1, || {
                        let parts = target.par_chunks_mut(part).zip(source.par_chunks(part));
                        parts.for_each(|(to, from)| to.copy_from_slice(from));
                    });
                    best[0] = best[0].min(copy);
                    for ((best, (_, system, r)), x) in best[1..].iter_mut().zip(&cases).zip(&starts) {
                        let (mut force, mut energy) = (vec![0.0; r * n], vec![0.0; *r]);
                        let pass = || system.energy_force_many(x, &mut force, &mut energy).expect("a force");
                        *best = best.min(seconds(threads == 1, pass));
                        std::hint::black_box((&force, &energy));
                    }
                }
            });
            let copied = 2.0 * useful as f64 / best[0];
            println!(
                "{{\"case\":\"copy n={n}\",\"threads\":{threads},\"seconds\":{:e},\"bytes\":{},\"bandwidth\":{copied:e}}}",
                best[0],
                2 * useful
            );
            for (at, (case, system, r)) in cases.iter().enumerate() {
                let (time, bytes) = (best[at + 1], system.bytes_per_pass());
                let all = bytes == 0 || bytes as usize > useful;
                let count = if all { couplings } else { (n - 1) * (n - 2) / 2 };
                let flops = 4 * count * r;
                let floor = (bytes as f64 / copied).max(flops as f64 / (peak * threads as f64));
                println!(
                    "{{\"case\":\"{case}\",\"threads\":{threads},\"seconds\":{time:e},\"bytes\":{bytes},\"flops\":{flops},\
                     \"floor\":{floor:e},\"bandwidth\":{:e},\"per_coupling\":{:e}}}",
                    bytes as f64 / time,
                    time / (count * r) as f64
                );
            }
            println!(
                "{{\"case\":\"pspin3 n={n} one by one over 16 together\",\"threads\":{threads},\"seconds\":{:e},\"ratio\":{:.2}}}",
                best[5],
                16.0 * best[1] / best[5]
            );
        }
    }
}

/// Flops per second of one thread: independent fused multiply-adds in registers.
fn flops_per_second() -> f64 {
    struct Fused;
    impl pulp::WithSimd for Fused {
        type Output = f64;
        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, simd: S) -> f64 {
            let (factor, count) = (simd.splat_f32s(std::hint::black_box(0.999)), 2_000_000);
            let mut sums = [simd.splat_f32s(std::hint::black_box(1.0)); 12];
            let begin = Instant::now();
            for _ in 0..count {
                for sum in &mut sums {
                    *sum = simd.mul_add_f32s(*sum, factor, factor);
                }
            }
            std::hint::black_box(&sums);
            let time = begin.elapsed().as_secs_f64();
            (2 * 12 * S::F32_LANES * count) as f64 / time
        }
    }
    (0..5).map(|_| pulp::Arch::new().dispatch(Fused)).fold(0.0, f64::max)
}

fn start(system: &SphericalPSpin, replicas: usize) -> Vec<f64> {
    let mut x = vec![0.0; replicas * system.dof()];
    for (r, x) in x.chunks_mut(system.dof()).enumerate() {
        system.initial(Streams::new(1), r as u64, x).expect("a start");
    }
    x
}
