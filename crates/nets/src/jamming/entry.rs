//! The registry's entry of `jamming-mlp`.

use super::{JammingData, JammingMlp};
use crate::layers::Initial;
use crate::loss::Loss;
use crate::zoo::{Hidden, MLP_CITATIONS, Mlp, Parametrisation};
use glasslab_core::{Citation, Course, Entry, Method, Parameter, Parameters};
use std::sync::Arc;

/// The sources: the papers of the networks.
pub const CITATIONS: &[Citation] = MLP_CITATIONS;

fn shape(parameters: &Parameters) -> Mlp {
    let (beta, margin) = (parameters.number("activation_beta"), parameters.number("margin"));
    Mlp {
        widths: vec![parameters.size("hidden"); parameters.size("depth")],
        hidden: match parameters.text("activation") {
            "tanh" => Hidden::Tanh(beta),
            "softplus" => Hidden::Softplus(beta),
            "silu" => Hidden::Silu(beta),
            _ => Hidden::Relu,
        },
        parametrisation: Parametrisation::Standard,
        initial: match parameters.text("initialisation") {
            "uniform" => Initial::Uniform,
            _ => Initial::Orthogonal,
        },
        bias: if parameters.flag("biases") { 1.0 } else { 0.0 },
        loss: match parameters.text("loss") {
            "hinge" => Loss::Hinge { margin },
            "soft-hinge" => Loss::SoftHinge { margin, beta: parameters.number("loss_beta") },
            _ => Loss::QuadraticHinge { margin },
        },
        binary: true,
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "jamming-mlp",
        about: "perceptron of the jamming papers: margins asked for on random or whitened data, orthogonal start",
        parameters: || {
            let most = u32::MAX.into();
            vec![
                Parameter::text(
                    "data",
                    "random",
                    &[],
                    "random (labels alternate), or a data set or CSV file: parity of the class",
                ),
                Parameter::integer(
                    "components",
                    10,
                    1,
                    1 << 16,
                    "dimensions d: random ones, or whitened principal components",
                ),
                Parameter::integer("train", 1000, 1, most, "number P of training samples"),
                Parameter::integer("test", 0, 0, most, "number of test samples"),
                Parameter::integer("hidden", 10, 1, 1 << 15, "units h of each hidden layer"),
                Parameter::integer("depth", 3, 0, 1000, "number L of hidden layers"),
                Parameter::text(
                    "activation",
                    "relu",
                    &["relu", "tanh", "softplus", "silu"],
                    "nonlinearity phi(beta z)/beta",
                ),
                Parameter::number("activation_beta", 10.0, 1e-3, 1e3, "beta of the nonlinearity; ReLU has none"),
                Parameter::text("initialisation", "orthogonal", &["orthogonal", "uniform"], "law of the first weights"),
                Parameter::flag("biases", true, "units have biases, 0 at the start"),
                Parameter::text(
                    "loss",
                    "quadratic-hinge",
                    &["quadratic-hinge", "hinge", "soft-hinge"],
                    "loss of the gaps",
                ),
                Parameter::number("loss_beta", 20.0, 1e-6, 1e6, "beta of the soft hinge"),
                Parameter::number("margin", 1.0, -1e6, 1e6, "margin kappa that is asked for"),
            ]
        },
        method: || Method::Descent { step_size: Course::Constant(0.1) },
        steps: 10_000,
        build: |parameters, build| {
            let (d, p, test) = (parameters.size("components"), parameters.size("train"), parameters.size("test"));
            // Realisations of the disorder have data of their own.
            let most = p.saturating_mul(build.sample as usize + 1);
            let pool = JammingData::open(parameters.text("data"), d, most, test, &build.folder, build.streams)?;
            let data = pool.of(d, p, build.sample)?;
            Ok(Arc::new(JammingMlp::new(&shape(parameters), &data.train, &data.test)?))
        },
        citations: CITATIONS,
    }
}
