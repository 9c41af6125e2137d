//! The two-time kernel: sums of d^2 and d^4 of the displacements from many references, in one pass over memory.

use glasslab_core::{Fault, Slice};
use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;
use std::ops::Range;

/// Sums of powers of a displacement over a block of degrees of freedom.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    /// sum_i d_i^2.
    pub second: f64,
    /// sum_i d_i^4.
    pub fourth: f64,
}

/// The present positions x `[N]` of one replica and the references `[N]` it is compared with, all of one precision.
#[derive(Clone, Debug)]
pub struct Comparison<'a> {
    /// Present positions.
    pub positions: Slice<'a>,
    /// References, the same number K in every comparison of a call.
    pub references: Vec<Slice<'a>>,
}

/// Entries of x that stay in the second-level cache while the references stream past.
const CHUNK: usize = 8192;
/// Accumulators per sum: the order of additions is the same on every instruction set and for every vector length.
const LANES: usize = 8;
/// Below this many entries to read, threads cost more than they save.
const SERIAL: usize = 1 << 15;

/// The [`Moments`] of d = x - reference for every comparison, reference and block: `[comparisons, K, blocks]`, flat.
///
/// Differences, powers and sums are in f64 whatever the precision of x. x is cut into chunks of at most 8192 entries
/// that never straddle a block; each chunk of x is read once and compared with all K references, each reference is
/// streamed once; partial sums are combined in the order of the chunks.
/// Cost: O(comparisons K N) flops, (K + 1) N numbers read per comparison. The same bytes for every number of threads
/// and on every vector unit (no fused multiply-add, fixed lanes). Checked by `kernel::tests` and benches/two_time.rs.
pub fn displacement_moments(comparisons: &[Comparison<'_>], blocks: &[Range<usize>]) -> Result<Vec<Moments>, Fault> {
    let Some(first) = comparisons.first() else { return Ok(Vec::new()) };
    let (n, k) = (first.positions.len(), first.references.len());
    if let Some(end) = blocks.iter().map(|b| b.end).max()
        && end > n
    {
        return Err(Fault::Shape { what: "the last block of the layout", expected: n, found: end });
    }
    for c in comparisons {
        Fault::check_len("positions", n, c.positions.len())?;
        Fault::check_len("references of a replica", k, c.references.len())?;
        for r in &c.references {
            Fault::check_len("a reference", n, r.len())?;
        }
    }
    if k == 0 {
        return Ok(Vec::new());
    }
    let chunks = cut(blocks);
    let mut partial = vec![Moments::default(); comparisons.len() * chunks.len() * k];
    let arch = Arch::new();
    let one = |(i, out): (usize, &mut [Moments])| {
        compare_chunk(arch, &comparisons[i / chunks.len()], chunks[i % chunks.len()].1.clone(), out)
    };
    if comparisons.len() * n * k < SERIAL {
        partial.chunks_mut(k).enumerate().try_for_each(one)?;
    } else {
        partial.par_chunks_mut(k).enumerate().try_for_each(one)?;
    }
    let mut total = vec![Moments::default(); comparisons.len() * k * blocks.len()];
    for (c, partial) in partial.chunks(chunks.len() * k).enumerate() {
        for (j, &(block, _)) in chunks.iter().enumerate() {
            for reference in 0..k {
                let (sum, part) = (&mut total[(c * k + reference) * blocks.len() + block], partial[j * k + reference]);
                sum.second += part.second;
                sum.fourth += part.fourth;
            }
        }
    }
    Ok(total)
}

/// (number of the block, range) of every chunk, in order.
fn cut(blocks: &[Range<usize>]) -> Vec<(usize, Range<usize>)> {
    let pieces = blocks.iter().enumerate();
    pieces
        .flat_map(|(b, range)| {
            let end = range.end;
            range.clone().step_by(CHUNK).map(move |start| (b, start..(start + CHUNK).min(end)))
        })
        .collect()
}

fn compare_chunk(arch: Arch, c: &Comparison<'_>, range: Range<usize>, out: &mut [Moments]) -> Result<(), Fault> {
    let mismatch = || Fault::input("reference", "another precision than the positions", "keep one precision in a run");
    match c.positions {
        Slice::F32(x) => {
            let of = |r: &Slice<'_>| matches!(r, Slice::F32(_)).then_some(()).ok_or_else(mismatch);
            c.references.iter().try_for_each(of)?;
            let pick = |k: usize| if let Slice::F32(r) = c.references[k] { &r[range.clone()] } else { &[] };
            arch.dispatch(Chunk { x: &x[range.clone()], references: pick, out });
        }
        Slice::F64(x) => {
            let of = |r: &Slice<'_>| matches!(r, Slice::F64(_)).then_some(()).ok_or_else(mismatch);
            c.references.iter().try_for_each(of)?;
            let pick = |k: usize| if let Slice::F64(r) = c.references[k] { &r[range.clone()] } else { &[] };
            arch.dispatch(Chunk { x: &x[range.clone()], references: pick, out });
        }
    }
    Ok(())
}

/// One chunk against all references, compiled for every vector unit by `pulp`.
struct Chunk<'a, T, F> {
    x: &'a [T],
    references: F,
    out: &'a mut [Moments],
}

impl<'a, T: Copy + Into<f64> + 'a, F: Fn(usize) -> &'a [T]> NullaryFnOnce for Chunk<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let mut k = 0;
        while k + 1 < self.out.len() {
            let [a, b] = pass(self.x, [(self.references)(k), (self.references)(k + 1)]);
            (self.out[k], self.out[k + 1]) = (a, b);
            k += 2;
        }
        if k < self.out.len() {
            [self.out[k]] = pass(self.x, [(self.references)(k)]);
        }
    }
}

