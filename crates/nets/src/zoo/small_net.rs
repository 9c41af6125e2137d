//! Small Net: two convolutions and two linear layers, log-likelihood.

use super::{CITATIONS, image_parameters};
use crate::data::Training;
use crate::layers::{Activation, Convolution, Layer, Linear, MaxPool, Pointwise, Window};
use crate::loss::Loss;
use crate::network::Network;
use crate::trained::Trained;
use glasslab_core::{Entry, Fault, Method, Parameter};
use std::sync::Arc;

/// Smallest side of an image that goes through both convolutions and poolings.
const LEAST_SIDE: usize = 16;

/// Conv 5x5 - maxpool 2 - ReLU - Conv 5x5 - maxpool 2 - ReLU - Linear - ReLU - Linear, E = -(1/P) sum_mu log
/// softmax(f_mu)_label.
///
/// Channels and hidden units follow the data: 10, 20, 100 for colour images (CIFAR-10: N = 56,890); 10, 32, 400 for colour
/// images of more than 10 classes (CIFAR-100: 369,292); 10, 20, 80 for grey images (MNIST: 31,770); each times `width`,
/// rounded, at least 1. Fails for images below 16 x 16.
/// Source: Baity-Jesi et al. 2018, "Small Net". Checked by `cross` (PyTorch).
pub fn small_net(width: f64, training: Training) -> Result<Trained, Fault> {
    let data = &training.data;
    let (image, classes) = (data.shape, data.classes);
    if !(width.is_finite() && width > 0.0 && width <= 1000.0) {
        return Err(Fault::input("width", width, "give a factor above 0 and up to 1000"));
    }
    if image[1] < LEAST_SIDE || image[2] < LEAST_SIDE {
        let fix = format!(
            "give images of at least {LEAST_SIDE} x {LEAST_SIDE} pixels (mnist, or a folder of CIFAR files): those of \
             this set have {} x {}",
            image[1], image[2]
        );
        return Err(Fault::input("data", format!("{:?}", data.name), fix));
    }
    let units: [usize; 3] = match (image[0], classes) {
        (1, _) => [10, 20, 80],
        (_, ..=10) => [10, 20, 100],
        _ => [10, 32, 400],
    };
    let [first, second, hidden] = units.map(|n| ((n as f64 * width).round() as usize).max(1));
    let mut layers: Vec<Box<dyn Layer>> = Vec::new();
    let mut shape = image;
    for channels in [first, second] {
        let convolution = Convolution::new(shape, channels, Window::new(5, 1))?;
        let pool = MaxPool::new(convolution.shape(), Window::new(2, 2))?;
        shape = pool.shape();
        let rectify = Pointwise { units: pool.outputs(), activation: Activation::Relu };
        layers.extend([Box::new(convolution) as Box<dyn Layer>, Box::new(pool), Box::new(rectify)]);
    }
    layers.push(Box::new(Linear::new(shape.iter().product(), hidden)));
    layers.push(Box::new(Pointwise { units: hidden, activation: Activation::Relu }));
    layers.push(Box::new(Linear::new(hidden, classes)));
    Trained::of("small-net", CITATIONS, "width", Network::new(layers, Loss::LogLikelihood), training)
}

pub(super) fn entry() -> Entry {
    Entry {
        name: "small-net",
        about: "network with two convolutions and two linear layers, log-likelihood; 16 x 16 pixels or more",
        parameters: || {
            let mut all = vec![Parameter::number("width", 1.0, 1e-3, 1e3, "factor on channels and hidden units")];
            all.extend(image_parameters("mnist", 0));
            all
        },
        method: || Method::Sgd { rate: 0.01.into(), momentum: 0.5, batch: 100 },
        steps: 10_000,
        build: |parameters, build| {
            let training = super::training(parameters, build)?;
            Ok(Arc::new(super::measured(small_net(parameters.number("width"), training)?, parameters, build)?))
        },
        citations: CITATIONS,
    }
}
