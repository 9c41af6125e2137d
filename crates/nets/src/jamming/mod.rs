//! Networks at the jamming transition: perceptrons in the standard parametrisation that are asked for margins on real-valued inputs,
//! their data, and the two parts of their Hessian.

mod abilities;
mod data;
mod entry;
mod pass;
mod split;
mod system;

pub use data::{Balanced, JammingData};
pub use split::HessianSplit;
pub use system::JammingMlp;

pub use entry::CITATIONS;
pub(crate) use entry::entry;
