//! The force of a p-spin in one pass over its couplings, for any number of replicas.
//!
//! Written as 16 lanes of fused multiply-adds that the compiler turns into AVX-512, AVX2 or NEON under `pulp`'s runtime
//! dispatch. The order of all additions is fixed by the layout alone, and a fused multiply-add rounds once on every
//! machine: neither the instruction set nor threads nor other replicas change a bit.

use super::layout::{LANES, ROWS, Unit, blocks};

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
        Self { force: vec![0.0; n], total: 0.0, partial, dots: vec![0.0; n] }
    }
}

/// For a block of B rows j: dots[b] = sum_i J_ij s_i, and partial_i += sum_b weights[b] J_ij.
#[inline(always)]
fn rows<const B: usize>(block: &[Lanes], spins: &[Lanes], partial: &mut [Lanes], weights: [f32; B]) -> [f32; B] {
    let mut dots = [[0.0_f32; LANES]; B];
    let (block, rest) = block.as_chunks::<B>();
    debug_assert!(rest.is_empty());
    for ((couplings, s), p) in block.iter().zip(spins).zip(partial) {
        let mut sum = *p;
        for b in 0..B {
            for l in 0..LANES {
                dots[b][l] = couplings[b][l].mul_add(s[l], dots[b][l]);
                sum[l] = couplings[b][l].mul_add(weights[b], sum[l]);
            }
        }
        *p = sum;
    }
    dots.map(|mut d| {
        for half in [8, 4, 2, 1] {
            for l in 0..half {
                d[l] += d[l + half];
            }
        }
        d[0]
    })
}

#[inline(always)]
fn some_rows<const B: usize>(block: &[Lanes], first: usize, apex: f32, spins: &[Lanes], sums: &mut Sums) {
    let flat = spins.as_flattened();
    let weights = std::array::from_fn(|b| apex * flat[first + b]);
    let dots = rows::<B>(block, spins, &mut sums.partial, weights);
    sums.dots[first..first + B].copy_from_slice(&dots);
}

/// Adds the part of one unit to the sums of all replicas. `spins` [R][lanes], zero beyond N; `couplings` those of the unit.
///
/// With D_j = sum_(i<j) J_ijk s_i: force_i += s_k sum_j s_j J_ijk, force_j += s_k D_j, force_k += sum_j s_j D_j.
/// f32 within the unit, f64 from unit to unit. Cost: 4 flops per coupling and replica, each coupling read once.
#[inline(always)]
fn add_unit(unit: &Unit, couplings: &[Lanes], spins: &[Vec<Lanes>], sums: &mut [Sums]) {
    let mut rest = couplings;
    for (first, count, len) in blocks(unit.rows.clone()) {
        let (block, after) = rest.split_at(len / LANES);
        rest = after;
        for (spins, sums) in spins.iter().zip(sums.iter_mut()) {
            let apex = unit.apex.map_or(1.0, |k| spins.as_flattened()[k]);
            match count {
                ROWS => some_rows::<ROWS>(block, first, apex, spins, sums),
                3 => some_rows::<3>(block, first, apex, spins, sums),
                2 => some_rows::<2>(block, first, apex, spins, sums),
                _ => some_rows::<1>(block, first, apex, spins, sums),
            }
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

/// The units of one chunk, for all replicas; `entries` are those of the whole layout, `spins` [R][lanes] zero beyond N.
pub(super) struct Pass<'a> {
    pub(super) units: &'a [Unit],
    pub(super) entries: &'a [Lanes],
    pub(super) spins: &'a [Vec<Lanes>],
    pub(super) sums: &'a mut [Sums],
}

impl pulp::WithSimd for Pass<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        for unit in self.units {
            let couplings = &self.entries[unit.offset / LANES..(unit.offset + unit.len) / LANES];
            add_unit(unit, couplings, self.spins, self.sums);
        }
    }
}
