//! Number formats of stored tensors, and their exact conversion to f32 or f64.

use crate::pairs::{self, Work};
use pulp::{Arch, NullaryFnOnce};
use serde::Serialize;

/// Number format of a stored tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32 (bfloat16).
    Bf16,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// Integers, booleans and formats of 8 bits: known by size, not compared. The value is the number of bytes.
    Other(u8),
}

impl Dtype {
    /// The format by its name in a safetensors header; `None` if unknown.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "F16" => Dtype::F16,
            "BF16" => Dtype::Bf16,
            "F32" => Dtype::F32,
            "F64" => Dtype::F64,
            "BOOL" | "U8" | "I8" | "F8_E4M3" | "F8_E5M2" | "F8_E8M0" => Dtype::Other(1),
            "U16" | "I16" => Dtype::Other(2),
            "U32" | "I32" => Dtype::Other(4),
            "U64" | "I64" | "C64" => Dtype::Other(8),
            _ => return None,
        })
    }

    /// The format by the `descr` of a numpy array, little-endian or of single bytes; `|V2` is how numpy stores bfloat16. `None` if
    /// unknown or big-endian.
    pub(crate) fn numpy(descr: &str) -> Option<Self> {
        Some(match descr {
            "<f2" => Dtype::F16,
            "|V2" | "<V2" => Dtype::Bf16,
            "<f4" => Dtype::F32,
            "<f8" => Dtype::F64,
            "|b1" | "|i1" | "|u1" | "|V1" => Dtype::Other(1),
            "<i2" | "<u2" => Dtype::Other(2),
            "<i4" | "<u4" | "<U1" => Dtype::Other(4),
            "<i8" | "<u8" | "<c8" => Dtype::Other(8),
            "<c16" => Dtype::Other(16),
            _ => return None,
        })
    }

    /// The format by the name of a PyTorch storage class (`FloatStorage`) or dtype (`float32`); `None` if unknown.
    pub(crate) fn torch(name: &str) -> Option<Self> {
        Some(match name {
            "HalfStorage" | "float16" | "half" => Dtype::F16,
            "BFloat16Storage" | "bfloat16" => Dtype::Bf16,
            "FloatStorage" | "float32" | "float" => Dtype::F32,
            "DoubleStorage" | "float64" | "double" => Dtype::F64,
            "BoolStorage" | "ByteStorage" | "CharStorage" | "QInt8Storage" | "QUInt8Storage" | "bool" | "uint8"
            | "int8" | "float8_e4m3fn" | "float8_e5m2" | "float8_e4m3fnuz" | "float8_e5m2fnuz" | "float8_e8m0fnu" => {
                Dtype::Other(1)
            }
            "ShortStorage" | "int16" | "uint16" => Dtype::Other(2),
            "IntStorage" | "QInt32Storage" | "int32" | "uint32" => Dtype::Other(4),
            "LongStorage" | "ComplexFloatStorage" | "int64" | "uint64" | "complex64" => Dtype::Other(8),
            "ComplexDoubleStorage" | "complex128" => Dtype::Other(16),
            _ => return None,
        })
    }

    /// Bytes per number.
    pub fn bytes(self) -> u64 {
        match self {
            Dtype::F16 | Dtype::Bf16 => 2,
            Dtype::F32 => 4,
            Dtype::F64 => 8,
            Dtype::Other(bytes) => u64::from(bytes),
        }
    }

    /// True for the formats that are compared.
    pub fn is_float(self) -> bool {
        !matches!(self, Dtype::Other(_))
    }
}

/// binary16 to binary32, exact: 1 sign, 5 exponent (bias 15), 10 fraction bits; subnormals are k 2^-24. Without a branch, so that many are
/// converted at once. Checked by `every_half_is_its_definition`.
#[inline(always)]
pub(crate) fn half(bits: u16) -> f32 {
    let bits = i32::from(bits);
    let (sign, size) = ((bits & 0x8000) << 16, bits & 0x7fff);
    let normal = (size << 13) + (112 << 23);
    let small = (size as f32 * f32::from_bits(0x3380_0000)).to_bits() as i32;
    let large = 0x7f80_0000 | size << 13;
    let value = if size < 0x400 { small } else { normal };
    let value = if size < 0x7c00 { value } else { large };
    f32::from_bits((sign | value) as u32)
}

/// A number that positions are kept in.
pub(crate) trait Real: Copy + Default + Send + Sync + Into<f64> + pulp::bytemuck::Pod {
    /// The stored format that is this one.
    const DTYPE: Dtype;
    /// Sums over all pairs, in the precision of the numbers; or exact to the rounding of f64, as those of fourth powers are.
    fn compare(rows: &[&[Self]], fourth: bool, exact: bool, work: &mut Work);
    /// True if it is neither NaN nor infinite.
    fn finite(self) -> bool;
    /// Exact for the formats that fit; see [`decode`].
    fn of_single(x: f32) -> Self;
    /// Only called where this is f64, or never.
    fn of_double(x: f64) -> Self;
}

