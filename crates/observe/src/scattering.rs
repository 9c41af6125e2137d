//! The self-intermediate scattering function of particles, between every waiting time and all later times.

use crate::log::{Log, Shape, copy, diverged, look, steps};
use glasslab_core::{Array, Dataset, Fault, Observer, Record, Schedule, Slice, State, View, sum};
use rayon::prelude::*;

/// F_s(q; t_w, t) = (1/N) sum_i cos(q [x_i(t) - x_i(t_w)]) over all coordinates of all particles: the mean over particles and
/// over wave vectors of length q along the axes.
///
/// Record `self_scattering` (replica, waiting_time, time), times as those of [`crate::TwoTime`] with the same arguments;
/// attribute `wave_number`. 1 at t = t_w, 0 once particles have forgotten where they were. NaN where t < t_w, where the run
/// has not arrived, and from the divergence of a replica on. Positions are unwrapped, so any q will do.
/// Cost of a measurement: K R N cosines for K live references. Memory: K R N numbers.
/// Source: Kob and Barrat 1997, doi:10.1103/PhysRevLett.78.4581. Checked by `tests/particles.rs`.
pub struct Scattering {
    wave_number: f64,
    waiting: Schedule,
    schedule: Schedule,
    shape: Shape,
    references: Vec<Vec<Array>>,
    log: Log,
}

impl Scattering {
    /// At t_w + t for `waiting` and `lags` in steps, up to step `last`; `None` if the System names no wave number.
    pub fn new(waiting: &Schedule, lags: &Schedule, last: u64, view: &View<'_>) -> Option<Self> {
        let wave_number = view.system(0).wave_number()?;
        let waiting = Schedule::at(waiting.steps().iter().copied().filter(|&w| w <= last).collect());
        Some(Self {
            wave_number,
            schedule: Schedule::pairs(&waiting, lags, last),
            waiting,
            shape: Shape::of(view),
            references: Vec::new(),
            log: Log::default(),
        })
    }

    /// References that exist at the measured time of that number.
    fn live(&self, time: usize) -> usize {
        let step = self.schedule.steps()[time];
        self.waiting.steps().partition_point(|&w| w <= step)
    }

    fn values_before(&self, done: usize) -> usize {
        (0..done).map(|t| self.live(t)).sum::<usize>() * self.shape.replicas
    }
}

fn scattering(q: f64, x: Slice<'_>, reference: Slice<'_>) -> f64 {
    let cosines: Vec<f64> = match (x, reference) {
        (Slice::F64(x), Slice::F64(r)) => x.iter().zip(r).map(|(x, r)| (q * (x - r)).cos()).collect(),
        _ => x.to_f64().iter().zip(reference.to_f64()).map(|(x, r)| (q * (x - r)).cos()).collect(),
    };
    sum::sum(&cosines) / cosines.len() as f64
}

impl Observer for Scattering {
    fn name(&self) -> &'static str {
        "scattering"
    }

    fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    fn observe(&mut self, view: &View<'_>) -> Result<(), Fault> {
        self.log.check_due(&self.schedule, view.clock())?;
        if self.waiting.contains(view.clock().step) {
            self.references.push((0..self.shape.replicas).map(|r| copy(view.positions(r))).collect());
        }
        let (live, q) = (self.references.len(), self.wave_number);
        let stopped: Vec<bool> = (0..self.shape.replicas).map(|r| diverged(view, r)).collect();
        let now: Vec<Slice<'_>> = (0..self.shape.replicas).map(|r| view.positions(r)).collect();
        let one = |i: usize| match stopped[i / live] {
            true => f64::NAN,
            false => scattering(q, now[i / live], look(&self.references[i % live][i / live])),
        };
        let row: Vec<f64> = (0..live * self.shape.replicas).into_par_iter().map(one).collect();
        self.log.push(&row);
        Ok(())
    }

    fn records(&self, _view: &View<'_>) -> Dataset {
        let (replicas, waits, times) = (self.shape.replicas, self.waiting.len(), self.schedule.len());
        let mut values = vec![f64::NAN; replicas * waits * times];
        let mut rows = self.log.values();
        for t in 0..self.log.done() {
            let live = self.live(t);
            let (row, rest) = rows.split_at(live * replicas);
            rows = rest;
            for (i, value) in row.iter().enumerate() {
                values[(i / live * waits + i % live) * times + t] = *value;
            }
        }
        let mut data = Dataset::default();
        data.attributes.insert("wave_number".to_owned(), format!("{}", self.wave_number));
        data.coordinates.push(self.shape.replica_numbers());
        data.coordinates.push(steps("waiting_time", "waiting time t_w of the reference copy", &self.waiting));
        data.coordinates.push(steps("time", "time t of the measurement (not the lag t - t_w)", &self.schedule));
        let dims = [("replica", replicas), ("waiting_time", waits), ("time", times)];
        let about = "F_s(q; t_w, t) = (1/N) sum_i cos(q [x_i(t) - x_i(t_w)]), mean over particles and axes";
        data.variables.push(Record::new("self_scattering", about, "1", &dims, values));
        data
    }

    fn memory(&self) -> u64 {
        self.waiting.len() as u64 * self.shape.bytes() + self.values_before(self.schedule.len()) as u64 * 8
    }

    fn save(&self) -> State {
        let mut state = State::default();
        self.log.save(&mut state);
        for (k, replicas) in self.references.iter().enumerate() {
            for (r, x) in replicas.iter().enumerate() {
                state.push(format!("once/reference{k}/replica{r}"), x.clone());
            }
        }
        state
    }

    fn load(&mut self, state: &State) -> Result<(), Fault> {
        let mut log = Log::default();
        log.load(state, self.schedule.len(), |done| self.values_before(done))?;
        let live = if log.done() == 0 { 0 } else { self.live(log.done() - 1) };
        let read = |k: usize, r: usize| {
            let name = format!("once/reference{k}/replica{r}");
            let array = state.get(&name)?;
            self.shape.check(&name, array)?;
            Ok(array.clone())
        };
        let all = (0..live).map(|k| (0..self.shape.replicas).map(|r| read(k, r)).collect());
        self.references = all.collect::<Result<_, Fault>>()?;
        self.log = log;
        Ok(())
    }
}
