//! Asymmetric dumbbells, the Roskilde model of toluene: a large and a small Lennard-Jones site on a spring.

use super::kob_andersen::{about_density, molten};
use super::{Bond, Pair, Particles, Shift, Specification, Start};
use crate::sources::SCHRODER_DUMBBELLS;
use glasslab_core::parameter::Build;
use glasslab_core::{Citation, Course, Entry, Fault, Method, Parameter, Parameters, System};
use std::sync::Arc;

const SOURCES: [Citation; 1] = [SCHRODER_DUMBBELLS];

/// epsilon and sigma of AA, AB, BB.
const TABLE: [(f64, f64); 3] = [(1.0, 1.0), (0.342, 0.894), (0.117, 0.788)];
const MASSES: [f64; 2] = [1.0, 0.195];
const BOND: (f64, f64) = (3000.0, 0.584);

/// Lennard-Jones, shifted force, cut at 2.5 sigma; molecule k is made of the particles 2k (species A) and 2k + 1 (species B),
/// bound by (3000/2)(r - 0.584)^2 and by nothing else; masses 1 and 0.195; density = molecules per volume, 0.932 at the
/// state points of the literature. Units: epsilon_AA, sigma_AA, m_A.
///
/// Convention: rigid bonds in the source; springs as here in gamdpy's example. LAMMPS writes k/2 = 1500.
/// Source: Schrøder, Pedersen, Bailey, Toxvaerd and Dyre 2009, doi:10.1103/PhysRevE.80.041502.
/// Checked by: `tests/cross_lammps.rs`.
pub fn dumbbells(molecules: usize, density: f64, start: Start, wave_number: f64) -> Result<Particles, Fault> {
    if !(density.is_finite() && density > 0.0) {
        return Err(Fault::input("density", density, "give a finite number > 0"));
    }
    super::check_size(molecules.saturating_mul(2), 2.0 * density, 3, 2.8)?;
    let pair = |k: usize| Pair::lennard_jones(TABLE[k].0, TABLE[k].1, 2.5, Shift::Force);
    let bond = |k: usize| Bond { particles: [2 * k as u32, 2 * k as u32 + 1], stiffness: BOND.0, length: BOND.1 };
    Particles::new(Specification {
        name: "dumbbells",
        lengths: vec![(molecules as f64 / density).cbrt(); 3],
        species: (0..2 * molecules).map(|p| (p % 2) as u8).collect(),
        masses: MASSES.to_vec(),
        pairs: vec![pair(0), pair(1), pair(1), pair(2)],
        bonds: (0..molecules).map(bond).collect(),
        start,
        skin: 0.3,
        wave_number,
        citations: &SOURCES,
    })
}

/// The asymmetric dumbbells in the registry.
pub fn entry() -> Entry {
    Entry {
        name: "dumbbells",
        about: "asymmetric dumbbells (toluene), molten at T_i and quenched: a molecular glass",
        parameters,
        method: || Method::Bussi { step_size: 0.002, temperature: Course::Constant(0.2), relaxation: 0.2 },
        steps: 20_000,
        build,
        citations: &SOURCES,
    }
}

fn parameters() -> Vec<Parameter> {
    vec![
        Parameter::integer("n", 500, 1, 1 << 25, "number of molecules; 2 particles each"),
        Parameter::number("density", 0.932, 1e-6, 10.0, "molecules per volume, in units of sigma_AA"),
        Parameter::number(
            "start_temperature",
            5.0,
            0.0,
            1e3,
            "temperature T_i of the melt that is quenched; 0: no melt",
        ),
        Parameter::number("start_time", 5.0, 0.0, 1e6, "how long the start is molten, in units of time"),
        Parameter::number("start_step_size", 0.001, 1e-6, 0.1, "time step of the melt"),
        Parameter::number("wave_number", 7.0, 1e-3, 1e3, "wave number q of F_s; 7: about the first peak of S(q)"),
    ]
}

fn build(parameters: &Parameters, _: &Build) -> Result<Arc<dyn System>, Fault> {
    let (n, density) = (parameters.size("n"), parameters.number("density"));
    let system = dumbbells(n, density, molten(parameters), parameters.number("wave_number"));
    Ok(Arc::new(system.map_err(|f| about_density(f, parameters))?))
}
