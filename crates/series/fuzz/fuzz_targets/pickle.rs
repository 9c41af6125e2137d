//! The pickle in a PyTorch file, whose archive is as it should be.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use std::sync::LazyLock;
use tempfile::TempDir;

static DIR: LazyLock<TempDir> = LazyLock::new(glasslab_series_fuzz::inputs);

fuzz_target!(init: glasslab_series_fuzz::plant("pickle"), |data: &[u8]| -> Corpus {
    let values: [f32; 40] = std::array::from_fn(|i| i as f32);
    glasslab_series_fuzz::read(DIR.path(), &glasslab_series_fuzz::common::torch(data, &values));
    Corpus::Keep
});
