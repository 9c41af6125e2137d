//! Writing a file whole or not at all: temporary name in the same folder, flush to disk, rename, flush the folder.

use crate::StoreError;
use crate::error::io;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

static NEXT: AtomicU64 = AtomicU64::new(0);
const MARK: &str = ".unfinished-";

/// Writes `bytes` as `path`. When it returns, the file is on disk under its name; if it fails, or the process is killed
/// at any instant, `path` is what it was before. The folder must exist.
///
/// Checked by `a_failed_write_changes_nothing`.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let folder = folder_of(path);
    let name = path.file_name().unwrap_or(OsStr::new("file")).to_string_lossy();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary = folder.join(format!(".{name}{MARK}{}-{number}", std::process::id()));
    let written = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if let Err(source) = written {
        let _ = fs::remove_file(&temporary);
        return Err(StoreError::Io { action: "write", path: path.to_owned(), source });
    }
    flush_folder(&folder)
}

/// The folder that holds `path`.
fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the names in a folder durable. Only Unix can; elsewhere the file system does it in its own time.
pub fn flush_folder(folder: &Path) -> Result<(), StoreError> {
    if cfg!(unix) {
        let opened = File::open(folder).and_then(|f| f.sync_all());
        // Some network file systems refuse to flush a folder; the rename itself has succeeded.
        if let Err(e) = opened
            && !matches!(e.kind(), std::io::ErrorKind::InvalidInput | std::io::ErrorKind::Unsupported)
        {
            return Err(StoreError::Io { action: "flush the folder", path: folder.to_owned(), source: e });
        }
    }
    Ok(())
}

/// Creates a folder and those above it.
pub fn create_folder(path: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(path).map_err(io("create the folder", path))
}

/// True for the name of a temporary file that a killed process left behind.
pub(crate) fn is_unfinished(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.') && name.contains(MARK)
}

/// Removes what killed processes left below `folder`. Only for the holder of the lock.
pub(crate) fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(t) if t.is_dir() => sweep(&entry.path()),
            Ok(t) if t.is_file() && is_unfinished(&entry.file_name()) => {
                let _ = fs::remove_file(entry.path());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        write_atomic(&path, b"first").unwrap();
        write_atomic(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file stays");

        let taken = dir.path().join("folder");
        fs::create_dir(&taken).unwrap();
        fs::write(taken.join("inside"), b"x").unwrap();
        let error = write_atomic(&taken, b"third").unwrap_err().to_string();
        assert!(error.contains("folder") && error.contains("cannot write"), "{error}");
        assert_eq!(fs::read(taken.join("inside")).unwrap(), b"x");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "no temporary file stays");
    }

    #[test]
    fn a_missing_folder_and_a_full_disk_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = write_atomic(&dir.path().join("none/a.json"), b"x").unwrap_err().to_string();
        assert!(error.contains("none") && error.contains("check the path"), "{error}");
        // /dev/full is the kernel's full disk: the error that a user would see.
        if let Ok(mut full) = OpenOptions::new().write(true).open("/dev/full") {
            let source = full.write_all(b"x").unwrap_err();
            let error = StoreError::Io { action: "write", path: "r.nc".into(), source }.to_string();
            assert!(error.contains("free space") && error.contains("r.nc"), "{error}");
        }
    }

    #[test]
    fn leftovers_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("records")).unwrap();
        let left = dir.path().join("records").join(format!(".a.nc{MARK}7-0"));
        fs::write(&left, b"half").unwrap();
        fs::write(dir.path().join("records/a.nc"), b"whole").unwrap();
        sweep(dir.path());
        assert!(!left.exists() && dir.path().join("records/a.nc").exists());
    }
}
