//! Multi-layer perceptrons of the plane and jamming papers: NTK or standard parametrisation, any activation, any loss.

use super::{Bend, Dense, data_parameters};
use crate::data::Training;
use crate::layers::Initial;
use crate::loss::Loss;
use crate::trained::Trained;
use glasslab_core::{Citation, Entry, Fault, Method, Parameter, Parameters};
use std::sync::Arc;

/// How weights enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parametrisation {
    /// z = W a/sqrt(fan_in), outputs W a/h (h units below), activations scaled to E[phi(g)^2] = 1 for g ~ N(0, 1).
    /// Convention: 1/h is that of the public code; the papers write 1/sqrt(h), so alpha_code = sqrt(h) alpha_paper.
    Ntk,
    /// z = W a, activations as they are.
    Standard,
}

/// The nonlinearity of hidden units, phi(beta z)/beta; none of these changes what ReLU is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Hidden {
    /// max(0, z).
    Relu,
    /// tanh(beta z)/beta.
    Tanh(f64),
    /// log(1 + exp(beta z))/beta.
    Softplus(f64),
    /// z/(1 + exp(-beta z)).
    Silu(f64),
}

impl Hidden {
    fn value(self, z: f64) -> f64 {
        match self {
            Hidden::Relu => z.max(0.0),
            Hidden::Tanh(beta) => (beta * z).tanh() / beta,
            Hidden::Softplus(beta) => z.max(0.0) + (-(beta * z).abs()).exp().ln_1p() / beta,
            Hidden::Silu(beta) => z / (1.0 + (-beta * z).exp()),
        }
    }

    /// 1/sqrt(E[phi(g)^2]), g ~ N(0, 1): by the trapezoidal rule with step 1/(8 beta), whose error for functions that are
    /// analytic in a strip of half width pi/(2 beta) is below e^-70; sqrt(2) for ReLU. Source: Trefethen & Weideman 2014,
    /// doi:10.1137/130932132. Checked by `mlps_match_pytorch` (adaptive quadrature of scipy). Cost O(beta).
    pub fn unit_scale(self) -> f64 {
        let beta = match self {
            Hidden::Relu => return std::f64::consts::SQRT_2,
            Hidden::Tanh(beta) | Hidden::Softplus(beta) | Hidden::Silu(beta) => beta,
        };
        let step = 1.0 / (8.0 * beta.max(1.0));
        let reach = (13.0 / step) as i64;
        let terms = (-reach..=reach).map(|i| {
            let g = i as f64 * step;
            self.value(g).powi(2) * (-0.5 * g * g).exp()
        });
        let moment = terms.sum::<f64>() * step / (2.0 * std::f64::consts::PI).sqrt();
        1.0 / moment.sqrt()
    }

    fn valid(self) -> bool {
        match self {
            Hidden::Relu => true,
            Hidden::Tanh(beta) | Hidden::Softplus(beta) | Hidden::Silu(beta) => (1e-3..=1e3).contains(&beta),
        }
    }
}

/// The shape of a multi-layer perceptron.
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp {
    /// Units of each hidden layer.
    pub widths: Vec<usize>,
    /// Nonlinearity.
    pub hidden: Hidden,
    /// How weights enter.
    pub parametrisation: Parametrisation,
    /// Law of the initial parameters.
    pub initial: Initial,
    /// Factor B on the biases, z = ... + B b; 0: there are none.
    pub bias: f64,
    /// The loss.
    pub loss: Loss,
    /// One output, whose target is +1 for even and -1 for odd labels; else one output per class.
    pub binary: bool,
}

impl Default for Mlp {
    /// Two hidden layers of 100 SiLU(10) in the NTK parametrisation, no biases, soft hinge of beta 20: the networks of the review.
    fn default() -> Self {
        Self {
            widths: vec![100, 100],
            hidden: Hidden::Silu(10.0),
            parametrisation: Parametrisation::Ntk,
            initial: Initial::Normal,
            bias: 0.0,
            loss: Loss::SoftHinge { margin: 1.0, beta: 20.0 },
            binary: true,
        }
    }
}

/// The network on its data. N = d h + (L-1) h^2 + h without biases, for L layers of h units and one output.
///
/// Source: Geiger, Petrini, Wyart 2021, Phys. Rep. 924, 1 (arXiv:2012.15110) for `Ntk`; Geiger et al. 2019, arXiv:1809.09349, for
/// `Standard` with orthogonal initial weights, biases and the quadratic hinge. Checked by `mlps_match_pytorch`.
pub fn mlp(shape: &Mlp, training: Training) -> Result<Trained, Fault> {
    let outputs = if shape.binary { 1 } else { training.data.classes };
    dense(shape, training.data.inputs(), outputs)?.train("mlp", "hidden", CITATIONS, training)
}

