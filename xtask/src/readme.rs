//! README.md is executed: each fenced block of commands, Rust or Python, in a fresh copy of the working tree.
//!
//! - `sh` blocks run as they are, one after the other, each where the one before ended.
//! - `console` blocks: lines that begin with `$ ` are run; the other lines must come out in this order, `...` standing for
//!   anything.
//! - `rust` blocks are compiled and run as examples of the crate `lab`; `python` blocks run with the package installed.
//! - Other languages (`text`, `toml`) are not executed; a block without a language is a fault.
//!
//! Three commands are exchanged, because they are what is running or because the copy is already there:
//! `git clone ...` does nothing, `cargo xtask check` and `cargo xtask bench` get `--list`.

use crate::python;
use crate::shell::{Place, Tally, capture, clean, stream, tracked};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One fenced block of a document.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// Line of its first line of text, counted from 1.
    pub line: usize,
    /// The word after the fence.
    pub language: String,
    /// Its text.
    pub text: String,
}

/// The fenced blocks of a document.
pub fn blocks(document: &str) -> Vec<Block> {
    let mut out: Vec<Block> = Vec::new();
    let mut open = false;
    for (i, line) in document.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), open) {
            (Some(_), true) => open = false,
            (Some(language), false) => {
                open = true;
                out.push(Block { line: i + 2, language: language.trim().to_owned(), text: String::new() });
            }
            (None, true) => {
                if let Some(block) = out.last_mut() {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
            }
            (None, false) => {}
        }
    }
    out
}

/// A command as it is run here.
fn exchanged(line: &str) -> String {
    let command = line.trim();
    for task in ["cargo xtask check", "cargo xtask bench"] {
        if command.starts_with(task) {
            return format!("{command} --list");
        }
    }
    if command.starts_with("git clone ") { format!("true # {command}") } else { line.to_owned() }
}

/// True if the lines come out in this order; `...` in a line stands for anything. Else the line that does not.
fn appears(expected: &[&str], output: &str) -> Result<(), String> {
    let mut lines = output.lines().map(str::trim_end);
    for want in expected.iter().map(|l| l.trim_end()).filter(|l| !l.trim().is_empty() && l.trim() != "...") {
        let pieces: Vec<&str> = want.split("...").collect();
        let fits = |line: &str| {
            let (first, last) = (pieces[0], pieces[pieces.len() - 1]);
            if pieces.len() == 1 {
                return line == want;
            }
            let Some(rest) = line.strip_prefix(first).and_then(|l| l.strip_suffix(last)) else { return false };
            let mut from = 0;
            pieces[1..pieces.len() - 1].iter().all(|p| {
                let at = rest[from..].find(p);
                from += at.unwrap_or(0) + p.len();
                at.is_some()
            })
        };
        if !lines.any(fits) {
            return Err(want.to_owned());
        }
    }
    Ok(())
}

/// The working tree, copied: what git tracks or would track. A file that has not changed keeps its time, so that cargo
/// builds again only what changed; whatever else lies there is removed.
fn copy(place: &Place) -> Result<PathBuf> {
    let folder = place.target.join("readme/glasslab");
    fs::create_dir_all(&folder)?;
    let files = tracked(&place.root)?;
    for file in &files {
        let (from, to) = (place.root.join(file), folder.join(file));
        let text = fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
        if fs::read(&to).is_ok_and(|old| old == text) {
            continue;
        }
        fs::create_dir_all(to.parent().context("no folder")?)?;
        fs::copy(&from, &to)?;
    }
    sweep(&folder, &folder, &files.into_iter().collect())?;
    Ok(folder)
}

fn sweep(folder: &Path, top: &Path, keep: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            sweep(&path, top, keep)?;
            let _ = fs::remove_dir(&path);
        } else if !keep.contains(path.strip_prefix(top)?) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

struct Session<'a> {
    place: &'a Place,
    folder: PathBuf,
    at: PathBuf,
}

