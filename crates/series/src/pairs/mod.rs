//! The kernels of a series: sums of d^2 and d^4 for all pairs of checkpoints over a tile of parameters.
//!
//! A tile is cut into stretches of which all checkpoints fit the second-level cache together; there 3 x 3 pairs are compared at
//! once (2 x 2 with fourth powers), so that each number that is loaded serves three differences. Every operation of IEEE
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
    /// sum d^2 by part `[pairs + checkpoints][PARTS]`.
    pub(crate) second: Vec<[f64; PARTS]>,
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
    singles: Vec<f32>,
    doubles: Vec<f64>,
}

impl Sums {
    /// To zeros for so many checkpoints.
    fn clear(&mut self, count: usize, fourth: bool) {
        let results = count * (count - 1) / 2 + count;
        self.second.clear();
        self.second.resize(results, [0.0; PARTS]);
        self.fourth.clear();
        self.fourth.resize(if fourth { results } else { 0 }, 0.0);
    }

    /// Adds the parts of a stretch to the even or the odd half.
    #[inline(always)]
    fn add(&mut self, at: usize, half: usize, parts: [f64; LANES]) {
        let out = &mut self.second[at][half..half + LANES];
        out.iter_mut().zip(parts).for_each(|(o, s)| *o += s);
    }
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
