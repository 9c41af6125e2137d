//! Native Steppers of networks: mini-batch SGD with momentum and full-batch descent, many replicas; fused for dense
//! networks (apart for mini-batches and for whole training sets), layer by layer for others.

mod blocks;
mod engine;
mod full;
mod head;
mod layered;
mod update;

pub(crate) use layered::GROUPS;

use crate::data::Training;
use crate::kernels::{Buffer, Real};
use crate::trained::Trained;
use engine::{Moved, Space};
use full::{Full, FullSpace};
use glasslab_core::*;
use layered::Layered;
use rayon::prelude::*;
use std::sync::{Arc, Mutex, PoisonError};

/// Below this many floating-point operations a step is done on one thread: waking others costs more.
const WORTH_THREADS: f64 = 4e6;

/// One replica.
struct Replica<T> {
    x: Buffer<T>,
    /// Momenta; empty if there is no momentum.
    v: Buffer<T>,
    /// Running statistics.
    buffers: Vec<T>,
    /// Number in the whole ensemble.
    number: u64,
    order: BatchOrder,
    stop: Option<Stop>,
}

/// Work space for the kind of network.
enum Engine<T> {
    Dense(Space<T>),
    Full(FullSpace<T>),
    Layered(Layered<T>),
}

/// R replicas of a network under SGD or gradient descent, in the arithmetic of T.
///
/// Equals the generic Stepper up to rounding (1e-12 relative per step in f64). Every sum has a fixed order, so the bytes
/// depend neither on threads nor on grouping. Checked by `native_equals_generic`, `bytes_do_not_depend_on_grouping`.
pub(crate) struct Native<T> {
    system: Arc<Trained>,
    rate: Course,
    momentum: f64,
    streams: Streams,
    /// Samples per batch; all of them for descent.
    batch: usize,
    descent: bool,
    step: u64,
    replicas: Vec<Replica<T>>,
    /// Of a perceptron for which the fused pass is the faster one.
    full: Option<Full<T>>,
    engines: Mutex<Vec<Engine<T>>>,
    work: Work,
}

impl<T: Real> Native<T> {
    pub fn new(system: Arc<Trained>, job: &Job) -> Result<Self, Fault> {
        let complaints = job.method.complaints();
        if !complaints.is_empty() {
            return Err(Fault::Input(complaints));
        }
        let samples = system.training.len();
        let (rate, momentum, batch, descent) = match job.method {
            Method::Sgd { rate, momentum, batch } => (rate, momentum, batch, false),
            Method::Descent { step_size } => (step_size, 0.0, samples, true),
            _ => {
                let ability = "a native kernel for it";
                return Err(Fault::Unsupported { system: system.name.to_owned(), method: job.method.name(), ability });
            }
        };
        if batch > samples {
            return Err(Fault::input("batch", batch, format!("give at most {samples}, the number of samples")));
        }
        let n = system.network.dof();
        system.check_room::<T>(batch)?;
        let full = system.dense.as_ref().and_then(|dense| Full::new(dense, &system.training, batch));
        let buffers: Vec<T> = system.initial_buffers().into_iter().map(T::from_f64).collect();
        let mut start = vec![0.0; n];
        let replicas = job.replicas.clone().map(|number| {
            system.initial(job.streams, number, &mut start)?;
            let mut x = Buffer::new(n);
            x.iter_mut().zip(&start).for_each(|(x, s)| *x = T::from_f64(*s));
            let v = Buffer::new(if momentum > 0.0 { n } else { 0 });
            let order = BatchOrder::new(job.streams, number, samples, batch);
            Ok(Replica { x, v, buffers: buffers.clone(), number, order, stop: None })
        });
        let replicas = replicas.collect::<Result<_, Fault>>()?;
        let engines = Mutex::default();
        let (streams, step, work) = (job.streams, 0, Work::default());
        Ok(Self { system, rate, momentum, streams, batch, descent, step, replicas, full, engines, work })
    }

    fn dof(&self) -> usize {
        self.system.network.dof()
    }

    fn training(&self) -> &Training {
        &self.system.training
    }

    /// Samples seen by one replica in steps 0..step.
    fn seen(&self, step: u64) -> u64 {
        let (samples, batch) = (self.training().len() as u64, self.batch as u64);
        let per_epoch = samples.div_ceil(batch);
        step / per_epoch * samples + (step % per_epoch * batch).min(samples)
    }

    /// Moves one replica; returns the steps tried.
    fn run(&self, replica: &mut Replica<T>, from: u64, to: u64, threads: usize) -> u64 {
        if replica.stop.is_some() {
            return 0;
        }
        let spare = self.engines.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut engine = spare.unwrap_or_else(|| match &self.system.dense {
            Some(_) if self.full.is_some() => Engine::Full(FullSpace::new()),
            Some(dense) => Engine::Dense(Space::new(dense, self.training(), self.batch, rayon::current_num_threads())),
            None => Engine::Layered(Layered::new(&self.system, self.batch)),
        });
        // The order of all samples does not matter.
        let whole = self.descent || self.full.as_ref().is_some_and(Full::is_whole);
        let all: Vec<u32> = if whole { (0..self.training().len() as u32).collect() } else { Vec::new() };
        let mut tried = 0;
        for step in from..to {
            let batch = if whole { &all[..] } else { replica.order.batch(step) };
            let law = update::Law { rate: self.rate.at(step as f64), momentum: self.momentum };
            let augmentation = if self.descent { Default::default() } else { self.system.augmentation };
            let moves = augmentation.moves(self.streams, replica.number, step, batch.len());
            tried += 1;
            let (x, v, running) = (&mut replica.x, &mut replica.v, &mut replica.buffers);
            let moved = match (&mut engine, &self.system.dense, &self.full) {
                (Engine::Full(space), _, Some(full)) => full.step(space, self.training(), batch, law, x, v, threads),
                (Engine::Dense(space), Some(dense), _) => space.step(dense, self.training(), batch, law, x, v, threads),
                (Engine::Layered(layered), ..) => {
                    layered.step(&self.system, batch, &moves, law, x, v, running, threads > 1)
                }
                _ => unreachable!("made for this network"),
            };
            replica.stop = match moved {
                Moved::Yes => None,
                Moved::NotFinite => Some(Stop::Diverged { step }),
                Moved::BeyondRange => Some(Stop::Diverged { step: step + 1 }),
                Moved::NoForce if self.descent => Some(Stop::Converged { step }),
                Moved::NoForce => None,
            };
            if replica.stop.is_some() {
                break;
            }
        }
        self.engines.lock().unwrap_or_else(PoisonError::into_inner).push(engine);
        tried
    }

