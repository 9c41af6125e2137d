//! One net: trained until it fits, jams or runs out of its budget, and measured.

use super::plan::JammingPlan;
use glasslab_core::{Contacts, Evaluate, Fault, Job, Precision, Slice, Split, Stop, Streams, System};
use glasslab_nets::jamming::{Balanced, HessianSplit, JammingMlp};
use glasslab_spectra::{Matrix, eigenvalues};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How a net ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// N_Delta = 0.
    Fitted,
    /// Adam: N_Delta > 0.1 N at the end of the anneal, where steps are a tenth of the first. Else: the energy fell by less
    /// than 1 % while the steps doubled (from step 500 on), or the force vanished, with N_Delta > 0.
    Jammed,
    /// Out of budget, the energy having fallen by less than 20 % in the second half of it (not of Adam).
    Slow,
    /// Out of budget, the energy still falling; Adam: 0 < N_Delta < 0.1 N.
    OutOfBudget,
    /// Not finite.
    Diverged,
}

/// What the second derivatives say at the end of a net.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curvature {
    /// Negative eigenvalues of Hp: N_-.
    pub negative_hp: u64,
    /// Negative eigenvalues of H = H0 + Hp.
    pub negative: u64,
    /// Positive eigenvalues of H0: its rank, at most N_Delta.
    pub rank_h0: u64,
    /// Least and largest eigenvalue of H.
    pub range: [f64; 2],
    /// Least and largest eigenvalue of Hp.
    pub range_hp: [f64; 2],
}

/// One net.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetResult {
    /// All that decided it.
    pub key: String,
    /// Width h.
    pub hidden: usize,
    /// Training samples P.
    pub samples: usize,
    /// N, biases not counted.
    pub effective: usize,
    /// Number of the net.
    pub net: u64,
    /// How it ended.
    pub end: End,
    /// Steps done.
    pub steps: u64,
    /// N_Delta at the end.
    pub unmet: u64,
    /// Energy at the end.
    pub energy: f64,
    /// Fraction of the training set on the wrong side.
    pub train_error: f64,
    /// The same of the test set, if there is one.
    pub test_error: Option<f64>,
    /// Steps, N_Delta and energy on the way.
    pub course: Vec<(u64, u64, f64)>,
    /// Histogram of Delta/sqrt(energy) > 0: (bin, count), bins of `bin`.
    pub positive: Vec<(i32, u64)>,
    /// Histogram of -Delta > 0.
    pub negative: Vec<(i32, u64)>,
    /// Second derivatives, where asked for.
    pub curvature: Option<Curvature>,
}

impl NetResult {
    /// N_Delta/N.
    pub fn unmet_part(&self) -> f64 {
        self.unmet as f64 / self.effective as f64
    }
}

/// Bins a decade of the histograms of gaps.
pub(super) const BINS: f64 = 20.0;

/// The bin of a value v > 0: floor(20 log10 v).
pub(super) fn bin(v: f64) -> i32 {
    (BINS * v.log10()).floor() as i32
}

fn histogram(values: impl Iterator<Item = f64>) -> Vec<(i32, u64)> {
    let mut all = std::collections::BTreeMap::new();
    // What is smaller than any rounding is zero.
    values.filter(|v| *v > 1e-14).for_each(|v| *all.entry(bin(v)).or_insert(0) += 1);
    all.into_iter().collect()
}

/// Entries that count as negative: below -10^-9 of the largest in size, far above rounding (N 10^-16).
const ZERO: f64 = 1e-9;

