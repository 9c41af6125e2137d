//! A table of paths and steps, TOML or comma-separated.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use std::sync::LazyLock;
use tempfile::TempDir;

static DIR: LazyLock<TempDir> = LazyLock::new(glasslab_series_fuzz::series);

fuzz_target!(init: glasslab_series_fuzz::plant("table"), |data: &[u8]| -> Corpus {
    for name in ["t.toml", "t.csv"] {
        let table = DIR.path().join(name);
        std::fs::write(&table, data).expect("a table");
        glasslab_series_fuzz::compare(&[table]);
    }
    Corpus::Keep
});
