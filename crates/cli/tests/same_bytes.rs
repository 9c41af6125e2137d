//! The same plan leaves the same bytes: whatever the threads, kills at random instants, interruptions, checkpoints.

mod common;

use common::{SMALL, assert_same, glasslab, said, start};
use std::path::Path;
use std::time::{Duration, Instant};

fn plan(folder: &Path) {
    std::fs::write(folder.join("small.toml"), SMALL).unwrap();
}

#[test]
fn threads_do_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    plan(dir.path());
    for threads in ["1", "2", "3"] {
        let out = format!("t{threads}");
        let output = glasslab(dir.path(), &["run", "small.toml", "--threads", threads, "--out", &out]);
        assert!(output.status.success(), "{}", said(&output));
    }
    assert_same(&dir.path().join("t1"), &dir.path().join("t2"));
    assert_same(&dir.path().join("t1"), &dir.path().join("t3"));
}

/// SIGKILL after pseudo-random delays, up to 15 times; then the bytes of an undisturbed run.
#[test]
fn killed_at_any_instant_resumes_to_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let slow = SMALL.replace("steps = 600", "steps = 6000").replace("steps = 400", "steps = 4000");
    std::fs::write(dir.path().join("small.toml"), slow).unwrap();
    let whole = glasslab(dir.path(), &["run", "small.toml", "--out", "whole"]);
    assert!(whole.status.success(), "{}", said(&whole));
    let words = ["run", "small.toml", "--out", "cut", "--resume", "--checkpoint-every", "0.02"];
    let (mut kills, mut delay) = (0, 15);
    let begin = Instant::now();
    loop {
        let mut child = start(dir.path(), &words);
        std::thread::sleep(Duration::from_millis(delay));
        // Kill::kill is SIGKILL on Unix.
        let _ = child.kill();
        if child.wait().unwrap().success() {
            break;
        }
        kills += 1;
        delay = 15 + (delay * 7 + 13) % 90 + kills;
        if kills == 15 || begin.elapsed() > Duration::from_secs(60) {
            let last = glasslab(dir.path(), &words);
            assert!(last.status.success(), "{}", said(&last));
            break;
        }
    }
    assert!(kills >= 3, "the run was killed only {kills} times: make it longer");
    assert_same(&dir.path().join("whole"), &dir.path().join("cut"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_cleanly_with_what_is_done_and_resumes() {
    let dir = tempfile::tempdir().unwrap();
    let long = SMALL.replace("steps = 600", "steps = 20000").replace("hidden = 8", "hidden = 64");
    std::fs::write(dir.path().join("small.toml"), long).unwrap();
    let mut child = start(dir.path(), &["run", "small.toml", "--out", "cut"]);
    std::thread::sleep(Duration::from_millis(400));
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(1), "interrupted is exit code 1");
    for file in ["plan.toml", "manifest.json", "summary.json", "report.html", "records/net.nc"] {
        assert!(dir.path().join("cut").join(file).is_file(), "{file} is there after Ctrl-C");
    }
    let manifest = std::fs::read_to_string(dir.path().join("cut/manifest.json")).unwrap();
    assert!(manifest.contains("\"interrupted\""), "{manifest}");
    let output = glasslab(dir.path(), &["run", "small.toml", "--out", "cut", "--resume"]);
    assert!(output.status.success(), "{}", said(&output));
    let output = glasslab(dir.path(), &["run", "small.toml", "--out", "whole"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_same(&dir.path().join("whole"), &dir.path().join("cut"));
}
