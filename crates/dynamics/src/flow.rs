//! Gradient flow with accepted and rejected steps, for any System.

use crate::driver::Rule;
use crate::walkers::Walkers;
use glasslab_core::{Array, Fault, FlowClock, FlowEnd, FlowRule, State, Stop, sum};

/// What one replica keeps.
struct Own {
    /// Made at the first step.
    clock: Option<FlowClock>,
    force: Vec<f64>,
    gaps: Vec<f64>,
    velocity: Vec<f64>,
}

/// Explicit Euler for dx/dt = P F by [`FlowRule`]; a step is one attempt. Gaps are those of the System's
/// [`glasslab_core::Contacts`]; if their number changes, the move counts as the largest of 0. Cost: one force (and
/// one list of gaps) an attempt, and one more at the start and after loading.
///
/// Checked by `flow_follows_the_exponential`, the Stepper contract, and against the native Stepper of `alpha-mlp`.
pub(crate) struct Flow {
    rule: FlowRule,
    own: Vec<Own>,
    /// Mean flow time after each step.
    times: Vec<f64>,
}

impl Flow {
    pub(crate) fn new(rule: FlowRule, walkers: &Walkers) -> Self {
        let own = || Own { clock: None, force: Vec::new(), gaps: Vec::new(), velocity: vec![0.0; walkers.dof()] };
        Self { rule, own: walkers.stops.iter().map(|_| own()).collect(), times: vec![0.0] }
    }

    fn clocks(&self) -> Vec<FlowClock> {
        let unborn = FlowClock::new(&self.rule, f64::NAN);
        self.own.iter().map(|o| o.clock.unwrap_or(unborn)).collect()
    }
}

/// The gaps, if the System has any.
fn gaps(walkers: &dyn glasslab_core::System, x: &[f64]) -> Result<Vec<f64>, Fault> {
    walkers.contacts().map_or(Ok(Vec::new()), |c| c.gaps(x))
}

impl Rule for Flow {
    fn step(&mut self, walkers: &mut Walkers) -> Result<(), Fault> {
        let (rule, system) = (self.rule, walkers.system.clone());
        let (space, constrained) = (system.space(), system.contacts().is_some());
        walkers.each(&mut self.own, |walker| {
            let fresh = walker.own.force.is_empty();
            if fresh {
                let energy = system.energy_force(walker.x, walker.force)?;
                if !walker.finite(energy) {
                    return Ok(());
                }
                space.project(walker.x, walker.force);
                walker.own.force = walker.force.to_vec();
                walker.own.gaps = gaps(&*system, walker.x)?;
                if walker.own.clock.is_none() {
                    let mut clock = FlowClock::new(&rule, energy);
                    let squared = sum::dot(walker.force, walker.force);
                    // Nothing is satisfied before the first step but a System without a force.
                    if clock.end(None, energy, squared) == Some(FlowEnd::Converged) {
                        *walker.stop = Some(Stop::Converged { step: walker.step });
                        return Ok(());
                    }
                    walker.own.clock = Some(clock);
                }
            }
            let clock = walker.own.clock.as_mut().expect("made above");
            let dt = clock.dt;
            let keep = rule.keep(dt);
            let velocity: Vec<f64> =
                (walker.own.velocity.iter().zip(&walker.own.force)).map(|(v, f)| keep * v + (1.0 - keep) * f).collect();
            let mut x: Vec<f64> = walker.x.iter().zip(&velocity).map(|(x, v)| x + dt * v).collect();
            space.retract(&mut x);
            let energy = system.energy_force(&x, walker.force)?;
            space.project(&x, walker.force);
            let after = gaps(&*system, &x)?;
            let turn = FlowRule::turn(&walker.own.force, walker.force);
            let pairs = walker.own.gaps.iter().zip(&after);
            // A NaN must not be lost: f64::max would drop it.
            let largest =
                |m: f64, (a, b): (&f64, &f64)| if (a - b).abs() > m || (a - b).is_nan() { (a - b).abs() } else { m };
            let moved = if after.len() == walker.own.gaps.len() { pairs.fold(0.0, largest) } else { 0.0 };
            let finite = energy.is_finite() && moved.is_finite();
            let accepted = clock.judge(&rule, if finite { turn } else { f64::NAN }, moved);
            if clock.vanished() {
                *walker.stop = Some(Stop::Stuck { step: walker.step + 1 });
            }
            if !accepted {
                return Ok(());
            }
            walker.x.copy_from_slice(&x);
            walker.own.velocity = velocity;
            walker.own.force.copy_from_slice(walker.force);
            let violated = constrained.then(|| after.iter().filter(|g| **g < 0.0 || g.is_nan()).count());
            walker.own.gaps = after;
            let squared = sum::dot(walker.force, walker.force);
            if let Some(end) = clock.end(violated, energy, squared) {
                let step = walker.step + 1;
                *walker.stop = Some(match end {
                    FlowEnd::Satisfied => Stop::Satisfied { step },
                    FlowEnd::Stuck => Stop::Stuck { step },
                    FlowEnd::Converged => Stop::Converged { step },
                });
            }
            Ok(())
        })?;
        let sum: f64 = self.clocks().iter().map(|c| c.time).sum();
        self.times.push(sum / self.own.len() as f64);
        Ok(())
    }

    fn time(&self, steps: u64) -> f64 {
        let last = self.times.len() - 1;
        match self.times.get(steps as usize) {
            Some(time) => *time,
            // The future is not known: as if every further attempt were accepted, at the present step.
            None => self.times[last] + (steps as f64 - last as f64) * self.clocks()[0].dt,
        }
    }

    fn rest(&mut self, steps: u64) {
        let last = self.times[self.times.len() - 1];
        self.times.extend((0..steps).map(|_| last));
    }

    fn replica_time(&self, replica: usize, _steps: u64) -> f64 {
        self.own[replica].clock.map_or(0.0, |c| c.time)
    }

    fn save(&self, state: &mut State) {
        FlowClock::save(&self.clocks(), state);
        state.push("born", Array::U64(self.own.iter().map(|o| o.clock.is_some().into()).collect()));
        state.push("velocity", Array::F64(self.own.iter().flat_map(|o| o.velocity.clone()).collect()));
        state.push("times", Array::F64(self.times.clone()));
    }

    fn load(&mut self, state: &State) -> Result<(), Fault> {
        let replicas = self.own.len();
        let clocks = FlowClock::load(state, replicas)?;
        let born = state.u64("born", replicas)?;
        let n = self.own[0].velocity.len();
        let velocity = state.f64("velocity", replicas * n)?;
        let steps = state.u64("step", 1)?[0] as usize;
        self.times = state.f64("times", steps + 1)?.to_vec();
        for (((own, clock), born), v) in self.own.iter_mut().zip(clocks).zip(born).zip(velocity.chunks(n.max(1))) {
            *own =
                Own { clock: (*born > 0).then_some(clock), force: Vec::new(), gaps: Vec::new(), velocity: v.to_vec() };
        }
        Ok(())
    }
}
