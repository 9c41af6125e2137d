//! One point of the plane: all its nets trained, measured, averaged.

use super::plan::PlanePlan;
use glasslab_core::{Contacts, Fault, Job, Method, Precision, Stepper, Stop, Streams, System, sum};
use glasslab_nets::labelled::Prepared;
use glasslab_nets::plane::{AlphaMlp, Gate, MarginLoss, Shape};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// All margins are met: N_Delta = 0.
    Fitted,
    /// The loss no longer falls: -d ln E/d ln t < 0.02 over a factor of 4 in flow time.
    Jammed,
    /// Out of budget, with -d ln E/d ln t < 0.2.
    Slow,
    /// Out of budget, the loss still falling.
    OutOfBudget,
    /// Not finite.
    Diverged,
}

/// One net.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// Number of the net: its weights come from the stream ("weights", seed, 0).
    pub seed: u64,
    /// How it ended.
    pub end: End,
    /// Attempts of the flow.
    pub steps: u64,
    /// Flow time.
    pub time: f64,
    /// N_Delta: training samples whose margin is not met.
    pub unmet: u64,
    /// Training error.
    pub train_error: f64,
    /// Test error.
    pub test_error: f64,
    /// |Theta - Theta_0|/|Theta_0| on the kernel set, Frobenius norms.
    pub kernel_change: f64,
    /// y^T Theta y/(|Theta| |y|^2) on the kernel set, at the start and at the end.
    pub alignment: [f64; 2],
    /// |w - w0|/|w0|, layer by layer.
    pub displacement: Vec<f64>,
    /// RMS over neurons of w_1 divided by the mean of the RMS of the other inputs' weights, first layer, at the end.
    pub amplification: f64,
}

/// All nets of one point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointResult {
    /// All that decided it.
    pub key: String,
    /// Width h.
    pub width: usize,
    /// Scale alpha (code convention).
    pub alpha: f64,
    /// Weights N of a net.
    pub weights: usize,
    /// Test samples.
    pub tested: usize,
    /// The nets.
    pub runs: Vec<RunResult>,
    /// Mean test error and its standard error over nets.
    pub mean_error: [f64; 2],
    /// Test error of the sign of the averaged outputs, and its jackknife standard error over nets.
    pub ensemble_error: [f64; 2],
    /// Var = 1/(S - 1) sum_s mean_x [alpha (f_s - mean f)]^2, and its standard error.
    pub variance: [f64; 2],
}

impl PointResult {
    /// Nets that fit.
    pub fn fitted(&self) -> usize {
        self.runs.iter().filter(|r| r.end == End::Fitted).count()
    }

    /// True if no net fits.
    pub fn is_jammed(&self) -> bool {
        self.fitted() == 0
    }

    /// Mean and standard error of ln(kernel change) over fitted nets, if there are at least two (or one of one).
    pub fn log_kernel_change(&self) -> Option<[f64; 2]> {
        let logs: Vec<f64> = (self.runs.iter())
            .filter(|r| r.end == End::Fitted && r.kernel_change > 0.0)
            .map(|r| r.kernel_change.ln())
            .collect();
        (logs.len() >= self.runs.len().min(2)).then(|| mean(&logs))
    }
}

/// Mean and standard error (0 of one value).
pub(super) fn mean(values: &[f64]) -> [f64; 2] {
    let n = values.len() as f64;
    let m = values.iter().sum::<f64>() / n;
    if values.len() < 2 {
        return [m, 0.0];
    }
    let variance = values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (n - 1.0);
    [m, (variance / n).sqrt()]
}

/// Fraction of outputs whose sign is not the label's; 0 and NaN count as wrong.
fn error(outputs: &[f64], y: &[f64]) -> f64 {
    let right = outputs.iter().zip(y).filter(|(o, y)| **o * **y > 0.0).count();
    1.0 - right as f64 / y.len() as f64
}

fn alignment(theta: &[f64], y: &[f64]) -> f64 {
    let along: f64 = theta.chunks_exact(y.len()).zip(y).map(|(row, y0)| y0 * sum::dot(row, y)).sum();
    along / (sum::dot(theta, theta).sqrt() * y.len() as f64)
}

