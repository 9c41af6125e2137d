//! The two precisions, f32 and f64, as one trait over the vectors of any processor.
#![allow(unsafe_code)]

use super::Table;
use glasslab_core::{Array, Fault, Slice, State};
use pulp::Simd;
use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};
use std::sync::OnceLock;

/// f32 or f64, nothing else: every bit pattern is valid.
pub(crate) trait Real:
    Copy
    + Default
    + Debug
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + 'static
{
    /// A vector of the processor.
    type Vector<S: Simd>: Copy;
    const ZERO: Self;
    const ONE: Self;

    fn from_f64(v: f64) -> Self;
    fn to_f64(self) -> f64;
    fn is_finite(self) -> bool;
    /// e^x to 2 units in the last place, inlined so that loops over it become vectors; NaN stays NaN; clamped to
    /// the range of normal numbers.
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn ln_1p(self) -> Self;
    fn tanh(self) -> Self;
    /// log(1 + y) for 0 <= y <= 1, to a few units in the last place, inlined so that loops over it become vectors: 2 artanh w, w =
    /// y/(2 + y) <= 1/3, by its series.
    fn ln_1p_unit(self) -> Self;
    /// Samples whose columns are computed together: the widest tile of 64-byte vectors.
    const COLUMNS: usize = 4 * 64 / size_of::<Self>();

    fn cell<'a>(single: &'a OnceLock<Table<f32>>, double: &'a OnceLock<Table<f64>>) -> &'a OnceLock<Table<Self>>;
    fn slice(x: &[Self]) -> Slice<'_>;
    fn array(x: Vec<Self>) -> Array;
    fn from_state<'a>(state: &'a State, name: &str, len: usize) -> Result<&'a [Self], Fault>;
    fn layer(layer: &dyn crate::layers::Layer) -> &dyn crate::layers::Pass<Self>;

    fn splat<S: Simd>(simd: S, v: Self) -> Self::Vector<S>;
    fn mul_add<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>, c: Self::Vector<S>) -> Self::Vector<S>;
    fn plus<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    fn times<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    fn total<S: Simd>(simd: S, a: Self::Vector<S>) -> Self;
    fn magnitude<S: Simd>(simd: S, a: Self::Vector<S>) -> Self::Vector<S>;
    /// z where z is not below zero (NaN stays), else 0.
    fn rectify<S: Simd>(simd: S, z: Self::Vector<S>) -> Self::Vector<S>;
    /// d where a > 0, else 0.
    fn where_positive<S: Simd>(simd: S, a: Self::Vector<S>, d: Self::Vector<S>) -> Self::Vector<S>;

    /// # Safety
    /// A whole vector can be read at p (any alignment).
    #[inline(always)]
    unsafe fn load<S: Simd>(_simd: S, p: *const Self) -> Self::Vector<S> {
        // SAFETY: by the caller's word.
        unsafe { p.cast::<Self::Vector<S>>().read_unaligned() }
    }

    /// # Safety
    /// A whole vector can be written at p (any alignment).
    #[inline(always)]
    unsafe fn store<S: Simd>(_simd: S, p: *mut Self, v: Self::Vector<S>) {
        // SAFETY: by the caller's word.
        unsafe { p.cast::<Self::Vector<S>>().write_unaligned(v) }
    }

    /// # Safety
    /// `len` entries can be read at p.
    unsafe fn load_part<S: Simd>(simd: S, p: *const Self, len: usize) -> Self::Vector<S>;

    /// # Safety
    /// `len` entries can be written at p.
    unsafe fn store_part<S: Simd>(simd: S, p: *mut Self, len: usize, v: Self::Vector<S>);

    /// Entries in a vector.
    #[inline(always)]
    fn lanes<S: Simd>(_simd: S) -> usize {
        size_of::<Self::Vector<S>>() / size_of::<Self>()
    }
}

/// e^r - 1 for |r| <= ln(2)/2: r + r^2 P(r), P minimax of degree 4 (Remez), relative to e^r within 3.1e-9; in pairs, as chains of
/// multiply-adds that wait for each other are slow.
#[inline(always)]
fn tail_f32(r: f32) -> f32 {
    let square = r * r;
    let low =
        f32::mul_add(f32::mul_add(0.008_368_717, r, 0.041_668_39), square, f32::mul_add(0.166_665_2, r, 0.499_999_93));
    let p = f32::mul_add(0.001_381_459_9, square * square, low);
    f32::mul_add(square, p, r)
}

