//! The Ornstein-Uhlenbeck process: Brownian motion held by a spring, the simplest equilibrium.

use crate::sources::UHLENBECK_ORNSTEIN;
use glasslab_core::parameter::Build;
use glasslab_core::{Citation, Complaint, Course, Entry, Fault, Method, Parameter, Parameters, Streams, System};
use rand::RngExt;
use rand_distr::StandardNormal;
use std::sync::Arc;

const SOURCES: [Citation; 1] = [UHLENBECK_ORNSTEIN];

/// Where the process starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// In equilibrium at temperature T: x_i normal of variance T/k, stream ("initial", replica, 0).
    Equilibrium {
        /// T > 0.
        temperature: f64,
    },
    /// At one point: x_i = position.
    Fixed {
        /// The coordinate.
        position: f64,
    },
}

/// E(x) = (k/2) sum_i x_i^2, k the stiffness. Under Langevin dynamics in equilibrium
/// Delta(t_w, t_w + t) = (2T/k)(1 - exp(-k t)); with time step dt, T/k becomes T/[k(1 - k dt/2)].
///
/// Source: Uhlenbeck and Ornstein 1930, doi:10.1103/PhysRev.36.823.
pub struct OrnsteinUhlenbeck {
    n: usize,
    stiffness: f64,
    start: Start,
}

impl OrnsteinUhlenbeck {
    /// N = n >= 1 independent coordinates of stiffness k > 0.
    pub fn new(n: usize, stiffness: f64, start: Start) -> Result<Self, Fault> {
        let mut complaints = Vec::new();
        if n == 0 {
            complaints.push(Complaint::new("n", n, "give at least 1 coordinate"));
        }
        if !(stiffness.is_finite() && stiffness > 0.0) {
            complaints.push(Complaint::new("stiffness", stiffness, "give a finite number > 0"));
        }
        match start {
            Start::Equilibrium { temperature: t } if !(t.is_finite() && t > 0.0) => {
                complaints.push(Complaint::new("start_temperature", t, "give a finite number > 0"));
            }
            Start::Fixed { position } if !position.is_finite() => {
                complaints.push(Complaint::new("start_position", position, "give a finite number"));
            }
            _ => {}
        }
        if complaints.is_empty() { Ok(Self { n, stiffness, start }) } else { Err(Fault::Input(complaints)) }
    }
}

impl System for OrnsteinUhlenbeck {
    fn name(&self) -> &str {
        "ornstein-uhlenbeck"
    }

    fn dof(&self) -> usize {
        self.n
    }

    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        Fault::check_len("positions", self.n, x.len())?;
        Fault::check_len("forces", self.n, force.len())?;
        force.iter_mut().zip(x).for_each(|(f, x)| *f = -self.stiffness * x);
        Ok(0.5 * self.stiffness * glasslab_core::sum::dot(x, x))
    }

    fn initial(&self, streams: Streams, replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        Fault::check_len("positions", self.n, x.len())?;
        match self.start {
            Start::Equilibrium { temperature } => {
                let deviation = (temperature / self.stiffness).sqrt();
                let mut rng = streams.stream("initial", replica, 0);
                x.iter_mut().for_each(|x| *x = deviation * rng.sample::<f64, _>(StandardNormal));
            }
            Start::Fixed { position } => x.fill(position),
        }
        Ok(())
    }

    /// T/2 per coordinate: equipartition.
    fn reference_energy(&self, temperature: f64) -> Option<(f64, &'static str)> {
        Some((0.5 * temperature, "equilibrium"))
    }

    fn citations(&self) -> &'static [Citation] {
        &SOURCES
    }
}

/// The Ornstein-Uhlenbeck process in the registry.
pub fn entry() -> Entry {
    Entry {
        name: "ornstein-uhlenbeck",
        about: "Brownian motion in a harmonic well: equilibrium, exactly solved",
        parameters,
        method: || Method::Langevin { step_size: 0.01, temperature: Course::Constant(1.0) },
        steps: 10_000,
        build,
        citations: &SOURCES,
    }
}

fn parameters() -> Vec<Parameter> {
    vec![
        Parameter::integer("n", 1000, 1, 1 << 30, "number N of coordinates"),
        Parameter::number("stiffness", 1.0, 1e-12, 1e12, "stiffness k of E = k x^2/2; relaxation time 1/k"),
        Parameter::text("start", "equilibrium", &["equilibrium", "fixed"], "where coordinates start"),
        Parameter::number("start_temperature", 1.0, 1e-12, 1e12, "temperature of the start `equilibrium`"),
        Parameter::number("start_position", 1.0, -1e12, 1e12, "coordinate of the start `fixed`"),
    ]
}

fn build(parameters: &Parameters, _: &Build) -> Result<Arc<dyn System>, Fault> {
    let start = match parameters.text("start") {
        "fixed" => Start::Fixed { position: parameters.number("start_position") },
        _ => Start::Equilibrium { temperature: parameters.number("start_temperature") },
    };
    Ok(Arc::new(OrnsteinUhlenbeck::new(parameters.size("n"), parameters.number("stiffness"), start)?))
}
