//! Numpy arrays.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use std::sync::LazyLock;
use tempfile::TempDir;

static DIR: LazyLock<TempDir> = LazyLock::new(glasslab_series_fuzz::inputs);

fuzz_target!(init: glasslab_series_fuzz::plant("npy"), |data: &[u8]| -> Corpus {
    if !data.starts_with(b"\x93NUMPY") {
        return Corpus::Reject;
    }
    glasslab_series_fuzz::read(DIR.path(), data);
    Corpus::Keep
});
