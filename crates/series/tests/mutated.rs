//! Seeded mutations of good files of every format, of tables, and of indexes of shards: no panic, no endless loop, little memory.

mod common;

use common::{npy_f32, pickle, torch, zip};
use glasslab_series::{Options, analyse};

/// Reads every file that is a few changes away from a good one of each format: no panic, no endless loop, whatever is said.
/// Changes are seeded: bytes, runs, cuts, insertions, sizes near limits.
fn mutate(rounds: u64) {
    let values = normal_f32(40);
    let weights: common::Weights = vec![("a", values[..30].to_vec()), ("b", values[30..].to_vec())];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.safetensors");
    common::write(&path, &weights);
    let safetensors = std::fs::read(&path).unwrap();
    let arrays: Vec<Vec<u8>> = weights.iter().map(|w| npy_f32(&w.1)).collect();
    let mut sketch = glasslab_series::Sketch::new(1, 64).unwrap();
    sketch.add("a", "a", 0, &values);
    let pickled = pickle(&[("a", "0", 40, 0, &[5, 6], &[1, 5]), ("b", "0", 40, 30, &[10], &[1])]);
    let seeds = [
        safetensors,
        zip(&[("a.npy", &arrays[0], false), ("b.npy", &arrays[1], false)]),
        zip(&[("a.npy", &arrays[0], true), ("b.npy", &arrays[1], true)]),
        arrays[0].clone(),
        torch(&pickled, &values),
        sketch.to_bytes(),
    ];
    let (mut read, mut refused) = (0_u64, 0_u64);
    for round in 0..rounds {
        let mut rng = glasslab_core::Streams::new(11).stream("fuzz", 0, round);
        let mut pick = |n: usize| (rand_core::Rng::next_u64(&mut rng) % n.max(1) as u64) as usize;
        let seed = &seeds[round as usize % seeds.len()];
        let mut bytes = seed.clone();
        for _ in 0..1 + pick(4) {
            let at = pick(bytes.len());
            match pick(6) {
                0 if !bytes.is_empty() => bytes[at] ^= 1 << pick(8),
                1 if !bytes.is_empty() => bytes[at] = pick(256) as u8,
                2 => bytes.truncate(at),
                3 => {
                    let size = [0, 1, 0x7f, 0xff, 0xffff, 0xffff_ffff, 1 << 40, u64::MAX][pick(8)].to_le_bytes();
                    let wide = [1, 2, 4, 8][pick(4)];
                    bytes.iter_mut().skip(at).zip(&size[..wide]).for_each(|(b, s)| *b = *s);
                }
                4 => {
                    let end = (at + pick(40)).min(bytes.len());
                    let run = bytes[at.min(end)..end].to_vec();
                    let to = pick(bytes.len());
                    bytes.splice(to..to, run);
                }
                _ => drop(bytes.drain(at..(at + pick(20)).min(bytes.len().max(at)))),
            }
        }
        let paths: Vec<_> = (0..3).map(|i| dir.path().join(format!("step{i}"))).collect();
        std::fs::write(&paths[0], seed).unwrap();
        std::fs::write(&paths[1], &bytes).unwrap();
        std::fs::write(&paths[2], seed).unwrap();
        match analyse(&paths, &Options { memory: 256 << 20, ..Options::default() }, &()) {
            Ok(_) => read += 1,
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().is_empty());
            }
        }
    }
    assert!(refused > rounds / 4 && read > 0, "{read} read, {refused} refused");
}

