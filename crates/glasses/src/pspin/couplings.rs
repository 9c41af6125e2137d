//! The couplings of a p-spin: drawn reproducibly, kept as packed f32, multiplied by all replicas in one pass.

use super::kernel::{self, Sums};
use super::layout::{LANES, Layout, blocks};
use crate::memory;
use glasslab_core::{Fault, Streams};
use rand::RngExt;
use rand_distr::StandardNormal;
use rayon::prelude::*;

/// All couplings of one realisation.
pub(super) struct Couplings {
    n: usize,
    layout: Layout,
    storage: Vec<f32>,
    skipped: usize,
}

impl Couplings {
    /// Draws J with variance p!/(2 N^(p-1)), entry after entry of triangle k (row j for p = 2) from the stream
    /// ("couplings", sample, k): independent of threads and of where entries lie in memory. Cost: N^p/p! normal deviates.
    pub(super) fn draw(p: usize, n: usize, streams: Streams, sample: u64) -> Result<Self, Fault> {
        let needed = Layout::entries(p, n).saturating_mul(4);
        memory::check(format!("the couplings of a {p}-spin of n = {n}"), needed, "n")?;
        let deviation = super::coupling_variance(p, n).sqrt();
        let layout = Layout::new(p, n);
        let mut storage = vec![0.0_f32; layout.len + LANES];
        let skipped = storage.as_ptr().align_offset(LANES * size_of::<f32>()).min(LANES);
        let mut rest = &mut storage[skipped..skipped + layout.len];
        let mut parts = Vec::with_capacity(layout.units.len());
        for unit in &layout.units {
            let (part, after) = rest.split_at_mut(unit.len);
            parts.push((unit, part));
            rest = after;
        }
        // Long triangles first, so that threads end together.
        parts.into_par_iter().rev().with_max_len(1).for_each(|(unit, mut part)| {
            let mut rng = unit.apex.map(|k| streams.stream("couplings", sample, k as u64));
            for (first, count, len) in blocks(unit.rows.clone()) {
                let (block, after) = part.split_at_mut(len);
                part = after;
                for j in first..first + count {
                    let mut own = unit.apex.is_none().then(|| streams.stream("couplings", sample, j as u64));
                    let rng = own.as_mut().or(rng.as_mut()).expect("one of the two");
                    for i in 0..j {
                        let place = (i / LANES * count + (j - first)) * LANES + i % LANES;
                        block[place] = (deviation * rng.sample::<f64, _>(StandardNormal)) as f32;
                    }
                }
            }
        });
        Ok(Self { n, layout, storage, skipped })
    }

    /// The stored entries, zeros of the layout included.
    pub(super) fn entries(&self) -> &[f32] {
        &self.storage[self.skipped..self.skipped + self.layout.len]
    }

    /// Bytes of the stored entries: what one pass reads.
    pub(super) fn bytes(&self) -> u64 {
        self.layout.len as u64 * size_of::<f32>() as u64
    }

    /// For each replica of x [R, N]: force_i <- sum over tuples with i of J times the other spins, and the sum over all
    /// tuples of J times all spins is returned. One pass over the couplings, all threads, f32 products.
    pub(super) fn contract(&self, x: &[f64], force: &mut [f64]) -> Vec<f64> {
        self.contract_with(pulp::Arch::new(), x, force)
    }

    /// [`Couplings::contract`] with a given instruction set.
    pub(super) fn contract_with(&self, instructions: pulp::Arch, x: &[f64], force: &mut [f64]) -> Vec<f64> {
        let n = self.n;
        let spins: Vec<Vec<[f32; LANES]>> = x.chunks(n).map(lanes).collect();
        let (entries, _) = self.entries().as_chunks::<LANES>();
        let sums: Vec<Vec<Sums>> = (self.layout.chunks.par_iter())
            .map(|chunk| {
                let mut sums: Vec<Sums> = spins.iter().map(|_| Sums::new(n)).collect();
                let units = &self.layout.units[chunk.clone()];
                instructions.dispatch(kernel::Pass { units, entries, spins: &spins, sums: &mut sums });
                sums
            })
            .collect();
        force.fill(0.0);
        let mut totals = vec![0.0; spins.len()];
        for chunk in &sums {
            for ((sums, total), force) in chunk.iter().zip(&mut totals).zip(force.chunks_mut(n)) {
                force.iter_mut().zip(&sums.force).for_each(|(f, s)| *f += s);
                *total += sums.total;
            }
        }
        totals
    }

    #[cfg(test)]
    pub(super) fn at(&self, i: usize, j: usize, k: Option<usize>) -> f64 {
        f64::from(self.entries()[self.layout.place(i, j, k)])
    }
}

fn lanes(x: &[f64]) -> Vec<[f32; LANES]> {
    let mut out = vec![[0.0; LANES]; x.len().div_ceil(LANES)];
    out.as_flattened_mut().iter_mut().zip(x).for_each(|(out, x)| *out = *x as f32);
    out
}
