//! Trains the nets that are asked for, all at once on all threads; each net is a file, so that nothing is trained twice.

use super::plan::AdvisePlan;
use crate::error::LabError;
use crate::plane::{End, PlanePlan, RunResult, net};
use crate::run::Watch;
use crate::study::{Part, Study, spread};
use glasslab_core::{Fault, Streams};
use glasslab_nets::labelled::{Labelled, Prepared};
use glasslab_nets::plane::{Gate, Shape};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ops::ControlFlow;
use std::time::Instant;

/// A net to train: a point of the plane and the number of its initial weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Order {
    pub width: usize,
    pub alpha: f64,
    pub number: u64,
}

/// A net that was trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Net {
    /// All that decided it.
    key: String,
    /// How it went.
    pub run: RunResult,
    /// alpha (f - f0) on the samples that it is judged by, in f32.
    pub outputs: Vec<f32>,
}

impl Part for Net {
    fn key(&self) -> &str {
        &self.key
    }
}

impl Net {
    /// False if it diverged: such a net is in no average.
    pub fn is_whole(&self) -> bool {
        self.run.end != End::Diverged
    }
}

/// One training set, and the samples that its nets are judged by. Nets see nothing else.
pub(super) struct Shop<'a> {
    plan: PlanePlan,
    data: Prepared,
    study: &'a Study,
    /// Digest of plan and data: what is common to the keys.
    common: String,
    /// Seconds of computing, summed over threads; for planning and the manifest alone.
    pub seconds: f64,
}

fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(16).map(|b| format!("{b:02x}")).collect()
}

fn bytes(data: &Labelled) -> Vec<u8> {
    data.x.iter().chain(&data.y).flat_map(|v| v.to_le_bytes()).collect()
}

impl<'a> Shop<'a> {
    /// Trains on `train`, takes tangent kernels on `kernel`, judges on `judge`.
    pub fn new(plan: &AdvisePlan, train: &Labelled, kernel: Labelled, judge: Labelled, study: &'a Study) -> Self {
        let of = PlanePlan {
            samples: train.len(),
            depth: plan.depth,
            activation: plan.activation.clone(),
            activation_slope: plan.activation_slope,
            loss: plan.loss.clone(),
            loss_sharpness: plan.loss_sharpness,
            steps: plan.steps,
            seed: plan.seed,
            ..PlanePlan::default()
        };
        let words = format!(
            "glasslab advise net, format 1\n{} {} {:?} {} {:?} {} {}",
            plan.depth, plan.activation, plan.activation_slope, plan.loss, plan.loss_sharpness, plan.steps, plan.seed
        );
        let common = digest(&[words.as_bytes(), &bytes(train), &bytes(&kernel), &bytes(&judge)]);
        let data = Prepared { train: train.clone(), kernel, test: judge, about: String::new() };
        Self { plan: of, data, study, common, seconds: 0.0 }
    }

    /// Labels of the samples that nets are judged by.
    pub fn y(&self) -> &[f64] {
        &self.data.test.y
    }

    /// Inputs d.
    pub fn inputs(&self) -> usize {
        self.data.train.inputs
    }

    fn key(&self, order: &Order) -> String {
        format!("{} h {} alpha {:?} net {}", self.common, order.width, order.alpha, order.number)
    }

    fn read(&self, order: &Order) -> Option<Net> {
        self.study.read(&self.key(order)).filter(|net: &Net| net.outputs.len() == self.data.test.len())
    }

    fn make(&self, order: &Order) -> Result<Net, Fault> {
        let gate = Gate::new(&self.plan.activation, self.plan.activation_slope)?;
        let shape = Shape::new(self.inputs(), order.width, self.plan.depth, gate)?;
        let (run, outputs) = net(&self.plan, &self.data, &shape, order.alpha, order.number)?;
        Ok(Net { key: self.key(order), run, outputs: outputs.into_iter().map(|o| o as f32).collect() })
    }

    /// All these nets, from files or trained, in their order; the widest begin first. The results depend on the orders alone, not on threads.
    pub fn train(&mut self, orders: &[Order], title: &str, watch: &mut dyn Watch) -> Result<Vec<Net>, LabError> {
        let mut done: Vec<Option<Net>> = orders.iter().map(|o| self.read(o)).collect();
        let mut open: Vec<usize> = (0..orders.len()).filter(|&k| done[k].is_none()).collect();
        open.sort_by_key(|&k| std::cmp::Reverse(orders[k].width));
        let mut finished = (orders.len() - open.len()) as u64;
        watch.begin(title, finished, orders.len() as u64);
        let (mut failed, mut seconds) = (None, 0.0);
        let timed = |k: usize, say: &dyn Fn((usize, Result<Net, Fault>, f64))| {
            let begin = Instant::now();
            let result = self.make(&orders[k]);
            say((k, result, begin.elapsed().as_secs_f64()));
        };
        spread(&open, timed, |(k, result, time)| {
            seconds += time;
            let kept = result.map_err(super::refuse).and_then(|net| {
                self.study.keep(&net, &serde_json::to_vec(&net).unwrap_or_default())?;
                done[k] = Some(net);
                Ok(())
            });
            finished += 1;
            watch.at(finished);
            match kept {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed.get_or_insert(error);
                    ControlFlow::Break(())
                }
            }
        });
        watch.end();
        self.seconds += seconds;
        match failed {
            Some(error) => Err(error),
            None => Ok(done.into_iter().flatten().collect()),
        }
    }
}

/// Operations a second of this machine, all threads, at training nets of the middle of the plane: for turning seconds into a budget.
pub(super) fn rate(plan: &AdvisePlan) -> Result<f64, Fault> {
    use glasslab_core::{Job, Method, Precision, System};
    use glasslab_nets::plane::{AlphaMlp, MarginLoss};
    use rayon::prelude::*;
    let (d, width, samples, attempts) = (20, 32, 500, 40);
    let shape = Shape::new(d, width, plan.depth, Gate::new(&plan.activation, plan.activation_slope)?)?;
    let x: Vec<f64> = (0..samples * d).map(|k| (k as f64 * 0.7).sin()).collect();
    let y: Vec<f64> = (0..samples).map(|k| if k % 2 == 0 { 1.0 } else { -1.0 }).collect();
    let threads = rayon::current_num_threads();
    let begin = Instant::now();
    let rounds = 5;
    (0..threads * rounds).into_par_iter().with_max_len(1).try_for_each(|k| -> Result<(), Fault> {
        let origin = shape.draw(Streams::new(0), k as u64);
        let loss = MarginLoss::new(&plan.loss, plan.loss_sharpness)?;
        let system = std::sync::Arc::new(AlphaMlp::new(shape.clone(), loss, 10.0, (&x, &y), origin, true)?);
        let number = k as u64;
        let job = Job {
            method: Method::Flow(Default::default()),
            streams: Streams::new(0),
            replicas: number..number + 1,
            precision: Precision::F64,
        };
        match system.native(&job)? {
            Some(mut flow) => flow.advance(attempts),
            None => Ok(()),
        }
    })?;
    let work = shape.flops() * (samples * threads * rounds) as f64 * attempts as f64;
    Ok(work / begin.elapsed().as_secs_f64())
}
