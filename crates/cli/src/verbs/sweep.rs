//! `glasslab sweep`: a plan at many points, here or on a cluster.

use crate::args::{Common, On, Sweep};
use crate::output;
use crate::progress::Count;
use anyhow::{Context, Result, bail};
use glasslab_lab::sweep::{self, Local, Progress, Slurm, Status, SweepDir, SweepPlan};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Carries a sweep out, or says how it stands.
pub fn sweep(args: &Sweep, common: &Common) -> Result<ExitCode> {
    if args.serve || args.work {
        return be_worker(args);
    }
    for (name, value) in [("--task-minutes", args.task_minutes), ("--poll", args.poll)] {
        if !(value > 0.0 && value <= 1e6) {
            bail!("{name} = {value}: give a number > 0");
        }
    }
    let given = Path::new(&args.plan);
    let looks_only = args.status || args.list || args.merge;
    let dir = if given.is_dir() {
        if args.out.is_some() || args.seed.is_some() || args.extend {
            bail!("{}: --out, --seed and --extend go with a plan file; this is the folder of a sweep", args.plan);
        }
        SweepDir::open(given)?
    } else {
        let (mut plan, folder) = SweepPlan::open(&args.plan)?;
        if let Some(seed) = args.seed {
            plan.set_seed(seed).map_err(|c| glasslab_lab::plan_error(&args.plan, vec![c]))?;
        }
        if args.dry_run {
            return dry_run(&plan, &folder, common);
        }
        let out = args.out.clone().unwrap_or_else(|| PathBuf::from("sweeps").join(&plan.name));
        if looks_only && !out.join("sweep.toml").is_file() {
            bail!("{} holds no sweep yet: run the sweep first, or give its folder", out.display());
        }
        SweepDir::create(&out, plan, &folder, args.extend)?
    };
    if args.dry_run {
        return dry_run(dir.plan(), dir.data_folder(), common);
    }
    if looks_only {
        return look(&dir, args, common);
    }
    if args.retry {
        let count = dir.retry()?;
        output::text(common, &format!("{count} failed points are tried again"));
    }
    let interrupt = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupt);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        eprintln!("\nstopping, what is done is kept; press Ctrl-C again to stop at once");
    })
    .context("no handler for Ctrl-C could be installed")?;
    let program = std::env::current_exe().context("the program does not know where it is")?;
    let mut count = Count::new(&dir.plan().name);
    let status = match args.on {
        On::Local => {
            let (mut local, note) = Local::sized(&dir, program, args.processes.map(|p| p as usize))?;
            if let Some(threads) = common.threads {
                local.threads = (threads as usize / local.processes).max(1);
            }
            local.words = vec!["sweep".to_owned(), "--serve".to_owned()];
            note.iter().for_each(|n| eprintln!("{n}"));
            eprintln!("sweep {}: {} processes, {} threads each", dir.path().display(), local.processes, local.threads);
            sweep::run_local(&dir, &local, &interrupt, &mut |p: &Progress| count.show(p))?
        }
        On::Slurm => {
            let slurm = Slurm {
                program,
                words: vec!["sweep".to_owned(), "--work".to_owned()],
                threads: common.threads.unwrap_or(1) as usize,
                sbatch: args.sbatch.clone(),
                task: Duration::from_secs_f64(args.task_minutes * 60.0),
                poll: Duration::from_secs_f64(args.poll),
                detach: args.detach,
                ..Slurm::default()
            };
            let show = &mut |p: &Progress| count.show(p);
            sweep::run_slurm(&dir, &slurm, &interrupt, &mut |n: &str| eprintln!("{n}"), show)?
        }
    };
    count.end();
    let merged = sweep::merge(&dir)?;
    output::text(common, &status.words());
    for file in &merged.files {
        output::text(common, &file.display().to_string());
    }
    if status.open() > 0 {
        if args.on == On::Slurm {
            let name = Slurm::job_name(&dir);
            output::text(common, &format!("jobs go on in the queue; `scancel --name={name}` would stop them"));
        }
        output::text(common, &format!("not finished; go on with: glasslab sweep {}", dir.path().display()));
    }
    output::json(common, &document(&dir, &status, interrupt.load(Ordering::SeqCst)))?;
    Ok(code(&status))
}

