//! What the fuzz targets share: good files to begin from, and reading one file in every way that there is.

#[path = "../../tests/common/mod.rs"]
pub mod common;

use common::{npy, npy_f32, pickle, torch, zip};
use glasslab_series::{Options, analyse, arrays};
use std::path::{Path, PathBuf};

/// Fewer values than a stretch of the kernels.
fn values() -> Vec<f32> {
    common::normal(40, 9, 9).iter().map(|&z| z as f32).collect()
}

/// The bytes of a safetensors file of two tensors.
fn safetensors(dir: &Path) -> Vec<u8> {
    let path = dir.join("seed.safetensors");
    common::write(&path, &vec![("a", values()[..30].to_vec()), ("b", values()[30..].to_vec())]);
    std::fs::read(path).expect("a seed")
}

/// Writes good inputs of the target of this name into the folder that `GLASSLAB_SEEDS` names, if it names one.
pub fn plant(target: &str) {
    let Some(folder) = std::env::var_os("GLASSLAB_SEEDS").map(PathBuf::from) else { return };
    let scratch = inputs();
    std::fs::create_dir_all(&folder).expect("a folder");
    for (number, bytes) in seeds(target, scratch.path()).iter().enumerate() {
        std::fs::write(folder.join(format!("seed{number}")), bytes).expect("a seed");
    }
}

fn seeds(target: &str, dir: &Path) -> Vec<Vec<u8>> {
    let x = values();
    let (a, b) = (npy_f32(&x[..30]), npy_f32(&x[30..]));
    let pickled = pickle(&[("a", "0", 40, 0, &[5, 6], &[1, 5]), ("b", "0", 40, 30, &[10], &[1])]);
    match target {
        "safetensors" => {
            let mut sketch = glasslab_series::Sketch::new(1, 64).expect("a sketch");
            sketch.add("a", "a", 0, &x);
            vec![safetensors(dir), sketch.to_bytes()]
        }
        "npy" => {
            let header = |descr: &str, order: &str, shape: &str| {
                format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n")
            };
            let bytes = [1_u8; 160];
            let kinds = [("<f4", "True", "(5, 8)", 160), ("<f8", "False", "(20,)", 160), ("<U2", "False", "(4,)", 32)];
            kinds.iter().map(|(d, o, s, n)| npy(&header(d, o, s), &bytes[..*n])).chain([a]).collect()
        }
        "zip" => vec![
            zip(&[("a.npy", &a, false), ("b.npy", &b, false)]),
            zip(&[("a.npy", &a, true), ("b.npy", &b, true)]),
            torch(&pickled, &x),
        ],
        "pickle" => vec![pickled],
        "index" => vec![INDEX.as_bytes().to_vec()],
        "table" => {
            [SHARDS, SPLIT, "c,step\nstep0/x-1.safetensors,0\nstep1/x-1.safetensors,1\nstep2/x-2.safetensors,2\n"]
                .iter()
                .map(|t| t.as_bytes().to_vec())
                .collect()
        }
        "names" => ["step3000", "checkpoint-500/model.safetensors", "epoch=3-step=300.ckpt", "s*/x-?.safetensors"]
            .iter()
            .map(|t| t.as_bytes().to_vec())
            .collect(),
        other => panic!("no target {other}"),
    }
}

/// An index of shards.
const INDEX: &str = r#"{"metadata":{"total_size":160},"weight_map":{"a":"x-1.safetensors","b":"x-2.safetensors"}}"#;
const SHARDS: &str = "shards = [\"x-1.safetensors\", \"x-2.safetensors\"]\n[[checkpoint]]\npath = \"step0\"\nstep = 0\n[[checkpoint]]\npath = \"step1\"\nstep = 3\n";
const SPLIT: &str = "shards = [\"x-1.safetensors\", \"x-2.safetensors\"]\n[[split]]\ntensors = \"a\"\nalong = 0\n";

/// A folder to write inputs to; in memory where there is such.
pub fn inputs() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let inside = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::tempdir_in(inside).expect("a folder")
}

/// A folder with three checkpoints of two shards each, and their indexes.
pub fn series() -> tempfile::TempDir {
    let dir = inputs();
    for step in 0..3 {
        let folder = dir.path().join(format!("step{step}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        common::write(&folder.join("x-1.safetensors"), &vec![("a", values()[..30].to_vec())]);
        common::write(&folder.join("x-2.safetensors"), &vec![("b", values()[30..].to_vec())]);
        std::fs::write(folder.join("model.safetensors.index.json"), INDEX).expect("an index");
    }
    dir
}

/// Compares what stands there; whatever is said, it is said in words.
pub fn compare(paths: &[PathBuf]) {
    if let Err(error) = analyse(paths, &Options { memory: 64 << 20, ..Options::default() }, &()) {
        assert!(!error.to_string().is_empty());
    }
}

/// Reads the bytes as one file: names, whole arrays, and, if it was a checkpoint, a series of three like it.
pub fn read(dir: &Path, bytes: &[u8]) {
    let paths: Vec<PathBuf> = (0..3).map(|i| dir.join(format!("step{i}"))).collect();
    std::fs::write(&paths[0], bytes).expect("a file");
    match arrays::names(&paths[0]) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(names) => {
            for (name, _) in names.iter().take(8) {
                if let Err(error) = arrays::array(&paths[0], name) {
                    assert!(!error.to_string().is_empty());
                }
            }
            paths[1..].iter().for_each(|p| std::fs::write(p, bytes).expect("a file"));
            compare(&paths);
        }
    }
}
