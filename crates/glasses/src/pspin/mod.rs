//! The spherical p-spin glass, p = 2 and 3, of finite N: all couplings stored or made again at every pass, or diluted.

mod couplings;
mod diluted;
mod feed;
mod hessian;
mod kernel;
mod layout;
mod lines;
mod normal;
mod planted;
mod together;

use crate::memory;
use crate::sources::{
    CRISANTI_SOMMERS, CUGLIANDOLO_DEAN, CUGLIANDOLO_KURCHAN, FOLENA_FRANZ_RICCI, KOSTERLITZ_THOULESS_JONES,
    KRZAKALA_ZDEBOROVA,
};
use couplings::Couplings;
use diluted::Diluted;
use glasslab_core::parameter::Build;
use glasslab_core::{
    Block, Citation, Complaint, Course, Entry, Fault, HessianVec, Method, Parameter, Parameters, Space, Streams, System,
};
use planted::Planted;
use rand::RngExt;
use rand_distr::StandardNormal;
use std::sync::Arc;

const SOURCES_2: [Citation; 2] = [KOSTERLITZ_THOULESS_JONES, CUGLIANDOLO_DEAN];
const SOURCES_3: [Citation; 2] = [CRISANTI_SOMMERS, CUGLIANDOLO_KURCHAN];
const SOURCES_DILUTED: [Citation; 3] = [CRISANTI_SOMMERS, CUGLIANDOLO_KURCHAN, FOLENA_FRANZ_RICCI];
const SOURCES_PLANTED: [Citation; 3] = [CRISANTI_SOMMERS, CUGLIANDOLO_KURCHAN, KRZAKALA_ZDEBOROVA];
const SOURCES: [Citation; 6] = [
    CRISANTI_SOMMERS,
    CUGLIANDOLO_KURCHAN,
    KOSTERLITZ_THOULESS_JONES,
    CUGLIANDOLO_DEAN,
    FOLENA_FRANZ_RICCI,
    KRZAKALA_ZDEBOROVA,
];

/// Variance of a coupling, p!/(2 N^(p-1)).
pub fn coupling_variance(p: usize, n: usize) -> f64 {
    let factorial: usize = (1..=p).product();
    factorial as f64 / (2.0 * (n as f64).powi(p as i32 - 1))
}

/// How couplings are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// `Dense` if it fits into the memory that there is, else `Regenerated`: the same J and the same bytes.
    Auto,
    /// All, packed, f32: 4 N^p/p! bytes. A force costs one pass over them for all replicas.
    Dense,
    /// The same J, made again from counters at every pass: no bytes.
    Regenerated,
    /// Another model with the same limit: (N-1)(N-2)/2 triplets of +-1, rescaled. p = 3. 8 bytes a triplet.
    Diluted,
}

impl Store {
    const WORDS: [&'static str; 4] = ["auto", "dense", "regenerated", "diluted"];

    fn named(word: &str) -> Self {
        match word {
            "dense" => Self::Dense,
            "regenerated" => Self::Regenerated,
            "diluted" => Self::Diluted,
            _ => Self::Auto,
        }
    }
}

/// Most spins with all couplings: there, one force takes hours even without storing any.
const MOST_SPINS: usize = 1 << 16;

enum Interactions {
    All(Couplings),
    Few(Diluted),
}

/// H(s) = -sum_(i<j<k) J_ijk s_i s_j s_k (p = 3) or -sum_(i<j) J_ij s_i s_j (p = 2) on the sphere |s|^2 = N, J normal of
/// variance p!/(2 N^(p-1)), all N^p/p! of them present unless [`Store::Diluted`].
///
/// Convention: covariance <H(s)H(s')> = N f(q), f(q) = q^p/2 ("physics"). Where f = q^p is used, energies and temperatures
/// are sqrt 2 larger and times sqrt 2 shorter.
///
/// Couplings are f32, products and sums over one triangle f32, all longer sums f64. Against plain f64 sums over the same
/// couplings, up to N = 400 (p = 3) and 2000 (p = 2): a force component, of size about 1, is off by 2e-7 rms and 1e-6 at
/// worst, the energy per spin by less than 1e-8 (bounds checked by `force_agrees_with_plain_f64`). J is a function of (seed,
/// sample, i, j, k): stored or made again, the same bytes (`stored_and_regenerated_are_the_same`).
///
/// The start of a replica is uniform on the sphere (infinite temperature), stream ("initial", replica, 0); or, planted, the
/// same equilibrium configuration for all replicas of a sample ([`SphericalPSpin::planted_at`]).
///
/// Source: Crisanti and Sommers 1992, doi:10.1007/BF01309287; Cugliandolo and Kurchan 1993,
/// doi:10.1103/PhysRevLett.71.173; p = 2: Cugliandolo and Dean 1995, doi:10.1088/0305-4470/28/15/003.
pub struct SphericalPSpin {
    p: usize,
    n: usize,
    interactions: Interactions,
    planted: Option<Planted>,
}

impl SphericalPSpin {
    /// The realisation `sample` of the couplings, stored. p is 2 or 3, n >= p. Cost: N^p/p! normal deviates, on all threads.
    pub fn new(p: usize, n: usize, streams: Streams, sample: u64) -> Result<Self, Fault> {
        Self::stored(p, n, Store::Dense, streams, sample)
    }

