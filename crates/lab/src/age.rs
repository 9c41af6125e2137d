//! The plan of `glasslab age`: named quenches or systems, with the flags applied to each.

use crate::{Plan, presets, registry};
use glasslab_core::Complaint;
use glasslab_core::parameter::nearest;
use toml::{Table, Value};

/// What a user changes on the command line; each change applies to every quench that knows the field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Fields of the quench: replicas, samples, steps, precision, keep_weights.
    pub quench: Vec<(String, Value)>,
    /// Fields of the method.
    pub method: Vec<(String, Value)>,
    /// Parameters of the system.
    pub parameters: Vec<(String, Value)>,
    /// Images on which the stability to deformations is measured, for networks.
    pub stability: Option<u64>,
    /// Seed.
    pub seed: Option<u64>,
}

/// Reads VALUE of a NAME=VALUE flag as TOML; what is no TOML value is a text.
pub fn toml_value(text: &str) -> Value {
    let parsed: Option<Table> = format!("v = {text}").parse().ok();
    parsed.and_then(|mut t: Table| t.remove("v")).unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Named quenches: all quenches of all presets, the default preset first.
fn named() -> Vec<Table> {
    let mut all: Vec<Table> = Vec::new();
    for preset in presets::ALL {
        let table: Table = preset.text.parse().expect("presets are valid TOML: tested");
        for quench in table["quench"].as_array().into_iter().flatten().filter_map(Value::as_table) {
            if !all.iter().any(|q| q["name"] == quench["name"]) {
                all.push(quench.clone());
            }
        }
    }
    all
}

fn sub<'a>(quench: &'a mut Table, name: &str) -> Option<&'a mut Table> {
    quench.entry(name).or_insert_with(|| Value::Table(Table::new())).as_table_mut()
}

/// The plan for these systems or named quenches (none: the default ones), with the changes applied.
pub fn age_plan(systems: &[String], changes: &Changes) -> Result<Plan, Vec<Complaint>> {
    let mut complaints = Vec::new();
    let mut table: Table = presets::ALL[0].text.parse().expect("presets are valid TOML: tested");
    if !systems.is_empty() {
        let known = named();
        let mut chosen = Vec::new();
        for (i, name) in systems.iter().enumerate() {
            if systems[..i].contains(name) {
                complaints.push(Complaint::new("SYSTEM", name, "name each system once"));
            } else if let Some(quench) = known.iter().find(|q| q["name"].as_str() == Some(name)) {
                chosen.push(Value::Table(quench.clone()));
            } else if registry::find(name).is_some() {
                chosen.push(Value::Table(Table::from_iter([("system".to_owned(), Value::String(name.clone()))])));
            } else {
                let all: Vec<String> = known.iter().filter_map(|q| q["name"].as_str().map(str::to_owned)).collect();
                let entries = registry::entries();
                let names = all.iter().map(String::as_str).chain(entries.iter().map(|e| e.name));
                let fix = match nearest(name, names.clone()) {
                    Some(near) => format!("unknown; did you mean `{near}`?"),
                    None => format!("unknown; give one of {}", names.collect::<Vec<_>>().join(", ")),
                };
                complaints.push(Complaint::new("SYSTEM", name, fix));
            }
        }
        table.insert("quench".to_owned(), Value::Array(chosen));
        table.insert("name".to_owned(), Value::String(format!("age-{}", systems.join("-")).chars().take(60).collect()));
    }
    reseed(&mut table, changes, &mut complaints);
    if !complaints.is_empty() {
        return Err(complaints);
    }
    apply(&mut table, changes, &mut complaints);
    if complaints.is_empty() { Plan::from_table(&table) } else { Err(complaints) }
}

/// A plan as text, with the changes applied.
pub fn changed_plan(text: &str, changes: &Changes) -> Result<Plan, Vec<Complaint>> {
    let mut table = crate::plan::table(text)?;
    let mut complaints = Vec::new();
    reseed(&mut table, changes, &mut complaints);
    apply(&mut table, changes, &mut complaints);
    if complaints.is_empty() { Plan::from_table(&table) } else { Err(complaints) }
}

fn reseed(table: &mut Table, changes: &Changes, complaints: &mut Vec<Complaint>) {
    let Some(seed) = changes.seed else { return };
    match i64::try_from(seed) {
        Ok(seed) => drop(table.insert("seed".to_owned(), Value::Integer(seed))),
        Err(_) => complaints.push(Complaint::new("seed", seed, format!("give at most {}", i64::MAX))),
    }
}

fn apply(table: &mut Table, changes: &Changes, complaints: &mut Vec<Complaint>) {
    let quenches = table.get_mut("quench").and_then(Value::as_array_mut).into_iter().flatten();
    let mut quenches: Vec<&mut Table> = quenches.filter_map(Value::as_table_mut).collect();
    for quench in &mut quenches {
        for (name, value) in &changes.quench {
            if name == "steps" {
                quench.remove("grid");
            }
            quench.insert(name.clone(), value.clone());
        }
    }
    if let Some(images) = changes.stability {
        let mut used = false;
        for quench in &mut quenches {
            let entry = quench.get("system").and_then(Value::as_str).and_then(registry::find);
            if entry.is_some_and(|e| (e.parameters)().iter().any(|p| p.name == "data"))
                && let Some(table) = sub(quench, "stability")
            {
                table.insert("images".to_owned(), Value::Integer(images.min(i64::MAX as u64) as i64));
                used = true;
            }
        }
        if !used {
            complaints.push(Complaint::new("stability", images, "none of the chosen systems is a network on images"));
        }
    }
    for (name, value) in &changes.method {
        let mut used = false;
        for quench in &mut quenches {
            let Some(entry) = quench.get("system").and_then(Value::as_str).and_then(registry::find) else { continue };
            let default = (entry.method)();
            let Some(method) = sub(quench, "method") else { continue };
            let kind = method.get("kind").and_then(Value::as_str).unwrap_or(default.name()).to_owned();
            let fits = match kind.as_str() {
                "sgd" => ["rate", "momentum", "batch"].contains(&name.as_str()),
                "hop" => ["step_size", "temperature"].contains(&name.as_str()),
                "langevin" | "verlet" | "underdamped" | "bussi" => {
                    ["step_size", "temperature"].contains(&name.as_str())
                }
                _ => name == "step_size",
            };
            if fits {
                method.insert(name.clone(), value.clone());
                used = true;
            }
        }
        if !used {
            complaints.push(Complaint::new(
                name,
                value,
                "none of the chosen systems is moved by a method that takes it",
            ));
        }
    }
    for (name, value) in &changes.parameters {
        let mut used = false;
        let mut names = Vec::new();
        for quench in &mut quenches {
            let Some(entry) = quench.get("system").and_then(Value::as_str).and_then(registry::find) else { continue };
            names.extend((entry.parameters)().iter().map(|p| p.name));
            if (entry.parameters)().iter().any(|p| p.name == name)
                && let Some(parameters) = sub(quench, "parameters")
            {
                parameters.insert(name.clone(), value.clone());
                used = true;
            }
        }
        if !used {
            let fix = match nearest(name, names.iter().copied()) {
                Some(near) => format!("none of the chosen systems has this parameter; did you mean `{near}`?"),
                None => format!("none of the chosen systems has this parameter; they have {}", names.join(", ")),
            };
            complaints.push(Complaint::new(name, value, fix));
        }
    }
}
