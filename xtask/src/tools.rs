//! The programs that the check needs beside cargo; installed where that is possible.

use crate::shell::{Place, Tally, stream};
use anyhow::{Result, bail};
use std::path::Path;
use std::process::{Command, Stdio};

/// A program, how to see that it is there, and the Debian packages that bring it.
struct Tool {
    name: &'static str,
    probes: &'static [&'static [&'static str]],
    packages: &'static [&'static str],
    what_for: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool { name: "git", probes: &[&["git", "--version"]], packages: &["git"], what_for: "the list of files" },
    Tool {
        name: "python3 with venv",
        probes: &[&["python3", "-c", "import venv, ensurepip"]],
        packages: &["python3", "python3-venv"],
        what_for: "opening records as a user would, in a virtual environment",
    },
    Tool {
        name: "chromium",
        probes: &[&["chromium", "--version"], &["chromium-browser", "--version"], &["google-chrome", "--version"]],
        packages: &["chromium"],
        what_for: "opening reports as a user would",
    },
];

/// What the tests that need peers need beside Python packages.
const PEER_TOOLS: &[Tool] = &[Tool {
    name: "slurm",
    probes: &[&[
        "sh",
        "-c",
        "command -v sbatch && test -x /usr/sbin/slurmctld -a -x /usr/sbin/slurmd -a -x /usr/sbin/munged",
    ]],
    packages: &["slurm-wlm", "munge"],
    what_for: "sweeps in job arrays that are killed",
}];

fn works(words: &[&str]) -> bool {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|s| s.success())
}

fn found(tool: &Tool) -> bool {
    tool.probes.iter().any(|p| works(p))
}

/// Finds the tools; as root on Debian, installs those that are missing. In continuous integration one that stays
/// missing is a failure; elsewhere it is named, and the tests that need it say that they were skipped.
pub fn ensure(place: &Place, tally: &mut Tally) -> Result<()> {
    ensure_all(TOOLS, place, tally)
}

/// The same for the tests that need peers.
pub fn ensure_peers(place: &Place, tally: &mut Tally) -> Result<()> {
    ensure_all(PEER_TOOLS, place, tally)
}

fn ensure_all(tools: &[Tool], place: &Place, tally: &mut Tally) -> Result<()> {
    let missing: Vec<&Tool> = tools.iter().filter(|t| !found(t)).collect();
    let packages: Vec<&str> = missing.iter().flat_map(|t| t.packages).copied().collect();
    let root = Path::new("/usr/bin/apt-get").exists() && works(&["sh", "-c", "test $(id -u) = 0"]);
    if !packages.is_empty() && root {
        let apt = |arguments: &[&str]| {
            let mut command = Command::new("apt-get");
            command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
            command
        };
        stream(&mut apt(&["update", "-qq"]), tally)?;
        stream(apt(&["install", "-y", "-qq", "--no-install-recommends"]).args(&packages), tally)?;
    }
    let mut absent = Vec::new();
    for tool in tools {
        let there = found(tool);
        println!("{}: {} (for {})", tool.name, if there { "found" } else { "MISSING" }, tool.what_for);
        if !there {
            absent.push(tool.name);
        }
    }
    if place.ci && !absent.is_empty() {
        bail!("missing: {}", absent.join(", "));
    }
    Ok(())
}
