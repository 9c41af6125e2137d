//! PyTorch checkpoints (`torch.save` since 1.6): a zip archive of one pickle, read without running it, and of storages.

use crate::dtype::Dtype;
use crate::error::{SeriesError, io, refused};
use crate::finding::names;
use crate::header::{Header, NAME, Packing, TENSORS, Tensor};
use crate::pickle::{Pickled, Value, View, unpickle};
use crate::zip::Member;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Longest pickle that is read, in bytes.
const PICKLE: u64 = 32 << 20;
/// Dictionaries in dictionaries, at most.
const DEPTH: usize = 16;
/// Values that are looked at, at most.
const VISITS: usize = 1 << 20;
/// Views may share storages, but together have at most this many times the bytes of the file.
const SHARED: u64 = 4;
/// Where state dicts are kept in checkpoints of common trainers, in the order in which they are tried.
const KEYS: [&str; 9] =
    ["state_dict", "model_state_dict", "model", "module", "model_state", "net", "network", "weights", "params"];
/// What to do about a pickle that is not plain.
const FIX: &str = "only tensors, dictionaries, lists, texts and numbers are read, nothing of a pickle is run: save the state dict \
                   alone (torch.save(model.state_dict(), path), or safetensors)";

/// The tensors of a checkpoint. `key` names the state dict where there are several (`model`, `ema.model`).
pub(crate) fn read_torch(
    path: &Path,
    file: &mut File,
    size: u64,
    members: &[Member],
    key: Option<&str>,
) -> Result<Header, SeriesError> {
    let data: Vec<&Member> = members.iter().filter(|m| m.name == "data.pkl" || m.name.ends_with("/data.pkl")).collect();
    let [data] = data[..] else {
        let fix = "a checkpoint has exactly one: save it again with torch.save";
        return Err(refused(path, "data.pkl", format!("{} of them", data.len()), fix));
    };
    let prefix = data.name.strip_suffix("data.pkl").unwrap_or("");
    if data.deflated || data.size > PICKLE {
        let value = format!("{} bytes{}", data.size, if data.deflated { ", compressed" } else { "" });
        return Err(refused(
            path,
            "data.pkl",
            value,
            format!("at most {PICKLE} bytes, stored as they are, are read: {FIX}"),
        ));
    }
    let mut read = |m: &Member, most: u64| -> Result<Vec<u8>, SeriesError> {
        let mut bytes = vec![0_u8; m.size.min(most) as usize];
        file.seek(SeekFrom::Start(m.start)).map_err(io("read", path))?;
        file.read_exact(&mut bytes).map_err(io("read", path))?;
        Ok(bytes)
    };
    let order = members.iter().find(|m| m.name.strip_prefix(prefix) == Some("byteorder") && !m.deflated);
    if let Some(order) = order
        && read(order, 16)? == b"big"
    {
        return Err(refused(
            path,
            "byteorder",
            "big",
            "only little-endian checkpoints are read: save it on a usual machine",
        ));
    }
    let bytes = read(data, PICKLE)?;
    let pickled = unpickle(&bytes).map_err(|(field, value)| refused(path, format!("pickle: {field}"), value, FIX))?;
    let (root, metadata) = choose(path, &pickled, key)?;
    let mut walk = Walk { pickled: &pickled, found: BTreeMap::new(), visits: 0 };
    walk.down(root, String::new(), 0).map_err(|(field, value)| refused(path, field, value, FIX))?;
    let storages: HashMap<&str, &Member> =
        members.iter().filter_map(|m| Some((m.name.strip_prefix(prefix)?.strip_prefix("data/")?, m))).collect();
    let mut header = Header { tensors: Vec::new(), metadata, file_bytes: size };
    let mut total = 0_u64;
    for (name, view) in walk.found {
        let tensor = tensor(path, &name, view, &storages)?;
        total = total.saturating_add(tensor.bytes);
        header.tensors.push(tensor);
    }
    if total > SHARED * size {
        let fix = format!("more than {SHARED} times the {size} bytes of the file: {FIX}");
        return Err(refused(path, "bytes of all tensors", total, fix));
    }
    Ok(header)
}

