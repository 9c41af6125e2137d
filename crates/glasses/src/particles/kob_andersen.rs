//! The Kob-Andersen mixture: 80 % large and 20 % small Lennard-Jones particles that do not crystallise.

use super::{Melt, Pair, Particles, Shift, Specification, Start};
use crate::sources::{KOB_ANDERSEN, KOB_BARRAT};
use glasslab_core::parameter::Build;
use glasslab_core::{Citation, Complaint, Course, Entry, Fault, Method, Parameter, Parameters, System};
use std::sync::Arc;

const SOURCES: [Citation; 2] = [KOB_ANDERSEN, KOB_BARRAT];

/// epsilon and sigma of AA, AB, BB.
const TABLE: [(f64, f64); 3] = [(1.0, 1.0), (1.5, 0.8), (0.5, 0.88)];

/// Lennard-Jones, shifted energy, cut at 2.5 sigma; n particles, the first round(0.8 n) of species A; all masses 1; density
/// rho = n/V in a cube. Units: epsilon_AA, sigma_AA, mass. The mode-coupling temperature is 0.435 at rho = 1.2.
///
/// Source: Kob and Andersen 1995, doi:10.1103/PhysRevE.51.4626.
/// Checked by: `tests/cross_lammps.rs`; U/N = -6.346(10) at rho = 1.2, T = 0.8 (`tests/liquids.rs`).
pub fn kob_andersen(n: usize, density: f64, start: Start, wave_number: f64) -> Result<Particles, Fault> {
    if !(density.is_finite() && density > 0.0) {
        return Err(Fault::input("density", density, "give a finite number > 0"));
    }
    super::check_size(n, density, 3, 2.8)?;
    let large = (0.8 * n as f64).round() as usize;
    let pair = |k: usize| Pair::lennard_jones(TABLE[k].0, TABLE[k].1, 2.5, Shift::Energy);
    Particles::new(Specification {
        name: "kob-andersen",
        lengths: vec![(n as f64 / density).cbrt(); 3],
        species: (0..n).map(|p| u8::from(p >= large)).collect(),
        masses: vec![1.0; 2],
        pairs: vec![pair(0), pair(1), pair(1), pair(2)],
        bonds: Vec::new(),
        start,
        skin: 0.3,
        wave_number,
        citations: &SOURCES,
    })
}

/// The Kob-Andersen mixture in the registry.
pub fn entry() -> Entry {
    Entry {
        name: "kob-andersen",
        about: "Kob-Andersen 80:20 Lennard-Jones mixture, molten at T_i and quenched: a molecular glass",
        parameters,
        method: || Method::Bussi { step_size: 0.004, temperature: Course::Constant(0.4), relaxation: 0.2 },
        steps: 20_000,
        build,
        citations: &SOURCES,
    }
}

fn parameters() -> Vec<Parameter> {
    vec![
        Parameter::integer("n", 1000, 2, 1 << 26, "number of particles"),
        Parameter::number("density", 1.2, 1e-6, 10.0, "particles per volume, in units of sigma_AA"),
        Parameter::number(
            "start_temperature",
            5.0,
            0.0,
            1e3,
            "temperature T_i of the melt that is quenched; 0: no melt",
        ),
        Parameter::number("start_time", 5.0, 0.0, 1e6, "how long the start is molten, in units of time"),
        Parameter::number("start_step_size", 0.002, 1e-6, 0.1, "time step of the melt"),
        Parameter::number("wave_number", 7.25, 1e-3, 1e3, "wave number q of F_s; 7.25: first peak of S_AA(q)"),
    ]
}

/// A lattice molten as the parameters say.
pub(super) fn molten(parameters: &Parameters) -> Start {
    let [temperature, time, step_size] =
        ["start_temperature", "start_time", "start_step_size"].map(|name| parameters.number(name));
    Start::Lattice((temperature > 0.0 && time > 0.0).then_some(Melt { temperature, time, step_size }))
}

/// Says which parameters make the box too small.
pub(super) fn about_density(fault: Fault, parameters: &Parameters) -> Fault {
    match fault {
        Fault::Input(complaints) => Fault::Input(
            complaints
                .into_iter()
                .map(|c| match c.field.as_str() {
                    "box" => {
                        let value = format!("{} (n = {})", c.value, parameters.size("n"));
                        Complaint::new(c.field, value, c.fix)
                    }
                    _ => c,
                })
                .collect(),
        ),
        other => other,
    }
}

fn build(parameters: &Parameters, _: &Build) -> Result<Arc<dyn System>, Fault> {
    let (n, density) = (parameters.size("n"), parameters.number("density"));
    let system = kob_andersen(n, density, molten(parameters), parameters.number("wave_number"));
    Ok(Arc::new(system.map_err(|f| about_density(f, parameters))?))
}
