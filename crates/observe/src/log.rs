//! What an observer has measured so far: rows in the order of its schedule, saved and loaded with the run.

use glasslab_core::{Array, Block, Clock, Fault, Record, Schedule, Slice, State, Stop, Values, View};

/// Rows of numbers, one for each step of the schedule that was reached; rows may differ in length.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    done: usize,
    values: Vec<f64>,
}

impl Log {
    /// Steps of the schedule that were measured.
    pub(crate) fn done(&self) -> usize {
        self.done
    }

    /// All rows, end to end.
    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    /// Adds the row of the next step.
    pub(crate) fn push(&mut self, row: &[f64]) {
        self.values.extend_from_slice(row);
        self.done += 1;
    }

    /// Fails unless the clock stands at the next step of the schedule.
    pub(crate) fn check_due(&self, schedule: &Schedule, clock: Clock) -> Result<(), Fault> {
        match schedule.steps().get(self.done) {
            Some(&step) if step == clock.step => Ok(()),
            Some(step) => Err(Fault::input("step", clock.step, format!("call the observer at step {step} first"))),
            None => Err(Fault::input("step", clock.step, "call the observer at the steps of its schedule only")),
        }
    }

    pub(crate) fn save(&self, state: &mut State) {
        state.push("done", Array::U64(vec![self.done as u64]));
        state.push("measured", Array::F64(self.values.clone()));
    }

    /// The inverse of `save`; `length(done)` is the number of values in the first `done` rows, `most` the most rows.
    pub(crate) fn load(&mut self, state: &State, most: usize, length: impl Fn(usize) -> usize) -> Result<(), Fault> {
        let done = state.u64("done", 1)?[0];
        if done > most as u64 {
            return Err(Fault::State { name: "done".to_owned() });
        }
        let values = state.f64("measured", length(done as usize))?.to_vec();
        *self = Self { done: done as usize, values };
        Ok(())
    }
}

/// What an observer must know of a run before it starts: numbers of replicas and degrees of freedom, layout, precision.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) replicas: usize,
    pub(crate) dof: usize,
    pub(crate) layout: Vec<Block>,
    pub(crate) single: bool,
}

impl Shape {
    pub(crate) fn of(view: &View<'_>) -> Self {
        let single = matches!(view.positions(0), Slice::F32(_));
        Self { replicas: view.replicas(), dof: view.dof(), layout: view.system(0).layout(), single }
    }

    /// Bytes of the positions of all replicas.
    pub(crate) fn bytes(&self) -> u64 {
        self.replicas as u64 * self.dof as u64 * if self.single { 4 } else { 8 }
    }

    pub(crate) fn blocks(&self) -> Vec<std::ops::Range<usize>> {
        self.layout.iter().map(|b| b.range.clone()).collect()
    }

    /// True if there are layers to tell apart.
    pub(crate) fn layered(&self) -> bool {
        self.layout.len() > 1
    }

    pub(crate) fn layers(&self) -> Record {
        let names = self.layout.iter().map(|b| b.name.clone()).collect();
        Record::coordinate("layer", "named blocks of the degrees of freedom", "1", Values::Text(names))
    }

    pub(crate) fn replica_numbers(&self) -> Record {
        let numbers = Values::I64((0..self.replicas as i64).collect());
        Record::coordinate("replica", "number of the replica", "1", numbers)
    }

    /// A saved array with the positions of one replica in the precision of the run.
    pub(crate) fn check(&self, name: &str, array: &Array) -> Result<(), Fault> {
        let fits = match array {
            Array::F32(v) => self.single && v.len() == self.dof,
            Array::F64(v) => !self.single && v.len() == self.dof,
            Array::U64(_) => false,
        };
        if fits { Ok(()) } else { Err(Fault::State { name: name.to_owned() }) }
    }
}

/// The steps of a schedule as a coordinate.
pub(crate) fn steps(name: &str, about: &str, schedule: &Schedule) -> Record {
    let steps = schedule.steps().iter().map(|&s| s as i64).collect();
    Record::coordinate(name, about, "steps", Values::I64(steps))
}

/// The physical times of the steps of a schedule, along `dim`.
pub(crate) fn physical(name: &str, dim: &str, schedule: &Schedule, view: &View<'_>) -> Record {
    let times: Vec<f64> = schedule.steps().iter().map(|&s| view.time_at(s)).collect();
    let about = format!("physical time (sum of the step sizes) at `{dim}`");
    Record::new(name, &about, "time", &[(dim, times.len())], times)
}

/// A copy of positions, in their precision.
pub(crate) fn copy(x: Slice<'_>) -> Array {
    match x {
        Slice::F32(x) => Array::F32(x.to_vec()),
        Slice::F64(x) => Array::F64(x.to_vec()),
    }
}

/// A look at a copy of positions.
pub(crate) fn look(x: &Array) -> Slice<'_> {
    match x {
        Array::F32(x) => Slice::F32(x),
        Array::F64(x) => Slice::F64(x),
        Array::U64(_) => Slice::F64(&[]),
    }
}

/// True if the replica has diverged: nothing that is measured on it means anything from then on.
pub(crate) fn diverged(view: &View<'_>, replica: usize) -> bool {
    matches!(view.stop(replica), Some(Stop::Diverged { .. }))
}
