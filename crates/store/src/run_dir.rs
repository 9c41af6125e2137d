//! A run directory: the plan, the manifest, what was found, the records, the checkpoints, the report.

use crate::atomic::{create_folder, is_unfinished, sweep, write_atomic};
use crate::checkpoint::Checkpoints;
use crate::error::{damaged, io};
use crate::lock::{Lock, is_lock};
use crate::manifest::Manifest;
use crate::{StoreError, read_dataset, weights, write_dataset};
use glasslab_core::{Array, Block, Dataset};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const PLAN: &str = "plan.toml";
const MANIFEST: &str = "manifest.json";
const SUMMARY: &str = "summary.json";
const RECORDS: &str = "records";
const CHECKPOINT: &str = "checkpoint";
const WEIGHTS: &str = "weights";
const REPORT: &str = "report.html";

/// A run directory to read from.
#[derive(Clone, Debug)]
pub struct Run {
    path: PathBuf,
}

/// A run directory to write to: the only one that does, until dropped.
#[derive(Debug)]
pub struct RunDir {
    run: Run,
    _lock: Lock,
}

impl Run {
    /// The run in `path`, which must hold a plan.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        if !path.join(PLAN).is_file() {
            return Err(StoreError::NoRun { path, missing: PLAN });
        }
        Ok(Self { path })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text of `plan.toml`.
    pub fn plan(&self) -> Result<String, StoreError> {
        let path = self.path.join(PLAN);
        fs::read_to_string(&path).map_err(io("read", &path))
    }

    /// The manifest.
    pub fn manifest(&self) -> Result<Manifest, StoreError> {
        read_json(&self.path.join(MANIFEST))
    }

    /// What was found, as the type that wrote it.
    pub fn summary<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        read_json(&self.path.join(SUMMARY))
    }

    /// Names of the records, sorted.
    pub fn record_names(&self) -> Result<Vec<String>, StoreError> {
        let folder = self.path.join(RECORDS);
        let entries = match fs::read_dir(&folder) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(io("read", &folder))?,
        };
        let names = entries.flatten().filter(|e| !is_unfinished(&e.file_name()));
        let mut names: Vec<String> =
            names.filter_map(|e| e.file_name().to_str()?.strip_suffix(".nc").map(str::to_owned)).collect();
        names.sort();
        Ok(names)
    }

    /// The records of one quench.
    pub fn records(&self, name: &str) -> Result<Dataset, StoreError> {
        read_dataset(&self.records_path(name)?)
    }

    /// File of the records of one quench.
    pub fn records_path(&self, name: &str) -> Result<PathBuf, StoreError> {
        checked(name)?;
        Ok(self.path.join(RECORDS).join(format!("{name}.nc")))
    }

    /// File of the report.
    pub fn report_path(&self) -> PathBuf {
        self.path.join(REPORT)
    }
}

