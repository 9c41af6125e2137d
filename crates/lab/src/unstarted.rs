//! Particles without their melt: enough to count memory, and to go on from a saved state.

use glasslab_core::{Contacts, Fault, Forces, Space, Streams, System};
use std::sync::Arc;

/// The System itself but for its start, which is x = 0: drawing the start of particles takes as long as a part of the run
/// (the melt), and neither an estimate of memory nor a run that goes on needs it.
///
/// For the generic Steppers of particles: only the abilities that these ask for are handed on.
/// Checked by: `tests/liquids.rs` (a run interrupted and resumed leaves the bytes of one that was not).
pub(crate) struct Unstarted(pub(crate) Arc<dyn System>);

impl System for Unstarted {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn dof(&self) -> usize {
        self.0.dof()
    }

    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        self.0.energy_force(x, force)
    }

    fn energy_force_many(&self, x: &[f64], force: &mut [f64], energy: &mut [f64]) -> Result<(), Fault> {
        self.0.energy_force_many(x, force, energy)
    }

    fn initial(&self, _streams: Streams, _replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        x.fill(0.0);
        Ok(())
    }

    fn space(&self) -> Space {
        self.0.space()
    }

    fn contacts(&self) -> Option<&dyn Contacts> {
        self.0.contacts()
    }

    fn forces(self: Arc<Self>) -> Option<Box<dyn Forces>> {
        self.0.clone().forces()
    }

    fn masses(&self) -> Option<&[f64]> {
        self.0.masses()
    }

    fn translations(&self) -> usize {
        self.0.translations()
    }

    fn units(&self) -> usize {
        self.0.units()
    }
}
