//! The kernel of a series: sums of d^2 and d^4 for all pairs of checkpoints over a tile of parameters.
//!
//! A tile is cut into stretches that fit the second-level cache in f64 with all checkpoints; there 3 x 3 pairs are compared at
//! once, so that each number that is loaded serves three differences. Every operation of IEEE arithmetic is fixed: lanes,
//! order, and where a multiplication is fused with an addition. The same bytes on every vector unit.

use pulp::{Arch, NullaryFnOnce};

/// Accumulators per sum.
pub(crate) const LANES: usize = 4;
/// Parts that the entries of a tensor are dealt out to: lanes, of even and of odd stretches.
pub(crate) const PARTS: usize = 2 * LANES;
/// Rows and columns of pairs that are compared at once.
const SIDE: usize = 3;
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

/// Sums over `rows` (one slice of equal length per checkpoint), whose first entry is number `start` of its tensor, a multiple of
/// twice the stretch. Cost O(S^2 n/2).
pub(crate) fn compare<T: Copy + Into<f64>>(rows: &[&[T]], fourth: bool) -> Sums {
    let (count, len) = (rows.len(), rows.first().map_or(0, |r| r.len()));
    let pairs = count * (count - 1) / 2;
    let mut sums =
        Sums { second: vec![[0.0; PARTS]; pairs + count], fourth: vec![0.0; if fourth { pairs + count } else { 0 }] };
    let wide = stretch(count);
    // One more row of zeros, and up to two to make threes.
    let padded = (count + 1).next_multiple_of(SIDE);
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
        self.0.all::<false>();
    }
}

impl NullaryFnOnce for Both<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.0.all::<true>();
    }
}

impl Stretch<'_> {
    #[inline(always)]
    fn all<const FOURTH: bool>(self) {
        let row = |i: usize| self.packed[i * self.wide..i * self.wide + self.whole].as_chunks::<LANES>().0;
        let (count, pairs) = (self.count, self.count * (self.count - 1) / 2);
        let blocks = (count + 1).div_ceil(SIDE);
        for b in 0..blocks {
            for a in 0..=b {
                let left = std::array::from_fn(|i| row(SIDE * a + i));
                let right = std::array::from_fn(|i| row(SIDE * b + i));
                let (second, fourth) = tile::<FOURTH>(left, right);
                for i in 0..SIDE {
                    for j in 0..SIDE {
                        let (k, t) = (SIDE * a + i, SIDE * b + j);
                        let at = match t.cmp(&count) {
                            std::cmp::Ordering::Less if k < t => t * (t - 1) / 2 + k,
                            std::cmp::Ordering::Equal if k < t => pairs + k,
                            _ => continue,
                        };
                        let out = &mut self.sums.second[at][self.part..self.part + LANES];
                        out.iter_mut().zip(second[i][j]).for_each(|(o, s)| *o += s);
                        if FOURTH {
                            let f = fourth[i][j];
                            self.sums.fourth[at] += (f[0] + f[2]) + (f[1] + f[3]);
                        }
                    }
                }
            }
        }
    }
}

type Tile = [[[f64; LANES]; SIDE]; SIDE];

/// Three rows against three.
#[inline(always)]
fn tile<const FOURTH: bool>(left: [&[[f64; LANES]]; SIDE], right: [&[[f64; LANES]]; SIDE]) -> (Tile, Tile) {
    let (mut second, mut fourth): (Tile, Tile) = Default::default();
    let len = left[0].len();
    let (left, right) = (left.map(|r| &r[..len]), right.map(|r| &r[..len]));
    for n in 0..len {
        for i in 0..SIDE {
            for j in 0..SIDE {
                let mut d = [0.0_f64; LANES];
                (0..LANES).for_each(|l| d[l] = left[i][n][l] - right[j][n][l]);
                if FOURTH {
                    (0..LANES).for_each(|l| d[l] *= d[l]);
                    (0..LANES).for_each(|l| second[i][j][l] += d[l]);
                    (0..LANES).for_each(|l| fourth[i][j][l] = d[l].mul_add(d[l], fourth[i][j][l]));
                } else {
                    (0..LANES).for_each(|l| second[i][j][l] = d[l].mul_add(d[l], second[i][j][l]));
                }
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
