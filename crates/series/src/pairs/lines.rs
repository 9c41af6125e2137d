//! Lines of 64 bytes, as one register or several, and three rows of them against three.

use super::LANES;
use pulp::{Scalar, Simd};

/// A number that differences are taken in.
pub(super) trait Number: Copy + Default {
    /// 64 bytes of them.
    type Line: Copy + AsRef<[Self]> + AsMut<[Self]>;
    /// Some of them, in one register.
    type Register<S: Simd>: Copy;
    /// Numbers of a line.
    const LINE: usize;
    /// A line of zeros.
    const ZEROS: Self::Line;
    /// Registers of a line.
    fn registers_of_line<S: Simd>() -> usize;
    /// A row as registers.
    fn registers<S: Simd>(row: &[Self]) -> &[Self::Register<S>];
    /// A line as registers.
    fn registers_mut<S: Simd>(line: &mut [Self]) -> &mut [Self::Register<S>];
    /// A register of zeros.
    fn zero<S: Simd>(simd: S) -> Self::Register<S>;
    /// a - b.
    fn subtract<S: Simd>(simd: S, a: Self::Register<S>, b: Self::Register<S>) -> Self::Register<S>;
    /// d^2 + c, rounded once.
    fn square_add<S: Simd>(simd: S, d: Self::Register<S>, c: Self::Register<S>) -> Self::Register<S>;
    /// A line of sums by number modulo four, in f64 and in a fixed order.
    fn parts(line: &Self::Line) -> [f64; LANES];
}

macro_rules! number {
    ($x:ty, $line:literal, $register:ident, $rows:ident, $rows_mut:ident, $splat:ident, $sub:ident, $fused:ident, $parts:ident) => {
        impl Number for $x {
            type Line = [$x; $line];
            type Register<S: Simd> = S::$register;
            const LINE: usize = $line;
            const ZEROS: Self::Line = [0.0; $line];
            #[inline(always)]
            fn registers_of_line<S: Simd>() -> usize {
                size_of::<Self::Line>() / size_of::<S::$register>()
            }
            #[inline(always)]
            fn registers<S: Simd>(row: &[Self]) -> &[S::$register] {
                S::$rows(row).0
            }
            #[inline(always)]
            fn registers_mut<S: Simd>(line: &mut [Self]) -> &mut [S::$register] {
                S::$rows_mut(line).0
            }
            #[inline(always)]
            fn zero<S: Simd>(simd: S) -> S::$register {
                simd.$splat(0.0)
            }
            #[inline(always)]
            fn subtract<S: Simd>(simd: S, a: S::$register, b: S::$register) -> S::$register {
                simd.$sub(a, b)
            }
            #[inline(always)]
            fn square_add<S: Simd>(simd: S, d: S::$register, c: S::$register) -> S::$register {
                simd.$fused(d, d, c)
            }
            #[inline(always)]
            fn parts(line: &Self::Line) -> [f64; LANES] {
                $parts(line)
            }
        }
    };
}

number!(f32, 16, f32s, as_simd_f32s, as_mut_simd_f32s, splat_f32s, sub_f32s, mul_add_f32s, parts_of_sixteen);
number!(f64, 8, f64s, as_simd_f64s, as_mut_simd_f64s, splat_f64s, sub_f64s, mul_add_f64s, parts_of_eight);

#[inline(always)]
fn parts_of_sixteen(line: &[f32; 16]) -> [f64; LANES] {
    let mut parts = [0.0; LANES];
    for (l, part) in parts.iter_mut().enumerate() {
        let [a, b, c, d] = [line[l], line[l + 4], line[l + 8], line[l + 12]];
        *part = (f64::from(a) + f64::from(c)) + (f64::from(b) + f64::from(d));
    }
    parts
}

#[inline(always)]
fn parts_of_eight(line: &[f64; 8]) -> [f64; LANES] {
    [line[0] + line[4], line[1] + line[5], line[2] + line[6], line[3] + line[7]]
}

/// Three rows against three: nine lines of sums of d^2, each lane in the order of the rows. Rows are whole lines.
#[inline(always)]
pub(super) fn threes<S: Simd, X: Number>(simd: S, left: [&[X]; 3], right: [&[X]; 3]) -> [[X::Line; 3]; 3] {
    match X::registers_of_line::<S>() {
        1 => wide::<S, X, 1>(simd, left, right),
        2 => wide::<S, X, 2>(simd, left, right),
        4 => wide::<S, X, 4>(simd, left, right),
        _ if X::LINE == 16 => wide::<Scalar, X, 16>(Scalar, left, right),
        _ => wide::<Scalar, X, 8>(Scalar, left, right),
    }
}

/// A line is G registers; the G-th parts of all lines are added up one after the other, so that nine sums stay in registers.
#[inline(always)]
fn wide<S: Simd, X: Number, const G: usize>(simd: S, left: [&[X]; 3], right: [&[X]; 3]) -> [[X::Line; 3]; 3] {
    let mut out = [[X::ZEROS; 3]; 3];
    let [a, b, c] = left;
    let [p, q, r] = right;
    let (a, b, c) = (lines::<S, X, G>(a), lines::<S, X, G>(b), lines::<S, X, G>(c));
    let (p, q, r) = (lines::<S, X, G>(p), lines::<S, X, G>(q), lines::<S, X, G>(r));
    for g in 0..G {
        let mut sums = [[X::zero(simd); 3]; 3];
        for (((((a, b), c), p), q), r) in a.iter().zip(b).zip(c).zip(p).zip(q).zip(r) {
            let (x, y) = ([a[g], b[g], c[g]], [p[g], q[g], r[g]]);
            for i in 0..3 {
                for j in 0..3 {
                    sums[i][j] = X::square_add(simd, X::subtract(simd, x[i], y[j]), sums[i][j]);
                }
            }
        }
        for i in 0..3 {
            for j in 0..3 {
                X::registers_mut::<S>(out[i][j].as_mut())[g] = sums[i][j];
            }
        }
    }
    out
}

#[inline(always)]
fn lines<S: Simd, X: Number, const G: usize>(row: &[X]) -> &[[X::Register<S>; G]] {
    X::registers::<S>(row).as_chunks::<G>().0
}
