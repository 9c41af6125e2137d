//! The force of sixteen replicas at once: a lane for each replica, a broadcast for each coupling.
//!
//! Every addition is the one that [`super::kernel`] makes for a replica by itself, in the same order, so that company changes no
//! bit. Nothing is added across lanes, and a block of couplings is in the first-level cache while its lanes are taken in turn:
//! 10 loads for 16 fused multiply-adds of a register.

use super::feed::{Block, fetch};
use super::layout::{LANES, ROWS, Unit};
use super::lines::{Lanes, Lines};
use pulp::{Scalar, Simd};

/// Replicas of a group.
pub(super) const GROUP: usize = 16;

/// Place of spin i among the lines of a group: i mod 16 slowest, so that what lies in one lane of the couplings is one stream.
fn place(i: usize, lines: usize) -> usize {
    i % LANES * lines + i / LANES
}

/// Up to sixteen replicas [R][N], one line for each spin; zeros for replicas and spins that are not there.
pub(super) fn turned(x: &[f64], n: usize) -> Lines {
    let lines = n.div_ceil(LANES);
    let mut out = Lines::zeros(LANES * lines);
    for (r, x) in x.chunks(n).enumerate() {
        for (i, x) in x.iter().enumerate() {
            out.get_mut()[place(i, lines)][r] = *x as f32;
        }
    }
    out
}

/// What is added up for sixteen replicas over the units of one chunk.
pub(super) struct Sums {
    n: usize,
    /// Force of spin i of all replicas, at `place(i)`.
    force: Vec<[f64; GROUP]>,
    /// sum over the chunk of J s s s (or J s s).
    total: [f64; GROUP],
    partial: Lines,
    /// Dots of row j.
    dots: Vec<Lanes>,
    /// Dots of the rows at hand, lane by lane of their couplings.
    lines: [[Lanes; ROWS]; LANES],
}

impl Sums {
    pub(super) fn new(n: usize) -> Self {
        let lines = n.div_ceil(LANES);
        Self {
            n,
            force: vec![[0.0; GROUP]; LANES * lines],
            total: [0.0; GROUP],
            partial: Lines::zeros(LANES * lines),
            dots: vec![[0.0; LANES]; n.next_multiple_of(ROWS)],
            lines: [[[0.0; LANES]; ROWS]; LANES],
        }
    }

    /// Back to zero; the rest is zero or overwritten.
    pub(super) fn reset(&mut self) {
        self.force.fill([0.0; GROUP]);
        self.total = [0.0; GROUP];
    }

    /// Adds the sums to the forces [R][N] and totals [R] of the group's replicas.
    pub(super) fn add_to(&self, force: &mut [f64], totals: &mut [f64]) {
        let lines = self.n.div_ceil(LANES);
        for (r, (force, total)) in force.chunks_mut(self.n).zip(totals).enumerate() {
            for (i, f) in force.iter_mut().enumerate() {
                *f += self.force[place(i, lines)][r];
            }
            *total += self.total[r];
        }
    }

    /// Adds a block of eight rows, of which those of `rows` are there; fetches the next one meanwhile.
    #[inline(always)]
    pub(super) fn add_block<S: Simd>(&mut self, simd: S, apex: Option<usize>, block: &Block<'_>, spins: &Lines) {
        let lines = self.n.div_ceil(LANES);
        let spins = spins.get();
        let mut weights = [[0.0; LANES]; ROWS];
        let above = apex.map_or([1.0; LANES], |k| spins[place(k, lines)]);
        for (w, j) in weights.iter_mut().zip(block.rows.clone()) {
            let s = &spins[place(j, lines)];
            *w = std::array::from_fn(|r| above[r] * s[r]);
        }
        let wide = block.entries.len() / ROWS;
        let next = block.next.chunks(block.next.len().div_ceil(LANES).max(1)).chain(std::iter::repeat(&[][..]));
        for ((lane, dots), next) in self.lines.iter_mut().enumerate().zip(next) {
            let stream = lane * lines..lane * lines + wide;
            let (spins, partial) = (&spins[stream.clone()], &mut self.partial.get_mut()[stream]);
            eight_rows(simd, lane, block.entries, next, spins, partial, &weights, dots);
        }
        let t = &self.lines;
        for (row, dots) in self.dots[block.rows.start..].iter_mut().take(ROWS).enumerate() {
            // As a line of sixteen is added up: by halving.
            let at = |l: usize, r: usize| t[l][row][r];
            let quarter = |l: usize, r: usize| (at(l, r) + at(l + 8, r)) + (at(l + 4, r) + at(l + 12, r));
            *dots = std::array::from_fn(|r| (quarter(0, r) + quarter(2, r)) + (quarter(1, r) + quarter(3, r)));
        }
    }

