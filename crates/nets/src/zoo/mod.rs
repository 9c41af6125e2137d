//! The networks that have a name.

mod cnn;
mod fully_connected;
mod mlp;
mod resnet18;
mod small_net;
mod stack;
mod toy;

pub use cnn::cnn;
pub use fully_connected::fully_connected;
pub(crate) use mlp::{CITATIONS as MLP_CITATIONS, dense};
pub use mlp::{Hidden, Mlp, Parametrisation, mlp};
pub use resnet18::{Stem, resnet18};
pub use small_net::small_net;
pub use toy::toy;

use crate::data::{Augmentation, DataSet, Training, TrainingChoice};
use crate::layers::{Activation, Initial, Layer, Linear, Pointwise, Silu, Softplus};
use crate::loss::Loss;
use crate::network::Network;
use crate::trained::Trained;
use glasslab_core::parameter::Build;
use glasslab_core::{Citation, Entry, Fault, Parameter, Parameters};

/// The shape of a chain of dense layers with one nonlinearity between.
#[derive(Clone, Debug)]
pub(crate) struct Dense {
    /// Inputs, hidden widths, outputs.
    pub widths: Vec<usize>,
    /// Factor on the weights of each layer.
    pub scales: Vec<f64>,
    /// Factor on the biases of each layer, if it has any.
    pub biases: Vec<Option<f64>>,
    /// Law of the initial weights and biases.
    pub initial: Initial,
    /// Nonlinearity of hidden units.
    pub bend: Bend,
    /// Sigmoid on the outputs.
    pub sigmoid: bool,
    /// The loss.
    pub loss: Loss,
}

/// A nonlinearity of one unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bend {
    Relu,
    Tanh,
    Softplus(f64),
    Silu(f64),
}

impl Bend {
    fn layer(self, units: usize) -> Box<dyn Layer> {
        match self {
            Bend::Relu => Box::new(Pointwise { units, activation: Activation::Relu }),
            Bend::Tanh => Box::new(Pointwise { units, activation: Activation::Tanh }),
            Bend::Softplus(beta) => Box::new(Softplus { units, beta }),
            Bend::Silu(slope) => Box::new(Silu { units, slope }),
        }
    }
}

impl Dense {
    /// ReLU between, PyTorch's initial weights, nothing scaled.
    pub fn plain(widths: Vec<usize>, sigmoid: bool, loss: Loss) -> Self {
        let layers = widths.len() - 1;
        let (scales, biases) = (vec![1.0; layers], vec![Some(1.0); layers]);
        Self { widths, scales, biases, initial: Initial::Uniform, bend: Bend::Relu, sigmoid, loss }
    }

    pub fn network(&self) -> Network {
        let mut layers: Vec<Box<dyn Layer>> = Vec::new();
        for (l, w) in self.widths.windows(2).enumerate() {
            let (scale, bias) = (self.scales[l], self.biases[l]);
            layers.push(Box::new(Linear { inputs: w[0], outputs: w[1], scale, bias, initial: self.initial }));
            if l + 2 < self.widths.len() {
                layers.push(self.bend.layer(w[1]));
            } else if self.sigmoid {
                layers.push(Box::new(Pointwise { units: w[1], activation: Activation::Sigmoid }));
            }
        }
        Network::new(layers, self.loss)
    }

    /// Number of weights and biases; `None` if it is absurd (2^31 or more).
    pub(crate) fn dof(&self) -> Option<usize> {
        self.widths.windows(2).zip(&self.biases).try_fold(0_usize, |n, (w, bias)| {
            let layer = w[0].checked_add(usize::from(bias.is_some()))?.checked_mul(w[1])?;
            n.checked_add(layer).filter(|n| *n < 1 << 31)
        })
    }

    fn train(
        self,
        name: &'static str,
        field: &str,
        citations: &'static [Citation],
        training: Training,
    ) -> Result<Trained, Fault> {
        if self.dof().is_none() {
            let fix = "give fewer units: a network has less than 2^31 weights";
            return Err(Fault::input(field, format!("{:?}", &self.widths[1..self.widths.len() - 1]), fix));
        }
        Ok(Trained::new(name, citations, self.network(), training, Some(self)))
    }
}

const CITATIONS: &[Citation] = &[Citation {
    key: "baityjesi2018",
    text: "M. Baity-Jesi, L. Sagun, M. Geiger, S. Spigler, G. Ben Arous, C. Cammarota, Y. LeCun, M. Wyart, G. Biroli, \
           Comparing dynamics: deep neural networks versus glassy systems, ICML 2018; J. Stat. Mech. 2019, 124013",
    locator: "arXiv:1803.06969",
}];

fn data_parameters() -> [Parameter; 4] {
    data_parameters_from("digits")
}

fn data_parameters_from(default: &str) -> [Parameter; 4] {
    [
        Parameter::text(
            "data",
            default,
            &[],
            "data set: digits, mnist, fashion-mnist, or a folder of IDX or CIFAR files",
        ),
        Parameter::integer("train", 0, 0, u32::MAX.into(), "number P of training samples, drawn by the seed; 0: all"),
        Parameter::flag("random_labels", false, "train on uniform random labels instead of the true ones"),
        Parameter::text(
            "weights",
            "",
            &[],
            "safetensors file that all replicas start from, of this network (layer1.weight, ...); empty: drawn",
        ),
    ]
}

/// Parameters of all networks of images; `most` is the default number of samples for losses.
fn image_parameters(default: &str, most: i64) -> Vec<Parameter> {
    let mut all = data_parameters_from(default).to_vec();
    let noise = "training samples, evenly spaced, that the gradient noise is measured on; 0: all";
    let loss = "samples of each split, evenly spaced, that losses and errors are measured on; 0: all";
    let crop = "pad the images of each mini-batch by this many black pixels and cut out a random part; 0: no";
    all.push(Parameter::integer("noise_samples", 2000, 0, u32::MAX.into(), noise));
    all.push(Parameter::integer("loss_samples", most, 0, u32::MAX.into(), loss));
    all.push(Parameter::flag("flip", false, "mirror each image of a mini-batch with probability 1/2"));
    all.push(Parameter::integer("crop", 0, 0, 1 << 12, crop));
    all
}

/// What `image_parameters` say, and where it starts.
fn measured(network: Trained, parameters: &Parameters, build: &Build) -> Result<Trained, Fault> {
    let augmentation = Augmentation { flip: parameters.flag("flip"), crop: parameters.size("crop") };
    let network = network.with_noise_samples(parameters.size("noise_samples"));
    let network = network.with_loss_samples(parameters.size("loss_samples")).with_augmentation(augmentation)?;
    started(network, parameters, build)
}

/// Starts the network where its parameter `weights` says.
fn started(network: Trained, parameters: &Parameters, build: &Build) -> Result<Trained, Fault> {
    match parameters.text("weights") {
        "" => Ok(network),
        file => network.with_weights(&build.folder.join(file)),
    }
}

fn training(parameters: &Parameters, build: &Build) -> Result<Training, Fault> {
    let data = DataSet::open(parameters.text("data"), &build.folder)?;
    let choice = TrainingChoice {
        samples: parameters.size("train"),
        random_labels: parameters.flag("random_labels"),
        realisation: build.sample,
    };
    Training::new(data, choice, build.streams)
}

/// All networks, for the registry.
pub fn entries() -> Vec<Entry> {
    vec![
        toy::entry(),
        fully_connected::entry(),
        mlp::entry(),
        small_net::entry(),
        resnet18::entry(),
        cnn::entry(),
        crate::jamming::entry(),
    ]
}
