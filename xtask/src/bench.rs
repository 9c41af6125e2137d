//! `cargo xtask bench`: our bench programs and their peers in turn, round after round, the best of each.

use crate::Arguments;
use crate::bench_table::{Measured, table};
use crate::python::{self, Environment};
use crate::shell::{Place, Tally, capture, clean, stream};
use anyhow::{Context, Result, bail};
use std::process::Command;

/// A bench: a program of a crate (of the Python package a script, run beside the peers), and the peer's script that prints the same cases, if
/// there is one.
struct Bench {
    name: &'static str,
    package: &'static str,
    target: &'static str,
    peer: Option<&'static str>,
    /// Rounds of a full measurement.
    rounds: usize,
    /// Arguments of the programs, for each run of a round, in a full measurement and in a quick one.
    full: &'static [&'static [&'static str]],
    quick: &'static [&'static [&'static str]],
}

/// The Python package.
const PYTHON: &str = "glasslab-python";

const BENCHES: &[Bench] = &[
    Bench {
        name: "sgd",
        package: "glasslab-nets",
        target: "sgd",
        peer: Some("crates/nets/benches/sgd_torch.py"),
        rounds: 5,
        full: &[&["--threads", "1", "--seconds", "1"], &["--threads", "2", "--seconds", "1"]],
        quick: &[&["--threads", "1", "--seconds", "0.3"], &["--threads", "2", "--seconds", "0.3"]],
    },
    Bench {
        name: "images",
        package: "glasslab-nets",
        target: "images",
        peer: Some("crates/nets/benches/images_torch.py"),
        rounds: 3,
        full: &[&["--threads", "1", "--seconds", "2"], &["--threads", "2", "--seconds", "2"]],
        quick: &[&["--threads", "2", "--seconds", "0.5"]],
    },
    Bench {
        name: "flow",
        package: "glasslab-nets",
        target: "flow",
        peer: Some("crates/nets/benches/flow_torch.py"),
        rounds: 3,
        full: &[&["--threads", "1", "--seconds", "1"], &["--threads", "2", "--seconds", "1"]],
        quick: &[&["--threads", "2", "--seconds", "0.5", "--attempts", "50"]],
    },
    Bench {
        name: "derivatives",
        package: "glasslab-nets",
        target: "derivatives",
        peer: Some("crates/nets/benches/derivatives_torch.py"),
        rounds: 3,
        full: &[&["--threads", "1", "--seconds", "0.5"], &["--threads", "2", "--seconds", "0.5"]],
        quick: &[&["--threads", "1", "--seconds", "0.2"]],
    },
    Bench {
        name: "pspin",
        package: "glasslab-glasses",
        target: "pspin",
        peer: None,
        rounds: 3,
        full: &[&["--rounds", "5"]],
        quick: &[&["--rounds", "2", "--n", "512"]],
    },
    Bench {
        name: "particles",
        package: "glasslab-glasses",
        target: "particles",
        peer: Some("crates/glasses/benches/particles_lammps.py"),
        rounds: 3,
        full: &[&["--steps", "400", "--rounds", "3"]],
        quick: &[&["--steps", "200", "--rounds", "1"]],
    },
    Bench {
        name: "two-time",
        package: "glasslab-observe",
        target: "two_time",
        peer: None,
        rounds: 3,
        full: &[&[]],
        quick: &[&[]],
    },
    Bench {
        name: "series",
        package: "glasslab-series",
        target: "series",
        peer: Some("crates/series/benches/series_numpy.py"),
        rounds: 3,
        full: &[&["--threads", "1"], &["--threads", "2"]],
        quick: &[&["--threads", "1", "--parameters", "100000"]],
    },
    Bench {
        name: "recorder",
        package: PYTHON,
        target: "recorder",
        peer: None,
        rounds: 2,
        full: &[&[]],
        quick: &[&["--steps", "2"]],
    },
    Bench {
        name: "mean-field",
        package: "glasslab-theory",
        target: "mean_field",
        peer: None,
        rounds: 1,
        full: &[&[]],
        quick: &[&[]],
    },
    Bench {
        name: "sweep",
        package: "glasslab-lab",
        target: "sweep",
        peer: None,
        rounds: 2,
        full: &[&[]],
        quick: &[&["--quick"]],
    },
];

impl Bench {
    fn source(&self) -> String {
        let ending = if self.package == PYTHON { "py" } else { "rs" };
        format!("crates/{}/benches/{}.{ending}", self.package.trim_start_matches("glasslab-"), self.target)
    }

    fn build(&self, place: &Place) -> Result<()> {
        if self.package == PYTHON {
            return python::beside_peers(place, "release", &mut Tally::default()).map(|_| ());
        }
        let words = ["bench", "--quiet", "--package", self.package, "--bench", self.target, "--no-run"];
        stream(&mut place.cargo(&words), &mut Tally::default())
    }

    fn ours(&self, place: &Place) -> Result<Command> {
        if self.package == PYTHON {
            let mut command = self.theirs(place, &self.source())?;
            command.env("PYTHONPATH", python::folder_beside_peers(place));
            return Ok(command);
        }
        Ok(place.cargo(&["bench", "--quiet", "--package", self.package, "--bench", self.target, "--"]))
    }

    fn theirs(&self, place: &Place, script: &str) -> Result<Command> {
        let environment = Environment::peers(place);
        let mut command = place.command(environment.python(), &[script]);
        environment.enter(&mut command)?;
        clean(&mut command);
        Ok(command)
    }

    /// Builds, then measures us and the peer in turn. Whoever is first changes from round to round.
    fn measure(&self, place: &Place, quick: bool) -> Result<(Vec<Measured>, Vec<Measured>)> {
        self.build(place)?;
        let (rounds, runs) = if quick { (self.rounds.min(2), self.quick) } else { (self.rounds, self.full) };
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            println!("{}: round {} of {rounds}", self.name, round + 1);
            for arguments in runs {
                let mut turn = |our_turn: bool| -> Result<()> {
                    match (our_turn, self.peer) {
                        (true, _) => {
                            ours.extend(Measured::read(&capture(self.ours(place)?.args(*arguments))?));
                        }
                        (false, Some(script)) => {
                            theirs.extend(Measured::read(&capture(self.theirs(place, script)?.args(*arguments))?));
                        }
                        (false, None) => {}
                    }
                    Ok(())
                };
                turn(round % 2 == 0)?;
                turn(round % 2 != 0)?;
            }
        }
        if ours.is_empty() || (self.peer.is_some() && theirs.is_empty()) {
            bail!("no case was measured");
        }
        Ok((Measured::best(ours), Measured::best(theirs)))
    }
}

/// The benches that are asked for and that exist in the tree.
fn chosen<'a>(place: &'a Place, arguments: &'a Arguments) -> impl Iterator<Item = &'static Bench> + 'a {
    let wanted = |b: &Bench| arguments.only.is_empty() || arguments.only.iter().any(|n| b.name.contains(n.as_str()));
    BENCHES.iter().filter(move |b| wanted(b) && place.root.join(b.source()).exists())
}

