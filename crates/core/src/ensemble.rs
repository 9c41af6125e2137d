//! Several Steppers as one: realisations of the disorder side by side.

use crate::{Clock, Fault, Slice, State, Stepper, Stop, Work};

/// Steppers with equal N and equal clocks, seen as one Stepper with all their replicas, in order.
pub struct Ensemble {
    members: Vec<Box<dyn Stepper>>,
}

impl Ensemble {
    /// The ensemble of `members`, at least one.
    pub fn new(members: Vec<Box<dyn Stepper>>) -> Self {
        assert!(!members.is_empty(), "an ensemble has at least one member");
        assert!(
            members.iter().all(|m| m.dof() == members[0].dof()),
            "members have the same number of degrees of freedom"
        );
        Self { members }
    }

    fn find(&self, mut replica: usize) -> (usize, usize) {
        for (i, member) in self.members.iter().enumerate() {
            if replica < member.replicas() {
                return (i, replica);
            }
            replica -= member.replicas();
        }
        panic!("replica number out of range")
    }
}

impl Stepper for Ensemble {
    fn replicas(&self) -> usize {
        self.members.iter().map(|m| m.replicas()).sum()
    }

    fn dof(&self) -> usize {
        self.members[0].dof()
    }

    fn clock(&self) -> Clock {
        self.members[0].clock()
    }

    fn time_at(&self, step: u64) -> f64 {
        self.members[0].time_at(step)
    }

    fn advance(&mut self, steps: u64) -> Result<(), Fault> {
        self.members.iter_mut().try_for_each(|m| m.advance(steps))
    }

    fn positions(&self, replica: usize) -> Slice<'_> {
        let (member, local) = self.find(replica);
        self.members[member].positions(local)
    }

    fn buffers(&self, replica: usize) -> Slice<'_> {
        let (member, local) = self.find(replica);
        self.members[member].buffers(local)
    }

    fn stop(&self, replica: usize) -> Option<Stop> {
        let (member, local) = self.find(replica);
        self.members[member].stop(local)
    }

    fn replica_time(&self, replica: usize) -> f64 {
        let (member, local) = self.find(replica);
        self.members[member].replica_time(local)
    }

    fn save(&self) -> State {
        let mut state = State::default();
        for (i, member) in self.members.iter().enumerate() {
            state.nest(&format!("member{i}"), member.save());
        }
        state
    }

    fn load(&mut self, state: &State) -> Result<(), Fault> {
        for (i, member) in self.members.iter_mut().enumerate() {
            member.load(&state.part(&format!("member{i}")))?;
        }
        Ok(())
    }

    fn work(&self) -> Work {
        self.members.iter().map(|m| m.work()).fold(Work::default(), |a, b| Work {
            steps: a.steps + b.steps,
            forces: a.forces + b.forces,
            samples: a.samples + b.samples,
        })
    }
}
