//! The fully connected network: hidden layers of ReLU, log-likelihood.

use super::{CITATIONS, Dense, data_parameters};
use crate::data::Training;
use crate::loss::Loss;
use crate::trained::Trained;
use glasslab_core::{Entry, Fault, Method, Parameter};
use std::sync::Arc;

/// L hidden layers of ReLU of the given widths, linear outputs, E = -(1/P) sum_mu log softmax(f_mu)_label.
///
/// Source: Baity-Jesi et al. 2018, "Fully Connected" (L = 3; the widths are not published). Checked by `cross`
/// (PyTorch).
pub fn fully_connected(hidden: &[usize], training: Training) -> Result<Trained, Fault> {
    let mut widths = vec![training.data.inputs()];
    widths.extend(hidden);
    widths.push(training.data.classes);
    if let Some(bad) = widths.iter().find(|&&w| w == 0) {
        return Err(Fault::input("widths", bad, "give at least 1 unit in each layer"));
    }
    Dense::plain(widths, false, Loss::LogLikelihood).train("fully-connected", "widths", CITATIONS, training)
}

pub(super) fn entry() -> Entry {
    Entry {
        name: "fully-connected",
        about: "network with hidden layers of ReLU, log-likelihood",
        parameters: || {
            let about = "units of each hidden layer, first to last";
            let mut all = vec![Parameter::integers("widths", &[100, 100, 100], 1, 1 << 24, about)];
            all.extend(data_parameters());
            all
        },
        method: || Method::Sgd { rate: 0.05.into(), momentum: 0.5, batch: 100 },
        steps: 20_000,
        build: |parameters, build| {
            let training = super::training(parameters, build)?;
            Ok(Arc::new(super::started(fully_connected(&parameters.sizes("widths"), training)?, parameters, build)?))
        },
        citations: CITATIONS,
    }
}
