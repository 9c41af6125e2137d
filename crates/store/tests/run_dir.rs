//! Run directories: what is refused, what survives, and a writer that is killed for real.

use glasslab_core::{Array, Dataset, Record, State, Values};
use glasslab_store::{Manifest, Run, RunDir, StoreError};
use std::fs;

fn dataset() -> Dataset {
    let time = Record::coordinate("time", "step", "steps", Values::I64(vec![1, 2]));
    Dataset { coordinates: vec![time], ..Dataset::default() }
}

#[test]
fn a_run_is_written_and_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("above/run");
    let run = RunDir::create(&path).unwrap();
    assert_eq!(run.plan().unwrap(), None);
    run.write_plan("seed = 3\n").unwrap();
    run.write_records("toy-1", &dataset()).unwrap();
    run.write_manifest(&Manifest::new(3, 2)).unwrap();
    run.write_summary(&serde_json::json!({ "verdict": "aging" })).unwrap();
    run.write_report("<!doctype html>").unwrap();
    run.write_file("figures", "energy.svg", b"<svg/>").unwrap();
    assert!(run.write_records("../escape", &dataset()).is_err());
    assert!(matches!(RunDir::resume(&path), Err(StoreError::Busy { .. })), "still being written");
    drop(run);

    let run = Run::open(&path).unwrap();
    assert_eq!(run.plan().unwrap(), "seed = 3\n");
    assert_eq!(run.record_names().unwrap(), ["toy-1"]);
    assert_eq!(run.records("toy-1").unwrap(), dataset());
    assert_eq!(run.manifest().unwrap().seed, 3);
    assert_eq!(run.summary::<serde_json::Value>().unwrap()["verdict"], "aging");
    assert!(run.report_path().exists());
    assert!(matches!(RunDir::create(&path), Err(StoreError::Occupied { .. })));
    assert_eq!(RunDir::resume(&path).unwrap().plan().unwrap().as_deref(), Some("seed = 3\n"));
}

#[test]
fn foreign_folders_and_files_are_refused_and_untouched() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.tex"), b"x").unwrap();
    for attempt in [RunDir::create(dir.path()), RunDir::resume(dir.path())] {
        let error = attempt.unwrap_err();
        assert!(matches!(error, StoreError::NotARun { .. }), "{error}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    let error = RunDir::create(dir.path().join("thesis.tex")).unwrap_err().to_string();
    assert!(error.contains("thesis.tex") && error.contains("give another folder"), "{error}");
    assert_eq!(fs::read(dir.path().join("thesis.tex")).unwrap(), b"x");
    let error = Run::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("plan.toml"), "{error}");
}

#[test]
fn a_damaged_manifest_is_one_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run");
    let run = RunDir::create(&path).unwrap();
    run.write_plan("").unwrap();
    fs::write(path.join("manifest.json"), b"{\"seed\": 3").unwrap();
    let error = run.run().manifest().unwrap_err().to_string();
    assert!(error.contains("manifest.json") && error.contains("JSON"), "{error}");
}

/// The environment variable that turns the test below into the writer that is killed.
const VICTIM: &str = "GLASSLAB_TEST_VICTIM";

fn state(step: u64) -> State {
    let mut state = State::default();
    state.push("x", Array::F64((0..20_000).map(|i| (i * step) as f64).collect()));
    for reference in (1..=step).step_by(3) {
        state.push(format!("once/{reference}"), Array::F64(vec![reference as f64; 1000]));
    }
    state
}

/// The writer: continues from its newest checkpoint and writes checkpoints until it is killed.
fn write_until_killed(path: &str) {
    let run = RunDir::resume(path).unwrap();
    run.write_plan("seed = 1\n").unwrap();
    let mut checkpoints = run.checkpoints("toy").unwrap();
    let start = checkpoints.load().unwrap().map_or(0, |c| c.step);
    for step in start + 1..100_000 {
        checkpoints.save(step, &state(step % 100)).unwrap();
    }
}

/// Kills a writer with SIGKILL ten times at arbitrary instants: each time the lock of the dead is taken over, the
/// newest checkpoint is whole and is not older than the one seen before.
#[cfg(target_os = "linux")]
#[test]
fn killed_for_real_a_run_resumes() {
    if let Ok(path) = std::env::var(VICTIM) {
        return write_until_killed(&path);
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run");
    let mut newest = 0;
    for round in 0..10_u64 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed_for_real_a_run_resumes", "--nocapture"])
            .env(VICTIM, &path)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // Wait for progress, then a little more, different each time.
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let progress = |path: &std::path::Path| {
            let names = fs::read_dir(path.join("checkpoint/toy")).into_iter().flatten().flatten();
            names.filter_map(|e| e.file_name().to_str()?.strip_suffix(".safetensors")?.parse::<u64>().ok()).max()
        };
        while progress(&path).unwrap_or(0) < newest + 2 {
            assert!(std::time::Instant::now() < until && child.try_wait().unwrap().is_none(), "the writer writes");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        std::thread::sleep(std::time::Duration::from_micros(700 * round));
        child.kill().unwrap();
        child.wait().unwrap();

        let run = RunDir::resume(&path).unwrap();
        let loaded = run.checkpoints("toy").unwrap().load().unwrap().unwrap();
        assert!(loaded.skipped.is_empty(), "{:?}", loaded.skipped);
        assert!(loaded.step >= newest + 2, "went back from {newest} to {}", loaded.step);
        assert_eq!(loaded.state, state(loaded.step % 100));
        newest = loaded.step;
    }
}
