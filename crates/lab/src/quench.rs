//! One quench: its Systems, its Stepper, its observers, advanced from event to event.

use crate::plan::Quench;
use crate::registry;
use crate::unstarted::Unstarted;
use glasslab_core::parameter::Build;
use glasslab_core::{
    Array, Block, Dataset, Ensemble, Fault, Job, Method, Observer, Parameters, Precision, Schedule, Slice, Space,
    State, Stepper, Streams, System, View,
};
use glasslab_observe::{Energies, Gaps, Inherent, Noise, Norms, Scattering, TwoTime};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A quench in motion.
pub struct Quenching {
    plan: Quench,
    systems: Vec<Arc<dyn System>>,
    stepper: Ensemble,
    observers: Vec<Box<dyn Observer>>,
    /// Steps between calls of `advance` that keep the program responsive, from measured speed.
    stride: u64,
    moved_by: &'static str,
    /// Bytes of positions, momenta and forces.
    held: u64,
    /// Bytes that moving and measuring take at a time.
    working: u64,
}

/// How long the loop may be deaf to an interruption, about.
const PATIENCE: Duration = Duration::from_millis(100);

impl Quenching {
    /// Builds Systems, Steppers (native where there are) and observers. Relative data paths start from `folder`.
    pub fn new(plan: &Quench, seed: u64, folder: &Path) -> Result<Self, Fault> {
        Self::build(plan, seed, folder, true, &mut |_, _| {})
    }

    /// The same; where drawing the starts takes long (the melt of particles), `at` hears now and then how many of its steps are done.
    pub fn watched(plan: &Quench, seed: u64, folder: &Path, at: &mut dyn FnMut(u64, u64)) -> Result<Self, Fault> {
        Self::build(plan, seed, folder, true, at)
    }

    /// The same without the melt of particles, which takes a while: only to count memory, and to [`Quenching::load`].
    pub fn unstarted(plan: &Quench, seed: u64, folder: &Path) -> Result<Self, Fault> {
        Self::build(plan, seed, folder, false, &mut |_, _| {})
    }

    fn build(
        plan: &Quench,
        seed: u64,
        folder: &Path,
        start: bool,
        at: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, Fault> {
        let entry = registry::find(&plan.system)
            .ok_or_else(|| Fault::input("system", &plan.system, registry::unknown_system(&plan.system)))?;
        let parameters = Parameters::check(&(entry.parameters)(), &plan.parameters).map_err(Fault::Input)?;
        // Quenches of one plan draw from streams of their own: the key holds the quench's name.
        let streams = Streams::new(seed ^ glasslab_core::random::fnv1a(plan.name.as_bytes()));
        let mut systems = Vec::new();
        let mut members = Vec::new();
        let (mut moved_by, mut held, mut working) = ("", 0, 0);
        for sample in 0..plan.samples {
            let build = Build { streams, sample, folder: folder.to_owned(), precision: plan.precision };
            let system = (entry.build)(&parameters, &build)?;
            let job = Job {
                method: plan.method.clone(),
                streams,
                replicas: sample * plan.replicas..(sample + 1) * plan.replicas,
                precision: plan.precision,
            };
            let (member, by) = match Arc::clone(&system).native(&job)? {
                Some(native) => (native, "native"),
                None => {
                    let light = !start && system.translations() > 0;
                    let moved = if light { Arc::new(Unstarted(system.clone())) } else { system.clone() };
                    let make = || glasslab_dynamics::generic(moved.clone(), &job);
                    let all = plan.samples * plan.replicas;
                    let made = match moved.start_steps() {
                        None => make(),
                        Some((_, each)) => watching(make, &mut || {
                            let done = moved.start_steps().map_or(0, |s| s.0);
                            at(sample * plan.replicas * each + done, all * each);
                        }),
                    };
                    (made?, "generic")
                }
            };
            let (n, r) = (member.dof() as u64, member.replicas() as u64);
            // A generic Stepper works in f64 and keeps a force of each replica.
            held += match (by, plan.precision) {
                ("native", Precision::F32) => 2 * 4 * n * r,
                ("native", Precision::F64) => 2 * 8 * n * r,
                _ => 3 * 8 * n * r,
            };
            working = system.working_memory(&job).max(working);
            members.push(member);
            moved_by = by;
            systems.push(system);
        }
        let stepper = Ensemble::new(members);
        let (waiting, lags, losses) = (plan.grid.waiting(), plan.grid.lags(plan.steps), plan.grid.losses(plan.steps));
        let view = View::new(&stepper, &systems);
        let mut observers: Vec<Box<dyn Observer>> = vec![
            Box::new(Energies::new(losses.clone(), &view)),
            Box::new(TwoTime::new(&waiting, &lags, plan.steps, &view)),
            Box::new(Norms::new(&losses, &view)),
        ];
        if let Some(gaps) = Gaps::new(losses.clone(), &view) {
            observers.push(Box::new(gaps));
        }
        if let Some(scattering) = Scattering::new(&waiting, &lags, plan.steps, &view) {
            observers.push(Box::new(scattering));
        }
        // A descent has its inherent structure before it all along.
        if plan.method.final_temperature() > 0.0
            && let Some(inherent) = Inherent::new(&waiting, plan.steps, &view)
        {
            observers.push(Box::new(inherent));
        }
        if let Some(asked) = &plan.stability {
            let schedule = waiting.union(&Schedule::at(vec![plan.steps]));
            let place = (streams, folder);
            observers.push(crate::stability::observer(asked, &plan.parameters, place, &schedule, &view)?);
        }
        if let Some(noise) = Noise::new(waiting, &plan.method, &view) {
            observers.push(Box::new(noise));
        }
        Ok(Self { plan: plan.clone(), systems, stepper, observers, stride: 1, moved_by, held, working })
    }

    /// The same quench with nobody watching: it ends on the same bits.
    pub fn unobserved(plan: &Quench, seed: u64, folder: &Path) -> Result<Self, Fault> {
        Ok(Self { observers: Vec::new(), ..Self::new(plan, seed, folder)? })
    }

    /// Bytes that references, tables, replicas and Systems will hold, about.
    pub fn memory(&self) -> u64 {
        let observers: u64 = self.observers.iter().map(|o| o.memory()).sum();
        let systems: u64 = self.systems.iter().map(|s| s.memory()).sum();
        // A checkpoint copies what observers and Stepper hold, and writes the latter from one buffer through another; it does
        // not meet a step or a measurement.
        observers + systems + self.held + self.working.max(observers + 3 * self.held)
    }

    /// The Stepper.
    pub fn stepper(&self) -> &dyn Stepper {
        &self.stepper
    }

    /// Which code moves it: `native` or `generic`.
    pub fn moved_by(&self) -> &'static str {
        self.moved_by
    }

