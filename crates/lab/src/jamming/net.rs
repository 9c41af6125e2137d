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
    /// N_Delta = 0, if need be after the last layer was multiplied by 1/min y f > 0.
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

/// x with its last layer multiplied by 1/min y f, where all training samples are on the right side: a net that meets all margins.
///
/// f is linear in the last layer, so that a net without training error is a factor away from N_Delta = 0, which descent of a quadratic hinge
/// only comes near to, exponentially: it stays at N_Delta of order N with an energy of 10^-20. The other way round, at a minimum with E > 0 the
/// derivative by that factor is 0, so some sample is on the wrong side. Checked by `a_net_without_training_error_is_a_factor_from_a_fit`.
fn fitting(system: &JammingMlp, x: &[f64]) -> Result<Option<Vec<f64>>, Fault> {
    // Gaps are y f - 1.
    let least = system.gaps(x)?.iter().fold(f64::INFINITY, |m, gap| if *gap < m { *gap } else { m }) + 1.0;
    if least.is_nan() || least <= 0.0 {
        return Ok(None);
    }
    let layout = system.layout();
    let last = layout.last().and_then(|b| b.name.split_once('.')).map_or("", |name| name.0);
    let mut scaled = x.to_vec();
    for block in layout.iter().filter(|b| b.name.split_once('.').is_some_and(|name| name.0 == last)) {
        scaled[block.range.clone()].iter_mut().for_each(|w| *w *= (1.0 + 1e-9) / least);
    }
    let fits = scaled.iter().all(|w| w.is_finite()) && system.gaps(&scaled)?.iter().all(|gap| *gap >= 0.0);
    Ok(fits.then_some(scaled))
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
    let mut w: Vec<f64>;
    let mut end = loop {
        let step = run.clock().step;
        w = run.positions(0).to_f64();
        let (energy, unmet) = system.energy_force_violated(&w, &mut force)?;
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
    if !matches!(end, End::Fitted | End::Diverged)
        && let Some(scaled) = fitting(&system, &w)?
    {
        w = scaled;
        course.pop();
        course.push((run.clock().step, 0, 0.0));
        end = End::Fitted;
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use glasslab_nets::jamming::JammingData;
    use std::path::Path;

    /// Ten samples, h = 6: early in its descent a net is on the right side everywhere with unmet margins: a factor on the last layer fits it, and
    /// weights below are as they were. A net with a sample on the wrong side is left alone, and so is one that is not finite.
    #[test]
    fn a_net_without_training_error_is_a_factor_from_a_fit() {
        let plan = JammingPlan::default();
        let data = JammingData::open("random", 6, 10, 0, Path::new("."), Streams::new(1)).unwrap();
        let data = data.of(6, 10, 0).unwrap();
        let system = Arc::new(JammingMlp::new(&plan.shape(6), &data.train, &data.test).unwrap());
        let mut x = vec![0.0; system.dof()];
        system.initial(Streams::new(1), 0, &mut x).unwrap();
        assert_eq!(fitting(&system, &x).unwrap(), None, "half of the samples are on the wrong side at first");
        let mut force = vec![0.0; x.len()];
        while system.gaps(&x).unwrap().iter().any(|gap| *gap < -0.99) {
            system.energy_force(&x, &mut force).unwrap();
            x.iter_mut().zip(&force).for_each(|(x, f)| *x += 0.05 * f);
        }
        assert!(system.gaps(&x).unwrap().iter().any(|gap| *gap < -0.5), "not fitted yet");
        let scaled = fitting(&system, &x).unwrap().unwrap();
        assert!(system.gaps(&scaled).unwrap().iter().all(|gap| *gap >= 0.0));
        let last = system.layout().iter().find(|b| b.name == "layer4.weight").unwrap().range.start;
        assert!(scaled[..last] == x[..last] && scaled[last..] != x[last..]);
        x[0] = f64::NAN;
        assert_eq!(fitting(&system, &x).unwrap(), None);
    }
}
