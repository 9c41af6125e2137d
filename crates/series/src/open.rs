//! One file of any format that is read, told by its first bytes and not by its name.

use crate::error::{SeriesError, io, refused};
use crate::header::{Header, read_header};
use crate::npy::{MAGIC, read_npy, read_npz};
use crate::torch::read_torch;
use crate::zip::members;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// How a bare pickle can be turned into something that can be read.
const CONVERT: &str = "a bare pickle can run code and is never read (torch.save before 1.6, or pickle.dump): convert it in Python with \
                       torch.save(torch.load(path, weights_only=True), path) or safetensors.torch.save_file";

/// The tensors of a file. `array` is the name of the tensor of a `.npy` file; `key` that of the state dict in a PyTorch file.
pub(crate) fn contents(path: &Path, array: &str, key: Option<&str>) -> Result<Header, SeriesError> {
    let facts = std::fs::metadata(path).map_err(io("read", path))?;
    if !facts.is_file() {
        return Err(refused(path, "kind", "not a regular file", "give a checkpoint file"));
    }
    let size = facts.len();
    let mut file = File::open(path).map_err(io("open", path))?;
    let mut first = Vec::new();
    file.by_ref().take(10).read_to_end(&mut first).map_err(io("read", path))?;
    // The length of a safetensors header may begin with the same bytes, but then zeros follow, and the brace of its text.
    let text = |b: &[u8]| b.iter().all(|c| c.is_ascii_graphic() || *c == b'\n' || *c == b' ');
    let header = first.get(4..8) == Some(&[0; 4]) && first.get(8) == Some(&b'{');
    let pickle = matches!(first[..], [0x80, 2..=5, ..]) && !header
        || first.starts_with(b"c") && text(&first)
        || first.starts_with(b"(") && text(&first);
    if first.starts_with(b"PK\x03\x04") || first.starts_with(b"PK\x05\x06") {
        let members = members(path, &mut file, size)?;
        let torch = members.iter().any(|m| m.name == "data.pkl" || m.name.ends_with("/data.pkl"));
        return match torch {
            true => read_torch(path, &mut file, size, &members, key),
            false => read_npz(path, &mut file, size, &members),
        };
    }
    if first.starts_with(MAGIC) {
        return read_npy(path, &mut file, size, array);
    }
    if pickle {
        return Err(refused(path, "format", "a bare pickle", CONVERT));
    }
    read_header(path)
}