/// The chain of layers of this shape.
pub(crate) fn dense(shape: &Mlp, inputs: usize, outputs: usize) -> Result<Dense, Fault> {
    let mut widths = vec![inputs];
    widths.extend(&shape.widths);
    widths.push(outputs);
    if let Some(bad) = widths.iter().find(|&&w| w == 0) {
        return Err(Fault::input("hidden", bad, "give at least 1 unit in each layer"));
    }
    if !shape.hidden.valid() {
        return Err(Fault::input("activation_beta", format!("{:?}", shape.hidden), "give a number from 0.001 to 1000"));
    }
    if let Loss::Hinge { margin } | Loss::QuadraticHinge { margin } | Loss::SoftHinge { margin, .. } = shape.loss
        && !margin.is_finite()
    {
        return Err(Fault::input("margin", margin, "give a finite number"));
    }
    if let Loss::SoftHinge { beta, .. } = shape.loss
        && !(beta > 0.0 && beta.is_finite())
    {
        return Err(Fault::input("loss_beta", beta, "give a number above 0"));
    }
    if !shape.bias.is_finite() || shape.bias < 0.0 {
        return Err(Fault::input("bias", shape.bias, "give a factor of 0 (no biases) or more"));
    }
    // tanh(beta z)/beta: the factors go to the weights below and above.
    let (inside, outside) = if let Hidden::Tanh(beta) = shape.hidden { (beta, 1.0 / beta) } else { (1.0, 1.0) };
    let ntk = shape.parametrisation == Parametrisation::Ntk;
    let unit = if ntk { shape.hidden.unit_scale() } else { 1.0 };
    let last = widths.len() - 2;
    let scales = widths.iter().take(last + 1).enumerate().map(|(l, &fan_in)| {
        let weights = match (ntk, l == last) {
            (false, _) => 1.0,
            (true, true) if l > 0 => 1.0 / fan_in as f64,
            (true, _) => 1.0 / (fan_in as f64).sqrt(),
        };
        weights * if l == last { 1.0 } else { inside } * if l == 0 { 1.0 } else { unit * outside }
    });
    let bias = |l: usize| (shape.bias > 0.0).then_some(shape.bias * if l == last { 1.0 } else { inside });
    let bend = match shape.hidden {
        Hidden::Relu => Bend::Relu,
        Hidden::Tanh(_) => Bend::Tanh,
        Hidden::Softplus(beta) => Bend::Softplus(beta),
        Hidden::Silu(beta) => Bend::Silu(beta),
    };
    Ok(Dense {
        scales: scales.collect(),
        biases: (0..=last).map(bias).collect(),
        initial: shape.initial,
        bend,
        sigmoid: false,
        loss: shape.loss,
        widths,
    })
}

pub(crate) const CITATIONS: &[Citation] = &[
    Citation {
        key: "geiger2021",
        text: "M. Geiger, L. Petrini, M. Wyart, Landscape and training regimes in deep learning, Phys. Rep. 924, 1 (2021)",
        locator: "doi:10.1016/j.physrep.2021.04.001",
    },
    Citation {
        key: "geiger2019",
        text: "M. Geiger, S. Spigler, S. d'Ascoli, L. Sagun, M. Baity-Jesi, G. Biroli, M. Wyart, Jamming transition as a \
               paradigm to understand the loss landscape of deep neural networks, Phys. Rev. E 100, 012115 (2019)",
        locator: "arXiv:1809.09349",
    },
];

fn shape(parameters: &Parameters) -> Mlp {
    let beta = parameters.number("activation_beta");
    let margin = parameters.number("margin");
    Mlp {
        widths: vec![parameters.size("hidden"); parameters.size("depth")],
        hidden: match parameters.text("activation") {
            "relu" => Hidden::Relu,
            "tanh" => Hidden::Tanh(beta),
            "softplus" => Hidden::Softplus(beta),
            _ => Hidden::Silu(beta),
        },
        parametrisation: match parameters.text("parametrisation") {
            "standard" => Parametrisation::Standard,
            _ => Parametrisation::Ntk,
        },
        initial: match parameters.text("initialisation") {
            "uniform" => Initial::Uniform,
            "orthogonal" => Initial::Orthogonal,
            _ => Initial::Normal,
        },
        bias: parameters.number("bias"),
        loss: match parameters.text("loss") {
            "hinge" => Loss::Hinge { margin },
            "quadratic-hinge" => Loss::QuadraticHinge { margin },
            "squared-error" => Loss::MeanSquare,
            "log-likelihood" => Loss::LogLikelihood,
            _ => Loss::SoftHinge { margin, beta: parameters.number("loss_beta") },
        },
        binary: parameters.flag("binary"),
    }
}

pub(super) fn entry() -> Entry {
    Entry {
        name: "mlp",
        about: "multi-layer perceptron of the plane papers: NTK or standard parametrisation, any activation and loss",
        parameters: || {
            let mut all = vec![
                Parameter::integer("hidden", 100, 1, 1 << 24, "units h of each hidden layer"),
                Parameter::integer("depth", 2, 0, 1000, "number L of hidden layers"),
                Parameter::text(
                    "activation",
                    "silu",
                    &["relu", "tanh", "softplus", "silu"],
                    "nonlinearity phi(beta z)/beta",
                ),
                Parameter::number("activation_beta", 10.0, 1e-3, 1e3, "beta of the nonlinearity; ReLU has none"),
                Parameter::text("parametrisation", "ntk", &["ntk", "standard"], "ntk: weights/sqrt(fan_in), outputs/h"),
                Parameter::text(
                    "initialisation",
                    "normal",
                    &["normal", "uniform", "orthogonal"],
                    "law of the first weights",
                ),
                Parameter::number("bias", 0.0, 0.0, 1e6, "factor on the biases; 0: none"),
                Parameter::text(
                    "loss",
                    "soft-hinge",
                    &["soft-hinge", "hinge", "quadratic-hinge", "squared-error", "log-likelihood"],
                    "loss of the margins or outputs",
                ),
                Parameter::number("loss_beta", 20.0, 1e-6, 1e6, "beta of the soft hinge"),
                Parameter::number("margin", 1.0, -1e6, 1e6, "margin that the hinge losses ask for"),
                Parameter::flag("binary", true, "one output for the parity of the class (even: +1), not one per class"),
            ];
            all.extend(data_parameters());
            all
        },
        method: || Method::Sgd { rate: 1.0.into(), momentum: 0.0, batch: 100 },
        steps: 20_000,
        build: |parameters, build| {
            let training = super::training(parameters, build)?;
            Ok(Arc::new(super::started(mlp(&shape(parameters), training)?, parameters, build)?))
        },
        citations: CITATIONS,
    }
}
