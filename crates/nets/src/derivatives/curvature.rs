//! Products with the Hessian, the Gauss-Newton matrix and the empirical Fisher matrix on one chunk of samples.

use crate::layers::{Direction, Pass, Point};
use crate::network::{Network, give, plus, value};

/// Which matrix, summed over samples mu with losses e_mu, gradients g_mu and Jacobians J_mu of the outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matrix {
    /// d^2 e_mu/dx^2.
    Hessian,
    /// J_mu^T (d^2 e_mu/df^2) J_mu: the Hessian of the network linearised at x.
    GaussNewton,
    /// sum_c (de_mu/df_c) d^2 f_c/dx^2: what the Hessian has beyond Gauss-Newton.
    Residual,
    /// g_mu g_mu^T.
    EmpiricalFisher,
}

/// All that the products of many vectors at one point share, for one chunk; kept from one chunk to the next.
#[derive(Default)]
pub(crate) struct Shared {
    inputs: Vec<f64>,
    labels: Vec<u16>,
    /// Outputs of each layer, [B, width].
    outputs: Vec<Vec<f64>>,
    caches: Vec<Vec<f64>>,
    /// The loss's derivatives by the outputs of each layer, [B, width].
    slopes: Vec<Vec<f64>>,
    /// Work space.
    flowing: Vec<Vec<f64>>,
    spare: Vec<Vec<f64>>,
}

/// Work space of one vector.
#[derive(Default)]
pub(crate) struct Moving {
    /// Changes of the outputs of each layer.
    outputs: Vec<Vec<f64>>,
    /// Changes of the derivatives by each value, while they are needed.
    slopes: Vec<Vec<f64>>,
    spare: Vec<Vec<f64>>,
}

impl Shared {
    /// Forward pass, and what the layers keep at this point.
    pub fn forward(&mut self, network: &Network, x: &[f64], inputs: &[f64]) {
        self.inputs.clear();
        self.inputs.extend_from_slice(inputs);
        network.forward(x, inputs, inputs.len() / network.inputs(), &mut self.outputs);
        self.caches.resize_with(network.layers().len(), Vec::new);
        for (i, (layer, link, range)) in network.layers().enumerate() {
            let cache = &mut self.caches[i];
            cache.clear();
            layer.prepare(&x[range], value(inputs, &self.outputs, link.from), &self.outputs[i], cache);
        }
    }

    /// The losses' derivatives by the outputs of every layer; after `forward`.
    pub fn backward(&mut self, network: &Network, x: &[f64], labels: &[u16]) {
        self.labels.clear();
        self.labels.extend_from_slice(labels);
        let (count, classes) = (network.layers().len(), network.outputs());
        let mut slope = self.spare.pop().unwrap_or_default();
        slope.resize(labels.len() * classes, 0.0);
        let samples = self.outputs[count - 1].chunks_exact(classes).zip(slope.chunks_exact_mut(classes));
        for ((f, slope), &label) in samples.zip(labels) {
            network.loss.sample(f, label.into(), slope);
        }
        let Self { inputs, outputs, slopes, flowing, spare, .. } = self;
        slopes.resize_with(count, Vec::new);
        network.pull_back(x, inputs, outputs, slope, flowing, spare, |at, _, slope| {
            slopes[at].clear();
            slopes[at].extend_from_slice(slope);
        });
    }

    /// J v [B, C], after `forward`.
    pub fn jacobian_vec<'a>(&self, network: &Network, x: &[f64], v: &[f64], moving: &'a mut Moving) -> &'a [f64] {
        let count = network.layers().len();
        moving.outputs.resize_with(count, Vec::new);
        for (i, (layer, link, range)) in network.layers().enumerate() {
            let (below, output) = moving.outputs.split_at_mut(i);
            let along = Direction { x: &v[range.clone()], input: moved(below, link.from) };
            output[0].resize(self.outputs[i].len(), 0.0);
            layer.forward_tangent(self.point(i, link.from, &x[range]), along, &mut output[0]);
            if let Some(more) = link.add.and_then(|add| moved(below, add)) {
                plus(&mut output[0], more);
            }
        }
        &moving.outputs[count - 1]
    }

    fn point<'a>(&'a self, i: usize, from: usize, x: &'a [f64]) -> Point<'a> {
        Point { x, input: value(&self.inputs, &self.outputs, from), output: &self.outputs[i], cache: &self.caches[i] }
    }

    /// Adds the product of the matrix, summed over the chunk, with v to `out`; after `forward` and `backward`.
    pub fn product(
        &self,
        network: &Network,
        matrix: Matrix,
        x: &[f64],
        v: &[f64],
        out: &mut [f64],
        moving: &mut Moving,
    ) {
        self.jacobian_vec(network, x, v, moving);
        let (count, classes) = (network.layers().len(), network.outputs());
        let Moving { outputs, slopes, spare } = moving;
        let mut slope = spare.pop().unwrap_or_default();
        slope.resize(self.labels.len() * classes, 0.0);
        let values = self.outputs[count - 1].chunks_exact(classes).zip(self.slopes[count - 1].chunks_exact(classes));
        let changes = outputs[count - 1].chunks_exact(classes).zip(slope.chunks_exact_mut(classes));
        for (((f, by), (u, to)), &label) in values.zip(changes).zip(&self.labels) {
            match matrix {
                Matrix::EmpiricalFisher => {
                    let along: f64 = by.iter().zip(u).map(|(b, u)| b * u).sum();
                    to.iter_mut().zip(by).for_each(|(t, b)| *t = along * b);
                }
                Matrix::Residual => to.fill(0.0),
                Matrix::Hessian | Matrix::GaussNewton => network.loss.curvature(f, label.into(), u, to),
            }
        }
        if matches!(matrix, Matrix::GaussNewton | Matrix::EmpiricalFisher) {
            let parts: Vec<_> = network.layers().map(|(layer, _, range)| (layer, range)).collect();
            network.pull_back(x, &self.inputs, &self.outputs, slope, slopes, spare, |at, input, slope| {
                let (layer, range) = &parts[at];
                Pass::<f64>::gradient(*layer, input, slope, &mut out[range.clone()]);
            });
            return;
        }
        slopes.resize_with(count + 1, Vec::new);
        slopes[count] = slope;
        for (i, (layer, link, range)) in network.layers().enumerate().rev() {
            let slope = std::mem::take(&mut slopes[i + 1]);
            let at = self.point(i, link.from, &x[range.clone()]);
            let along = Direction { x: &v[range.clone()], input: moved(outputs, link.from) };
            layer.gradient_tangent(at, along, &self.slopes[i], &slope, &mut out[range]);
            if link.from > 0 {
                let mut by_input = spare.pop().unwrap_or_default();
                by_input.resize(at.input.len(), 0.0);
                layer.backward_tangent(at, along, &self.slopes[i], &slope, &mut by_input);
                give(&mut slopes[link.from], by_input, spare);
            }
            match link.add {
                Some(add) if add > 0 => give(&mut slopes[add], slope, spare),
                _ => spare.push(slope),
            }
        }
    }
}

/// How the value of this number moves; the network's inputs do not.
fn moved(outputs: &[Vec<f64>], number: usize) -> Option<&[f64]> {
    (number > 0).then(|| &outputs[number - 1][..])
}
