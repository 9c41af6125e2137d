//! The spherical p-spin glass, p = 2 and 3, of finite N with all couplings present.

mod couplings;
mod kernel;
mod layout;
pub mod mean_field;

use crate::sources::{CRISANTI_SOMMERS, CUGLIANDOLO_DEAN, CUGLIANDOLO_KURCHAN, KOSTERLITZ_THOULESS_JONES};
use couplings::Couplings;
use glasslab_core::parameter::Build;
use glasslab_core::{Block, Citation, Course, Entry, Fault, Method, Parameter, Parameters, Space, Streams, System};
use rand::RngExt;
use rand_distr::StandardNormal;
use std::sync::Arc;

const SOURCES_2: [Citation; 2] = [KOSTERLITZ_THOULESS_JONES, CUGLIANDOLO_DEAN];
const SOURCES_3: [Citation; 2] = [CRISANTI_SOMMERS, CUGLIANDOLO_KURCHAN];
const SOURCES: [Citation; 4] = [CRISANTI_SOMMERS, CUGLIANDOLO_KURCHAN, KOSTERLITZ_THOULESS_JONES, CUGLIANDOLO_DEAN];

/// Variance of a coupling, p!/(2 N^(p-1)).
pub fn coupling_variance(p: usize, n: usize) -> f64 {
    let factorial: usize = (1..=p).product();
    factorial as f64 / (2.0 * (n as f64).powi(p as i32 - 1))
}

/// H(s) = -sum_(i<j<k) J_ijk s_i s_j s_k (p = 3) or -sum_(i<j) J_ij s_i s_j (p = 2) on the sphere |s|^2 = N, J normal of
/// variance p!/(2 N^(p-1)), all N^p/p! of them present.
///
/// Convention: covariance <H(s)H(s')> = N f(q), f(q) = q^p/2 ("physics"). Where f = q^p is used, energies and temperatures
/// are sqrt 2 larger and times sqrt 2 shorter.
///
/// Couplings are f32, products and sums over one triangle f32, all longer sums f64. Against plain f64 sums over the same
/// couplings, up to N = 400 (p = 3) and 2000 (p = 2): a force component, of size about 1, is off by 2e-7 rms and 1e-6 at
/// worst, the energy per spin by less than 1e-8 (bounds checked by `force_agrees_with_plain_f64`). Memory 4 N^p/p! bytes; a
/// force costs one pass over it for all replicas.
///
/// The start of a replica is uniform on the sphere (infinite temperature), stream ("initial", replica, 0).
///
/// Source: Crisanti and Sommers 1992, doi:10.1007/BF01309287; Cugliandolo and Kurchan 1993,
/// doi:10.1103/PhysRevLett.71.173; p = 2: Cugliandolo and Dean 1995, doi:10.1088/0305-4470/28/15/003.
pub struct SphericalPSpin {
    p: usize,
    n: usize,
    couplings: Couplings,
}

impl SphericalPSpin {
    /// The realisation `sample` of the couplings, from the stream ("couplings", sample, .). p is 2 or 3, n >= p.
    /// Cost: N^p/p! normal deviates, on all threads.
    pub fn new(p: usize, n: usize, streams: Streams, sample: u64) -> Result<Self, Fault> {
        if !(2..=3).contains(&p) {
            return Err(Fault::input("p", p, "give 2 or 3"));
        }
        if n < p {
            return Err(Fault::input("n", n, format!("give at least {p} spins")));
        }
        Ok(Self { p, n, couplings: Couplings::draw(p, n, streams, sample)? })
    }

    /// Bytes of couplings that one force reads.
    pub fn bytes_per_pass(&self) -> u64 {
        self.couplings.bytes()
    }
}

impl System for SphericalPSpin {
    fn name(&self) -> &str {
        "p-spin"
    }

    fn dof(&self) -> usize {
        self.n
    }

    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        let mut energy = [0.0];
        self.energy_force_many(x, force, &mut energy)?;
        Ok(energy[0])
    }

    fn energy_force_many(&self, x: &[f64], force: &mut [f64], energy: &mut [f64]) -> Result<(), Fault> {
        Fault::check_len("positions", energy.len() * self.n, x.len())?;
        Fault::check_len("forces", energy.len() * self.n, force.len())?;
        let totals = self.couplings.contract(x, force);
        energy.iter_mut().zip(totals).for_each(|(e, total)| *e = -total);
        Ok(())
    }

    fn initial(&self, streams: Streams, replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        Fault::check_len("positions", self.n, x.len())?;
        let mut rng = streams.stream("initial", replica, 0);
        x.iter_mut().for_each(|x| *x = rng.sample(StandardNormal));
        self.space().retract(x);
        Ok(())
    }

    fn space(&self) -> Space {
        Space::Sphere { radius: (self.n as f64).sqrt() }
    }

    fn layout(&self) -> Vec<Block> {
        vec![Block { name: "spins".to_owned(), range: 0..self.n, shape: vec![self.n] }]
    }

    fn reference_energy(&self, temperature: f64) -> Option<(f64, &'static str)> {
        Some(mean_field::long_time_energy(self.p, temperature))
    }

    fn memory(&self) -> u64 {
        self.couplings.bytes()
    }

    fn citations(&self) -> &'static [Citation] {
        if self.p == 2 { &SOURCES_2 } else { &SOURCES_3 }
    }
}

/// The p-spin in the registry.
pub fn entry() -> Entry {
    Entry {
        name: "p-spin",
        about: "spherical p-spin glass of finite N, all couplings present: the mean-field structural glass (p = 3)",
        parameters,
        method: || Method::Langevin { step_size: 0.02, temperature: Course::Constant(0.5) },
        steps: 5_000,
        build,
        citations: &SOURCES,
    }
}

fn parameters() -> Vec<Parameter> {
    vec![
        Parameter::integer("p", 3, 2, 3, "spins per interaction, 2 or 3"),
        Parameter::integer("n", 512, 3, 1 << 20, "number N of spins; memory is 4 N^p/p! bytes"),
    ]
}

fn build(parameters: &Parameters, build: &Build) -> Result<Arc<dyn System>, Fault> {
    let (p, n) = (parameters.size("p"), parameters.size("n"));
    Ok(Arc::new(SphericalPSpin::new(p, n, build.streams, build.sample)?))
}

#[cfg(test)]
mod tests;
