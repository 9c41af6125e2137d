//! Abilities that a System has or has not: second derivatives, outputs and their tangents, gaps of constraints, virials,
//! forces that remember neighbours.

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

/// Particles in a periodic box: the virial, from which the pressure follows.
pub trait Virial: Send + Sync {
    /// The virial tensor W_ab = sum over pairs and bonds of r_a f_b, out `[d, d]` row-major, r from one particle to the
    /// other and f the force along it. Units of energy. Convention: the pressure is (N_p T + tr W/d)/V, N_p particles in
    /// the volume V; gamdpy's W is tr W/d.
    fn virial(&self, x: &[f64]) -> Result<Vec<f64>, Fault>;
}

/// Energy and force of one replica, by an evaluator that remembers something between calls (lists of neighbours) to be
/// faster: the same function of x as `System::energy_force`, up to rounding.
///
/// The last bits may depend on what is remembered, so that is saved with the run: a Stepper that saves and loads it goes
/// on with the same bytes.
pub trait Forces: Send {
    /// Energy E(x), returned, and force `[N]`, written; x `[N]`. Not finite where a step has blown up (a particle that has
    /// crossed half of the box since the last call that made a list).
    fn energy_force(&mut self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault>;

    /// What is remembered; empty before the first call.
    fn save(&self) -> Vec<f64>;

    /// The inverse of [`Forces::save`].
    fn load(&mut self, remembered: &[f64]) -> Result<(), Fault>;
}