/// The same with P of degree 9, within 3.7e-18.
#[inline(always)]
fn tail_f64(r: f64) -> f64 {
    let square = r * r;
    let fourth = square * square;
    let a = f64::mul_add(0.166_666_666_666_664_13, r, 0.500_000_000_000_001_1);
    let b = f64::mul_add(0.008_333_333_333_494_463, r, 0.041_666_666_666_530_155);
    let c = f64::mul_add(1.984_126_950_657_639_8e-4, r, 1.388_888_894_363_007e-3);
    let d = f64::mul_add(2.755_758_637_599_077_3e-6, r, 2.480_149_309_894_754_3e-5);
    let e = f64::mul_add(2.500_006_091_337_583_8e-8, r, 2.763_024_836_611_497e-7);
    let low = f64::mul_add(f64::mul_add(d, square, c), fourth, f64::mul_add(b, square, a));
    f64::mul_add(square, f64::mul_add(e, fourth * fourth, low), r)
}

macro_rules! real {
    ($t:ident, $array:ident, $cell:expr, $vec:ident, $splat:ident, $fma:ident, $add:ident, $mul:ident, $sum:ident, $abs:ident,
     $less:ident, $select:ident, $part:ident, $part_mut:ident, $magic:expr, $mantissa:expr, $offset:expr,
     $low:expr, $high:expr, $ln2_high:expr, $ln2_low:expr, $tail:ident) => {
        impl Real for $t {
            type Vector<S: Simd> = S::$vec;
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;

            #[inline(always)]
            fn from_f64(v: f64) -> Self {
                v as $t
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self.into()
            }
            fn is_finite(self) -> bool {
                self.is_finite()
            }
            #[inline(always)]
            fn exp(self) -> Self {
                let x = if self < $low { $low } else { self };
                let x = if x > $high { $high } else { x };
                // n = round(x / ln 2) in the low bits of a number whose unit in the last place is 1.
                let shifted = $t::mul_add(x, std::$t::consts::LOG2_E, $magic);
                let n = shifted - $magic;
                let r = $t::mul_add(n, -$ln2_low, $t::mul_add(n, -$ln2_high, x));
                let power = shifted.to_bits().wrapping_add($offset) << $mantissa;
                (1.0 + $tail(r)) * $t::from_bits(power)
            }
            #[inline(always)]
            fn ln(self) -> Self {
                $t::ln(self)
            }
            fn ln_1p(self) -> Self {
                $t::ln_1p(self)
            }
            fn tanh(self) -> Self {
                $t::tanh(self)
            }
            #[inline(always)]
            fn ln_1p_unit(self) -> Self {
                let w = self / (2.0 + self);
                let square = w * w;
                // (1/9)^k/(2k + 1) is below half a unit in the last place from k = 7 (f32) and 16 (f64) on.
                let terms = if size_of::<$t>() == 4 { 8 } else { 17 };
                let mut sum: $t = 0.0;
                for k in (0..terms).rev() {
                    sum = $t::mul_add(sum, square, (1.0 / f64::from(2 * k + 1)) as $t);
                }
                2.0 * w * sum
            }

            fn cell<'a>(
                single: &'a OnceLock<Table<f32>>,
                double: &'a OnceLock<Table<f64>>,
            ) -> &'a OnceLock<Table<Self>> {
                $cell(single, double)
            }
            fn slice(x: &[Self]) -> Slice<'_> {
                Slice::$array(x)
            }
            fn array(x: Vec<Self>) -> Array {
                Array::$array(x)
            }
            fn from_state<'a>(state: &'a State, name: &str, len: usize) -> Result<&'a [Self], Fault> {
                state.$t(name, len)
            }
            fn layer(layer: &dyn crate::layers::Layer) -> &dyn crate::layers::Pass<Self> {
                layer
            }

            #[inline(always)]
            fn splat<S: Simd>(simd: S, v: Self) -> S::$vec {
                simd.$splat(v)
            }
            #[inline(always)]
            fn mul_add<S: Simd>(simd: S, a: S::$vec, b: S::$vec, c: S::$vec) -> S::$vec {
                simd.$fma(a, b, c)
            }
            #[inline(always)]
            fn plus<S: Simd>(simd: S, a: S::$vec, b: S::$vec) -> S::$vec {
                simd.$add(a, b)
            }
            #[inline(always)]
            fn times<S: Simd>(simd: S, a: S::$vec, b: S::$vec) -> S::$vec {
                simd.$mul(a, b)
            }
            #[inline(always)]
            fn total<S: Simd>(simd: S, a: S::$vec) -> Self {
                simd.$sum(a)
            }
            #[inline(always)]
            fn magnitude<S: Simd>(simd: S, a: S::$vec) -> S::$vec {
                simd.$abs(a)
            }
            #[inline(always)]
            fn rectify<S: Simd>(simd: S, z: S::$vec) -> S::$vec {
                let zero = simd.$splat(0.0);
                simd.$select(simd.$less(z, zero), zero, z)
            }
            #[inline(always)]
            fn where_positive<S: Simd>(simd: S, a: S::$vec, d: S::$vec) -> S::$vec {
                let zero = simd.$splat(0.0);
                simd.$select(simd.$less(zero, a), d, zero)
            }
            #[inline(always)]
            unsafe fn load_part<S: Simd>(simd: S, p: *const Self, len: usize) -> S::$vec {
                // SAFETY: by the caller's word.
                simd.$part(unsafe { std::slice::from_raw_parts(p, len) })
            }
            #[inline(always)]
            unsafe fn store_part<S: Simd>(simd: S, p: *mut Self, len: usize, v: S::$vec) {
                // SAFETY: by the caller's word.
                simd.$part_mut(unsafe { std::slice::from_raw_parts_mut(p, len) }, v);
            }
        }
    };
}

