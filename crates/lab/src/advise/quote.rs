//! What to expect of the recommendation: from nets and samples that had no part in the choice.

use super::back_test::with_error;
use super::judge::judge;
use super::plan::AdvisePlan;
use super::search::Spot;
use super::shop::{Order, Shop};
use crate::error::LabError;
use crate::run::Watch;
use serde::Serialize;

/// Number of the first net.
const FIRST: u64 = 1_000_000;

/// The error to expect.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quote {
    /// Error of the averaged nets, and its standard error (samples and nets).
    pub error: [f64; 2],
    /// The part of the nets: jackknife.
    pub over_nets: f64,
    /// Mean error of one of these nets.
    pub single_error: f64,
    /// Samples.
    pub samples: usize,
    /// Nets.
    pub nets: usize,
    /// Those that fit the training set.
    pub fitted: usize,
    /// Mean and standard error over nets of ln |Theta - Theta_0|/|Theta_0|.
    pub log_kernel_change: [f64; 2],
    /// Attempts of a net, mean.
    pub attempts: f64,
    /// Work of training these nets: what the recommendation costs.
    pub work: f64,
}

/// Trains the recommended nets afresh and judges them on samples that nothing was chosen by.
pub(super) fn quote(
    plan: &AdvisePlan,
    chosen: &Spot,
    nets: usize,
    shop: &mut Shop,
    watch: &mut dyn Watch,
) -> Result<Option<Quote>, LabError> {
    let (width, alpha) = (chosen.width, chosen.alpha);
    let orders: Vec<Order> = (0..nets as u64).map(|n| Order { width, alpha, number: FIRST + n }).collect();
    let trained = shop.train(&orders, "fresh nets, to quote the error", watch)?;
    let outputs: Vec<&[f32]> = trained.iter().filter(|n| n.is_whole()).map(|n| &n.outputs[..]).collect();
    if outputs.is_empty() {
        return Ok(None);
    }
    let judged = judge(&outputs, shop.y(), outputs.len());
    let steps: f64 = trained.iter().map(|n| n.run.steps as f64).sum();
    let logs: Vec<f64> = trained.iter().map(|n| n.run.kernel_change.ln()).filter(|l| l.is_finite()).collect();
    let m = logs.iter().sum::<f64>() / logs.len().max(1) as f64;
    let squares: f64 = logs.iter().map(|l| (l - m).powi(2)).sum();
    let count = logs.len() as f64;
    Ok(Some(Quote {
        error: with_error(&judged),
        over_nets: judged.over_nets,
        single_error: judge(&outputs, shop.y(), 1).error,
        samples: shop.y().len(),
        nets: outputs.len(),
        fitted: trained.iter().filter(|n| n.run.end == crate::plane::End::Fitted).count(),
        log_kernel_change: [m, if count > 1.0 { (squares / (count - 1.0) / count).sqrt() } else { f64::INFINITY }],
        attempts: steps / trained.len() as f64,
        work: steps * plan.attempt(shop.inputs(), width).map_err(super::refuse)?,
    }))
}
