//! All pairwise displacements of a series, streamed: every byte of every checkpoint is read exactly once, in slabs of
//! parameters as large as the memory allows.

use crate::dtype::{Real, decode};
use crate::error::{SeriesError, io, refused};
use crate::layout::{Checkpoint, Common};
use glasslab_observe::kernel::{Comparison, Moments, displacement_moments};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// Entries that are compared at once: those of 150 checkpoints stay in a second-level cache. Tiles never straddle
/// tensors nor depend on the memory, so that results do not.
const TILE: usize = 2048;
/// Bytes that are read at once.
const PIECE: usize = 1 << 20;

/// Told how far the reading is, from any thread.
pub trait Progress: Sync {
    /// So many bytes will be read.
    fn begin(&self, _bytes: u64) {}
    /// So many more were read.
    fn read(&self, _bytes: u64) {}
    /// All were read.
    fn end(&self) {}
}

impl Progress for () {}

/// Fingerprint of a tensor's bytes.
pub(crate) type Hash = [u8; 32];

/// What one pass over a series yields. Pairs (k, t), k < t, are numbered t(t - 1)/2 + k.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Measured {
    /// sum_i d_i^2 [row][pair].
    pub(crate) second: Vec<Vec<f64>>,
    /// sum_i d_i^4 [pair] of the whole.
    pub(crate) fourth: Vec<f64>,
    /// sum_i x_i^2 [row][checkpoint].
    pub(crate) norm: Vec<Vec<f64>>,
    /// NaN and infinities [checkpoint][tensor].
    pub(crate) non_finite: Vec<Vec<u64>>,
    /// SHA-256 of the stored bytes [checkpoint][tensor].
    pub(crate) hashes: Vec<Vec<Hash>>,
}

/// Number of the pair (k, t), k < t.
pub(crate) fn pair(k: usize, t: usize) -> usize {
    t * (t - 1) / 2 + k
}

/// A sum with the rounding error of every addition kept beside it (Neumaier 1974): the order is fixed, the error is of
/// second order in eps.
#[derive(Clone, Copy, Default)]
struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    fn add(&mut self, x: f64) {
        let sum = self.high + x;
        self.low += if self.high.abs() >= x.abs() { (self.high - sum) + x } else { (x - sum) + self.high };
        self.high = sum;
    }

    fn value(self) -> f64 {
        // Beyond the range the correction is NaN, and the sum itself says what happened.
        if self.low.is_finite() { self.high + self.low } else { self.high }
    }
}

/// Sums of one row.
struct Row {
    /// sum d^2 of all pairs, then sum x^2 of all checkpoints.
    second: Vec<Sum>,
    /// sum d^4 of all pairs; empty unless kept.
    fourth: Vec<Sum>,
}

/// Up to `TILE` entries of one tensor.
#[derive(Clone, Copy)]
struct Tile {
    tensor: usize,
    start: usize,
    len: usize,
    /// Where in the slab.
    at: usize,
}

/// What is known of one checkpoint while it is read.
struct Reading<'a> {
    checkpoint: &'a Checkpoint,
    hasher: Sha256,
    hashes: Vec<Hash>,
    non_finite: Vec<u64>,
}

/// Bytes that are held besides the slab, for `rows` rows of results over `count` checkpoints: compensated sums, and the
/// square arrays of the records when they are written.
pub(crate) fn fixed_bytes(rows: usize, count: usize) -> u64 {
    let (rows, count) = (rows as u64, count as u64);
    (rows + 8) * count * count * 24 + rayon::current_num_threads() as u64 * (PIECE as u64) + (8 << 20)
}

/// Measures a series: `rows_of[tensor]` are the rows that each tensor is added to, row 0 being the whole.
///
/// Cost: each byte is read and hashed once; O(S^2 N/2) differences, in f64. Memory: at most `memory` bytes, of which the
/// slab [S, n] takes what the results leave. The same bytes whatever `memory` and the number of threads.
/// Checked by `tests/two_time.rs`.
pub(crate) fn measure<T: Real>(
    checkpoints: &[Checkpoint],
    common: &[Common],
    rows_of: &[Vec<usize>],
    rows: usize,
    memory: u64,
    progress: &dyn Progress,
) -> Result<Measured, SeriesError> {
    let count = checkpoints.len();
    let pairs = count * (count - 1) / 2;
    let fixed = fixed_bytes(rows, count);
    let tile_results = ((pairs + count) * size_of::<Moments>()) as u64;
    let least = fixed + 2 * tile_results + (count * TILE * size_of::<T>()) as u64;
    if memory < least {
        let what = format!("{rows} rows of all pairs of {count} checkpoints");
        let fix = "allow more, give fewer checkpoints, or fewer rows (`--detail whole` or `groups`)".to_owned();
        return Err(SeriesError::Memory { what, needed: least, allowed: memory, fix });
    }
    let batch = ((memory - fixed) / 8 / tile_results.max(1)).clamp(2, 256) as usize;
    let free = memory - fixed - batch as u64 * tile_results;
    let total: usize = common.iter().map(|c| c.len).sum();
    let capacity = ((free / (count * size_of::<T>()) as u64) as usize).clamp(TILE, total.max(TILE));
    let mut readings: Vec<Reading<'_>> = checkpoints
        .iter()
        .map(|checkpoint| Reading { checkpoint, hasher: Sha256::new(), hashes: Vec::new(), non_finite: Vec::new() })
        .collect();
    let mut sums: Vec<Row> = (0..rows)
        .map(|r| Row {
            second: vec![Sum::default(); pairs + count],
            fourth: vec![Sum::default(); if r == 0 { pairs } else { 0 }],
        })
        .collect();
    let width = capacity.min(total);
    let mut slab: Vec<Vec<T>> = (0..count).map(|_| vec![T::default(); width]).collect();
    let bytes = |c: &Checkpoint| common.iter().map(|t| c.tensors[&t.name].1.bytes).sum::<u64>();
    progress.begin(checkpoints.iter().map(bytes).sum());
    for tiles in slabs(common, capacity) {
        readings
            .par_iter_mut()
            .zip(&mut slab)
            .try_for_each(|(reading, slab)| reading.fill(common, &tiles, slab, progress))?;
        for tiles in tiles.chunks(batch) {
            let found = tiles.par_iter().map(|tile| compare(&slab, *tile));
            let found = found.collect::<Result<Vec<_>, _>>()?;
            sums.par_iter_mut().enumerate().for_each(|(r, row)| {
                for (tile, found) in tiles.iter().zip(&found) {
                    if rows_of[tile.tensor].contains(&r) {
                        row.second.iter_mut().zip(found).for_each(|(s, m)| s.add(m.second));
                        row.fourth.iter_mut().zip(found).for_each(|(s, m)| s.add(m.fourth));
                    }
                }
            });
        }
    }
    progress.end();
    let mut out = Measured::default();
    for row in sums {
        let values: Vec<f64> = row.second.iter().map(|s| s.value()).collect();
        out.norm.push(values[pairs..].to_vec());
        out.second.push(values[..pairs].to_vec());
        out.fourth.extend(row.fourth.iter().map(|s| s.value()));
    }
    for reading in readings {
        out.hashes.push(reading.hashes);
        out.non_finite.push(reading.non_finite);
    }
    Ok(out)
}

