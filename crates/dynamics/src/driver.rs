//! The generic Stepper: walkers and the rule that moves them.

use crate::walkers::Walkers;
use glasslab_core::{Clock, Fault, Slice, State, Stepper, Stop, Work};

/// A rule of motion: one Method.
pub(crate) trait Rule: Send {
    /// Moves every replica that has not stopped from step `walkers.step` to the next.
    fn step(&mut self, walkers: &mut Walkers) -> Result<(), Fault>;

    /// Physical time after `steps` steps.
    fn time(&self, steps: u64) -> f64;

    /// Epochs after `steps` steps of a System with `samples` samples.
    fn epochs(&self, steps: u64, _samples: usize) -> f64 {
        steps as f64
    }

    /// Lets steps pass in which no replica moves.
    fn rest(&mut self, _steps: u64) {}

    /// Physical time of one replica, if it has its own.
    fn replica_time(&self, _replica: usize, steps: u64) -> f64 {
        self.time(steps)
    }

    /// Adds what the rule keeps besides positions.
    fn save(&self, _state: &mut State) {}

    /// The inverse of [`Rule::save`].
    fn load(&mut self, _state: &State) -> Result<(), Fault> {
        Ok(())
    }
}

pub(crate) struct Driver<R> {
    walkers: Walkers,
    rule: R,
}

impl<R: Rule> Driver<R> {
    pub(crate) fn new(walkers: Walkers, rule: R) -> Self {
        Self { walkers, rule }
    }
}

impl<R: Rule> Stepper for Driver<R> {
    fn replicas(&self) -> usize {
        self.walkers.stops.len()
    }

    fn dof(&self) -> usize {
        self.walkers.dof()
    }

    fn clock(&self) -> Clock {
        let step = self.walkers.step;
        let epochs = self.walkers.system.subsample().map(|s| self.rule.epochs(step, s.samples()));
        Clock { step, time: self.rule.time(step), epochs }
    }

    fn time_at(&self, step: u64) -> f64 {
        self.rule.time(step)
    }

    fn advance(&mut self, steps: u64) -> Result<(), Fault> {
        let end = self.walkers.step + steps;
        while self.walkers.step < end {
            let moving = self.walkers.moving();
            if moving == 0 {
                self.rule.rest(end - self.walkers.step);
                self.walkers.step = end;
                break;
            }
            self.rule.step(&mut self.walkers)?;
            self.walkers.step += 1;
            self.walkers.work.steps += moving as u64;
        }
        Ok(())
    }

    fn positions(&self, replica: usize) -> Slice<'_> {
        let n = self.walkers.dof();
        Slice::F64(&self.walkers.positions[replica * n..(replica + 1) * n])
    }

    fn stop(&self, replica: usize) -> Option<Stop> {
        self.walkers.stops[replica]
    }

    fn replica_time(&self, replica: usize) -> f64 {
        self.rule.replica_time(replica, self.walkers.step)
    }

    fn save(&self) -> State {
        let mut state = self.walkers.save();
        self.rule.save(&mut state);
        state
    }

    fn load(&mut self, state: &State) -> Result<(), Fault> {
        self.rule.load(state)?;
        self.walkers.load(state)
    }

    fn work(&self) -> Work {
        self.walkers.work
    }
}
