//! Densities of states: stochastic Lanczos quadrature, and the distance of a spectrum from a law.

use crate::lanczos::{lanczos, probe};
use crate::operator::Operator;
use glasslab_core::{Fault, Streams, sum};

/// A density of states as nodes and weights, one quadrature a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Density {
    /// Nodes and weights of each probe; weights of a probe sum to 1.
    pub probes: Vec<Vec<(f64, f64)>>,
}

impl Density {
    /// Mean over the spectrum of g(eigenvalue), and its standard error from the scatter of the probes.
    pub fn mean(&self, g: impl Fn(f64) -> f64) -> (f64, f64) {
        sum::mean_and_error(self.probes.iter().map(|p| p.iter().map(|(v, w)| w * g(*v)).sum()))
    }

    /// Fraction of the spectrum up to each of `values`, and its error. Exact between nodes only: smooth it over the distance of
    /// neighbouring nodes.
    pub fn cumulative(&self, values: &[f64]) -> Vec<(f64, f64)> {
        values.iter().map(|&v| self.mean(|e| f64::from(u8::from(e <= v)))).collect()
    }
}

/// The density of states of a symmetric operator: `probes` normal vectors, `steps` Lanczos steps each. The first 2 steps - 1
/// moments seen by a probe are exact; means over probes are unbiased up to O(1/N).
///
/// Cost: probes x steps products. Source: Ubaru, Chen and Saad 2017, doi:10.1137/16M1104974.
/// Checked by `densities_have_the_moments_of_the_matrix`.
pub fn density(operator: &dyn Operator, probes: u64, steps: usize, streams: Streams) -> Result<Density, Fault> {
    let one = |k: u64| Ok(lanczos(operator, &probe(operator.size(), streams, k), steps)?.quadrature());
    Ok(Density { probes: (0..probes).map(one).collect::<Result<_, Fault>>()? })
}

/// Largest distance between the fraction of `eigenvalues` (ascending) up to a value and `cumulative` there (Kolmogorov).
pub fn distance(eigenvalues: &[f64], cumulative: impl Fn(f64) -> f64) -> f64 {
    let n = eigenvalues.len() as f64;
    eigenvalues.iter().enumerate().fold(0.0, |worst, (k, &e)| {
        let law = cumulative(e);
        worst.max((law - k as f64 / n).abs()).max((law - (k + 1) as f64 / n).abs())
    })
}

/// Fraction below `value` of the semicircle of this centre and radius:
/// 1/2 + u sqrt(1 - u^2)/pi + asin(u)/pi, u = (value - centre)/radius.
pub fn semicircle_cumulative(value: f64, centre: f64, radius: f64) -> f64 {
    let u = ((value - centre) / radius).clamp(-1.0, 1.0);
    0.5 + (u * (1.0 - u * u).sqrt() + u.asin()) / std::f64::consts::PI
}
