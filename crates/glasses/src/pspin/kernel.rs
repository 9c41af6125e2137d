//! The force of a p-spin in one pass over its couplings, for any number of replicas.
//!
//! Always 16 lanes of fused multiply-adds, in one AVX-512 register, two of AVX2 or four of NEON, chosen at run time by
//! `pulp`. The order of all additions is fixed by the layout alone, and a fused multiply-add rounds once on every
//! machine: neither the instruction set nor threads nor other replicas change a bit.

use super::couplings::{Law, Source};
use super::feed::Feed;
use super::layout::{LANES, ROWS, Unit, width};
use super::lines::{Lanes, Lines};
use pulp::{Scalar, Simd, WithSimd};

/// What is added up for one replica over the units of one chunk.
pub(super) struct Sums {
    /// Force, f64 [N].
    pub(super) force: Vec<f64>,
    /// sum over the chunk of J s s s (or J s s).
    pub(super) total: f64,
    partial: Lines,
    dots: Vec<f32>,
    /// Weights of the rows at hand, and their dots, lane by lane.
    weights: [[f32; ROWS]; GROUP],
    lines: [[Lanes; ROWS]; GROUP],
}

impl Sums {
    pub(super) fn new(n: usize) -> Self {
        Self {
            force: vec![0.0; n],
            total: 0.0,
            partial: Lines::zeros(n.div_ceil(LANES)),
            dots: vec![0.0; n.next_multiple_of(ROWS)],
            weights: [[0.0; ROWS]; GROUP],
            lines: [[[0.0; LANES]; ROWS]; GROUP],
        }
    }

    /// Back to zero; the rest is zero or overwritten.
    pub(super) fn reset(&mut self) {
        self.force.fill(0.0);
        self.total = 0.0;
    }
}

/// Blocks of rows of a tile, and its lines: 16 rows of 32 lines, 32 kB, stay in the first-level cache while replica after replica
/// passes over them, each with two kilobytes of its spins and of its partial forces.
const GROUP: usize = 2;
const TILE_LINES: usize = 32;

/// For B rows j of a tile of 8, from row `from` on: dots[b] += J_ij s_i, lane by lane (from zero if `fresh`), and partial_i += sum_b weights[b] J_ij. A line
/// of 16 numbers is G registers of S.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn rows<S: Simd, const B: usize, const G: usize>(
    simd: S,
    block: &[Lanes],
    spins: &[Lanes],
    partial: &mut [Lanes],
    weights: &[f32; ROWS],
    from: usize,
    fresh: bool,
    lines: &mut [Lanes; ROWS],
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
    if !fresh {
        for b in 0..B {
            dots[b].copy_from_slice(S::as_simd_f32s(&lines[from + b]).0);
        }
    }
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
        S::as_mut_simd_f32s(&mut lines[from + b]).0.copy_from_slice(&dots[b]);
    }
}

/// One tile of eight rows, for one replica.
#[inline(always)]
fn eight_rows<S: Simd>(
    simd: S,
    block: &[Lanes],
    spins: &[Lanes],
    partial: &mut [Lanes],
    weights: &[f32; ROWS],
    fresh: bool,
    lines: &mut [Lanes; ROWS],
) {
    match S::F32_LANES {
        16 => rows::<S, ROWS, 1>(simd, block, spins, partial, weights, 0, fresh, lines),
        // Half of the rows at a time, so that all sums stay in registers; no addition changes its place.
        8 => {
            rows::<S, 4, 2>(simd, block, spins, partial, weights, 0, fresh, lines);
            rows::<S, 4, 2>(simd, block, spins, partial, weights, 4, fresh, lines);
        }
        4 => {
            rows::<S, 4, 4>(simd, block, spins, partial, weights, 0, fresh, lines);
            rows::<S, 4, 4>(simd, block, spins, partial, weights, 4, fresh, lines);
        }
        _ => rows::<Scalar, ROWS, LANES>(Scalar, block, spins, partial, weights, 0, fresh, lines),
    }
}

/// The sums of eight lines, each by halving; four lines at a time, turned over so that the last additions are of four lines at once.
#[inline(always)]
fn reduce(lines: &[Lanes; ROWS], out: &mut [f32]) {
    for (lines, out) in lines.as_chunks::<4>().0.iter().zip(out.as_chunks_mut::<4>().0) {
        let mut turned = [[0.0; 4]; 4];
        for (r, line) in lines.iter().enumerate() {
            for l in 0..4 {
                turned[l][r] = (line[l] + line[l + 8]) + (line[l + 4] + line[l + 12]);
            }
        }
        for r in 0..4 {
            out[r] = (turned[0][r] + turned[2][r]) + (turned[1][r] + turned[3][r]);
        }
    }
}

