//! The force of a p-spin in one pass over its couplings, for any number of replicas.
//!
//! Always 16 lanes of fused multiply-adds, in one AVX-512 register, two of AVX2 or four of NEON, chosen at run time by
//! `pulp`. The order of all additions is fixed by the layout alone, and a fused multiply-add rounds once on every
//! machine: neither the instruction set nor threads nor other replicas change a bit.

use super::couplings::{Law, Source};
use super::layout::{LANES, ROWS, Unit, blocks};
use super::normal::{TILE, tile};
use pulp::{Scalar, Simd, WithSimd};

type Lanes = [f32; LANES];

/// What is added up for one replica over the units of one chunk.
pub(super) struct Sums {
    /// Force, f64 [N].
    pub(super) force: Vec<f64>,
    /// sum over the chunk of J s s s (or J s s).
    pub(super) total: f64,
    partial: Vec<Lanes>,
    dots: Vec<f32>,
}

impl Sums {
    pub(super) fn new(n: usize) -> Self {
        let lanes = n.div_ceil(LANES);
        let partial = vec![[0.0; LANES]; lanes];
        Self { force: vec![0.0; n], total: 0.0, partial, dots: vec![0.0; n.next_multiple_of(ROWS)] }
    }

    /// Back to zero; the rest is zero or overwritten.
    pub(super) fn reset(&mut self) {
        self.force.fill(0.0);
        self.total = 0.0;
    }
}

/// For B rows j of a block of 8, from row `from` on: dots[b] = sum_i J_ij s_i, and partial_i += sum_b weights[b] J_ij. A line of
/// 16 numbers is G registers of S.
#[inline(always)]
fn rows<S: Simd, const B: usize, const G: usize>(
    simd: S,
    block: &[Lanes],
    spins: &[Lanes],
    partial: &mut [Lanes],
    weights: &[f32; ROWS],
    from: usize,
    out: &mut [f32],
) {
    let (block, _) = S::as_simd_f32s(block.as_flattened());
    let (spins, _) = S::as_simd_f32s(spins.as_flattened());
    let (partial, _) = S::as_mut_simd_f32s(partial.as_flattened_mut());
    let (block, spins, partial) = (block.as_chunks::<G>().0, spins.as_chunks::<G>().0, partial.as_chunks_mut::<G>().0);
    let weights: [S::f32s; B] = std::array::from_fn(
        #[inline(always)]
        |b| simd.splat_f32s(weights[from + b]),
    );
    let mut dots = [[simd.splat_f32s(0.0); G]; B];
    for ((couplings, s), p) in block.as_chunks::<ROWS>().0.iter().zip(spins).zip(partial) {
        let mut sum = *p;
        for b in 0..B {
            for g in 0..G {
                dots[b][g] = simd.mul_add_f32s(couplings[from + b][g], s[g], dots[b][g]);
                sum[g] = simd.mul_add_f32s(couplings[from + b][g], weights[b], sum[g]);
            }
        }
        *p = sum;
    }
    for b in 0..B {
        let mut line = [0.0; LANES];
        S::as_mut_simd_f32s(&mut line).0.copy_from_slice(&dots[b]);
        let mut quad = [0.0; 4];
        for l in 0..4 {
            quad[l] = (line[l] + line[l + 8]) + (line[l + 4] + line[l + 12]);
        }
        out[from + b] = (quad[0] + quad[2]) + (quad[1] + quad[3]);
    }
}

/// One block of eight rows, for one replica.
#[inline(always)]
fn eight_rows<S: Simd>(
    simd: S,
    block: &[Lanes],
    rows_of_unit: (usize, usize),
    apex: f32,
    spins: &[Lanes],
    sums: &mut Sums,
) {
    let (first, end) = rows_of_unit;
    let mut weights = [0.0; ROWS];
    for (weight, s) in weights.iter_mut().zip(&spins.as_flattened()[first..end.min(first + ROWS)]) {
        *weight = apex * s;
    }
    let (partial, dots) = (&mut sums.partial, &mut sums.dots[first..first + ROWS]);
    match S::F32_LANES {
        16 => rows::<S, ROWS, 1>(simd, block, spins, partial, &weights, 0, dots),
        // Half of the rows at a time, so that all sums stay in registers; no addition changes its place.
        8 => {
            rows::<S, 4, 2>(simd, block, spins, partial, &weights, 0, dots);
            rows::<S, 4, 2>(simd, block, spins, partial, &weights, 4, dots);
        }
        4 => {
            rows::<S, 4, 4>(simd, block, spins, partial, &weights, 0, dots);
            rows::<S, 4, 4>(simd, block, spins, partial, &weights, 4, dots);
        }
        _ => rows::<Scalar, ROWS, LANES>(Scalar, block, spins, partial, &weights, 0, dots),
    }
}

