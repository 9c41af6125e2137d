//! The plain convolutional network of the papers on the (h, alpha) plane, in the NTK parametrisation.

use super::image_parameters;
use super::stack::Stack;
use crate::data::Training;
use crate::layers::{Convolution, GlobalPool, Initial, Linear, Window};
use crate::loss::Loss;
use crate::trained::Trained;
use glasslab_core::{Citation, Entry, Fault, Method, Parameter};
use std::sync::Arc;

/// Two blocks of two convolutions 5x5 with padding 1, the first of each block with stride 2, `channels` h each; mean over the
/// whole map; readout 1/h. E = -(1/P) sum_mu log softmax(f_mu)_label.
///
/// Convention: all weights initially N(0, 1), convolutions divided by sqrt(fan_in), no biases; the activation is sqrt(2) ReLU,
/// of unit second moment on N(0, 1). N = 25 h (channels of the data + 3 h) + h classes.
/// Source: the architecture `CV` of the code of M. Geiger, L. Petrini, M. Wyart 2021, arXiv:2012.15110, with one readout per class
/// in place of one for all. Checked by `cross` (PyTorch).
pub fn cnn(channels: usize, training: Training) -> Result<Trained, Fault> {
    let classes = training.data.classes;
    if channels == 0 || channels > 1 << 14 {
        return Err(Fault::input("channels", channels, "give 1 to 16384 channels"));
    }
    let gain = 2f64.sqrt();
    let mut stack = Stack::new(training.data.shape);
    for (number, stride) in [2, 1, 2, 1].into_iter().enumerate() {
        let window = Window { kernel: 5, stride, padding: 1 };
        // The factor of an activation stands in the layer above it.
        let gain = if number == 0 { 1.0 } else { gain };
        let make = |image| Ok(Convolution::new(image, channels, window)?.tangent_scaled(gain));
        stack.push(make, Convolution::shape)?;
        stack.rectify();
    }
    stack.push(|image| Ok(GlobalPool::new(image)), |_| [channels, 1, 1])?;
    let (scale, initial) = (gain / channels as f64, Initial::Normal);
    let readout = Linear { scale, bias: None, initial, ..Linear::new(channels, classes) };
    stack.push(|_| Ok(readout), |_| [classes, 1, 1])?;
    Trained::of("cnn", GEIGER, "channels", stack.network(Loss::LogLikelihood), training)
}

const GEIGER: &[Citation] = &[Citation {
    key: "geiger2021",
    text: "M. Geiger, L. Petrini, M. Wyart, Landscape and training regimes in deep learning, Physics Reports 924 (2021) 1",
    locator: "arXiv:2012.15110",
}];

pub(super) fn entry() -> Entry {
    Entry {
        name: "cnn",
        about: "plain network of four convolutions in the NTK parametrisation, log-likelihood; 20 x 20 pixels or more",
        parameters: || {
            let mut all = vec![Parameter::integer("channels", 30, 1, 1 << 14, "channels h of each convolution")];
            all.extend(image_parameters("mnist", 0));
            all
        },
        method: || Method::Sgd { rate: 1.0.into(), momentum: 0.0, batch: 100 },
        steps: 10_000,
        build: |parameters, build| {
            let training = super::training(parameters, build)?;
            Ok(Arc::new(super::measured(cnn(parameters.size("channels"), training)?, parameters, build)?))
        },
        citations: GEIGER,
    }
}
