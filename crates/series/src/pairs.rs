//! The kernel of a series: sums of d^2 and d^4 for all pairs of checkpoints over a tile of parameters.
//!
//! A tile is cut into stretches that fit the second-level cache in f64 with all checkpoints; there 3 x 3 pairs are compared at
//! once (2 x 2 with fourth powers), so that each number that is loaded serves three differences. Every operation of IEEE arithmetic is fixed: lanes,
//! order, and where a multiplication is fused with an addition. The same bytes on every vector unit.

use pulp::{Arch, NullaryFnOnce};

/// Accumulators per sum.
pub(crate) const LANES: usize = 4;
/// Parts that the entries of a tensor are dealt out to: lanes, of even and of odd stretches.
pub(crate) const PARTS: usize = 2 * LANES;
/// Entries of a stretch for few checkpoints.
const STRETCH: usize = 512;

/// Entries of a stretch: all checkpoints of one take at most half a megabyte in f64, but at least 128 entries.
pub(crate) fn stretch(count: usize) -> usize {
    ((1 << 16) / count.max(1) / LANES * LANES).clamp(128, STRETCH)
}

/// Sums over one tile. Pairs (k, t), k < t, are numbered t(t - 1)/2 + k; behind them stand the checkpoints against zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sums {
    /// sum d^2 by part `[pairs + checkpoints][PARTS]`.
    pub(crate) second: Vec<[f64; PARTS]>,
    /// sum d^4 `[pairs + checkpoints]`; empty if not wanted.
    pub(crate) fourth: Vec<f64>,
}

/// Sums over `rows` (one slice of equal length per checkpoint). Cost O(S^2 n/2).
pub(crate) fn compare<T: Copy + Into<f64>>(rows: &[&[T]], fourth: bool) -> Sums {
    let (count, len) = (rows.len(), rows.first().map_or(0, |r| r.len()));
    let pairs = count * (count - 1) / 2;
    let mut sums =
        Sums { second: vec![[0.0; PARTS]; pairs + count], fourth: vec![0.0; if fourth { pairs + count } else { 0 }] };
    let wide = stretch(count);
    // One more row of zeros, and up to two to make threes or twos.
    let padded = (count + 1).next_multiple_of(if fourth { 2 } else { 3 });
    let mut packed = vec![0.0_f64; padded * wide];
    let arch = Arch::new();
    for (number, from) in (0..len).step_by(wide).enumerate() {
        let used = wide.min(len - from);
        // The rest of a short stretch is zero in all rows: it adds nothing.
        let whole = used.next_multiple_of(LANES);
        for (row, out) in rows.iter().zip(packed.chunks_exact_mut(wide)) {
            out.iter_mut().zip(&row[from..from + used]).for_each(|(o, x)| *o = (*x).into());
            out[used..whole].fill(0.0);
        }
        let part = number % 2 * LANES;
        let job = Stretch { packed: &packed, wide, whole, count, part, sums: &mut sums };
        match fourth {
            true => arch.dispatch(Both(job)),
            false => arch.dispatch(Second(job)),
        }
    }
    sums
}

/// One stretch of all checkpoints.
struct Stretch<'a> {
    packed: &'a [f64],
    wide: usize,
    whole: usize,
    count: usize,
    part: usize,
    sums: &'a mut Sums,
}

/// d^2 alone.
struct Second<'a>(Stretch<'a>);
/// d^2 and d^4.
struct Both<'a>(Stretch<'a>);

