//! Seconds per SGD step of Small Net on made-up images of CIFAR's size, B = 100, sampling of the batch included;
//! `small_net_torch.py` prints the same for PyTorch.
//!
//!     cargo bench -p glasslab-nets --bench small_net -- [--threads T] [--seconds S]

use glasslab_core::*;
use glasslab_nets::data::Images;
use glasslab_nets::*;
use std::sync::Arc;
use std::time::Instant;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let option = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1));
    let number = |name: &str, default: f64| option(name).map_or(default, |v| v.parse().expect("a number"));
    let (threads, seconds) = (number("--threads", 1.0) as usize, number("--seconds", 2.0));
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().expect("threads");
    let mut images = Images::default();
    images.pixels = (0..2000 * 3072_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    images.labels = (0..2000).map(|i| i % 10).collect();
    let data = DataSet::new("made-up", [3, 32, 32], 10, 255.0, None, images, Images::default()).unwrap();
    let training = Training::new(Arc::new(data), TrainingChoice::default(), Streams::new(1)).unwrap();
    let system = Arc::new(small_net(1.0, training).unwrap());
    for precision in [Precision::F32, Precision::F64] {
        let method = Method::Sgd { rate: 0.01.into(), momentum: 0.5, batch: 100 };
        let job = Job { method, streams: Streams::new(1), replicas: 0..1, precision };
        let mut stepper = system.clone().native(&job).unwrap().unwrap();
        stepper.advance(5).unwrap();
        let (begin, mut times) = (Instant::now(), Vec::new());
        while begin.elapsed().as_secs_f64() < seconds {
            let start = Instant::now();
            stepper.advance(5).unwrap();
            times.push(start.elapsed().as_secs_f64() / 5.0);
        }
        times.sort_by(f64::total_cmp);
        println!(
            "{{\"case\": \"small-net\", \"precision\": \"{precision:?}\", \"threads\": {threads}, \"seconds_per_step\": \
             {:.4e}, \"median\": {:.4e}}}",
            times[0],
            times[times.len() / 2]
        );
    }
}
