//! The trap model in continuous time: exact, event by event.

use super::TrapModel;
use glasslab_core::{Array, Clock, Fault, Job, Slice, State, Stepper, Stop, Streams, System, Work};
use rand::RngExt;
use rand_distr::Exp1;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// Walkers of one piece of work, when threads share it.
const PIECE: usize = 1024;

/// Each walker knows when it will hop next. Hop h of walker i draws its new cell and an exponential number of mean 1 from
/// the stream ("hop", replica, 2^32 i + h), so nothing depends on how time is cut into steps. Cost of `advance`: O(N + hops).
pub(super) struct Hops {
    system: Arc<TrapModel>,
    streams: Streams,
    replicas: Range<u64>,
    step_size: f64,
    temperature: f64,
    step: u64,
    positions: Vec<f64>,
    hops: Vec<u64>,
    next: Vec<f64>,
    work: Work,
}

/// One walker while time goes by.
struct Clockwork<'a> {
    system: &'a TrapModel,
    streams: Streams,
    temperature: f64,
    replica: u64,
    walker: usize,
}

impl Clockwork<'_> {
    /// Cell of arrival and exponential number of hop `hop`.
    fn draw(&self, hop: u64) -> (u32, f64) {
        let key = (self.walker as u64) << 32 | (hop & 0xffff_ffff);
        let mut rng = self.streams.stream("hop", self.replica, key);
        (rng.random(), rng.sample(Exp1))
    }

    /// How long the walker stays in `cell`, from its exponential number.
    fn holding(&self, cell: u32, number: f64) -> f64 {
        number * (self.system.depth(self.walker, cell) / self.temperature).exp()
    }

    /// All hops up to and including time `now`.
    fn run(&self, now: f64, x: &mut f64, hops: &mut u64, next: &mut f64) {
        while *next <= now {
            *hops += 1;
            let (cell, number) = self.draw(*hops);
            *x = TrapModel::position(cell);
            *next += self.holding(cell, number);
        }
    }
}

impl Hops {
    pub(super) fn new(system: Arc<TrapModel>, job: &Job, step_size: f64, temperature: f64) -> Result<Self, Fault> {
        let (n, replicas) = (system.dof(), job.replicas.clone());
        let len = (replicas.end - replicas.start) as usize * n;
        let mut all = Self {
            streams: job.streams,
            step_size,
            temperature,
            step: 0,
            positions: vec![0.0; len],
            hops: vec![0; len],
            next: vec![0.0; len],
            work: Work::default(),
            replicas,
            system,
        };
        for (replica, x) in all.replicas.clone().zip(all.positions.chunks_mut(n)) {
            all.system.initial(job.streams, replica, x)?;
        }
        all.each(|clockwork, x, hops, next| {
            let (_, number) = clockwork.draw(*hops);
            *next = clockwork.holding(TrapModel::cell(*x), number);
        });
        Ok(all)
    }

    fn each(&mut self, rule: impl Fn(&Clockwork<'_>, &mut f64, &mut u64, &mut f64) + Sync) {
        let n = self.system.dof();
        let (system, streams, temperature, first) =
            (&*self.system, self.streams, self.temperature, self.replicas.start);
        let pieces = self.positions.par_chunks_mut(PIECE).zip(self.hops.par_chunks_mut(PIECE));
        let pieces = pieces.zip(self.next.par_chunks_mut(PIECE)).with_min_len(8).enumerate();
        pieces.for_each(|(piece, ((x, hops), next))| {
            for (k, ((x, hops), next)) in x.iter_mut().zip(hops).zip(next).enumerate() {
                let place = piece * PIECE + k;
                let (replica, walker) = (first + (place / n) as u64, place % n);
                rule(&Clockwork { system, streams, temperature, replica, walker }, x, hops, next);
            }
        });
    }
}

impl Stepper for Hops {
    fn replicas(&self) -> usize {
        (self.replicas.end - self.replicas.start) as usize
    }

    fn dof(&self) -> usize {
        self.system.dof()
    }

    fn clock(&self) -> Clock {
        Clock { step: self.step, time: self.time_at(self.step), epochs: None }
    }

    fn time_at(&self, step: u64) -> f64 {
        self.step_size * step as f64
    }

    fn advance(&mut self, steps: u64) -> Result<(), Fault> {
        self.step += steps;
        let now = self.time_at(self.step);
        self.each(|clockwork, x, hops, next| clockwork.run(now, x, hops, next));
        self.work.steps += steps * self.replicas() as u64;
        Ok(())
    }

    fn positions(&self, replica: usize) -> Slice<'_> {
        let n = self.dof();
        Slice::F64(&self.positions[replica * n..(replica + 1) * n])
    }

    fn stop(&self, _replica: usize) -> Option<Stop> {
        None
    }

    fn save(&self) -> State {
        let mut state = State::default();
        state.push("positions", Array::F64(self.positions.clone()));
        state.push("step", Array::U64(vec![self.step]));
        state.push("hops", Array::U64(self.hops.clone()));
        state.push("next", Array::F64(self.next.clone()));
        state.push("work", Array::U64(vec![self.work.steps, self.work.forces, self.work.samples]));
        state
    }

    fn load(&mut self, state: &State) -> Result<(), Fault> {
        let len = self.positions.len();
        let (positions, next) = (state.f64("positions", len)?, state.f64("next", len)?);
        let (hops, step, work) = (state.u64("hops", len)?, state.u64("step", 1)?, state.u64("work", 3)?);
        self.positions.copy_from_slice(positions);
        self.next.copy_from_slice(next);
        self.hops.copy_from_slice(hops);
        self.step = step[0];
        self.work = Work { steps: work[0], forces: work[1], samples: work[2] };
        Ok(())
    }

    fn work(&self) -> Work {
        self.work
    }
}
