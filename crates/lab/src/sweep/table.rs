//! The merged table of a sweep: one row a point and quench, as labelled arrays along the axes and as CSV.

use super::dir::SweepDir;
use crate::error::LabError;
use crate::fields::shown;
use glasslab_core::{Dataset, Record, Values};
use glasslab_store::{JournalReader, write_atomic, write_dataset};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use std::collections::HashMap;
use std::fmt::Write;
use std::path::PathBuf;
use toml::Value;

/// Texts of a summary that are kept in the table.
const TEXTS: &[&str] = &["verdict", "energy_name", "unit_of_time"];
/// Fields of a summary that are no results.
const LEFT_OUT: &[&str] = &["name", "label", "system", "method", "why", "tabulated"];

/// What a merge found and wrote.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The labelled arrays: dimensions are the axes (and `point` for explicit points), then `quench`.
    pub dataset: Dataset,
    /// Points in the table.
    pub done: usize,
    /// The files: netCDF, CSV, report.
    pub files: Vec<PathBuf>,
}

/// The values of one column: numbers, NaN where there are none, or texts.
#[derive(Clone, Debug)]
pub(super) enum Column {
    Numbers(Vec<f64>),
    Texts(Vec<String>),
}

/// A summary as flat rows, one a quench: `mu` is its value, `mu_low` and `mu_high` the ends of its interval.
pub(super) fn row_of(summary: &Json) -> Vec<Map<String, Json>> {
    let quenches = summary["quenches"].as_array().map(Vec::as_slice).unwrap_or_default();
    quenches.iter().filter_map(Json::as_object).map(flat).collect()
}

fn flat(quench: &Map<String, Json>) -> Map<String, Json> {
    let mut out = Map::new();
    for (name, value) in quench.iter().filter(|(n, _)| !LEFT_OUT.contains(&n.as_str())) {
        match value {
            Json::Number(_) => drop(out.insert(name.clone(), value.clone())),
            Json::Bool(yes) => drop(out.insert(name.clone(), i32::from(*yes).into())),
            Json::String(_) if TEXTS.contains(&name.as_str()) => drop(out.insert(name.clone(), value.clone())),
            Json::Array(list) => drop(out.insert(name.clone(), list.len().into())),
            Json::Object(parts) => {
                for (part, value) in parts.iter().filter(|(_, v)| v.is_number()) {
                    let full = if part == "value" { name.clone() } else { format!("{name}_{part}") };
                    out.insert(full, value.clone());
                }
            }
            _ => {}
        }
    }
    out
}

#[derive(Deserialize)]
struct Line {
    point: String,
    #[serde(default)]
    rows: Vec<Map<String, Json>>,
}

/// Everything that is finished, column by column; entry (point, quench) at point * quenches + quench.
pub(super) struct Columns {
    pub quenches: Vec<String>,
    pub states: Vec<&'static str>,
    pub columns: Vec<(String, Column)>,
}

impl Columns {
    /// Reads the journals, and the summaries of points that no journal knows. Cost O(journals + points).
    pub fn read(dir: &SweepDir) -> Result<Self, LabError> {
        let states = dir.states()?;
        let quenches: Vec<String> =
            dir.plan().plan(0).map_or_else(|_| Vec::new(), |plan| plan.quench.iter().map(|q| q.name.clone()).collect());
        let index: HashMap<&str, usize> = dir.addresses().iter().enumerate().map(|(i, a)| (a.as_str(), i)).collect();
        let mut rows: Vec<Option<Vec<Map<String, Json>>>> = vec![None; states.len()];
        JournalReader::new(dir.journal()).read_new(&mut |line| {
            let Ok(line) = serde_json::from_slice::<Line>(line) else { return };
            if let Some(&i) = index.get(line.point.as_str())
                && states[i] == "done"
            {
                rows[i] = Some(line.rows);
            }
        })?;
        for (i, row) in rows.iter_mut().enumerate().filter(|(i, r)| r.is_none() && states[*i] == "done") {
            // Its process died between the two writes: the run itself says the same.
            *row = Some(row_of(&dir.run_of(i)?.summary::<Json>()?));
        }
        let mut out = Self { quenches, states, columns: Vec::new() };
        out.fill(&rows);
        Ok(out)
    }