/// The value that holds the state dict, and the step numbers beside it.
fn choose(
    path: &Path,
    pickled: &Pickled<'_>,
    key: Option<&str>,
) -> Result<(u32, BTreeMap<String, String>), SeriesError> {
    let mut metadata = BTreeMap::new();
    let table = |value: u32| match &pickled.values[value as usize] {
        Value::Table(t) => t.as_slice(),
        _ => &[],
    };
    let get = |of: u32, key: &str| {
        table(of).iter().rev().find(|(k, _)| pickled.text(*k).as_deref() == Some(key)).map(|e| e.1)
    };
    let tensors = |of: u32| table(of).iter().any(|(_, v)| matches!(pickled.values[*v as usize], Value::Tensor(_)));
    for word in ["global_step", "step", "iteration", "epoch"] {
        if let Some(value) = get(pickled.root, word)
            && let Value::Int(n) = pickled.values[value as usize]
            && n >= 0
        {
            metadata.insert(word.to_owned(), n.to_string());
        }
    }
    let keys = || {
        let all: Vec<String> = table(pickled.root).iter().filter_map(|(k, _)| pickled.text(*k)).collect();
        format!("it has {}", names(&all))
    };
    if let Some(key) = key {
        let found = get(pickled.root, key).or_else(|| key.split('.').try_fold(pickled.root, &get));
        let found = found.ok_or_else(|| refused(path, "key", key, format!("the checkpoint lacks it: {}", keys())))?;
        return Ok((found, metadata));
    }
    if tensors(pickled.root) || !matches!(pickled.values[pickled.root as usize], Value::Table(_)) {
        return Ok((pickled.root, metadata));
    }
    let usual = KEYS.iter().filter_map(|k| get(pickled.root, k)).find(|&v| tensors(v));
    let nested = || {
        let mut all = table(pickled.root).iter().map(|e| e.1).filter(|&v| tensors(v));
        all.next().filter(|_| all.next().is_none())
    };
    let found = usual.or_else(nested);
    let fix = || format!("give --key with the name of the state dict; {}", keys());
    Ok((found.ok_or_else(|| refused(path, "state dict", "not found", fix()))?, metadata))
}

struct Walk<'a> {
    pickled: &'a Pickled<'a>,
    found: BTreeMap<String, View>,
    visits: usize,
}

impl Walk<'_> {
    /// All tensors below a value, named by the keys on the way, joined by dots.
    fn down(&mut self, value: u32, name: String, depth: usize) -> Result<(), (&'static str, String)> {
        self.visits += 1;
        if self.visits > VISITS || depth > DEPTH {
            return Err(("dictionaries", format!("deeper than {DEPTH} or more than {VISITS} values")));
        }
        let below = |key: String| if name.is_empty() { key } else { format!("{name}.{key}") };
        match &self.pickled.values[value as usize] {
            Value::Tensor(view) => {
                let name = if name.is_empty() { "tensor".to_owned() } else { name };
                if name.len() > NAME || self.found.len() == TENSORS {
                    return Err(("tensors", format!("more than {TENSORS}, or a name of {} bytes", name.len())));
                }
                if self.found.insert(name.clone(), (**view).clone()).is_some() {
                    return Err(("tensor", format!("{name:?} twice")));
                }
            }
            Value::Table(items) => {
                for (key, value) in items {
                    if let Some(key) = self.pickled.text(*key) {
                        self.down(*value, below(key), depth + 1)?;
                    }
                }
            }
            Value::List(items) | Value::Tuple(items) => {
                for (i, value) in items.iter().enumerate() {
                    self.down(*value, below(i.to_string()), depth + 1)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// A view on a storage as a tensor of the file.
fn tensor(path: &Path, name: &str, view: View, storages: &HashMap<&str, &Member>) -> Result<Tensor, SeriesError> {
    let bad =
        |what: &str, value: String, fix: &str| refused(path, format!("tensor {name:?}: {what}"), value, fix.to_owned());
    let again = "the checkpoint is damaged or hostile: save it again";
    let Some(member) = storages.get(view.key.as_str()) else {
        return Err(bad("storage", format!("{:?} is not there", view.key), again));
    };
    if member.deflated {
        return Err(bad(
            "storage",
            "compressed".to_owned(),
            "torch.save does not compress: save it again with torch.save",
        ));
    }
    let wide = view.dtype.bytes();
    if view.entries.checked_mul(wide) != Some(member.size)
        && !(view.dtype == Dtype::Other(1) && view.entries <= member.size)
    {
        return Err(bad("storage", format!("{} entries in {} bytes", view.entries, member.size), again));
    }
    let len = view.shape.iter().try_fold(1_u64, |p, &n| p.checked_mul(n)).filter(|&n| n <= view.entries);
    let end = view
        .shape
        .iter()
        .zip(&view.stride)
        .filter(|(n, _)| **n > 1)
        .try_fold(view.offset, |end, (n, s)| (n - 1).checked_mul(*s).and_then(|d| end.checked_add(d)));
    let (Some(len), Some(end)) = (len, end) else {
        return Err(bad("shape", format!("{:?} of {} entries", view.shape, view.entries), again));
    };
    if len > 0 && end >= view.entries {
        return Err(bad("shape", format!("{:?} from entry {} of {}", view.shape, view.offset, view.entries), again));
    }
    let mut due = 1;
    let mut plain = true;
    for (n, s) in view.shape.iter().zip(&view.stride).rev() {
        plain &= *n <= 1 || *s == due;
        due = u64::saturating_mul(due, *n.max(&1));
    }
    Ok(Tensor {
        name: name.to_owned(),
        dtype: view.dtype,
        dtype_name: view.format,
        packing: if plain { Packing::Plain } else { Packing::Strided(view.stride) },
        shape: view.shape,
        offset: member.start + view.offset.min(view.entries) * wide,
        bytes: len * wide,
    })
}
