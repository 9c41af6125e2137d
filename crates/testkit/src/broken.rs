//! Twins that are broken on purpose, one defect each: what the contracts must reject.

use crate::toys::Quartic;
use glasslab_core::{Array, Clock, Fault, Slice, State, Stepper, Stop, Streams, System, Work};
use rand::RngExt;
use std::ops::Range;

/// What is wrong with a [`BrokenSystem`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WrongForce {
    /// Nothing: the healthy twin.
    None,
    /// The force is 1.05 times too large.
    Factor,
    /// The force has the wrong sign.
    Sign,
    /// One component of the force is missing.
    OneComponent,
    /// Replicas feel one another when computed together.
    Company,
}

/// [`Quartic`] with a defect.
pub struct BrokenSystem {
    /// The healthy part.
    pub system: Quartic,
    /// The defect.
    pub defect: WrongForce,
}

impl System for BrokenSystem {
    fn name(&self) -> &str {
        "broken"
    }

    fn dof(&self) -> usize {
        self.system.dof()
    }

    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        let energy = self.system.energy_force(x, force)?;
        match self.defect {
            WrongForce::Factor => force.iter_mut().for_each(|f| *f *= 1.05),
            WrongForce::Sign => force.iter_mut().for_each(|f| *f = -*f),
            WrongForce::OneComponent => force[0] = 0.0,
            WrongForce::None | WrongForce::Company => {}
        }
        Ok(energy)
    }

    fn initial(&self, streams: Streams, replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        self.system.initial(streams, replica, x)
    }

    fn energy_force_many(&self, x: &[f64], force: &mut [f64], energy: &mut [f64]) -> Result<(), Fault> {
        let n = self.dof();
        for ((x, f), e) in x.chunks(n).zip(force.chunks_mut(n)).zip(energy.iter_mut()) {
            *e = self.energy_force(x, f)?;
        }
        if self.defect == WrongForce::Company && energy.len() > 1 {
            force[0] *= 1.0 + f64::EPSILON;
        }
        Ok(())
    }
}

/// What is wrong with a [`BrokenStepper`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WrongStep {
    /// Nothing: the healthy twin.
    None,
    /// The momentum is not saved.
    ForgetfulSave,
    /// Saving draws a random number.
    DisturbingSave,
    /// Noise is keyed by the local number of the replica.
    NoiseByGroup,
    /// Noise is keyed by the number of the call of `advance`.
    NoiseByCall,
    /// Results depend on the number of threads.
    NoiseByThreads,
    /// Nothing moves.
    Frozen,
    /// The clock does not follow.
    LateClock,
}

/// A damped walker with momentum and noise, with a defect.
pub struct BrokenStepper {
    replicas: Range<u64>,
    defect: WrongStep,
    x: Vec<f64>,
    v: Vec<f64>,
    step: u64,
    calls: u64,
    saves: std::sync::atomic::AtomicU64,
}

const N: usize = 3;

impl BrokenStepper {
    /// The walkers of these replicas, at 0.
    pub fn new(replicas: Range<u64>, defect: WrongStep) -> Self {
        let len = (replicas.end - replicas.start) as usize * N;
        Self { replicas, defect, x: vec![0.0; len], v: vec![0.0; len], step: 0, calls: 0, saves: 0.into() }
    }
}

impl Stepper for BrokenStepper {
    fn replicas(&self) -> usize {
        self.x.len() / N
    }

    fn dof(&self) -> usize {
        N
    }

    fn clock(&self) -> Clock {
        let step = if self.defect == WrongStep::LateClock { self.step / 2 } else { self.step };
        Clock { step, time: self.time_at(step), epochs: None }
    }

    fn time_at(&self, step: u64) -> f64 {
        0.1 * step as f64
    }

    fn advance(&mut self, steps: u64) -> Result<(), Fault> {
        self.calls += 1;
        for _ in 0..steps {
            for local in 0..self.replicas() {
                let replica = match self.defect {
                    WrongStep::NoiseByGroup => local as u64,
                    _ => self.replicas.start + local as u64,
                };
                let key = self.step
                    + match self.defect {
                        WrongStep::NoiseByCall => self.calls << 32,
                        WrongStep::NoiseByThreads => (rayon::current_num_threads() as u64) << 32,
                        WrongStep::DisturbingSave => self.saves.load(std::sync::atomic::Ordering::Relaxed) << 32,
                        _ => 0,
                    };
                let mut rng = Streams::new(1).stream("noise", replica, key);
                for i in local * N..(local + 1) * N {
                    self.v[i] = 0.9 * self.v[i] + rng.random_range(-1.0..1.0);
                    self.x[i] += if self.defect == WrongStep::Frozen { 0.0 } else { 0.1 * self.v[i] };
                }
            }
            self.step += 1;
        }
        Ok(())
    }

    fn positions(&self, replica: usize) -> Slice<'_> {
        Slice::F64(&self.x[replica * N..(replica + 1) * N])
    }

    fn stop(&self, _replica: usize) -> Option<Stop> {
        None
    }

    fn save(&self) -> State {
        self.saves.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut state = State::default();
        state.push("positions", Array::F64(self.x.clone()));
        state.push("step", Array::U64(vec![self.step]));
        if self.defect != WrongStep::ForgetfulSave {
            state.push("momenta", Array::F64(self.v.clone()));
        }
        state
    }

    fn load(&mut self, state: &State) -> Result<(), Fault> {
        self.x = state.f64("positions", self.x.len())?.to_vec();
        self.step = state.u64("step", 1)?[0];
        if self.defect != WrongStep::ForgetfulSave {
            self.v = state.f64("momenta", self.v.len())?.to_vec();
        }
        Ok(())
    }

    fn work(&self) -> Work {
        Work { steps: self.step * self.replicas() as u64, ..Work::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{force_is_minus_gradient, many_is_one_by_one, stepper_contract};

    #[test]
    fn force_contracts_reject_every_broken_twin_and_no_other() {
        let n = 40;
        let mut x = vec![0.0; 3 * n];
        for (r, x) in x.chunks_mut(n).enumerate() {
            Quartic { n, stiffness: 1.0 }.initial(Streams::new(4), r as u64, x).unwrap();
        }
        for defect in
            [WrongForce::None, WrongForce::Factor, WrongForce::Sign, WrongForce::OneComponent, WrongForce::Company]
        {
            let twin = BrokenSystem { system: Quartic { n, stiffness: 1.0 }, defect };
            let gradient = force_is_minus_gradient(&twin, &x[..n], 1e-15);
            let company = many_is_one_by_one(&twin, &x);
            let accepted = (gradient.is_ok(), company.is_ok());
            let expected = match defect {
                WrongForce::None => (true, true),
                WrongForce::Company => (true, false),
                _ => (false, true),
            };
            assert_eq!(accepted, expected, "{defect:?}: {gradient:?} {company:?}");
        }
    }

    #[test]
    fn stepper_contract_rejects_every_broken_twin_and_no_other() {
        use WrongStep::*;
        let verdict = |defect| stepper_contract(&|replicas| Box::new(BrokenStepper::new(replicas, defect)), 4, 7);
        assert_eq!(verdict(None), Ok(()));
        for defect in [ForgetfulSave, DisturbingSave, NoiseByGroup, NoiseByCall, NoiseByThreads, Frozen, LateClock] {
            assert!(verdict(defect).is_err(), "{defect:?} passed");
        }
    }
}
