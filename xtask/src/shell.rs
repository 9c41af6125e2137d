//! Running other programs: their output streams through, test summaries in it are counted.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where things are.
pub struct Place {
    /// The root of the workspace.
    pub root: PathBuf,
    /// Cargo's target folder: everything that is built or installed goes below it.
    pub target: PathBuf,
    /// True in continuous integration, where a missing tool is a failure.
    pub ci: bool,
}

impl Place {
    /// Asks cargo.
    pub fn find() -> Result<Self> {
        // Cargo says so when it runs the program: a path that was compiled in could be that of another checkout.
        let own = std::env::var_os("CARGO_MANIFEST_DIR").context("call it as `cargo xtask`")?;
        let metadata = cargo_metadata::MetadataCommand::new()
            .no_deps()
            .manifest_path(Path::new(&own).join("../Cargo.toml"))
            .exec()
            .context("cargo metadata")?;
        Ok(Self {
            root: metadata.workspace_root.into(),
            target: metadata.target_directory.into(),
            ci: std::env::var_os("CI").is_some_and(|v| !v.is_empty() && v != "false"),
        })
    }

    /// `program` with `arguments`, to be run in the root of the workspace.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.root);
        command
    }

    /// `cargo` with `arguments`. The variables that cargo set for this program are taken away: with them, cargo below
    /// would build some packages anew.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("cargo", arguments);
        clean(&mut command);
        command
    }
}

/// Takes away the variables that `cargo run` sets for the program that it runs.
pub fn clean(command: &mut Command) {
    for (name, _) in std::env::vars() {
        if (name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) || name == "CARGO" {
            command.env_remove(name);
        }
    }
}

/// Tests counted in the output of a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tests passed.
    pub passed: u64,
    /// Tests failed.
    pub failed: u64,
    /// Tests not run.
    pub ignored: u64,
}

impl Tally {
    /// Adds what a line of output says, if it is a summary: `test result: ok. 3 passed; 0 failed; 1 ignored; ...` of
    /// cargo or `== 3 passed, 1 skipped in 0.2s ==` of pytest.
    pub fn read(&mut self, line: &str) {
        let pytest = line.starts_with("==") && line.contains(" in ");
        let Some(summary) = line.strip_prefix("test result:").or(pytest.then_some(line)) else { return };
        let words: Vec<&str> = summary.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<u64>() else { continue };
            match pair[1] {
                "passed" => self.passed += number,
                "failed" | "error" | "errors" => self.failed += number,
                "ignored" | "skipped" => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// A command as a person would type it.
pub fn words(command: &Command) -> String {
    let mut out = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    for argument in command.get_args() {
        out.push(' ');
        out.push_str(&argument.to_string_lossy());
    }
    out
}

/// Runs to the end; output streams through and its test summaries are counted. An error unless it ends with 0.
pub fn stream(command: &mut Command, tally: &mut Tally) -> Result<()> {
    stream_into(command, tally, &mut std::io::stdout())
}

fn stream_into(command: &mut Command, tally: &mut Tally, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "$ {}", words(command))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", words(command)))?;
    let output = child.stdout.take().context("no output")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        tally.read(&String::from_utf8_lossy(&line));
        out.write_all(&line)?;
        out.write_all(b"\n")?;
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{}` ended with {status}", words(command));
    }
    Ok(())
}

/// Runs to the end and returns what it wrote to standard output. An error, with all it wrote, unless it ends with 0.
pub fn capture(command: &mut Command) -> Result<String> {
    let out = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{}`", words(command)))?;
    if !out.status.success() {
        let both = [out.stdout, out.stderr].concat();
        bail!("`{}` ended with {}:\n{}", words(command), out.status, String::from_utf8_lossy(&both));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// All files that git tracks or would track (not ignored), relative to `root`, sorted.
pub fn tracked(root: &Path) -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let mut files: Vec<PathBuf> = capture(&mut git)?.split('\0').filter(|f| !f.is_empty()).map(PathBuf::from).collect();
    files.retain(|f| root.join(f).is_file());
    files.sort();
    files.dedup();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_cargo_and_pytest_are_counted() {
        let mut tally = Tally::default();
        tally.read("test result: FAILED. 12 passed; 2 failed; 3 ignored; 0 measured; 7 filtered out; finished in 0.1s");
        tally.read("============ 1 failed, 4 passed, 1 skipped in 0.12s ============");
        tally.read("nothing here: 5 passed");
        assert_eq!(tally, Tally { passed: 16, failed: 3, ignored: 4 });
    }

    #[test]
    fn failure_of_a_program_is_an_error() {
        let (mut tally, mut out) = (Tally::default(), Vec::new());
        let mut command = Command::new("sh");
        command.args(["-c", "echo 'test result: ok. 2 passed'; exit 3"]);
        assert!(stream_into(&mut command, &mut tally, &mut out).is_err());
        assert_eq!(tally.passed, 2);
        assert!(String::from_utf8(out).unwrap().ends_with("\ntest result: ok. 2 passed\n"));
        assert!(capture(Command::new("sh").args(["-c", "exit 1"])).is_err());
        assert!(capture(&mut Command::new("no-such-program")).is_err());
    }
}
