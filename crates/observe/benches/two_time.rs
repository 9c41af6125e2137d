//! Time of one two-time measurement against K references, beside a plain copy of the same bytes: JSON lines.

use glasslab_core::Slice;
use glasslab_observe::kernel::{Comparison, displacement_moments};
use rayon::prelude::*;
use std::hint::black_box;
use std::time::Instant;

/// The best of `repeats` timings, in seconds.
fn best(repeats: usize, mut run: impl FnMut()) -> f64 {
    run();
    let time = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..repeats).map(|_| time(&mut run)).fold(f64::INFINITY, f64::min)
}

fn copy<T: Copy + Send + Sync>(from: &[Vec<T>], to: &mut [Vec<T>]) {
    const PIECE: usize = 1 << 16;
    let pieces = to.par_iter_mut().zip(from).flat_map(|(t, f)| t.par_chunks_mut(PIECE).zip(f.par_chunks(PIECE)));
    pieces.for_each(|(t, f)| t.copy_from_slice(f));
    black_box(to);
}

fn case<T: Copy + Send + Sync + From<f32>>(name: &str, n: usize, k: usize, slice: impl Fn(&[T]) -> Slice<'_> + Sync) {
    let fill = |seed: usize| (0..n).map(|i| T::from(((i * 31 + seed * 17) % 1009) as f32 * 1e-3)).collect::<Vec<T>>();
    let x = fill(0);
    let references: Vec<Vec<T>> = (1..=k).map(fill).collect();
    let mut target = references.clone();
    let bytes = k * n * size_of::<T>();
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool");
        pool.install(|| {
            let compared = best(7, || {
                let c = Comparison { positions: slice(&x), references: references.iter().map(|r| slice(r)).collect() };
                let blocks = [0..n / 2, n / 2..n];
                black_box(displacement_moments(&[c], &blocks).expect("equal lengths"));
            });
            let copied = best(7, || copy(&references, &mut target));
            for (what, seconds) in [("measure", compared), ("copy", copied)] {
                println!(
                    r#"{{"case":"two-time/{name}/{what}","threads":{threads},"seconds":{seconds:e},"bytes":{bytes}}}"#
                );
            }
        });
    }
}

fn main() {
    case::<f32>("f32/N=2e6,K=16", 2_000_000, 16, |v| Slice::F32(v));
    case::<f64>("f64/N=1e6,K=16", 1_000_000, 16, |v| Slice::F64(v));
    case::<f32>("f32/N=2e4,K=32", 20_000, 32, |v| Slice::F32(v));
    case::<f64>("f64/N=2e4,K=32", 20_000, 32, |v| Slice::F64(v));
}