real!(
    f32,
    F32,
    |single, _| single,
    f32s,
    splat_f32s,
    mul_add_f32s,
    add_f32s,
    mul_f32s,
    reduce_sum_f32s,
    abs_f32s,
    less_than_f32s,
    select_f32s,
    partial_load_f32s,
    partial_store_f32s,
    12_582_912.0_f32,
    23,
    127,
    -87.0_f32,
    88.0_f32,
    0.693_359_4_f32,
    -2.121_944_4e-4_f32,
    tail_f32
);
real!(
    f64,
    F64,
    |_, double| double,
    f64s,
    splat_f64s,
    mul_add_f64s,
    add_f64s,
    mul_f64s,
    reduce_sum_f64s,
    abs_f64s,
    less_than_f64s,
    select_f64s,
    partial_load_f64s,
    partial_store_f64s,
    6_755_399_441_055_744.0_f64,
    52,
    1023,
    -708.0_f64,
    709.0_f64,
    0.693_147_180_369_123_8_f64,
    1.908_214_929_270_587_7e-10_f64,
    tail_f64
);

#[cfg(test)]
mod tests {
    use super::Real;

    /// Against the standard library, 2,000 points: relative error at most 4 eps.
    #[test]
    fn logarithm_near_one_is_exact_to_a_few_units_in_the_last_place() {
        for i in 1..=2000 {
            let y = (f64::from(i) / 2000.0).powi(5);
            assert!((y.ln_1p_unit() / y.ln_1p() - 1.0).abs() <= 4.0 * f64::EPSILON, "{y}");
            let y = y as f32;
            let exact = f64::from(y).ln_1p();
            assert!((f64::from(y.ln_1p_unit()) / exact - 1.0).abs() <= 4.0 * f64::from(f32::EPSILON), "{y}");
        }
        assert!(f64::NAN.ln_1p_unit().is_nan() && 0.0_f64.ln_1p_unit() == 0.0);
    }

    /// Against the standard library, 20,001 points over the whole range: relative error at most 4 eps.
    #[test]
    fn exponential_is_exact_to_a_few_units_in_the_last_place() {
        for i in -10_000..=10_000 {
            let x = f64::from(i) * 0.07;
            assert!((Real::exp(x) / x.exp() - 1.0).abs() <= 4.0 * f64::EPSILON, "{x}");
            let x = (f64::from(i) * 0.0086) as f32;
            let exact = f64::from(x).exp();
            assert!((f64::from(Real::exp(x)) / exact - 1.0).abs() <= 4.0 * f64::from(f32::EPSILON), "{x}");
        }
        assert!(Real::exp(f64::NAN).is_nan() && Real::exp(f32::NAN).is_nan());
        assert!(Real::exp(-1e30_f32) >= 0.0 && Real::exp(1e300_f64).is_finite());
    }
}
