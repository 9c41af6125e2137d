//! R replicas of one System with their stops and counted work: the state that all generic Steppers share.

use glasslab_core::{Array, Fault, Forces, Job, State, Stop, Streams, System, Work};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// Below this many degrees of freedom in all replicas a step is done on one thread: waking others costs more.
const WORTH_THREADS: usize = 1 << 13;

/// Positions [R, N] and all that a rule needs to move them.
pub(crate) struct Walkers {
    pub(crate) system: Arc<dyn System>,
    pub(crate) streams: Streams,
    pub(crate) replicas: Range<u64>,
    pub(crate) step: u64,
    pub(crate) positions: Vec<f64>,
    pub(crate) stops: Vec<Option<Stop>>,
    pub(crate) work: Work,
    /// One evaluator per replica, where the System has them.
    evaluators: Vec<Box<dyn Forces>>,
    packed: Vec<f64>,
    forces: Vec<f64>,
    energies: Vec<f64>,
}

/// One replica that still moves, in one step.
pub(crate) struct Walker<'a, Own> {
    pub(crate) replica: u64,
    pub(crate) step: u64,
    pub(crate) x: &'a mut [f64],
    /// The force; free to be overwritten.
    pub(crate) force: &'a mut [f64],
    pub(crate) stop: &'a mut Option<Stop>,
    /// What the rule keeps for this replica.
    pub(crate) own: Own,
}

impl<Own> Walker<'_, Own> {
    /// Stops the replica, before it is moved, unless its energy and force are finite. True if it goes on.
    pub(crate) fn finite(&mut self, energy: f64) -> bool {
        let finite = energy.is_finite() && self.force.iter().all(|f| f.is_finite());
        if !finite {
            *self.stop = Some(Stop::Diverged { step: self.step });
        }
        finite
    }

    /// Stops the replica, after it was moved, unless its position is finite.
    pub(crate) fn arrived(&mut self) {
        if !self.x.iter().all(|x| x.is_finite()) {
            *self.stop = Some(Stop::Diverged { step: self.step + 1 });
        }
    }
}

impl Walkers {
    pub(crate) fn new(system: Arc<dyn System>, job: &Job) -> Result<Self, Fault> {
        let n = system.dof();
        let r = (job.replicas.end - job.replicas.start) as usize;
        let mut positions = vec![0.0; r * n];
        // On all threads: particles are molten first.
        let mut starts: Vec<_> = job.replicas.clone().zip(positions.chunks_mut(n)).collect();
        starts.par_iter_mut().try_for_each(|(replica, x)| system.initial(job.streams, *replica, x))?;
        let stops = positions.chunks(n).map(|x| match x.iter().all(|v| v.is_finite()) {
            true => None,
            false => Some(Stop::Diverged { step: 0 }),
        });
        Ok(Self {
            stops: stops.collect(),
            evaluators: (0..r).map_while(|_| system.clone().forces()).collect(),
            system,
            streams: job.streams,
            replicas: job.replicas.clone(),
            step: 0,
            positions,
            work: Work::default(),
            packed: Vec::new(),
            forces: vec![0.0; r * n],
            energies: vec![0.0; r],
        })
    }

    pub(crate) fn dof(&self) -> usize {
        self.positions.len() / self.stops.len()
    }

    /// Number of replicas that still move.
    pub(crate) fn moving(&self) -> usize {
        self.stops.iter().filter(|s| s.is_none()).count()
    }

