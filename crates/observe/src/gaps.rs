//! Gaps of constraints: how many are violated along a run, and their distribution at the end.

use crate::log::{Log, Shape, diverged, physical, steps};
use glasslab_core::{Array, Dataset, Fault, Observer, Record, Schedule, State, Values, View};
use rayon::prelude::*;

/// N_Delta, the number of violated constraints (gaps below 0), along a run: record `violated` (replica, loss_time); and how many gaps lie in
/// each logarithmic bin of their size at the last measurement, on either side: `violated_gaps`, `open_gaps` (replica, gap_size).
///
/// For Systems with [`glasslab_core::Contacts`]: packings (overlapping pairs) and networks asked for margins (N_Delta = number of
/// training samples with Delta > 0, Delta = -gap). Bins: ten a decade, from 10^-9 to 10^4, those of the jamming papers; what is
/// smaller is in no bin. A replica that has diverged counts NaN. Cost of a measurement: the gaps of every replica.
/// Source: Geiger et al. 2019, arXiv:1809.09349. Checked by `tests/gaps.rs`.
pub struct Gaps {
    schedule: Schedule,
    shape: Shape,
    log: Log,
    /// [replica, side, bin] at the last measurement.
    counts: Vec<f64>,
}

const BINS: usize = 130;
const PER_DECADE: f64 = 10.0;
const LOWEST: f64 = -9.0;

/// The bin of a size, if it is in one.
fn bin(size: f64) -> Option<usize> {
    let place = PER_DECADE * (size.log10() - LOWEST);
    (place >= 0.0 && place < BINS as f64).then_some(place as usize)
}

impl Gaps {
    /// At the steps of `schedule`; `None` if the System has no constraints.
    pub fn new(schedule: Schedule, view: &View<'_>) -> Option<Self> {
        view.system(0).contacts()?;
        let shape = Shape::of(view);
        let counts = vec![f64::NAN; shape.replicas * 2 * BINS];
        Some(Self { schedule, shape, log: Log::default(), counts })
    }
}

impl Observer for Gaps {
    fn name(&self) -> &'static str {
        "gaps"
    }

    fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    fn observe(&mut self, view: &View<'_>) -> Result<(), Fault> {
        self.log.check_due(&self.schedule, view.clock())?;
        let starts: Vec<_> = (0..self.shape.replicas)
            .map(|r| (view.system(r), (!diverged(view, r)).then(|| view.positions(r).to_f64())))
            .collect();
        let gaps: Vec<Option<Vec<f64>>> = starts
            .par_iter()
            .map(|(system, x)| match (system.contacts(), x) {
                (Some(contacts), Some(x)) => contacts.gaps(x).map(Some),
                _ => Ok(None),
            })
            .collect::<Result<_, Fault>>()?;
        let violated = |g: &&f64| **g < 0.0 || g.is_nan();
        let row: Vec<f64> =
            gaps.iter().map(|g| g.as_ref().map_or(f64::NAN, |g| g.iter().filter(violated).count() as f64)).collect();
        self.log.push(&row);
        for (gaps, counts) in gaps.iter().zip(self.counts.chunks_mut(2 * BINS)) {
            counts.fill(if gaps.is_some() { 0.0 } else { f64::NAN });
            for gap in gaps.iter().flatten() {
                if let Some(bin) = bin(gap.abs()) {
                    counts[if *gap < 0.0 { bin } else { BINS + bin }] += 1.0;
                }
            }
        }
        Ok(())
    }

    fn records(&self, view: &View<'_>) -> Dataset {
        let (replicas, times) = (self.shape.replicas, self.schedule.len());
        let mut data = Dataset::default();
        data.coordinates.push(self.shape.replica_numbers());
        data.coordinates.push(steps("loss_time", "time at which energies and losses were measured", &self.schedule));
        let middle = |k: usize| 10_f64.powf(LOWEST + (k as f64 + 0.5) / PER_DECADE);
        let about = "size of a gap: geometric middle of a bin of ratio 10^0.1";
        let sizes = (0..BINS).map(middle).collect();
        data.coordinates.push(Record::coordinate("gap_size", about, "gap", Values::F64(sizes)));
        data.variables.push(physical("loss_physical_time", "loss_time", &self.schedule, view));
        let mut values = vec![f64::NAN; replicas * times];
        for (t, row) in self.log.values().chunks(replicas).enumerate() {
            row.iter().enumerate().for_each(|(r, v)| values[r * times + t] = *v);
        }
        let about = "N_Delta: number of violated constraints (gaps below 0)";
        let dims = [("replica", replicas), ("loss_time", times)];
        data.variables.push(Record::new("violated", about, "1", &dims, values));
        for (side, name, about) in [
            (0, "violated_gaps", "gaps below 0 in each bin of their size, at the last measurement"),
            (1, "open_gaps", "gaps above 0 in each bin of their size, at the last measurement"),
        ] {
            let of = |c: &[f64]| c[side * BINS..(side + 1) * BINS].to_vec();
            let values = self.counts.chunks(2 * BINS).flat_map(of).collect();
            data.variables.push(Record::new(name, about, "1", &[("replica", replicas), ("gap_size", BINS)], values));
        }
        data
    }

    fn memory(&self) -> u64 {
        8 * (self.counts.len() + self.schedule.len() * self.shape.replicas) as u64
    }

    fn save(&self) -> State {
        let mut state = State::default();
        self.log.save(&mut state);
        state.push("counts", Array::F64(self.counts.clone()));
        state
    }

    fn load(&mut self, state: &State) -> Result<(), Fault> {
        let replicas = self.shape.replicas;
        self.log.load(state, self.schedule.len(), |done| done * replicas)?;
        self.counts = state.f64("counts", self.counts.len())?.to_vec();
        Ok(())
    }
}
