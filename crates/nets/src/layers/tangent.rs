//! What second derivatives and tangent kernels ask of a layer: how its passes change when parameters and inputs move.

/// A layer at a point: its parameters, and inputs and outputs [B, width] of the forward pass.
#[derive(Clone, Copy, Debug)]
pub struct Point<'a> {
    /// Parameters.
    pub x: &'a [f64],
    /// Inputs.
    pub input: &'a [f64],
    /// Outputs.
    pub output: &'a [f64],
    /// What `Tangents::prepare` wrote.
    pub cache: &'a [f64],
}

/// A direction in which the point moves.
#[derive(Clone, Copy, Debug)]
pub struct Direction<'a> {
    /// Change of the parameters.
    pub x: &'a [f64],
    /// Change of the inputs; `None` for 0 (the data do not move).
    pub input: Option<&'a [f64]>,
}

/// Exact derivatives, by hand, of a layer's passes in a direction (dx, da): forward over reverse, in f64.
///
/// With z = f(x, a), cotangents delta (of z) and epsilon = (df/da)^T delta (of a). Checked for every layer by finite
/// differences of `Pass` (`tangents_are_slopes_of_the_passes`).
pub trait Tangents {
    /// Computes once per point what the methods below need for every direction; `cache` comes empty.
    fn prepare(&self, _x: &[f64], _input: &[f64], _output: &[f64], _cache: &mut Vec<f64>) {}

    /// dz <- (df/dx) dx + (df/da) da, over whatever was there.
    fn forward_tangent(&self, at: Point<'_>, along: Direction<'_>, d_output: &mut [f64]);

    /// d epsilon <- (df/da)^T d delta + [d (df/da)]^T delta, over whatever was there.
    fn backward_tangent(
        &self,
        at: Point<'_>,
        along: Direction<'_>,
        by_output: &[f64],
        d_by_output: &[f64],
        d_by_input: &mut [f64],
    );

    /// Adds (df/dx)^T d delta + [d (df/dx)]^T delta to `d_gradient`.
    fn gradient_tangent(
        &self,
        _at: Point<'_>,
        _along: Direction<'_>,
        _by_output: &[f64],
        _d_by_output: &[f64],
        _d_gradient: &mut [f64],
    ) {
    }

    /// Adds the layer's part of a tangent kernel, sum_k g_k(a, c) g_k(b, c') over its parameters k, to `out` [A C, B C'],
    /// and says true, if it knows better than to form the gradients g [A C, len]: from inputs a [A, inputs], b [B, inputs]
    /// and derivatives by the layer's outputs, [A C, outputs] and [B C', outputs].
    fn kernel(&self, _a: &[f64], _by_a: &[f64], _b: &[f64], _by_b: &[f64], _out: &mut [f64]) -> bool {
        false
    }
}
