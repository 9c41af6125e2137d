//! Exact equations of the limit N -> infinity: the two-time mean-field dynamics of the spherical p-spin (and mixed
//! p + s) model from a random or an equilibrium start, at temperature zero and above, and its static constants.
//!
//! Convention: covariance f(q) = q^p/2 of the energies, sum of squares of the spins = N; the convention f(q) = q^p of
//! other codes has energies and temperatures larger by sqrt(2) and times shorter by sqrt(2).
#![forbid(unsafe_code)]

mod adams;
pub mod covariance;
mod dot;
mod gregory;
mod history;
mod implicit;
mod lattice;
mod linear;
pub mod logarithmic;
mod march;
pub mod model;
mod places;
pub mod solution;
pub mod statics;
pub mod uniform;

pub use covariance::Covariance;
pub use model::{MeanField, Start};
pub use solution::{Estimate, Solution};
