//! The fused Stepper of gradient flow: force, outputs and margins from one pass; replicas on all threads.

use super::AlphaMlp;
use crate::fused::Room;
use glasslab_core::{Array, Clock, Fault, FlowClock, FlowEnd, FlowRule, Job, Slice, State, Stepper, Stop, Work, sum};
use rayon::prelude::*;
use std::sync::Arc;

/// One replica in flow.
struct Replica {
    x: Vec<f64>,
    force: Vec<f64>,
    /// f - f0 at x [P].
    outputs: Vec<f64>,
    velocity: Vec<f64>,
    clock: FlowClock,
    energy: f64,
    unmet: usize,
    stop: Option<Stop>,
    tries: u64,
    /// Work space and the tentative point.
    room: Room<f64>,
    next: Vec<f64>,
    next_force: Vec<f64>,
    next_outputs: Vec<f64>,
    next_velocity: Vec<f64>,
}

/// Gradient flow of [`AlphaMlp`] in f64: the rule of [`FlowRule`], one pass over the data an attempt.
///
/// Checked by `the_fused_flow_equals_the_generic_one`, the Stepper contract, and PyTorch step by step.
pub(crate) struct Fused {
    system: Arc<AlphaMlp>,
    rule: FlowRule,
    replicas: Vec<Replica>,
    step: u64,
    /// Mean flow time after each step.
    times: Vec<f64>,
}

impl Replica {
    fn new(system: &AlphaMlp, rule: &FlowRule, x: Vec<f64>) -> Self {
        let (n, p) = (x.len(), system.y.len());
        let (mut force, mut outputs, mut room) = (vec![0.0; n], vec![0.0; p], system.room());
        let (energy, unmet) = system.all(&mut room, &x, &mut force, &mut outputs);
        let mut replica = Self {
            velocity: vec![0.0; if rule.memory > 0.0 { n } else { 0 }],
            clock: FlowClock::new(rule, energy),
            next: x.clone(),
            next_force: force.clone(),
            next_outputs: outputs.clone(),
            next_velocity: vec![0.0; if rule.memory > 0.0 { n } else { 0 }],
            x,
            force,
            outputs,
            energy,
            unmet,
            stop: None,
            tries: 0,
            room,
        };
        if !(energy.is_finite() && replica.force.iter().all(|f| f.is_finite())) {
            replica.stop = Some(Stop::Diverged { step: 0 });
        } else if replica.force.iter().all(|f| *f == 0.0) {
            replica.stop = Some(Stop::Converged { step: 0 });
        }
        replica
    }

    /// One attempt, from step `step`.
    fn attempt(&mut self, system: &AlphaMlp, rule: &FlowRule, step: u64) {
        self.tries += 1;
        let dt = self.clock.dt;
        if rule.memory > 0.0 {
            let keep = rule.keep(dt);
            for ((u, v), f) in self.next_velocity.iter_mut().zip(&self.velocity).zip(&self.force) {
                *u = keep * v + (1.0 - keep) * f;
            }
            self.next.iter_mut().zip(&self.x).zip(&self.next_velocity).for_each(|((a, x), v)| *a = x + dt * v);
        } else {
            self.next.iter_mut().zip(&self.x).zip(&self.force).for_each(|((a, x), f)| *a = x + dt * f);
        }
        let (energy, unmet) = system.all(&mut self.room, &self.next, &mut self.next_force, &mut self.next_outputs);
        let turn = FlowRule::turn(&self.force, &self.next_force);
        let moved = system.alpha * largest_change(&self.outputs, &self.next_outputs);
        let finite = energy.is_finite() && moved.is_finite();
        let accepted = self.clock.judge(rule, if finite { turn } else { f64::NAN }, moved);
        let step = step + 1;
        if self.clock.vanished() {
            self.stop = Some(Stop::Stuck { step });
        }
        if !accepted {
            return;
        }
        std::mem::swap(&mut self.x, &mut self.next);
        std::mem::swap(&mut self.force, &mut self.next_force);
        std::mem::swap(&mut self.outputs, &mut self.next_outputs);
        std::mem::swap(&mut self.velocity, &mut self.next_velocity);
        (self.energy, self.unmet) = (energy, unmet);
        let squared = sum::dot(&self.force, &self.force);
        if let Some(end) = self.clock.end(Some(unmet), energy, squared) {
            self.stop = Some(match end {
                FlowEnd::Satisfied => Stop::Satisfied { step },
                FlowEnd::Stuck => Stop::Stuck { step },
                FlowEnd::Converged => Stop::Converged { step },
            });
        }
    }
}