/// Where a unit's couplings come from, block after block.
enum Feed<'a> {
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
    fn made(law: &Law, unit: &Unit, buffer: &'a mut Vec<Lanes>) -> Self {
        Self::Made { key: law.key(unit), deviation: law.deviation(), buffer, held: 0..0, made: 0, rows: unit.rows.end }
    }

    /// The next block, of `lines` lines from row `first` on. Made ones: whole tiles, of which the rest is kept for the next
    /// block; entries i >= j and missing rows are set to zero.
    #[inline(always)]
    fn next<S: Simd>(&mut self, simd: S, first: usize, lines: usize) -> &[Lanes] {
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
                let block = &mut buffer[..lines];
                for (row, j) in (first..first + ROWS).enumerate() {
                    let length = if j < *rows { j } else { 0 };
                    for (line, group) in block.chunks_exact_mut(ROWS).enumerate().skip(length / LANES) {
                        group[row][length.saturating_sub(line * LANES).min(LANES)..].fill(0.0);
                    }
                }
                block
            }
        }
    }
}

/// Adds the part of one unit to the sums of all replicas. `spins` [R][lanes], zero beyond N.
///
/// With D_j = sum_(i<j) J_ijk s_i: force_i += s_k sum_j s_j J_ijk, force_j += s_k D_j, force_k += sum_j s_j D_j.
/// f32 within the unit, f64 from unit to unit. Cost: 4 flops per coupling and replica, each coupling read once.
#[inline(always)]
fn add_unit<S: Simd>(simd: S, unit: &Unit, mut feed: Feed<'_>, spins: &[Vec<Lanes>], sums: &mut [Sums]) {
    for (first, len) in blocks(unit.rows.clone()) {
        let block = feed.next(simd, first, len / LANES);
        for (spins, sums) in spins.iter().zip(sums.iter_mut()) {
            let apex = unit.apex.map_or(1.0, |k| spins.as_flattened()[k]);
            eight_rows(simd, block, (first, unit.rows.end), apex, spins, sums);
        }
    }
    for (spins, sums) in spins.iter().zip(sums.iter_mut()) {
        let spins = spins.as_flattened();
        let apex = unit.apex.map_or(1.0, |k| f64::from(spins[k]));
        // No row reaches beyond its own number.
        let reach = unit.rows.end.div_ceil(LANES);
        let partial = &mut sums.partial[..reach];
        for (f, p) in sums.force.iter_mut().zip(partial.as_flattened()) {
            *f += f64::from(*p);
        }
        partial.as_flattened_mut().fill(0.0);
        let mut whole = 0.0;
        for j in unit.rows.clone() {
            let dot = f64::from(sums.dots[j]);
            sums.force[j] += apex * dot;
            whole += f64::from(spins[j]) * dot;
        }
        if let Some(k) = unit.apex {
            sums.force[k] += whole;
        }
        sums.total += apex * whole;
    }
}

/// The units of one chunk, for all replicas; `spins` [R][lanes] zero beyond N.
pub(super) struct Pass<'a> {
    pub(super) units: &'a [Unit],
    pub(super) source: Source<'a>,
    pub(super) spins: &'a [Vec<Lanes>],
    pub(super) sums: &'a mut [Sums],
}

impl WithSimd for Pass<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let mut buffer = Vec::new();
        for unit in self.units {
            let feed = match self.source {
                Source::Stored(entries) => {
                    Feed::Stored(&entries[unit.offset / LANES..(unit.offset + unit.len) / LANES])
                }
                Source::Made(law) => Feed::made(law, unit, &mut buffer),
            };
            add_unit(simd, unit, feed, self.spins, self.sums);
        }
    }
}

/// Writes the couplings of one unit, as they are made on the fly, to where they are stored.
pub(super) struct Fill<'a> {
    pub(super) unit: &'a Unit,
    pub(super) law: &'a Law,
    pub(super) out: &'a mut [Lanes],
}

impl WithSimd for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let mut buffer = Vec::new();
        let mut feed = Feed::made(self.law, self.unit, &mut buffer);
        let mut rest = self.out;
        for (first, len) in blocks(self.unit.rows.clone()) {
            let (out, after) = rest.split_at_mut(len / LANES);
            out.copy_from_slice(feed.next(simd, first, len / LANES));
            rest = after;
        }
    }
}
