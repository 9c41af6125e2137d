//! Soft repulsive spheres, harmonic or Hertzian, mono- or bidisperse, in two or three dimensions.

use super::kob_andersen::about_density;
use super::{Form, Pair, Particles, Specification, Start};
use crate::sources::{DURIAN, OHERN};
use glasslab_core::parameter::Build;
use glasslab_core::{Citation, Course, Entry, Fault, Method, Parameter, Parameters, System};
use std::f64::consts::PI;
use std::sync::Arc;

const SOURCES: [Citation; 2] = [DURIAN, OHERN];

/// Volume of a ball of diameter 1: pi/6, or pi/4 for d = 2.
pub fn ball_volume(dimension: usize) -> f64 {
    if dimension == 2 { PI / 4.0 } else { PI / 6.0 }
}

/// n spheres in a cube (square), the second half of them `ratio` times as large as the first, at packing fraction
/// phi = sum of the volumes of the spheres/V. Diameters 1 and `ratio`, sigma_AB the mean; epsilon = 1, masses 1.
///
/// Source: Durian 1995, doi:10.1103/PhysRevLett.75.4780; O'Hern et al. 2003, doi:10.1103/PhysRevE.68.011306.
/// Checked by: `tests/particles.rs`, `tests/cross_lammps.rs`.
pub fn soft_spheres(
    form: Form,
    dimension: usize,
    n: usize,
    ratio: f64,
    fraction: f64,
    start: Start,
) -> Result<Particles, Fault> {
    for (name, value) in [("ratio", ratio), ("fraction", fraction)] {
        if !(value.is_finite() && value > 0.0) {
            return Err(Fault::input(name, value, "give a finite number > 0"));
        }
    }
    super::check_size(n, 1.0, dimension, 1.5)?;
    let small = n - n / 2;
    let volume = ball_volume(dimension) * (small as f64 + (n / 2) as f64 * ratio.powi(dimension as i32)) / fraction;
    let pair = |sigma: f64| Pair::soft(form, 1.0, sigma);
    let mean = pair(0.5 * (1.0 + ratio));
    Particles::new(Specification {
        name: "soft-spheres",
        lengths: vec![volume.powf(1.0 / dimension as f64); dimension],
        species: (0..n).map(|p| u8::from(p >= small)).collect(),
        masses: vec![1.0; 2],
        pairs: vec![pair(1.0), mean, mean, pair(ratio)],
        bonds: Vec::new(),
        start,
        skin: 0.2,
        wave_number: 2.0 * PI / (0.5 * (1.0 + ratio)),
        citations: &SOURCES,
    })
}

/// Soft spheres in the registry.
pub fn entry() -> Entry {
    Entry {
        name: "soft-spheres",
        about: "soft repulsive spheres, harmonic or Hertzian, d = 2 or 3, from a random start: packings",
        parameters,
        method: || Method::Descent { step_size: Course::Constant(0.1) },
        steps: 10_000,
        build,
        citations: &SOURCES,
    }
}

fn parameters() -> Vec<Parameter> {
    vec![
        Parameter::integer("n", 1000, 2, 1 << 26, "number of spheres"),
        Parameter::integer("dimension", 3, 2, 3, "dimension of space"),
        Parameter::text("potential", "harmonic", &["harmonic", "hertzian"], "form of the repulsion"),
        Parameter::number(
            "ratio",
            1.4,
            0.1,
            10.0,
            "diameter of the second half of the spheres over that of the first; 1: all alike",
        ),
        Parameter::number(
            "fraction",
            0.7,
            1e-6,
            10.0,
            "packing fraction phi: volume of the spheres over that of the box",
        ),
    ]
}

fn build(parameters: &Parameters, _: &Build) -> Result<Arc<dyn System>, Fault> {
    let form = if parameters.text("potential") == "hertzian" { Form::Hertzian } else { Form::Harmonic };
    let (d, n) = (parameters.size("dimension"), parameters.size("n"));
    let system = soft_spheres(form, d, n, parameters.number("ratio"), parameters.number("fraction"), Start::Random);
    Ok(Arc::new(system.map_err(|f| about_density(f, parameters))?))
}
