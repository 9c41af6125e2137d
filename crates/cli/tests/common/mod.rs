//! Runs the built program as a user would: from an empty folder.
#![allow(dead_code)]

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// A small plan: two networks and a glass, a second or two.
pub const SMALL: &str = r#"
name = "small"
seed = 3
[[quench]]
name = "net"
system = "toy"
replicas = 3
steps = 600
[quench.parameters]
hidden = 8
train = 200
[quench.method]
rate = 1.0
batch = 32
[quench.grid]
waiting_count = 6
lag_count = 12
loss_count = 12
[[quench]]
name = "single"
system = "fully-connected"
replicas = 2
steps = 300
precision = "f32"
[quench.parameters]
widths = [12, 8]
train = 200
[quench.method]
rate = 0.05
momentum = 0.5
batch = 32
[quench.grid]
waiting_count = 5
lag_count = 10
loss_count = 10
[[quench]]
name = "glass"
system = "p-spin"
replicas = 2
samples = 2
steps = 400
[quench.parameters]
p = 3
n = 48
[quench.method]
kind = "langevin"
step_size = 0.05
temperature = 0.5
[quench.grid]
waiting_count = 6
lag_count = 12
loss_count = 12
[[quench]]
name = "liquid"
system = "kob-andersen"
replicas = 2
steps = 60
[quench.parameters]
n = 160
start_time = 0.02
[quench.grid]
waiting_count = 4
lag_count = 8
loss_count = 8
"#;

/// The program with these words, in this folder.
pub fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glasslab"));
    command.args(words).current_dir(folder).stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub fn glasslab(folder: &Path, words: &[&str]) -> Output {
    command(folder, words).output().expect("the program starts")
}

/// Starts it.
pub fn start(folder: &Path, words: &[&str]) -> Child {
    command(folder, words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
}

/// What it said on stderr.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The files that a plan determines, with their bytes, sorted by name.
pub fn results(run: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = vec!["plan.toml".to_owned(), "summary.json".to_owned()];
    // The points of a sweep have a common report.
    files.extend(run.join("report.html").is_file().then(|| "report.html".to_owned()));
    let records = std::fs::read_dir(run.join("records")).expect("a run has records");
    files.extend(records.map(|f| format!("records/{}", f.unwrap().file_name().to_string_lossy())));
    files.sort();
    files.into_iter().map(|f| (f.clone(), std::fs::read(run.join(&f)).unwrap_or_else(|e| panic!("{f}: {e}")))).collect()
}

/// Panics with the name of the first file that differs.
pub fn assert_same(a: &Path, b: &Path) {
    let (a, b) = (results(a), results(b));
    assert_eq!(a.iter().map(|f| &f.0).collect::<Vec<_>>(), b.iter().map(|f| &f.0).collect::<Vec<_>>());
    for (x, y) in a.iter().zip(&b) {
        assert!(x.1 == y.1, "{} differs", x.0);
    }
}