    /// Floating-point operations of one step: 6 per weight and sample.
    fn flops(&self) -> f64 {
        6.0 * self.dof() as f64 * self.batch as f64
    }
}

impl<T: Real> Stepper for Native<T> {
    fn replicas(&self) -> usize {
        self.replicas.len()
    }

    fn dof(&self) -> usize {
        self.dof()
    }

    fn clock(&self) -> Clock {
        let per_epoch = self.training().len().div_ceil(self.batch);
        let epochs = Some(self.step as f64 / per_epoch as f64);
        Clock { step: self.step, time: self.rate.sum(self.step), epochs }
    }

    fn time_at(&self, step: u64) -> f64 {
        self.rate.sum(step)
    }

    fn advance(&mut self, steps: u64) -> Result<(), Fault> {
        let (from, to) = (self.step, self.step + steps);
        let mut replicas = std::mem::take(&mut self.replicas);
        let available = rayon::current_num_threads();
        // Threads inside a step, for what is left of them by the replicas.
        let useful = self.full.as_ref().map_or(available, Full::threads);
        let inner =
            if self.flops() >= WORTH_THREADS { available.div_ceil(replicas.len().max(1)) } else { 1 }.min(useful);
        let tried: Vec<u64> = if replicas.len() < 2 && inner == 1 {
            replicas.iter_mut().map(|r| self.run(r, from, to, 1)).collect()
        } else if available == 1 {
            replicas.iter_mut().map(|r| self.run(r, from, to, 1)).collect()
        } else {
            replicas.par_iter_mut().with_max_len(1).map(|r| self.run(r, from, to, inner)).collect()
        };
        self.replicas = replicas;
        for tried in tried {
            self.work.steps += tried;
            self.work.forces += tried;
            self.work.samples += self.seen(from + tried) - self.seen(from);
        }
        self.step = to;
        Ok(())
    }

    fn positions(&self, replica: usize) -> Slice<'_> {
        T::slice(&self.replicas[replica].x)
    }

    fn buffers(&self, replica: usize) -> Slice<'_> {
        T::slice(&self.replicas[replica].buffers)
    }

    fn stop(&self, replica: usize) -> Option<Stop> {
        self.replicas[replica].stop
    }

    fn save(&self) -> State {
        let mut state = State::default();
        let all = |of: fn(&Replica<T>) -> &[T]| T::array(self.replicas.iter().flat_map(of).copied().collect());
        state.push("positions", all(|r| &r.x));
        state.push("momenta", all(|r| &r.v));
        let running = all(|r| &r.buffers);
        if !running.is_empty() {
            state.push("running_statistics", running);
        }
        state.push("step", Array::U64(vec![self.step]));
        let stops = self.replicas.iter().flat_map(|r| match r.stop {
            Some(Stop::Diverged { step }) => [1, step],
            Some(Stop::Converged { step }) => [2, step],
            _ => [0, 0],
        });
        state.push("stops", Array::U64(stops.collect()));
        state.push("work", Array::U64(vec![self.work.steps, self.work.forces, self.work.samples]));
        state
    }

    fn load(&mut self, state: &State) -> Result<(), Fault> {
        let (n, r) = (self.dof(), self.replicas.len());
        let positions = T::from_state(state, "positions", r * n)?;
        let kept: usize = self.replicas.iter().map(|r| r.v.len()).sum();
        let momenta = T::from_state(state, "momenta", kept)?;
        let each = self.replicas.first().map_or(0, |r| r.buffers.len());
        let running = if each == 0 { &[] } else { T::from_state(state, "running_statistics", r * each)? };
        let step = state.u64("step", 1)?[0];
        let work = state.u64("work", 3)?;
        let stops = state.u64("stops", 2 * r)?.chunks(2).map(|stop| match *stop {
            [0, _] => Ok(None),
            [1, step] => Ok(Some(Stop::Diverged { step })),
            [2, step] => Ok(Some(Stop::Converged { step })),
            _ => Err(Fault::State { name: "stops".to_owned() }),
        });
        let stops = stops.collect::<Result<Vec<_>, _>>()?;
        for (i, (replica, stop)) in self.replicas.iter_mut().zip(stops).enumerate() {
            replica.x.copy_from_slice(&positions[i * n..(i + 1) * n]);
            let kept = replica.v.len();
            replica.v.copy_from_slice(&momenta[i * kept..(i + 1) * kept]);
            replica.buffers.copy_from_slice(&running[i * each..(i + 1) * each]);
            replica.stop = stop;
        }
        self.step = step;
        self.work = Work { steps: work[0], forces: work[1], samples: work[2] };
        Ok(())
    }

    fn work(&self) -> Work {
        self.work
    }
}
