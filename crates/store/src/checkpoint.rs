//! Checkpoints of one quench: complete or absent at any instant, checked bit by bit when read.

mod file;

use crate::StoreError;
use crate::atomic::{create_folder, is_unfinished, write_atomic};
use crate::error::{damaged, io};
use glasslab_core::{Array, State};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// How many checkpoints are kept: the newest and, should it be damaged, the one before.
const KEPT: usize = 2;

/// The checkpoints of one quench, in a folder of their own:
///
/// ```text
/// <step>.safetensors           the changing arrays, and which `once/` arrays belong to them (name, length, SHA-256)
/// once/<name>.safetensors      arrays named `once/<name>`, written a single time
/// ```
///
/// Order of writing: new `once/` arrays, then the main file, each by temporary name, flush and rename; only then are
/// older main files removed. So there is no instant at which a kill leaves nothing to resume from, and the newest main
/// file that is there is whole. Every file carries the SHA-256 of its contents, which is checked when it is read.
///
/// Checked by `killed_anywhere_resumes` and `a_flipped_bit_is_seen`.
#[derive(Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    /// Digests of the `once/` arrays known to be durable.
    once: HashMap<String, String>,
}

/// A checkpoint that was read.
#[derive(Debug)]
pub struct Loaded {
    /// The step at which it was taken.
    pub step: u64,
    /// The state, its arrays in the order in which they were saved.
    pub state: State,
    /// What was wrong with newer checkpoints that had to be skipped; to be shown as a warning.
    pub skipped: Vec<String>,
}

impl Checkpoints {
    /// The checkpoints in `folder`, which is created if it is not there.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let folder = folder.into();
        create_folder(&folder.join("once"))?;
        Ok(Self { folder, once: HashMap::new() })
    }

    /// Writes the state at `step` and removes all but the two newest checkpoints. When it returns, the checkpoint is on disk.
    /// Cost: the changing arrays and the new `once/` arrays, hashed and written once.
    pub fn save(&mut self, step: u64, state: &State) -> Result<(), StoreError> {
        let mut names = std::collections::HashSet::new();
        if let Some((name, _)) = state.arrays.iter().find(|(n, _)| !names.insert(n.as_str())) {
            return Err(StoreError::State { name: name.clone(), problem: "is there twice" });
        }
        let mut index = file::Index { step, ..Default::default() };
        let mut changing: Vec<(&str, &Array)> = Vec::new();
        for (name, array) in &state.arrays {
            index.order.push(name.clone());
            let Some(short) = name.strip_prefix("once/") else {
                changing.push((name, array));
                continue;
            };
            if !self.once.contains_key(short) {
                let entry = file::Index { order: vec![name.clone()], ..Default::default() };
                let (bytes, digest) = file::encode(entry, &[(name, array)])?;
                write_atomic(&self.once_path(short), &bytes)?;
                self.once.insert(short.to_owned(), digest);
            }
            index.once.insert(short.to_owned(), self.once[short].clone());
        }
        let (bytes, _) = file::encode(index, &changing)?;
        write_atomic(&self.path(step), &bytes)?;
        let old: Vec<u64> = self.steps()?.into_iter().filter(|&s| s != step).collect();
        for &old in old.iter().skip(KEPT - 1) {
            // An old checkpoint that stays does no harm.
            let _ = fs::remove_file(self.path(old));
        }
        Ok(())
    }

    /// The newest checkpoint that is whole; `None` if none was ever written. A damaged one is skipped and named in
    /// [`Loaded::skipped`]; if all are damaged, one error says so.
    pub fn load(&mut self) -> Result<Option<Loaded>, StoreError> {
        let steps = self.steps()?;
        let mut skipped = Vec::new();
        for &step in &steps {
            match self.read(step) {
                Ok((state, once)) => {
                    self.once = once;
                    return Ok(Some(Loaded { step, state, skipped }));
                }
                Err(error) => skipped.push(error.to_string()),
            }
        }
        if steps.is_empty() {
            return Ok(None);
        }
        Err(StoreError::NoCheckpoint { path: self.folder.clone(), problems: skipped })
    }

    /// The steps at which there are checkpoints, newest first.
    pub fn steps(&self) -> Result<Vec<u64>, StoreError> {
        let mut steps = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(io("read", &self.folder))? {
            let name = entry.map_err(io("read", &self.folder))?.file_name();
            if is_unfinished(&name) {
                continue;
            }
            steps.extend(name.to_str().and_then(|n| n.strip_suffix(".safetensors")?.parse::<u64>().ok()));
        }
        steps.sort_unstable_by(|a, b| b.cmp(a));
        Ok(steps)
    }

    /// Removes all checkpoints: when a run is complete and its records are on disk.
    pub fn remove(self) -> Result<(), StoreError> {
        fs::remove_dir_all(&self.folder).map_err(io("remove", &self.folder))
    }

    fn read(&self, step: u64) -> Result<(State, HashMap<String, String>), StoreError> {
        let path = self.path(step);
        let (index, mut arrays, _) = read_file(&path)?;
        if index.step != step {
            return Err(damaged(&path, format!("holds step {}: the file was renamed", index.step)));
        }
        for (short, digest) in &index.once {
            let path = self.once_path(short);
            let (_, mut found, seen) = read_file(&path)?;
            let array = found.remove(&format!("once/{short}"));
            let array = array.filter(|_| seen == *digest);
            let array = array.ok_or_else(|| damaged(&path, format!("is not the array that step {step} needs")))?;
            arrays.insert(format!("once/{short}"), array);
        }
        let mut state = State::default();
        for name in index.order {
            let array = arrays.remove(&name);
            state.push(&name, array.ok_or_else(|| damaged(&path, format!("lacks the array `{name}`")))?);
        }
        Ok((state, index.once.into_iter().collect()))
    }

    fn path(&self, step: u64) -> PathBuf {
        self.folder.join(format!("{step:012}.safetensors"))
    }

    /// File of a `once/` array. Every byte that is not a letter, a digit, `_` or `-` is escaped, so that distinct
    /// names have distinct files and no name leaves the folder.
    fn once_path(&self, short: &str) -> PathBuf {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        let escaped: String =
            short.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02x}") }).collect();
        self.folder.join("once").join(format!("{escaped}.safetensors"))
    }
}

fn read_file(path: &Path) -> Result<(file::Index, HashMap<String, Array>, String), StoreError> {
    let bytes = fs::read(path).map_err(io("read", path))?;
    file::decode(&bytes).map_err(|problem| damaged(path, format!("is damaged: {problem}")))
}
