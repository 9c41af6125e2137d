//! What a sweep costs beside its points, at 10^4 points; and looking at 10^5 points: status, list, merge with report.
//!
//! `floor` is the time of the points themselves over the processes: floor over seconds is one minus the overhead (target: above 0.98).

use glasslab_lab::store::Journal;
use glasslab_lab::sweep::{Local, Status, SweepDir, SweepPlan, merge, run_local, serve};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

const PROCESSES: usize = 2;

fn plan(points: usize) -> SweepPlan {
    let text = format!(
        "name = 'bench'\n[[quench]]\nsystem = 'ornstein-uhlenbeck'\nreplicas = 2\nsteps = 200\n\
         [sweep.grid]\nmethod.temperature = {{from = 0.1, to = 1.0, count = 100}}\nseed = {{from = 1, to = {}}}\n",
        points / 100
    );
    SweepPlan::parse(&text, Path::new("")).expect("a plan")
}

/// A sweep of `points` points, of which all but the last `open` are finished by hand: a folder and a line in the journal each.
fn directory(folder: &Path, points: usize, open: usize) -> SweepDir {
    let dir = SweepDir::create(folder, plan(points), Path::new(""), false).expect("a sweep");
    let mut journal = Journal::open(folder.join("journal")).expect("a journal");
    for (i, address) in dir.addresses()[..points - open].iter().enumerate() {
        std::fs::create_dir_all(dir.point(address)).expect("a folder");
        let x = i as f64 / points as f64;
        let row = json!([{
            "dof": 1000, "replicas": 2, "samples": 1, "unit_of_time": "time", "energy_name": "energy", "first_energy": x,
            "first_energy_error": 0.1 * x, "last_energy": 0.3 * x, "last_energy_error": 0.01, "reference": 0.25,
            "verdict": "not resolved", "mu": x, "mu_low": x - 0.1, "mu_high": x + 0.1, "gamma": 0.8, "gamma_low": 0.7,
            "gamma_high": 0.9, "drift": -x, "drift_error": 0.04, "diverged": 0
        }]);
        journal.append(&json!({"point": address, "seconds": 0.05, "rows": row})).expect("a line");
    }
    dir
}

/// Seconds of the points that really ran, as the journals say.
fn spent(dir: &SweepDir, open: usize) -> f64 {
    let mine: Vec<&String> = dir.addresses().iter().rev().take(open).collect();
    let files = std::fs::read_dir(dir.path().join("journal")).expect("journals").flatten();
    let texts = files.map(|f| std::fs::read_to_string(f.path()).expect("text"));
    let mut sum = 0.0;
    for text in texts {
        for line in text.lines() {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            if mine.iter().any(|a| line["point"] == a.as_str()) {
                sum += line["seconds"].as_f64().unwrap_or(0.0);
            }
        }
    }
    sum
}

fn overhead(folder: &Path, points: usize, open: usize) {
    let dir = directory(folder, points, open);
    let program = std::env::current_exe().expect("a program");
    let local = Local { program, words: vec!["--serve".to_owned()], processes: PROCESSES, threads: 1 };
    let begin = Instant::now();
    run_local(&dir, &local, &Arc::new(AtomicBool::new(false)), &mut |_| {}).expect("a sweep");
    let seconds = begin.elapsed().as_secs_f64();
    assert_eq!(Status::of(&dir).expect("a status").done, points);
    let floor = spent(&dir, open) / PROCESSES as f64;
    let case = format!("one of {points} points of a sweep");
    let (seconds, floor) = (seconds / open as f64, floor / open as f64);
    println!("{}", json!({"case": case, "threads": PROCESSES, "seconds": seconds, "floor": floor}));
}

fn looking(folder: &Path, points: usize) {
    let begin = Instant::now();
    drop(directory(folder, points, 0));
    eprintln!("made {points} points in {:.1} s", begin.elapsed().as_secs_f64());
    let timed = |what: &str, work: &dyn Fn()| {
        let begin = Instant::now();
        work();
        let case = format!("{what} of {points} points");
        println!("{}", json!({"case": case, "threads": 1, "seconds": begin.elapsed().as_secs_f64()}));
    };
    timed("status", &|| {
        assert_eq!(Status::of(&SweepDir::open(folder).expect("a sweep")).expect("a status").done, points)
    });
    timed("list", &|| assert_eq!(SweepDir::open(folder).expect("a sweep").states().expect("states").len(), points));
    timed("merge and report", &|| {
        assert_eq!(merge(&SweepDir::open(folder).expect("a sweep")).expect("a table").done, points);
    });
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = words.iter().position(|w| w == "--serve") {
        glasslab_lab::set_threads(1);
        let dir = SweepDir::open(Path::new(&words[at + 1])).expect("a sweep");
        serve(&dir, &Arc::new(AtomicBool::new(false))).expect("a worker");
        return;
    }
    let quick = words.iter().any(|w| w == "--quick");
    let folder = tempfile::tempdir().expect("a folder");
    overhead(&folder.path().join("overhead"), 10_000, if quick { 200 } else { 1000 });
    looking(&folder.path().join("looking"), 100_000);
}