impl Real for f32 {
    const DTYPE: Dtype = Dtype::F32;
    fn compare(rows: &[&[Self]], fourth: bool, exact: bool, work: &mut Work) {
        if exact || fourth { pairs::exactly(rows, fourth, work) } else { pairs::singly(rows, work) }
    }
    #[inline(always)]
    fn finite(self) -> bool {
        self.is_finite()
    }
    #[inline(always)]
    fn of_single(x: f32) -> Self {
        x
    }
    #[inline(always)]
    fn of_double(x: f64) -> Self {
        x as f32
    }
}

impl Real for f64 {
    const DTYPE: Dtype = Dtype::F64;
    fn compare(rows: &[&[Self]], fourth: bool, _exact: bool, work: &mut Work) {
        pairs::exactly(rows, fourth, work);
    }
    #[inline(always)]
    fn finite(self) -> bool {
        self.is_finite()
    }
    #[inline(always)]
    fn of_single(x: f32) -> Self {
        f64::from(x)
    }
    #[inline(always)]
    fn of_double(x: f64) -> Self {
        x
    }
}

/// Little-endian numbers of a format into `out`; returns how many are not finite. bf16, f16 and f32 are exact in either
/// precision; the caller keeps f64 whenever a tensor of the series is f64. Cost O(n).
pub(crate) fn decode<T: Real>(dtype: Dtype, bytes: &[u8], out: &mut [T]) -> u64 {
    if !dtype.is_float() {
        return 0;
    }
    Arch::new().dispatch(Decode { dtype, bytes, out });
    not_finite(out)
}

struct Decode<'a, T> {
    dtype: Dtype,
    bytes: &'a [u8],
    out: &'a mut [T],
}

impl<T: Real> NullaryFnOnce for Decode<'_, T> {
    type Output = ();

    // Loops, not closures: what is a function of its own has not the instructions of the caller.
    #[inline(always)]
    fn call(self) {
        let Self { dtype, bytes, out } = self;
        match dtype {
            Dtype::F16 => {
                for (o, b) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                    *o = T::of_single(half(u16::from_le_bytes(*b)));
                }
            }
            Dtype::Bf16 => {
                for (o, b) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                    *o = T::of_single(f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16));
                }
            }
            Dtype::F32 => {
                for (o, b) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *o = T::of_single(f32::from_le_bytes(*b));
                }
            }
            Dtype::F64 => {
                for (o, b) in out.iter_mut().zip(bytes.as_chunks::<8>().0) {
                    *o = T::of_double(f64::from_le_bytes(*b));
                }
            }
            Dtype::Other(_) => {}
        }
    }
}

/// How many numbers are NaN or infinite. Cost O(n).
pub(crate) fn not_finite<T: Real>(x: &[T]) -> u64 {
    struct Count<'a, T>(&'a [T]);
    impl<T: Real> NullaryFnOnce for Count<'_, T> {
        type Output = u64;
        #[inline(always)]
        fn call(self) -> u64 {
            let few = |x: &[T]| x.iter().map(|x| u32::from(!x.finite())).sum::<u32>();
            self.0.chunks(1 << 16).map(|x| u64::from(few(x))).sum()
        }
    }
    Arch::new().dispatch(Count(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All 65,536 values against the definition (-1)^s 2^(e-15) (1 + f/1024), 2^-14 f/1024 for e = 0, in f64.
    #[test]
    fn every_half_is_its_definition() {
        for bits in 0..=u16::MAX {
            let (s, e, f) = (bits >> 15, i32::from(bits >> 10 & 31), f64::from(bits & 1023));
            let size = match e {
                0 => f / 1024.0 * 2.0_f64.powi(-14),
                31 if f == 0.0 => f64::INFINITY,
                31 => f64::NAN,
                _ => (1.0 + f / 1024.0) * 2.0_f64.powi(e - 15),
            };
            let (expected, got) = (if s == 1 { -size } else { size }, f64::from(half(bits)));
            assert!(expected == got || (expected.is_nan() && got.is_nan()), "{bits:#x}: {got} is not {expected}");
        }
    }

    #[test]
    fn formats_are_decoded_and_counted() {
        let mut out = [0.0_f64; 2];
        // bf16 of 1.5 is the upper half of 0x3fc00000; of infinity 0x7f80.
        assert_eq!(decode(Dtype::Bf16, &[0xc0, 0x3f, 0x80, 0x7f], &mut out), 1);
        assert_eq!(out, [1.5, f64::INFINITY]);
        let bytes: Vec<u8> = [0.1_f64, -3.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        assert_eq!((decode(Dtype::F64, &bytes, &mut out), out), (0, [0.1, -3.0]));
    }
}