    /// The end of a unit: from f32 to f64.
    #[inline(always)]
    pub(super) fn end_unit(&mut self, unit: &Unit, spins: &Lines) {
        let lines = self.n.div_ceil(LANES);
        let spins = spins.get();
        let reach = unit.rows.end.div_ceil(LANES);
        let streams = self.force.chunks_exact_mut(lines).zip(self.partial.get_mut().chunks_exact_mut(lines));
        for (force, partial) in streams {
            for (f, p) in force[..reach].iter_mut().zip(&mut partial[..reach]) {
                f.iter_mut().zip(p.iter()).for_each(|(f, p)| *f += f64::from(*p));
                *p = [0.0; LANES];
            }
        }
        let above = unit.apex.map(|k| spins[place(k, lines)]);
        let apex: [f64; GROUP] = above.map_or([1.0; GROUP], |s| s.map(f64::from));
        let mut whole = [[0.0; GROUP]; 8];
        for (number, j) in unit.rows.clone().enumerate() {
            let (dots, s) = (&self.dots[j], &spins[place(j, lines)]);
            let (f, lane) = (&mut self.force[place(j, lines)], &mut whole[number % 8]);
            for r in 0..GROUP {
                let dot = f64::from(dots[r]);
                f[r] += apex[r] * dot;
                lane[r] += f64::from(s[r]) * dot;
            }
        }
        for r in 0..GROUP {
            let [a, b, c, d, e, f, g, h] = whole.map(|lane| lane[r]);
            let whole = ((a + e) + (c + g)) + ((b + f) + (d + h));
            if let Some(k) = unit.apex {
                self.force[place(k, lines)][r] += whole;
            }
            self.total[r] += apex[r] * whole;
        }
    }
}

/// One lane of a block of eight rows, of sixteen replicas.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn eight_rows<S: Simd>(
    simd: S,
    lane: usize,
    block: &[Lanes],
    next: &[Lanes],
    spins: &[Lanes],
    partial: &mut [Lanes],
    weights: &[Lanes; ROWS],
    dots: &mut [Lanes; ROWS],
) {
    match S::F32_LANES {
        16 => rows::<S, ROWS, 1>(simd, lane, block, next, spins, partial, weights, 0, dots),
        // Half of the rows at a time, so that all sums stay in registers; no addition changes its place.
        8 => {
            rows::<S, 4, 2>(simd, lane, block, next, spins, partial, weights, 0, dots);
            rows::<S, 4, 2>(simd, lane, block, &[], spins, partial, weights, 4, dots);
        }
        4 => {
            rows::<S, 4, 4>(simd, lane, block, next, spins, partial, weights, 0, dots);
            rows::<S, 4, 4>(simd, lane, block, &[], spins, partial, weights, 4, dots);
        }
        _ => rows::<Scalar, ROWS, LANES>(Scalar, lane, block, next, spins, partial, weights, 0, dots),
    }
}

/// For B rows j from row `from` on and all i of one lane: dots_j = sum J_ij s_i, and partial_i += sum_j weights_j J_ij, of sixteen
/// replicas in G registers of S.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn rows<S: Simd, const B: usize, const G: usize>(
    simd: S,
    lane: usize,
    block: &[Lanes],
    next: &[Lanes],
    spins: &[Lanes],
    partial: &mut [Lanes],
    weights: &[Lanes; ROWS],
    from: usize,
    dots: &mut [Lanes; ROWS],
) {
    let (spins, _) = S::as_simd_f32s(spins.as_flattened());
    let (partial, _) = S::as_mut_simd_f32s(partial.as_flattened_mut());
    let (spins, partial) = (spins.as_chunks::<G>().0, partial.as_chunks_mut::<G>().0);
    let (weights, _) = S::as_simd_f32s(weights.as_flattened());
    let (weights, _) = weights.as_chunks::<G>();
    let weights: [[S::f32s; G]; B] = std::array::from_fn(
        #[inline(always)]
        |b| weights[from + b],
    );
    let mut sums = [[simd.splat_f32s(0.0); G]; B];
    let (pairs, _) = next.as_chunks::<2>();
    let mut pairs = pairs.iter();
    for ((couplings, s), p) in block.as_chunks::<ROWS>().0.iter().zip(spins).zip(partial) {
        if let Some(pair) = pairs.next() {
            fetch(&pair[0]);
            fetch(&pair[1]);
        }
        let mut sum = *p;
        for b in 0..B {
            let coupling = simd.splat_f32s(couplings[from + b][lane]);
            for g in 0..G {
                sums[b][g] = simd.mul_add_f32s(coupling, s[g], sums[b][g]);
                sum[g] = simd.mul_add_f32s(coupling, weights[b][g], sum[g]);
            }
        }
        *p = sum;
    }
    for b in 0..B {
        S::as_mut_simd_f32s(&mut dots[from + b]).0.copy_from_slice(&sums[b]);
    }
}
