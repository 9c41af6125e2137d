//! All pairwise displacements of a series, streamed: every byte of every checkpoint is read exactly once, in slabs of
//! parameters as large as the memory allows; while one slab is compared the next one is read.

use crate::dtype::Real;
use crate::error::SeriesError;
use crate::header::Packing;
use crate::layout::{Checkpoint, Common};
use crate::pairs::{Bench, PARTS, Work};
use crate::reading::{COVER, Hash, PIECE, Reading, Tile};
use rayon::prelude::*;
use std::sync::Mutex;

/// Entries that are compared by one thread at a time. Tiles never straddle tensors nor depend on the memory, so that results
/// do not.
const TILE: usize = 8192;
/// Slabs that a series is cut into if the memory would allow fewer: while one is compared the next is read.
const SLABS: usize = 16;
/// Entries of a slab below which it is not cut.
const SLAB: usize = 1 << 16;

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

/// What one pass over a series yields. Pairs (k, t), k < t, are numbered t(t - 1)/2 + k.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Measured {
    /// sum_i d_i^2 [row][pair].
    pub(crate) second: Vec<Vec<f64>>,
    /// sum_i d_i^2 [pair] of the whole, by eighths of the parameters.
    pub(crate) parts: Vec<[f64; PARTS]>,
    /// sum_i d_i^4 [pair] of the whole; empty if not wanted.
    pub(crate) fourth: Vec<f64>,
    /// sum_i x_i^2 [row][checkpoint].
    pub(crate) norm: Vec<Vec<f64>>,
    /// NaN and infinities [checkpoint][tensor].
    pub(crate) non_finite: Vec<Vec<u64>>,
    /// BLAKE3 of the stored bytes [checkpoint][tensor].
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

fn tree(v: [f64; PARTS]) -> f64 {
    ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]))
}

/// What is to be measured.
pub(crate) struct Task<'a> {
    pub(crate) checkpoints: &'a [Checkpoint],
    pub(crate) common: &'a [Common],
    /// For each tensor the rows that it is added to; row 0 is the whole.
    pub(crate) rows_of: &'a [Vec<usize>],
    /// Number of rows.
    pub(crate) rows: usize,
    /// True if sums of fourth powers are wanted.
    pub(crate) fourth: bool,
    /// True if sums are exact to the rounding of f64 whatever the numbers are kept in.
    pub(crate) exact: bool,
    /// Bytes that may be used.
    pub(crate) memory: u64,
}

impl Task<'_> {
    fn pairs(&self) -> usize {
        self.checkpoints.len() * (self.checkpoints.len() - 1) / 2
    }

    /// Bytes of the results of one tile.
    fn tile_bytes(&self) -> u64 {
        ((self.pairs() + self.checkpoints.len()) * 8 * (PARTS + usize::from(self.fourth))) as u64
    }

    /// Bytes that are held besides slabs and results of tiles: sums of rows, of the tensor at hand and of the parts, results,
    /// buffers of the readers, scratch of the kernel, and the square arrays of the records when they are written.
    fn fixed_bytes(&self) -> u64 {
        let (rows, count) = (self.rows as u64, self.checkpoints.len() as u64);
        let results = self.pairs() as u64 + count;
        let threads = rayon::current_num_threads() as u64;
        let any = |test: fn(&Packing) -> bool| {
            self.checkpoints.iter().flat_map(|c| c.tensors.values()).any(|t| test(&t.1.packing))
        };
        let strided = any(|p| matches!(p, Packing::Strided(_)));
        let deflated = any(|p| matches!(p, Packing::Deflated { .. }));
        let readers =
            threads * (PIECE as u64 + if strided { COVER } else { 0 }) + if deflated { count << 17 } else { 0 };
        rows * results * 24
            + 2 * results * 16 * PARTS as u64
            + (3 * rows + 24) * count * count * 8
            + readers
            + threads * (2 << 20).max(count * 2048)
            + (8 << 20)
    }
}

