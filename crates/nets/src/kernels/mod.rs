//! The arithmetic below layers and Steppers: register tiles for matrix products, in f32 and f64, for every processor
//! (AVX-512, AVX2, NEON, plain).

mod buffer;
mod convolve;
mod correlate;
mod planes;
mod product;
mod real;
mod tile;

pub(crate) use buffer::{Buffer, Scratch, Table, padded};
pub(crate) use convolve::{Target, Turned, add_taps, convolve, square_of_taps};
pub(crate) use correlate::{Correlate, Dots};
pub(crate) use planes::Planes;
pub(crate) use product::{Matrix, product};
pub(crate) use real::Real;
pub(crate) use tile::{Finish, Left, List, Listed, Step, Strided, fetch, sweep};