    /// The first System.
    pub fn system(&self) -> &dyn System {
        &*self.systems[0]
    }

    /// Physical time per step at the start: the unit of the axes.
    pub fn step_size(&self) -> f64 {
        self.stepper.time_at(1)
    }

    /// Steps done.
    pub fn step(&self) -> u64 {
        self.stepper.clock().step
    }

    /// True if all steps are done.
    pub fn is_done(&self) -> bool {
        self.step() >= self.plan.steps
    }

    fn next_event(&self) -> Option<u64> {
        let after = self.step() + 1;
        self.observers.iter().filter_map(|o| o.schedule().next(after)).min().filter(|&s| s <= self.plan.steps)
    }

    fn observe(&mut self) -> Result<(), Fault> {
        let step = self.step();
        let view = View::new(&self.stepper, &self.systems);
        for observer in &mut self.observers {
            if observer.schedule().contains(step) {
                observer.observe(&view)?;
            }
        }
        Ok(())
    }

    /// Observes the initial condition. Call once, at step 0.
    pub fn start(&mut self) -> Result<(), Fault> {
        self.observe()
    }

    /// Goes on for about `time`, or to the end, or until `interrupt` is set; calls `at` with the step now and then.
    pub fn advance(&mut self, time: Duration, interrupt: &AtomicBool, at: &mut dyn FnMut(u64)) -> Result<(), Fault> {
        let begin = Instant::now();
        while !self.is_done() && !interrupt.load(Ordering::Relaxed) && begin.elapsed() < time {
            let event = self.next_event().unwrap_or(self.plan.steps);
            let steps = (event - self.step()).min(self.stride);
            let before = Instant::now();
            self.stepper.advance(steps)?;
            let spent = before.elapsed();
            // Only how long the loop is deaf depends on the clock, never a result.
            if spent < PATIENCE / 2 && steps == self.stride {
                self.stride = self.stride.saturating_mul(2);
            } else if spent > PATIENCE {
                self.stride = (self.stride / 2).max(1);
            }
            if self.step() == event {
                self.observe()?;
            }
            at(self.step());
        }
        Ok(())
    }

    /// All that is needed to go on.
    pub fn save(&self) -> State {
        let mut state = State::default();
        state.nest("stepper", self.stepper.save());
        for observer in &self.observers {
            state.nest(&format!("observer/{}", observer.name()), observer.save());
        }
        state
    }

    /// The inverse of [`Quenching::save`].
    pub fn load(&mut self, state: &State) -> Result<(), Fault> {
        self.stepper.load(&state.part("stepper"))?;
        for observer in &mut self.observers {
            observer.load(&state.part(&format!("observer/{}", observer.name())))?;
        }
        Ok(())
    }

