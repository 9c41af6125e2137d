//! `glasslab mean-field`: the exact two-time dynamics of the infinite spherical p-spin, as a run directory.

use crate::error::{LabError, plan_error};
use crate::run::Watch;
use crate::summary::short;
use glasslab_core::{Complaint, Dataset, Fault};
use glasslab_report::{Axis, Block, Color, ColorBar, Curve, Figure, Guide, Page, Panel, Table};
use glasslab_store::{Manifest, RunDir, utc};
use glasslab_theory::{MeanField, Solution, Start, statics};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

/// What is asked: the model and the accuracy.
#[derive(Clone, Debug, PartialEq)]
pub struct MeanFieldPlan {
    /// Model, temperature, start, last time.
    pub model: MeanField,
    /// Largest error allowed in the energy, absolute.
    pub tolerance: f64,
}

/// What a mean-field run left.
#[derive(Clone, Debug)]
pub struct MeanFieldOutcome {
    /// The run directory.
    pub dir: PathBuf,
    /// What was found, as in `summary.json`.
    pub summary: Value,
    /// The same for a terminal.
    pub table: String,
}

impl MeanFieldPlan {
    /// The plan as TOML: a record of what was asked, with every default spelled out.
    pub fn to_toml(&self) -> String {
        let m = &self.model;
        let mixed = m.s.map_or(String::new(), |(s, w)| format!("s = {s}\nweight = {w:?}\n"));
        let start = match m.start {
            Start::Random => "\"random\"".to_owned(),
            Start::Equilibrium(t) => format!("{t:?}"),
        };
        format!(
            "name = \"mean-field\"\n\n[mean-field]\np = {}\n{mixed}temperature = {:?}\nstart = {start}\nuntil = {:?}\ntolerance = {:?}\n",
            m.p, m.temperature, m.until, self.tolerance
        )
    }
}

/// Solves the equations, writes records, summary and report into `out` (runs/mean-field or the next free one if `None`).
pub fn mean_field(
    plan: &MeanFieldPlan,
    out: Option<&Path>,
    watch: &mut dyn Watch,
) -> Result<MeanFieldOutcome, LabError> {
    let refuse = |fault: Fault| match fault {
        Fault::Input(complaints) => plan_error("mean-field", complaints),
        fault => LabError::Quench { quench: "mean-field".to_owned(), fault },
    };
    let mut complaints = plan.model.complaints();
    if !(1e-8..=0.1).contains(&plan.tolerance) {
        complaints.push(Complaint::new("tolerance", plan.tolerance, "give a number from 1e-8 to 0.1"));
    }
    if !complaints.is_empty() {
        return Err(plan_error("mean-field", complaints));
    }
    let dir = RunDir::create(out.map_or_else(|| crate::run::free_folder("mean-field"), Path::to_owned))?;
    dir.write_plan(&plan.to_toml())?;
    watch.note(&format!("run directory {}", dir.path().display()));
    let begin = Instant::now();
    let solution = plan.model.solve(plan.tolerance).map_err(refuse)?;
    let data = solution.to_dataset();
    let (summary, rows) = found(&solution).map_err(refuse)?;
    dir.write_records("mean-field", &data)?;
    dir.write_summary(&summary)?;
    dir.write_report(&page(plan, &data, &rows).html())?;
    let mut manifest = Manifest::new(0, rayon::current_num_threads() as u64);
    manifest.wall_seconds = begin.elapsed().as_secs_f64();
    manifest.state = "completed".to_owned();
    manifest.finished = utc(SystemTime::now());
    dir.write_manifest(&manifest)?;
    let table = rows.iter().map(|(name, value)| format!("  {name:34} {value}\n")).collect();
    Ok(MeanFieldOutcome { dir: dir.path().to_owned(), summary, table })
}

