//! Differences, squares and fourth powers in f64, exact to its rounding: relative error of a sum of n terms at most n 2^-53.

use super::lines::{BLOCK, Bench, Number, fours as blocks};
use super::{LANES, Sums, Work, add as add_parts, beginnings, number};
use pulp::{Arch, NullaryFnOnce, Simd, WithSimd};
use std::ops::Range;

/// Entries of a line.
const LINE: usize = <f64 as Number>::LINE;
/// Entries of a stretch for few checkpoints.
const STRETCH: usize = 512;

/// Entries of a stretch: all checkpoints of one take at most a megabyte in f64, but at least 128 entries.
fn stretch(count: usize) -> usize {
    ((1 << 17) / count.max(1) / LINE * LINE).clamp(128, STRETCH)
}

/// Sums over `rows` (one slice of equal length per checkpoint). Cost O(S^2 n/2).
pub(crate) fn compare<T: Copy + Into<f64>>(rows: &[&[T]], fourth: bool, work: &mut Work) {
    compare_with(Arch::new(), rows, fourth, work);
}

/// [`compare`] with a given instruction set.
pub(super) fn compare_with<T: Copy + Into<f64>>(arch: Arch, rows: &[&[T]], fourth: bool, work: &mut Work) {
    let len = rows.first().map_or(0, |r| r.len());
    let (sums, packed) = (&mut work.sums, &mut work.bench.doubles);
    sums.clear(rows.len(), fourth);
    let wide = stretch(rows.len());
    for (half, from) in beginnings(len, wide) {
        one_stretch(arch, rows, from..len.min(from + wide), half, packed, sums);
    }
}

/// Adds the entries of one stretch, of any length, to one half of the parts.
pub(super) fn add_stretch<T: Copy + Into<f64>>(
    arch: Arch,
    rows: &[&[T]],
    entries: Range<usize>,
    half: usize,
    packed: &mut Bench<f64>,
    sums: &mut Sums,
) {
    let wide = stretch(rows.len());
    for from in entries.clone().step_by(wide) {
        one_stretch(arch, rows, from..entries.end.min(from + wide), half, packed, sums);
    }
}

fn one_stretch<T: Copy + Into<f64>>(
    arch: Arch,
    rows: &[&[T]],
    entries: Range<usize>,
    half: usize,
    packed: &mut Bench<f64>,
    sums: &mut Sums,
) {
    let (count, used, wide) = (rows.len(), entries.len(), stretch(rows.len()));
    let fourth = !sums.fourth.is_empty();
    let packed = packed.rows(count, wide);
    // The rest of a short stretch is zero in all rows: it adds nothing.
    let whole = used.next_multiple_of(LINE);
    for (row, out) in rows.iter().zip(packed.chunks_exact_mut(wide)) {
        out.iter_mut().zip(&row[entries.clone()]).for_each(|(o, x)| *o = (*x).into());
        out[used..whole].fill(0.0);
    }
    let job = Stretch { packed, wide, whole, count, half, sums };
    match fourth {
        true => arch.dispatch(Both(job)),
        false => arch.dispatch(Second(job)),
    }
}

/// sum d^2 of two rows by number modulo four.
#[inline(always)]
pub(super) fn parts(x: &[f32], y: &[f32]) -> [f64; LANES] {
    let mut parts = [0.0; LANES];
    for (x, y) in x.as_chunks::<LANES>().0.iter().zip(y.as_chunks::<LANES>().0) {
        for l in 0..LANES {
            let d = f64::from(x[l]) - f64::from(y[l]);
            parts[l] += d * d;
        }
    }
    parts
}

/// One stretch of all checkpoints.
struct Stretch<'a> {
    packed: &'a [f64],
    wide: usize,
    whole: usize,
    count: usize,
    half: usize,
    sums: &'a mut Sums,
}

impl<'a> Stretch<'a> {
    /// A row of the packed stretch; behind the checkpoints rows of zeros.
    #[inline(always)]
    fn row(&self, i: usize) -> &'a [f64] {
        &self.packed[i * self.wide..i * self.wide + self.whole]
    }

    /// Four rows.
    #[inline(always)]
    fn block(&self, b: usize) -> [&'a [f64]; BLOCK] {
        [self.row(BLOCK * b), self.row(BLOCK * b + 1), self.row(BLOCK * b + 2), self.row(BLOCK * b + 3)]
    }
}

/// d^2 alone.
struct Second<'a>(Stretch<'a>);
/// d^2 and d^4.
struct Both<'a>(Stretch<'a>);

impl WithSimd for Second<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let s = self.0;
        for b in 0..(s.count + 1).div_ceil(BLOCK) {
            for a in 0..=b {
                let left = s.block(a);
                let right = s.block(b);
                let second = blocks::<S, f64>(simd, left, right);
                for (i, row) in second.iter().enumerate() {
                    for (j, sum) in row.iter().enumerate() {
                        if let Some(at) = number(s.count, BLOCK * a + i, BLOCK * b + j) {
                            add_parts(&mut s.sums.second[s.half][at], f64::parts(sum));
                        }
                    }
                }
            }
        }
    }
}

impl NullaryFnOnce for Both<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let s = self.0;
        for b in 0..(s.count + 1).div_ceil(2) {
            for a in 0..=b {
                let rows = |at: usize| [fours(s.row(2 * at)), fours(s.row(2 * at + 1))];
                let (second, fourth) = twos(rows(a), rows(b));
                for i in 0..2 {
                    for j in 0..2 {
                        if let Some(at) = number(s.count, 2 * a + i, 2 * b + j) {
                            add_parts(&mut s.sums.second[s.half][at], second[i][j]);
                            let f = fourth[i][j];
                            s.sums.fourth[at] += (f[0] + f[2]) + (f[1] + f[3]);
                        }
                    }
                }
            }
        }
    }
}

/// Four numbers: one register, by value, so that sums stay in registers.
type V = [f64; LANES];

#[inline(always)]
fn fours(row: &[f64]) -> &[V] {
    row.as_chunks::<LANES>().0
}

#[inline(always)]
fn subtract(a: V, b: V) -> V {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3]]
}

#[inline(always)]
fn square(a: V) -> V {
    [a[0] * a[0], a[1] * a[1], a[2] * a[2], a[3] * a[3]]
}

#[inline(always)]
fn add(a: V, b: V) -> V {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]]
}

/// a^2 + c, rounded once.
#[inline(always)]
fn square_add(a: V, c: V) -> V {
    [a[0].mul_add(a[0], c[0]), a[1].mul_add(a[1], c[1]), a[2].mul_add(a[2], c[2]), a[3].mul_add(a[3], c[3])]
}

/// Two rows against two: four sums of d^2 and of d^4.
#[inline(always)]
fn twos(left: [&[V]; 2], right: [&[V]; 2]) -> ([[V; 2]; 2], [[V; 2]; 2]) {
    let (mut second, mut fourth) = ([[[0.0; LANES]; 2]; 2], [[[0.0; LANES]; 2]; 2]);
    let ([a, b], [p, q]) = (left, right);
    for (((a, b), p), q) in a.iter().zip(b).zip(p).zip(q) {
        let (x, y) = ([*a, *b], [*p, *q]);
        for i in 0..2 {
            for j in 0..2 {
                let d = square(subtract(x[i], y[j]));
                second[i][j] = add(second[i][j], d);
                fourth[i][j] = square_add(d, fourth[i][j]);
            }
        }
    }
    (second, fourth)
}
