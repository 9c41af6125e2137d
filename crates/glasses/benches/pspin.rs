//! Speed of the p-spin force against the memory's copy bandwidth: JSON lines, one a case.
//!
//! `bandwidth` of a force pass: bytes of couplings (4 N^3/6) read per second, one pass whatever the replicas.
//! `bandwidth` of a copy: bytes read plus bytes written per second of `copy_from_slice` between two buffers, each as
//! large as the couplings, cut evenly over the same threads. Cases are interleaved; the best of all rounds counts.
//! Arguments: `--rounds R`, `--threads T,T,...`, `--n N,N,...`; others are ignored.

use glasslab_core::{Streams, System};
use glasslab_glasses::SphericalPSpin;
use rayon::prelude::*;
use std::time::Instant;

fn list(name: &str, default: &[usize]) -> Vec<usize> {
    let mut arguments = std::env::args().skip_while(|a| a != name);
    match arguments.nth(1) {
        Some(text) => text.split(',').map(|v| v.parse().expect("whole numbers, separated by commas")).collect(),
        None => default.to_vec(),
    }
}

fn seconds(mut work: impl FnMut()) -> f64 {
    let begin = Instant::now();
    work();
    begin.elapsed().as_secs_f64()
}

fn main() {
    let available = std::thread::available_parallelism().map_or(1, usize::from);
    let rounds = list("--rounds", &[15])[0];
    let threads = list("--threads", &if available > 1 { vec![1, available] } else { vec![1] });
    for n in list("--n", &[512, 1024]) {
        let system = SphericalPSpin::new(3, n, Streams::new(1), 0).expect("the couplings fit into memory");
        let useful = 4 * n * (n - 1) * (n - 2) / 6;
        let source = vec![1.0_f32; useful / 4];
        let mut target = vec![0.0_f32; useful / 4];
        let replicas = [1, 2, 4, 8, 16];
        for &threads in &threads {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads");
            let mut best = vec![f64::INFINITY; replicas.len() + 1];
            let starts: Vec<Vec<f64>> = replicas.iter().map(|r| start(&system, *r)).collect();
            pool.install(|| {
                for _ in 0..rounds {
                    let part = (useful / 4).div_ceil(threads);
                    let copy = seconds(|| {
                        let parts = target.par_chunks_mut(part).zip(source.par_chunks(part));
                        parts.for_each(|(to, from)| to.copy_from_slice(from));
                    });
                    best[0] = best[0].min(copy);
                    for ((best, r), x) in best[1..].iter_mut().zip(&replicas).zip(&starts) {
                        let (mut force, mut energy) = (vec![0.0; r * n], vec![0.0; *r]);
                        let pass = || system.energy_force_many(x, &mut force, &mut energy).expect("a force");
                        *best = best.min(seconds(pass));
                        std::hint::black_box((&force, &energy));
                    }
                }
            });
            line(&format!("copy n={n}"), threads, best[0], 2 * useful);
            for (r, best) in replicas.iter().zip(&best[1..]) {
                line(&format!("pspin3 n={n} replicas={r}"), threads, *best, useful);
            }
        }
    }
}

fn start(system: &SphericalPSpin, replicas: usize) -> Vec<f64> {
    let mut x = vec![0.0; replicas * system.dof()];
    for (r, x) in x.chunks_mut(system.dof()).enumerate() {
        system.initial(Streams::new(1), r as u64, x).expect("a start");
    }
    x
}

fn line(case: &str, threads: usize, seconds: f64, bytes: usize) {
    let bandwidth = bytes as f64 / seconds;
    println!(
        "{{\"case\":\"{case}\",\"threads\":{threads},\"seconds\":{seconds:e},\"bytes\":{bytes},\"bandwidth\":{bandwidth:e}}}"
    );
}
