//! The report of a sweep: how it stands, what failed, and the main numbers against the axes.

use super::dir::SweepDir;
use super::ledger::{Failure, Status};
use super::table::{Column, Columns, short_names, values_of};
use crate::error::LabError;
use crate::fields::shown;
use glasslab_core::Values;
use glasslab_core::sum::mean_and_error;
use glasslab_report::{Axis, Block, Color, Curve, Figure, Page, Panel, Table, plain};
use std::collections::BTreeMap;

/// Columns that are drawn, if there are any, and what they are.
const DRAWN: &[(&str, &str)] = &[
    ("test_error", "test error"),
    ("train_error", "train error"),
    ("last_energy", "energy or train loss at the end"),
    ("mu", "aging exponent μ"),
    ("gamma", "exponent γ of the displacement"),
    ("drift", "drift fraction"),
];
/// Most curves of a panel.
const CURVES: usize = 8;
/// Most points of a figure and rows of a table.
const MOST: usize = 200;

/// One group of points: the same up to the seed.
struct Cell {
    x: f64,
    curve: String,
    values: Vec<f64>,
    errors: Vec<f64>,
}

pub(super) fn page(dir: &SweepDir, found: &Columns) -> Result<String, LabError> {
    let plan = dir.plan();
    let done = found.states.iter().filter(|s| **s == "done").count();
    let failed = found.states.iter().filter(|s| **s == "failed").count();
    let open = found.states.len() - done - failed;
    let mut blocks = vec![Block::Table(axes(dir))];
    blocks.extend(figures(dir, found).into_iter().map(Block::Figure));
    if failed > 0 {
        let status = Status::of(dir)?;
        let row = |f: &Failure| vec![plain(&f.point), plain(&f.reason)];
        let rows = status.failures.iter().take(MOST).map(row).collect();
        let head = vec!["point".to_owned(), "reason".to_owned()];
        blocks.push(Block::Heading("Points that failed".to_owned()));
        blocks.push(Block::Table(Table { caption: format!("{failed} points failed"), head, rows }));
    }
    blocks.push(Block::Listing { title: "The plan".to_owned(), text: plan.to_toml() });
    let page = Page {
        title: format!("Sweep: {}", plain(&plan.name)),
        subtitle: format!("{} points: {done} done, {failed} failed, {open} open", found.states.len()),
        abstract_text: "All numbers are in table.nc and table.csv beside this page; the run of each point, with its records, is in \
                        the folder points."
            .to_owned(),
        blocks,
        footer: format!("glasslab {}", env!("CARGO_PKG_VERSION")),
    };
    Ok(page.html())
}

fn axes(dir: &SweepDir) -> Table {
    let plan = dir.plan();
    let mut rows = Vec::new();
    if !plan.points.is_empty() {
        rows.push(vec!["explicit points".to_owned(), plan.points.len().to_string(), String::new()]);
    }
    for axis in &plan.axes {
        let ends = match axis.values.as_slice() {
            [one] => shown(one),
            [first, second] => format!("{}, {}", shown(first), shown(second)),
            [first, .., last] => format!("{} ... {}", shown(first), shown(last)),
            [] => String::new(),
        };
        rows.push(vec![plain(&axis.field), axis.values.len().to_string(), plain(&ends)]);
    }
    let head = ["field", "values", "from ... to"].map(str::to_owned).to_vec();
    Table { caption: "What was varied".to_owned(), head, rows }
}

/// The numeric axis with the most values other than the seed, if any: the horizontal one.
fn horizontal(dir: &SweepDir) -> Option<(usize, Vec<f64>)> {
    let mut best: Option<(usize, Vec<f64>)> = None;
    for (i, axis) in dir.plan().axes.iter().enumerate().filter(|(_, a)| a.field != "seed") {
        let numbers = match values_of(axis.values.iter().map(Some)) {
            Values::F64(v) => v,
            Values::I64(v) => v.iter().map(|&x| x as f64).collect(),
            Values::Text(_) => continue,
        };
        if numbers.len() > best.as_ref().map_or(1, |b| b.1.len()) {
            best = Some((i, numbers));
        }
    }
    best
}

fn is_wide(numbers: &[f64]) -> bool {
    let (low, high) = numbers.iter().fold((f64::MAX, 0.0_f64), |(l, h), &v| (l.min(v), h.max(v)));
    low > 0.0 && high >= 20.0 * low
}

