//! Attempts of gradient flow: 15 nets of one point of the (h, alpha) plane, P = 1000, d = 10, L = 2, swish, soft hinge, f64;
//! `flow_torch.py` does the same with vmap over nets, by the same rule.
//!
//!     cargo bench -p glasslab-nets --bench flow -- [--threads T] [--seconds S]

use glasslab_core::*;
use glasslab_nets::labelled::{Recipe, prepare};
use glasslab_nets::plane::{AlphaMlp, Gate, MarginLoss, Shape};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const NETS: u64 = 15;
const SAMPLES: usize = 1000;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let option = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1));
    let number = |name: &str, default: f64| option(name).map_or(default, |v| v.parse().expect("a number"));
    let (threads, seconds) = (number("--threads", 1.0) as usize, number("--seconds", 2.0));
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().expect("threads");
    let recipe = Recipe { data: "sphere".into(), components: 10, whiten: false, train: SAMPLES, kernel: 2, test: 10 };
    let data = prepare(&recipe, Path::new("."), Streams::new(1)).expect("data").train;
    for hidden in [10, 30, 100] {
        let shape = Shape::new(10, hidden, 2, Gate::new("swish", 10.0).unwrap()).unwrap();
        let nets: Vec<Box<dyn Stepper>> = (0..NETS)
            .map(|seed| {
                let origin = shape.draw(Streams::new(1), seed);
                let loss = MarginLoss::Soft { beta: 20.0 };
                let data = (&data.x[..], &data.y[..]);
                let system = AlphaMlp::new(shape.clone(), loss, 10.0, data, origin, true).unwrap();
                let method = Method::Flow(FlowRule::default());
                let job = Job { method, streams: Streams::new(1), replicas: seed..seed + 1, precision: Precision::F64 };
                Arc::new(system).native(&job).unwrap().unwrap()
            })
            .collect();
        let mut times = Vec::new();
        let mut nets = nets;
        let begin = Instant::now();
        while begin.elapsed().as_secs_f64() < seconds || times.len() < 3 {
            let start = Instant::now();
            rayon::scope(|scope| {
                for net in &mut nets {
                    scope.spawn(|_| net.advance(5).expect("an attempt"));
                }
            });
            times.push(start.elapsed().as_secs_f64() / 5.0);
        }
        times.sort_by(f64::total_cmp);
        let flops = shape.flops() * SAMPLES as f64 * NETS as f64;
        println!(
            "{{\"case\": \"flow h={hidden}\", \"precision\": \"F64\", \"threads\": {threads}, \"seconds_per_step\": {:.4e}, \
             \"median\": {:.4e}, \"flops\": {flops:.4e}}}",
            times[0],
            times[times.len() / 2]
        );
    }
}
