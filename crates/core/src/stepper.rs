//! What a run drives: R replicas of a System moved by a Method.

use crate::{Fault, Method, Precision, Slice, State, Streams};
use std::ops::Range;

/// Everything that a Stepper needs besides its System.
#[derive(Clone, Debug)]
pub struct Job {
    /// The dynamics.
    pub method: Method,
    /// The random streams.
    pub streams: Streams,
    /// Numbers of the replicas, in the whole ensemble.
    pub replicas: Range<u64>,
    /// Arithmetic of native kernels.
    pub precision: Precision,
}

/// Where a run is in time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    /// Steps done.
    pub step: u64,
    /// Physical time: sum of the step sizes (learning rate x steps for SGD).
    pub time: f64,
    /// Epochs done, for a System of samples.
    pub epochs: Option<f64>,
}

/// Why a replica no longer moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// Energy or position ceased to be finite in this step; the replica stays where it was noticed.
    Diverged {
        /// The step.
        step: u64,
    },
    /// The force vanished (to the Method's tolerance).
    Converged {
        /// The step.
        step: u64,
    },
    /// No constraint is violated any more: every gap is positive.
    Satisfied {
        /// The step.
        step: u64,
    },
    /// The energy no longer falls while constraints are violated (jammed), or no step is small enough; see
    /// [`crate::FlowClock::end`] for the rule.
    Stuck {
        /// The step.
        step: u64,
    },
}

impl Stop {
    /// As two numbers in a [`State`]: kind and step; (0, 0) for none.
    pub fn code(stop: Option<Stop>) -> [u64; 2] {
        match stop {
            None => [0, 0],
            Some(Stop::Diverged { step }) => [1, step],
            Some(Stop::Converged { step }) => [2, step],
            Some(Stop::Satisfied { step }) => [3, step],
            Some(Stop::Stuck { step }) => [4, step],
        }
    }

    /// The inverse of [`Stop::code`].
    pub fn decode(code: &[u64]) -> Result<Option<Stop>, Fault> {
        Ok(Some(match *code {
            [0, _] => return Ok(None),
            [1, step] => Stop::Diverged { step },
            [2, step] => Stop::Converged { step },
            [3, step] => Stop::Satisfied { step },
            [4, step] => Stop::Stuck { step },
            _ => return Err(Fault::State { name: "stops".to_owned() }),
        }))
    }
}

/// Counted work, the same on every machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Replica-steps done.
    pub steps: u64,
    /// Forces of whole Systems or of batches that were computed.
    pub forces: u64,
    /// Samples seen (SGD), summed over replicas.
    pub samples: u64,
}

/// R replicas in motion. Replica numbers here are local, 0..R.
///
/// Contracts (tested): results do not depend on threads, on how replicas are grouped, on how steps are grouped into
/// calls of `advance`, nor on save and load in between.
pub trait Stepper: Send {
    /// Number R of replicas.
    fn replicas(&self) -> usize;

    /// Number N of degrees of freedom per replica.
    fn dof(&self) -> usize;

    /// Where the run is.
    fn clock(&self) -> Clock;

    /// Physical time at `step`, for axes: the clock's `time` when that step is reached.
    fn time_at(&self, step: u64) -> f64;

    /// Moves every replica that has not stopped by `steps` steps. The clock moves for all.
    fn advance(&mut self, steps: u64) -> Result<(), Fault>;

    /// Positions `[N]` of one replica.
    fn positions(&self, replica: usize) -> Slice<'_>;

    /// Buffers of one replica: numbers that follow its batches without being degrees of freedom (running statistics), laid out
    /// as [`crate::System::buffers`] says; empty if there are none, or if this Stepper keeps none.
    fn buffers(&self, _replica: usize) -> Slice<'_> {
        Slice::F64(&[])
    }

    /// Why the replica stopped, if it did.
    fn stop(&self, replica: usize) -> Option<Stop>;

    /// All that is needed to go on to the same bytes: positions, momenta, clock, stops.
    fn save(&self) -> State;

    /// The inverse of [`Stepper::save`].
    fn load(&mut self, state: &State) -> Result<(), Fault>;

    /// Physical time of one replica: its own where steps are adaptive, else the clock's.
    fn replica_time(&self, _replica: usize) -> f64 {
        self.clock().time
    }

    /// Work done so far.
    fn work(&self) -> Work;
}
