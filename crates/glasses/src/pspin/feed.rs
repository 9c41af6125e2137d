//! Couplings of a unit, block after block, as they are stored or made again.

use super::couplings::Law;
use super::layout::{LANES, ROWS, Unit, blocks};
use super::lines::Lanes;
use super::normal::{TILE, tile};
use pulp::Simd;

/// Where a unit's couplings come from, block after block.
pub(super) enum Feed<'a> {
    Stored(&'a [Lanes]),
    Made {
        key: [u32; 8],
        deviation: f32,
        buffer: &'a mut Vec<Lanes>,
        held: std::ops::Range<usize>,
        made: u64,
        rows: usize,
    },
}

impl<'a> Feed<'a> {
    pub(super) fn made(law: &Law, unit: &Unit, buffer: &'a mut Vec<Lanes>) -> Self {
        Self::Made { key: law.key(unit), deviation: law.deviation(), buffer, held: 0..0, made: 0, rows: unit.rows.end }
    }

    /// The next blocks, of these rows. Made ones: whole tiles of deviates, of which the rest is kept for the next call;
    /// entries i >= j and missing rows are set to zero.
    #[inline(always)]
    pub(super) fn next<S: Simd>(&mut self, simd: S, wanted: std::ops::Range<usize>) -> &[Lanes] {
        let lines = blocks(wanted.clone()).map(|b| b.1).sum::<usize>() / LANES;
        match self {
            Self::Stored(all) => {
                let (block, rest) = all.split_at(lines);
                *all = rest;
                block
            }
            Self::Made { key, deviation, buffer, held, made, rows } => {
                buffer.copy_within(held.clone(), 0);
                *held = 0..held.len();
                if buffer.len() < lines + TILE {
                    buffer.resize(lines + TILE, [0.0; LANES]);
                }
                while held.end < lines {
                    let (out, _) = buffer[held.end..].as_chunks_mut::<TILE>();
                    tile(simd, key, *made, *deviation, &mut out[0]);
                    *made += 1;
                    held.end += TILE;
                }
                held.start = lines;
                let mut rest = &mut buffer[..lines];
                for (first, len) in blocks(wanted) {
                    let (block, after) = std::mem::take(&mut rest).split_at_mut(len / LANES);
                    rest = after;
                    for (row, j) in (first..first + ROWS).enumerate() {
                        let length = if j < *rows { j } else { 0 };
                        for (line, group) in block.chunks_exact_mut(ROWS).enumerate().skip(length / LANES) {
                            group[row][length.saturating_sub(line * LANES).min(LANES)..].fill(0.0);
                        }
                    }
                }
                &buffer[..lines]
            }
        }
    }
}
