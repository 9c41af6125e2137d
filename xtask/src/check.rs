//! `cargo xtask check`: the steps, run to the end, with names, times and a list of what failed.

use crate::shell::{Place, Tally, stream};
use crate::{Arguments, compare, fuzz, python, readme, tools};
use anyhow::{Result, bail};
use std::time::Instant;

/// One step of the check.
struct Step {
    name: &'static str,
    about: &'static str,
    kind: Kind,
    run: fn(&Place, &mut Tally) -> Result<()>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Peers,
    Slow,
}

const STEPS: &[Step] = &[
    Step { name: "tools", about: "git, python3, chromium", kind: Kind::Plain, run: tools::ensure },
    Step { name: "venv", about: "the virtual environment of the tests", kind: Kind::Plain, run: venv },
    Step { name: "format", about: "rustfmt", kind: Kind::Plain, run: format },
    Step { name: "clippy", about: "clippy, warnings are errors", kind: Kind::Plain, run: clippy },
    Step { name: "tests", about: "unit and integration tests, layering, house rules", kind: Kind::Plain, run: tests },
    Step { name: "doc-tests", about: "examples in doc comments", kind: Kind::Plain, run: doc_tests },
    Step { name: "docs", about: "rustdoc, warnings are errors", kind: Kind::Plain, run: docs },
    Step { name: "python", about: "the Python package in a fresh environment", kind: Kind::Plain, run: package },
    Step { name: "readme", about: "every command and program of README.md", kind: Kind::Plain, run: readme::execute },
    Step { name: "peers", about: "install PyTorch, JAX, LAMMPS, Slurm, ...", kind: Kind::Peers, run: peers },
    Step { name: "cross-data", about: "numbers from peers, made again", kind: Kind::Peers, run: compare::regenerate },
    Step { name: "peer-tests", about: "tests that need the peers", kind: Kind::Peers, run: peer_tests },
    Step { name: "python-peers", about: "the Python package with them", kind: Kind::Peers, run: package_peers },
    Step { name: "slow-tests", about: "tests that take long", kind: Kind::Slow, run: slow_tests },
    Step { name: "fuzz", about: "the readers of checkpoints, 20 s each", kind: Kind::Slow, run: fuzz::run },
];

fn venv(place: &Place, _: &mut Tally) -> Result<()> {
    python::Environment::plain(place).create(python::PLAIN)
}

fn format(place: &Place, tally: &mut Tally) -> Result<()> {
    stream(&mut place.cargo(&["fmt", "--all", "--check"]), tally)
}

fn clippy(place: &Place, tally: &mut Tally) -> Result<()> {
    stream(&mut place.cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]), tally)
}

fn cargo_test(place: &Place, environment: &python::Environment, arguments: &[&str], tally: &mut Tally) -> Result<()> {
    let mut command = place.cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    command.args(arguments);
    environment.enter(&mut command)?;
    let before = tally.passed + tally.failed;
    stream(&mut command, tally)?;
    if tally.passed + tally.failed == before && !arguments.contains(&"--doc") && !arguments.contains(&"--ignored") {
        bail!("no test was run");
    }
    Ok(())
}

/// All targets with `test = true`: libraries, programs, integration tests. (`--lib` would take in the extension module too.)
fn tests(place: &Place, tally: &mut Tally) -> Result<()> {
    cargo_test(place, &python::Environment::plain(place), &["--tests"], tally)
}

fn doc_tests(place: &Place, tally: &mut Tally) -> Result<()> {
    cargo_test(place, &python::Environment::plain(place), &["--doc"], tally)
}

fn docs(place: &Place, tally: &mut Tally) -> Result<()> {
    let mut command = place.cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
    stream(command.env("RUSTDOCFLAGS", "-D warnings"), tally)
}

fn package(place: &Place, tally: &mut Tally) -> Result<()> {
    python::package_tests(place, tally)
}

fn package_peers(place: &Place, tally: &mut Tally) -> Result<()> {
    python::peer_tests(place, tally)
}

fn peers(place: &Place, tally: &mut Tally) -> Result<()> {
    tools::ensure_peers(place, tally)?;
    python::Environment::peers(place).create(python::PEERS)
}

