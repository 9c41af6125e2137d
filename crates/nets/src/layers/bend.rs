//! Tangents of nonlinearities that act on each unit alone.

use super::{Direction, Point, Tangents};
use crate::kernels::Real;
use pulp::Arch;

/// output <- f(input), in vectors of the processor where `f` allows.
#[inline(always)]
pub(super) fn each<T: Real>(input: &[T], output: &mut [T], f: impl Fn(T) -> T) {
    Arch::new().dispatch(
        #[inline(always)]
        || output.iter_mut().zip(input).for_each(|(o, i)| *o = f(*i)),
    );
}

/// output <- f(a, b), as above.
#[inline(always)]
pub(super) fn each_pair<T: Real>(a: &[T], b: &[T], output: &mut [T], f: impl Fn(T, T) -> T) {
    Arch::new().dispatch(
        #[inline(always)]
        || output.iter_mut().zip(a).zip(b).for_each(|((o, a), b)| *o = f(*a, *b)),
    );
}

/// A function a = f(z) of one unit.
pub(super) trait Bend {
    /// f'(z) and f''(z), where a = f(z).
    fn bend(&self, z: f64, a: f64) -> [f64; 2];
}

impl<B: Bend> Tangents for B {
    /// f' of all units, then f''.
    fn prepare(&self, _x: &[f64], input: &[f64], output: &[f64], cache: &mut Vec<f64>) {
        cache.resize(2 * input.len(), 0.0);
        let (slopes, curvatures) = cache.split_at_mut(input.len());
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (((s, c), z), a) in slopes.iter_mut().zip(curvatures).zip(input).zip(output) {
                    [*s, *c] = self.bend(*z, *a);
                }
            },
        );
    }

    /// da = f' dz.
    fn forward_tangent(&self, at: Point<'_>, along: Direction<'_>, d_output: &mut [f64]) {
        let Some(d_input) = along.input else { return d_output.fill(0.0) };
        for ((da, dz), slope) in d_output.iter_mut().zip(d_input).zip(at.cache) {
            *da = slope * dz;
        }
    }

    /// d epsilon = f' d delta + f'' dz delta.
    fn backward_tangent(
        &self,
        at: Point<'_>,
        along: Direction<'_>,
        by_output: &[f64],
        d_by_output: &[f64],
        d_by_input: &mut [f64],
    ) {
        let (slopes, curvatures) = at.cache.split_at(by_output.len());
        for ((d, by), slope) in d_by_input.iter_mut().zip(d_by_output).zip(slopes) {
            *d = slope * by;
        }
        if let Some(d_input) = along.input {
            for (((d, by), curvature), dz) in d_by_input.iter_mut().zip(by_output).zip(curvatures).zip(d_input) {
                *d += curvature * dz * by;
            }
        }
    }
}
