//! Shards of multi-process training: files that each hold a part of the same tensors, and how a user's table says they are cut.
//!
//! How a tensor was cut cannot be told from its parts (two halves of rows look like two halves of columns, two copies like two
//! halves), so it is never guessed: without a `[[split]]` that says it, a tensor that several shards hold is refused.
//!
//! Displacements need no order: parts are compared one by one and their squares added. Sketches need the place of every entry in
//! the whole tensor, so that they equal those of the whole whatever the number of shards.

use crate::error::{SeriesError, refused};
use crate::header::Tensor;
use crate::layout::Checkpoint;
use regex_lite::Regex;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// How tensors are cut, for those whose names match.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// A regular expression on names.
    pub tensors: String,
    /// What each shard has.
    pub along: Along,
}

/// What each of several shards has of one tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Along {
    /// Consecutive parts along this dimension, in the order of the shards.
    Dimension(u64),
    /// Something else.
    Word(Word),
}

/// What else shards can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// Consecutive parts of the flattened tensor (flat parameters).
    Flat,
    /// Each the whole: the first one counts.
    Copies,
}

/// Where the entries of a part lie in the whole, flattened tensor: runs of `run` entries, `stride` apart, from `offset` on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Name of the whole tensor.
    pub(crate) of: String,
    pub(crate) offset: u64,
    pub(crate) run: u64,
    pub(crate) stride: u64,
}

impl Part {
    /// Calls `each` with the place in the whole, and the range within `start..end` less `start`, of every run.
    pub(crate) fn runs(&self, start: u64, end: u64, mut each: impl FnMut(u64, std::ops::Range<usize>)) {
        let mut at = start;
        while at < end {
            let (number, inside) = (at / self.run, at % self.run);
            let len = (self.run - inside).min(end - at);
            each(number * self.stride + self.offset + inside, (at - start) as usize..(at - start + len) as usize);
            at += len;
        }
    }
}

/// The tensors of all shards of a checkpoint, by name and number of the shard.
pub(crate) type Held = BTreeMap<String, Vec<(usize, Tensor)>>;

/// Puts the tensors of several shards into the checkpoint: whole ones under their names, parts each under a name of its own.
pub(crate) fn join(checkpoint: &mut Checkpoint, held: Held, splits: &[Split]) -> Result<(), SeriesError> {
    let table = checkpoint.files.first().and_then(|f| f.parent()).map_or_else(Default::default, Path::to_owned);
    let mut patterns = Vec::new();
    for split in splits {
        let fix = |e| {
            refused(&table, "split: tensors", format!("{:?}", split.tensors), format!("{e}: give a regular expression"))
        };
        patterns.push((Regex::new(&split.tensors).map_err(fix)?, split.along));
    }
    for (name, mut parts) in held {
        if parts.len() == 1 {
            checkpoint.tensors.extend(parts.pop().map(|part| (name, part)));
            continue;
        }
        let Some((_, along)) = patterns.iter().find(|p| p.0.is_match(&name)) else {
            let value = format!("{name:?} in {} shards", parts.len());
            let fix = "say in the table how it is cut: [[split]] with tensors = \"regular expression\" and along = 0 (rows), \
                       1 (columns), \"flat\" or \"copies\"";
            return Err(refused(&table, "tensor", value, fix));
        };
        let (first, dtype) = (parts[0].1.shape.clone(), parts[0].1.dtype);
        let odd = |what: &str, i: usize, part: &Tensor| {
            let value = format!("{:?} {} in shard {i}, {first:?} in the first", part.shape, part.dtype_name);
            refused(&table, format!("tensor {name:?}"), value, what)
        };
        if let Some((i, part)) = parts.iter().enumerate().find(|p| p.1.1.dtype != dtype) {
            return Err(odd("save all shards in one format", i, &part.1));
        }
        if *along == Along::Word(Word::Copies) {
            if let Some((i, part)) = parts.iter().enumerate().find(|p| p.1.1.shape != first) {
                return Err(odd("they are no copies: give its dimension in [[split]]", i, &part.1));
            }
            parts.truncate(1);
            checkpoint.tensors.extend(parts.pop().map(|part| (name, part)));
            continue;
        }
        let mut totals = (0_u64, 0_u64);
        for (i, (_, part)) in parts.iter().enumerate() {
            match along {
                Along::Dimension(d) => {
                    let d = *d as usize;
                    let same = part.shape.len() == first.len()
                        && d < first.len()
                        && part.shape.iter().zip(&first).enumerate().all(|(k, (a, b))| k == d || a == b);
                    if !same {
                        return Err(odd(&format!("it cannot be cut along dimension {d}: correct [[split]]"), i, part));
                    }
                    totals.0 += part.shape[d];
                }
                Along::Word(_) => totals.0 += part.len(),
            }
            totals.1 += part.len();
        }
        let digits = (parts.len() - 1).to_string().len();
        let mut before = 0;
        for (i, (number, mut tensor)) in parts.into_iter().enumerate() {
            let (width, inner) = match along {
                Along::Dimension(d) => {
                    let d = *d as usize;
                    (tensor.shape[d], tensor.shape[d + 1..].iter().product::<u64>())
                }
                Along::Word(_) => (tensor.len(), 1),
            };
            let place = Part {
                of: name.clone(),
                offset: before * inner,
                run: (width * inner).max(1),
                stride: totals.0 * inner,
            };
            before += width;
            let own = format!("{name} [shard {i:0digits$}]");
            tensor.name.clone_from(&own);
            checkpoint.parts.insert(own.clone(), place);
            if checkpoint.tensors.insert(own.clone(), (number, tensor)).is_some() {
                return Err(refused(&table, "tensor", format!("{own:?}"), "this name is taken by a part: rename it"));
            }
        }
    }
    Ok(())
}

/// True for names that look like those of one of several shards (`rank0`, `mp_rank_00`, `shard-3`).
pub(crate) fn looks_like_one(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["rank", "shard", "worker", "part"].iter().any(|word| {
        name.match_indices(word).any(|(at, _)| {
            let rest = name[at + word.len()..].trim_start_matches(['_', '-', '.']);
            rest.starts_with(|c: char| c.is_ascii_digit())
        })
    })
}

/// What to do with files that look like shards.
pub(crate) const HINT: &str = "they look like shards of one checkpoint: give a table (run.toml) with shards = [\"rank0.pt\", ...] and \
    [[split]] tables that say how tensors are cut (see `glasslab series --help`), or keep one file, or call it model.safetensors";

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns 2..5 of a 3 x 7 matrix, looked at from the entry 1 to the entry 8.
    #[test]
    fn runs_of_a_part() {
        let part = Part { of: "w".to_owned(), offset: 2, run: 3, stride: 7 };
        let mut found = Vec::new();
        part.runs(1, 8, |at, range| found.push((at, range)));
        assert_eq!(found, [(3, 0..2), (9, 2..5), (16, 5..7)]);
    }

    #[test]
    fn names_of_shards() {
        for name in ["rank0.pt", "mp_rank_00_model_states.pt", "shard-3", "model_part.2", "Rank12"] {
            assert!(looks_like_one(name), "{name}");
        }
        for name in ["franklin.pt", "step100", "rank.pt", "partition"] {
            assert!(!looks_like_one(name), "{name}");
        }
    }
}