/// Where the energy tends, for the pure model from a random start, and its name.
fn limit(model: &MeanField) -> Option<(f64, &'static str)> {
    if model.s.is_some() || model.start != Start::Random || model.p < 3 {
        return None;
    }
    if model.temperature == 0.0 {
        return Some((statics::threshold_energy(model.p).ok()?, "threshold"));
    }
    if model.temperature < statics::dynamical_temperature(model.p).ok()? {
        return Some((statics::aging(model.p, model.temperature).ok()?.energy, "aging limit"));
    }
    Some((-0.5 / model.temperature, "equilibrium"))
}

fn found(solution: &Solution) -> Result<(Value, Vec<(String, String)>), Fault> {
    let model = solution.model();
    let mut rows = Vec::new();
    let mut energies = Vec::new();
    let decades = (-1..9).flat_map(|k| [1.0, 2.0, 5.0].map(|f| f * 10_f64.powi(k)));
    let times: Vec<f64> = decades.take_while(|&t| t < model.until).chain([model.until]).collect();
    for t in times.into_iter().filter(|&t| t >= 1.0 || t == model.until) {
        let e = solution.energy(t)?;
        rows.push((format!("e(t = {})", short(t)), format!("{:.7} ± {:.0e}", e.value, e.error)));
        energies.push(json!({"time": t, "energy": e.value, "error": e.error}));
    }
    let mut summary = json!({
        "name": "mean-field",
        "version": env!("CARGO_PKG_VERSION"),
        "p": model.p,
        "temperature": model.temperature,
        "until": model.until,
        "worst_error": solution.worst_error(),
        "energies": energies,
    });
    rows.push(("largest error of e".to_owned(), format!("{:.1e}", solution.worst_error())));
    if let Some((value, name)) = limit(model) {
        summary["limit"] = json!({"name": name, "energy": value});
        rows.push((format!("t -> infinity ({name})"), format!("{value:.6}")));
    }
    if model.s.is_none() {
        let constants = [
            ("T_d", statics::dynamical_temperature(model.p).ok()),
            ("T_K", statics::static_temperature(model.p).ok().map(|t| t.0)),
            ("E_th", statics::threshold_energy(model.p).ok()),
            ("E_gs", statics::ground_state_energy(model.p).ok()),
        ];
        for (name, value) in constants {
            if let Some(value) = value.filter(|_| model.p > 2) {
                rows.push((name.to_owned(), format!("{value:.6}")));
                summary["constants"][name] = value.into();
            }
        }
    }
    Ok((summary, rows))
}

fn floats(data: &Dataset, name: &str) -> Vec<f64> {
    data.get(name).and_then(|r| r.floats()).unwrap_or_default()
}

/// A panel with one curve per waiting time: y(t_w, t) against x(t_w, t).
fn family(data: &Dataset, y: (&str, Axis), x: (&str, Axis), errors: &str) -> Panel {
    let (waiting, lags) = (floats(data, "waiting_time"), floats(data, "lag"));
    let (ys, xs, error) = (floats(data, y.0), floats(data, x.0), floats(data, errors));
    let shown: Vec<usize> =
        (0..waiting.len()).filter(|&w| waiting[w] >= 0.1 && waiting[w] < waiting[waiting.len() - 1]).collect();
    let ends = (shown.first().map_or(1.0, |&w| waiting[w]), shown.last().map_or(10.0, |&w| waiting[w]));
    let bar = ColorBar { title: "t_w".to_owned(), low: ends.0, high: ends.1.max(2.0 * ends.0) };
    let curve = |&w: &usize| {
        let point = |l: usize| {
            let k = w * lags.len() + l;
            let at = if xs.len() == lags.len() { xs[l] } else { xs[k] };
            // Below its own error a difference of nearly equal numbers says nothing.
            (at, if ys[k].abs() > 3.0 * error[k] { ys[k] } else { f64::NAN })
        };
        Curve::line((0..lags.len()).map(point).collect(), bar.color(waiting[w]))
            .hinted(format!("t_w = {}", short(waiting[w])))
    };
    Panel {
        title: String::new(),
        x: x.1,
        y: y.1,
        curves: shown.iter().map(curve).collect(),
        guides: Vec::new(),
        colors: Some(bar.clone()),
        note: None,
    }
}

