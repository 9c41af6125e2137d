//! Checkpoints: killed, truncated or flipped anywhere, something whole is left, and damage is named.

use glasslab_core::{Array, State};
use glasslab_store::{Checkpoints, StoreError};
use std::fs;
use std::path::{Path, PathBuf};

fn state(step: u64) -> State {
    let mut state = State::default();
    state.push("sgd/x", Array::F32(vec![step as f32, 0.5, f32::NAN]));
    state.push("once/two-time/ref 0", Array::F64(vec![1.0, -0.0, f64::MIN_POSITIVE]));
    if step >= 20 {
        state.push("once/two-time/ref/20", Array::F64(vec![20.0; 5]));
    }
    state.push("clock", Array::U64(vec![step, u64::MAX]));
    state.push("empty", Array::F64(vec![]));
    state
}

/// Equality to the bit.
fn same(a: &State, b: &State) -> bool {
    let bytes = |a: &Array| match a {
        Array::F64(v) => v.iter().map(|x| x.to_bits()).collect::<Vec<u64>>(),
        Array::F32(v) => v.iter().map(|x| u64::from(x.to_bits())).collect(),
        Array::U64(v) => v.clone(),
    };
    a.arrays.len() == b.arrays.len()
        && a.arrays.iter().zip(&b.arrays).all(|(x, y)| {
            x.0 == y.0 && std::mem::discriminant(&x.1) == std::mem::discriminant(&y.1) && bytes(&x.1) == bytes(&y.1)
        })
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() { out.extend(files(&entry.path())) } else { out.push(entry.path()) }
    }
    out.sort();
    out
}

/// What a folder holds: every file with its bytes.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let name = |p: &Path| p.strip_prefix(folder).unwrap().to_owned();
    files(folder).into_iter().map(|p| (name(&p), fs::read(&p).unwrap())).collect()
}

fn restore(folder: &Path, contents: &[(PathBuf, Vec<u8>)]) {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder.join("once")).unwrap();
    for (name, bytes) in contents {
        fs::write(folder.join(name), bytes).unwrap();
    }
}

#[test]
fn the_newest_comes_back_and_old_ones_go() {
    let dir = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::open(dir.path().join("toy")).unwrap();
    assert!(checkpoints.load().unwrap().is_none());
    for step in [10, 20, 30] {
        checkpoints.save(step, &state(step)).unwrap();
    }
    assert_eq!(checkpoints.steps().unwrap(), [30, 20]);
    let mut again = Checkpoints::open(dir.path().join("toy")).unwrap();
    let loaded = again.load().unwrap().unwrap();
    assert_eq!((loaded.step, loaded.skipped.len()), (30, 0));
    assert!(same(&loaded.state, &state(30)));
    assert!(!same(&loaded.state, &state(10)), "the comparison sees a difference");
}

#[test]
fn a_reference_is_written_a_single_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::open(dir.path()).unwrap();
    checkpoints.save(20, &state(20)).unwrap();
    let once = files(&dir.path().join("once"));
    assert_eq!(once.len(), 2);
    // Made unwritable by putting garbage there: a second writing would repair it.
    fs::write(&once[0], b"garbage").unwrap();
    checkpoints.save(30, &state(30)).unwrap();
    assert_eq!(fs::read(&once[0]).unwrap(), b"garbage");
}

#[test]
fn a_name_twice_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut twice = state(1);
    twice.push("clock", Array::U64(vec![]));
    let error = Checkpoints::open(dir.path()).unwrap().save(1, &twice).unwrap_err();
    assert!(matches!(error, StoreError::State { ref name, .. } if name == "clock"), "{error}");
}