impl NullaryFnOnce for Second<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let s = self.0;
        for b in 0..(s.count + 1).div_ceil(3) {
            for a in 0..=b {
                let rows = |at: usize| [s.row(3 * at), s.row(3 * at + 1), s.row(3 * at + 2)];
                let second = threes(rows(a), rows(b));
                for (i, second) in second.iter().enumerate() {
                    for (j, second) in second.iter().enumerate() {
                        if let Some(at) = s.number(3 * a + i, 3 * b + j) {
                            let out = &mut s.sums.second[at][s.part..s.part + LANES];
                            out.iter_mut().zip(second).for_each(|(o, s)| *o += s);
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
                let rows = |at: usize| [s.row(2 * at), s.row(2 * at + 1)];
                let (second, fourth) = twos(rows(a), rows(b));
                for i in 0..2 {
                    for j in 0..2 {
                        if let Some(at) = s.number(2 * a + i, 2 * b + j) {
                            let out = &mut s.sums.second[at][s.part..s.part + LANES];
                            out.iter_mut().zip(second[i][j]).for_each(|(o, s)| *o += s);
                            let f = fourth[i][j];
                            s.sums.fourth[at] += (f[0] + f[2]) + (f[1] + f[3]);
                        }
                    }
                }
            }
        }
    }
}

impl<'a> Stretch<'a> {
    /// A row of the packed stretch; behind the checkpoints rows of zeros.
    #[inline(always)]
    fn row(&self, i: usize) -> &'a [V] {
        self.packed[i * self.wide..i * self.wide + self.whole].as_chunks::<LANES>().0
    }

    /// Where the result of rows k < t stands; row `count` is the first of zeros. `None` for pairs that are not wanted.
    #[inline(always)]
    fn number(&self, k: usize, t: usize) -> Option<usize> {
        let pairs = self.count * (self.count - 1) / 2;
        match t.cmp(&self.count) {
            std::cmp::Ordering::Less if k < t => Some(t * (t - 1) / 2 + k),
            std::cmp::Ordering::Equal if k < t => Some(pairs + k),
            _ => None,
        }
    }
}

/// Four numbers: one register, by value, so that sums stay in registers.
type V = [f64; LANES];

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

/// Three rows against three: nine sums of d^2.
#[inline(always)]
fn threes(left: [&[V]; 3], right: [&[V]; 3]) -> [[V; 3]; 3] {
    let mut second = [[[0.0; LANES]; 3]; 3];
    let ([a, b, c], [p, q, r]) = (left, right);
    for (((((a, b), c), p), q), r) in a.iter().zip(b).zip(c).zip(p).zip(q).zip(r) {
        let (x, y) = ([*a, *b, *c], [*p, *q, *r]);
        for i in 0..3 {
            for j in 0..3 {
                second[i][j] = square_add(subtract(x[i], y[j]), second[i][j]);
            }
        }
    }
    second
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

#[cfg(test)]
mod tests {
    use super::*;
    use glasslab_core::Streams;
    use rand_distr::{Distribution, StandardNormal};

    /// Against plain loops, for every number of checkpoints modulo 3 and lengths that fill no lane. Tolerance: n eps relative, the
    /// bound of a sum of n positive terms in any order.
    #[test]
    fn sums_equal_plain_loops() {
        for (count, len) in [(2, 1), (3, 5), (4, 1023), (7, 2000), (200, 700)] {
            let row = |s: usize| -> Vec<f32> {
                let mut rng = Streams::new(3).stream("test", s as u64, len as u64);
                (0..len)
                    .map(|_| {
                        let z: f64 = StandardNormal.sample(&mut rng);
                        z as f32
                    })
                    .collect()
            };
            let data: Vec<Vec<f32>> = (0..count).map(row).collect();
            let rows: Vec<&[f32]> = data.iter().map(Vec::as_slice).collect();
            let both = compare(&rows, true);
            let second = compare(&rows, false);
            assert!(second.fourth.is_empty());
            let zero = vec![0.0_f32; len];
            let mut at = 0;
            let mut check = |a: &[f32], b: &[f32]| {
                let d2 = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
                let (s, f) = d2.fold((0.0, 0.0), |(s, f), d| (s + d, f + d * d));
                let near = |x: f64, y: f64| {
                    assert!((x - y).abs() <= 2.0 * (len as f64 + 2.0) * f64::EPSILON * y, "{at}: {x} {y}")
                };
                near(both.second[at].iter().sum(), s);
                near(second.second[at].iter().sum(), s);
                near(both.fourth[at], f);
                at += 1;
            };
            for t in 1..count {
                (0..t).for_each(|k| check(rows[k], rows[t]));
            }
            rows.iter().for_each(|r| check(r, &zero));
        }
    }

    /// Part l of a stretch holds the entries l mod 4, and even and odd stretches are apart.
    #[test]
    fn parts_are_dealt_out_by_lane_and_stretch() {
        let mut x = vec![0.0_f64; 3 * STRETCH];
        (x[1], x[STRETCH + 6], x[2 * STRETCH + 1]) = (1.0, 2.0, 3.0);
        let zero = vec![0.0; x.len()];
        let sums = compare(&[&x, &zero], false);
        assert_eq!(sums.second[0], [0.0, 10.0, 0.0, 0.0, 0.0, 0.0, 4.0, 0.0]);
    }
}