/// Adds the part of one unit to the sums of all replicas. `spins` [R][lanes], zero beyond N.
///
/// With D_j = sum_(i<j) J_ijk s_i: force_i += s_k sum_j s_j J_ijk, force_j += s_k D_j, force_k += sum_j s_j D_j.
/// f32 within the unit, f64 from unit to unit. Cost: 4 flops per coupling and replica, each coupling read once.
#[inline(always)]
fn add_unit<S: Simd>(simd: S, unit: &Unit, mut feed: Feed<'_>, spins: &[Lines], sums: &mut [Sums]) {
    for first in unit.rows.clone().step_by(GROUP * ROWS) {
        let rows = first..unit.rows.end.min(first + GROUP * ROWS);
        let entries = feed.next(simd, rows.clone());
        for (spins, sums) in spins.iter().zip(sums.iter_mut()) {
            let spins = spins.get().as_flattened();
            let apex = unit.apex.map_or(1.0, |k| spins[k]);
            sums.weights = [[0.0; ROWS]; GROUP];
            let weights = sums.weights.as_flattened_mut().iter_mut();
            weights.zip(&spins[rows.clone()]).for_each(|(w, s)| *w = apex * s);
        }
        let count = rows.len().div_ceil(ROWS);
        let most = width(first + (count - 1) * ROWS);
        // The tiles of a lone replica are whole blocks, in their order: nobody else comes back to them.
        let alone = sums.len() == 1;
        let wide = if alone { most } else { TILE_LINES };
        for from in (0..most).step_by(wide) {
            for (spins, sums) in spins.iter().zip(sums.iter_mut()) {
                let mut start = 0;
                for g in 0..count {
                    let lines = width(first + g * ROWS);
                    let (to, block) = (lines.min(from + wide), start);
                    start += lines * ROWS;
                    if from < to {
                        let tile = &entries[block + from * ROWS..block + to * ROWS];
                        let (spins, partial) = (&spins.get()[from..to], &mut sums.partial.get_mut()[from..to]);
                        eight_rows(simd, tile, spins, partial, &sums.weights[g], from == 0, &mut sums.lines[g]);
                    }
                }
            }
        }
        for sums in sums.iter_mut() {
            for (lines, dots) in sums.lines.iter().zip(sums.dots[first..].chunks_mut(ROWS)).take(count) {
                reduce(lines, dots);
            }
        }
    }
    for (spins, sums) in spins.iter().zip(sums.iter_mut()) {
        let spins = spins.get().as_flattened();
        let apex = unit.apex.map_or(1.0, |k| f64::from(spins[k]));
        // No row reaches beyond its own number.
        let reach = unit.rows.end.div_ceil(LANES);
        let partial = &mut sums.partial.get_mut()[..reach];
        for (f, p) in sums.force.iter_mut().zip(partial.as_flattened()) {
            *f += f64::from(*p);
        }
        partial.as_flattened_mut().fill(0.0);
        let rows = unit.rows.clone();
        let whole = weighted(apex, &sums.dots[rows.clone()], &spins[rows.clone()], &mut sums.force[rows]);
        if let Some(k) = unit.apex {
            sums.force[k] += whole;
        }
        sums.total += apex * whole;
    }
}

/// force_j += apex D_j for the rows j of a unit; returns sum_j s_j D_j, in eight lanes.
#[inline(always)]
fn weighted(apex: f64, dots: &[f32], spins: &[f32], force: &mut [f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let mut add = |dots: &[f32], spins: &[f32], force: &mut [f64]| {
        for (((f, d), s), lane) in force.iter_mut().zip(dots).zip(spins).zip(&mut lanes) {
            let dot = f64::from(*d);
            *f += apex * dot;
            *lane += f64::from(*s) * dot;
        }
    };
    let ((d, d_rest), (s, s_rest), (f, f_rest)) =
        (dots.as_chunks::<8>(), spins.as_chunks::<8>(), force.as_chunks_mut::<8>());
    for ((d, s), f) in d.iter().zip(s).zip(f) {
        add(d, s, f);
    }
    add(d_rest, s_rest, f_rest);
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// The units of one chunk, for all replicas; `spins` [R][lanes] zero beyond N.
pub(super) struct Pass<'a> {
    pub(super) units: &'a [Unit],
    pub(super) source: Source<'a>,
    pub(super) spins: &'a [Lines],
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
        for first in self.unit.rows.clone().step_by(GROUP * ROWS) {
            let made = feed.next(simd, first..self.unit.rows.end.min(first + GROUP * ROWS));
            let (out, after) = rest.split_at_mut(made.len());
            out.copy_from_slice(made);
            rest = after;
        }
    }
}
