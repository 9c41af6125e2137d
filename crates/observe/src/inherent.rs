//! Inherent structures: the minimum of the energy below the configuration at every waiting time.

use crate::log::{Log, Shape, diverged, steps};
use glasslab_core::{Dataset, Fault, Fire, Observer, Record, Schedule, State, System, View, minimise};
use rayon::prelude::*;
use std::sync::Arc;

/// The energy of the minimum that a descent (FIRE, [`glasslab_core::minimise`]) from x(t_w) ends in, per particle: the part of
/// the energy that is not vibration.
///
/// Record `inherent_energy` (replica, waiting_time); NaN where the descent has not come down to a largest force of 1e-4 within
/// 5000 steps, where the run has not arrived, and from the divergence of a replica on. For Systems of particles only, whose
/// units are about 1: the time step of the descent grows from 0.001 to 0.01 at most, below the limits 2/omega of Lennard-Jones
/// liquids at T = 5 (0.0116, measured) and of bonds of stiffness 3000 (0.024), beyond which it never ends; no coordinate moves by
/// more than 0.1 a step; the error of the energy is of the order of 1e-4 squared over a stiffness of 100. The run itself
/// is not touched. Cost of a measurement: about 2000 forces a replica.
/// Source: Stillinger and Weber 1982, doi:10.1103/PhysRevA.25.978. Checked by `tests/particles.rs`.
pub struct Inherent {
    waiting: Schedule,
    shape: Shape,
    log: Log,
}

const FORCE: f64 = 1e-4;
const STEPS: u64 = 5_000;
const STEP_SIZE: f64 = 0.001;
const MOVE: f64 = 0.1;

impl Inherent {
    /// At the steps of `waiting` up to `last`; `None` if the System is not one of particles (names no wave number).
    pub fn new(waiting: &Schedule, last: u64, view: &View<'_>) -> Option<Self> {
        view.system(0).wave_number()?;
        let waiting = Schedule::at(waiting.steps().iter().copied().filter(|&w| w <= last).collect());
        Some(Self { waiting, shape: Shape::of(view), log: Log::default() })
    }
}

impl Observer for Inherent {
    fn name(&self) -> &'static str {
        "inherent"
    }

    fn schedule(&self) -> &Schedule {
        &self.waiting
    }

    fn observe(&mut self, view: &View<'_>) -> Result<(), Fault> {
        self.log.check_due(&self.waiting, view.clock())?;
        let start = |r: usize| {
            let x = (!diverged(view, r)).then(|| view.positions(r).to_f64());
            (&view.systems()[view.system_of(r)], x)
        };
        let mut starts: Vec<_> = (0..self.shape.replicas).map(start).collect();
        let one = |(system, x): &mut (&Arc<dyn System>, Option<Vec<f64>>)| {
            let Some(x) = x else { return Ok(f64::NAN) };
            let fire = Fire::new(STEP_SIZE).with_largest_move(MOVE);
            let found = minimise(system, x, fire, FORCE, STEPS)?;
            Ok(if found.converged { found.energy / system.units() as f64 } else { f64::NAN })
        };
        let row: Vec<f64> = starts.par_iter_mut().map(one).collect::<Result<_, Fault>>()?;
        self.log.push(&row);
        Ok(())
    }

    fn records(&self, _view: &View<'_>) -> Dataset {
        let (replicas, waits) = (self.shape.replicas, self.waiting.len());
        let mut values = vec![f64::NAN; replicas * waits];
        for (t, row) in self.log.values().chunks(replicas).enumerate() {
            row.iter().enumerate().for_each(|(r, value)| values[r * waits + t] = *value);
        }
        let mut data = Dataset::default();
        data.coordinates.push(self.shape.replica_numbers());
        data.coordinates.push(steps("waiting_time", "waiting time t_w of the reference copy", &self.waiting));
        let dims = [("replica", replicas), ("waiting_time", waits)];
        let about = "energy per particle of the minimum below the configuration at t_w (FIRE to a force of 1e-4)";
        data.variables.push(Record::new("inherent_energy", about, "energy", &dims, values));
        data
    }

    fn memory(&self) -> u64 {
        4 * self.shape.bytes() + (self.waiting.len() * self.shape.replicas * 8) as u64
    }

    fn save(&self) -> State {
        let mut state = State::default();
        self.log.save(&mut state);
        state
    }

    fn load(&mut self, state: &State) -> Result<(), Fault> {
        let mut log = Log::default();
        log.load(state, self.waiting.len(), |done| done * self.shape.replicas)?;
        self.log = log;
        Ok(())
    }
}
