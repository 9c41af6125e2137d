//! Sweeps on this machine: every point once, the same bytes however it was run, and nothing lost.

mod common;

use common::{assert_same, glasslab, said, start};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

const PLAN: &str = "name = \"demo\"\n[[quench]]\nsystem = \"ornstein-uhlenbeck\"\nreplicas = 3\nsteps = 300\n\
    [sweep.grid]\nmethod.temperature = [0.5, 1.0, 2.0]\nseed = { from = 1, to = 3 }\n";

/// Long enough to be interrupted: each point takes some tenths of a second.
const LONG: &str = "name = \"long\"\n[[quench]]\nsystem = \"p-spin\"\nreplicas = 2\nsteps = 4000\n\
    parameters = { p = 3, n = 48 }\n[sweep.grid]\nmethod.temperature = [0.3, 0.5]\nseed = { from = 1, to = 4 }\n";

fn folder(plan: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("plan.toml"), plan).unwrap();
    dir
}

fn json(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Folders of finished points by address.
fn points(sweep: &Path) -> BTreeMap<String, PathBuf> {
    let mut out = BTreeMap::new();
    for shard in fs::read_dir(sweep.join("points")).into_iter().flatten().flatten() {
        for point in fs::read_dir(shard.path()).unwrap().flatten() {
            out.insert(point.file_name().into_string().unwrap(), point.path());
        }
    }
    out
}

/// Lines of the journals: one for each time a point was finished.
fn finishes(sweep: &Path) -> usize {
    let files = fs::read_dir(sweep.join("journal")).into_iter().flatten().flatten();
    files.map(|f| fs::read_to_string(f.path()).unwrap().lines().count()).sum()
}

/// The results of two sweeps, byte for byte.
fn assert_same_sweep(a: &Path, b: &Path) {
    let (left, right) = (points(a), points(b));
    assert_eq!(left.keys().collect::<Vec<_>>(), right.keys().collect::<Vec<_>>());
    for (address, path) in &left {
        assert_same(path, &right[address]);
    }
    for file in ["table.nc", "table.csv", "report.html", "sweep.toml", "addresses.txt"] {
        assert!(fs::read(a.join(file)).unwrap() == fs::read(b.join(file)).unwrap(), "{file} differs");
    }
}

#[test]
fn every_point_runs_once_and_the_number_of_processes_changes_nothing() {
    let dir = folder(PLAN);
    let d = dir.path();
    let output = glasslab(d, &["sweep", "plan.toml", "--json", "--processes", "2"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(json(&output).contains("\"done\": 9") && json(&output).contains("\"failed\": 0"), "{}", json(&output));
    let one = d.join("sweeps/demo");
    assert_eq!((points(&one).len(), finishes(&one)), (9, 9));
    let table = fs::read_to_string(one.join("table.csv")).unwrap();
    assert_eq!(table.lines().count(), 10);
    let head = "point,address,state,method.temperature,seed,quench,";
    assert!(table.starts_with(head), "{table}");
    assert!(table.lines().nth(4).unwrap().contains(",done,1.0,1,ornstein-uhlenbeck,"), "{table}");
    // Again: nothing to do.
    let output = glasslab(d, &["sweep", "sweeps/demo"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(finishes(&one), 9);
    // Another way to the same bytes.
    let output = glasslab(d, &["sweep", "plan.toml", "--out", "two", "--processes", "1", "--threads", "2"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_same_sweep(&one, &d.join("two"));
    let list = glasslab(d, &["sweep", "two", "--list", "--json"]);
    assert_eq!(json(&list).matches("\"state\": \"done\"").count(), 9);
    // A journal that is lost is made up for by the runs themselves.
    fs::remove_dir_all(d.join("two/journal")).unwrap();
    assert!(glasslab(d, &["sweep", "two", "--merge"]).status.success());
    assert_same_sweep(&one, &d.join("two"));
    // And a point is an ordinary run.
    let address = points(&one).into_values().next().unwrap();
    let report = glasslab(d, &["report", address.to_str().unwrap(), "--out", "point.html"]);
    assert!(report.status.success(), "{}", said(&report));
}

#[test]
fn a_killed_sweep_goes_on_to_the_same_bytes() {
    let dir = folder(LONG);
    let d = dir.path();
    let output = glasslab(d, &["sweep", "plan.toml", "--out", "whole"]);
    assert!(output.status.success(), "{}", said(&output));
    let begin = Instant::now();
    for round in 0.. {
        let mut child = start(d, &["sweep", "plan.toml", "--out", "killed", "--processes", "2"]);
        let until = Instant::now() + Duration::from_millis(if round < 4 { 700 } else { 60_000 });
        while Instant::now() < until && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(10));
        }
        if child.try_wait().unwrap().is_some() {
            break;
        }
        // The workers notice that their driver is gone, and stop.
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(begin.elapsed() < Duration::from_secs(300));
    }
    let killed = d.join("killed");
    assert_eq!(points(&killed).len(), 8);
    assert!(finishes(&killed) <= 8, "no point is finished twice");
    assert_same_sweep(&d.join("whole"), &killed);
    let left =
        fs::read_dir(killed.join("work")).unwrap().count() + fs::read_dir(killed.join("claims")).unwrap().count();
    assert_eq!(left, 0, "nothing is left behind");
}

#[test]
fn failed_points_are_listed_with_their_reason_and_tried_again_when_asked() {
    let plan = "name = \"f\"\n[[quench]]\nsystem = \"toy\"\nreplicas = 1\nsteps = 20\nparameters = { hidden = 4 }\n\
        method = { rate = 0.1, batch = 10 }\n[sweep.grid]\nparameters.train = [50, 1000000, 60]\n";
    let dir = folder(plan);
    let d = dir.path();
    let output = glasslab(d, &["sweep", "plan.toml", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let text = said(&output);
    assert!(text.contains("3 points: 2 done, 1 failed, 0 open"), "{text}");
    assert!(text.contains("parameters.train = 1000000") && text.contains("train"), "{text}");
    assert!(json(&output).contains("\"reason\""), "{}", json(&output));
    let before = finishes(&d.join("sweeps/f"));
    let again = glasslab(d, &["sweep", "sweeps/f"]);
    assert!(!String::from_utf8_lossy(&again.stdout).contains("tried again"));
    let again = glasslab(d, &["sweep", "sweeps/f", "--retry"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stdout).contains("1 failed points are tried again"));
    assert_eq!(finishes(&d.join("sweeps/f")), before);
}

#[test]
fn a_changed_plan_needs_a_word_and_reuses_only_what_is_the_same() {
    let dir = folder(PLAN);
    let d = dir.path();
    assert!(glasslab(d, &["sweep", "plan.toml", "--out", "s"]).status.success());
    let s = d.join("s");
    let before = points(&s);
    fs::write(d.join("wider.toml"), PLAN.replace("[0.5, 1.0, 2.0]", "[0.5, 1.0, 2.0, 4.0]")).unwrap();
    let refused = glasslab(d, &["sweep", "wider.toml", "--out", "s"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("another sweep") && said(&refused).contains("--extend"), "{}", said(&refused));
    assert_eq!(points(&s), before);
    let output = glasslab(d, &["sweep", "wider.toml", "--out", "s", "--extend"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!((points(&s).len(), finishes(&s)), (12, 12), "three new points");
    // Any other setting: nothing is reused, nothing is lost.
    fs::write(d.join("other.toml"), PLAN.replace("steps = 300", "steps = 301")).unwrap();
    let output = glasslab(d, &["sweep", "other.toml", "--out", "s", "--extend", "--json"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!((points(&s).len(), finishes(&s)), (21, 21));
    assert!(json(&output).contains("\"others\": 12"), "{}", json(&output));
}

#[test]
fn bad_sweeps_are_refused_before_anything_is_written() {
    let dir = folder(PLAN);
    let d = dir.path();
    let refuse = |plan: &str, words: &[&str]| {
        fs::write(d.join("bad.toml"), plan).unwrap();
        let output = glasslab(d, &["sweep", "bad.toml"]);
        assert_eq!(output.status.code(), Some(2), "{plan}\n{}", said(&output));
        for word in words {
            assert!(said(&output).contains(word), "{plan} should say `{word}`, said {}", said(&output));
        }
        assert!(!d.join("sweeps").exists() && !said(&output).contains("panicked"), "{}", said(&output));
    };
    let with = |from: &str, to: &str| PLAN.replace(from, to);
    refuse(&with("[0.5, 1.0, 2.0]", "[]"), &["sweep.grid.method.temperature", "at least one value"]);
    refuse(&with("[0.5, 1.0, 2.0]", "[0.5, 0.5]"), &["duplicated", "0.5"]);
    refuse(&with("method.temperature", "method.temprature"), &["temprature", "did you mean `temperature`?"]);
    refuse(&with("method.temperature", "methd.temperature"), &["methd", "did you mean `method`?"]);
    refuse(&with("[sweep.grid]", "[sweep.gird]"), &["gird", "`grid`"]);
    refuse(&with("2.0]", "-2.0]\nreplicas = [0]"), &["temperature", "-2", "replicas", "1 to"]);
    refuse(&with("\"ornstein-uhlenbeck\"", "\"toy\""), &["temperature", "unknown field"]);
    refuse("name = \"x\"\n", &["[sweep.grid]"]);
    refuse("name = \n", &["line 1"]);
    // What shows only when the System is built.
    let toy = "[[quench]]\nsystem = \"toy\"\nsteps = 10\n[sweep.grid]\nparameters.train = [50, 1000000]\n";
    refuse(toy, &["batch = 100: give at most 50", "point: parameters.train = 50", "point: parameters.train = 1000000"]);
    // Folders of others.
    fs::create_dir(d.join("mine")).unwrap();
    fs::write(d.join("mine/thesis.tex"), "precious").unwrap();
    let output = glasslab(d, &["sweep", "plan.toml", "--out", "mine"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("not empty"), "{}", said(&output));
    assert_eq!(fs::read_dir(d.join("mine")).unwrap().count(), 1);
    for words in [vec!["sweep", "mine"], vec!["sweep", "mine", "--status"], vec!["sweep", "plan.toml", "--status"]] {
        let output = glasslab(d, &words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(said(&output).contains("no sweep"), "{}", said(&output));
    }
    let output = glasslab(d, &["sweep", "age"]);
    assert!(said(&output).contains("glasslab run"), "{}", said(&output));
    let output = glasslab(d, &["sweep", "agee"]);
    assert!(said(&output).contains("did you mean the preset `age`"), "{}", said(&output));
}

/// A disk that is full, twice over: a limit on the size of files, and (as root) a small file system. The sweep stops with a clear
/// word, and goes on when there is room.
#[test]
fn a_full_disk_stops_the_sweep_and_loses_nothing() {
    let dir = folder(PLAN);
    let d = dir.path();
    assert!(glasslab(d, &["sweep", "plan.toml", "--out", "whole"]).status.success());
    let sh = |script: &str| {
        let bin = env!("CARGO_BIN_EXE_glasslab");
        Command::new("sh").args(["-c", script, bin]).current_dir(d).output().unwrap()
    };
    // Files of at most 4 blocks of 512 or 1024 bytes: the plan fits, the records do not.
    let output = sh("trap '' XFSZ; ulimit -f 4; exec \"$0\" sweep plan.toml --out small");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("the sweep stopped: cannot write"), "{}", said(&output));
    assert!(said(&output).contains("go on with the same command"), "{}", said(&output));
    assert_eq!(points(&d.join("small")).len(), 0);
    assert!(!d.join("small/failed").exists(), "it is not the points' fault");
    assert!(glasslab(d, &["sweep", "plan.toml", "--out", "small"]).status.success());
    assert_same_sweep(&d.join("whole"), &d.join("small"));
    let mounted = sh("mkdir disk && unshare -m sh -c 'mount -t tmpfs -o size=256k none disk'");
    if !mounted.status.success() {
        eprintln!("skipped: no small file system can be mounted ({})", said(&mounted).trim());
        return;
    }
    let output = sh("exec unshare -m sh -c 'mount -t tmpfs -o size=256k none disk && \
        \"$0\" sweep plan.toml --out disk/s --processes 1; echo code $? >&2; ls disk/s/points/*/ >&2; \
        mount -o remount,size=64m disk && \"$0\" sweep disk/s && cp -r disk/s grown' \"$0\"");
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("the sweep stopped: cannot") && text.contains("free space on that disk"), "{text}");
    assert!(text.contains("code 2"), "{text}");
    assert_same_sweep(&d.join("whole"), &d.join("grown"));
    assert_eq!(finishes(&d.join("grown")).min(8), 8, "what was finished before the disk was full was kept");
}

/// A worker that is killed again and again at the same point: the point fails, with the reason; the others finish.
#[cfg(target_os = "linux")]
#[test]
fn a_point_that_kills_its_process_fails_and_the_others_go_on() {
    let dir = folder(
        "name = \"k\"\n[[quench]]\nsystem = \"p-spin\"\nreplicas = 1\nsteps = 100\n\
        parameters = { p = 3, n = 32 }\n[sweep.grid]\nsteps = [100, 100000000, 200]\n",
    );
    let d = dir.path();
    let mut child = start(d, &["sweep", "plan.toml", "--processes", "1"]);
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(begin.elapsed() < Duration::from_secs(120));
        std::thread::sleep(Duration::from_millis(50));
        // Kill whoever works on the long one.
        let work = fs::read_dir(d.join("sweeps/k/work")).into_iter().flatten().flatten();
        for point in work {
            let text = fs::read_to_string(point.path().join("plan.toml")).unwrap_or_default();
            if !text.contains("steps = 100000000") {
                continue;
            }
            for lock in fs::read_dir(point.path()).into_iter().flatten().flatten() {
                let name = lock.file_name().into_string().unwrap();
                if let Some(pid) = name.strip_prefix("lock-").and_then(|n| n.split('-').next()) {
                    let _ = Command::new("kill").args(["-9", pid]).stderr(std::process::Stdio::null()).status();
                }
            }
        }
    }
    let output = glasslab(d, &["sweep", "sweeps/k", "--status"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("3 points: 2 done, 1 failed, 0 open"), "{text}");
    assert!(text.contains("signal: 9") && text.contains("steps = 100000000"), "{text}");
}

/// docs/sweep.md: its plan, and every command of its `sh` blocks, in the order of the page.
#[test]
fn the_commands_of_the_guide_work() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sweep.md")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut count = 0;
    for block in page.split("```").skip(1).step_by(2) {
        let (kind, text) = block.split_once('\n').unwrap();
        if kind == "toml" {
            let file = text.lines().next().unwrap().strip_prefix("# file: ").unwrap();
            fs::write(dir.path().join(file), text).unwrap();
        }
        for line in text.lines().filter(|_| kind == "sh") {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert_eq!(words[0], "glasslab");
            let output = glasslab(dir.path(), &words[1..]);
            assert!(output.status.success(), "{line}\n{}", said(&output));
            count += 1;
        }
    }
    assert!(count >= 6);
    assert_eq!(points(&dir.path().join("sweeps/temperatures")).len(), 18);
    // The plan of the repository that the page does not run.
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../experiments/spin-glass-temperatures.toml");
    let output = glasslab(dir.path(), &["sweep", example, "--dry-run", "--json"]);
    assert!(json(&output).contains("\"points\": 36"), "{}", said(&output));
}