/// max |a - b|; NaN if any of them is.
fn largest_change(a: &[f64], b: &[f64]) -> f64 {
    let (mut most, mut all) = ([0.0_f64; 8], [0.0_f64; 8]);
    for (a, b) in a.chunks(8).zip(b.chunks(8)) {
        for (((m, all), a), b) in most.iter_mut().zip(&mut all).zip(a).zip(b) {
            let d = (a - b).abs();
            *m = if d > *m { d } else { *m };
            // NaN once there was one.
            *all += d;
        }
    }
    if all.iter().sum::<f64>().is_nan() { f64::NAN } else { most.iter().fold(0.0, |m, d| f64::max(m, *d)) }
}

impl Fused {
    pub fn new(system: Arc<AlphaMlp>, rule: FlowRule, job: &Job) -> Result<Self, Fault> {
        let complaints = rule.complaints();
        if !complaints.is_empty() {
            return Err(Fault::Input(complaints));
        }
        let make = |number: u64| Replica::new(&system, &rule, system.shape.draw(job.streams, number));
        let replicas = job.replicas.clone().map(make).collect();
        Ok(Self { system, rule, replicas, step: 0, times: vec![0.0] })
    }
}

impl Stepper for Fused {
    fn replicas(&self) -> usize {
        self.replicas.len()
    }

    fn dof(&self) -> usize {
        self.system.shape.dof()
    }

    fn clock(&self) -> Clock {
        Clock { step: self.step, time: self.times[self.times.len() - 1], epochs: None }
    }

    fn time_at(&self, step: u64) -> f64 {
        let last = self.times.len() - 1;
        let future = |step: u64| self.times[last] + (step as f64 - last as f64) * self.replicas[0].clock.dt;
        self.times.get(step as usize).copied().unwrap_or_else(|| future(step))
    }

    fn advance(&mut self, steps: u64) -> Result<(), Fault> {
        let (system, rule, from) = (&*self.system, &self.rule, self.step);
        let run = |replica: &mut Replica| -> Vec<f64> {
            let one = |step: u64| {
                if replica.stop.is_none() {
                    replica.attempt(system, rule, step);
                }
                replica.clock.time
            };
            (from..from + steps).map(one).collect()
        };
        let times: Vec<Vec<f64>> = match self.replicas.len() {
            1 => self.replicas.iter_mut().map(run).collect(),
            _ => self.replicas.par_iter_mut().with_max_len(1).map(run).collect(),
        };
        for s in 0..steps as usize {
            self.times.push(times.iter().map(|t| t[s]).sum::<f64>() / times.len() as f64);
        }
        self.step += steps;
        Ok(())
    }

    fn positions(&self, replica: usize) -> Slice<'_> {
        Slice::F64(&self.replicas[replica].x)
    }

    fn stop(&self, replica: usize) -> Option<Stop> {
        self.replicas[replica].stop
    }

    fn replica_time(&self, replica: usize) -> f64 {
        self.replicas[replica].clock.time
    }

    fn save(&self) -> State {
        let mut state = State::default();
        let all = |of: fn(&Replica) -> &[f64]| Array::F64(self.replicas.iter().flat_map(of).copied().collect());
        state.push("positions", all(|r| &r.x));
        state.push("velocity", all(|r| &r.velocity));
        state.push("step", Array::U64(vec![self.step]));
        state.push("stops", Array::U64(self.replicas.iter().flat_map(|r| Stop::code(r.stop)).collect()));
        state.push("tries", Array::U64(self.replicas.iter().map(|r| r.tries).collect()));
        state.push("times", Array::F64(self.times.clone()));
        FlowClock::save(&self.replicas.iter().map(|r| r.clock).collect::<Vec<_>>(), &mut state);
        state
    }

    fn load(&mut self, state: &State) -> Result<(), Fault> {
        let (n, r) = (self.dof(), self.replicas.len());
        let positions = state.f64("positions", n * r)?;
        let kept: usize = self.replicas.iter().map(|r| r.velocity.len()).sum();
        let velocity = state.f64("velocity", kept)?;
        let step = state.u64("step", 1)?[0];
        let tries = state.u64("tries", r)?;
        let clocks = FlowClock::load(state, r)?;
        let times = state.f64("times", step as usize + 1)?.to_vec();
        let stops: Vec<Option<Stop>> =
            state.u64("stops", 2 * r)?.chunks(2).map(Stop::decode).collect::<Result<_, _>>()?;
        for (i, replica) in self.replicas.iter_mut().enumerate() {
            let kept = replica.velocity.len();
            *replica = Replica {
                velocity: velocity[i * kept..(i + 1) * kept].to_vec(),
                clock: clocks[i],
                stop: stops[i],
                tries: tries[i],
                ..Replica::new(&self.system, &self.rule, positions[i * n..(i + 1) * n].to_vec())
            };
        }
        (self.step, self.times) = (step, times);
        Ok(())
    }

    fn work(&self) -> Work {
        let tries: u64 = self.replicas.iter().map(|r| r.tries).sum();
        Work { steps: tries, forces: tries, samples: tries * self.system.y.len() as u64 }
    }
}
