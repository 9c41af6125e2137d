//! Differences and squares in f32, sums beyond a stretch in f64: for checkpoints whose numbers fit f32.
//!
//! **Error.** u = 2^-24. A difference of two numbers of f32 is rounded once, d' = d (1 + e), |e| <= u, however close they are and
//! however large beside it: IEEE subtraction, gradual underflow included. A lane adds at most L = 64 squares, each fused (rounded
//! once after the addition); all terms are positive, so the sum of a stretch is off by at most (L + 2) u/(1 - (L + 2) u) < 4e-6 of
//! itself. What is added up over stretches is f64. These are bounds: roundings are as often up as down, so Delta of N
//! parameters is off by about u sqrt(L/3)/sqrt(N/L), 4e-9 at N = 10^6 (measured: 4e-10; `singly_is_within_its_bound`).
//!
//! **Range.** A stretch with a number of 2^56 or above, an infinity or a NaN is compared in f64: below, no square or sum
//! overflows. Squares below 2^-126 lose bits: at most 2^-150 each, 2^-140 a stretch. A pair whose sum is below 2^-110 is compared
//! again in f64, so what is lost is below 2^-30 of the sum. Rows that are the same, bit by bit, as the one before are known
//! to be, and their differences are zero.
//!
//! **Speed.** Two operations a pair and number, at the peak of the machine: 154 checkpoints of 14 M parameters take 5.9 s of processor time, 5.6 s
//! being the floor at the 4 G vector operations a second that were measured. Products about a reference nearby need one operation, but
//! norms, references and the bookkeeping of sums and cancellation took what that saved (measured: 0.9 to 1.1 times this speed).

use super::lines::{BLOCK, Number, fours};
use super::{Bench, LANES, Work, add, beginnings, double, number};
use pulp::{Arch, Simd, WithSimd};

/// Entries of a line.
const LINE: usize = <f32 as Number>::LINE;
/// Most entries of a stretch: L = 64 lines.
const STRETCH: usize = 64 * LINE;
/// Bits of 2^56.
const HUGE: u32 = (56 + 127) << 23;
/// 2^-110.
const TINY: f64 = f64::from_bits((1023 - 110) << 52);

/// Entries of a stretch: all checkpoints of one take at most a megabyte, but at least 256 entries.
fn stretch(count: usize) -> usize {
    ((1 << 18) / count.max(1) / LINE * LINE).clamp(256, STRETCH)
}

/// Sums of d^2 over `rows` (one slice of equal length per checkpoint). Cost O(S^2 n/2).
pub(crate) fn compare(rows: &[&[f32]], work: &mut Work) {
    compare_with(Arch::new(), rows, work);
}

/// [`compare`] with a given instruction set.
pub(super) fn compare_with(arch: Arch, rows: &[&[f32]], work: &mut Work) {
    let (count, len) = (rows.len(), rows.first().map_or(0, |r| r.len()));
    let Work { sums, bench: Bench { singles: packed, doubles } } = work;
    sums.clear(count, false);
    let wide = stretch(count);
    let packed = packed.rows(count, wide);
    let mut classes = vec![usize::MAX; packed.len() / wide];
    for (half, from) in beginnings(len, wide) {
        let used = wide.min(len - from);
        let top = arch.dispatch(Pack { rows, from, used, packed, wide });
        if top >= HUGE {
            double::add_stretch(arch, rows, from..from + used, half, doubles, sums);
            continue;
        }
        for s in 0..count {
            let same = s > 0 && bits(&rows[s][from..from + used]) == bits(&rows[s - 1][from..from + used]);
            classes[s] = if same { classes[s - 1] } else { s };
        }
        let whole = used.next_multiple_of(LINE);
        arch.dispatch(Stretch { packed, wide, whole, classes: &classes, count, sums: &mut sums.second[half] });
    }
}

fn bits(row: &[f32]) -> &[u32] {
    pulp::bytemuck::cast_slice(row)
}

/// Copies a stretch of all rows side by side, zeros behind them to the end of a line; returns the bits of the largest size.
struct Pack<'a> {
    rows: &'a [&'a [f32]],
    from: usize,
    used: usize,
    packed: &'a mut [f32],
    wide: usize,
}

impl WithSimd for Pack<'_> {
    type Output = u32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> u32 {
        let whole = self.used.next_multiple_of(LINE);
        let (size, mut top, mut most) = (simd.splat_u32s(0x7fff_ffff), simd.splat_u32s(0), 0);
        for (row, out) in self.rows.iter().zip(self.packed.chunks_exact_mut(self.wide)) {
            let out = &mut pulp::bytemuck::cast_slice_mut(out)[..whole];
            out[self.used..].fill(0);
            let (many, rest) = S::as_simd_u32s(&bits(row)[self.from..self.from + self.used]);
            let (out, out_rest) = S::as_mut_simd_u32s(&mut out[..self.used]);
            for (x, out) in many.iter().zip(out) {
                top = simd.max_u32s(top, simd.and_u32s(*x, size));
                *out = *x;
            }
            for (x, out) in rest.iter().zip(out_rest) {
                most = most.max(x & 0x7fff_ffff);
                *out = *x;
            }
        }
        for lane in pulp::bytemuck::cast_slice(&[top]) {
            most = most.max(*lane);
        }
        most
    }
}

/// One stretch of all checkpoints.
struct Stretch<'a> {
    packed: &'a [f32],
    wide: usize,
    whole: usize,
    /// Rows of one class are the same bit by bit.
    classes: &'a [usize],
    count: usize,
    sums: &'a mut [[f64; LANES]],
}

impl<'a> Stretch<'a> {
    #[inline(always)]
    fn row(&self, i: usize) -> &'a [f32] {
        &self.packed[i * self.wide..i * self.wide + self.whole]
    }

    /// Four rows.
    #[inline(always)]
    fn block(&self, b: usize) -> [&'a [f32]; BLOCK] {
        [self.row(BLOCK * b), self.row(BLOCK * b + 1), self.row(BLOCK * b + 2), self.row(BLOCK * b + 3)]
    }
}

impl WithSimd for Stretch<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for b in 0..(self.count + 1).div_ceil(BLOCK) {
            for a in 0..=b {
                if self.classes[BLOCK * a] == self.classes[BLOCK * b + BLOCK - 1] {
                    continue;
                }
                let left = self.block(a);
                let right = self.block(b);
                let second = fours::<S, f32>(simd, left, right);
                let mut parts = [[[0.0; LANES]; BLOCK]; BLOCK];
                let mut least = [f64::INFINITY; LANES];
                for j in 0..BLOCK {
                    for i in 0..BLOCK {
                        parts[j][i] = f32::parts(&second[i][j]);
                        for l in 0..LANES {
                            least[l] = if parts[j][i][l] < least[l] { parts[j][i][l] } else { least[l] };
                        }
                    }
                }
                let small = least[0] < TINY || least[1] < TINY || least[2] < TINY || least[3] < TINY;
                for j in 0..BLOCK {
                    for i in 0..BLOCK {
                        let (k, t) = (BLOCK * a + i, BLOCK * b + j);
                        let Some(at) = number(self.count, k, t) else { continue };
                        let p = parts[j][i];
                        let small = small && (p[0] + p[1]) + (p[2] + p[3]) < TINY && self.classes[k] != self.classes[t];
                        let parts = if small { double::parts(left[i], right[j]) } else { p };
                        add(&mut self.sums[at], parts);
                    }
                }
            }
        }
    }
}
