//! The index of the shards of one checkpoint of three.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use std::sync::LazyLock;
use tempfile::TempDir;

static DIR: LazyLock<TempDir> = LazyLock::new(glasslab_series_fuzz::series);

fuzz_target!(init: glasslab_series_fuzz::plant("index"), |data: &[u8]| -> Corpus {
    std::fs::write(DIR.path().join("step1/model.safetensors.index.json"), data).expect("an index");
    glasslab_series_fuzz::compare(&[DIR.path().to_owned()]);
    Corpus::Keep
});
