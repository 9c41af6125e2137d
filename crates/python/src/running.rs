//! Carries plans out for Python: without the interpreter's lock, and stopped cleanly by its signals.

use crate::convert::{self, failure};
use crate::own::Own;
use crate::system::System;
use glasslab_lab::{
    Changes, LabError, MeanField, MeanFieldPlan, Plan, RunOptions, Start, Watch, plan_error, presets, registry,
};
use pyo3::exceptions::{PyKeyboardInterrupt, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Time between two looks at Python's signals, about.
const LOOK: Duration = Duration::from_millis(50);

/// Stands between a run and the interpreter: signals, progress, notes.
struct Watcher {
    progress: Option<Py<PyAny>>,
    note: Option<Py<PyAny>>,
    interrupt: Arc<AtomicBool>,
    error: Option<PyErr>,
    title: String,
    steps: u64,
    looked: Instant,
}

impl Watcher {
    /// Calls Python; the first exception, a KeyboardInterrupt or any other, stops the run.
    fn call(&mut self, action: impl FnOnce(&Self, Python<'_>) -> PyResult<()>) {
        if self.error.is_some() {
            return;
        }
        let result = Python::attach(|py| {
            py.check_signals()?;
            action(self, py)
        });
        if let Err(error) = result {
            self.interrupt.store(true, Ordering::Relaxed);
            self.error = Some(error);
        }
        self.looked = Instant::now();
    }

    fn show(&mut self, step: u64) {
        self.call(|own, py| match &own.progress {
            Some(progress) => progress.call1(py, (&own.title, step, own.steps)).map(drop),
            None => Ok(()),
        });
    }
}

impl Watch for Watcher {
    fn note(&mut self, text: &str) {
        self.call(|own, py| match &own.note {
            Some(note) => note.call1(py, (text,)).map(drop),
            None => Ok(()),
        });
    }

    fn begin(&mut self, title: &str, from: u64, steps: u64) {
        (self.title, self.steps) = (title.to_owned(), steps);
        self.show(from);
    }

    fn at(&mut self, step: u64) {
        if self.looked.elapsed() >= LOOK || step == self.steps {
            self.show(step);
        }
    }
}

/// A plan with its origin in words, and the folder where its relative paths start.
struct Found {
    plan: Plan,
    folder: PathBuf,
}

/// A plan from a dict, a TOML file, the name of a preset, or TOML text (more than one line).
fn find(plan: &Bound<'_, PyAny>) -> PyResult<Found> {
    let checked = |origin: &str, parsed: Result<Plan, _>, folder: PathBuf| match parsed {
        Ok(plan) => Ok(Found { plan, folder }),
        Err(complaints) => Err(failure(plan_error(origin, complaints))),
    };
    if let Ok(dict) = plan.cast::<PyDict>() {
        let table = convert::table("", dict)?;
        return checked("the plan", Plan::from_table(&table), PathBuf::new());
    }
    let path: PathBuf = plan.extract()?;
    let name = path.to_string_lossy();
    if path.is_file() {
        let text = std::fs::read_to_string(&path)?;
        return checked(&name, Plan::parse(&text), path.parent().map(Path::to_path_buf).unwrap_or_default());
    }
    if let Some(preset) = presets::find(&name) {
        return checked(&name, Plan::parse(preset.text), PathBuf::new());
    }
    if name.contains('\n') {
        return checked("the plan", Plan::parse(&name), PathBuf::new());
    }
    let near = presets::nearest(&name).map_or(String::new(), |n| format!("; did you mean the preset {n:?}?"));
    Err(PyValueError::new_err(format!(
        "plan = {name:?}: there is no such file and no such preset{near} (glasslab.presets() lists them)"
    )))
}

/// Where a run goes and how it goes on: a dict with all of these.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Place {
    out: Option<PathBuf>,
    resume: bool,
    checkpoint_every: f64,
    progress: Option<Py<PyAny>>,
    note: Option<Py<PyAny>>,
}

fn carry_out(py: Python<'_>, plan: &Plan, folder: PathBuf, place: Place, own: Option<&Arc<Own>>) -> PyResult<PathBuf> {
    if !(place.checkpoint_every > 0.0 && place.checkpoint_every <= 1e9) {
        let problem = format!("checkpoint_every = {}: give a number of seconds > 0", place.checkpoint_every);
        return Err(PyValueError::new_err(problem));
    }
    if place.resume && place.out.is_none() {
        return Err(PyValueError::new_err("resume = True: give also out, the folder of the run to go on with"));
    }
    let options = RunOptions {
        out: place.out,
        resume: place.resume,
        checkpoint_every: Duration::from_secs_f64(place.checkpoint_every),
        data_folder: folder,
        interrupt: Arc::default(),
    };
    let mut watcher = Watcher {
        progress: place.progress,
        note: place.note,
        interrupt: Arc::clone(&options.interrupt),
        error: None,
        title: String::new(),
        steps: 0,
        looked: Instant::now(),
    };
    let outcome = py.detach(|| glasslab_lab::run(plan, &options, &mut watcher));
    let outcome = outcome.map_err(|e| own.and_then(|o| o.raised()).unwrap_or_else(|| failure(e)))?;
    let dir = outcome.dir;
    match watcher.error {
        None => Ok(dir),
        Some(error) if error.is_instance_of::<PyKeyboardInterrupt>(py) => {
            let state = if outcome.interrupted { "stopped early and saved" } else { "already complete" };
            let text = format!("{state}; go on with out={:?}, resume=True", dir.display().to_string());
            Err(PyKeyboardInterrupt::new_err(text))
        }
        Some(error) => Err(error),
    }
}

/// The seed must be one that a plan can hold.
fn check_seed(seed: Option<u64>) -> PyResult<()> {
    match seed.map(i64::try_from) {
        Some(Err(_)) => Err(PyValueError::new_err(format!("seed: give at most {}", i64::MAX))),
        _ => Ok(()),
    }
}

/// Carries a plan out; returns the run directory.
#[pyfunction]
pub fn run(py: Python<'_>, plan: &Bound<'_, PyAny>, seed: Option<u64>, place: Place) -> PyResult<PathBuf> {
    check_seed(seed)?;
    let Found { mut plan, folder } = find(plan)?;
    plan.seed = seed.unwrap_or(plan.seed);
    carry_out(py, &plan, folder, place, None)
}

/// Carries out a plan whose quench has `system = "own"` and this name among its parameters, with this System.
#[pyfunction]
pub fn run_own(
    py: Python<'_>,
    plan: &Bound<'_, PyDict>,
    system: PyRef<'_, System>,
    name: &str,
    place: Place,
) -> PyResult<PathBuf> {
    let Found { plan, folder } = find(plan)?;
    let (model, own) = system.parts();
    let Some(_loan) = registry::lend(name, model) else {
        let text = format!("name = {name:?}: a system of this name is running: give another name");
        return Err(PyValueError::new_err(text));
    };
    // An exception from before the run is not this run's.
    drop(own.as_ref().and_then(|o| o.raised()));
    carry_out(py, &plan, folder, place, own.as_ref())
}

/// Quenches systems by name, with these changes of every quench, method and system; returns the run directory.
#[pyfunction]
pub fn age(
    py: Python<'_>,
    systems: Vec<String>,
    quench: &Bound<'_, PyDict>,
    method: &Bound<'_, PyDict>,
    parameters: &Bound<'_, PyDict>,
    seed: Option<u64>,
    place: Place,
) -> PyResult<PathBuf> {
    let changes = Changes {
        quench: convert::pairs(quench)?,
        method: convert::pairs(method)?,
        parameters: convert::pairs(parameters)?,
        seed,
        ..Changes::default()
    };
    let refused = |complaints| -> LabError { plan_error("the plan", complaints) };
    let plan = glasslab_lab::age_plan(&systems, &changes).map_err(refused).map_err(failure)?;
    carry_out(py, &plan, PathBuf::new(), place, None)
}

/// Solves the exact equations of the infinite spherical p-spin; returns the run directory.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // its only caller names them all
pub fn mean_field(
    py: Python<'_>,
    p: u32,
    mixed: Option<(u32, f64)>,
    temperature: f64,
    start: Option<f64>,
    until: f64,
    tolerance: f64,
    out: Option<PathBuf>,
) -> PyResult<PathBuf> {
    let start = start.map_or(Start::Random, Start::Equilibrium);
    let plan = MeanFieldPlan { model: MeanField { p, s: mixed, temperature, start, until }, tolerance };
    let outcome = py.detach(|| glasslab_lab::mean_field(&plan, out.as_deref(), &mut ()));
    Ok(outcome.map_err(failure)?.dir)
}

/// Sets the number of threads of all parallel work; only the first call, before any work, has an effect.
#[pyfunction]
pub fn set_threads(threads: usize) {
    glasslab_lab::set_threads(threads);
}
