//! A real Slurm on this machine, its jobs and its daemons killed at random: every point finishes exactly once, with the bytes of
//! `--on local`.
#![cfg(target_os = "linux")]

mod common;

use common::{assert_same, command, glasslab, said};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The daemons of a cluster of one node, below a folder of their own; stopped on drop.
struct Cluster {
    folder: PathBuf,
    host: String,
    munged: Option<Child>,
    controller: Option<Child>,
    node: Option<Child>,
}

fn text_of(program: &str, words: &[&str]) -> String {
    let out = Command::new(program).args(words).output().unwrap_or_else(|e| {
        panic!("{program}: {e}; this test needs Debian's packages slurm-wlm and munge: apt-get install slurm-wlm munge")
    });
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// A port that nobody uses now.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Cluster {
    fn start(folder: &Path) -> Self {
        for name in ["state", "spool"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        let host = text_of("hostname", &["-s"]);
        let user = text_of("id", &["-un"]);
        let (at, controller, node) = (folder.display(), free_port(), free_port());
        let configuration = format!(
            "ClusterName=test\nSlurmctldHost={host}(127.0.0.1)\nSlurmUser={user}\nSlurmdUser={user}\n\
             SlurmctldPort={controller}\nSlurmdPort={node}\nAuthType=auth/munge\nCryptoType=crypto/munge\n\
             AuthInfo=socket={at}/munge.sock,cred_expire=5\nStateSaveLocation={at}/state\nSlurmdSpoolDir={at}/spool\n\
             SlurmctldPidFile={at}/slurmctld.pid\nSlurmdPidFile={at}/slurmd.pid\nSlurmctldLogFile={at}/slurmctld.log\n\
             SlurmdLogFile={at}/slurmd.log\nProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\n\
             SelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\nSchedulerType=sched/backfill\n\
             SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1\n\
             AccountingStorageType=accounting_storage/none\nJobAcctGatherType=jobacct_gather/none\n\
             SwitchType=switch/none\nMpiDefault=none\nReturnToService=2\nSlurmdTimeout=5\nSlurmctldTimeout=5\n\
             KillWait=1\nMinJobAge=20\nJobRequeue=1\nSlurmdParameters=config_overrides\n\
             NodeName={host} NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN\n\
             PartitionName=work Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n"
        );
        fs::write(folder.join("slurm.conf"), configuration).unwrap();
        fs::write(folder.join("munge.key"), [7_u8; 1024]).unwrap();
        text_of("chmod", &["400", folder.join("munge.key").to_str().unwrap()]);
        let mut out = Self { folder: folder.to_owned(), host, munged: None, controller: None, node: None };
        let option = |name: &str, file: &str| format!("--{name}={}", folder.join(file).display());
        let munged = Command::new("/usr/sbin/munged")
            .args(["--force", "--foreground"])
            .args([option("socket", "munge.sock"), option("key-file", "munge.key"), option("pid-file", "munged.pid")])
            .args([option("log-file", "munged.log"), option("seed-file", "munge.seed")])
            .stderr(Stdio::null())
            .spawn();
        out.munged = Some(munged.unwrap_or_else(|e| panic!("munged: {e}; apt-get install slurm-wlm munge")));
        wait("munged", || folder.join("munge.sock").exists());
        out.start_controller();
        out.start_node();
        wait("an idle node", || out.call("sinfo", &["-h", "-o", "%T"]).contains("idle"));
        out
    }

    fn daemon(&self, program: &str, words: &[&str]) -> Child {
        let mut command = Command::new(format!("/usr/sbin/{program}"));
        command.arg("-D").args(words).env("SLURM_CONF", self.folder.join("slurm.conf"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn start_controller(&mut self) {
        self.controller = Some(self.daemon("slurmctld", &[]));
    }

    fn start_node(&mut self) {
        let host = self.host.clone();
        self.node = Some(self.daemon("slurmd", &["-N", &host]));
    }

    /// Killed at once, not asked to stop.
    fn kill(child: &mut Option<Child>) {
        if let Some(mut child) = child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// What a command of Slurm says; nothing if the controller keeps it waiting.
    fn call(&self, program: &str, words: &[&str]) -> String {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=1", "4", program]).args(words);
        let out = command.env("SLURM_CONF", self.folder.join("slurm.conf")).output().unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let user = text_of("id", &["-un"]);
        self.call("scancel", &["--user", &user]);
        let begin = Instant::now();
        while !self.call("squeue", &["-h"]).is_empty() && begin.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(200));
        }
        for child in [&mut self.node, &mut self.controller, &mut self.munged].into_iter().flatten() {
            text_of("kill", &[&child.id().to_string()]);
            let _ = child.wait();
        }
    }
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < Duration::from_secs(60), "no {what} within a minute");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Processes that work on this sweep.
fn workers(sweep: &Path) -> Vec<u32> {
    let needle = sweep.display().to_string();
    let all = fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.contains(&needle) && line.contains("--work")
    })
    .collect()
}

/// The sweep's own process, stopped on drop.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A small generator of numbers: the same kills in the same order each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n
    }
}

fn points(sweep: &Path) -> BTreeMap<String, PathBuf> {
    let mut out = BTreeMap::new();
    for shard in fs::read_dir(sweep.join("points")).into_iter().flatten().flatten() {
        for point in fs::read_dir(shard.path()).unwrap().flatten() {
            out.insert(point.file_name().into_string().unwrap(), point.path());
        }
    }
    out
}

const PLAN: &str = "name = \"cluster\"\n[[quench]]\nsystem = \"p-spin\"\nreplicas = 2\nsteps = 4000\n\
    parameters = { p = 3, n = 40 }\nmethod = { kind = \"langevin\", step_size = 0.02, temperature = 0.5 }\n\
    grid = { waiting_count = 5, lag_count = 8, loss_count = 8 }\n\
    [sweep.grid]\nmethod.temperature = { from = 0.3, to = 0.7, count = 5 }\nseed = { from = 1, to = 40 }\n";

