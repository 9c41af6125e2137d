//! Lines of 64 bytes, as one register or several, four rows of them against four, and memory for them.

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

/// Rows that are compared with rows at once.
pub(super) const BLOCK: usize = 4;

/// Four rows against four: sixteen lines of sums of d^2, each lane in the order of the rows. Rows are whole lines.
#[inline(always)]
pub(super) fn fours<S: Simd, X: Number>(
    simd: S,
    left: [&[X]; BLOCK],
    right: [&[X]; BLOCK],
) -> [[X::Line; BLOCK]; BLOCK] {
    let mut out = [[X::ZEROS; BLOCK]; BLOCK];
    match X::registers_of_line::<S>() {
        1 => tile::<S, X, 1, 4>(simd, left, right, 0, &mut out),
        // Sixteen registers: eight sums.
        2 => {
            tile::<S, X, 2, 2>(simd, left, [right[0], right[1]], 0, &mut out);
            tile::<S, X, 2, 2>(simd, left, [right[2], right[3]], 2, &mut out);
        }
        4 => tile::<S, X, 4, 4>(simd, left, right, 0, &mut out),
        _ if X::LINE == 16 => tile::<Scalar, X, 16, 4>(Scalar, left, right, 0, &mut out),
        _ => tile::<Scalar, X, 8, 4>(Scalar, left, right, 0, &mut out),
    }
    out
}

/// Four rows against N, the columns `at..at + N` of `out`. A line is G registers; the G-th parts of all lines are added up one after the
/// other, so that the sums stay in registers.
#[inline(always)]
fn tile<S: Simd, X: Number, const G: usize, const N: usize>(
    simd: S,
    left: [&[X]; BLOCK],
    right: [&[X]; N],
    at: usize,
    out: &mut [[X::Line; BLOCK]; BLOCK],
) {
    // Plain indices and names: arrays that go through closures are not kept in registers.
    let [a, b, c, d] = left;
    let (a, b, c, d) = (lines::<S, X, G>(a), lines::<S, X, G>(b), lines::<S, X, G>(c), lines::<S, X, G>(d));
    let mut columns = [a; N];
    for j in 0..N {
        columns[j] = &lines::<S, X, G>(right[j])[..a.len()];
    }
    for g in 0..G {
        let mut sums = [[X::zero(simd); N]; BLOCK];
        for (l, (((a, b), c), d)) in a.iter().zip(b).zip(c).zip(d).enumerate() {
            let x = [a[g], b[g], c[g], d[g]];
            for j in 0..N {
                let y = columns[j][l][g];
                for i in 0..BLOCK {
                    sums[i][j] = X::square_add(simd, X::subtract(simd, x[i], y), sums[i][j]);
                }
            }
        }
        for i in 0..BLOCK {
            for j in 0..N {
                X::registers_mut::<S>(out[i][at + j].as_mut())[g] = sums[i][j];
            }
        }
    }
}

#[inline(always)]
fn lines<S: Simd, X: Number, const G: usize>(row: &[X]) -> &[[X::Register<S>; G]] {
    X::registers::<S>(row).as_chunks::<G>().0
}

/// Memory to work in, whose numbers begin at the edge of a line: registers that straddle lines cost twice.
#[derive(Debug)]
pub(super) struct Bench<X> {
    memory: Vec<X>,
    /// Rows that are in use, and numbers of a row.
    shape: (usize, usize),
}

impl<X> Default for Bench<X> {
    fn default() -> Self {
        Self { memory: Vec::new(), shape: (0, 0) }
    }
}

impl<X: Number> Bench<X> {
    /// `count` rows of so many numbers, with whatever was left in them, and behind them rows of zeros, at least one, to whole blocks.
    pub(super) fn rows(&mut self, count: usize, wide: usize) -> &mut [X] {
        let size = (count + 1).next_multiple_of(BLOCK) * wide;
        if self.shape != (count, wide) {
            self.memory.clear();
            self.memory.resize(size + X::LINE, X::default());
            self.shape = (count, wide);
        }
        let edge = self.memory.as_ptr().align_offset(size_of::<X::Line>()).min(X::LINE);
        &mut self.memory[edge..edge + size]
    }
}