/// One chunk against W references side by side: each reference gets the bits it would get alone.
#[inline(always)]
fn pass<T: Copy + Into<f64>, const W: usize>(x: &[T], references: [&[T]; W]) -> [Moments; W] {
    let (mut second, mut fourth) = ([[0.0_f64; LANES]; W], [[0.0_f64; LANES]; W]);
    let (x, x_rest) = x.as_chunks::<LANES>();
    let split = references.map(|r| r.as_chunks::<LANES>());
    let body = split.map(|s| &s.0[..x.len()]);
    for (i, x) in x.iter().enumerate() {
        for w in 0..W {
            let r = &body[w][i];
            // One plain loop per operation: each becomes one vector instruction per register.
            let mut d = [0.0_f64; LANES];
            (0..LANES).for_each(|l| d[l] = x[l].into() - r[l].into());
            d.iter_mut().for_each(|d| *d *= *d);
            second[w].iter_mut().zip(&d).for_each(|(s, d)| *s += d);
            d.iter_mut().for_each(|d| *d *= *d);
            fourth[w].iter_mut().zip(&d).for_each(|(s, d)| *s += d);
        }
    }
    for w in 0..W {
        for (l, (&x, &r)) in x_rest.iter().zip(split[w].1).enumerate() {
            let d: f64 = x.into() - r.into();
            let square = d * d;
            second[w][l] += square;
            fourth[w][l] += square * square;
        }
    }
    std::array::from_fn(|w| Moments { second: tree(second[w]), fourth: tree(fourth[w]) })
}

#[inline(always)]
fn tree(v: [f64; LANES]) -> f64 {
    ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]))
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // a layout of one block is meant
mod tests {
    use super::*;
    use glasslab_core::Streams;
    use rand::RngExt;

    fn numbers(n: usize, replica: u64) -> Vec<f64> {
        let mut rng = Streams::new(11).stream("test", replica, 0);
        (0..n).map(|_| rng.random::<f64>() - 0.5).collect()
    }

    /// Against the definition summed naively; N = 10,007, seed 11. Tolerance: N eps relative, the bound of a naive sum of
    /// positive terms.
    #[test]
    fn moments_equal_their_definition() {
        let n = 10_007;
        let (x, a, b) = (numbers(n, 0), numbers(n, 1), numbers(n, 2));
        let blocks = [0..5, 5..9_000, 9_000..n];
        let c = Comparison { positions: Slice::F64(&x), references: vec![Slice::F64(&a), Slice::F64(&b)] };
        let got = displacement_moments(&[c], &blocks).unwrap();
        for (k, reference) in [&a, &b].into_iter().enumerate() {
            for (j, block) in blocks.iter().enumerate() {
                let d2 = block.clone().map(|i| (x[i] - reference[i]).powi(2));
                let (second, fourth) = d2.fold((0.0, 0.0), |(s, f), d2| (s + d2, f + d2 * d2));
                let m = got[k * blocks.len() + j];
                let bound = n as f64 * f64::EPSILON;
                assert!((m.second / second - 1.0).abs() < bound && (m.fourth / fourth - 1.0).abs() < bound);
            }
        }
    }

    /// f32 positions: differences are exact in f64, so a displacement far below the f32 resolution of a sum survives.
    #[test]
    fn single_precision_is_compared_in_double() {
        let x: Vec<f32> = vec![1.0 + f32::EPSILON; 100_000];
        let r: Vec<f32> = vec![1.0; 100_000];
        let c = Comparison { positions: Slice::F32(&x), references: vec![Slice::F32(&r)] };
        let got = displacement_moments(&[c], &[0..100_000]).unwrap()[0];
        let d2 = f64::from(f32::EPSILON).powi(2);
        assert!((got.second / (1e5 * d2) - 1.0).abs() < 1e-11, "{got:?}");
        assert!((got.fourth / (1e5 * d2 * d2) - 1.0).abs() < 1e-11);
    }

    #[test]
    fn threads_and_grouping_leave_the_bytes() {
        let n = 30_011;
        let x: Vec<Vec<f64>> = (0..3).map(|r| numbers(n, r)).collect();
        let refs: Vec<Vec<f64>> = (3..8).map(|r| numbers(n, r)).collect();
        let task = |r: usize| Comparison {
            positions: Slice::F64(&x[r]),
            references: refs.iter().map(|r| Slice::F64(r)).collect(),
        };
        let blocks = [0..10_000, 10_000..n];
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| displacement_moments(&[task(0), task(1), task(2)], &blocks).unwrap())
        };
        let one = run(1);
        assert_eq!(one, run(2));
        assert_eq!(one, run(5));
        assert_eq!(one[10..20], displacement_moments(&[task(1)], &blocks).unwrap());
    }

    #[test]
    fn wrong_lengths_and_precisions_are_faults() {
        let (x, r, s) = (vec![0.0; 4], vec![0.0; 3], vec![0.0_f32; 4]);
        for reference in [Slice::F64(&r), Slice::F32(&s)] {
            let c = Comparison { positions: Slice::F64(&x), references: vec![reference] };
            assert!(displacement_moments(&[c], &[0..4]).is_err());
        }
        let c = Comparison { positions: Slice::F64(&x), references: vec![Slice::F64(&x)] };
        assert!(displacement_moments(&[c], &[0..5]).is_err());
    }
}
