//! Free Brownian motion: no energy, no force, only noise.

use crate::sources::EINSTEIN;
use glasslab_core::parameter::Build;
use glasslab_core::{Citation, Course, Entry, Fault, Method, Parameter, Parameters, Streams, System};
use std::sync::Arc;

const SOURCES: [Citation; 1] = [EINSTEIN];

/// E(x) = 0 on R^N, start x = 0. Under Langevin dynamics Delta(t_w, t_w + t) = 2 T t exactly, at any time step.
///
/// Source: Einstein 1905, doi:10.1002/andp.19053220806.
pub struct Brownian {
    n: usize,
}

impl Brownian {
    /// N = n >= 1 coordinates.
    pub fn new(n: usize) -> Result<Self, Fault> {
        if n == 0 {
            return Err(Fault::input("n", n, "give at least 1 coordinate"));
        }
        Ok(Self { n })
    }
}

impl System for Brownian {
    fn name(&self) -> &str {
        "brownian"
    }

    fn dof(&self) -> usize {
        self.n
    }

    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        Fault::check_len("positions", self.n, x.len())?;
        Fault::check_len("forces", self.n, force.len())?;
        force.fill(0.0);
        Ok(0.0)
    }

    fn initial(&self, _streams: Streams, _replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        Fault::check_len("positions", self.n, x.len())?;
        x.fill(0.0);
        Ok(())
    }

    fn citations(&self) -> &'static [Citation] {
        &SOURCES
    }
}

/// Brownian motion in the registry.
pub fn entry() -> Entry {
    Entry {
        name: "brownian",
        about: "free Brownian motion: diffusion for ever, exactly solved",
        parameters: || vec![Parameter::integer("n", 1000, 1, 1 << 30, "number N of coordinates")],
        method: || Method::Langevin { step_size: 0.01, temperature: Course::Constant(1.0) },
        steps: 10_000,
        build: |parameters: &Parameters, _: &Build| Ok(Arc::new(Brownian::new(parameters.size("n"))?)),
        citations: &SOURCES,
    }
}