/// The same for the user's tables, whose shards are there.
fn mutate_tables(rounds: u64) {
    let dir = tempfile::tempdir().unwrap();
    let weights: common::Weights = vec![("a", normal_f32(30))];
    for step in 0..3 {
        let folder = dir.path().join(format!("step{step}"));
        std::fs::create_dir_all(&folder).unwrap();
        (0..2).for_each(|r| common::write(&folder.join(format!("r{r}.safetensors")), &weights));
    }
    let shards = "shards = [\"r0.safetensors\", \"r1.safetensors\"]\n";
    let split = "[[split]]\ntensors = \"a\"\nalong = 0\n";
    let listed: String = (0..3).map(|s| format!("[[checkpoint]]\npath = \"step{s}\"\nstep = {s}\n")).collect();
    let csv = "path,step\nstep0/r0.safetensors,0\nstep1/r0.safetensors,1\nstep2/r0.safetensors,2\n";
    let seeds = [
        ("t.toml", format!("{shards}{split}")),
        ("t.toml", format!("{shards}{listed}{split}")),
        ("t.csv", csv.to_owned()),
    ];
    let (mut read, mut refused) = (0_u64, 0_u64);
    for round in 0..rounds {
        let mut rng = glasslab_core::Streams::new(12).stream("fuzz", 0, round);
        let (name, seed) = &seeds[round as usize % seeds.len()];
        let mut bytes = seed.clone().into_bytes();
        edit(&mut bytes, &mut rng, b"\"[]=,\n09a/.\\\xff", &[]);
        let table = dir.path().join(name);
        std::fs::write(&table, &bytes).unwrap();
        match analyse(&[table], &Options { memory: 256 << 20, ..Options::default() }, &()) {
            Ok(_) => read += 1,
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().is_empty());
            }
        }
    }
    assert!(refused > rounds / 4 && read > 0, "{read} read, {refused} refused");
}

/// The same for the index of the shards of one checkpoint of three.
fn mutate_indexes(rounds: u64) {
    let dir = tempfile::tempdir().unwrap();
    let index = r#"{"metadata":{"total_size":160},"weight_map":{"a":"x-1.safetensors","b":"x-2.safetensors"}}"#;
    let name = "model.safetensors.index.json";
    for step in 0..3 {
        let folder = dir.path().join(format!("step{step}"));
        std::fs::create_dir_all(&folder).unwrap();
        common::write(&folder.join("x-1.safetensors"), &vec![("a", normal_f32(30))]);
        common::write(&folder.join("x-2.safetensors"), &vec![("b", normal_f32(10))]);
        std::fs::write(folder.join(name), index).unwrap();
    }
    let run = || analyse(&[dir.path().to_owned()], &Options { memory: 256 << 20, ..Options::default() }, &());
    assert_eq!(run().unwrap().summary.tensors, 2, "the index as it is");
    let (mut read, mut refused) = (0_u64, 0_u64);
    for round in 0..rounds {
        let mut rng = glasslab_core::Streams::new(13).stream("fuzz", 0, round);
        let mut bytes = index.as_bytes().to_vec();
        edit(&mut bytes, &mut rng, b"\"{}[]:,09a/.\\\xff", &[b"../", b"/etc/", b"null", b"1e999", b"[[[["]);
        std::fs::write(dir.path().join("step1").join(name), &bytes).unwrap();
        match run() {
            Ok(_) => read += 1,
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().is_empty());
            }
        }
    }
    assert!(refused > rounds / 4 && read > 0, "{read} read, {refused} refused");
}

/// One to three changes of a text: a byte of `alphabet`, a cut, a run that stands there twice, one of `words`, or a run that is gone.
fn edit(bytes: &mut Vec<u8>, rng: &mut glasslab_core::Rng, alphabet: &[u8], words: &[&[u8]]) {
    let mut pick = |n: usize| (rand_core::Rng::next_u64(rng) % n.max(1) as u64) as usize;
    for _ in 0..1 + pick(3) {
        let at = pick(bytes.len());
        match pick(if words.is_empty() { 4 } else { 5 }) {
            0 if !bytes.is_empty() => bytes[at] = alphabet[pick(alphabet.len())],
            1 => bytes.truncate(at),
            2 => {
                let run = bytes[at..(at + pick(30)).min(bytes.len())].to_vec();
                let to = pick(bytes.len());
                bytes.splice(to..to, run);
            }
            4 => drop(bytes.splice(at..at, words[pick(words.len())].to_vec())),
            _ => drop(bytes.drain(at..(at + pick(20)).min(bytes.len()))),
        }
    }
}

fn normal_f32(n: usize) -> Vec<f32> {
    common::normal(n, 9, 9).iter().map(|&z| z as f32).collect()
}

#[test]
fn mutated_files_are_read_or_refused() {
    mutate(300);
    mutate_tables(150);
    mutate_indexes(150);
}

#[test]
#[ignore = "slow: 24,000 mutated files, about four minutes"]
fn slow_mutated_files_are_read_or_refused() {
    mutate(12_000);
    mutate_tables(6_000);
    mutate_indexes(6_000);
}