/// Trains and measures one net; its result, and alpha (f - f0) on the test set.
pub(crate) fn net(
    plan: &PlanePlan,
    data: &Prepared,
    shape: &Shape,
    alpha: f64,
    seed: u64,
) -> Result<(RunResult, Vec<f64>), Fault> {
    let streams = Streams::new(plan.seed);
    let origin = shape.draw(streams, seed);
    let loss = MarginLoss::new(&plan.loss, plan.loss_sharpness)?;
    let train = (&data.train.x[..], &data.train.y[..]);
    let system = Arc::new(AlphaMlp::new(shape.clone(), loss, alpha, train, origin, plan.subtract)?);
    let method = Method::Flow(plan.rule());
    let job = Job { method, streams, replicas: seed..seed + 1, precision: Precision::F64 };
    let mut flow: Box<dyn Stepper> = match Arc::clone(&system).native(&job)? {
        Some(native) => native,
        None => glasslab_dynamics::generic(Arc::clone(&system) as Arc<dyn System>, &job)?,
    };
    while flow.stop(0).is_none() && flow.clock().step < plan.steps {
        flow.advance((plan.steps - flow.clock().step).min(100))?;
    }
    let w = flow.positions(0).to_f64();
    let time = flow.replica_time(0);
    let end = match flow.stop(0) {
        Some(Stop::Satisfied { .. }) => End::Fitted,
        Some(Stop::Diverged { .. }) => End::Diverged,
        Some(_) => End::Jammed,
        None => {
            let mut force = vec![0.0; w.len()];
            let energy = system.energy_force(&w, &mut force)?;
            if time * sum::dot(&force, &force) < 0.2 * energy { End::Slow } else { End::OutOfBudget }
        }
    };
    let gaps = system.gaps(&w)?;
    let outputs: Vec<f64> =
        system.moved_outputs(&w, &data.test.x, plan.subtract).into_iter().map(|o| alpha * o).collect();
    let (before, after) = (system.kernel(system.origin(), &data.kernel.x), system.kernel(&w, &data.kernel.x));
    let difference: Vec<f64> = after.iter().zip(&before).map(|(a, b)| a - b).collect();
    let norm = |v: &[f64]| sum::dot(v, v).sqrt();
    let displacement = shape.layout().into_iter().map(|block| {
        let (a, b) = (&w[block.range.clone()], &system.origin()[block.range]);
        let moved: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
        norm(&moved) / norm(b)
    });
    let d = shape.inputs;
    let rms = |i: usize| {
        let squares: f64 = (0..shape.hidden).map(|n| w[n * d + i] * w[n * d + i]).sum();
        (squares / shape.hidden as f64).sqrt()
    };
    let others = (1..d).map(rms).sum::<f64>() / (d.max(2) - 1) as f64;
    let result = RunResult {
        seed,
        end,
        steps: flow.work().steps,
        time,
        unmet: gaps.iter().filter(|g| **g < 0.0).count() as u64,
        train_error: gaps.iter().filter(|g| **g <= -1.0).count() as f64 / gaps.len() as f64,
        test_error: error(&outputs, &data.test.y),
        kernel_change: norm(&difference) / norm(&before),
        alignment: [alignment(&before, &data.kernel.y), alignment(&after, &data.kernel.y)],
        displacement: displacement.collect(),
        amplification: if d > 1 { rms(0) / others } else { 1.0 },
    };
    Ok((result, outputs))
}

/// Trains all nets of a point, on all threads, and averages. The result depends on the key alone.
pub(super) fn point(plan: &PlanePlan, data: &Prepared, width: usize, alpha: f64) -> Result<PointResult, Fault> {
    let gate = Gate::new(&plan.activation, plan.activation_slope)?;
    let shape = Shape::new(data.train.inputs, width, plan.depth, gate)?;
    let nets: Vec<_> = (0..plan.seeds as usize)
        .into_par_iter()
        .with_max_len(1)
        .map(|seed| net(plan, data, &shape, alpha, seed as u64))
        .collect::<Result<_, _>>()?;
    let (runs, outputs): (Vec<RunResult>, Vec<Vec<f64>>) = nets.into_iter().unzip();
    let whole: Vec<&Vec<f64>> =
        runs.iter().zip(&outputs).filter(|(r, _)| r.end != End::Diverged).map(|(_, o)| o).collect();
    let y = &data.test.y;
    let errors: Vec<f64> = whole.iter().map(|o| error(o, y)).collect();
    let s = whole.len() as f64;
    let mut total = vec![0.0; y.len()];
    for outputs in &whole {
        total.iter_mut().zip(*outputs).for_each(|(t, o)| *t += o);
    }
    let without = |outputs: &Vec<f64>| {
        let rest: Vec<f64> = total.iter().zip(outputs).map(|(t, o)| t - o).collect();
        error(&rest, y)
    };
    let jackknife: Vec<f64> = if whole.len() > 1 { whole.iter().map(|o| without(o)).collect() } else { Vec::new() };
    let [_, spread] = if jackknife.is_empty() { [0.0, 0.0] } else { mean(&jackknife) };
    // Jackknife: sqrt((S - 1)/S sum (e - mean)^2) = (S - 1) times the standard error of the mean.
    let ensemble = [if whole.is_empty() { f64::NAN } else { error(&total, y) }, spread * (s - 1.0).max(0.0)];
    let variances: Vec<f64> = whole
        .iter()
        .map(|o| {
            let squares: f64 = o.iter().zip(&total).map(|(o, t)| (o - t / s).powi(2)).sum();
            squares / y.len() as f64 * s / (s - 1.0)
        })
        .collect();
    Ok(PointResult {
        key: plan.key(width, alpha),
        width,
        alpha,
        weights: shape.dof(),
        tested: y.len(),
        runs,
        mean_error: if errors.is_empty() { [f64::NAN; 2] } else { mean(&errors) },
        ensemble_error: ensemble,
        variance: if variances.len() > 1 { mean(&variances) } else { [f64::NAN; 2] },
    })
}
