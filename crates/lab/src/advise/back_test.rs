//! The recommendation put to the test: fresh nets on held-out data, against the best single net of as many weights.

use super::judge::{Judged, Verdict, binomial, gap, judge};
use super::plan::{ALPHAS, AdvisePlan};
use super::quote::Quote;
use super::search::Spot;
use super::shop::{Net, Order, Shop};
use crate::error::LabError;
use crate::run::Watch;
use serde::Serialize;

/// Numbers of the first nets of each part, so that none is used twice.
const TEST: u64 = 2_000_000;
const TRIAL: u64 = 3_000_000;
const SINGLE: u64 = 4_000_000;
/// Single nets that are tried at each alpha, and trained afresh at the best one.
const TRIALS: u64 = 3;
const SINGLES: u64 = 6;

/// The single net.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Single {
    /// Width: the smallest with at least as many weights as the recommended nets have together.
    pub width: usize,
    /// The alpha of smallest error on the samples to choose by.
    pub alpha: f64,
    /// Weights.
    pub weights: usize,
    /// Fresh nets that were trained, one by one judged.
    pub nets: usize,
    /// Those that fit.
    pub fitted: usize,
    /// Mean error of one net on the held-out data, and its standard error (samples and nets).
    pub error: [f64; 2],
    /// Its error less that of the recommended nets, and the standard error of that (paired).
    pub gain: [f64; 2],
    /// Whether the recommended nets are better.
    pub verdict: Verdict,
    /// Work of training one.
    pub work: f64,
}

/// What the test found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BackTest {
    /// Held-out samples.
    pub samples: usize,
    /// Measured error of the recommended nets, trained afresh, and its standard error (samples and nets).
    pub error: [f64; 2],
    /// Interval that the prediction gave for it (two standard errors: of the prediction, of the held-out samples, of fresh nets).
    pub interval: [f64; 2],
    /// Whether it lies in the interval.
    pub covered: bool,
    /// The best single net of as many weights; none if one net is recommended.
    pub single: Option<Single>,
    /// Work of the whole test.
    pub work: f64,
}

fn whole(nets: &[Net]) -> Vec<&[f32]> {
    nets.iter().filter(|n| n.is_whole()).map(|n| &n.outputs[..]).collect()
}

fn steps(nets: &[Net]) -> f64 {
    nets.iter().map(|n| n.run.steps as f64).sum()
}

/// Error with the standard error of samples and nets together.
pub(super) fn with_error(judged: &Judged) -> [f64; 2] {
    let variance = binomial(judged.error, judged.wrong.len()) + judged.over_nets.powi(2);
    [judged.error, variance.sqrt()]
}

/// The smallest width with at least this many weights.
fn width_of(plan: &AdvisePlan, inputs: usize, weights: usize) -> Result<usize, LabError> {
    let mut width = 1;
    while plan.weights(inputs, width).map_err(super::refuse)? < weights {
        width += 1;
    }
    Ok(width)
}

/// Trains what was recommended with nets that nobody has seen, and judges it on `held`; finds the single net's alpha by `choose`,
/// trains it afresh and judges it alike.
pub(super) fn back_test(
    plan: &AdvisePlan,
    chosen: &Spot,
    nets: usize,
    quote: &Quote,
    choose: &mut Shop,
    held: &mut Shop,
    watch: &mut dyn Watch,
) -> Result<Option<BackTest>, LabError> {
    let cost = |width: usize| plan.attempt(choose.inputs(), width).map_err(super::refuse);
    let order = |width: usize, alpha: f64, first: u64| move |n: u64| Order { width, alpha, number: first + n };
    let orders: Vec<Order> = (0..nets as u64).map(order(chosen.width, chosen.alpha, TEST)).collect();
    let fresh = held.train(&orders, "back-test: the recommended nets", watch)?;
    let mut work = steps(&fresh) * cost(chosen.width)?;
    let outputs = whole(&fresh);
    if outputs.is_empty() {
        return Ok(None);
    }
    let ours = judge(&outputs, held.y(), outputs.len());
    let samples = held.y().len();
    // The prediction, the samples of the test, and fresh nets once more.
    let spread = (quote.error[1].powi(2) + binomial(quote.error[0], samples) + quote.over_nets.powi(2)).sqrt();
    let interval = [(quote.error[0] - 2.0 * spread).max(0.0), (quote.error[0] + 2.0 * spread).min(1.0)];
    let mut single = None;
    if nets > 1 {
        let width = width_of(plan, choose.inputs(), nets * chosen.weights)?;
        let each = cost(width)?;
        let mut alphas = ALPHAS.to_vec();
        if !alphas.contains(&chosen.alpha) {
            alphas.push(chosen.alpha);
        }
        let orders: Vec<Order> = alphas.iter().flat_map(|&a| (0..TRIALS).map(order(width, a, TRIAL))).collect();
        let tried = choose.train(&orders, "back-test: single nets, which alpha", watch)?;
        work += steps(&tried) * each;
        let found = (alphas.iter().zip(tried.chunks(TRIALS as usize)))
            .filter_map(|(a, nets)| {
                let outputs = whole(nets);
                (!outputs.is_empty()).then(|| (*a, judge(&outputs, choose.y(), 1).error))
            })
            .min_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((alpha, _)) = found {
            let orders: Vec<Order> = (0..SINGLES).map(order(width, alpha, SINGLE)).collect();
            let trained = held.train(&orders, "back-test: single nets", watch)?;
            work += steps(&trained) * each;
            let outputs = whole(&trained);
            if !outputs.is_empty() {
                let theirs = judge(&outputs, held.y(), 1);
                let gain = gap(&theirs, &ours);
                single = Some(Single {
                    width,
                    alpha,
                    weights: plan.weights(choose.inputs(), width).map_err(super::refuse)?,
                    nets: outputs.len(),
                    fitted: trained.iter().filter(|n| n.run.end == crate::plane::End::Fitted).count(),
                    error: with_error(&theirs),
                    verdict: Verdict::of(gain),
                    gain,
                    work: steps(&trained) / trained.len() as f64 * each,
                });
            }
        }
    }
    let error = with_error(&ours);
    let covered = (interval[0]..=interval[1]).contains(&error[0]);
    Ok(Some(BackTest { samples, error, interval, covered, single, work }))
}
