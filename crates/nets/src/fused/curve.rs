//! Nonlinearities and their slopes on rows of units.

use crate::kernels::Real;
use crate::zoo::Bend;

/// z becomes factor f(z), and `slopes` factor f'(z). Inlined so that the loops become vectors.
#[inline(always)]
pub(crate) fn bend<T: Real>(bend: Bend, factor: T, z: &mut [T], slopes: &mut [T]) {
    let one = T::ONE;
    match bend {
        Bend::Relu => {}
        Bend::Tanh => {
            for (z, d) in z.iter_mut().zip(slopes) {
                let e = (*z + *z).exp();
                // Exact to a rounding error of 1, and for large z.
                let a = one - (one + one) / (e + one);
                (*z, *d) = (factor * a, factor * (one - a * a));
            }
        }
        Bend::Softplus(beta) => {
            let beta = T::from_f64(beta);
            for (z, d) in z.iter_mut().zip(slopes) {
                let u = beta * *z;
                let (ramp, size) = if u < T::ZERO { (T::ZERO, -u) } else { (*z, u) };
                let small = (-size).exp();
                let share = if u < T::ZERO { small } else { one };
                (*z, *d) = (factor * (ramp + small.ln_1p_unit() / beta), factor * (share / (one + small)));
            }
        }
        Bend::Silu(slope) => {
            let slope = T::from_f64(slope);
            let minus = -slope;
            for (z, d) in z.iter_mut().zip(slopes) {
                let s = one / (one + (minus * *z).exp());
                let a = *z * s;
                (*z, *d) = (factor * a, factor * (s + slope * a * (one - s)));
            }
        }
    }
}
