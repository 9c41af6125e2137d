//! Reading files that may be truncated, corrupt or hostile: sizes are bounded before anything is allocated.

use flate2::read::GzDecoder;
use glasslab_core::Fault;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// Most bytes that a data file may expand to: 8 GiB.
pub const MOST: u64 = 8 << 30;
/// Deflate cannot expand by more than this factor (zlib technical notes: 1032).
const RATIO: u64 = 1032;

pub fn fault(path: &Path, problem: impl Into<String>) -> Fault {
    Fault::File { path: path.to_owned(), problem: problem.into() }
}

/// A file that is opened, gzipped or not (recognised by its first two bytes).
pub struct Source<'a> {
    path: &'a Path,
    reader: Box<dyn Read>,
    /// The contents cannot be longer than this.
    bound: u64,
}

impl<'a> Source<'a> {
    pub fn open(path: &'a Path) -> Result<Self, Fault> {
        let io = |e: std::io::Error| fault(path, format!("cannot be read: {e}"));
        let mut file = File::open(path).map_err(io)?;
        let meta = file.metadata().map_err(io)?;
        if !meta.is_file() {
            return Err(fault(path, "is not a plain file"));
        }
        let mut magic = Vec::new();
        file.by_ref().take(2).read_to_end(&mut magic).map_err(io)?;
        let whole = BufReader::new(std::io::Cursor::new(magic.clone()).chain(file));
        let (reader, bound): (Box<dyn Read>, u64) = if magic == [0x1f, 0x8b] {
            (Box::new(GzDecoder::new(whole)), meta.len().saturating_mul(RATIO))
        } else {
            (Box::new(whole), meta.len())
        };
        Ok(Self { path, reader, bound: bound.min(MOST) })
    }

    pub fn path(&self) -> &'a Path {
        self.path
    }

    /// The most bytes that may be in the file.
    pub fn bound(&self) -> u64 {
        self.bound
    }

    /// Exactly `len` bytes; refuses before allocating if the file cannot hold them.
    pub fn bytes(&mut self, len: u64, what: &str) -> Result<Vec<u8>, Fault> {
        if len > self.bound {
            let problem =
                format!("is truncated or corrupt: {len} bytes of {what} are announced, at most {} fit", self.bound);
            return Err(fault(self.path, problem));
        }
        let mut out = Vec::new();
        let read = self.reader.by_ref().take(len).read_to_end(&mut out);
        read.map_err(|e| fault(self.path, format!("is corrupt: {e}")))?;
        if out.len() as u64 != len {
            let problem = format!("is truncated: it ends after {} of {len} bytes of {what}", out.len());
            return Err(fault(self.path, problem));
        }
        Ok(out)
    }

    /// All that is left, at most `MOST` bytes.
    pub fn rest(&mut self) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::new();
        let read = self.reader.by_ref().take(self.bound + 1).read_to_end(&mut out);
        read.map_err(|e| fault(self.path, format!("is corrupt: {e}")))?;
        if out.len() as u64 > self.bound {
            return Err(fault(self.path, format!("expands to more than {} bytes", self.bound)));
        }
        Ok(out)
    }

    /// Refuses a file that goes on (and checks the gzip checksum, which stands at the end).
    pub fn end(mut self) -> Result<(), Fault> {
        match self.reader.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(fault(self.path, "is longer than its header says")),
            Err(e) => Err(fault(self.path, format!("is corrupt: {e}"))),
        }
    }
}
