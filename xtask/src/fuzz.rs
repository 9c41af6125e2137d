//! Fuzzing the readers of checkpoints: each target of `crates/series/fuzz` for a bounded time, on a stable compiler.

use crate::shell::{Place, Tally, capture, stream, words};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Seconds that each target runs.
const SECONDS: u32 = 20;
/// Most seconds for one input, and most megabytes of memory.
const LIMITS: [&str; 3] = ["-timeout=10", "-rss_limit_mb=1024", "-max_len=4096"];
/// Coverage as libFuzzer reads it, with the options that `cargo fuzz --sanitizer none` gives: no `unsafe` is there to be sanitised.
const FLAGS: &str = "--cfg=fuzzing -Ccodegen-units=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Builds the targets and runs each from its good files. An input that breaks a reader stays below the target folder. Where there is
/// no C++ compiler for libFuzzer, or no way to its source, this says so and fails in continuous integration alone.
pub fn run(place: &Place, tally: &mut Tally) -> Result<()> {
    let folder = place.root.join("crates/series/fuzz");
    let manifest = folder.join("Cargo.toml").to_string_lossy().into_owned();
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".into());
    let there = Command::new(&compiler).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !there.is_ok_and(|s| s.success()) {
        return skip(place, "there is no C++ compiler (Debian: apt-get install g++)");
    }
    if let Err(error) = capture(&mut place.cargo(&["fetch", "--locked", "--manifest-path", &manifest])) {
        return skip(place, &format!("libFuzzer cannot be had: {error:#}"));
    }
    let host = capture(Command::new("rustc").arg("-vV"))?;
    let host = host.lines().find_map(|l| l.strip_prefix("host: ")).context("rustc -vV names no host")?;
    let built = place.target.join("fuzz");
    let mut build = place.cargo(&["build", "--quiet", "--release", "--locked", "--manifest-path", &manifest]);
    // With a target, flags are not for build scripts and macros.
    build.args(["--target", host, "--target-dir"]).arg(&built).env("RUSTFLAGS", FLAGS);
    stream(build.env_remove("CARGO_ENCODED_RUSTFLAGS"), tally)?;
    let mut broken = Vec::new();
    for target in targets(&folder)? {
        match one(&built, host, &target) {
            Ok(line) => {
                tally.passed += 1;
                println!("{target:<12} {line}");
            }
            Err(error) => {
                tally.failed += 1;
                println!("{error:#}");
                broken.push(target);
            }
        }
    }
    if !broken.is_empty() {
        bail!("broken: {}", broken.join(", "));
    }
    Ok(())
}

fn skip(place: &Place, why: &str) -> Result<()> {
    if place.ci {
        bail!("{why}");
    }
    println!("NOT FUZZED: {why}");
    Ok(())
}

/// The names of the targets, sorted.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let files = fs::read_dir(folder.join("fuzz_targets")).context("crates/series/fuzz/fuzz_targets")?.flatten();
    let stem = |p: PathBuf| Some(p.file_stem()?.to_str()?.to_owned());
    let mut names: Vec<String> = files.filter_map(|e| stem(e.path())).collect();
    names.sort();
    if names.is_empty() {
        bail!("there is no fuzz target");
    }
    Ok(names)
}

/// Runs one target; what it counted.
fn one(built: &Path, host: &str, target: &str) -> Result<String> {
    let (corpus, found) = (built.join("corpus").join(target), built.join("found").join(target));
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&found)?;
    let mut command = Command::new(built.join(host).join("release").join(target));
    command.arg(&corpus).args(LIMITS).arg(format!("-max_total_time={SECONDS}"));
    command.args(["-verbosity=0", "-print_final_stats=1"]).arg(format!("-artifact_prefix={}/", found.display()));
    let out = command.env("GLASSLAB_SEEDS", &corpus).stdin(Stdio::null()).output().context("cannot start")?;
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    if !out.status.success() {
        bail!("`{}` ended with {}:\n{text}", words(&command), out.status);
    }
    let runs = statistic(&text, "number_of_executed_units").context("it does not say how many inputs it tried")?;
    if runs == 0 {
        bail!("no input was tried");
    }
    let memory = statistic(&text, "peak_rss_mb").unwrap_or(0);
    Ok(format!("{runs} inputs in {SECONDS} s, at most {memory} MB, none broke it"))
}

/// A number of `-print_final_stats`: `stat::peak_rss_mb: 61`.
fn statistic(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|l| l.strip_prefix("stat::")?.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_read() {
        let text = "Done 7 runs\nstat::number_of_executed_units: 7\nstat::peak_rss_mb:   61\n";
        assert_eq!((statistic(text, "number_of_executed_units"), statistic(text, "peak_rss_mb")), (Some(7), Some(61)));
        assert_eq!(statistic(text, "peak_rss"), None);
    }

    /// Every target of the manifest has its file, and every file its target.
    #[test]
    fn targets_are_those_of_the_manifest() {
        let folder = Place::find().unwrap().root.join("crates/series/fuzz");
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let found = targets(&folder).unwrap();
        assert_eq!(manifest.matches("[[bin]]").count(), found.len());
        found.iter().for_each(|t| assert!(manifest.contains(&format!("fuzz_targets/{t}.rs")), "{t}"));
    }

    /// The lock of the targets knows the version and the dependencies of the crate that they fuzz: else `--locked` refuses to build.
    #[test]
    fn lock_of_the_targets_is_that_of_the_crate() {
        let root = Place::find().unwrap().root;
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
        let lock = read("crates/series/fuzz/Cargo.lock");
        let fix = "run `cargo update --workspace` in crates/series/fuzz";
        let own = lock.split("[[package]]").find(|p| p.contains("name = \"glasslab-series\"\n")).expect(fix);
        let workspace = read("Cargo.toml");
        let version = workspace.lines().find(|l| l.starts_with("version = ")).unwrap();
        assert!(own.contains(version), "{version}: {fix}");
        let manifest = read("crates/series/Cargo.toml");
        let named = manifest.split("[dependencies]\n").nth(1).unwrap().split("\n\n").next().unwrap();
        let names: Vec<&str> = named.lines().filter_map(|l| l.split(['.', ' ', '=']).next()).collect();
        assert!(names.len() > 5);
        names.iter().for_each(|n| assert!(own.contains(&format!("\"{n}\"")), "{n}: {fix}"));
    }
}