/// Measures a series. Cost: each byte is read and hashed once; O(S^2 N/2) differences. Memory: at most `memory` bytes, of
/// which two slabs [S, n] take what the results leave. The same bytes whatever `memory` and the number of threads.
/// Checked by `tests/two_time.rs`.
pub(crate) fn measure<T: Real>(task: &Task<'_>, progress: &dyn Progress) -> Result<Measured, SeriesError> {
    let (checkpoints, common) = (task.checkpoints, task.common);
    let count = checkpoints.len();
    let (pairs, fixed, tile_bytes) = (task.pairs(), task.fixed_bytes(), task.tile_bytes());
    let entry = (2 * count * size_of::<T>()) as u64;
    let least = fixed + 2 * tile_bytes + entry * TILE as u64;
    if task.memory < least {
        let what = format!("{} rows of all pairs of {count} checkpoints", task.rows);
        let fix = "allow more, give fewer checkpoints, or fewer rows (`--detail whole` or `groups`)".to_owned();
        return Err(SeriesError::Memory { what, needed: least, allowed: task.memory, fix });
    }
    let batch = ((task.memory - fixed) / 8 / tile_bytes.max(1)).clamp(2, 64) as usize;
    let free = task.memory - fixed - batch as u64 * tile_bytes;
    let total: usize = common.iter().map(|c| c.len).sum();
    let useful = total.div_ceil(SLABS).max(SLAB).min(total).max(TILE);
    let width = ((free / entry) as usize).clamp(TILE, useful);
    let readings: Vec<Reading<'_>> = checkpoints.iter().map(Reading::new).collect();
    let mut now = Slab::<T>::new(count, width);
    let mut next = Slab::<T>::new(count, width);
    let mut totals = Totals::new(task);
    let mut spare: Vec<Work> = Vec::new();
    let benches: Mutex<Vec<Bench>> = Mutex::default();
    let bytes = |c: &Checkpoint| common.iter().map(|t| c.tensors[&t.name].1.bytes).sum::<u64>();
    progress.begin(checkpoints.iter().map(bytes).sum());
    let slabs = slabs(common, width);
    let readers = rayon::current_num_threads().min(count);
    let readings = Mutex::new(readings);
    let fill = |slab: &mut Slab<T>, tiles: &[Tile]| -> Result<(), SeriesError> {
        let mut readings = readings.lock().unwrap_or_else(|e| e.into_inner());
        slab.fill(&mut readings, common, tiles, readers, progress)
    };
    fill(&mut now, &slabs[0])?;
    for (number, tiles) in slabs.iter().enumerate() {
        std::thread::scope(|scope| -> Result<(), SeriesError> {
            let coming = slabs.get(number + 1);
            let reader = coming.map(|tiles| scope.spawn(|| fill(&mut next, tiles)));
            for tiles in tiles.chunks(batch) {
                spare.resize_with(batch, Work::default);
                let pairs = tiles.par_iter().zip(spare.par_iter_mut()).with_max_len(1);
                pairs.for_each(|(tile, work)| {
                    // The bench that was left last is the warmest.
                    let left = benches.lock().unwrap_or_else(|e| e.into_inner()).pop();
                    work.bench = left.unwrap_or_default();
                    now.compare(*tile, task, work);
                    benches.lock().unwrap_or_else(|e| e.into_inner()).push(std::mem::take(&mut work.bench));
                });
                totals.add(task, tiles, &spare);
            }
            match reader.map(|r| r.join()) {
                None => Ok(()),
                Some(Ok(result)) => result,
                Some(Err(panic)) => std::panic::resume_unwind(panic),
            }
        })?;
        std::mem::swap(&mut now, &mut next);
    }
    progress.end();
    let mut out = totals.finish(pairs);
    for reading in readings.into_inner().unwrap_or_else(|e| e.into_inner()) {
        out.hashes.push(reading.hashes);
        out.non_finite.push(reading.non_finite);
    }
    Ok(out)
}

/// The same entries of all checkpoints.
struct Slab<T>(Vec<Vec<T>>);

impl<T: Real> Slab<T> {
    fn new(count: usize, width: usize) -> Self {
        Self((0..count).map(|_| vec![T::default(); width]).collect())
    }

