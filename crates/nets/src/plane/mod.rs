//! Networks of the (h, alpha) plane: NTK-parametrised multilayer perceptrons with the predictor alpha (f(w) - f(w0)), a loss
//! with a margin, and gradient flow.

mod flow;
mod gate;
mod kernel;
mod loss;
mod shape;
mod system;

pub use gate::Gate;
pub use loss::MarginLoss;
pub use shape::{Shape, Start};
pub use system::{AlphaMlp, CITATIONS};
