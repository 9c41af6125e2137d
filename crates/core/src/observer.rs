//! Observers watch and never touch: a run with them and one without end on the same bits.

use crate::{Clock, Dataset, Fault, Schedule, Slice, State, Stepper, Stop, System};
use std::sync::Arc;

/// A read-only look at a run at one instant.
#[derive(Clone, Copy)]
pub struct View<'a> {
    stepper: &'a dyn Stepper,
    systems: &'a [Arc<dyn System>],
}

impl<'a> View<'a> {
    /// A view of a stepper; replicas of one system are consecutive, see [`View::system_of`].
    pub fn new(stepper: &'a dyn Stepper, systems: &'a [Arc<dyn System>]) -> Self {
        assert!(
            !systems.is_empty() && stepper.replicas().is_multiple_of(systems.len()),
            "replicas are shared evenly by systems"
        );
        Self { stepper, systems }
    }

    /// The clock.
    pub fn clock(&self) -> Clock {
        self.stepper.clock()
    }

    /// Number of replicas R, over all systems.
    pub fn replicas(&self) -> usize {
        self.stepper.replicas()
    }

    /// Degrees of freedom per replica.
    pub fn dof(&self) -> usize {
        self.stepper.dof()
    }

    /// Positions `[N]` of a replica.
    pub fn positions(&self, replica: usize) -> Slice<'a> {
        self.stepper.positions(replica)
    }

    /// Buffers of a replica (running statistics); empty if there are none.
    pub fn buffers(&self, replica: usize) -> Slice<'a> {
        self.stepper.buffers(replica)
    }

    /// Why the replica stopped, if it did.
    pub fn stop(&self, replica: usize) -> Option<Stop> {
        self.stepper.stop(replica)
    }

    /// Physical time at a step.
    pub fn time_at(&self, step: u64) -> f64 {
        self.stepper.time_at(step)
    }

    /// The systems (realisations of the disorder), each with R/len consecutive replicas.
    pub fn systems(&self) -> &'a [Arc<dyn System>] {
        self.systems
    }

    /// The number of the system that a replica belongs to: replicas of one system are consecutive.
    pub fn system_of(&self, replica: usize) -> usize {
        replica / (self.replicas() / self.systems.len())
    }

    /// The system that a replica belongs to.
    pub fn system(&self, replica: usize) -> &'a dyn System {
        &*self.systems[self.system_of(replica)]
    }
}

/// One or several observables, measured when the schedule says, kept as labelled arrays.
pub trait Observer: Send {
    /// Name, unique in its run; prefix of its part of a checkpoint.
    fn name(&self) -> &'static str;

    /// The steps at which it wants to be called.
    fn schedule(&self) -> &Schedule;

    /// Measures. Called once for each step of the schedule, in order.
    fn observe(&mut self, view: &View<'_>) -> Result<(), Fault>;

    /// What was measured so far; entries of the future are NaN.
    fn records(&self, view: &View<'_>) -> Dataset;

    /// Bytes it will hold at most.
    fn memory(&self) -> u64;

    /// What is needed to go on after an interruption.
    fn save(&self) -> State;

    /// The inverse of [`Observer::save`].
    fn load(&mut self, state: &State) -> Result<(), Fault>;
}
