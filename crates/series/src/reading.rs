//! Reading the tensors of one checkpoint in order, whatever their packing: plain, compressed, or with strides.

use crate::dtype::{Real, decode, not_finite};
use crate::error::{SeriesError, io, refused};
use crate::header::{Packing, Tensor};
use crate::layout::{Checkpoint, Common};
use crate::stream::Progress;
use blake3::Hasher;
use flate2::bufread::DeflateDecoder;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Take};
use std::path::Path;

/// Bytes that are read at once.
pub(crate) const PIECE: usize = 1 << 20;
/// Most bytes of the stretch of a file that is read to gather entries with strides.
pub(crate) const COVER: u64 = 16 << 20;

/// Fingerprint of a tensor's bytes.
pub(crate) type Hash = [u8; 32];

/// Consecutive entries of one tensor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tile {
    pub(crate) tensor: usize,
    pub(crate) start: usize,
    pub(crate) len: usize,
    /// Where in the slab.
    pub(crate) at: usize,
}

type Inflating = DeflateDecoder<BufReader<Take<File>>>;

/// What is known of one checkpoint while it is read.
pub(crate) struct Reading<'a> {
    checkpoint: &'a Checkpoint,
    hasher: Hasher,
    /// The compressed tensor that was read last, which goes on where it stopped.
    inflating: Option<(usize, Inflating)>,
    pub(crate) hashes: Vec<Hash>,
    pub(crate) non_finite: Vec<u64>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(checkpoint: &'a Checkpoint) -> Self {
        Self { checkpoint, hasher: Hasher::new(), inflating: None, hashes: Vec::new(), non_finite: Vec::new() }
    }

    /// Opens a file, if it is as long as it was when its header was read.
    fn open(&self, number: usize) -> Result<File, SeriesError> {
        let path = &self.checkpoint.files[number];
        let file = File::open(path).map_err(io("open", path))?;
        let (size, before) = (file.metadata().map_err(io("read", path))?.len(), self.checkpoint.file_bytes[number]);
        if size != before {
            let fix = format!("it had {before} when it was opened: wait until it is written");
            return Err(refused(path, "size", format!("{size} bytes"), fix));
        }
        Ok(file)
    }

    /// Reads, hashes and decodes the tiles of a slab: runs of tiles of one tensor are read together.
    pub(crate) fn fill<T: Real>(
        &mut self,
        common: &[Common],
        tiles: &[Tile],
        slab: &mut [T],
        buffer: &mut [u8],
        progress: &dyn Progress,
    ) -> Result<(), SeriesError> {
        let checkpoint = self.checkpoint;
        let mut open: Option<(usize, File)> = None;
        for run in tiles.chunk_by(|a, b| a.tensor == b.tensor) {
            let (first, last) = (run[0], run[run.len() - 1]);
            let (number, tensor) = &checkpoint.tensors[&common[first.tensor].name];
            let path = &checkpoint.files[*number];
            if open.as_ref().is_none_or(|o| o.0 != *number) {
                open = Some((*number, self.open(*number)?));
            }
            let Some((_, file)) = &mut open else { continue };
            if first.start == 0 {
                self.hasher = Hasher::new();
                self.non_finite.push(0);
            }
            let wide = tensor.dtype.bytes() as usize;
            let (mut at, end) = (first.at, last.at + last.len);
            if tensor.packing == Packing::Plain {
                file.seek(SeekFrom::Start(tensor.offset + (first.start * wide) as u64)).map_err(io("read", path))?;
            }
            while at < end {
                let len = (end - at).min(buffer.len() / wide);
                if cfg!(target_endian = "little")
                    && tensor.packing == Packing::Plain
                    && tensor.dtype == T::DTYPE
                    && checkpoint.added.is_empty()
                {
                    // Straight to where it is wanted, and hashed and checked while it is in the cache.
                    let numbers = &mut slab[at..at + len];
                    let bytes: &mut [u8] = pulp::bytemuck::cast_slice_mut(numbers);
                    file.read_exact(bytes).map_err(io("read", path))?;
                    self.hasher.update(bytes);
                    self.non_finite[first.tensor] += not_finite(numbers);
                    at += len;
                    progress.read((len * wide) as u64);
                    continue;
                }
                let bytes = &mut buffer[..len * wide];
                match &tensor.packing {
                    Packing::Plain => file.read_exact(bytes).map_err(io("read", path))?,
                    Packing::Deflated { compressed, skip } => {
                        let from_start = first.start == 0 && at == first.at;
                        self.inflate(first.tensor, from_start, tensor, (*compressed, *skip), *number, bytes)?;
                    }
                    Packing::Strided(strides) => {
                        gather(path, file, tensor, strides, first.start + at - first.at, bytes)?
                    }
                }
                self.hasher.update(&*bytes);
                self.non_finite[first.tensor] += decode(tensor.dtype, bytes, &mut slab[at..at + len]);
                if let Some(others) = checkpoint.added.get(&common[first.tensor].name) {
                    self.add(others, first.start + at - first.at, &mut slab[at..at + len], bytes)?;
                }
                at += len;
                progress.read((len * wide) as u64);
            }
            if last.start + last.len == common[first.tensor].len {
                self.hashes.push(self.hasher.finalize().into());
                self.hasher.reset();
                self.inflating = None;
            }
        }
        Ok(())
    }

    /// Adds the same entries of the sketches of other shards.
    fn add<T: Real>(
        &mut self,
        others: &[(usize, Tensor)],
        start: usize,
        sum: &mut [T],
        bytes: &mut [u8],
    ) -> Result<(), SeriesError> {
        let mut values = vec![0.0_f64; sum.len()];
        for (number, tensor) in others {
            let (mut file, path) = (self.open(*number)?, &self.checkpoint.files[*number]);
            file.seek(SeekFrom::Start(tensor.offset + 8 * start as u64)).map_err(io("read", path))?;
            file.read_exact(bytes).map_err(io("read", path))?;
            self.hasher.update(&*bytes);
            decode(tensor.dtype, bytes, &mut values);
            sum.iter_mut().zip(&values).for_each(|(s, v)| *s = T::of_double((*s).into() + v));
        }
        Ok(())
    }

    /// The next bytes of a compressed tensor.
    fn inflate(
        &mut self,
        number: usize,
        from_start: bool,
        tensor: &Tensor,
        (compressed, skip): (u64, u64),
        file: usize,
        bytes: &mut [u8],
    ) -> Result<(), SeriesError> {
        let path = &self.checkpoint.files[file];
        if from_start || self.inflating.as_ref().is_none_or(|i| i.0 != number) {
            let mut opened = self.open(file)?;
            opened.seek(SeekFrom::Start(tensor.offset)).map_err(io("read", path))?;
            let mut stream = DeflateDecoder::new(BufReader::with_capacity(1 << 16, opened.take(compressed)));
            let mut head = vec![0_u8; skip as usize];
            stream.read_exact(&mut head).map_err(io("decompress", path))?;
            self.inflating = Some((number, stream));
        }
        match &mut self.inflating {
            Some((_, stream)) => stream.read_exact(bytes).map_err(io("decompress", path)),
            None => Ok(()),
        }
    }
}

