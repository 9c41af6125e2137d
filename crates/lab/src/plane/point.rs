//! One point of the plane: all its nets trained, measured, averaged.

use super::average::average;
use super::choice::Half;
use super::measure::{Ended, measure};
use super::plan::PlanePlan;
use glasslab_core::{Contacts, Fault, Job, Precision, Stepper, Stop, Streams, System, sum};
use glasslab_nets::labelled::Prepared;
use glasslab_nets::plane::{AlphaMlp, Gate, MarginLoss, Shape, Start};
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
    /// Attempts of the flow, or mini-batches.
    pub steps: u64,
    /// Flow time.
    #[serde(deserialize_with = "super::null::number")]
    pub time: f64,
    /// N_Delta: training samples whose margin is not met.
    pub unmet: u64,
    /// Training error.
    #[serde(deserialize_with = "super::null::number")]
    pub train_error: f64,
    /// Test error.
    #[serde(deserialize_with = "super::null::number")]
    pub test_error: f64,
    /// |Theta - Theta_0|/|Theta_0| on the kernel set, Frobenius norms.
    #[serde(deserialize_with = "super::null::number")]
    pub kernel_change: f64,
    /// y^T Theta y/(|Theta| |y|^2) on the kernel set, at the start and at the end.
    #[serde(deserialize_with = "super::null::pair")]
    pub alignment: [f64; 2],
    /// The largest eigenvalues of Theta on the kernel set, descending, at most [`super::EIGENVALUES`], each with the square of
    /// the cosine of its eigenvector and y; at the start and at the end.
    #[serde(deserialize_with = "super::null::spectra")]
    pub spectrum: [Vec<[f64; 2]>; 2],
    /// |w - w0|/|w0|, layer by layer.
    #[serde(deserialize_with = "super::null::list")]
    pub displacement: Vec<f64>,
    /// |w|, layer by layer, at the end.
    #[serde(deserialize_with = "super::null::list")]
    pub weight_norm: Vec<f64>,
    /// sqrt(h) |w - w0|/|w0| over all weights.
    #[serde(deserialize_with = "super::null::number")]
    pub moved: f64,
    /// RMS over neurons of w_1 divided by the mean of the RMS of the other inputs' weights, first layer, at the start and at the
    /// end.
    #[serde(deserialize_with = "super::null::pair")]
    pub amplification: [f64; 2],
}

/// All nets of one point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointResult {
    /// All that decided it.
    pub key: String,
    /// Width h.
    pub width: usize,
    /// Scale alpha (code convention).
    #[serde(deserialize_with = "super::null::number")]
    pub alpha: f64,
    /// Number of the first net.
    pub first: u64,
    /// Weights N of a net.
    pub weights: usize,
    /// Test samples.
    pub tested: usize,
    /// The nets.
    pub runs: Vec<RunResult>,
    /// Mean test error and its standard error over nets.
    #[serde(deserialize_with = "super::null::pair")]
    pub mean_error: [f64; 2],
    /// Test error of the sign of the averaged outputs, and its jackknife standard error over nets.
    #[serde(deserialize_with = "super::null::pair")]
    pub ensemble_error: [f64; 2],
    /// Var = 1/(S - 1) sum_s mean_x [alpha (f_s - mean f)]^2, and its standard error.
    #[serde(deserialize_with = "super::null::pair")]
    pub variance: [f64; 2],
    /// Errors on the two halves of the test set: the first to choose by, the second to quote.
    pub halves: [Half; 2],
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
        (logs.len() >= self.runs.len().min(2)).then(|| super::average::mean(&logs))
    }
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
    let job = Job {
        method: plan.dynamics(shape.hidden, alpha),
        streams,
        replicas: seed..seed + 1,
        precision: Precision::F64,
    };
    let mut run: Box<dyn Stepper> = match Arc::clone(&system).native(&job)? {
        Some(native) => native,
        None => glasslab_dynamics::generic(Arc::clone(&system) as Arc<dyn System>, &job)?,
    };
    // SGD does not look at all margins: it is asked after each epoch.
    let epoch = match plan.method.as_str() {
        "sgd" => Some(data.train.len().div_ceil(plan.batch) as u64),
        _ => None,
    };
    let mut met = false;
    while !met && run.stop(0).is_none() && run.clock().step < plan.steps {
        run.advance((plan.steps - run.clock().step).min(epoch.unwrap_or(100)))?;
        met = epoch.is_some() && system.gaps(&run.positions(0).to_f64())?.iter().all(|gap| *gap >= 0.0);
    }
    let w = run.positions(0).to_f64();
    let time = run.replica_time(0);
    let end = match run.stop(0) {
        _ if met => End::Fitted,
        Some(Stop::Satisfied { .. }) => End::Fitted,
        Some(Stop::Diverged { .. }) => End::Diverged,
        Some(_) => End::Jammed,
        None => {
            let mut force = vec![0.0; w.len()];
            let energy = system.energy_force(&w, &mut force)?;
            if time * sum::dot(&force, &force) < 0.2 * energy { End::Slow } else { End::OutOfBudget }
        }
    };
    let ended = Ended { seed, end, steps: run.work().steps, time };
    measure(plan, data, &system, &w, ended)
}

/// Trains all nets of a point, of numbers `first` and on, on all threads, and averages. The result depends on the key alone.
pub(super) fn point(
    plan: &PlanePlan,
    data: &Prepared,
    width: usize,
    alpha: f64,
    first: u64,
) -> Result<PointResult, Fault> {
    let gate = Gate::new(&plan.activation, plan.activation_slope)?;
    let start = Start::new(&plan.init, plan.gain)?;
    let shape = Shape::new(data.train.inputs, width, plan.depth, gate)?.with_start(start);
    let nets: Vec<_> = (0..plan.seeds as usize)
        .into_par_iter()
        .with_max_len(1)
        .map(|k| net(plan, data, &shape, alpha, first + k as u64))
        .collect::<Result<_, _>>()?;
    let (runs, outputs): (Vec<RunResult>, Vec<Vec<f64>>) = nets.into_iter().unzip();
    let whole: Vec<&[f64]> =
        runs.iter().zip(&outputs).filter(|(r, _)| r.end != End::Diverged).map(|(_, o)| &o[..]).collect();
    let averages = average(&whole, &data.test.y);
    Ok(PointResult {
        key: plan.key(width, alpha, first),
        width,
        alpha,
        first,
        weights: shape.dof(),
        tested: data.test.len(),
        runs,
        mean_error: averages.mean_error,
        ensemble_error: averages.ensemble_error,
        variance: averages.variance,
        halves: averages.halves,
    })
}
