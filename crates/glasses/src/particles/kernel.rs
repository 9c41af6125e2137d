//! The loop over pairs: eight neighbours at a time, in a fixed order of additions, on any vector unit.
#![allow(unsafe_code)]

use super::law::{Form, Pair, Shift};
use pulp::{Arch, Scalar, Simd, WithSimd};

/// Neighbours that are worked on together.
pub(super) const LANES: usize = 8;

type Lanes = [f64; LANES];

/// Coordinates of all copies of all particles, the last one far away from everything.
#[derive(Default)]
pub(super) struct Coordinates {
    pub(super) x: Vec<f64>,
    pub(super) y: Vec<f64>,
    pub(super) z: Vec<f64>,
}

/// A potential prepared for the loop: energy and -u'(r)/r from r^2, lane by lane.
trait Law: Copy {
    fn at<S: Simd>(self, simd: S, r2: S::f64s) -> (S::f64s, S::f64s);
}

/// u = r^-6 (a r^-6 - b) + c, shifted energy.
#[derive(Clone, Copy)]
struct ShiftedEnergy {
    a: f64,
    b: f64,
    c: f64,
}

impl Law for ShiftedEnergy {
    #[inline(always)]
    fn at<S: Simd>(self, simd: S, r2: S::f64s) -> (S::f64s, S::f64s) {
        let s = |v| simd.splat_f64s(v);
        let inverse = simd.div_f64s(s(1.0), r2);
        let six = simd.mul_f64s(simd.mul_f64s(inverse, inverse), inverse);
        let energy = simd.mul_add_f64s(six, simd.mul_add_f64s(s(self.a), six, s(-self.b)), s(self.c));
        let force = simd.mul_add_f64s(s(12.0 * self.a), six, s(-6.0 * self.b));
        (energy, simd.mul_f64s(simd.mul_f64s(six, force), inverse))
    }
}

/// u = r^-6 (a r^-6 - b) + c + d r, shifted force.
#[derive(Clone, Copy)]
struct ShiftedForce {
    a: f64,
    b: f64,
    c: f64,
    d: f64,
}

impl Law for ShiftedForce {
    #[inline(always)]
    fn at<S: Simd>(self, simd: S, r2: S::f64s) -> (S::f64s, S::f64s) {
        let s = |v| simd.splat_f64s(v);
        let inverse = simd.div_f64s(s(1.0), r2);
        let six = simd.mul_f64s(simd.mul_f64s(inverse, inverse), inverse);
        let r = simd.sqrt_f64s(r2);
        let bare = simd.mul_add_f64s(six, simd.mul_add_f64s(s(self.a), six, s(-self.b)), s(self.c));
        let energy = simd.mul_add_f64s(s(self.d), r, bare);
        let force = simd.mul_f64s(six, simd.mul_add_f64s(s(12.0 * self.a), six, s(-6.0 * self.b)));
        (energy, simd.mul_f64s(simd.mul_add_f64s(s(-self.d), r, force), inverse))
    }
}

/// Two particles at one place push each other nowhere: the smallest r^2 that is told from zero.
const NOWHERE: f64 = 1e-60;

/// u = (e/2) (1 - r/s)^2; `per` is 1/s.
#[derive(Clone, Copy)]
struct Harmonic {
    e: f64,
    per: f64,
}

impl Law for Harmonic {
    #[inline(always)]
    fn at<S: Simd>(self, simd: S, r2: S::f64s) -> (S::f64s, S::f64s) {
        let s = |v| simd.splat_f64s(v);
        let r = simd.sqrt_f64s(simd.max_f64s(r2, s(NOWHERE)));
        let x = simd.mul_add_f64s(s(-self.per), r, s(1.0));
        let energy = simd.mul_f64s(s(0.5 * self.e), simd.mul_f64s(x, x));
        (energy, simd.div_f64s(simd.mul_f64s(s(self.e * self.per), x), r))
    }
}

/// u = (2 e/5) (1 - r/s)^(5/2); `per` is 1/s.
#[derive(Clone, Copy)]
struct Hertzian {
    e: f64,
    per: f64,
}

impl Law for Hertzian {
    #[inline(always)]
    fn at<S: Simd>(self, simd: S, r2: S::f64s) -> (S::f64s, S::f64s) {
        let s = |v| simd.splat_f64s(v);
        let r = simd.sqrt_f64s(simd.max_f64s(r2, s(NOWHERE)));
        let x = simd.max_f64s(simd.mul_add_f64s(s(-self.per), r, s(1.0)), s(0.0));
        let rise = simd.mul_f64s(x, simd.sqrt_f64s(x));
        let energy = simd.mul_f64s(s(0.4 * self.e), simd.mul_f64s(x, rise));
        (energy, simd.div_f64s(simd.mul_f64s(s(self.e * self.per), rise), r))
    }
}

/// One particle and the neighbours of one species.
pub(super) struct Segment<'a> {
    /// Its place among the coordinates.
    pub(super) at: u32,
    /// Places of the neighbours, in groups; unused places hold the last of all, which is far away.
    pub(super) neighbours: &'a [[u32; LANES]],
}

/// Eight numbers as G registers.
#[inline(always)]
fn registers<S: Simd, const G: usize>(v: &Lanes) -> [S::f64s; G] {
    assert_eq!(size_of::<[S::f64s; G]>(), size_of::<Lanes>());
    // SAFETY: both types are 64 bytes of plain f64 (asserted), every bit pattern of which is valid.
    unsafe { std::mem::transmute_copy(v) }
}