    /// Positions and buffers of a replica, block by block, in the precision of the run.
    pub fn weights(&self, replica: usize) -> Vec<(Block, Array)> {
        let cut = |(block, values): (Block, &Slice<'_>)| {
            let part = match values {
                Slice::F32(x) => Array::F32(x[block.range.clone()].to_vec()),
                Slice::F64(x) => Array::F64(x[block.range.clone()].to_vec()),
            };
            (block, part)
        };
        let (x, buffers) = (self.stepper.positions(replica), self.stepper.buffers(replica));
        let blocks = self.system().layout().into_iter().map(|b| cut((b, &x)));
        blocks.chain(self.system().buffers().into_iter().map(|b| cut((b, &buffers)))).collect()
    }

    /// What was measured so far, with the facts that a reader needs.
    pub fn records(&self) -> Dataset {
        let view = View::new(&self.stepper, &self.systems);
        let mut all = Dataset::default();
        for observer in &self.observers {
            all.merge(observer.records(&view));
        }
        let time = if self.system().extensive() { "time" } else { "steps" };
        let temperature = match &self.plan.method {
            Method::Langevin { temperature, .. } => temperature.at(f64::MAX),
            Method::Hop { temperature, .. } => *temperature,
            _ => 0.0,
        };
        let known = self.system().reference_energy(temperature);
        if let Some((value, name)) = known.or_else(|| crate::exact::reference(&self.plan, temperature)) {
            all.attributes.insert("reference_energy".to_owned(), format!("{value}"));
            all.attributes.insert("reference_name".to_owned(), name.to_owned());
        }
        let space = match self.system().space() {
            Space::Flat => "flat",
            Space::Sphere { .. } => "sphere",
            Space::Torus { .. } => "torus",
        };
        let sources: Vec<String> =
            self.system().citations().iter().map(|c| format!("{}\t{}", c.text, c.locator)).collect();
        let facts = [
            ("quench", self.plan.name.clone()),
            ("label", self.plan.label.clone()),
            ("system", self.plan.system.clone()),
            ("method", method_words(&self.plan.method)),
            ("dof", self.stepper.dof().to_string()),
            ("replicas_per_sample", self.plan.replicas.to_string()),
            ("samples", self.plan.samples.to_string()),
            ("unit_of_time", time.to_owned()),
            ("space", space.to_owned()),
            ("sources", sources.join("\n")),
            ("time_per_step", format!("{}", self.step_size())),
        ];
        all.attributes.extend(facts.map(|(k, v)| (k.to_owned(), v)));
        all
    }
}

/// What `make` makes on another thread, with as many helpers as here; meanwhile `look` is called now and then on this one.
fn watching<T: Send>(make: impl FnOnce() -> T + Send, look: &mut dyn FnMut()) -> T {
    std::thread::scope(|scope| {
        let threads = rayon::current_num_threads();
        let made = scope.spawn(move || match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
            Ok(pool) => pool.install(make),
            Err(_) => make(),
        });
        while !made.is_finished() {
            look();
            std::thread::park_timeout(PATIENCE / 5);
        }
        made.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A method in words, for tables and axes.
pub fn method_words(method: &Method) -> String {
    let course = |c: &glasslab_core::Course| match c {
        glasslab_core::Course::Constant(v) => format!("{v}"),
        other => format!("{other:?}"),
    };
    match method {
        Method::Sgd { rate, momentum, batch } => {
            format!("SGD, B = {batch}, rate {}, momentum {momentum}", course(rate))
        }
        Method::Descent { step_size } => format!("gradient descent, dt = {}", course(step_size)),
        Method::Langevin { step_size, temperature } => {
            format!("Langevin, T = {}, dt = {step_size}", course(temperature))
        }
        Method::Verlet { step_size, temperature } => {
            format!("Newton's equations, start at T = {temperature}, dt = {step_size}")
        }
        Method::Underdamped { step_size, temperature, friction } => {
            format!("Langevin with inertia, T = {}, friction {friction}, dt = {step_size}", course(temperature))
        }
        Method::Bussi { step_size, temperature, relaxation } => {
            format!(
                "molecular dynamics, Bussi thermostat, T = {}, tau = {relaxation}, dt = {step_size}",
                course(temperature)
            )
        }
        Method::Fire { step_size, tolerance, .. } => {
            format!("FIRE down to a force of {tolerance:e}, first dt = {step_size}")
        }
        Method::Hop { step_size, temperature } => format!("thermal hops, T = {temperature}, dt = {step_size}"),
        Method::Flow(rule) => format!("gradient flow, turn < {}, move < {}", rule.largest_turn, rule.largest_move),
        Method::Adam { rate, batch: 0, .. } => format!("Adam on the whole energy, rate {}", course(rate)),
        Method::Adam { rate, batch, .. } => format!("Adam, B = {batch}, rate {}", course(rate)),
        other => other.name().to_owned(),
    }
}