    fn fill(&mut self, rows: &[Option<Vec<Map<String, Json>>>]) {
        let (each, length) = (self.quenches.len(), rows.len() * self.quenches.len());
        let mut known: HashMap<String, usize> = HashMap::new();
        for (i, row) in rows.iter().enumerate() {
            for (q, cells) in row.iter().flatten().take(each).enumerate() {
                for (name, value) in cells {
                    let at = *known.entry(name.clone()).or_insert_with(|| {
                        let empty = match value {
                            Json::String(_) => Column::Texts(vec![String::new(); length]),
                            _ => Column::Numbers(vec![f64::NAN; length]),
                        };
                        self.columns.push((name.clone(), empty));
                        self.columns.len() - 1
                    });
                    match (&mut self.columns[at].1, value) {
                        (Column::Texts(texts), Json::String(text)) => texts[i * each + q].clone_from(text),
                        (Column::Numbers(numbers), value) => {
                            numbers[i * each + q] = value.as_f64().unwrap_or(f64::NAN);
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}

/// A short name for each field: its last part, or more of it where that is not enough.
pub(super) fn short_names(fields: &[String], taken: &[&str]) -> Vec<String> {
    let clean = |text: &str| -> String {
        let word: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let word = word.trim_matches('_').to_owned();
        if word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit()) { format!("x{word}") } else { word }
    };
    let parts = |field: &str, n: usize| {
        let all: Vec<&str> = field.split('.').collect();
        clean(&all[all.len().saturating_sub(n)..].join("_"))
    };
    let longest = fields.iter().map(|f| f.split('.').count()).max().unwrap_or(1);
    let mut lengths = vec![1; fields.len()];
    let mut names: Vec<String> = fields.iter().map(|f| parts(f, 1)).collect();
    let clashes = |names: &[String], i: usize| {
        taken.contains(&names[i].as_str()) || names.iter().enumerate().any(|(j, other)| j != i && *other == names[i])
    };
    for _ in 1..longest {
        let longer: Vec<bool> = (0..fields.len()).map(|i| clashes(&names, i)).collect();
        for i in (0..fields.len()).filter(|&i| longer[i]) {
            lengths[i] += 1;
            names[i] = parts(&fields[i], lengths[i]);
        }
    }
    for i in 0..fields.len() {
        while clashes(&names, i) {
            names[i].push('_');
        }
    }
    names
}

/// Values as numbers if all are.
pub(super) fn values_of<'a>(values: impl Iterator<Item = Option<&'a Value>> + Clone) -> Values {
    let all = |test: &dyn Fn(&Value) -> bool| values.clone().flatten().all(test);
    if all(&|v| v.is_integer()) && values.clone().all(|v| v.is_some()) {
        Values::I64(values.flatten().filter_map(Value::as_integer).collect())
    } else if all(&|v| v.is_integer() || v.is_float()) {
        let number = |v: &Value| v.as_float().or_else(|| v.as_integer().map(|i| i as f64));
        Values::F64(values.map(|v| v.and_then(number).unwrap_or(f64::NAN)).collect())
    } else {
        let text = |v: &Value| v.as_str().map_or_else(|| shown(v), str::to_owned);
        Values::Text(values.map(|v| v.map_or_else(String::new, text)).collect())
    }
}

fn dataset(dir: &SweepDir, found: &Columns) -> Dataset {
    let plan = dir.plan();
    let mut out = Dataset::default();
    let explicit = !plan.points.is_empty();
    let axes: Vec<String> = plan.axes.iter().map(|a| a.field.clone()).collect();
    let names = short_names(&axes, &["point", "quench", "state", "address"]);
    let shape = plan.shape();
    let mut dims: Vec<(&str, usize)> = Vec::new();
    if explicit {
        dims.push(("point", shape[0]));
        let numbers = Values::I64((0..shape[0] as i64).collect());
        out.coordinates.push(Record::coordinate("point", "number of the explicit point", "1", numbers));
        let mut fields: Vec<String> = plan.points.iter().flatten().map(|(f, _)| f.clone()).collect();
        fields.sort();
        fields.dedup();
        let of = |p: usize, field: &str| plan.points[p].iter().find(|(f, _)| f == field).map(|(_, v)| v);
        for (field, name) in fields.iter().zip(short_names(&fields, &[])) {
            let values = values_of((0..shape[0]).map(|p| of(p, field)));
            out.variables.push(Record {
                name: format!("set_{name}"),
                about: format!("{field} of the explicit point"),
                unit: "1".to_owned(),
                dims: vec!["point".to_owned()],
                shape: vec![shape[0]],
                values,
            });
        }
    }
    for ((axis, name), length) in plan.axes.iter().zip(&names).zip(&shape[1..]) {
        dims.push((name, *length));
        let values = values_of(axis.values.iter().map(Some));
        out.coordinates.push(Record::coordinate(name, &format!("the field {} of the plan", axis.field), "1", values));
    }
    let text = |name: &str, about: &str, values: Vec<String>| Record {
        name: name.to_owned(),
        about: about.to_owned(),
        unit: "1".to_owned(),
        dims: dims.iter().map(|d| d.0.to_owned()).collect(),
        shape: dims.iter().map(|d| d.1).collect(),
        values: Values::Text(values),
    };
    let states = found.states.iter().map(|s| (*s).to_owned()).collect();
    out.variables.push(text("state", "done, failed or open", states));
    let addresses = dir.addresses().to_vec();
    out.variables.push(text("address", "folder of the point: points/ab/ab...", addresses));
    out.coordinates.push(Record::coordinate("quench", "name of the quench", "1", Values::Text(found.quenches.clone())));
    dims.push(("quench", found.quenches.len()));
    for (name, column) in &found.columns {
        let name = if out.get(name).is_some() { format!("{name}_found") } else { name.clone() };
        let about = format!("`{name}` of summary.json");
        out.variables.push(Record {
            name,
            about,
            unit: "1".to_owned(),
            dims: dims.iter().map(|d| d.0.to_owned()).collect(),
            shape: dims.iter().map(|d| d.1).collect(),
            values: match column {
                Column::Numbers(v) => Values::F64(v.clone()),
                Column::Texts(v) => Values::Text(v.clone()),
            },
        });
    }
    out.attributes.insert("sweep".to_owned(), plan.name.clone());
    out.attributes.insert("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    out
}

/// A cell of CSV (RFC 4180).
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

fn csv(dir: &SweepDir, found: &Columns) -> String {
    let (plan, each) = (dir.plan(), found.quenches.len());
    let fields = plan.fields();
    let mut out = String::from("point,address,state");
    let names = fields.iter().map(String::as_str).chain(["quench"]);
    for name in names.chain(found.columns.iter().map(|c| c.0.as_str())) {
        let _ = write!(out, ",{}", cell(name));
    }
    out.push('\n');
    for (i, state) in found.states.iter().enumerate() {
        let coordinates = plan.coordinates(i);
        let mut start = format!("{i},{},{state}", dir.addresses()[i]);
        for field in &fields {
            // Of a field that is set twice the later one counts.
            let value = coordinates.iter().rev().find(|(f, _)| f == field).map(|(_, v)| *v);
            let text = value.map_or_else(String::new, |v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
            let _ = write!(start, ",{}", cell(&text));
        }
        for (q, quench) in found.quenches.iter().enumerate().take(if *state == "done" { each } else { 1 }) {
            let quench = if *state == "done" { quench } else { "" };
            let _ = write!(out, "{start},{}", cell(quench));
            for (_, column) in &found.columns {
                out.push(',');
                match column {
                    Column::Numbers(v) if v[i * each + q].is_nan() => {}
                    Column::Numbers(v) => drop(write!(out, "{}", v[i * each + q])),
                    Column::Texts(v) => out.push_str(&cell(&v[i * each + q])),
                }
            }
            out.push('\n');
        }
    }
    out
}

/// Writes `table.nc`, `table.csv` and `report.html` from what is finished by now; at any time, also while others work. The same
/// finished points give the same bytes, whoever ran them. Cost O(points), seconds at 10^5 points.
pub fn merge(dir: &SweepDir) -> Result<Merged, LabError> {
    let found = Columns::read(dir)?;
    let dataset = dataset(dir, &found);
    let files = vec![dir.path().join("table.nc"), dir.path().join("table.csv"), dir.path().join("report.html")];
    write_dataset(&files[0], &dataset)?;
    write_atomic(&files[1], csv(dir, &found).as_bytes())?;
    write_atomic(&files[2], super::page::page(dir, &found)?.as_bytes())?;
    Ok(Merged { dataset, done: found.states.iter().filter(|s| **s == "done").count(), files })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_distinct() {
        let names = |fields: &[&str]| {
            short_names(&fields.iter().map(|f| (*f).to_owned()).collect::<Vec<_>>(), &["quench", "point"])
        };
        assert_eq!(names(&["seed", "quench.a.method.temperature"]), ["seed", "temperature"]);
        assert_eq!(names(&["quench.a.steps", "quench.b.steps"]), ["a_steps", "b_steps"]);
        assert_eq!(names(&["quench[0].steps", "x.point"]), ["steps", "x_point"]);
    }

    #[test]
    fn a_summary_becomes_a_flat_row() {
        let summary = serde_json::json!({"quenches": [{
            "name": "a", "dof": 3, "fits": true, "verdict": "aging", "why": ["b"], "diverged": [{}, {}],
            "last_energy": {"value": 0.5, "error": null}, "mu": {"value": 1.0, "low": 0.5, "high": 2.0}, "t_1": null
        }]});
        let row = serde_json::to_string(&row_of(&summary)).unwrap();
        let expected = r#"[{"dof":3,"fits":1,"verdict":"aging","diverged":2,"last_energy":0.5,"mu":1.0,"mu_low":0.5,"mu_high":2.0}]"#;
        assert_eq!(row, expected);
        assert_eq!(cell("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
