//! Time of all pairwise displacements of a series of checkpoints, beside one plain sequential read of the same files: JSON lines.
//!
//! `--checkpoints S --parameters N --threads T --memory BYTES [--dir DIR]`: DIR is filled with a random walk if it is not there, and kept.

use glasslab_core::Streams;
use glasslab_series::{Detail, Options, analyse};
use rand_core::Rng;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A number of the command line.
fn number(name: &str, default: usize) -> usize {
    let all: Vec<String> = std::env::args().collect();
    let at = all.iter().position(|a| a == name);
    at.and_then(|i| all.get(i + 1)).map_or(default, |v| v.parse().expect("a number"))
}

/// One f32 tensor a file, as safetensors: a random walk with uniform steps.
fn write(folder: &Path, checkpoints: usize, parameters: usize) {
    std::fs::create_dir_all(folder).expect("a folder");
    let mut x = vec![0.0_f32; parameters];
    for t in 0..checkpoints {
        for (c, part) in x.chunks_mut(1 << 16).enumerate() {
            let mut rng = Streams::new(1).stream("bench", c as u64, t as u64);
            part.iter_mut().for_each(|x| *x += rng.next_u32() as f32 * 2.0_f32.powi(-32) - 0.5);
        }
        let end = 4 * parameters;
        let mut header = format!("{{\"w\":{{\"dtype\":\"F32\",\"shape\":[{parameters}],\"data_offsets\":[0,{end}]}}}}");
        header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        x.iter().for_each(|v| bytes.extend(v.to_le_bytes()));
        std::fs::write(folder.join(format!("step{}.safetensors", 100 * t)), bytes).expect("a file");
    }
}

fn read(folder: &Path) -> u64 {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path()).collect();
    files.sort();
    let (mut buffer, mut total) = (vec![0_u8; 1 << 20], 0);
    for path in files {
        let mut file = std::fs::File::open(path).expect("a file");
        loop {
            let n = file.read(&mut buffer).expect("bytes");
            if n == 0 {
                break;
            }
            total += n as u64;
        }
    }
    total
}

fn main() {
    let (checkpoints, parameters) = (number("--checkpoints", 154), number("--parameters", 500_000));
    let (threads, memory) = (number("--threads", 2), number("--memory", 2 << 30));
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().expect("a thread pool");
    let all: Vec<String> = std::env::args().collect();
    let given = all.iter().position(|a| a == "--dir").and_then(|i| all.get(i + 1)).map(PathBuf::from);
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = given.unwrap_or_else(|| scratch.path().join("series"));
    if !folder.exists() {
        write(&folder, checkpoints, parameters);
    }
    let only = |what: &str| !all.iter().any(|a| a == "--only") || all.iter().any(|a| a == what);
    let name = format!("S={checkpoints},N={parameters:.1e}", parameters = parameters as f64);
    let report = |what: &str, seconds: f64, bytes: u64, floor: f64| {
        println!(
            r#"{{"case":"series/{name}/{what}","threads":{threads},"seconds":{seconds:e},"bytes":{bytes},"floor":{floor:e}}}"#
        );
    };
    if only("read") {
        let start = Instant::now();
        let bytes = read(&folder);
        report("read", start.elapsed().as_secs_f64(), bytes, 0.0);
    }
    if only("pairs") {
        let options = Options { memory: memory as u64, detail: Detail::Whole, ..Options::default() };
        let start = Instant::now();
        let analysis = analyse(&[folder], &options, &()).expect("an analysis");
        let seconds = start.elapsed().as_secs_f64();
        // Floor: a subtraction and a fused multiplication and addition of 8 numbers each a cycle, at 3.5 GHz: 28 differences a
        // nanosecond and thread.
        let pairs = (checkpoints * (checkpoints - 1) / 2) as f64;
        report("pairs", seconds, analysis.summary.bytes, pairs * parameters as f64 / 28e9 / threads as f64);
    }
}
