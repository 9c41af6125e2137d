//! Numbers in lines of 64 bytes that begin where a line of the cache begins.

use super::layout::LANES;

/// One line.
pub(super) type Lanes = [f32; LANES];

/// Some lines, none across two lines of the cache: loads and stores of whole ones cost half.
pub(super) struct Lines {
    buffer: Vec<f32>,
    skipped: usize,
    len: usize,
}

impl Lines {
    /// `count` lines of zeros.
    pub(super) fn zeros(count: usize) -> Self {
        let buffer = vec![0.0_f32; (count + 1) * LANES];
        let skipped = buffer.as_ptr().align_offset(LANES * size_of::<f32>()).min(LANES);
        Self { buffer, skipped, len: count * LANES }
    }

    /// Numbers, rounded to f32, and zeros to the end of a line.
    pub(super) fn of(x: &[f64]) -> Self {
        let mut lines = Self::zeros(x.len().div_ceil(LANES));
        lines.get_mut().as_flattened_mut().iter_mut().zip(x).for_each(|(out, x)| *out = *x as f32);
        lines
    }

    /// The lines.
    #[inline(always)]
    pub(super) fn get(&self) -> &[Lanes] {
        self.buffer[self.skipped..self.skipped + self.len].as_chunks().0
    }

    /// The lines.
    #[inline(always)]
    pub(super) fn get_mut(&mut self) -> &mut [Lanes] {
        self.buffer[self.skipped..self.skipped + self.len].as_chunks_mut().0
    }
}
