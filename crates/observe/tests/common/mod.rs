//! A Stepper that tests of observers share: coordinates that move as a formula says.

use glasslab_core::*;

/// Coordinate i of replica r at a step: `place(step, r, i)`.
pub type Place = fn(u64, usize, usize) -> f64;

/// Two replicas of four coordinates that move by known amounts; replica 1 has diverged from the step `diverges` on.
pub struct Ruler {
    step: u64,
    place: Place,
    diverges: u64,
    x: Vec<f64>,
}

impl Ruler {
    /// At this step.
    pub fn at(step: u64, place: Place, diverges: u64) -> Self {
        Self { step, place, diverges, x: (0..8).map(|k| place(step, k / 4, k % 4)).collect() }
    }
}

impl Stepper for Ruler {
    fn replicas(&self) -> usize {
        2
    }
    fn dof(&self) -> usize {
        4
    }
    fn clock(&self) -> Clock {
        Clock { step: self.step, time: self.step as f64, epochs: None }
    }
    fn time_at(&self, step: u64) -> f64 {
        step as f64
    }
    fn advance(&mut self, steps: u64) -> Result<(), Fault> {
        *self = Self::at(self.step + steps, self.place, self.diverges);
        Ok(())
    }
    fn positions(&self, replica: usize) -> Slice<'_> {
        Slice::F64(&self.x[4 * replica..4 * replica + 4])
    }
    fn stop(&self, replica: usize) -> Option<Stop> {
        (replica == 1 && self.step >= self.diverges).then_some(Stop::Diverged { step: self.diverges })
    }
    fn save(&self) -> State {
        State::default()
    }
    fn load(&mut self, _: &State) -> Result<(), Fault> {
        Ok(())
    }
    fn work(&self) -> Work {
        Work::default()
    }
}
