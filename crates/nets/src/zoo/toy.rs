//! The toy model: one hidden layer of m ReLU, sigmoid outputs, squared error.

use super::{CITATIONS, Dense, data_parameters};
use crate::data::Training;
use crate::loss::Loss;
use crate::trained::Trained;
use glasslab_core::{Entry, Fault, Method, Parameter};
use std::sync::Arc;

/// f = sigmoid(W2 relu(W1 a + b1) + b2), E = (1/(P C)) sum_mu sum_c (f_mu,c - [c = label_mu])^2.
///
/// N = m (inputs + 1) + C (m + 1). Source: Baity-Jesi et al. 2018, "Toy Model". Checked by `cross` (PyTorch).
pub fn toy(hidden: usize, training: Training) -> Result<Trained, Fault> {
    let widths = vec![training.data.inputs(), hidden, training.data.classes];
    Dense::plain(widths, true, Loss::MeanSquare).train("toy", "hidden", CITATIONS, training)
}

pub(super) fn entry() -> Entry {
    Entry {
        name: "toy",
        about: "network with one hidden layer of ReLU and sigmoid outputs, mean squared error",
        parameters: || {
            let mut all = vec![Parameter::integer("hidden", 300, 1, 1 << 24, "number m of hidden units")];
            all.extend(data_parameters());
            all
        },
        method: || Method::Sgd { rate: 0.5.into(), momentum: 0.5, batch: 100 },
        steps: 20_000,
        build: |parameters, build| {
            let training = super::training(parameters, build)?;
            Ok(Arc::new(super::started(toy(parameters.size("hidden"), training)?, parameters, build)?))
        },
        citations: CITATIONS,
    }
}
