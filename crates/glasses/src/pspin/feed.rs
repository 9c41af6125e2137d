//! Couplings of a unit, block after block, as they are stored or made again.

use super::couplings::Law;
use super::layout::{LANES, ROWS, Unit, width};
use super::lines::Lanes;
use super::normal::{TILE, tile};
use pulp::Simd;

/// A block of eight rows of couplings.
pub(super) struct Block<'a> {
    /// The rows that are there.
    pub(super) rows: std::ops::Range<usize>,
    /// Its lines.
    pub(super) entries: &'a [Lanes],
    /// As many lines that will be wanted next, if they come from memory.
    pub(super) next: &'a [Lanes],
}

/// Where a unit's couplings come from, block after block.
pub(super) enum Feed<'a> {
    /// All that follow, beyond the unit too.
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

    /// The next block, of these rows, eight at most. Made ones: whole tiles of deviates, of which the rest is kept for the next
    /// call; entries i >= j and missing rows are set to zero.
    #[inline(always)]
    pub(super) fn next<S: Simd>(&mut self, simd: S, wanted: std::ops::Range<usize>) -> Block<'_> {
        let lines = ROWS * width(wanted.start);
        match self {
            Self::Stored(all) => {
                let (entries, rest) = all.split_at(lines);
                *all = rest;
                Block { rows: wanted, entries, next: &rest[..lines.min(rest.len())] }
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
                let block = &mut buffer[..lines];
                for (row, j) in (wanted.start..wanted.start + ROWS).enumerate() {
                    let length = if j < *rows { j } else { 0 };
                    for (line, group) in block.chunks_exact_mut(ROWS).enumerate().skip(length / LANES) {
                        group[row][length.saturating_sub(line * LANES).min(LANES)..].fill(0.0);
                    }
                }
                Block { rows: wanted, entries: block, next: &[] }
            }
        }
    }
}

/// Has the processor bring a line into its caches, where there is a way to ask.
#[inline(always)]
pub(super) fn fetch(line: &Lanes) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the hint reads nothing that the program sees, and the address is that of a line at hand; SSE is part of x86_64.
        #[allow(unsafe_code)]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}