impl Session<'_> {
    /// The copy builds in a folder of its own: cargo cannot tell two checkouts of one workspace apart.
    fn target(&self) -> PathBuf {
        self.place.target.join("readme/target")
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.at).env("CARGO_TARGET_DIR", self.target());
        clean(&mut command);
        if self.place.root.join("crates/python").exists() {
            python::Environment::package(self.place).enter(&mut command)?;
        }
        Ok(command)
    }

    /// Runs a script where the last one ended.
    fn script(&mut self, text: &str) -> Result<String> {
        let end = self.place.target.join("readme/where");
        let text = format!("set -eo pipefail\n{text}\npwd > '{}'\n", end.display());
        let output = capture(&mut self.command("bash", &["-c", &text])?)?;
        self.at = PathBuf::from(fs::read_to_string(end)?.trim_end());
        Ok(output)
    }

    fn run(&mut self, number: usize, block: &Block, tally: &mut Tally) -> Result<()> {
        let exchange = |text: &str| text.lines().map(exchanged).collect::<Vec<_>>().join("\n");
        match block.language.as_str() {
            "sh" => {
                print!("{}", self.script(&exchange(&block.text))?);
                Ok(())
            }
            "console" => {
                let mut lines = block.text.lines().peekable();
                while let Some(line) = lines.next() {
                    let command = line.strip_prefix("$ ").with_context(|| format!("`{line}` belongs to no command"))?;
                    let mut expected = Vec::new();
                    while let Some(line) = lines.next_if(|l| !l.starts_with("$ ")) {
                        expected.push(line);
                    }
                    let output = self.script(&format!("{{ {}\n}} 2>&1", exchanged(command)))?;
                    print!("{output}");
                    if let Err(line) = appears(&expected, &output) {
                        bail!("`{command}` did not print `{line}`");
                    }
                }
                Ok(())
            }
            "rust" => {
                let name = format!("readme_{number}");
                let wrapped = if block.text.contains("fn main()") {
                    block.text.clone()
                } else {
                    format!("fn main() -> Result<(), Box<dyn std::error::Error>> {{\n{}\nOk(())\n}}\n", block.text)
                };
                let examples = self.folder.join("crates/lab/examples");
                fs::create_dir_all(&examples)?;
                fs::write(examples.join(format!("{name}.rs")), format!("//! README.md.\n{wrapped}"))?;
                let package = self.folder.join("Cargo.toml");
                let package = package.to_string_lossy();
                let run = ["run", "--release", "--package", "glasslab-lab", "--manifest-path", &package, "--example"];
                stream(self.command("cargo", &run)?.arg(&name), tally)
            }
            "python" => {
                ensure!(self.place.root.join("crates/python").exists(), "there is no Python package yet");
                stream(&mut self.command("python3", &["-c", &block.text])?, tally)
            }
            "" => bail!("the block has no language: give sh, console, rust, python, or text"),
            _ => Ok(()),
        }
    }
}