fn figures(dir: &SweepDir, found: &Columns) -> Vec<Figure> {
    let Some((axis, numbers)) = horizontal(dir) else { return Vec::new() };
    let plan = dir.plan();
    let field = plan.axes[axis].field.clone();
    let seeds = plan.axes.iter().position(|a| a.field == "seed");
    let names = short_names(&plan.axes.iter().map(|a| a.field.clone()).collect::<Vec<_>>(), &[]);
    let each = found.quenches.len();
    let numbers_of = |name: &str| {
        found.columns.iter().find(|c| c.0 == name).and_then(|c| match &c.1 {
            Column::Numbers(v) => Some(v),
            Column::Texts(_) => None,
        })
    };
    let mut out = Vec::new();
    for (column, about) in DRAWN {
        let Some(values) = numbers_of(column) else { continue };
        let errors = numbers_of(&format!("{column}_error"));
        let mut panels = Vec::new();
        for (q, quench) in found.quenches.iter().enumerate() {
            let mut cells: BTreeMap<(Vec<usize>, usize), Cell> = BTreeMap::new();
            for i in 0..found.states.len() {
                let value = values[i * each + q];
                if !value.is_finite() {
                    continue;
                }
                let mut position = plan.position(i);
                let at = std::mem::take(&mut position[axis + 1]);
                if let Some(seed) = seeds {
                    position[seed + 1] = 0;
                }
                let label = || {
                    let others = plan.axes.iter().enumerate().filter(|(j, _)| *j != axis && Some(*j) != seeds);
                    let mut words: Vec<String> =
                        others.map(|(j, a)| format!("{} = {}", names[j], shown(&a.values[position[j + 1]]))).collect();
                    if plan.points.len() > 1 {
                        words.insert(0, format!("point {}", position[0]));
                    }
                    words.join(", ")
                };
                let curve = label();
                let cell = cells.entry((position, at)).or_insert_with(|| Cell {
                    x: numbers[at],
                    curve,
                    values: Vec::new(),
                    errors: Vec::new(),
                });
                cell.values.push(value);
                cell.errors.push(errors.map_or(f64::NAN, |e| e[i * each + q]));
            }
            panels.extend(panel(&cells, &field, about, quench, &numbers));
        }
        if !panels.is_empty() {
            let bars = if seeds.is_some() { "over seeds" } else { "over the replicas of the run" };
            out.push(Figure {
                id: format!("sweep-{}", column.replace('_', "-")),
                title: format!("{} against {}", plain(about), plain(&field)),
                caption: format!("Means; bars are two standard errors {bars}, where there is more than one."),
                panels,
            });
        }
    }
    out
}

fn panel(
    cells: &BTreeMap<(Vec<usize>, usize), Cell>,
    field: &str,
    about: &str,
    quench: &str,
    numbers: &[f64],
) -> Option<Panel> {
    let mut curves: Vec<Curve> = Vec::new();
    let (mut last, mut left_out) = (None, 0);
    for ((group, _), cell) in cells {
        if last != Some(group) {
            last = Some(group);
            if curves.len() >= CURVES {
                left_out += 1;
            } else {
                let mut curve = Curve::line(Vec::new(), Color::distinct(curves.len()));
                curve.marks = true;
                curve.hint.clone_from(&cell.curve);
                curve.label = (!cell.curve.is_empty()).then(|| plain(&cell.curve));
                curves.push(curve);
            }
        }
        if left_out == 0
            && let Some(curve) = curves.last_mut()
            && curve.points.len() < MOST
        {
            let (mean, error) = mean_and_error(cell.values.iter().copied());
            let error = if cell.values.len() > 1 { error } else { cell.errors[0] };
            curve.points.push((cell.x, mean));
            curve.errors.push(if error.is_finite() { 2.0 * error } else { 0.0 });
        }
    }
    if curves.iter().all(|c| c.points.is_empty()) {
        return None;
    }
    let axis = if is_wide(numbers) { Axis::log(plain(field)) } else { Axis::linear(plain(field)) };
    let note = (left_out > 0).then(|| format!("{left_out} more curves are in the table"));
    Some(Panel {
        title: plain(quench),
        x: axis,
        y: Axis::linear(plain(about)),
        curves,
        guides: Vec::new(),
        colors: None,
        note,
    })
}
