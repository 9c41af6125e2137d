//! The networks that have a name.

mod fully_connected;
mod small_net;
mod toy;

pub use fully_connected::fully_connected;
pub use small_net::small_net;
pub use toy::toy;

use crate::data::{DataSet, Training, TrainingChoice};
use crate::layers::Activation;
use crate::loss::Loss;
use crate::network::Network;
use crate::trained::Trained;
use glasslab_core::parameter::Build;
use glasslab_core::{Citation, Entry, Fault, Parameter, Parameters};

/// The shape of a chain of dense layers with ReLU between.
#[derive(Clone, Debug)]
pub(crate) struct Dense {
    /// Inputs, hidden widths, outputs.
    pub widths: Vec<usize>,
    pub head: Head,
}

/// What stands on the last linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// Sigmoid outputs, mean squared error.
    SigmoidMeanSquare,
    /// Log-likelihood of the softmax.
    LogLikelihood,
}

impl Dense {
    pub fn network(&self) -> Network {
        match self.head {
            Head::SigmoidMeanSquare => Network::dense(&self.widths, Some(Activation::Sigmoid), Loss::MeanSquare),
            Head::LogLikelihood => Network::dense(&self.widths, None, Loss::LogLikelihood),
        }
    }

    /// Number of weights and biases; `None` if it is absurd (2^31 or more).
    fn dof(&self) -> Option<usize> {
        self.widths.windows(2).try_fold(0_usize, |n, w| {
            let layer = w[0].checked_add(1)?.checked_mul(w[1])?;
            n.checked_add(layer).filter(|n| *n < 1 << 31)
        })
    }

    fn train(self, name: &'static str, field: &str, training: Training) -> Result<Trained, Fault> {
        if self.dof().is_none() {
            let fix = "give fewer units: a network has less than 2^31 weights";
            return Err(Fault::input(field, format!("{:?}", &self.widths[1..self.widths.len() - 1]), fix));
        }
        Ok(Trained { name, citations: CITATIONS, network: self.network(), training, dense: Some(self) })
    }
}

const CITATIONS: &[Citation] = &[Citation {
    key: "baityjesi2018",
    text: "M. Baity-Jesi, L. Sagun, M. Geiger, S. Spigler, G. Ben Arous, C. Cammarota, Y. LeCun, M. Wyart, G. Biroli, \
           Comparing dynamics: deep neural networks versus glassy systems, ICML 2018; J. Stat. Mech. 2019, 124013",
    locator: "arXiv:1803.06969",
}];

fn data_parameters() -> [Parameter; 3] {
    data_parameters_from("digits")
}

fn data_parameters_from(default: &str) -> [Parameter; 3] {
    [
        Parameter::text(
            "data",
            default,
            &[],
            "data set: digits, mnist, fashion-mnist, or a folder of IDX or CIFAR files",
        ),
        Parameter::integer("train", 0, 0, u32::MAX.into(), "number P of training samples, drawn by the seed; 0: all"),
        Parameter::flag("random_labels", false, "train on uniform random labels instead of the true ones"),
    ]
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
    vec![toy::entry(), fully_connected::entry(), small_net::entry()]
}