#[test]
#[ignore = "peers: a real Slurm (Debian's slurm-wlm and munge), two minutes"]
fn peers_slurm_killed_at_random_finishes_every_point_once() {
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    fs::write(d.join("plan.toml"), PLAN).unwrap();
    let local = glasslab(&d, &["sweep", "plan.toml", "--out", "local"]);
    assert!(local.status.success(), "{}", said(&local));
    let mut cluster = Cluster::start(&d.join("cluster"));
    let words = ["sweep", "plan.toml", "--on", "slurm", "--out", "slurm", "--task-minutes", "0.05", "--poll", "0.5"];
    let log = fs::File::create(d.join("driver.log")).unwrap();
    let mut driver = command(&d, &words);
    driver.env("SLURM_CONF", cluster.folder.join("slurm.conf")).stdout(Stdio::null()).stderr(log);
    let mut driver = Driver(driver.spawn().unwrap());
    let sweep = d.join("slurm");
    let (mut dice, mut kills, mut bag) = (Dice(20261122), [0; 5], Vec::new());
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = driver.0.try_wait().unwrap() {
            break status;
        }
        assert!(begin.elapsed() < Duration::from_secs(420), "{}", fs::read_to_string(d.join("driver.log")).unwrap());
        // The first round goes fast, so that every kind of kill comes before a quick machine is through.
        let killed: i32 = kills.iter().sum();
        let pause = if killed < 8 { 20 + dice.below(80) } else { 150 + dice.below(450) };
        std::thread::sleep(Duration::from_millis(pause as u64));
        // A controller that was killed before it saved its state starts jobs twice; Slurm then drains the node, and waits for its
        // administrator.
        if cluster.call("sinfo", &["-h", "-o", "%T"]).contains("drain") {
            let node = format!("nodename={}", cluster.host);
            cluster.call("scontrol", &["update", &node, "state=resume"]);
        }
        // Enough is enough: what was killed so far must be made good without more help.
        if killed >= 24 {
            continue;
        }
        let working = workers(&sweep);
        if working.is_empty() {
            continue;
        }
        let victim = working[dice.below(working.len())].to_string();
        // Every kind of kill in each round, in random order.
        if bag.is_empty() {
            bag = vec![0, 0, 0, 1, 2, 3, 4, 4];
        }
        let what: usize = bag.swap_remove(dice.below(bag.len()));
        match what {
            0 => drop(text_of("kill", &["-9", &victim])),
            1 => {
                let jobs = cluster.call("squeue", &["-h", "--array", "-t", "RUNNING", "-o", "%i"]);
                let jobs: Vec<&str> = jobs.lines().collect();
                if !jobs.is_empty() {
                    cluster.call("scontrol", &["requeue", jobs[dice.below(jobs.len())]]);
                }
            }
            2 => {
                let jobs = cluster.call("squeue", &["-h", "--array", "-t", "RUNNING", "-o", "%i"]);
                if let Some(job) = jobs.lines().next() {
                    cluster.call("scancel", &["--signal=USR1", "--batch", job]);
                }
            }
            3 => {
                Cluster::kill(&mut cluster.node);
                std::thread::sleep(Duration::from_millis(dice.below(3000) as u64));
                cluster.start_node();
            }
            _ => {
                Cluster::kill(&mut cluster.controller);
                std::thread::sleep(Duration::from_millis(dice.below(3000) as u64));
                cluster.start_controller();
            }
        }
        kills[what] += 1;
    };
    let driver_said = fs::read_to_string(d.join("driver.log")).unwrap();
    eprintln!("workers, requeues, time limits, slurmd, slurmctld: {kills:?} in {:.0?}\n{driver_said}", begin.elapsed());
    assert!(status.success(), "{driver_said}");
    assert!(
        kills.iter().sum::<i32>() >= 8 && kills.iter().all(|k| *k > 0),
        "too few kills to mean anything: {kills:?}"
    );
    // Every point once: a folder, and at most one line in the journals (none if the process died between the two).
    let (here, there) = (points(&d.join("local")), points(&sweep));
    assert_eq!(there.len(), 200);
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    for file in fs::read_dir(sweep.join("journal")).unwrap().flatten() {
        for line in fs::read_to_string(file.path()).unwrap().lines() {
            let address = line.split('"').nth(3).unwrap_or_default().to_owned();
            *lines.entry(address).or_default() += 1;
        }
    }
    assert!(lines.values().all(|n| *n == 1), "a point was finished twice");
    assert!(lines.keys().all(|a| there.contains_key(a)) && lines.len() > 150);
    // The bytes of the local sweep.
    assert_eq!(here.keys().collect::<Vec<_>>(), there.keys().collect::<Vec<_>>());
    for (address, path) in &here {
        assert_same(path, &there[address]);
    }
    for file in ["table.nc", "table.csv", "report.html", "addresses.txt", "sweep.toml"] {
        assert!(fs::read(d.join("local").join(file)).unwrap() == fs::read(sweep.join(file)).unwrap(), "{file} differs");
    }
    // Nothing open: the same command submits nothing.
    let again = command(&d, &words).env("SLURM_CONF", cluster.folder.join("slurm.conf")).output().unwrap();
    assert!(again.status.success() && !said(&again).contains("submitted"), "{}", said(&again));
}

#[test]
fn without_slurm_it_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("plan.toml"), PLAN).unwrap();
    let output = command(dir.path(), &["sweep", "plan.toml", "--on", "slurm"]).env("PATH", "").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("sbatch") && said(&output).contains("commands of Slurm"), "{}", said(&output));
}
