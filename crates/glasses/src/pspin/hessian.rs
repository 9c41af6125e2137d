//! Second derivatives of the p-spin's energy, through the same pass over the couplings as its force.

use super::SphericalPSpin;
use glasslab_core::{Fault, HessianVec, sum};

/// Products per pass.
const TOGETHER: usize = 16;

/// p = 3: the force F(x) = B(x, x) is a quadratic form, so H v = -2 B(x, v) = -[F(x + a v) - F(x - a v)]/(2a) for any a,
/// exactly; a = |x|/|v| keeps both terms of one size, so rounding is that of two forces. p = 2: H v = -F(v). Cost: two forces
/// (p = 2: one) per product, up to 16 products a pass.
///
/// Checked by `hessian_is_the_derivative_of_the_force` and, against the semicircle, in the crate `spectra`'s users.
impl HessianVec for SphericalPSpin {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        Fault::check_len("directions", self.n, v.len())?;
        self.hessian_vec_many(x, v, out)
    }

    fn hessian_vec_many(&self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        let n = self.n;
        Fault::check_len("positions", n, x.len())?;
        Fault::check_len("products", v.len(), out.len())?;
        Fault::check_len("directions", v.len() / n * n, v.len())?;
        for (v, out) in v.chunks(TOGETHER * n).zip(out.chunks_mut(TOGETHER * n)) {
            if self.p == 2 {
                self.contract(v, out);
                out.iter_mut().for_each(|h| *h = -*h);
                continue;
            }
            let length = sum::dot(x, x).sqrt();
            let factors: Vec<f64> = (v.chunks(n).map(|v| sum::dot(v, v).sqrt()))
                .map(|norm| if norm > 0.0 && length > 0.0 { length / norm } else { 1.0 })
                .collect();
            let mut points = Vec::with_capacity(2 * v.len());
            for sign in [1.0, -1.0] {
                for (v, a) in v.chunks(n).zip(&factors) {
                    points.extend(x.iter().zip(v).map(|(x, v)| x + sign * a * v));
                }
            }
            let mut force = vec![0.0; points.len()];
            self.contract(&points, &mut force);
            let (plus, minus) = force.split_at(v.len());
            for (k, a) in factors.iter().enumerate() {
                for i in k * n..(k + 1) * n {
                    out[i] = (minus[i] - plus[i]) / (2.0 * a);
                }
            }
        }
        Ok(())
    }
}