/// Executes README.md.
pub fn execute(place: &Place, tally: &mut Tally) -> Result<()> {
    let document = fs::read_to_string(place.root.join("README.md")).context("README.md")?;
    let folder = copy(place)?;
    let clones = document.contains("git clone ");
    let at = if clones { folder.parent().context("no folder")?.to_owned() } else { folder.clone() };
    let mut session = Session { place, folder, at };
    let mut failures = Vec::new();
    for (number, block) in blocks(&document).iter().enumerate() {
        println!("README.md:{}: {}", block.line, block.language);
        match session.run(number, block, tally) {
            Ok(()) => tally.passed += 1,
            Err(error) => {
                tally.failed += 1;
                failures.push(format!("README.md:{}: {error:#}", block.line));
            }
        }
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_with_their_lines() {
        let document = "a\n```sh\ncargo test\n```\nb\n\n  ```rust\nfn main() {}\n  ```\n```\nx\n```\n";
        let found = blocks(document);
        let of = |line, language: &str, text: &str| Block { line, language: language.into(), text: text.into() };
        assert_eq!(found, [of(3, "sh", "cargo test\n"), of(8, "rust", "fn main() {}\n"), of(11, "", "x\n")]);
    }

    #[test]
    fn what_is_running_is_not_run_again() {
        assert_eq!(exchanged("cargo xtask check"), "cargo xtask check --list");
        assert_eq!(exchanged("cargo xtask bench --quick"), "cargo xtask bench --quick --list");
        assert_eq!(exchanged("git clone https://x"), "true # git clone https://x");
        assert_eq!(exchanged("cargo run --release -- age"), "cargo run --release -- age");
    }

    #[test]
    fn output_is_compared_line_by_line() {
        let output = "quench of toy\n  N = 79510, took 3.2 s\nverdict: aging\n";
        assert_eq!(appears(&["quench of toy", "...", "verdict: aging"], output), Ok(()));
        assert_eq!(appears(&["  N = 79510, took ... s"], output), Ok(()));
        assert_eq!(appears(&["...79510...3.2..."], output), Ok(()));
        assert_eq!(appears(&["verdict: diffusion"], output), Err("verdict: diffusion".into()));
        assert_eq!(appears(&["verdict: aging", "quench of toy"], output), Err("quench of toy".into()));
        assert!(appears(&["  N = 7951, took ... s"], output).is_err());
    }

    #[test]
    fn sessions_go_on_where_they_were_and_fail_loudly() {
        let target = tempfile::tempdir().unwrap();
        let folder = target.path().join("readme");
        fs::create_dir_all(folder.join("inner")).unwrap();
        let place = Place { root: target.path().into(), target: target.path().into(), ci: false };
        let mut session = Session { place: &place, folder: folder.clone(), at: folder.clone() };
        let block = |language: &str, text: &str| Block { line: 1, language: language.into(), text: text.into() };
        let mut tally = Tally::default();
        session.run(0, &block("sh", "cd inner\necho 1 > file\n"), &mut tally).unwrap();
        session.run(1, &block("console", "$ cat file\n1\n$ echo a 2 b\na ... b\n"), &mut tally).unwrap();
        for broken in [
            block("sh", "false\ntrue\n"),
            block("console", "$ cat file\n2\n"),
            block("console", "cat file\n"),
            block("console", "$ cat no-such-file\n"),
            block("python", "pass"),
            block("", "?"),
        ] {
            assert!(session.run(2, &broken, &mut tally).is_err(), "{broken:?}");
        }
    }

    /// A small workspace under git: its README is executed in a copy that leaves no trace in the tree.
    #[test]
    fn a_whole_readme_is_executed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("tree");
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let package = "[package]\nname = \"glasslab-lab\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
        write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n");
        write("crates/lab/Cargo.toml", package);
        write("crates/lab/src/lib.rs", "pub fn one() -> u32 { 1 }\n");
        capture(Command::new("git").arg("init").current_dir(&root)).unwrap();
        let place = Place { root: root.clone(), target: folder.path().join("target"), ci: false };
        let execute = |readme: &str| {
            write("README.md", readme);
            let mut tally = Tally::default();
            (super::execute(&place, &mut tally).map_err(|e| e.to_string()), tally)
        };
        let good = "```sh\ngit clone https://example.org/glasslab\ncd glasslab\ntouch made\n```\n\
                    ```console\n$ ls\nCargo.toml\n...\nmade\n```\n\
                    ```rust\nassert_eq!(glasslab_lab::one(), 1);\n```\n```text\nnot run\n```\n";
        let (result, tally) = execute(good);
        result.unwrap();
        assert_eq!((tally.passed, tally.failed), (4, 0));
        assert!(!root.join("made").exists(), "the tree itself is not touched");
        let (result, tally) = execute("```sh\nls made\n```\n\n```rust\nassert_eq!(glasslab_lab::one(), 2);\n```\n");
        let message = result.unwrap_err();
        assert!(message.contains("README.md:2: ") && message.contains("README.md:6: "), "{message}");
        assert_eq!((tally.passed, tally.failed), (0, 2), "and what an earlier run made is gone");
    }
}
