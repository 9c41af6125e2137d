//! Perceptrons of the (h, alpha) plane: against PyTorch step by step, finite differences, and themselves.

use glasslab_core::*;
use glasslab_nets::plane::{AlphaMlp, Gate, MarginLoss, Shape};
use glasslab_testkit::{force_is_minus_gradient, stepper_contract};
use rand::RngExt;
use safetensors::SafeTensors;
use std::path::Path;
use std::sync::Arc;

fn reference(name: &str) -> Vec<f64> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cross/flow.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let all = SafeTensors::deserialize(&bytes).unwrap();
    all.tensor(name).unwrap().data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
}

fn worst(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// 300 attempts of gradient flow (two architectures with f0 subtracted, one without; three losses; with and without
/// memory) end on PyTorch's weights, outputs, flow time, time step and energy to 1e-9, and pass the same flow times on
/// the way. `cross/make_flow.py` made the numbers.
#[test]
fn the_flow_equals_pytorch_step_by_step() {
    type Case<'a> = (&'a str, (&'a str, f64), MarginLoss, [usize; 3], f64, bool, f64);
    let cases: [Case<'_>; 3] = [
        ("swish", ("swish", 10.0), MarginLoss::Soft { beta: 20.0 }, [5, 7, 2], 2.0, true, 0.0),
        ("relu", ("relu", 1.0), MarginLoss::Quadratic, [4, 6, 3], 30.0, false, 0.05),
        ("tanh", ("tanh", 3.0), MarginLoss::Logistic, [3, 9, 1], 0.5, true, 0.0),
    ];
    for (name, (gate, slope), loss, [d, h, depth], alpha, subtract, memory) in cases {
        let get = |what: &str| reference(&format!("{name}.{what}"));
        let shape = Shape::new(d, h, depth, Gate::new(gate, slope).unwrap()).unwrap();
        let (x, y) = (get("x"), get("y"));
        let make = || AlphaMlp::new(shape.clone(), loss, alpha, (&x, &y), get("start"), subtract).unwrap();
        let rule = FlowRule { memory, ..FlowRule::default() };
        let job =
            Job { method: Method::Flow(rule), streams: Streams::new(1), replicas: 0..1, precision: Precision::F64 };
        // The native Stepper draws its start; its state is loaded with PyTorch's instead.
        let system = Arc::new(make());
        let mut native = system.clone().native(&job).unwrap().unwrap();
        let mut state = native.save();
        state.arrays[0] = ("positions".to_owned(), Array::F64(get("start")));
        let mut force = vec![0.0; system.dof()];
        let start = system.energy_force(&get("start"), &mut force).unwrap();
        let mut clocks = State::default();
        FlowClock::save(&[FlowClock::new(&rule, start)], &mut clocks);
        for (name, array) in clocks.arrays {
            state.arrays.iter_mut().find(|a| a.0 == name).unwrap().1 = array;
        }
        native.load(&state).unwrap();
        let trace = get("trace");
        let stepper = &mut native;
        for attempt in [1, 37, 300] {
            stepper.advance(attempt - stepper.clock().step).unwrap();
            let expected = trace[3 * (attempt as usize - 1)];
            let time = stepper.replica_time(0);
            assert!((time - expected).abs() <= 1e-9 * expected, "{name}: t = {time}, not {expected}");
        }
        let w = stepper.positions(0).to_f64();
        assert!(worst(&w, &get("end")) < 1e-9, "{name}: weights off by {:.1e}", worst(&w, &get("end")));
        let o = system.moved_outputs(&w, &x, subtract);
        assert!(worst(&o, &get("outputs")) < 1e-9, "{name}");
        let saved = stepper.save();
        let dt = saved.f64("flow", 5).unwrap()[0];
        assert!((dt / trace[3 * 299 + 1] - 1.0).abs() < 1e-9, "{name}: dt");
        let e = system.energy_force(&w, &mut vec![0.0; w.len()]).unwrap();
        assert!((e - trace[3 * 299 + 2]).abs() < 1e-9, "{name}: energy");
    }
}

/// A small System of each kind, on made-up data; alpha is small, so that no kink of a hinge is near.
fn systems() -> Vec<Arc<AlphaMlp>> {
    let mut rng = Streams::new(5).stream("test", 0, 0);
    let mut out = Vec::new();
    for (gate, depth, loss, subtract) in [
        ("swish", 2, MarginLoss::Soft { beta: 3.0 }, true),
        ("softplus", 1, MarginLoss::Logistic, false),
        ("tanh", 3, MarginLoss::Quadratic, true),
    ] {
        let x: Vec<f64> = (0..3 * 150).map(|_| rng.random::<f64>() * 4.0 - 2.0).collect();
        let y: Vec<f64> = x.chunks(3).map(|x| (x[0] * x[1] + x[2]).signum()).collect();
        let shape = Shape::new(3, 5, depth, Gate::new(gate, 4.0).unwrap()).unwrap();
        let origin = shape.draw(Streams::new(1), 0);
        out.push(Arc::new(AlphaMlp::new(shape, loss, 0.1, (&x, &y), origin, subtract).unwrap()));
    }
    out
}

#[test]
fn forces_are_minus_gradients() {
    for system in systems() {
        let x = system.shape().draw(Streams::new(2), 7);
        force_is_minus_gradient(&*system, &x, 1e-15).unwrap();
    }
}

#[test]
fn the_fused_flow_keeps_the_stepper_contract() {
    for system in systems() {
        for memory in [0.0, 0.5] {
            let make = |replicas: std::ops::Range<u64>| {
                let rule = FlowRule { memory, ..FlowRule::default() };
                let job =
                    Job { method: Method::Flow(rule), streams: Streams::new(1), replicas, precision: Precision::F64 };
                system.clone().native(&job).unwrap().unwrap()
            };
            stepper_contract(&make, 4, 60).unwrap();
        }
    }
}

/// Theta = J J^T, with J by central differences of the outputs: h = 1e-5, so an error of about h^2 (slope of the
/// nonlinearity)^2 = 2e-9 in each of some 60 terms: below 1e-7 of the largest entry.
/// The means over seven batches of 100 samples, weighed by their sizes, are energy and force of the whole, to 1e-12; a batch is that of its samples: in another
/// order it gives the same.
#[test]
fn mini_batches_average_to_the_whole() {
    for system in systems() {
        let batches = system.subsample().unwrap();
        let (n, p) = (system.dof(), batches.samples());
        let mut x = vec![0.0; n];
        system.initial(Streams::new(5), 3, &mut x).unwrap();
        let (mut whole, mut part, mut sum) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        let energy = system.energy_force(&x, &mut whole).unwrap();
        let mut order = BatchOrder::new(Streams::new(6), 0, p, p.div_ceil(7));
        let mut mean = 0.0;
        for step in 0..order.steps_per_epoch() {
            let batch = order.batch(step).to_vec();
            let share = batch.len() as f64 / p as f64;
            mean += share * batches.batch_energy_force(&x, &batch, &mut part).unwrap();
            sum.iter_mut().zip(&part).for_each(|(s, f)| *s += share * f);
        }
        assert!((mean / energy - 1.0).abs() < 1e-12);
        let size = whole.iter().fold(0.0_f64, |m, f| m.max(f.abs()));
        assert!(worst(&sum, &whole) < 1e-12 * size, "{}", worst(&sum, &whole));
        let few = [3_u32, 1, 2];
        batches.batch_energy_force(&x, &few, &mut part).unwrap();
        batches.batch_energy_force(&x, &[1, 2, 3], &mut sum).unwrap();
        assert!(worst(&sum, &part) < 1e-12 * size);
        for (bad, word) in [(vec![], "[]"), (vec![0, p as u32], "below")] {
            let said = batches.batch_energy_force(&x, &bad, &mut part).unwrap_err().to_string();
            assert!(said.contains("batch") && said.contains(word), "{said}");
        }
    }
}

#[test]
fn the_kernel_is_the_product_of_gradients() {
    for system in systems() {
        let w = system.shape().draw(Streams::new(2), 3);
        let inputs: Vec<f64> = (0..12).map(|k| (f64::from(k) * 1.7).sin()).collect();
        let h = 1e-5;
        let columns: Vec<Vec<f64>> = (0..w.len())
            .map(|i| {
                let at = |s: f64| {
                    let mut v = w.clone();
                    v[i] += s;
                    let mut out = vec![0.0; 4];
                    Predict::predict(&*system, &v, &inputs, &mut out).unwrap();
                    out
                };
                at(h).iter().zip(at(-h)).map(|(a, b)| (a - b) / (2.0 * h)).collect()
            })
            .collect();
        let theta = system.kernel(&w, &inputs);
        let largest = theta.iter().fold(0.0_f64, |m, t| m.max(t.abs()));
        for (i, j) in (0..4).flat_map(|i| (0..4).map(move |j| (i, j))) {
            let sum: f64 = columns.iter().map(|c| c[i] * c[j]).sum();
            assert!((theta[4 * i + j] - sum).abs() < 1e-7 * largest, "({i}, {j}): {} against {sum}", theta[4 * i + j]);
        }
    }
}

/// Gaps are negative where the margin is violated, and the flow ends as satisfied when there is none: 20 random labels and
/// 16 hidden units can always be fitted.
#[test]
fn the_flow_ends_when_all_margins_are_met() {
    let mut rng = Streams::new(5).stream("test", 1, 0);
    let x: Vec<f64> = (0..5 * 20).map(|_| rng.random::<f64>() * 4.0 - 2.0).collect();
    let y: Vec<f64> = (0..20).map(|_| if rng.random::<bool>() { 1.0 } else { -1.0 }).collect();
    let shape = Shape::new(5, 16, 2, Gate::new("swish", 10.0).unwrap()).unwrap();
    let origin = shape.draw(Streams::new(1), 0);
    let loss = MarginLoss::Soft { beta: 20.0 };
    let system = Arc::new(AlphaMlp::new(shape, loss, 1.0, (&x, &y), origin, true).unwrap());
    let job = Job {
        method: Method::Flow(FlowRule::default()),
        streams: Streams::new(1),
        replicas: 0..1,
        precision: Precision::F64,
    };
    let mut run = system.clone().native(&job).unwrap().unwrap();
    let start = system.gaps(&run.positions(0).to_f64()).unwrap();
    assert!(start.iter().all(|g| *g == -1.0), "the predictor starts at 0");
    let mut last_violated = 20;
    while run.stop(0).is_none() {
        assert!(run.clock().step < 100_000, "it fits");
        let w = run.positions(0).to_f64();
        last_violated = system.gaps(&w).unwrap().iter().filter(|g| **g < 0.0).count();
        run.advance(1).unwrap();
    }
    let step = run.clock().step;
    assert_eq!(run.stop(0), Some(Stop::Satisfied { step }));
    assert!(last_violated > 0, "not a step too late");
    assert!(system.gaps(&run.positions(0).to_f64()).unwrap().iter().all(|g| *g >= 0.0));
}

#[test]
fn nonsense_is_refused_with_its_name() {
    let gate = Gate::new("relu", 1.0).unwrap();
    let shape = Shape::new(2, 3, 1, gate).unwrap();
    let loss = MarginLoss::Hinge;
    let new = |alpha: f64, x: &[f64], y: &[f64]| {
        let result = AlphaMlp::new(shape.clone(), loss, alpha, (x, y), vec![0.0; shape.dof()], true);
        result.err().map(|e| e.to_string()).unwrap_or_default()
    };
    assert!(new(-1.0, &[0.0; 2], &[1.0]).contains("alpha"));
    assert!(new(1.0, &[0.0; 2], &[0.5]).contains("give labels -1 and +1"));
    assert!(new(1.0, &[0.0; 3], &[1.0]).contains("inputs"));
    assert!(new(1.0, &[], &[]).contains("train"));
    assert!(Gate::new("gelu", 1.0).is_err() && MarginLoss::new("hinge", 0.0).is_err());
    assert!(Shape::new(0, 3, 1, gate).is_err() && Shape::new(2, 3, 0, gate).is_err());
}

/// What the tolerance of the flow costs: outputs on inputs that were not trained on, at the end of training (all margins met), with
/// limits of the turn of 10^-4 (the default), 10^-5 and 10^-6 against 10^-8. A step's relative error is the square root of the turn, and
/// so goes the whole (order 1): relative root mean squares below 3, 1 and 0.3 %, each smaller than the one before, in the lazy and in
/// the feature regime.
#[test]
fn a_smaller_tolerance_changes_outputs_by_less_than_stated() {
    let mut rng = Streams::new(8).stream("test", 1, 0);
    let mut draw = |n: usize| -> Vec<f64> { (0..n).map(|_| rng.random::<f64>() * 4.0 - 2.0).collect() };
    let (x, unseen) = (draw(4 * 30), draw(4 * 100));
    let y: Vec<f64> = x.chunks(4).map(|x| if x[0] * x[1] + 0.3 > 0.0 { 1.0 } else { -1.0 }).collect();
    for alpha in [0.3, 100.0] {
        let outputs = |largest_turn: f64| {
            let shape = Shape::new(4, 12, 2, Gate::new("swish", 10.0).unwrap()).unwrap();
            let origin = shape.draw(Streams::new(1), 0);
            let loss = MarginLoss::Soft { beta: 20.0 };
            let system = Arc::new(AlphaMlp::new(shape, loss, alpha, (&x, &y), origin, true).unwrap());
            let method = Method::Flow(FlowRule { largest_turn, ..FlowRule::default() });
            let job = Job { method, streams: Streams::new(1), replicas: 0..1, precision: Precision::F64 };
            let mut run = system.clone().native(&job).unwrap().unwrap();
            run.advance(300_000).unwrap();
            assert!(matches!(run.stop(0), Some(Stop::Satisfied { .. })), "{alpha} {largest_turn}: {:?}", run.stop(0));
            system.moved_outputs(&run.positions(0).to_f64(), &unseen, true)
        };
        let exact = outputs(1e-8);
        let size: f64 = exact.iter().map(|o| o * o).sum();
        let mut before = f64::INFINITY;
        for (limit, bound) in [(1e-4, 0.03), (1e-5, 0.01), (1e-6, 0.003)] {
            let off: f64 = outputs(limit).iter().zip(&exact).map(|(a, b)| (a - b).powi(2)).sum();
            let off = (off / size).sqrt();
            assert!(off < bound && off < before, "alpha {alpha}, limit {limit}: {off}");
            before = off;
        }
    }
}
