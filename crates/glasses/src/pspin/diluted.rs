//! A 3-spin with few of its couplings: about N^2/2 triplets instead of N^3/6, the same limit N -> infinity.

use crate::memory;
use glasslab_core::{Fault, Streams};
use pulp::{Simd, WithSimd};
use rand::RngExt;
use rayon::prelude::*;
use std::ops::Range;

/// Triplets that are drawn from one stream.
const DRAW: usize = 1 << 16;
/// Triplets per chunk of the pass, about, and most chunks: each has its own forces, added at the end.
const CHUNK: usize = 1 << 16;
const MOST_CHUNKS: usize = 64;
/// Bit of the first index that holds the sign.
const MINUS: u32 = 1 << 31;

/// M = (N-1)(N-2)/2 triplets i < j < k, uniform and independent (one in about N may come twice, and then counts twice), each
/// with J = +-sqrt(N/2M): sum J^2 = N/2 exactly, as it is on average with all couplings.
///
/// Source: the dilution (3/N of all triplets, signs, rescaled) is that of the public code PspinSimulation that goes with Folena,
/// Franz and Ricci-Tersenghi 2020, doi:10.1103/PhysRevX.10.031045. Corrections to N -> infinity are O(1/N) here too, of other
/// size than with all couplings.
pub(super) struct Diluted {
    n: usize,
    size: f64,
    /// The triplets of spin i are `pairs[first[i]..first[i + 1]]`: j, with the sign in its highest bit, and k.
    first: Vec<usize>,
    pairs: Vec<[u32; 2]>,
    chunks: Vec<Range<usize>>,
}

/// Number of triplets for n spins.
fn triplets(n: usize) -> u64 {
    (n as u64 - 1).saturating_mul(n as u64 - 2) / 2
}

impl Diluted {
    /// The realisation `sample`, from the streams ("diluted", sample, .). Cost O(N^2).
    pub(super) fn draw(n: usize, streams: Streams, sample: u64) -> Result<Self, Fault> {
        // While they are sorted, each is there as three indices and as two.
        let needed = triplets(n).saturating_mul(20);
        memory::check(format!("the diluted couplings of a 3-spin of n = {n}"), needed, "n")?;
        let count = triplets(n) as usize;
        let drawn: Vec<[u32; 3]> = (0..count.div_ceil(DRAW))
            .into_par_iter()
            .flat_map_iter(|block| {
                let mut rng = streams.stream("diluted", sample, block as u64);
                (block * DRAW..count.min((block + 1) * DRAW)).map(move |_| {
                    loop {
                        let mut t: [u32; 3] = std::array::from_fn(|_| rng.random_range(0..n as u32));
                        t.sort_unstable();
                        if t[0] < t[1] && t[1] < t[2] {
                            t[1] |= if rng.random::<bool>() { MINUS } else { 0 };
                            break t;
                        }
                    }
                })
            })
            .collect();
        let mut first = vec![0; n + 1];
        drawn.iter().for_each(|t| first[t[0] as usize + 1] += 1);
        (0..n).for_each(|i| first[i + 1] += first[i]);
        let mut next = first.clone();
        let mut pairs = vec![[0; 2]; count];
        for [i, j, k] in drawn {
            pairs[next[i as usize]] = [j, k];
            next[i as usize] += 1;
        }
        let parts = (count / CHUNK).clamp(1, MOST_CHUNKS);
        let cut = |c: usize| first[..n].partition_point(|&f| f < count / parts * c);
        let chunks = (0..parts).map(|c| cut(c)..if c + 1 == parts { n } else { cut(c + 1) }).collect();
        Ok(Self { n, size: (n as f64 / (2.0 * count as f64)).sqrt(), first, pairs, chunks })
    }

    /// Bytes that one pass reads.
    pub(super) fn bytes(&self) -> u64 {
        (size_of_val(&self.pairs[..]) + size_of_val(&self.first[..])) as u64
    }

    /// As the contraction with all couplings. Spins, products and sums are f64; a pass serves eight replicas.
    pub(super) fn contract(&self, x: &[f64], force: &mut [f64]) -> Vec<f64> {
        let mut totals = Vec::with_capacity(x.len() / self.n);
        let (mut x, mut force) = (x, force);
        for width in [8, 4, 2, 1] {
            while x.len() >= width * self.n {
                let (now, later) = x.split_at(width * self.n);
                let (out, rest) = force.split_at_mut(width * self.n);
                match width {
                    8 => self.some::<8>(now, out, &mut totals),
                    4 => self.some::<4>(now, out, &mut totals),
                    2 => self.some::<2>(now, out, &mut totals),
                    _ => self.some::<1>(now, out, &mut totals),
                }
                (x, force) = (later, rest);
            }
        }
        totals
    }

    fn some<const R: usize>(&self, x: &[f64], force: &mut [f64], totals: &mut Vec<f64>) {
        let n = self.n;
        let spins: Vec<[f64; R]> = (0..n).map(|i| std::array::from_fn(|r| x[r * n + i])).collect();
        let parts: Vec<_> = (self.chunks.par_iter())
            .map(|rows| pulp::Arch::new().dispatch(Pass { all: self, rows: rows.clone(), spins: &spins }))
            .collect();
        let mut sums = [0.0; R];
        force.fill(0.0);
        for (part, total) in &parts {
            for (i, f) in part.iter().enumerate() {
                (0..R).for_each(|r| force[r * n + i] += f[r]);
            }
            (0..R).for_each(|r| sums[r] += total[r]);
        }
        force.iter_mut().for_each(|f| *f *= self.size);
        totals.extend(sums.map(|t| t * self.size));
    }

    /// All (i, j, k, J).
    #[cfg(test)]
    pub(super) fn all(&self) -> Vec<(usize, usize, usize, f64)> {
        let of = |i: usize| self.pairs[self.first[i]..self.first[i + 1]].iter().map(move |p| (i, p));
        let sign = |j: u32| if j & MINUS == 0 { self.size } else { -self.size };
        (0..self.n).flat_map(of).map(|(i, [j, k])| (i, (j & !MINUS) as usize, *k as usize, sign(*j))).collect()
    }
}

struct Pass<'a, const R: usize> {
    all: &'a Diluted,
    rows: Range<usize>,
    spins: &'a [[f64; R]],
}

impl<const R: usize> WithSimd for Pass<'_, R> {
    type Output = (Vec<[f64; R]>, [f64; R]);

    /// Plain products and sums, never fused: the same bits on any machine.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> Self::Output {
        let (spins, mut force, mut total) = (self.spins, vec![[0.0; R]; self.all.n], [0.0; R]);
        for i in self.rows {
            let (here, mut own) = (spins[i], [0.0; R]);
            for [j, k] in &self.all.pairs[self.all.first[i]..self.all.first[i + 1]] {
                let sign = if j & MINUS == 0 { 1.0 } else { -1.0 };
                let (j, k) = ((j & !MINUS) as usize, *k as usize);
                let (a, b) = (spins[j], spins[k]);
                for r in 0..R {
                    let (a, t) = (sign * a[r], sign * here[r]);
                    own[r] += a * b[r];
                    force[j][r] += t * b[r];
                    force[k][r] += here[r] * a;
                }
            }
            for r in 0..R {
                force[i][r] += own[r];
                total[r] += here[r] * own[r];
            }
        }
        (force, total)
    }
}
