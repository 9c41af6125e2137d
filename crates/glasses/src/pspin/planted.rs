//! A planted configuration: an equilibrium start at a temperature T' at which equilibrium could not be reached.

use glasslab_core::{Fault, Space, Streams};
use rand::RngExt;
use rand_distr::StandardNormal;

/// Below this temperature planting is not equilibrium: T_K = 0.58605397 for p = 3 (one-step replica symmetry breaking at m = 1,
/// Crisanti and Sommers 1992), the transition T = 1 for p = 2. Rounded down in the seventh digit.
pub(super) fn least_temperature(p: usize) -> f64 {
    if p == 2 { 1.0 } else { 0.586_053_9 }
}

/// s* uniform on the sphere, and couplings drawn given s* with weight exp(-H(s*)/T'): J_ijk + (1/T') p!/(2 N^(p-1)) s*_i s*_j s*_k
/// with J of the usual law. For T' >= T_K the pair (J, s*) cannot be told from couplings of the usual law and one of their
/// equilibrium configurations at T', in the limit N -> infinity.
///
/// The shift of J is never stored: it adds -(1/T') p!/(2 N^(p-1)) e_p(y) to the energy, y_i = s*_i s_i, e_p the elementary
/// symmetric polynomial, in f64 and O(N). At s = s* that is -N/(2T') up to O(1), the energy of equilibrium.
///
/// Source: Krzakala and Zdeborova 2009, doi:10.1103/PhysRevLett.102.238701; 2011, doi:10.1063/1.3506841.
pub(super) struct Planted {
    p: usize,
    strength: f64,
    spins: Vec<f64>,
}

impl Planted {
    /// The planted configuration of the realisation `sample`, stream ("planted", sample, 0).
    pub(super) fn draw(p: usize, n: usize, temperature: f64, streams: Streams, sample: u64) -> Result<Self, Fault> {
        let least = least_temperature(p);
        if !(temperature >= least && temperature.is_finite()) {
            let fix = format!("give a finite temperature of at least {least}: below, planting is not equilibrium");
            return Err(Fault::input("start_temperature", temperature, fix));
        }
        let mut rng = streams.stream("planted", sample, 0);
        let mut spins: Vec<f64> = (0..n).map(|_| rng.sample(StandardNormal)).collect();
        Space::Sphere { radius: (n as f64).sqrt() }.retract(&mut spins);
        Ok(Self { p, strength: super::coupling_variance(p, n) / temperature, spins })
    }

    /// s*.
    pub(super) fn spins(&self) -> &[f64] {
        &self.spins
    }

    /// Adds the force of the shift at x `[N]`, and returns minus its energy.
    pub(super) fn add(&self, x: &[f64], force: &mut [f64]) -> f64 {
        let y = || self.spins.iter().zip(x).map(|(a, b)| a * b);
        let power = |k: i32| glasslab_core::sum::sum(&y().map(|y| y.powi(k)).collect::<Vec<_>>());
        let (one, two) = (power(1), power(2));
        for ((f, s), y) in force.iter_mut().zip(&self.spins).zip(y()) {
            let slope = if self.p == 2 { one - y } else { 0.5 * (one * one - two) - y * (one - y) };
            *f += self.strength * s * slope;
        }
        let e = if self.p == 2 {
            0.5 * (one * one - two)
        } else {
            (one * one * one - 3.0 * one * two + 2.0 * power(3)) / 6.0
        };
        self.strength * e
    }
}
