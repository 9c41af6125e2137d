//! The force of a p-spin in one pass over its couplings, for any number of replicas.
//!
//! Always 16 lanes of fused multiply-adds, in one AVX-512 register, two of AVX2 or four of NEON, chosen at run time by
//! `pulp`. The order of all additions is fixed by the layout alone, and a fused multiply-add rounds once on every
//! machine: neither the instruction set nor threads nor other replicas change a bit.

use super::couplings::{Law, Source};
use super::feed::{Block, Feed, fetch};
use super::layout::{LANES, ROWS, Unit};
use super::lines::{Lanes, Lines};
use super::together::{self, GROUP, turned};
use pulp::{Scalar, Simd, WithSimd};

/// From so many replicas on, they go together: what is left of sixteen lanes costs less than replicas one after another.
const FEWEST_TOGETHER: usize = 8;

/// Spins of all replicas, in f32 and zero beyond N.
pub(super) struct Spins {
    /// Sixteen a group.
    together: Vec<Lines>,
    alone: Vec<Lines>,
}

impl Spins {
    /// Of x [R][N].
    pub(super) fn of(x: &[f64], n: usize) -> Self {
        let rest = x.len() / n % GROUP;
        let alone = if rest < FEWEST_TOGETHER { rest } else { 0 };
        let (together, alone) = x.split_at(x.len() - alone * n);
        Self {
            together: together.chunks(GROUP * n).map(|x| turned(x, n)).collect(),
            alone: alone.chunks(n).map(Lines::of).collect(),
        }
    }
}

/// What is added up for all replicas over the units of one chunk.
#[derive(Default)]
pub(super) struct Company {
    together: Vec<together::Sums>,
    alone: Vec<Sums>,
}

impl Company {
    /// At zero, for these spins.
    pub(super) fn fit(&mut self, n: usize, spins: &Spins) {
        self.together.truncate(spins.together.len());
        self.together.iter_mut().for_each(together::Sums::reset);
        self.together.resize_with(spins.together.len(), || together::Sums::new(n));
        self.alone.truncate(spins.alone.len());
        self.alone.iter_mut().for_each(Sums::reset);
        self.alone.resize_with(spins.alone.len(), || Sums::new(n));
    }

    /// Adds the sums to the forces [R][N] and totals [R].
    pub(super) fn add_to(&self, n: usize, force: &mut [f64], totals: &mut [f64]) {
        let split = totals.len() - self.alone.len();
        let ((force, last), (totals, last_totals)) = (force.split_at_mut(split * n), totals.split_at_mut(split));
        for ((sums, force), totals) in
            self.together.iter().zip(force.chunks_mut(GROUP * n)).zip(totals.chunks_mut(GROUP))
        {
            sums.add_to(force, totals);
        }
        for ((sums, force), total) in self.alone.iter().zip(last.chunks_mut(n)).zip(last_totals) {
            force.iter_mut().zip(&sums.force).for_each(|(f, s)| *f += s);
            *total += sums.total;
        }
    }
}

/// What is added up for one replica over the units of one chunk.
struct Sums {
    /// Force, f64 [N].
    force: Vec<f64>,
    /// sum over the chunk of J s s s (or J s s).
    total: f64,
    partial: Lines,
    dots: Vec<f32>,
    /// Dots of the rows at hand, lane by lane.
    lines: [Lanes; ROWS],
}

impl Sums {
    fn new(n: usize) -> Self {
        Self {
            force: vec![0.0; n],
            total: 0.0,
            partial: Lines::zeros(n.div_ceil(LANES)),
            dots: vec![0.0; n.next_multiple_of(ROWS)],
            lines: [[0.0; LANES]; ROWS],
        }
    }

    /// Back to zero; the rest is zero or overwritten.
    fn reset(&mut self) {
        self.force.fill(0.0);
        self.total = 0.0;
    }
}