/// Entries `start..` of a tensor with strides, in the order of its shape (the last index fastest), as bytes. Reads the stretch of the
/// file that covers them, in parts of at most [`COVER`] bytes.
fn gather(
    path: &Path,
    file: &mut File,
    tensor: &Tensor,
    strides: &[u64],
    start: usize,
    bytes: &mut [u8],
) -> Result<(), SeriesError> {
    let wide = tensor.dtype.bytes();
    let place = |mut i: u64| -> u64 {
        let index = tensor.shape.iter().zip(strides).rev().map(|(n, s)| {
            let digit = i % n;
            i /= n;
            digit * s
        });
        index.sum()
    };
    let mut done = 0;
    let count = bytes.len() / wide as usize;
    while done < count {
        let mut len = count - done;
        let (low, high) = loop {
            let places = (0..len).map(|i| place((start + done + i) as u64));
            let (low, high) = places.fold((u64::MAX, 0), |(a, b), p| (a.min(p), b.max(p)));
            if (high - low + 1) * wide <= COVER {
                break (low, high);
            }
            if len == 1 {
                return Err(refused(path, "stride", format!("{strides:?}"), "save the tensor with .contiguous()"));
            }
            len /= 2;
        };
        let mut stretch = vec![0_u8; ((high - low + 1) * wide) as usize];
        file.seek(SeekFrom::Start(tensor.offset + low * wide)).map_err(io("read", path))?;
        file.read_exact(&mut stretch).map_err(io("read", path))?;
        for i in 0..len {
            let from = ((place((start + done + i) as u64) - low) * wide) as usize;
            let to = (done + i) * wide as usize;
            bytes[to..to + wide as usize].copy_from_slice(&stretch[from..from + wide as usize]);
        }
        done += len;
    }
    Ok(())
}
