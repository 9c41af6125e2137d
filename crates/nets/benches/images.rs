//! Seconds per SGD step of networks on images of CIFAR's size: Small Net (B = 100) and ResNet-18 with the CIFAR stem (B = 64),
//! sampling of the batch included; `images_torch.py` prints the same for PyTorch.
//!
//!     cargo bench -p glasslab-nets --bench images -- [--threads T] [--seconds S] [--only CASE]

use glasslab_core::*;
use glasslab_nets::data::Images;
use glasslab_nets::*;
use std::sync::Arc;
use std::time::Instant;

fn images(classes: u16) -> Training {
    let mut images = Images::default();
    images.pixels = (0..2000 * 3072_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    images.labels = (0..2000).map(|i| i % classes).collect();
    let data = DataSet::new("made-up", [3, 32, 32], classes.into(), 255.0, None, images, Images::default()).unwrap();
    Training::new(Arc::new(data), TrainingChoice::default(), Streams::new(1)).unwrap()
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let option = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1));
    let number = |name: &str, default: f64| option(name).map_or(default, |v| v.parse().expect("a number"));
    let (threads, seconds) = (number("--threads", 1.0) as usize, number("--seconds", 2.0));
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().expect("threads");
    let only = option("--only").cloned().unwrap_or_default();
    let small = Arc::new(small_net(1.0, images(10)).unwrap());
    let resnet = Arc::new(resnet18(Stem::Cifar, 64, images(100)).unwrap());
    let cases = [
        ("small-net", small, 100, 5, Precision::F32),
        ("small-net", Arc::new(small_net(1.0, images(10)).unwrap()), 100, 5, Precision::F64),
        ("resnet18-cifar", resnet, 64, 1, Precision::F32),
    ];
    for (case, system, batch, together, precision) in cases {
        if !case.contains(&only) {
            continue;
        }
        let method = Method::Sgd { rate: 0.01.into(), momentum: 0.5, batch };
        let job = Job { method, streams: Streams::new(1), replicas: 0..1, precision };
        let mut stepper = system.clone().native(&job).unwrap().unwrap();
        stepper.advance(1).unwrap();
        let (begin, mut times) = (Instant::now(), Vec::new());
        while times.is_empty() || begin.elapsed().as_secs_f64() < seconds {
            let start = Instant::now();
            stepper.advance(together).unwrap();
            times.push(start.elapsed().as_secs_f64() / together as f64);
        }
        times.sort_by(f64::total_cmp);
        println!(
            "{{\"case\": \"{case}\", \"precision\": \"{precision:?}\", \"threads\": {threads}, \"seconds_per_step\": {:.4e}, \
             \"median\": {:.4e}}}",
            times[0],
            times[times.len() / 2]
        );
    }
}
