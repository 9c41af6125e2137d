//! Energies, losses and errors of every replica, on whole data sets.

use crate::log::{Log, Shape, diverged, physical, steps};
use glasslab_core::{Dataset, Fault, Observer, Record, Schedule, Slice, Split, State, View};
use rayon::prelude::*;

/// Energies along a run, with dimensions (replica, loss_time).
///
/// A System that predicts gives `train_loss` and `train_error` on the whole training set and, if it has one,
/// `test_loss` and `test_error` on the whole test set. Any other gives `energy`: E/N if E is extensive (per particle for particles), E if not; one
/// call of `energy_force_many` serves all replicas of a System. NaN from the divergence of a replica on.
/// Cost of a measurement: one pass over the data (or the couplings) for each replica (for all together).
/// Checked by `tests/observers.rs`.
pub struct Energies {
    schedule: Schedule,
    shape: Shape,
    names: &'static [&'static str],
    log: Log,
}

const LOSSES: &[&str] = &["train_loss", "train_error", "test_loss", "test_error"];

impl Energies {
    /// Measures at the steps of `schedule`.
    pub fn new(schedule: Schedule, view: &View<'_>) -> Self {
        let names = match view.system(0).evaluate() {
            Some(e) if e.has_test() => LOSSES,
            Some(_) => &LOSSES[..2],
            None => &["energy"],
        };
        Self { schedule, shape: Shape::of(view), names, log: Log::default() }
    }

    fn losses(&self, view: &View<'_>, row: &mut [f64]) -> Result<(), Fault> {
        let width = self.names.len();
        let alive: Vec<_> = (0..self.shape.replicas)
            .filter(|&r| !diverged(view, r))
            .filter_map(|r| view.system(r).evaluate().map(|e| (r, e, view.positions(r), view.buffers(r))))
            .collect();
        let splits = &[Split::Train, Split::Test][..width / 2];
        let evaluate = |&(r, e, x, buffers): &(usize, &dyn glasslab_core::Evaluate, Slice<'_>, Slice<'_>)| {
            let found: Result<Vec<_>, Fault> = splits.iter().map(|&s| e.evaluate_with(x, buffers, s)).collect();
            Ok((r, found?))
        };
        let found: Vec<_> = alive.par_iter().map(evaluate).collect::<Result<_, Fault>>()?;
        for (r, evaluations) in found {
            for (s, e) in evaluations.into_iter().enumerate() {
                if let Some(e) = e {
                    row[r * width + 2 * s] = e.loss;
                    row[r * width + 2 * s + 1] = e.error;
                }
            }
        }
        Ok(())
    }

    fn energies(&self, view: &View<'_>, row: &mut [f64]) -> Result<(), Fault> {
        for (s, system) in view.systems().iter().enumerate() {
            let alive: Vec<usize> =
                (0..self.shape.replicas).filter(|&r| view.system_of(r) == s && !diverged(view, r)).collect();
            let x: Vec<f64> = alive.iter().flat_map(|&r| view.positions(r).to_f64()).collect();
            let (mut force, mut energy) = (vec![0.0; x.len()], vec![0.0; alive.len()]);
            if !alive.is_empty() {
                system.energy_force_many(&x, &mut force, &mut energy)?;
            }
            let unit = if system.extensive() { system.units() as f64 } else { 1.0 };
            alive.iter().zip(&energy).for_each(|(&r, e)| row[r] = e / unit);
        }
        Ok(())
    }
}

impl Observer for Energies {
    fn name(&self) -> &'static str {
        "energies"
    }

    fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    fn observe(&mut self, view: &View<'_>) -> Result<(), Fault> {
        self.log.check_due(&self.schedule, view.clock())?;
        let mut row = vec![f64::NAN; self.shape.replicas * self.names.len()];
        if self.names.len() == 1 {
            self.energies(view, &mut row)?;
        } else {
            self.losses(view, &mut row)?;
        }
        self.log.push(&row);
        Ok(())
    }

    fn records(&self, view: &View<'_>) -> Dataset {
        let (replicas, times, width) = (self.shape.replicas, self.schedule.len(), self.names.len());
        let mut data = Dataset::default();
        data.coordinates.push(self.shape.replica_numbers());
        data.coordinates.push(steps("loss_time", "time at which energies and losses were measured", &self.schedule));
        data.variables.push(physical("loss_physical_time", "loss_time", &self.schedule, view));
        for (q, name) in self.names.iter().enumerate() {
            let (about, unit) = match *name {
                "energy" if view.system(0).units() != self.shape.dof => ("energy per particle", "energy"),
                "energy" if view.system(0).extensive() => ("energy per degree of freedom, E/N", "energy"),
                "energy" => ("energy E (a mean loss, not divided by N)", "energy"),
                "train_loss" => ("mean loss on the whole training set", "loss"),
                "train_error" => ("fraction of the training set that is misclassified", "1"),
                "test_loss" => ("mean loss on the whole test set", "loss"),
                _ => ("fraction of the test set that is misclassified", "1"),
            };
            let mut values = vec![f64::NAN; replicas * times];
            for (t, row) in self.log.values().chunks(replicas * width).enumerate() {
                (0..replicas).for_each(|r| values[r * times + t] = row[r * width + q]);
            }
            data.variables.push(Record::new(name, about, unit, &[("replica", replicas), ("loss_time", times)], values));
        }
        data
    }

    fn memory(&self) -> u64 {
        let (replicas, n) = (self.shape.replicas as u64, self.shape.dof as u64);
        let scratch = if self.names.len() == 1 { replicas * n * 16 } else { 0 };
        scratch + self.schedule.len() as u64 * replicas * self.names.len() as u64 * 8
    }

    fn save(&self) -> State {
        let mut state = State::default();
        self.log.save(&mut state);
        state
    }

    fn load(&mut self, state: &State) -> Result<(), Fault> {
        let row = self.shape.replicas * self.names.len();
        self.log.load(state, self.schedule.len(), |done| done * row)
    }
}
