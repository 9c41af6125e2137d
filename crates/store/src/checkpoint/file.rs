//! One file of a checkpoint: a safetensors file whose header carries an index and the SHA-256 of everything.

use crate::StoreError;
use crate::bytes::Bytes;
use glasslab_core::Array;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// The one key of the file's metadata.
const KEY: &str = "glasslab";

/// What a checkpoint consists of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Index {
    /// The step.
    pub step: u64,
    /// All arrays of the state, in order.
    pub order: Vec<String>,
    /// `once/` arrays in files of their own: name without `once/`, digest of that file.
    pub once: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    index: Index,
    sha256: String,
}

fn feed(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

/// SHA-256 of the index and of all arrays (name, type, bytes), in the order of their names.
fn digest<'a>(index: &Index, arrays: impl Iterator<Item = (&'a str, Dtype, &'a [u8])>) -> String {
    let mut arrays: Vec<_> = arrays.collect();
    arrays.sort_unstable_by_key(|a| a.0);
    let mut hash = Sha256::new();
    feed(&mut hash, format!("{index:?}").as_bytes());
    for (name, kind, bytes) in arrays {
        feed(&mut hash, name.as_bytes());
        feed(&mut hash, format!("{kind:?}").as_bytes());
        feed(&mut hash, bytes);
    }
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// The bytes of the file and its digest.
pub(super) fn encode(index: Index, arrays: &[(&str, &Array)]) -> Result<(Vec<u8>, String), StoreError> {
    let arrays: Vec<(&str, Bytes)> = arrays.iter().map(|(n, a)| (*n, Bytes::of(a))).collect();
    let sha256 = digest(&index, arrays.iter().map(|(n, b)| (*n, b.kind, b.bytes.as_slice())));
    let sealed = Sealed { index, sha256: sha256.clone() };
    let refused = |_| StoreError::State { name: "index".to_owned(), problem: "does not fit a checkpoint" };
    let text = serde_json::to_string(&sealed)
        .map_err(|_| StoreError::State { name: "index".to_owned(), problem: "is no JSON" })?;
    let metadata = HashMap::from([(KEY.to_owned(), text)]);
    let bytes = safetensors::serialize(arrays.iter().map(|(n, b)| (*n, b)), Some(metadata)).map_err(refused)?;
    Ok((bytes, sha256))
}

/// Index, arrays and digest of a file, all checked; or what is wrong with it.
pub(super) fn decode(bytes: &[u8]) -> Result<(Index, HashMap<String, Array>, String), String> {
    let unreadable = |e: safetensors::SafeTensorError| format!("it is no safetensors file ({e}; truncated?)");
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
    let text = header.metadata().as_ref().and_then(|m| m.get(KEY)).ok_or("it has no index")?;
    let sealed: Sealed = serde_json::from_str(text).map_err(|e| format!("its index is unreadable ({e})"))?;
    let tensors = SafeTensors::deserialize(bytes).map_err(unreadable)?;
    let found = digest(&sealed.index, tensors.iter().map(|(n, t)| (n, t.dtype(), t.data())));
    if found != sealed.sha256 {
        return Err("its SHA-256 does not match its contents".to_owned());
    }
    let mut arrays = HashMap::new();
    for (name, tensor) in tensors.iter() {
        let data = tensor.data();
        let eights = data.as_chunks::<8>().0.iter();
        let array = match tensor.dtype() {
            Dtype::F64 => Array::F64(eights.map(|b| f64::from_le_bytes(*b)).collect()),
            Dtype::U64 => Array::U64(eights.map(|b| u64::from_le_bytes(*b)).collect()),
            Dtype::F32 => Array::F32(data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
            other => return Err(format!("its array `{name}` has the type {other:?}")),
        };
        arrays.insert(name.to_owned(), array);
    }
    Ok((sealed.index, arrays, found))
}