/// For B rows j of a block of 8, from row `from` on: dots[b] = J_ij s_i, lane by lane, and partial_i += sum_b weights[b] J_ij. A line
/// of 16 numbers is G registers of S.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn rows<S: Simd, const B: usize, const G: usize>(
    simd: S,
    block: &[Lanes],
    next: &[Lanes],
    spins: &[Lanes],
    partial: &mut [Lanes],
    weights: &[f32; ROWS],
    from: usize,
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
    let mut next = next.as_chunks::<ROWS>().0.iter();
    for ((couplings, s), p) in block.as_chunks::<ROWS>().0.iter().zip(spins).zip(partial) {
        if let Some(next) = next.next() {
            next.iter().for_each(fetch);
        }
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

/// One block of eight rows, for one replica.
#[inline(always)]
fn eight_rows<S: Simd>(
    simd: S,
    Block { entries, next, .. }: &Block<'_>,
    spins: &[Lanes],
    partial: &mut [Lanes],
    weights: &[f32; ROWS],
    lines: &mut [Lanes; ROWS],
) {
    match S::F32_LANES {
        16 => rows::<S, ROWS, 1>(simd, entries, next, spins, partial, weights, 0, lines),
        // Half of the rows at a time, so that all sums stay in registers; no addition changes its place.
        8 => {
            rows::<S, 4, 2>(simd, entries, next, spins, partial, weights, 0, lines);
            rows::<S, 4, 2>(simd, entries, &[], spins, partial, weights, 4, lines);
        }
        4 => {
            rows::<S, 4, 4>(simd, entries, next, spins, partial, weights, 0, lines);
            rows::<S, 4, 4>(simd, entries, &[], spins, partial, weights, 4, lines);
        }
        _ => rows::<Scalar, ROWS, LANES>(Scalar, entries, next, spins, partial, weights, 0, lines),
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

impl Sums {
    /// Adds a block of eight rows.
    #[inline(always)]
    fn add_block<S: Simd>(&mut self, simd: S, apex: Option<usize>, block: &Block<'_>, spins: &Lines) {
        let mut weights = [0.0; ROWS];
        let flat = spins.get().as_flattened();
        let above = apex.map_or(1.0, |k| flat[k]);
        weights.iter_mut().zip(&flat[block.rows.clone()]).for_each(|(w, s)| *w = above * s);
        let wide = block.entries.len() / ROWS;
        let (spins, partial) = (&spins.get()[..wide], &mut self.partial.get_mut()[..wide]);
        eight_rows(simd, block, spins, partial, &weights, &mut self.lines);
        reduce(&self.lines, &mut self.dots[block.rows.start..]);
    }

    /// The end of a unit: from f32 to f64.
    #[inline(always)]
    fn end_unit(&mut self, unit: &Unit, spins: &Lines) {
        let spins = spins.get().as_flattened();
        let apex = unit.apex.map_or(1.0, |k| f64::from(spins[k]));
        // No row reaches beyond its own number.
        let partial = &mut self.partial.get_mut()[..unit.rows.end.div_ceil(LANES)];
        for (f, p) in self.force.iter_mut().zip(partial.as_flattened()) {
            *f += f64::from(*p);
        }
        partial.as_flattened_mut().fill(0.0);
        let rows = unit.rows.clone();
        let whole = weighted(apex, &self.dots[rows.clone()], &spins[rows.clone()], &mut self.force[rows]);
        if let Some(k) = unit.apex {
            self.force[k] += whole;
        }
        self.total += apex * whole;
    }
}

/// Adds the part of one unit to the sums of all replicas.
///
/// With D_j = sum_(i<j) J_ijk s_i: force_i += s_k sum_j s_j J_ijk, force_j += s_k D_j, force_k += sum_j s_j D_j.
/// f32 within the unit, f64 from unit to unit. Cost: 4 flops per coupling and replica, each coupling read once.
#[inline(always)]
fn add_unit<S: Simd>(simd: S, unit: &Unit, mut feed: Feed<'_>, spins: &Spins, sums: &mut Company) {
    for first in unit.rows.clone().step_by(ROWS) {
        let block = feed.next(simd, first..unit.rows.end.min(first + ROWS));
        for (spins, sums) in spins.together.iter().zip(&mut sums.together) {
            sums.add_block(simd, unit.apex, &block, spins);
        }
        for (spins, sums) in spins.alone.iter().zip(&mut sums.alone) {
            sums.add_block(simd, unit.apex, &block, spins);
        }
    }
    spins.together.iter().zip(&mut sums.together).for_each(|(spins, sums)| sums.end_unit(unit, spins));
    spins.alone.iter().zip(&mut sums.alone).for_each(|(spins, sums)| sums.end_unit(unit, spins));
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

/// The units of one chunk, for all replicas.
pub(super) struct Pass<'a> {
    pub(super) units: &'a [Unit],
    pub(super) source: Source<'a>,
    pub(super) spins: &'a Spins,
    pub(super) sums: &'a mut Company,
}

impl WithSimd for Pass<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let mut buffer = Vec::new();
        for unit in self.units {
            let feed = match self.source {
                Source::Stored(entries) => Feed::Stored(&entries[unit.offset / LANES..]),
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
        for first in self.unit.rows.clone().step_by(ROWS) {
            let made = feed.next(simd, first..self.unit.rows.end.min(first + ROWS)).entries;
            let (out, after) = rest.split_at_mut(made.len());
            out.copy_from_slice(made);
            rest = after;
        }
    }
}
