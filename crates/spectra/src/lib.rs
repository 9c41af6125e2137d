//! Spectra of second derivatives: of any System with products H v, on the plane, the torus and the sphere; all eigenvalues of
//! moderate ones, densities and extremes of large ones.
//!
//! No linear-algebra package: the tridiagonal solver that Lanczos needs makes the dense one too, in a hundred lines, and none is
//! light (clean release builds on two cores: `nalgebra` 23 s, `faer` 95 s and more).
#![forbid(unsafe_code)]

mod dense;
mod density;
mod lanczos;
mod operator;
mod tridiagonal;

pub use dense::{eigenvalues, hessian_eigenvalues, spectral_measure};
pub use density::{Density, density, distance, semicircle_cumulative};
pub use lanczos::{Ends, Tridiagonal, extremes, extremes_of, lanczos};
pub use operator::{Matrix, Operator, TangentHessian};