    /// The realisation `sample` of the couplings in the given store.
    pub fn stored(p: usize, n: usize, store: Store, streams: Streams, sample: u64) -> Result<Self, Fault> {
        if !(2..=3).contains(&p) {
            return Err(Fault::input("p", p, "give 2 or 3"));
        }
        if n < p {
            return Err(Fault::input("n", n, format!("give at least {p} spins")));
        }
        if p == 2 && store == Store::Diluted {
            let fix =
                "give another store for p = 2: diluted, its ground state is far lower (few spins with many couplings)";
            return Err(Fault::input("couplings", "diluted", fix));
        }
        if n > MOST_SPINS && store != Store::Diluted {
            let fix = format!("give at most {MOST_SPINS} spins with all couplings, or couplings = \"diluted\"");
            return Err(Fault::input("n", n, fix));
        }
        let fits = || memory::available().is_none_or(|there| Couplings::stored_bytes(p, n) < there);
        let interactions = match store {
            Store::Diluted => Interactions::Few(Diluted::draw(n, streams, sample)?),
            Store::Regenerated => Interactions::All(Couplings::regenerated(p, n, streams, sample)),
            Store::Auto if !fits() => Interactions::All(Couplings::regenerated(p, n, streams, sample)),
            Store::Auto | Store::Dense => Interactions::All(Couplings::dense(p, n, streams, sample)?),
        };
        Ok(Self { p, n, interactions, planted: None })
    }

    /// The same with couplings in which a configuration is planted: every replica starts from an equilibrium configuration at
    /// `temperature`, T_K or above (0.586054 for p = 3, 1 for p = 2), which can be below T_d.
    ///
    /// s* uniform on the sphere, J_ijk -> J_ijk + (1/T') p!/(2 N^(p-1)) s*_i s*_j s*_k; cost O(N) per force.
    /// Source: Krzakala and Zdeborova 2009, doi:10.1103/PhysRevLett.102.238701.
    /// Checked by `planted_starts_are_in_equilibrium` and by the dynamics in the lab's `limits_three_spin`.
    pub fn planted_at(mut self, temperature: f64, streams: Streams, sample: u64) -> Result<Self, Fault> {
        if matches!(self.interactions, Interactions::Few(_)) {
            return Err(Fault::input("start", "planted", "give all couplings: planting shifts every one of them"));
        }
        self.planted = Some(Planted::draw(self.p, self.n, temperature, streams, sample)?);
        Ok(self)
    }

    /// Bytes of couplings that one force reads.
    pub fn bytes_per_pass(&self) -> u64 {
        match &self.interactions {
            Interactions::All(all) => all.bytes(),
            Interactions::Few(few) => few.bytes(),
        }
    }

    /// Forces [R, N] at x [R, N], and minus the energies.
    fn contract(&self, x: &[f64], force: &mut [f64]) -> Vec<f64> {
        let mut totals = match &self.interactions {
            Interactions::All(all) => all.contract(x, force),
            Interactions::Few(few) => few.contract(x, force),
        };
        if let Some(planted) = &self.planted {
            for ((x, f), total) in x.chunks(self.n).zip(force.chunks_mut(self.n)).zip(&mut totals) {
                *total += planted.add(x, f);
            }
        }
        totals
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
        let totals = self.contract(x, force);
        energy.iter_mut().zip(totals).for_each(|(e, total)| *e = -total);
        Ok(())
    }

    fn initial(&self, streams: Streams, replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        Fault::check_len("positions", self.n, x.len())?;
        if let Some(planted) = &self.planted {
            x.copy_from_slice(planted.spins());
            return Ok(());
        }
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

    fn memory(&self) -> u64 {
        self.bytes_per_pass()
    }

    fn hessian(&self) -> Option<&dyn HessianVec> {
        Some(self)
    }

    fn citations(&self) -> &'static [Citation] {
        match (&self.interactions, self.p, &self.planted) {
            (Interactions::Few(_), ..) => &SOURCES_DILUTED,
            (_, 2, _) => &SOURCES_2,
            (_, _, None) => &SOURCES_3,
            _ => &SOURCES_PLANTED,
        }
    }
}

/// The p-spin in the registry.
pub fn entry() -> Entry {
    Entry {
        name: "p-spin",
        about: "spherical p-spin glass of finite N: the mean-field structural glass (p = 3)",
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
        Parameter::integer("n", 512, 3, 1 << 20, "number N of spins; dense couplings take 4 N^p/p! bytes"),
        Parameter::text(
            "couplings",
            "auto",
            &Store::WORDS,
            "auto: dense if it fits into memory, else regenerated (the same J, made again at every step); diluted: about N^2/2 \
             triplets of +-1",
        ),
        Parameter::text(
            "start",
            "random",
            &["random", "planted"],
            "random, or planted: equilibrium at start_temperature",
        ),
        Parameter::number(
            "start_temperature",
            0.6,
            0.0,
            1e6,
            "temperature of the planted equilibrium, at least T_K = 0.586054 (p = 3) or 1 (p = 2); of no meaning otherwise",
        ),
    ]
}

fn build(parameters: &Parameters, build: &Build) -> Result<Arc<dyn System>, Fault> {
    let (p, n) = (parameters.size("p"), parameters.size("n"));
    let (store, planted) = (Store::named(parameters.text("couplings")), parameters.text("start") == "planted");
    let temperature = parameters.number("start_temperature");
    let mut complaints = Vec::new();
    if planted && store == Store::Diluted {
        complaints.push(Complaint::new("start", "planted", "give all couplings: planting shifts every one of them"));
    }
    if planted && temperature < planted::least_temperature(p) {
        let fix = format!("give at least {}: below, planting is not equilibrium", planted::least_temperature(p));
        complaints.push(Complaint::new("start_temperature", temperature, fix));
    }
    if !complaints.is_empty() {
        return Err(Fault::Input(complaints));
    }
    let system = SphericalPSpin::stored(p, n, store, build.streams, build.sample)?;
    Ok(Arc::new(if planted { system.planted_at(temperature, build.streams, build.sample)? } else { system }))
}

#[cfg(test)]
mod tests;
