//! Headers of safetensors files, read with distrust: every size is checked before memory is taken.
//!
//! Format: 8 bytes of header length n (little endian), n bytes of JSON (name -> dtype, shape, data_offsets), the data.
//! The data must be covered by the tensors without overlap, hole or remainder. Pickles are never read.
//! Source: the safetensors format of Hugging Face, README of its repository. Checked by `tests/hostile.rs`.

use crate::dtype::Dtype;
use crate::error::{SeriesError, io, refused};
use serde::Deserialize;
use serde::de::{Error, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Longest header that is read, in bytes: ten times that of the largest public models.
pub const HEADER_BYTES: u64 = 16 << 20;
/// Most tensors of one file.
pub const TENSORS: usize = 1 << 16;
/// Most bytes of a tensor's name, and most dimensions of a tensor.
pub(crate) const NAME: usize = 1024;
pub(crate) const RANK: usize = 32;

/// How the bytes of a tensor lie in its file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// One after another, in the order of the entries.
    #[default]
    Plain,
    /// Compressed (deflate): `offset` is where the compressed bytes begin.
    Deflated {
        /// Compressed bytes.
        compressed: u64,
        /// Bytes of the decompressed stream in front of the tensor.
        skip: u64,
    },
    /// Entry (i, j, ...) at `offset` plus the sum of index times stride, in entries.
    Strided(Vec<u64>),
}

/// One tensor of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Its name: a mere name, never a path.
    pub name: String,
    /// Its number format.
    pub dtype: Dtype,
    /// The format as the file names it.
    pub dtype_name: String,
    /// Its shape.
    pub shape: Vec<u64>,
    /// Where its bytes begin in the file.
    pub offset: u64,
    /// How many bytes it has.
    pub bytes: u64,
    /// How they lie in the file.
    pub packing: Packing,
}

impl Tensor {
    /// Number of entries.
    pub fn len(&self) -> u64 {
        self.bytes / self.dtype.bytes()
    }

    /// True if there is no entry.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }
}

/// The header of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The tensors, in the order of their names.
    pub tensors: Vec<Tensor>,
    /// Free text of the writer.
    pub metadata: BTreeMap<String, String>,
    /// Bytes of the whole file.
    pub file_bytes: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

#[derive(Default)]
struct Raw {
    entries: BTreeMap<String, Entry>,
    metadata: BTreeMap<String, String>,
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Names)
    }
}

struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = Raw;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a map from the names of tensors to their dtype, shape and data_offsets")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut raw = Raw::default();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                raw.metadata = map.next_value()?;
                continue;
            }
            if name.len() > NAME {
                return Err(A::Error::custom(format!(
                    "a tensor's name has {} bytes, at most {NAME} are read",
                    name.len()
                )));
            }
            if raw.entries.len() == TENSORS {
                return Err(A::Error::custom(format!("there are more than {TENSORS} tensors")));
            }
            let entry = map.next_value()?;
            if raw.entries.contains_key(&name) {
                return Err(A::Error::custom(format!("the tensor {name:?} stands there twice")));
            }
            raw.entries.insert(name, entry);
        }
        Ok(raw)
    }
}

/// Reads and checks the header of a safetensors file. Cost O(header); memory a small multiple of the header, which is at
/// most [`HEADER_BYTES`].
pub fn read_header(path: &Path) -> Result<Header, SeriesError> {
    let facts = std::fs::metadata(path).map_err(io("read", path))?;
    if !facts.is_file() {
        return Err(refused(path, "kind", "not a regular file", "give a safetensors file"));
    }
    let size = facts.len();
    if size < 10 {
        return Err(refused(path, "size", format!("{size} bytes"), "too short for a safetensors file: save it again"));
    }
    let mut file = File::open(path).map_err(io("open", path))?;
    let mut length = [0_u8; 8];
    file.read_exact(&mut length).map_err(io("read", path))?;
    let length = u64::from_le_bytes(length);
    if length > size - 8 {
        let fix = format!("the file has {size} bytes: it is truncated or no safetensors file; save it again");
        return Err(refused(path, "header length", format!("{length} bytes"), fix));
    }
    if length > HEADER_BYTES {
        let fix = format!("at most {HEADER_BYTES} bytes are read: save the weights without what is beside them");
        return Err(refused(path, "header length", format!("{length} bytes"), fix));
    }
    let mut text = vec![0_u8; length as usize];
    file.read_exact(&mut text).map_err(io("read", path))?;
    let raw: Raw = serde_json::from_slice(&text)
        .map_err(|e| refused(path, "header", e, "it is damaged or no safetensors file: save it again"))?;
    check(path, raw, 8 + length, size)
}

fn check(path: &Path, raw: Raw, start: u64, size: u64) -> Result<Header, SeriesError> {
    let data = size - start;
    let mut tensors = Vec::with_capacity(raw.entries.len());
    for (name, entry) in raw.entries {
        let field = |what: &str| format!("tensor {name:?}: {what}");
        let Some(dtype) = Dtype::named(&entry.dtype) else {
            let fix = "this number format is not known: save it as F64, F32, F16 or BF16";
            return Err(refused(path, field("dtype"), format!("{:?}", entry.dtype), fix));
        };
        if entry.shape.len() > RANK {
            let rank = format!("{} dimensions", entry.shape.len());
            return Err(refused(path, field("shape"), rank, format!("at most {RANK} dimensions are read: reshape it")));
        }
        let (from, to) = entry.data_offsets;
        let bytes = entry.shape.iter().try_fold(dtype.bytes(), |p, &n| p.checked_mul(n));
        if to > data || from > to {
            let fix = format!("the file holds {data} bytes of data: it is truncated or damaged; save it again");
            return Err(refused(path, field("data_offsets"), format!("[{from}, {to}]"), fix));
        }
        if bytes != Some(to - from) {
            let fix =
                format!("its data_offsets [{from}, {to}] hold {} bytes of {}: save it again", to - from, entry.dtype);
            return Err(refused(path, field("shape"), format!("{:?}", entry.shape), fix));
        }
        let (offset, bytes) = (start + from, to - from);
        tensors.push(Tensor {
            name,
            dtype,
            dtype_name: entry.dtype,
            shape: entry.shape,
            offset,
            bytes,
            packing: Packing::Plain,
        });
    }
    let mut order: Vec<&Tensor> = tensors.iter().collect();
    order.sort_by_key(|t| (t.offset, t.bytes));
    let mut end = start;
    for t in order {
        if t.offset != end {
            let what = if t.offset < end { "overlaps the one before it" } else { "leaves a hole before it" };
            let field = format!("tensor {:?}: data_offsets", t.name);
            let value = format!("[{}, {}]", t.offset - start, t.offset - start + t.bytes);
            return Err(refused(path, field, value, format!("it {what}: the file is damaged, save it again")));
        }
        end += t.bytes;
    }
    if end != size {
        let fix = format!("its tensors end at byte {end}: the file is damaged, save it again");
        return Err(refused(path, "size", format!("{size} bytes"), fix));
    }
    Ok(Header { tensors, metadata: raw.metadata, file_bytes: size })
}