/// Runs the benches and prints the table. True if all ran; a target that is missed is shown, not a failure.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let place = Place::find()?;
    let benches: Vec<&Bench> = chosen(&place, arguments).collect();
    if benches.is_empty() {
        let names: Vec<&str> = BENCHES.iter().map(|b| b.name).collect();
        bail!("no such bench; the benches are {}", names.join(", "));
    }
    if arguments.has("--list") {
        benches.iter().for_each(|b| println!("{:<11} {} against {}", b.name, b.source(), b.peer.unwrap_or("itself")));
        return Ok(true);
    }
    if benches.iter().any(|b| b.peer.is_some() || b.package == PYTHON) {
        Environment::peers(&place).create(python::PEERS)?;
    }
    let (mut ours, mut theirs, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    for bench in benches {
        match bench.measure(&place, arguments.has("--quick")).with_context(|| bench.name.to_owned()) {
            Ok((a, b)) => {
                ours.extend(a);
                theirs.extend(b);
            }
            Err(error) => failures.push(format!("{error:#}")),
        }
    }
    println!("\n{}", machine());
    print!("{}", table(&ours, &theirs));
    failures.iter().for_each(|f| println!("FAILED {f}"));
    Ok(failures.is_empty())
}

/// The processor, the number of threads and the load: without them the numbers say little.
fn machine() -> String {
    let text = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = text("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .map_or("unknown", |l| l.trim_start_matches([' ', '\t', ':']));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let load = text("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or("?");
    format!("{model}, {threads} threads, load {load} at the end (quiet: at most {threads})")
}
