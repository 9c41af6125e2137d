//! Abilities that a System has or has not: second derivatives, outputs and their tangents, gaps of constraints.

use crate::Fault;

/// Exact second derivatives of the energy.
pub trait HessianVec: Send + Sync {
    /// out `[N]` <- H v, H = d^2E/dx^2 at x `[N]`, v `[N]`. Convention: the Euclidean second derivative of the same E as
    /// `energy_force` (E, not E/N); on a curved [`crate::Space`] the term of the curvature is the caller's.
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault>;

    /// K products at one point, v and out `[K, N]`; overridden where they share work.
    fn hessian_vec_many(&self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        Fault::check_len("products", v.len(), out.len())?;
        let n = x.len().max(1);
        v.chunks(n).zip(out.chunks_mut(n)).try_for_each(|(v, out)| self.hessian_vec(x, v, out))
    }
}

/// A System that maps inputs to outputs, f(x, input).
pub trait Predict: Send + Sync {
    /// Numbers per input.
    fn inputs(&self) -> usize;

    /// Numbers C per output.
    fn outputs(&self) -> usize;

    /// out `[B, C]` <- f(x, inputs), inputs `[B, inputs()]`, row-major. Convention: the raw output below the loss, no
    /// factor alpha and nothing subtracted.
    fn predict(&self, x: &[f64], inputs: &[f64], out: &mut [f64]) -> Result<(), Fault>;
}

/// First derivatives of the outputs by x: J = df/dx, `[B C, N]`.
pub trait Tangent: Predict {
    /// out `[B, C]` <- J v, v `[N]`.
    fn jacobian_vec(&self, x: &[f64], inputs: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault>;

    /// out `[N]` <- J^T u, u `[B, C]`.
    fn vec_jacobian(&self, x: &[f64], inputs: &[f64], u: &[f64], out: &mut [f64]) -> Result<(), Fault>;

    /// The empirical tangent kernel Theta = J(a) J(b)^T, out `[A C, B C]` row-major, of inputs a `[A, inputs()]` and b
    /// `[B, inputs()]`; b = a where None. Convention: raw sum over all parameters, no normalisation by width. Works in
    /// blocks: never holds more than O(block x N) of the Jacobian.
    fn tangent_kernel(&self, x: &[f64], a: &[f64], b: Option<&[f64]>, out: &mut [f64]) -> Result<(), Fault>;

    /// out `[N]` <- G v, G = (1/P) sum_mu J_mu^T (d^2 loss/df^2)_mu J_mu on the training set: the Gauss-Newton matrix, which
    /// is the Fisher matrix for the log-likelihood.
    fn gauss_newton_vec(&self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault>;
}

/// A System of constraints gap_mu(x) >= 0: packings, perceptrons, networks with a hinge loss alike.
pub trait Contacts: Send + Sync {
    /// The gaps at x, one per constraint that is within reach; negative where violated. Units of the System (a diameter, a
    /// margin).
    fn gaps(&self, x: &[f64]) -> Result<Vec<f64>, Fault>;
}