fn code(status: &Status) -> ExitCode {
    if status.open() + status.failed > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS }
}

fn document(dir: &SweepDir, status: &Status, interrupted: bool) -> serde_json::Value {
    let mut value = json!(status);
    value["sweep"] = dir.path().display().to_string().into();
    value["open"] = status.open().into();
    value["interrupted"] = interrupted.into();
    value
}

/// `--status`, `--list`, `--merge`.
fn look(dir: &SweepDir, args: &Sweep, common: &Common) -> Result<ExitCode> {
    let status = Status::of(dir)?;
    let mut value = document(dir, &status, false);
    if args.list {
        let states = dir.states()?;
        let line = |i: usize| format!("{:6}  {}  {}", states[i], dir.addresses()[i], dir.plan().label(i));
        let lines: Vec<String> = (0..states.len()).map(line).collect();
        output::text(common, &lines.join("\n"));
        if common.json {
            let point = |i: usize| {
                let set: serde_json::Map<_, _> =
                    dir.plan().coordinates(i).iter().map(|(f, v)| ((*f).to_owned(), json!(v))).collect();
                json!({"address": dir.addresses()[i], "state": states[i], "set": set})
            };
            value["list"] = (0..states.len()).map(point).collect();
        }
    }
    if args.status || !args.list {
        output::text(common, &status.words());
    }
    if args.merge {
        let merged = sweep::merge(dir)?;
        for file in &merged.files {
            output::text(common, &file.display().to_string());
        }
        value["files"] = json!(merged.files);
    }
    output::json(common, &value)?;
    Ok(ExitCode::SUCCESS)
}

fn dry_run(plan: &SweepPlan, folder: &Path, common: &Common) -> Result<ExitCode> {
    let addresses = plan.addresses(folder).map_err(|c| glasslab_lab::plan_error(&plan.name, c))?;
    let mut memory = 0;
    for point in plan.corners() {
        let resolved = plan.plan(point).map_err(|c| glasslab_lab::plan_error(&plan.name, c))?;
        memory = memory.max(glasslab_lab::estimate(&resolved, folder)?.bytes());
    }
    let lines: Vec<String> = (0..plan.len()).map(|i| format!("{}  {}", addresses[i], plan.label(i))).collect();
    let words = glasslab_lab::core::fault::readable_bytes(memory);
    output::text(common, &format!("{}\n{} points; memory: about {words} for one", lines.join("\n"), plan.len()));
    output::json(common, &json!({"points": plan.len(), "addresses": addresses, "memory_bytes": memory}))?;
    Ok(ExitCode::SUCCESS)
}

/// The hidden half: a worker process of a sweep.
fn be_worker(args: &Sweep) -> Result<ExitCode> {
    let interrupt = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupt);
    ctrlc::set_handler(move || flag.store(true, Ordering::SeqCst)).context("no handler for signals")?;
    let dir = SweepDir::open(Path::new(&args.plan))?;
    if args.serve {
        sweep::serve(&dir, &interrupt)?;
        return Ok(ExitCode::SUCCESS);
    }
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<usize>().ok());
    let first = number("SLURM_ARRAY_TASK_MIN").unwrap_or(0);
    let task = number("SLURM_ARRAY_TASK_ID").unwrap_or(0).saturating_sub(first);
    let tasks = number("SLURM_ARRAY_TASK_COUNT").unwrap_or(1);
    sweep::work_through(&dir, (task, tasks), args.most, &interrupt, &mut |n: &str| println!("{n}"))?;
    Ok(ExitCode::SUCCESS)
}
