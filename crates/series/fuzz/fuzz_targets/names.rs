//! Names of checkpoints and patterns.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use std::sync::LazyLock;
use tempfile::TempDir;

static DIR: LazyLock<TempDir> = LazyLock::new(glasslab_series_fuzz::series);

fuzz_target!(init: glasslab_series_fuzz::plant("names"), |data: &[u8]| -> Corpus {
    let Ok(name) = std::str::from_utf8(data) else { return Corpus::Reject };
    let step = glasslab_series::step_of(name);
    assert!(step.is_none_or(|s| s.0 <= 1 << 53));
    // Patterns stay in the folder: nothing else of the machine is read.
    if !name.contains("..") && !name.contains(char::from(0)) {
        let _ = glasslab_series::locate(&[DIR.path().join(name.trim_start_matches(char::from(47)))]);
    }
    Corpus::Keep
});
