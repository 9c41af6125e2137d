//! The loop over pairs: eight neighbours at a time, in a fixed order of additions, on any vector unit.
#![allow(unsafe_code)]

use super::law::{Form, Pair, Shift};
use pulp::{Arch, NullaryFnOnce};

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

/// A potential prepared for the loop: energy and -u'(r)/r from r^2.
trait Law: Copy {
    fn at(self, r2: f64) -> (f64, f64);
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
    fn at(self, r2: f64) -> (f64, f64) {
        let inverse = 1.0 / r2;
        let six = inverse * inverse * inverse;
        (six * (self.a * six - self.b) + self.c, six * (12.0 * self.a * six - 6.0 * self.b) * inverse)
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
    fn at(self, r2: f64) -> (f64, f64) {
        let inverse = 1.0 / r2;
        let six = inverse * inverse * inverse;
        let r = r2.sqrt();
        let energy = six * (self.a * six - self.b) + self.c + self.d * r;
        (energy, six * (12.0 * self.a * six - 6.0 * self.b) * inverse - self.d * r * inverse)
    }
}

/// u = (e/2) (1 - r/s)^2; `per` is 1/s.
#[derive(Clone, Copy)]
struct Harmonic {
    e: f64,
    per: f64,
}

/// Two particles at one place push each other nowhere: the smallest r^2 that is told from zero.
const NOWHERE: f64 = 1e-60;

impl Law for Harmonic {
    #[inline(always)]
    fn at(self, r2: f64) -> (f64, f64) {
        let r = r2.max(NOWHERE).sqrt();
        let x = 1.0 - r * self.per;
        (0.5 * self.e * x * x, self.e * x * self.per / r)
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
    fn at(self, r2: f64) -> (f64, f64) {
        let r = r2.max(NOWHERE).sqrt();
        let x = (1.0 - r * self.per).max(0.0);
        let root = x.sqrt();
        (0.4 * self.e * x * x * root, self.e * x * root * self.per / r)
    }
}

/// One particle and the neighbours of one species.
pub(super) struct Segment<'a> {
    /// Its place among the coordinates.
    pub(super) at: u32,
    /// Places of the neighbours, in groups; unused places hold the last of all, which is far away.
    pub(super) neighbours: &'a [[u32; LANES]],
}

/// What is summed over the neighbours of one particle: force and energy, lane by lane.
#[derive(Clone, Copy, Default)]
struct Sums {
    x: Lanes,
    y: Lanes,
    z: Lanes,
    energy: Lanes,
}

#[inline(always)]
fn total(v: &Lanes) -> f64 {
    ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]))
}

struct Pass<'a, F: Fn(usize) -> Segment<'a>, L: Law> {
    all: &'a Coordinates,
    count: usize,
    segment: F,
    law: L,
    cutoff: f64,
    /// Force along x, y, z and energy of each particle of the pass; added to.
    out: &'a mut [[f64; 4]],
}

impl<'a, F: Fn(usize) -> Segment<'a>, L: Law> NullaryFnOnce for Pass<'a, F, L> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let (x, y, z) = (&self.all.x[..], &self.all.y[..], &self.all.z[..]);
        assert!(x.len() == y.len() && x.len() == z.len() && self.out.len() == self.count);
        let cut = self.cutoff * self.cutoff;
        for i in 0..self.count {
            let Segment { at, neighbours } = (self.segment)(i);
            let at = at as usize;
            let (xi, yi, zi) = (x[at], y[at], z[at]);
            let mut sums = Sums::default();
            for group in neighbours {
                let (mut dx, mut dy, mut dz) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
                for l in 0..LANES {
                    let j = group[l] as usize;
                    debug_assert!(j < x.len());
                    // SAFETY: `Neighbours::build` writes only places below the common length of x, y and z (asserted equal
                    // above), and changes the list whenever it changes the coordinates' length.
                    unsafe {
                        dx[l] = xi - *x.get_unchecked(j);
                        dy[l] = yi - *y.get_unchecked(j);
                        dz[l] = zi - *z.get_unchecked(j);
                    }
                }
                let (mut w, mut e) = ([0.0; LANES], [0.0; LANES]);
                for l in 0..LANES {
                    let r2 = dx[l] * dx[l] + dy[l] * dy[l] + dz[l] * dz[l];
                    let (energy, force) = self.law.at(r2);
                    w[l] = if r2 < cut { force } else { 0.0 };
                    e[l] = if r2 < cut { energy } else { 0.0 };
                }
                for l in 0..LANES {
                    sums.x[l] += w[l] * dx[l];
                    sums.y[l] += w[l] * dy[l];
                    sums.z[l] += w[l] * dz[l];
                    sums.energy[l] += e[l];
                }
            }
            let out = &mut self.out[i];
            out[0] += total(&sums.x);
            out[1] += total(&sums.y);
            out[2] += total(&sums.z);
            out[3] += total(&sums.energy);
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
    let (arch, cutoff, count) = (Arch::new(), pair.cutoff, out.len());
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
                    arch.dispatch(Pass { all, count, segment, law, cutoff, out });
                }
                Shift::Force => {
                    let law = ShiftedForce { a, b, c: -end - d * cutoff, d };
                    arch.dispatch(Pass { all, count, segment, law, cutoff, out });
                }
            }
        }
        Form::Harmonic => {
            let law = Harmonic { e, per: 1.0 / pair.sigma };
            arch.dispatch(Pass { all, count, segment, law, cutoff, out });
        }
        Form::Hertzian => {
            let law = Hertzian { e, per: 1.0 / pair.sigma };
            arch.dispatch(Pass { all, count, segment, law, cutoff, out });
        }
    }
}
