//! numpy arrays: `.npy` files and `.npz` archives of them, stored or compressed. Arrays of Python objects are pickles and are
//! never read.
//!
//! Source: NumPy Enhancement Proposal 1, "A Simple File Format for NumPy Arrays" (versions 1 to 3). `|V2` is read as bfloat16, as which
//! the package `ml_dtypes` stores it. Checked by `tests/formats.rs` and `tests/hostile.rs`.

use crate::dtype::Dtype;
use crate::error::{SeriesError, io, refused};
use crate::header::{Header, NAME, Packing, RANK, Tensor};
use crate::zip::Member;
use flate2::read::DeflateDecoder;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// First bytes of a `.npy` file.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";
/// Longest header that is read.
const HEADER: usize = 1 << 16;
/// What to do about a damaged array.
const FIX: &str = "the array is truncated or damaged: save it again with numpy.save or numpy.savez";

/// The header of one array.
struct Head {
    descr: String,
    fortran: bool,
    shape: Vec<u64>,
    /// Bytes of the header with magic and length.
    bytes: u64,
}

/// One `.npy` file: one tensor called `name`.
pub(crate) fn read_npy(path: &Path, file: &mut File, size: u64, name: &str) -> Result<Header, SeriesError> {
    file.seek(SeekFrom::Start(0)).map_err(io("read", path))?;
    let head = head(path, name, file)?;
    let tensor = tensor(path, name, head, 0, size, None)?;
    let tensor =
        tensor.ok_or_else(|| refused(path, "dtype", "Python objects", "these are pickles and are never read"))?;
    Ok(Header { tensors: vec![tensor], metadata: BTreeMap::new(), file_bytes: size })
}

/// The arrays of an archive. Numbers called `step`, `global_step`, `iteration` or `epoch` are metadata as well.
pub(crate) fn read_npz(path: &Path, file: &mut File, size: u64, members: &[Member]) -> Result<Header, SeriesError> {
    let mut header = Header { file_bytes: size, ..Header::default() };
    let mut seen = std::collections::BTreeSet::new();
    for member in members {
        let Some(name) = member.name.strip_suffix(".npy") else { continue };
        if name.len() > NAME {
            let value = format!("{} bytes", name.len());
            return Err(refused(path, "name of an array", value, format!("at most {NAME} bytes are read: rename it")));
        }
        if !seen.insert(name) {
            return Err(refused(path, "array", format!("{name:?}"), "it stands there twice: save the archive again"));
        }
        file.seek(SeekFrom::Start(member.start)).map_err(io("read", path))?;
        let stored = file.by_ref().take(member.compressed);
        let packed = member.deflated.then_some(member.compressed);
        let found = match member.deflated {
            false => head(path, name, &mut { stored })?,
            true => head(path, name, &mut DeflateDecoder::new(stored))?,
        };
        let skip = found.bytes;
        if let Some(tensor) = tensor(path, name, found, member.start, member.size, packed)? {
            let whole = matches!(name, "step" | "global_step" | "iteration" | "epoch");
            if whole
                && matches!(tensor.dtype_name.as_str(), "<i8" | "<i4" | "<u8" | "<u4")
                && tensor.len() == 1
                && packed.is_none()
            {
                let mut bytes = vec![0_u8; tensor.bytes as usize];
                file.seek(SeekFrom::Start(member.start + skip)).map_err(io("read", path))?;
                file.read_exact(&mut bytes).map_err(io("read", path))?;
                bytes.resize(8, 0);
                let number = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
                header.metadata.insert(name.to_owned(), number.to_string());
            }
            header.tensors.push(tensor);
        }
    }
    header.tensors.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(header)
}

/// Reads magic, version, length and text of a header.
fn head(path: &Path, name: &str, from: &mut dyn Read) -> Result<Head, SeriesError> {
    let bad = |what: &str, value: String| refused(path, format!("array {name:?}: {what}"), value, FIX);
    let mut take = |len: usize| -> Result<Vec<u8>, SeriesError> {
        let mut bytes = vec![0_u8; len];
        from.read_exact(&mut bytes).map_err(|e| bad("header", e.to_string()))?;
        Ok(bytes)
    };
    let start = take(8)?;
    if !start.starts_with(MAGIC) {
        return Err(bad("first bytes", "not those of a numpy array".to_owned()));
    }
    let wide = match start[6] {
        1 => 2,
        2 | 3 => 4,
        other => return Err(bad("version", other.to_string())),
    };
    let mut length = take(wide)?;
    length.resize(4, 0);
    let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
    if length > HEADER {
        return Err(bad("header length", format!("{length} bytes, at most {HEADER} are read")));
    }
    let text = String::from_utf8(take(length)?).map_err(|_| bad("header", "not text".to_owned()))?;
    let (descr, fortran, shape) = parse(&text).ok_or_else(|| {
        let shown: String = text.chars().take(120).collect();
        bad("header", format!("{shown:?}"))
    })?;
    Ok(Head { descr, fortran, shape, bytes: (8 + wide + length) as u64 })
}

