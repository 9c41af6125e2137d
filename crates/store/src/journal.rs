//! Journals: lines of JSON that many processes append, each to a file of its own, and that anybody reads at any time.

use crate::StoreError;
use crate::atomic::create_folder;
use crate::error::io;
use crate::lock::unique;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

const ENDING: &str = ".jsonl";
/// Bytes read at a time, and the longest line that is kept.
const CHUNK: usize = 1 << 20;

/// The journal of one process: created with its first line, never shared.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    file: Option<(PathBuf, File)>,
}

impl Journal {
    /// A journal in `folder`, which is created.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let folder = folder.into();
        create_folder(&folder)?;
        Ok(Self { folder, file: None })
    }

    /// Appends a line. A line that cannot be written whole (a full disk) ends this file: the next goes to a new one.
    pub fn append(&mut self, line: &impl Serialize) -> Result<(), StoreError> {
        if self.file.is_none() {
            let path = self.folder.join(format!("{:08x}-{:016x}{ENDING}", std::process::id(), unique()));
            let file = File::create_new(&path).map_err(io("create", &path))?;
            self.file = Some((path, file));
        }
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let mut text = serde_json::to_vec(line).unwrap_or_default();
        text.push(b'\n');
        if let Err(source) = file.write_all(&text) {
            let path = std::mem::take(path);
            self.file = None;
            return Err(StoreError::Io { action: "write", path, source });
        }
        Ok(())
    }
}

/// Reads all journals of a folder, and later what was added since.
#[derive(Clone, Debug)]
pub struct JournalReader {
    folder: PathBuf,
    /// Bytes of whole lines read, per file.
    read: BTreeMap<PathBuf, u64>,
}

impl JournalReader {
    /// Of the journals in `folder`, which need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), read: BTreeMap::new() }
    }

    /// Calls `line` with every new whole line. The last line of a killed process may be torn: it is left out, as is
    /// any line beyond a megabyte. Cost O(new bytes).
    ///
    /// Checked by `torn_lines_are_left_out_and_later_ones_are_read`.
    pub fn read_new(&mut self, line: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            other => other.map_err(io("read", &self.folder))?,
        };
        let mut files: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
        files.retain(|f| f.to_str().is_some_and(|f| f.ends_with(ENDING)));
        files.sort();
        for path in files {
            let start = self.read.get(&path).copied().unwrap_or(0);
            let read = read_lines(&path, start, line).map_err(io("read", &path))?;
            self.read.insert(path, read);
        }
        Ok(())
    }
}

/// Reads whole lines from `start`; returns where the first one that is not whole begins.
fn read_lines(path: &PathBuf, start: u64, line: &mut dyn FnMut(&[u8])) -> std::io::Result<u64> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() <= start {
        return Ok(start);
    }
    file.seek(SeekFrom::Start(start))?;
    let (mut at, mut kept, mut chunk, mut skipping) = (start, Vec::new(), vec![0; CHUNK], false);
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            return Ok(at);
        }
        for part in chunk[..count].split_inclusive(|&b| b == b'\n') {
            kept.extend_from_slice(part);
            if kept.len() > CHUNK {
                // Given up: what follows up to the next line end belongs to it.
                at += kept.len() as u64;
                kept.clear();
                skipping = part.last() != Some(&b'\n');
                continue;
            }
            if part.last() == Some(&b'\n') {
                at += kept.len() as u64;
                if !skipping {
                    line(&kept[..kept.len() - 1]);
                }
                skipping = false;
                kept.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(reader: &mut JournalReader) -> Vec<String> {
        let mut out = Vec::new();
        reader.read_new(&mut |l| out.push(String::from_utf8_lossy(l).into_owned())).unwrap();
        out
    }

    #[test]
    fn torn_lines_are_left_out_and_later_ones_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("journal");
        let mut reader = JournalReader::new(&folder);
        assert!(lines(&mut reader).is_empty());
        let (mut a, mut b) = (Journal::open(&folder).unwrap(), Journal::open(&folder).unwrap());
        a.append(&1).unwrap();
        b.append(&2).unwrap();
        let mut both = lines(&mut reader);
        both.sort();
        assert_eq!(both, ["1", "2"]);
        assert!(lines(&mut reader).is_empty(), "each line once");
        a.append(&3).unwrap();
        fs::write(folder.join("0-0.jsonl"), "4\n5").unwrap();
        let mut both = lines(&mut reader);
        both.sort();
        assert_eq!(both, ["3", "4"], "the torn one is left out");
        let long = [vec![b'x'; 3 * CHUNK], b"\n6\n".to_vec()].concat();
        fs::write(folder.join("0-1.jsonl"), long).unwrap();
        assert_eq!(lines(&mut reader), ["6"], "a line of three megabytes is none of ours");
        assert!(lines(&mut reader).is_empty());
        fs::write(folder.join("0-0.jsonl"), "4\n57\n").unwrap();
        assert_eq!(lines(&mut reader), ["57"], "whole by now");
    }

    #[test]
    fn a_full_disk_is_named_and_the_next_line_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        journal.append(&1).unwrap();
        let Ok(full) = File::options().write(true).open("/dev/full") else { return };
        if let Some((_, file)) = &mut journal.file {
            *file = full;
        }
        assert!(journal.append(&2).unwrap_err().to_string().contains("free space"));
        journal.append(&3).unwrap();
        let mut found = lines(&mut JournalReader::new(dir.path()));
        found.sort();
        assert_eq!(found, ["1", "3"]);
    }
}