    /// Energies and forces of all replicas that still move, in one call, then `rule(walker, energy)` for each of them.
    pub(crate) fn with_forces<Own: Send>(
        &mut self,
        own: impl IntoIterator<Item = Own>,
        rule: impl Fn(&mut Walker<'_, Own>, f64) + Sync,
    ) -> Result<(), Fault> {
        if !self.evaluators.is_empty() {
            return self.with_evaluators(own, rule);
        }
        let (n, moving) = (self.dof(), self.moving());
        let x = if moving == self.stops.len() {
            &self.positions
        } else {
            self.packed.clear();
            for (x, _) in self.positions.chunks(n).zip(&self.stops).filter(|(_, stop)| stop.is_none()) {
                self.packed.extend_from_slice(x);
            }
            &self.packed
        };
        self.system.energy_force_many(x, &mut self.forces[..moving * n], &mut self.energies[..moving])?;
        self.work.forces += moving as u64;
        let mut forces = self.forces.chunks_mut(n).zip(&self.energies);
        let mut walkers: Vec<_> = (self.replicas.clone())
            .zip(self.positions.chunks_mut(n))
            .zip(self.stops.iter_mut().zip(own))
            .filter(|(_, (stop, _))| stop.is_none())
            .map(|((replica, x), (stop, own))| {
                let (force, energy) = forces.next().expect("one force for each moving replica");
                (Walker { replica, step: self.step, x, force, stop, own }, *energy)
            })
            .collect();
        if walkers.len() > 1 && walkers.len() * n >= WORTH_THREADS {
            walkers.par_iter_mut().for_each(|(walker, energy)| rule(walker, *energy));
        } else {
            walkers.iter_mut().for_each(|(walker, energy)| rule(walker, *energy));
        }
        Ok(())
    }

    /// The same where each replica has an evaluator of its own: force and rule in one go, replicas on all threads.
    fn with_evaluators<Own: Send>(
        &mut self,
        own: impl IntoIterator<Item = Own>,
        rule: impl Fn(&mut Walker<'_, Own>, f64) + Sync,
    ) -> Result<(), Fault> {
        let n = self.dof();
        let mut walkers: Vec<_> = (self.replicas.clone())
            .zip(self.positions.chunks_mut(n).zip(self.forces.chunks_mut(n)))
            .zip(self.stops.iter_mut().zip(own))
            .zip(&mut self.evaluators)
            .filter(|((_, (stop, _)), _)| stop.is_none())
            .map(|(((replica, (x, force)), (stop, own)), evaluator)| {
                (Walker { replica, step: self.step, x, force, stop, own }, evaluator)
            })
            .collect();
        self.work.forces += walkers.len() as u64;
        let one = |(walker, evaluator): &mut (Walker<'_, Own>, &mut Box<dyn Forces>)| {
            let energy = evaluator.energy_force(walker.x, walker.force)?;
            rule(walker, energy);
            Ok(())
        };
        if walkers.len() > 1 { walkers.par_iter_mut().try_for_each(one) } else { walkers.iter_mut().try_for_each(one) }
    }

    /// `rule(walker)` for each replica that still moves; nothing is said of the force.
    pub(crate) fn without_forces<Own: Send>(
        &mut self,
        own: impl IntoIterator<Item = Own>,
        rule: impl Fn(&mut Walker<'_, Own>) + Sync,
    ) {
        let n = self.dof();
        let mut walkers: Vec<_> = (self.replicas.clone())
            .zip(self.positions.chunks_mut(n).zip(self.forces.chunks_mut(n)))
            .zip(self.stops.iter_mut().zip(own))
            .filter(|(_, (stop, _))| stop.is_none())
            .map(|((replica, (x, force)), (stop, own))| Walker { replica, step: self.step, x, force, stop, own })
            .collect();
        if walkers.len() > 1 && walkers.len() * n >= WORTH_THREADS {
            walkers.par_iter_mut().for_each(&rule);
        } else {
            walkers.iter_mut().for_each(rule);
        }
    }

    /// `rule(walker)` for each replica that still moves, on all threads; the force is left to the rule.
    pub(crate) fn each<Own: Send>(
        &mut self,
        own: impl IntoIterator<Item = Own>,
        rule: impl Fn(&mut Walker<'_, Own>) -> Result<(), Fault> + Sync,
    ) -> Result<(), Fault> {
        let n = self.dof();
        let mut walkers: Vec<_> = (self.replicas.clone())
            .zip(self.positions.chunks_mut(n).zip(self.forces.chunks_mut(n)))
            .zip(self.stops.iter_mut().zip(own))
            .filter(|(_, (stop, _))| stop.is_none())
            .map(|((replica, (x, force)), (stop, own))| Walker { replica, step: self.step, x, force, stop, own })
            .collect();
        self.work.forces += walkers.len() as u64;
        if walkers.len() > 1 {
            walkers.par_iter_mut().try_for_each(&rule)
        } else {
            walkers.iter_mut().try_for_each(&rule)
        }
    }

    pub(crate) fn save(&self) -> State {
        let mut state = State::default();
        state.push("positions", Array::F64(self.positions.clone()));
        state.push("step", Array::U64(vec![self.step]));
        let stops = self.stops.iter().flat_map(|stop| Stop::code(*stop));
        state.push("stops", Array::U64(stops.collect()));
        state.push("work", Array::U64(vec![self.work.steps, self.work.forces, self.work.samples]));
        for (r, evaluator) in self.evaluators.iter().enumerate() {
            state.push(format!("neighbours/replica{r}"), Array::F64(evaluator.save()));
        }
        state
    }

    pub(crate) fn load(&mut self, state: &State) -> Result<(), Fault> {
        let positions = state.f64("positions", self.positions.len())?;
        let step = state.u64("step", 1)?[0];
        let work = state.u64("work", 3)?;
        let stops = state.u64("stops", 2 * self.stops.len())?.chunks(2).map(Stop::decode);
        let stops = stops.collect::<Result<_, _>>()?;
        for (r, evaluator) in self.evaluators.iter_mut().enumerate() {
            let name = format!("neighbours/replica{r}");
            match state.get(&name)? {
                Array::F64(remembered) => evaluator.load(remembered)?,
                _ => return Err(Fault::State { name }),
            }
        }
        self.stops = stops;
        self.positions.copy_from_slice(positions);
        self.step = step;
        self.work = Work { steps: work[0], forces: work[1], samples: work[2] };
        Ok(())
    }
}