    /// Reads the tiles of all checkpoints, by `readers` threads.
    fn fill(
        &mut self,
        readings: &mut [Reading<'_>],
        common: &[Common],
        tiles: &[Tile],
        readers: usize,
        progress: &dyn Progress,
    ) -> Result<(), SeriesError> {
        let work = Mutex::new(readings.iter_mut().zip(&mut self.0));
        let read = || -> Result<(), SeriesError> {
            let mut buffer = vec![0_u8; PIECE];
            loop {
                let one = work.lock().unwrap_or_else(|e| e.into_inner()).next();
                let Some((reading, out)) = one else { return Ok(()) };
                reading.fill(common, tiles, out, &mut buffer, progress)?;
            }
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..readers).map(|_| scope.spawn(read)).collect();
            let mut result = read();
            for other in others {
                match other.join() {
                    Ok(theirs) => result = result.and(theirs),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            result
        })
    }

    fn compare(&self, tile: Tile, task: &Task<'_>, work: &mut Work) {
        let rows: Vec<&[T]> = self.0.iter().map(|x| &x[tile.at..tile.at + tile.len]).collect();
        T::compare(&rows, task.fourth, task.exact, work);
    }
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

/// Sums over tiles, then over tensors, in their order.
struct Totals {
    /// Of the tensor at hand, by part.
    second: Vec<[Sum; PARTS]>,
    fourth: Vec<Sum>,
    /// Of the whole, by part.
    parts: Vec<[Sum; PARTS]>,
    whole_fourth: Vec<Sum>,
    /// By row.
    rows: Vec<Vec<Sum>>,
}

/// Results that one thread adds up.
const GRAIN: usize = 512;

impl Totals {
    fn new(task: &Task<'_>) -> Self {
        let results = task.pairs() + task.checkpoints.len();
        let fourth = if task.fourth { results } else { 0 };
        Self {
            second: vec![[Sum::default(); PARTS]; results],
            fourth: vec![Sum::default(); fourth],
            parts: vec![[Sum::default(); PARTS]; results],
            whole_fourth: vec![Sum::default(); fourth],
            rows: vec![vec![Sum::default(); results]; task.rows],
        }
    }

    fn add(&mut self, task: &Task<'_>, tiles: &[Tile], found: &[Work]) {
        let mut done = 0;
        for run in tiles.chunk_by(|a, b| a.tensor == b.tensor) {
            let found = &found[done..done + run.len()];
            done += run.len();
            self.second.par_chunks_mut(GRAIN).enumerate().for_each(|(c, sums)| {
                for tile in found {
                    for (i, sums) in sums.iter_mut().enumerate() {
                        sums.iter_mut().zip(tile.sums.parts(c * GRAIN + i)).for_each(|(s, x)| s.add(x));
                    }
                }
            });
            for tile in found {
                self.fourth.iter_mut().zip(&tile.sums.fourth).for_each(|(s, x)| s.add(*x));
            }
            let (tensor, last) = (run[0].tensor, run[run.len() - 1]);
            if last.start + last.len == task.common[tensor].len {
                self.close(&task.rows_of[tensor]);
            }
        }
    }

    /// The tensor is complete: adds it to its rows.
    fn close(&mut self, rows: &[usize]) {
        for (i, sums) in self.second.iter_mut().enumerate() {
            let values = sums.map(Sum::value);
            self.parts[i].iter_mut().zip(values).for_each(|(s, x)| s.add(x));
            let value = tree(values);
            rows.iter().for_each(|&r| self.rows[r][i].add(value));
            *sums = [Sum::default(); PARTS];
        }
        for (whole, sum) in self.whole_fourth.iter_mut().zip(&mut self.fourth) {
            whole.add(std::mem::take(sum).value());
        }
    }

    fn finish(self, pairs: usize) -> Measured {
        let mut out = Measured::default();
        for row in self.rows {
            let mut values: Vec<f64> = row.into_iter().map(Sum::value).collect();
            out.norm.push(values.split_off(pairs));
            out.second.push(values);
        }
        out.parts = self.parts[..pairs].iter().map(|p| p.map(Sum::value)).collect();
        out.fourth = self.whole_fourth.iter().take(pairs).map(|s| s.value()).collect();
        out
    }
}