/// Tiles of all tensors in order, in slabs of at most `capacity` entries.
fn slabs(common: &[Common], capacity: usize) -> Vec<Vec<Tile>> {
    let mut slabs = Vec::new();
    let (mut slab, mut at) = (Vec::new(), 0);
    for (tensor, c) in common.iter().enumerate() {
        for start in (0..c.len).step_by(TILE) {
            let len = TILE.min(c.len - start);
            if at + len > capacity {
                slabs.push(std::mem::take(&mut slab));
                at = 0;
            }
            slab.push(Tile { tensor, start, len, at });
            at += len;
        }
    }
    slabs.push(slab);
    slabs
}

impl Reading<'_> {
    /// Reads, hashes and decodes the tiles of a slab: runs of tiles of one tensor are read together.
    fn fill<T: Real>(
        &mut self,
        common: &[Common],
        tiles: &[Tile],
        slab: &mut [T],
        progress: &dyn Progress,
    ) -> Result<(), SeriesError> {
        let mut buffer = vec![0_u8; PIECE];
        let mut open: Option<(usize, File)> = None;
        for run in tiles.chunk_by(|a, b| a.tensor == b.tensor) {
            let (first, last) = (run[0], run[run.len() - 1]);
            let name = &common[first.tensor].name;
            let (number, tensor) = &self.checkpoint.tensors[name];
            let path = &self.checkpoint.files[*number];
            if open.as_ref().is_none_or(|o| o.0 != *number) {
                let file = File::open(path).map_err(io("open", path))?;
                let size = file.metadata().map_err(io("read", path))?.len();
                if size != self.checkpoint.file_bytes[*number] {
                    let fix = format!(
                        "it had {} when it was opened: wait until it is written",
                        self.checkpoint.file_bytes[*number]
                    );
                    return Err(refused(path, "size", format!("{size} bytes"), fix));
                }
                open = Some((*number, file));
            }
            let Some((_, file)) = &mut open else { continue };
            if first.start == 0 {
                self.hasher = Sha256::new();
                self.non_finite.push(0);
            }
            let wide = tensor.dtype.bytes() as usize;
            let (mut at, end) = (first.at, last.at + last.len);
            file.seek(SeekFrom::Start(tensor.offset + (first.start * wide) as u64)).map_err(io("read", path))?;
            while at < end {
                let len = (end - at).min(PIECE / wide);
                let bytes = &mut buffer[..len * wide];
                file.read_exact(bytes).map_err(io("read", path))?;
                self.hasher.update(&*bytes);
                self.non_finite[first.tensor] += decode(tensor.dtype, bytes, &mut slab[at..at + len]);
                at += len;
                progress.read((len * wide) as u64);
            }
            if last.start + last.len == common[first.tensor].len {
                self.hashes.push(self.hasher.finalize_reset().into());
            }
        }
        Ok(())
    }
}

/// Moments of all pairs of one tile in the order of their numbers, then those of every checkpoint against zero.
fn compare<T: Real>(slab: &[Vec<T>], tile: Tile) -> Result<Vec<Moments>, SeriesError> {
    let part = |x: &'_ Vec<T>| -> std::ops::Range<usize> {
        debug_assert!(x.len() >= tile.at + tile.len);
        tile.at..tile.at + tile.len
    };
    let look = |s: usize| T::slice(&slab[s][part(&slab[s])]);
    let zeros = vec![T::default(); tile.len];
    let count = slab.len();
    let mut out = Vec::with_capacity(count * (count + 1) / 2);
    let mut norms = Vec::with_capacity(count);
    for t in 0..count {
        let mut references: Vec<_> = (0..t).map(look).collect();
        references.push(T::slice(&zeros));
        let comparison = Comparison { positions: look(t), references };
        #[allow(clippy::single_range_in_vec_init)] // one block, the whole tile, is meant
        let mut moments = displacement_moments(&[comparison], &[0..tile.len])?;
        norms.extend(moments.pop());
        out.extend(moments);
    }
    out.extend(norms);
    Ok(out)
}
