//! Dotted fields of a plan: where they point, and how they are set.

use crate::fields::shown;
use glasslab_core::Complaint;
use glasslab_core::parameter::nearest;
use toml::{Table, Value};

/// Tables that are one value: a number that changes in time.
fn is_value(table: &Table) -> bool {
    let has = |names: &[&str]| names.iter().all(|n| table.contains_key(*n));
    has(&["to", "until"]) || has(&["before", "after", "at"]) || has(&["initial", "factor", "every"])
}

/// The dotted fields of a table and their values.
pub(super) fn flatten(table: &Table, prefix: &str, out: &mut Vec<(String, Value)>) {
    for (key, value) in table {
        let field = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(inner) if !inner.is_empty() && !is_value(inner) => flatten(inner, &field, out),
            other => out.push((field, other.clone())),
        }
    }
}

fn name_of(quench: &Value) -> &str {
    quench.get("name").or_else(|| quench.get("system")).and_then(Value::as_str).unwrap_or_default()
}

/// Plain fields of a quench.
const QUENCH: &[&str] = &["system", "label", "replicas", "samples", "steps", "precision", "keep_weights"];

/// Where a field is set: in the plan itself (`None`) or in these quenches; and the path from there.
pub(super) fn target<'a>(base: &Table, field: &'a str) -> Result<(Option<Vec<usize>>, Vec<&'a str>), Complaint> {
    let complain = |fix: String| Err(Complaint::new(format!("sweep: {field}"), "(field)", fix));
    let quenches = base.get("quench").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let split = |rest: &'a str| rest.split('.').collect::<Vec<_>>();
    let named = |path: Vec<&'a str>, which: Vec<usize>| {
        if path == ["name"] || path.contains(&"") {
            return complain("this is no setting that can be swept: give a field as in method.temperature".to_owned());
        }
        Ok((Some(which), path))
    };
    if field == "seed" {
        return Ok((None, vec!["seed"]));
    }
    if !QUENCH.contains(&field) && nearest(field, QUENCH.iter().copied().chain(["seed"])) == Some("seed") {
        return complain("unknown field; did you mean `seed`?".to_owned());
    }
    if let Some(rest) = field.strip_prefix("quench[") {
        let number = rest.split_once("].").and_then(|(n, rest)| Some((n.parse::<usize>().ok()?, rest)));
        return match number {
            Some((i, rest)) if i < quenches.len() => named(split(rest), vec![i]),
            _ => complain(format!("write quench[0] to quench[{}] and the field", quenches.len().max(1) - 1)),
        };
    }
    if let Some(rest) = field.strip_prefix("quench.") {
        // Names may hold dots: the longest that fits is meant.
        let fits = |q: &Value| rest.strip_prefix(name_of(q)).and_then(|r| r.strip_prefix('.'));
        let best = quenches.iter().enumerate().filter_map(|(i, q)| Some((i, fits(q)?))).min_by_key(|(_, r)| r.len());
        return match best {
            Some((i, rest)) => named(split(rest), vec![i]),
            None => {
                let word = rest.split('.').next().unwrap_or_default();
                let names: Vec<&str> = quenches.iter().map(name_of).collect();
                match nearest(word, names.iter().copied()) {
                    Some(near) => complain(format!("no quench has this name; did you mean `quench.{near}`?")),
                    None => complain(format!("no quench has this name; the quenches are {}", names.join(", "))),
                }
            }
        };
    }
    named(split(field), (0..quenches.len()).collect())
}

/// Sets a field.
pub(super) fn set(plan: &mut Table, field: &str, value: &Value) -> Result<(), Complaint> {
    let (which, path) = target(plan, field)?;
    let put = |mut table: &mut Table| {
        let (last, above) = path.split_last().expect("a path has a name");
        for name in above {
            let inner = table.entry((*name).to_owned()).or_insert_with(|| Value::Table(Table::new()));
            table = match inner {
                Value::Table(t) => t,
                other => {
                    let fix = format!("`{name}` is {} in the plan, no table: it has no field `{last}`", shown(other));
                    return Err(Complaint::new(format!("sweep: {field}"), shown(value), fix));
                }
            };
        }
        table.insert((*last).to_owned(), value.clone());
        Ok(())
    };
    let Some(which) = which else { return put(plan) };
    let quenches = plan.get_mut("quench").and_then(Value::as_array_mut).into_iter().flatten();
    for (i, quench) in quenches.enumerate() {
        if which.contains(&i)
            && let Some(table) = quench.as_table_mut()
        {
            put(table)?;
        }
    }
    Ok(())
}