fn curvature(split: HessianSplit) -> Result<Curvature, Fault> {
    let n = split.dof;
    let h: Vec<f64> = split.h0.iter().zip(&split.hp).map(|(a, b)| a + b).collect();
    let spectrum = |entries: Vec<f64>| eigenvalues(Matrix { size: n, entries });
    let (h, h0, hp) = (spectrum(h)?, spectrum(split.h0)?, spectrum(split.hp)?);
    let count = |values: &[f64], sign: f64| {
        let most = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        values.iter().filter(|v| sign * **v > ZERO * most).count() as u64
    };
    Ok(Curvature {
        negative_hp: count(&hp, -1.0),
        negative: count(&h, -1.0),
        rank_h0: count(&h0, 1.0),
        range: [h[0], h[n - 1]],
        range_hp: [hp[0], hp[n - 1]],
    })
}

/// From which step on a plateau of the energy counts.
const FIRST: u64 = 500;

/// The next step at which N_Delta and the energy are looked at: four to a doubling, every 20 steps at first.
fn next_look(step: u64) -> u64 {
    (step + 20).max((step as f64 * 2_f64.powf(0.25)).round() as u64)
}

/// True if the lowest energy so far is more than `part` of the lowest up to half of the steps.
fn rests(course: &[(u64, u64, f64)], part: f64) -> bool {
    let Some(&(step, ..)) = course.last() else { return false };
    let lowest = |to: u64| course.iter().filter(|c| c.0 <= to).fold(f64::INFINITY, |m, c| m.min(c.2));
    step >= FIRST && lowest(step) > part * lowest(step / 2)
}

/// Trains one net on its data. The result depends on its key alone.
pub(super) fn train(plan: &JammingPlan, data: &Balanced, h: usize, net: u64) -> Result<NetResult, Fault> {
    let system = Arc::new(JammingMlp::new(&plan.shape(h), &data.train, &data.test)?);
    let job = Job {
        method: plan.dynamics(h),
        streams: Streams::new(plan.seed),
        replicas: net..net + 1,
        precision: Precision::F64,
    };
    let mut run = glasslab_dynamics::generic(Arc::clone(&system) as Arc<dyn System>, &job)?;
    let mut force = vec![0.0; system.dof()];
    let mut course = Vec::new();
    // At a constant rate the energy of Adam rests at the noise of its steps, which says nothing.
    let (annealed, n) = (plan.method == "adam", system.effective() as f64);
    let end = loop {
        let step = run.clock().step;
        let (energy, unmet) = system.energy_force_violated(&run.positions(0).to_f64(), &mut force)?;
        let unmet = unmet.unwrap_or(0) as u64;
        course.push((step, unmet, energy));
        match run.stop(0) {
            Some(Stop::Diverged { .. }) => break End::Diverged,
            _ if unmet == 0 => break End::Fitted,
            Some(_) => break End::Jammed,
            None if !annealed && rests(&course, 0.99) => break End::Jammed,
            None if step >= plan.steps && annealed => {
                break if unmet as f64 > 0.1 * n { End::Jammed } else { End::OutOfBudget };
            }
            None if step >= plan.steps => {
                break if rests(&course, 0.8) { End::Slow } else { End::OutOfBudget };
            }
            None => run.advance(next_look(step).min(plan.steps) - step)?,
        }
    };
    let w = run.positions(0).to_f64();
    let gaps = system.gaps(&w)?;
    let (steps, unmet, energy) = course[course.len() - 1];
    let error = |split| -> Result<Option<f64>, Fault> {
        Ok(Evaluate::evaluate(&*system, Slice::F64(&w), split)?.map(|e| e.error))
    };
    let curvature = match end {
        End::Jammed | End::Slow if net < plan.spectra => Some(curvature(system.hessian_split(&w)?)?),
        _ => None,
    };
    let root = energy.sqrt();
    Ok(NetResult {
        key: plan.key(h, data.train.len(), net),
        hidden: h,
        samples: data.train.len(),
        effective: system.effective(),
        net,
        end,
        steps,
        unmet,
        energy,
        train_error: error(Split::Train)?.unwrap_or(0.0),
        test_error: error(Split::Test)?,
        course,
        positive: histogram(gaps.iter().map(|g| -g / root)),
        negative: histogram(gaps.iter().copied()),
        curvature,
    })
}