/// The sum of eight lanes, in a fixed order.
#[inline(always)]
fn total<S: Simd, const G: usize>(sum: [S::f64s; G]) -> f64 {
    let mut v = [0.0; LANES];
    S::as_mut_simd_f64s(&mut v).0.copy_from_slice(&sum);
    ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]))
}

struct Pass<'a, F: Fn(usize) -> Segment<'a>, L: Law> {
    all: &'a Coordinates,
    segment: F,
    law: L,
    cutoff: f64,
    /// Force along x, y, z and energy of each particle of the pass; added to.
    out: &'a mut [[f64; 4]],
}

impl<'a, F: Fn(usize) -> Segment<'a>, L: Law> Pass<'a, F, L> {
    /// Eight lanes are G registers of S.
    #[inline(always)]
    fn run<S: Simd, const G: usize>(self, simd: S) {
        let (x, y, z) = (&self.all.x[..], &self.all.y[..], &self.all.z[..]);
        assert!(x.len() == y.len() && x.len() == z.len());
        let (cut, zero) = (simd.splat_f64s(self.cutoff * self.cutoff), simd.splat_f64s(0.0));
        for (i, out) in self.out.iter_mut().enumerate() {
            let Segment { at, neighbours } = (self.segment)(i);
            let at = at as usize;
            let (xi, yi, zi) = (simd.splat_f64s(x[at]), simd.splat_f64s(y[at]), simd.splat_f64s(z[at]));
            let (mut fx, mut fy, mut fz, mut sum) = ([zero; G], [zero; G], [zero; G], [zero; G]);
            for group in neighbours {
                let mut near = [[0.0; LANES]; 3];
                for l in 0..LANES {
                    let j = group[l] as usize;
                    debug_assert!(j < x.len());
                    // SAFETY: `Neighbours::build` writes only places below the common length of x, y and z (asserted equal
                    // above), and makes the list anew whenever it changes the coordinates' length.
                    unsafe {
                        near[0][l] = *x.get_unchecked(j);
                        near[1][l] = *y.get_unchecked(j);
                        near[2][l] = *z.get_unchecked(j);
                    }
                }
                let near: [[S::f64s; G]; 3] =
                    [registers::<S, G>(&near[0]), registers::<S, G>(&near[1]), registers::<S, G>(&near[2])];
                for g in 0..G {
                    let dx = simd.sub_f64s(xi, near[0][g]);
                    let dy = simd.sub_f64s(yi, near[1][g]);
                    let dz = simd.sub_f64s(zi, near[2][g]);
                    let r2 = simd.mul_add_f64s(dx, dx, simd.mul_add_f64s(dy, dy, simd.mul_f64s(dz, dz)));
                    let (energy, force) = self.law.at(simd, r2);
                    let inside = simd.less_than_f64s(r2, cut);
                    let force = simd.select_f64s(inside, force, zero);
                    fx[g] = simd.mul_add_f64s(force, dx, fx[g]);
                    fy[g] = simd.mul_add_f64s(force, dy, fy[g]);
                    fz[g] = simd.mul_add_f64s(force, dz, fz[g]);
                    sum[g] = simd.add_f64s(sum[g], simd.select_f64s(inside, energy, zero));
                }
            }
            out[0] += total::<S, G>(fx);
            out[1] += total::<S, G>(fy);
            out[2] += total::<S, G>(fz);
            out[3] += total::<S, G>(sum);
        }
    }
}

impl<'a, F: Fn(usize) -> Segment<'a>, L: Law> WithSimd for Pass<'a, F, L> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F64_LANES {
            8 => self.run::<S, 1>(simd),
            4 => self.run::<S, 2>(simd),
            2 => self.run::<S, 4>(simd),
            _ => self.run::<Scalar, LANES>(Scalar),
        }
    }
}

/// Adds force and energy of each particle i < out.len() due to its segment under `pair`. The energy of a pair is counted
/// on both sides. Cost: about 40 flops for each place of the lists.
pub(super) fn add_pairs<'a>(
    pair: &Pair,
    all: &'a Coordinates,
    segment: impl Fn(usize) -> Segment<'a>,
    out: &'a mut [[f64; 4]],
) {
    let (arch, cutoff) = (Arch::new(), pair.cutoff);
    let (s6, e) = (pair.sigma.powi(6), pair.epsilon);
    let (a, b) = (4.0 * e * s6 * s6, 4.0 * e * s6);
    match pair.form {
        Form::LennardJones(shift) => {
            let inverse = 1.0 / (cutoff * cutoff);
            let six = inverse * inverse * inverse;
            let end = six * (a * six - b);
            // -u'(r_c)
            let d = six * (12.0 * a * six - 6.0 * b) / cutoff;
            match shift {
                Shift::Energy => {
                    let law = ShiftedEnergy { a, b, c: -end };
                    arch.dispatch(Pass { all, segment, law, cutoff, out });
                }
                Shift::Force => {
                    let law = ShiftedForce { a, b, c: -end - d * cutoff, d };
                    arch.dispatch(Pass { all, segment, law, cutoff, out });
                }
            }
        }
        Form::Harmonic => {
            let law = Harmonic { e, per: 1.0 / pair.sigma };
            arch.dispatch(Pass { all, segment, law, cutoff, out });
        }
        Form::Hertzian => {
            let law = Hertzian { e, per: 1.0 / pair.sigma };
            arch.dispatch(Pass { all, segment, law, cutoff, out });
        }
    }
}