/// `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, and nothing else. A descr that is no string (a record type)
/// is kept as its text.
fn parse(text: &str) -> Option<(String, bool, Vec<u64>)> {
    let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    while !rest.is_empty() {
        let (key, after) = rest.strip_prefix('\'')?.split_once('\'')?;
        let value = after.trim_start().strip_prefix(':')?.trim_start();
        rest = match key {
            "descr" if value.starts_with('\'') => {
                let (v, after) = value[1..].split_once('\'')?;
                descr = Some(v.to_owned());
                after
            }
            "descr" => {
                let end = value.find(']')? + 1;
                descr = Some(value[..end].to_owned());
                &value[end..]
            }
            "fortran_order" => match (value.strip_prefix("False"), value.strip_prefix("True")) {
                (Some(after), _) => {
                    fortran = Some(false);
                    after
                }
                (_, Some(after)) => {
                    fortran = Some(true);
                    after
                }
                _ => return None,
            },
            "shape" => {
                let (inner, after) = value.strip_prefix('(')?.split_once(')')?;
                let sizes = inner.split(',').map(str::trim).filter(|s| !s.is_empty());
                shape = Some(sizes.map(|s| s.trim_end_matches('L').parse().ok()).collect::<Option<Vec<u64>>>()?);
                after
            }
            _ => return None,
        }
        .trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    Some((descr?, fortran?, shape?))
}

/// The tensor of a header within `size` decompressed bytes that begin at `start`; `None` for Python objects.
fn tensor(
    path: &Path,
    name: &str,
    head: Head,
    start: u64,
    size: u64,
    packed: Option<u64>,
) -> Result<Option<Tensor>, SeriesError> {
    let field = |what: &str| format!("array {name:?}: {what}");
    if head.descr.contains('O') {
        return Ok(None);
    }
    let text = || head.descr.strip_prefix("<U").or(head.descr.strip_prefix("|S"));
    let dtype = Dtype::numpy(&head.descr).or_else(|| text().map(|_| Dtype::Other(1)));
    let Some(dtype) = dtype else {
        let fix = "this number format is not read: convert it with .astype('<f4')";
        return Err(refused(path, field("descr"), &head.descr, fix));
    };
    if head.shape.len() > RANK {
        return Err(refused(path, field("shape"), format!("{} dimensions", head.shape.len()), "reshape it"));
    }
    let bytes = if text().is_some() {
        size.checked_sub(head.bytes)
    } else {
        head.shape.iter().try_fold(dtype.bytes(), |p, &n| p.checked_mul(n))
    };
    let Some(bytes) = bytes.filter(|b| b.checked_add(head.bytes) == Some(size)) else {
        let value = format!("{:?} of {}", head.shape, head.descr);
        return Err(refused(path, field("shape"), value, format!("there are {size} bytes with the header: {FIX}")));
    };
    let packing = match (packed, head.fortran && head.shape.len() > 1) {
        (Some(_), true) if dtype.is_float() => {
            let fix = "compressed and in Fortran order: save numpy.ascontiguousarray of it";
            return Err(refused(path, field("fortran_order"), "True", fix));
        }
        (Some(compressed), _) => Packing::Deflated { compressed, skip: head.bytes },
        (None, true) => {
            let mut stride = 1_u64;
            Packing::Strided(
                head.shape
                    .iter()
                    .map(|n| {
                        let own = stride;
                        stride = stride.saturating_mul(*n);
                        own
                    })
                    .collect(),
            )
        }
        (None, false) => Packing::Plain,
    };
    let offset = if packed.is_some() { start } else { start + head.bytes };
    Ok(Some(Tensor { name: name.to_owned(), dtype, dtype_name: head.descr, shape: head.shape, offset, bytes, packing }))
}
