//! The kernels of a series: sums of d^2 and d^4 for all pairs of checkpoints over a tile of parameters.
//!
//! A tile is cut into stretches of which all checkpoints fit the second-level cache together; there 4 x 4 pairs are compared at
//! once (2 x 2 with fourth powers), so that each number that is loaded serves four differences. Every operation of IEEE
//! arithmetic is fixed: lanes, order, and where a multiplication is fused with an addition. The same bytes on every vector unit.
//! Differences are taken number by number: no norm is ever subtracted from another.

mod double;
mod lines;
mod single;

pub(crate) use double::compare as exactly;
pub(crate) use single::compare as singly;

/// Accumulators of a part of a sum.
const LANES: usize = 4;
/// Parts that the entries of a tensor are dealt out to: the entry's number modulo four, of even and of odd stretches.
pub(crate) const PARTS: usize = 2 * LANES;

/// Sums over one tile. Pairs (k, t), k < t, are numbered t(t - 1)/2 + k; behind them stand the checkpoints against zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sums {
    /// sum d^2 of even and of odd stretches, by number modulo four: `[2][pairs + checkpoints][LANES]`.
    second: [Vec<[f64; LANES]>; 2],
    /// sum d^4 `[pairs + checkpoints]`; empty if not wanted.
    pub(crate) fourth: Vec<f64>,
}

/// Sums, and memory to work in that is used again and again: fresh pages cost as much as the comparison.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub(crate) sums: Sums,
    pub(crate) bench: Bench,
}

/// Where a stretch of all checkpoints lies side by side.
#[derive(Debug, Default)]
pub(crate) struct Bench {
    singles: lines::Bench<f32>,
    doubles: lines::Bench<f64>,
}

impl Sums {
    /// To zeros for so many checkpoints.
    fn clear(&mut self, count: usize, fourth: bool) {
        let results = count * (count - 1) / 2 + count;
        for half in &mut self.second {
            half.clear();
            half.resize(results, [0.0; LANES]);
        }
        self.fourth.clear();
        self.fourth.resize(if fourth { results } else { 0 }, 0.0);
    }

    /// sum d^2 by part.
    #[inline(always)]
    pub(crate) fn parts(&self, at: usize) -> [f64; PARTS] {
        let ([a, b, c, d], [e, f, g, h]) = (self.second[0][at], self.second[1][at]);
        [a, b, c, d, e, f, g, h]
    }
}

/// Adds the parts of a stretch.
#[inline(always)]
fn add(sum: &mut [f64; LANES], parts: [f64; LANES]) {
    for l in 0..LANES {
        sum[l] += parts[l];
    }
}

/// The beginnings of the even stretches of so many entries, then of the odd ones, with the half that they belong to: so the sums of one half
/// stay in the cache.
fn beginnings(len: usize, wide: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..2).flat_map(move |half| (half * wide..len).step_by(2 * wide).map(move |from| (half, from)))
}

/// Where the result of rows k < t stands; row `count` is the first of zeros. `None` for pairs that are not wanted.
#[inline(always)]
fn number(count: usize, k: usize, t: usize) -> Option<usize> {
    match t.cmp(&count) {
        std::cmp::Ordering::Less if k < t => Some(t * (t - 1) / 2 + k),
        std::cmp::Ordering::Equal if k < t => Some(count * (count - 1) / 2 + k),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