/// Ignored tests with `peers` in their names.
fn peer_tests(place: &Place, tally: &mut Tally) -> Result<()> {
    let filter = ["--tests", "--", "--ignored", "peers"];
    cargo_test(place, &python::Environment::peers(place), &filter, tally)
}

/// All other ignored tests: house rules allow no third reason.
fn slow_tests(place: &Place, tally: &mut Tally) -> Result<()> {
    let filter = ["--tests", "--", "--ignored", "--skip", "peers"];
    cargo_test(place, &python::Environment::plain(place), &filter, tally)
}

/// The steps that these arguments ask for.
fn chosen(arguments: &Arguments, python_package: bool) -> Result<Vec<&'static Step>> {
    if let Some(name) = arguments.only.iter().find(|n| !STEPS.iter().any(|s| s.name == n.as_str())) {
        let names: Vec<&str> = STEPS.iter().map(|s| s.name).collect();
        bail!("there is no step `{name}`; the steps are {}", names.join(", "));
    }
    let wanted = |step: &&Step| match step.kind {
        _ if !arguments.only.is_empty() => arguments.only.iter().any(|n| n == step.name),
        Kind::Plain => step.name != "python" || python_package,
        Kind::Peers => arguments.has("--peers"),
        Kind::Slow => arguments.has("--slow"),
    };
    Ok(STEPS.iter().filter(wanted).collect())
}

/// Runs the steps. True if none failed.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let place = Place::find()?;
    let steps = chosen(arguments, place.root.join("crates/python/pyproject.toml").exists())?;
    if arguments.has("--list") {
        steps.iter().for_each(|s| println!("{:<11} {}", s.name, s.about));
        return Ok(true);
    }
    let begin = Instant::now();
    let mut sum = Tally::default();
    let mut lines = Vec::new();
    let mut failures = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        println!("\n=== [{}/{}] {}: {}", number + 1, steps.len(), step.name, step.about);
        let (start, mut tally) = (Instant::now(), Tally::default());
        let result = (step.run)(&place, &mut tally);
        if let Err(error) = &result {
            println!("{}: FAILED: {error:#}", step.name);
            failures.push(format!("{}: {error:#}", step.name));
            // A step that fails without a failed test counts as one, so that the last line cannot look green.
            tally.failed = tally.failed.max(1);
        }
        let word = if result.is_ok() { "ok" } else { "FAILED" };
        let counted = if tally == Tally::default() {
            String::new()
        } else {
            format!("   {} passed, {} failed, {} ignored", tally.passed, tally.failed, tally.ignored)
        };
        lines.push(format!("{:<11} {:>7.1} s   {word:<6}{counted}", step.name, start.elapsed().as_secs_f64()));
        sum.passed += tally.passed;
        sum.failed += tally.failed;
        sum.ignored += tally.ignored;
    }
    println!("\n=== summary");
    lines.iter().for_each(|l| println!("{}", l.trim_end()));
    failures.iter().for_each(|f| println!("FAILED {f}"));
    println!("{} steps in {:.0} s, {} failed", steps.len(), begin.elapsed().as_secs_f64(), failures.len());
    println!("{} passed, {} failed", sum.passed, sum.failed);
    Ok(failures.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(flags: &[&str], only: &[&str], python_package: bool) -> Vec<&'static str> {
        let own = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
        let arguments = Arguments { flags: own(flags), only: own(only) };
        chosen(&arguments, python_package).unwrap().iter().map(|s| s.name).collect()
    }

    #[test]
    fn flags_choose_the_steps() {
        let plain = names(&[], &[], false);
        assert!(plain.contains(&"readme") && !plain.contains(&"peers") && !plain.contains(&"python"));
        assert!(names(&[], &[], true).contains(&"python"));
        let peers = names(&["--peers"], &[], false);
        assert_eq!(peers[..plain.len()], plain[..], "peers come after the plain check");
        assert!(peers.ends_with(&["peers", "cross-data", "peer-tests", "python-peers"]));
        assert!(names(&["--slow"], &[], false).ends_with(&["slow-tests", "fuzz"]));
        assert_eq!(names(&[], &["peers", "format"], false), ["format", "peers"]);
        assert!(chosen(&Arguments { flags: vec![], only: vec!["formatt".into()] }, false).is_err());
    }
}
