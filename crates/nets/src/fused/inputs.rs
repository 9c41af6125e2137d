//! The inputs of a training set, cut into blocks, each unit by unit.

use super::Plan;
use crate::kernels::{Buffer, Real, padded};
use pulp::{Arch, Simd, WithSimd};
use std::ops::Range;

/// Inputs of P samples: block k is [d, stride], of which the columns beyond its samples, up to a whole cache line, are 0.
pub(crate) struct Inputs<T> {
    values: Buffer<T>,
    blocks: Vec<Range<usize>>,
    samples: usize,
    inputs: usize,
    stride: usize,
}

impl<T: Real> Inputs<T> {
    /// Of no samples: see `fill`.
    pub fn empty(plan: &Plan<T>) -> Self {
        Self { values: Buffer::new(0), blocks: Vec::new(), samples: 0, inputs: plan.inputs(), stride: plan.stride() }
    }

    /// Of the rows of x [P, d].
    pub fn rows(plan: &Plan<T>, x: &[T]) -> Self {
        let d = plan.inputs();
        let mut inputs = Self::empty(plan);
        inputs.fill(plan, x.len() / d, |b| &x[b * d..(b + 1) * d]);
        inputs
    }

    /// Of `samples` samples instead, whose inputs `row` gives. Blocks of about equal size, none larger than the plan's.
    pub fn fill<'a>(&mut self, plan: &Plan<T>, samples: usize, row: impl Fn(usize) -> &'a [T]) {
        let line = padded::<T>(1);
        let lines = samples.div_ceil(line);
        let count = lines.div_ceil(plan.block / line);
        let needed = count * self.inputs * self.stride;
        if self.values.len() < needed {
            self.values = Buffer::new(needed);
        }
        self.samples = samples;
        self.blocks.clear();
        let mut from = 0;
        for k in 0..count {
            let to = (from + (lines - from / line).div_ceil(count - k) * line).min(samples);
            let block = &mut self.values[k * self.inputs * self.stride..][..self.inputs * self.stride];
            Arch::new().dispatch(Turn { from, to, row: &row, block, stride: self.stride, inputs: self.inputs });
            self.blocks.push(from..to);
            from = to;
        }
    }

    /// The inputs of sample b, to [d].
    pub fn copy(&self, b: usize, to: &mut [T]) {
        let k = self.blocks.partition_point(|block| block.end <= b);
        let column = b - self.blocks[k].start;
        to.iter_mut().zip(self.block(k).chunks(self.stride)).for_each(|(to, line)| *to = line[column]);
    }

    /// Number P of samples.
    pub fn len(&self) -> usize {
        self.samples
    }

    /// Number of blocks.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The samples of block k.
    pub fn range(&self, k: usize) -> Range<usize> {
        self.blocks[k].clone()
    }

    /// Block k [d, stride].
    pub(super) fn block(&self, k: usize) -> &[T] {
        &self.values[k * self.inputs * self.stride..(k + 1) * self.inputs * self.stride]
    }
}

/// Writes rows `from..to` as columns; zeros up to whole cache lines.
struct Turn<'a, T, F> {
    from: usize,
    to: usize,
    row: &'a F,
    block: &'a mut [T],
    stride: usize,
    inputs: usize,
}

impl<'r, T: Real, F: Fn(usize) -> &'r [T]> WithSimd for Turn<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Self { from, to, row, block, stride, inputs } = self;
        let mut column = 0;
        // Four by four, through registers.
        while from + column + 4 <= to {
            let at = from + column;
            let rows = [&row(at)[..inputs], &row(at + 1)[..inputs], &row(at + 2)[..inputs], &row(at + 3)[..inputs]];
            let whole = inputs / 4 * 4;
            for (i, lines) in block.chunks_exact_mut(4 * stride).take(whole / 4).enumerate() {
                let [p, q, r, s] = rows.map(|x| [x[4 * i], x[4 * i + 1], x[4 * i + 2], x[4 * i + 3]]);
                for k in 0..4 {
                    lines[k * stride + column..][..4].copy_from_slice(&[p[k], q[k], r[k], s[k]]);
                }
            }
            for i in whole..inputs {
                block[i * stride + column..][..4].copy_from_slice(&rows.map(|x| x[i]));
            }
            column += 4;
        }
        for at in from + column..to {
            row(at).iter().enumerate().for_each(|(i, v)| block[i * stride + at - from] = *v);
        }
        let end = (to - from).next_multiple_of(padded::<T>(1));
        for line in block.chunks_exact_mut(stride) {
            line[to - from..end].fill(T::ZERO);
        }
    }
}

impl<T: Real> Plan<T> {
    /// Distance of rows: a block and one cache line, so that rows do not fall on the same sets of a cache.
    pub(super) fn stride(&self) -> usize {
        self.block + padded::<T>(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::Bend;

    #[test]
    fn blocks_hold_each_sample_once_and_zeros_beyond() {
        for d in [3, 10] {
            let plan = Plan::<f64>::new(&[d, 10, 1], &[1.0; 2], &[None; 2], Bend::Relu);
            let x: Vec<f64> = (1..=1000 * d).map(|i| i as f64).collect();
            let mut inputs = Inputs::empty(&plan);
            for samples in [1000, 1, 7, 128, 129, 999] {
                inputs.fill(&plan, samples, |b| &x[b * d..(b + 1) * d]);
                let mut next = 0;
                for k in 0..inputs.blocks() {
                    let range = inputs.range(k);
                    assert_eq!(range.start, next);
                    assert!(range.len() <= plan.block && range.start.is_multiple_of(8));
                    next = range.end;
                    for (i, line) in inputs.block(k).chunks(plan.stride()).enumerate() {
                        for (b, v) in line[..range.len().next_multiple_of(8)].iter().enumerate() {
                            assert_eq!(*v, if b < range.len() { x[(range.start + b) * d + i] } else { 0.0 });
                        }
                    }
                }
                assert_eq!((next, inputs.len()), (samples, samples));
                let mut one = vec![0.0; d];
                for b in 0..samples {
                    inputs.copy(b, &mut one);
                    assert_eq!(one, x[b * d..(b + 1) * d]);
                }
            }
        }
    }
}
