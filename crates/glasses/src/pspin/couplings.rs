//! The couplings of a p-spin, all of them present: stored as packed f32 or made again at every pass, the same numbers.

use super::kernel::{self, Company, Spins};
use super::layout::{LANES, Layout, Unit};
use super::lines::Lines;
use super::normal;
use crate::memory;
use glasslab_core::{Fault, Streams};
use rayon::prelude::*;
use std::sync::Mutex;

/// The law of one realisation: J normal of variance p!/(2 N^(p-1)), each coupling a function of its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Law {
    streams: Streams,
    sample: u64,
    deviation: f32,
}

impl Law {
    /// The key of the unit's stream, ("couplings", sample, k) for the triangle k (for p = 2: the first row).
    pub(super) fn key(&self, unit: &Unit) -> [u32; 8] {
        normal::key(self.streams.stream("couplings", self.sample, unit.number()).get_seed())
    }

    pub(super) fn deviation(&self) -> f32 {
        self.deviation
    }
}

/// Where a pass takes its couplings from.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// The lines of the whole layout.
    Stored(&'a [[f32; LANES]]),
    /// Made again.
    Made(&'a Law),
}

/// All couplings of one realisation.
pub(super) struct Couplings {
    n: usize,
    layout: Layout,
    law: Law,
    /// None where couplings are made again at every pass.
    storage: Option<Lines>,
    /// Work space of earlier passes: fresh pages would cost as much as a pass.
    spare: Mutex<Vec<Company>>,
}

impl Couplings {
    /// Bytes that the packed couplings take.
    pub(super) fn stored_bytes(p: usize, n: usize) -> u64 {
        Layout::entries(p, n).saturating_mul(4)
    }

    /// Couplings that are made again at every pass: no storage.
    pub(super) fn regenerated(p: usize, n: usize, streams: Streams, sample: u64) -> Self {
        let law = Law { streams, sample, deviation: super::coupling_variance(p, n).sqrt() as f32 };
        Self { n, layout: Layout::new(p, n), law, storage: None, spare: Mutex::default() }
    }

    /// The same couplings, stored. Cost: N^p/p! normal deviates, on all threads.
    pub(super) fn dense(p: usize, n: usize, streams: Streams, sample: u64) -> Result<Self, Fault> {
        let what = format!("the dense couplings of a {p}-spin of n = {n}");
        memory::check(
            what,
            Self::stored_bytes(p, n),
            "n, or give couplings = \"regenerated\" (the same J, no storage)",
        )?;
        let mut made = Self::regenerated(p, n, streams, sample);
        let mut storage = Lines::zeros(made.layout.len / LANES);
        let mut rest = storage.get_mut();
        let mut parts = Vec::with_capacity(made.layout.units.len());
        for unit in &made.layout.units {
            let (part, after) = rest.split_at_mut(unit.len / LANES);
            parts.push((unit, part));
            rest = after;
        }
        // Long triangles first, so that threads end together.
        let arch = pulp::Arch::new();
        parts.into_par_iter().rev().with_max_len(1).for_each(|(unit, out)| {
            arch.dispatch(kernel::Fill { unit, law: &made.law, out });
        });
        made.storage = Some(storage);
        Ok(made)
    }

    /// The stored entries, zeros of the layout included.
    pub(super) fn entries(&self) -> &[f32] {
        self.storage.as_ref().map_or(&[], |s| s.get().as_flattened())
    }

    /// Bytes of the stored entries: what one pass reads.
    pub(super) fn bytes(&self) -> u64 {
        size_of_val(self.entries()) as u64
    }

    /// For each replica of x [R, N]: force_i <- sum over tuples with i of J times the other spins, and the sum over all
    /// tuples of J times all spins is returned. One pass over the couplings, all threads, f32 products.
    pub(super) fn contract(&self, x: &[f64], force: &mut [f64]) -> Vec<f64> {
        self.contract_with(pulp::Arch::new(), x, force)
    }

    /// [`Couplings::contract`] with a given instruction set.
    pub(super) fn contract_with(&self, instructions: pulp::Arch, x: &[f64], force: &mut [f64]) -> Vec<f64> {
        let n = self.n;
        let spins = Spins::of(x, n);
        let source = self.storage.as_ref().map_or(Source::Made(&self.law), |s| Source::Stored(s.get()));
        let sums: Vec<Company> = (self.layout.chunks.par_iter())
            .map(|chunk| {
                let mut sums = self.spare.lock().ok().and_then(|mut spare| spare.pop()).unwrap_or_default();
                sums.fit(n, &spins);
                let units = &self.layout.units[chunk.clone()];
                instructions.dispatch(kernel::Pass { units, source, spins: &spins, sums: &mut sums });
                sums
            })
            .collect();
        force.fill(0.0);
        let mut totals = vec![0.0; x.len() / n];
        sums.iter().for_each(|sums| sums.add_to(n, force, &mut totals));
        if let Ok(mut spare) = self.spare.lock() {
            spare.extend(sums);
        }
        totals
    }

    #[cfg(test)]
    pub(super) fn at(&self, i: usize, j: usize, k: Option<usize>) -> f64 {
        f64::from(self.entries()[self.layout.place(i, j, k)])
    }
}