/// Simulates a kill at every stage of `save(30)`: the files as they were, plus some of the new ones, in the order in
/// which they are written, plus one of them cut anywhere under its temporary name. The old checkpoint (20) must load
/// until the new main file has its name, the new one (30) from then on.
#[test]
fn killed_anywhere_resumes() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("toy");
    let mut checkpoints = Checkpoints::open(&folder).unwrap();
    checkpoints.save(10, &state(10)).unwrap();
    let before = contents(&folder);
    checkpoints.save(20, &state(20)).unwrap();
    let after = contents(&folder);
    let fresh: Vec<_> = after.iter().filter(|f| !before.contains(f)).cloned().collect();
    // The `once/` file is written first, then the main file.
    let (once, main): (Vec<_>, Vec<_>) = fresh.into_iter().partition(|(name, _)| name.starts_with("once"));
    assert_eq!((once.len(), main.len()), (1, 1));
    let order = [once, main].concat();
    for done in 0..=order.len() {
        let cuts = order.get(done).map_or(vec![0], |(_, b)| vec![0, 1, 9, b.len() / 2, b.len() - 1, b.len()]);
        for cut in cuts {
            let mut files = [before.clone(), order[..done].to_vec()].concat();
            if let Some((name, bytes)) = order.get(done) {
                let temporary = format!(".{}.unfinished-1-1", name.file_name().unwrap().to_str().unwrap());
                files.push((name.with_file_name(temporary), bytes[..cut].to_vec()));
            }
            restore(&folder, &files);
            let mut checkpoints = Checkpoints::open(&folder).unwrap();
            let loaded = checkpoints.load().unwrap().unwrap();
            let expected = if done == order.len() { 20 } else { 10 };
            assert_eq!((loaded.step, loaded.skipped.len()), (expected, 0), "{done} files, {cut} bytes");
            assert!(same(&loaded.state, &state(expected)));
            // And the run goes on from there.
            checkpoints.save(20, &state(20)).unwrap();
            checkpoints.save(30, &state(30)).unwrap();
            assert!(same(&checkpoints.load().unwrap().unwrap().state, &state(30)));
        }
    }
}

/// The main file is written after what it names: if a reference cannot be written, the new checkpoint is not there,
/// and the one before is untouched.
#[test]
fn the_main_file_comes_last() {
    let dir = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::open(dir.path()).unwrap();
    checkpoints.save(10, &state(10)).unwrap();
    let in_the_way = dir.path().join("once/two-time%2fref%2f20.safetensors");
    fs::create_dir_all(in_the_way.join("x")).unwrap();
    let error = checkpoints.save(20, &state(20)).unwrap_err().to_string();
    assert!(error.contains("two-time%2fref%2f20") && error.contains("what was there before is unchanged"), "{error}");
    assert_eq!(checkpoints.steps().unwrap(), [10]);
    assert!(same(&checkpoints.load().unwrap().unwrap().state, &state(10)));
    fs::remove_dir_all(in_the_way).unwrap();
    checkpoints.save(20, &state(20)).unwrap();
    assert!(same(&checkpoints.load().unwrap().unwrap().state, &state(20)));
}

/// Every single flipped bit of the newest main file and of a `once/` file is either seen (the checkpoint before is
/// used, or a clear error names the file) or changes nothing that is loaded.
#[test]
fn a_flipped_bit_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::open(dir.path()).unwrap();
    checkpoints.save(10, &state(10)).unwrap();
    checkpoints.save(20, &state(20)).unwrap();
    let main = dir.path().join("000000000020.safetensors");
    let good = fs::read(&main).unwrap();
    let (mut seen, mut harmless) = (0, 0);
    for place in 0..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 1 << (place % 8);
        fs::write(&main, &bad).unwrap();
        let loaded = checkpoints.load().unwrap().unwrap();
        if loaded.step == 10 {
            seen += 1;
            assert_eq!(loaded.skipped.len(), 1);
            assert!(loaded.skipped[0].contains("000000000020.safetensors"), "{}", loaded.skipped[0]);
            assert!(same(&loaded.state, &state(10)));
        } else {
            harmless += 1;
            assert!(same(&loaded.state, &state(20)), "bit {place} went unseen");
        }
    }
    // At most the blanks that pad the header are harmless.
    assert!(seen > good.len() - 16 && harmless < 16, "{seen} seen, {harmless} harmless");

    // A damaged reference that both checkpoints need: one error that names it, no panic, nothing removed.
    fs::write(&main, &good).unwrap();
    let shared = files(&dir.path().join("once")).into_iter().find(|p| p.to_str().unwrap().contains("%20")).unwrap();
    let mut bytes = fs::read(&shared).unwrap();
    *bytes.last_mut().unwrap() ^= 4;
    fs::write(&shared, bytes).unwrap();
    let error = checkpoints.load().unwrap_err().to_string();
    assert!(error.contains("cannot be resumed") && error.contains("SHA-256"), "{error}");
    assert_eq!(checkpoints.steps().unwrap(), [20, 10]);
}

/// A newest file cut at any length is skipped for the one before.
#[test]
fn a_truncated_newest_falls_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::open(dir.path()).unwrap();
    checkpoints.save(10, &state(10)).unwrap();
    checkpoints.save(20, &state(20)).unwrap();
    let main = dir.path().join("000000000020.safetensors");
    let good = fs::read(&main).unwrap();
    for length in 0..good.len() {
        fs::write(&main, &good[..length]).unwrap();
        let loaded = checkpoints.load().unwrap().unwrap();
        assert_eq!((loaded.step, loaded.skipped.len()), (10, 1), "cut to {length}");
    }
}
