//! ResNet-18: eight residual blocks of two convolutions with batch normalisation, log-likelihood.

use super::stack::Stack;
use super::{CITATIONS, image_parameters};
use crate::data::Training;
use crate::layers::{AveragePool, Convolution, GlobalPool, Linear, MaxPool, Window};
use crate::loss::Loss;
use crate::trained::Trained;
use glasslab_core::{Entry, Fault, Method, Parameter};
use std::sync::Arc;

/// How a residual network begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stem {
    /// Convolution 7x7, stride 2, padding 3, and maxpool 3x3, stride 2; at the end the mean over windows of 7x7 with padding 3
    /// that is counted: for images of up to 32 x 32, whose last map is one pixel, it divides by 49. The form of the paper.
    ImageNet,
    /// Convolution 3x3, stride 1; at the end the mean over the whole map.
    Cifar,
}

/// Stem - BN - ReLU - 4 x 2 residual blocks of `width`, 2, 4, 8 `width` channels - pooling - Linear, E = -(1/P) sum_mu log
/// softmax(f_mu)_label.
///
/// Block: Conv 3x3 - BN - ReLU - Conv 3x3 - BN - plus its input - ReLU; where width or resolution changes (stride 2), the input
/// goes through Conv 1x1 - BN. N = 11,227,812 with the ImageNet stem and 11,220,132 with the CIFAR stem at width 64 for 100 classes.
/// Convention: convolutions without biases, initially N(0, 2/(kernel^2 outputs)); BN weight 1, bias 0; the last layer uniform on
/// (-1, 1)/sqrt(inputs); drawn in the order of x from the stream ("weights", replica, 0).
/// Source: K. He, X. Zhang, S. Ren, J. Sun 2016, arXiv:1512.03385; in the form of Baity-Jesi et al. 2018. Checked by `cross`
/// (PyTorch).
pub fn resnet18(stem: Stem, width: usize, training: Training) -> Result<Trained, Fault> {
    let (image, classes) = (training.data.shape, training.data.classes);
    if width == 0 || width > 4096 {
        return Err(Fault::input("width", width, "give 1 to 4096 channels"));
    }
    if stem == Stem::ImageNet && image[1..].iter().any(|&side| side > 32) {
        let fix = "give images of at most 32 x 32 pixels, or the stem `cifar`";
        return Err(Fault::input("data", format!("{:?}, {} x {} pixels", training.data.name, image[1], image[2]), fix));
    }
    let window = |kernel, stride, padding| Window { kernel, stride, padding };
    let mut stack = Stack::new(image);
    match stem {
        Stem::ImageNet => {
            stack.push(|image| Ok(Convolution::new(image, width, window(7, 2, 3))?.residual()), Convolution::shape)?;
            stack.normalise();
            stack.rectify();
            stack.push(|image| MaxPool::new(image, window(3, 2, 1)), MaxPool::shape)?;
        }
        Stem::Cifar => {
            stack.push(|image| Ok(Convolution::new(image, width, window(3, 1, 1))?.residual()), Convolution::shape)?;
            stack.normalise();
            stack.rectify();
        }
    }
    for (stage, channels) in [width, 2 * width, 4 * width, 8 * width].into_iter().enumerate() {
        for block in 0..2 {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let start = stack.here();
            let conv = |kernel, stride, padding| {
                move |image| Ok(Convolution::new(image, channels, window(kernel, stride, padding))?.residual())
            };
            stack.push(conv(3, stride, 1), Convolution::shape)?;
            stack.normalise();
            stack.rectify();
            stack.push(conv(3, 1, 1), Convolution::shape)?;
            if stride == 1 {
                stack.normalise_and_add(start.value);
            } else {
                stack.normalise();
                let main = stack.here();
                stack.back_to(start);
                stack.push(conv(1, stride, 0), Convolution::shape)?;
                stack.normalise_and_add(main.value);
            }
            stack.rectify();
        }
    }
    match stem {
        Stem::ImageNet => stack.push(|image| AveragePool::new(image, window(7, 1, 3), true), AveragePool::shape)?,
        Stem::Cifar => stack.push(|image| Ok(GlobalPool::new(image)), |_| [8 * width, 1, 1])?,
    }
    stack.push(|image| Ok(Linear::new(image.iter().product(), classes)), |_| [classes, 1, 1])?;
    Trained::of("resnet18", RESNET, "width", stack.network(Loss::LogLikelihood), training)
}

const RESNET: &[glasslab_core::Citation] = &[
    CITATIONS[0],
    glasslab_core::Citation {
        key: "he2016",
        text: "K. He, X. Zhang, S. Ren, J. Sun, Deep residual learning for image recognition, CVPR 2016, 770",
        locator: "arXiv:1512.03385",
    },
];

pub(super) fn entry() -> Entry {
    Entry {
        name: "resnet18",
        about: "residual network of 18 layers with batch normalisation, log-likelihood",
        parameters: || {
            let stem = "imagenet (7x7, stride 2, maxpool; the paper's form) or cifar (3x3, stride 1)";
            let mut all = vec![
                Parameter::integer("width", 64, 1, 4096, "channels of the first blocks"),
                Parameter::text("stem", "imagenet", &["imagenet", "cifar"], stem),
            ];
            all.extend(image_parameters("mnist", 2000));
            all
        },
        method: || Method::Sgd { rate: 0.01.into(), momentum: 0.5, batch: 64 },
        steps: 1_000,
        build: |parameters, build| {
            let training = super::training(parameters, build)?;
            let stem = if parameters.text("stem") == "cifar" { Stem::Cifar } else { Stem::ImageNet };
            Ok(Arc::new(super::measured(resnet18(stem, parameters.size("width"), training)?, parameters, build)?))
        },
        citations: RESNET,
    }
}