impl RunDir {
    /// A new run in `path`, which must not exist or be empty. Folders above it are created.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        refuse_foreign(&path)?;
        create_folder(&path)?;
        let lock = Lock::take(&path)?;
        // Between the first look and the lock, another run may have come and gone.
        refuse_foreign(&path)?;
        if path.join(PLAN).exists() {
            return Err(StoreError::Occupied { path });
        }
        Self::locked(path, lock)
    }

    /// The run in `path`, to be continued; or a new one if the folder is missing or empty, or if the run was killed
    /// before its plan was written ([`RunDir::plan`] is `None` then).
    pub fn resume(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        refuse_foreign(&path)?;
        create_folder(&path)?;
        let lock = Lock::take(&path)?;
        refuse_foreign(&path)?;
        Self::locked(path, lock)
    }

    /// Takes away the locks of earlier writers, so that the run can be resumed. Only for who has made sure by other means
    /// (a [`crate::Claim`], and a new name for the folder) that they write no more: a lock of another machine is believed else.
    pub fn forget_writers(path: &Path) -> Result<(), StoreError> {
        for entry in fs::read_dir(path).map_err(io("read", path))?.flatten() {
            if entry.file_name().to_str().is_some_and(is_lock) {
                match fs::remove_file(entry.path()) {
                    Err(e) if e.kind() != ErrorKind::NotFound => return Err(io("remove", &entry.path())(e)),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn locked(path: PathBuf, lock: Lock) -> Result<Self, StoreError> {
        sweep(&path);
        create_folder(&path.join(RECORDS))?;
        create_folder(&path.join(CHECKPOINT))?;
        Ok(Self { run: Run { path }, _lock: lock })
    }

    /// The same directory, to read from.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.run.path
    }

    /// The text of `plan.toml`, if it was written.
    pub fn plan(&self) -> Result<Option<String>, StoreError> {
        if self.path().join(PLAN).exists() { self.run.plan().map(Some) } else { Ok(None) }
    }

    /// Writes `plan.toml`. From then on the folder holds a run.
    pub fn write_plan(&self, text: &str) -> Result<(), StoreError> {
        write_atomic(&self.path().join(PLAN), text.as_bytes())
    }

    /// Writes `manifest.json`.
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<(), StoreError> {
        write_json(&self.path().join(MANIFEST), manifest)
    }

    /// Writes `summary.json`.
    pub fn write_summary(&self, summary: &impl Serialize) -> Result<(), StoreError> {
        write_json(&self.path().join(SUMMARY), summary)
    }

    /// Writes `records/<name>.nc`; `name` is made of letters, digits, `_` and `-`.
    pub fn write_records(&self, name: &str, dataset: &Dataset) -> Result<(), StoreError> {
        write_dataset(&self.run.records_path(name)?, dataset)
    }

    /// Writes `report.html`.
    pub fn write_report(&self, html: &str) -> Result<(), StoreError> {
        write_atomic(&self.run.report_path(), html.as_bytes())
    }

    /// Writes `weights/<name>/replica<replica>/step<step>.safetensors`, one tensor for each block; `name` as in
    /// [`RunDir::write_records`]. Such a folder of a replica is a series that `glasslab series` reads.
    pub fn write_weights(
        &self,
        name: &str,
        replica: usize,
        step: u64,
        blocks: &[(Block, Array)],
    ) -> Result<(), StoreError> {
        checked(name)?;
        let folder = self.path().join(WEIGHTS).join(name).join(format!("replica{replica}"));
        create_folder(&folder)?;
        write_atomic(&folder.join(format!("step{step}.safetensors")), &weights::encode(blocks)?)
    }

    /// Writes any other file of the run, `figures/energy.svg`; both parts are made of letters, digits, `_`, `-`, `.`.
    pub fn write_file(&self, folder: &str, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        checked(folder)?;
        checked(name)?;
        let folder = self.path().join(folder);
        create_folder(&folder)?;
        write_atomic(&folder.join(name), bytes)
    }

    /// The checkpoints of one quench; `name` as in [`RunDir::write_records`].
    pub fn checkpoints(&self, name: &str) -> Result<Checkpoints, StoreError> {
        checked(name)?;
        Checkpoints::open(self.path().join(CHECKPOINT).join(name))
    }
}

/// Refuses a folder with something in it that is no run, before anything is written.
fn refuse_foreign(path: &Path) -> Result<(), StoreError> {
    let entries = match fs::read_dir(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.map_err(io("use the folder", path))?,
    };
    if path.join(PLAN).is_file() {
        return Ok(());
    }
    // What a run killed before its plan was written leaves behind.
    for entry in entries.flatten() {
        let name = entry.file_name();
        let ours = is_unfinished(&name)
            || name.to_str().is_some_and(is_lock)
            || ((name == RECORDS || name == CHECKPOINT) && is_empty(&entry.path()));
        if !ours {
            return Err(StoreError::NotARun { path: path.to_owned() });
        }
    }
    Ok(())
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// Names that become files never leave their folder.
fn checked(name: &str) -> Result<(), StoreError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    if name.is_empty() || name.starts_with('.') || name.len() > 200 || !name.bytes().all(plain) {
        let problem = "a name of a file is made of letters, digits, `_`, `-` and `.`".to_owned();
        return Err(StoreError::Record { name: name.to_owned(), problem });
    }
    Ok(())
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|e| damaged(path, format!("cannot be written: {e}")))?;
    text.push(b'\n');
    write_atomic(path, &text)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, StoreError> {
    let text = fs::read(path).map_err(io("read", path))?;
    serde_json::from_slice(&text).map_err(|e| damaged(path, format!("is no readable JSON of this kind: {e}")))
}