fn page(plan: &MeanFieldPlan, data: &Dataset, rows: &[(String, String)]) -> Page {
    let model = &plan.model;
    let line = |points: Vec<(f64, f64)>| Curve { width: 2.2, ..Curve::line(points, Color(0, 114, 178)) };
    let time = || Axis::log("physical time t");
    let (times, energy) = (floats(data, "time"), floats(data, "energy"));
    let panel = |y: Axis, curves: Vec<Curve>| Panel {
        title: String::new(),
        x: time(),
        y,
        curves,
        guides: Vec::new(),
        colors: None,
        note: None,
    };
    let descent: Vec<(f64, f64)> = times.iter().copied().zip(energy.iter().copied()).collect();
    let mut panels = vec![panel(Axis::linear("energy per spin e"), vec![line(descent.clone())])];
    if let Some((bottom, name)) = limit(model) {
        panels[0].guides.push(Guide::Horizontal { y: bottom, label: format!("{name} {bottom:.4}") });
        let excess = descent.iter().map(|(t, e)| (*t, e - bottom)).collect();
        panels.push(panel(Axis::log(format!("e − e_∞ ({name})")), vec![line(excess)]));
    }
    let lag = || Axis::log("lag t (physical time)");
    let two_time = vec![
        family(data, ("msd", Axis::log("Δ(t_w, t_w + t) = 2(1 − C)")), ("lag", lag()), "msd_error"),
        family(data, ("overlap", Axis::linear("C(t_w + t, t_w)")), ("lag", lag()), "overlap_error"),
    ];
    let mut response = vec![
        family(
            data,
            ("integrated_response", Axis::linear("integrated response χ(t_w + t, t_w)")),
            ("overlap", Axis::linear("C(t_w + t, t_w)")),
            "integrated_response_error",
        ),
        family(
            data,
            ("effective_temperature", Axis::linear("effective temperature −∂C/∂χ")),
            ("overlap", Axis::linear("C(t_w + t, t_w)")),
            "effective_temperature_error",
        ),
    ];
    response[1].y.range = Some((0.0, 3.0));
    let figure = |id: &str, title: &str, caption: &str, panels: Vec<Panel>| {
        Block::Figure(Figure { id: id.to_owned(), title: title.to_owned(), caption: caption.to_owned(), panels })
    };
    let table = rows.iter().map(|(a, b)| vec![a.replace("_th", "_{th}").replace("_gs", "_{gs}"), b.clone()]).collect();
    let sources = glasslab_theory::solution::CITATIONS.iter().map(|c| (c.text.to_owned(), c.locator.to_owned()));
    Page {
        title: format!("The spherical {}-spin at N → ∞, T = {}", model.p, model.temperature),
        subtitle: "glasslab mean-field: two-time equations of Crisanti, Horner, Sommers, Cugliandolo and Kurchan"
            .to_owned(),
        abstract_text: "Convention: covariance of the energies N f(q), f(q) = q^p/2; |s|^2 = N; unit mobility."
            .to_owned(),
        blocks: vec![
            figure("energy", "Energy", "Left: e(t). Right: distance to its limit.", panels),
            figure("two-time", "Two-time functions", "Colour: waiting time t_w.", two_time),
            figure(
                "response",
                "Fluctuation and dissipation",
                "Slope −1/T where time-translation invariant, −1/T_{eff} where it ages.",
                response,
            ),
            Block::Table(Table { caption: "Numbers with their errors".to_owned(), head: vec![], rows: table }),
            Block::Listing { title: "The plan".to_owned(), text: plan.to_toml() },
            Block::Heading("Sources".to_owned()),
            Block::Bibliography(sources.collect()),
        ],
        footer: format!("Made by glasslab {}. This file needs no network.", env!("CARGO_PKG_VERSION")),
    }
}
