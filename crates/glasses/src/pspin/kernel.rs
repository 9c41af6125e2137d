//! The force of a p-spin in one pass over its couplings, for any number of replicas.
//!
//! Always 16 lanes of fused multiply-adds, in one AVX-512 register, two of AVX2 or four of NEON, chosen at run time by
//! `pulp`. The order of all additions is fixed by the layout alone, and a fused multiply-add rounds once on every
//! machine: neither the instruction set nor threads nor other replicas change a bit.

use super::layout::{LANES, ROWS, Unit, blocks};
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
        Self { force: vec![0.0; n], total: 0.0, partial, dots: vec![0.0; n] }
    }
}

/// For a block of B rows j: dots[b] = sum_i J_ij s_i, and partial_i += sum_b weights[b] J_ij. A line of 16 numbers is G
/// registers of S.
#[inline(always)]
fn rows<S: Simd, const B: usize, const G: usize>(
    simd: S,
    block: &[Lanes],
    spins: &[Lanes],
    partial: &mut [Lanes],
    weights: [f32; B],
) -> [f32; B] {
    let (block, _) = S::as_simd_f32s(block.as_flattened());
    let (spins, _) = S::as_simd_f32s(spins.as_flattened());
    let (partial, _) = S::as_mut_simd_f32s(partial.as_flattened_mut());
    let (block, spins, partial) = (block.as_chunks::<G>().0, spins.as_chunks::<G>().0, partial.as_chunks_mut::<G>().0);
    let weights: [S::f32s; B] = std::array::from_fn(
        #[inline(always)]
        |b| simd.splat_f32s(weights[b]),
    );
    let mut dots = [[simd.splat_f32s(0.0); G]; B];
    for ((couplings, s), p) in block.as_chunks::<B>().0.iter().zip(spins).zip(partial) {
        let mut sum = *p;
        for b in 0..B {
            for g in 0..G {
                dots[b][g] = simd.mul_add_f32s(couplings[b][g], s[g], dots[b][g]);
                sum[g] = simd.mul_add_f32s(couplings[b][g], weights[b], sum[g]);
            }
        }
        *p = sum;
    }
    let mut out = [0.0; B];
    for b in 0..B {
        let mut line = [0.0; LANES];
        S::as_mut_simd_f32s(&mut line).0.copy_from_slice(&dots[b]);
        let mut quad = [0.0; 4];
        for l in 0..4 {
            quad[l] = (line[l] + line[l + 8]) + (line[l + 4] + line[l + 12]);
        }
        out[b] = (quad[0] + quad[2]) + (quad[1] + quad[3]);
    }
    out
}

#[inline(always)]
fn some_rows<S: Simd, const B: usize>(
    simd: S,
    block: &[Lanes],
    first: usize,
    apex: f32,
    spins: &[Lanes],
    sums: &mut Sums,
) {
    let mut weights = [0.0; B];
    for (weight, s) in weights.iter_mut().zip(&spins.as_flattened()[first..first + B]) {
        *weight = apex * s;
    }
    let partial = &mut sums.partial;
    let dots = match S::F32_LANES {
        16 => rows::<S, B, 1>(simd, block, spins, partial, weights),
        8 => rows::<S, B, 2>(simd, block, spins, partial, weights),
        4 => rows::<S, B, 4>(simd, block, spins, partial, weights),
        _ => rows::<Scalar, B, LANES>(Scalar, block, spins, partial, weights),
    };
    sums.dots[first..first + B].copy_from_slice(&dots);
}

/// Adds the part of one unit to the sums of all replicas. `spins` [R][lanes], zero beyond N; `couplings` those of the unit.
///
/// With D_j = sum_(i<j) J_ijk s_i: force_i += s_k sum_j s_j J_ijk, force_j += s_k D_j, force_k += sum_j s_j D_j.
/// f32 within the unit, f64 from unit to unit. Cost: 4 flops per coupling and replica, each coupling read once.
#[inline(always)]
fn add_unit<S: Simd>(simd: S, unit: &Unit, couplings: &[Lanes], spins: &[Vec<Lanes>], sums: &mut [Sums]) {
    let mut rest = couplings;
    for (first, count, len) in blocks(unit.rows.clone()) {
        let (block, after) = rest.split_at(len / LANES);
        rest = after;
        for (spins, sums) in spins.iter().zip(sums.iter_mut()) {
            let apex = unit.apex.map_or(1.0, |k| spins.as_flattened()[k]);
            match count {
                ROWS => some_rows::<S, ROWS>(simd, block, first, apex, spins, sums),
                3 => some_rows::<S, 3>(simd, block, first, apex, spins, sums),
                2 => some_rows::<S, 2>(simd, block, first, apex, spins, sums),
                _ => some_rows::<S, 1>(simd, block, first, apex, spins, sums),
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

impl WithSimd for Pass<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for unit in self.units {
            let couplings = &self.entries[unit.offset / LANES..(unit.offset + unit.len) / LANES];
            add_unit(simd, unit, couplings, self.spins, self.sums);
        }
    }
}
