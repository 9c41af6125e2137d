//! Where each coupling J_ijk of a p-spin lies in memory: packed triangles, cut so that a force is one sequential pass.
//!
//! p = 3: one triangle for each k, of rows j < k of entries i < j. p = 2: a single triangle, of rows j < N. Rows are taken
//! eight at a time; a block of rows is stored as 16 entries of each row in turn, up to the longest, so that it is one
//! stream of whole cache lines. Entries i >= j, and rows that are missing to a block of eight, are zeros: about 17/N of the
//! whole for p = 2, 40/N for p = 3.

use std::ops::Range;

/// Entries that are treated at once: one cache line of f32.
pub(super) const LANES: usize = 16;
/// Rows of a block.
pub(super) const ROWS: usize = 8;
/// Couplings per chunk, about: a chunk is the work of one thread at a time.
const CHUNK: usize = 1 << 17;
/// Most chunks: each has its own forces, added at the end.
const MOST_CHUNKS: usize = 64;

/// Lanes of the block of rows that begins with row `first`: its longest row has at most first + 7 entries.
pub(super) fn width(first: usize) -> usize {
    (first + ROWS - 1).div_ceil(LANES)
}

/// Some rows of one triangle: what is added up in f32 before it goes to the f64 force.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Unit {
    /// First entry.
    pub(super) offset: usize,
    /// Number of entries.
    pub(super) len: usize,
    /// Rows j of the triangle.
    pub(super) rows: Range<usize>,
    /// The third index k (p = 3), or none (p = 2).
    pub(super) apex: Option<usize>,
}

impl Unit {
    /// The number that names the unit's stream of couplings: k for p = 3, the first row for p = 2.
    pub(super) fn number(&self) -> u64 {
        self.apex.unwrap_or(self.rows.start) as u64
    }
}

/// The blocks of rows (first row, entries) of a unit, in order.
pub(super) fn blocks(rows: Range<usize>) -> impl Iterator<Item = (usize, usize)> {
    rows.step_by(ROWS).map(|first| (first, ROWS * LANES * width(first)))
}

/// All units of a System of n spins, in the order in which they lie in memory, cut into chunks of about equal work that
/// depend on p and n alone.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) units: Vec<Unit>,
    pub(super) chunks: Vec<Range<usize>>,
    pub(super) len: usize,
}

impl Layout {
    pub(super) fn new(p: usize, n: usize) -> Self {
        let mut units = Vec::new();
        let mut offset = 0;
        let mut push = |rows: Range<usize>, apex| {
            let len = blocks(rows.clone()).map(|b| b.1).sum();
            units.push(Unit { offset, len, rows, apex });
            offset += len;
        };
        if p == 2 {
            (0..n).step_by(64).for_each(|first| push(first..n.min(first + 64), None));
        } else {
            (2..n).for_each(|k| push(0..k, Some(k)));
        }
        let len = offset;
        let count = (len / CHUNK).clamp(1, MOST_CHUNKS);
        let cut = |c: usize| units.partition_point(|u| u.offset < len / count * c);
        let chunks = (0..count).map(|c| cut(c)..if c + 1 == count { units.len() } else { cut(c + 1) });
        let chunks = chunks.filter(|c| !c.is_empty()).collect();
        Self { units, chunks, len }
    }

    /// Number of entries for p and n, without making the layout; saturates where it cannot be counted.
    pub(super) fn entries(p: usize, n: usize) -> u64 {
        if n > 1 << 17 {
            return u64::MAX;
        }
        let block = |first: usize| (ROWS * LANES * width(first)) as u64;
        // The block is in one triangle (p = 2), or in those of k = first+1..n, of which the first is k = 2.
        let times = |first: usize| if p == 2 { 1 } else { (n - (first + 1).max(2).min(n)) as u64 };
        (0..n).step_by(ROWS).map(|first| block(first) * times(first)).sum()
    }

    /// Place of J_ij (or J_ijk), i < j (< k).
    #[cfg(test)]
    pub(super) fn place(&self, i: usize, j: usize, k: Option<usize>) -> usize {
        let unit = self.units.iter().find(|u| u.apex == k && u.rows.contains(&j)).expect("such a unit");
        let first = j / ROWS * ROWS;
        let inside: usize = blocks(unit.rows.clone()).take_while(|b| b.0 < first).map(|b| b.1).sum();
        unit.offset + inside + (i / LANES * ROWS + (j - first)) * LANES + i % LANES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_coupling_has_a_place_of_its_own() {
        for (p, n) in [(2, 2), (2, 5), (2, 131), (3, 3), (3, 4), (3, 41)] {
            let layout = Layout::new(p, n);
            assert_eq!(layout.len as u64, Layout::entries(p, n), "p = {p}, n = {n}");
            let mut seen = vec![false; layout.len];
            for k in if p == 2 { vec![None] } else { (2..n).map(Some).collect() } {
                for j in 0..k.unwrap_or(n) {
                    for i in 0..j {
                        let place = layout.place(i, j, k);
                        assert!(!std::mem::replace(&mut seen[place], true), "J_{i},{j},{k:?} shares its place");
                    }
                }
            }
        }
    }

    #[test]
    fn chunks_cover_all_units_in_order() {
        for (p, n) in [(2, 2), (2, 3000), (3, 3), (3, 200)] {
            let layout = Layout::new(p, n);
            assert_eq!(layout.chunks.first().map(|c| c.start), Some(0));
            assert_eq!(layout.chunks.last().map(|c| c.end), Some(layout.units.len()));
            assert!(layout.chunks.windows(2).all(|w| w[0].end == w[1].start));
        }
    }
}
