//! The axes of a sweep: dotted fields, their values, and ranges written as `{from, to, count, scale}`.

use crate::fields::{Fields, shown};
use glasslab_core::Complaint;
use std::collections::HashSet;
use toml::{Table, Value};

/// One axis of the grid: a field of the plan and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// The field, dotted: `seed`, `quench.NAME.method.temperature`, `quench[0].steps`, or `method.temperature` for every
    /// quench.
    pub field: String,
    /// Its values, in order.
    pub values: Vec<Value>,
}

/// Most values of an axis.
const MOST: u64 = 1_000_000;

/// Reads `[sweep.grid]`: each entry is a list, a range, or a table of further dotted fields.
pub(super) fn read(table: &Table, complaints: &mut Vec<Complaint>) -> Vec<Axis> {
    let mut out = Vec::new();
    collect(table, "", &mut out, complaints);
    out
}

fn collect(table: &Table, prefix: &str, out: &mut Vec<Axis>, complaints: &mut Vec<Complaint>) {
    for (key, value) in table {
        let field = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        let shown_field = format!("sweep.grid.{field}");
        match value {
            Value::Array(values) if values.is_empty() => {
                complaints.push(Complaint::new(shown_field, "[]", "give at least one value, or take the axis out"));
            }
            Value::Array(values) => push(out, Axis { field, values: values.clone() }, complaints),
            Value::Table(inner) if is_range(inner) => match range(inner, &shown_field) {
                Ok(values) => push(out, Axis { field, values }, complaints),
                Err(more) => complaints.extend(more),
            },
            Value::Table(inner) if !inner.is_empty() => collect(inner, &field, out, complaints),
            other => complaints.push(Complaint::new(
                shown_field,
                shown(other),
                "give a list of values, or a range {from, to, count, scale} or {from, to, step}",
            )),
        }
    }
}

fn push(out: &mut Vec<Axis>, axis: Axis, complaints: &mut Vec<Complaint>) {
    if out.iter().any(|a| a.field == axis.field) {
        complaints.push(Complaint::new(format!("sweep.grid.{}", axis.field), "(twice)", "give each field once"));
    }
    let mut seen = HashSet::new();
    if let Some(value) = axis.values.iter().find(|v| !seen.insert(v.to_string())) {
        let field = format!("sweep.grid.{}", axis.field);
        complaints.push(Complaint::new(field, shown(value), "duplicated point: give each value once"));
    }
    out.push(axis);
}

fn is_range(table: &Table) -> bool {
    table.contains_key("from") && table.contains_key("to") && table.values().all(|v| !v.is_array() && !v.is_table())
}

/// Twelve significant digits: the same number on every machine, and readable.
fn rounded(x: f64) -> f64 {
    format!("{x:.11e}").parse().unwrap_or(x)
}

/// The values of a range. With whole numbers at both ends all values are whole.
fn range(table: &Table, path: &str) -> Result<Vec<Value>, Vec<Complaint>> {
    let mut fields = Fields::new(table, path);
    let whole = table["from"].is_integer() && table["to"].is_integer();
    let (from, to) = (fields.number("from", None), fields.number("to", None));
    let scale = fields.word("scale", Some("lin"), &["lin", "log"]);
    let step = table.contains_key("step").then(|| fields.number("step", None));
    let count = match step {
        None if table.contains_key("count") || !whole => fields.integer("count", None, 1, MOST),
        None => 0,
        Some(_) => 0,
    };
    let _ = (fields.raw("count"), fields.raw("step"));
    if !(from.is_finite() && to.is_finite()) {
        fields.complain("from", format!("{from}, to = {to}"), "give finite numbers");
    } else if scale == "log" && !(from > 0.0 && to > 0.0) {
        fields.complain("from", format!("{from}, to = {to}"), "a logarithmic range needs ends > 0");
    } else if step.is_some() && (table.contains_key("count") || scale == "log") {
        fields.complain("step", shown(&table["step"]), "give either step or count; step is for linear ranges");
    } else if step.is_some_and(|s| s == 0.0 || !s.is_finite() || ((to - from) / s) < 0.0) {
        fields.complain("step", shown(&table["step"]), "give a step that leads from `from` to `to`");
    } else if step.is_some_and(|s| (to - from) / s > MOST as f64)
        || (count == 0 && step.is_none() && (to - from).abs() > MOST as f64)
    {
        fields.complain("to", to, format!("these are more than {MOST} values: give fewer"));
    } else if count > 1 && from == to {
        fields.complain("count", count, "from and to are the same: every point would be duplicated");
    }
    let complaints = fields.finish();
    if !complaints.is_empty() {
        return Err(complaints);
    }
    let step = step.or_else(|| (count == 0).then_some(if to < from { -1.0 } else { 1.0 }));
    let numbers: Vec<f64> = match step {
        Some(step) => {
            let last = ((to - from) / step + 1e-9).floor() as u64;
            (0..=last).map(|i| from + step * i as f64).collect()
        }
        None => {
            let at = |i: u64| match i {
                0 => from,
                _ if i + 1 == count => to,
                _ => {
                    let s = i as f64 / (count - 1) as f64;
                    if scale == "log" { from * (to / from).powf(s) } else { from + (to - from) * s }
                }
            };
            (0..count).map(at).collect()
        }
    };
    let whole = whole && table.get("step").is_none_or(Value::is_integer);
    let values: Vec<Value> = numbers
        .iter()
        .map(|&v| if whole { Value::Integer(v.round() as i64) } else { Value::Float(rounded(v)) })
        .collect();
    let mut distinct = values.clone();
    distinct.dedup();
    if distinct.len() < values.len() {
        let fix = format!(
            "these are only {} different whole numbers: give count = {}, or numbers with a decimal point",
            distinct.len(),
            distinct.len()
        );
        return Err(vec![Complaint::new(format!("{path}.count"), count, fix)]);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes(text: &str) -> Result<Vec<Axis>, String> {
        let mut complaints = Vec::new();
        let out = read(&text.parse().unwrap(), &mut complaints);
        if complaints.is_empty() { Ok(out) } else { Err(complaints.iter().map(|c| format!("{c}\n")).collect()) }
    }

    fn numbers(text: &str) -> Vec<f64> {
        let axis = axes(text).unwrap().remove(0);
        axis.values.iter().map(|v| v.as_float().or(v.as_integer().map(|i| i as f64)).unwrap()).collect()
    }

    #[test]
    fn lists_ranges_and_dotted_fields() {
        assert_eq!(numbers("a = {from = 0, to = 1.0, count = 5}"), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(numbers("a = {from = 0.1, to = 0.5, step = 0.1}"), [0.1, 0.2, 0.3, 0.4, 0.5]);
        assert_eq!(numbers("a = {from = 1, to = 4}"), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(numbers("a = {from = 8, to = 128, count = 5, scale = 'log'}"), [8.0, 16.0, 32.0, 64.0, 128.0]);
        assert_eq!(numbers("a = {from = 1e-2, to = 1.0, count = 3, scale = 'log'}"), [0.01, 0.1, 1.0]);
        let found = axes("quench.glass.method.temperature = [0.1, 0.2]\nseed = [1]\n'quench[0].steps' = [5]").unwrap();
        let names: Vec<&str> = found.iter().map(|a| a.field.as_str()).collect();
        assert_eq!(names, ["quench.glass.method.temperature", "seed", "quench[0].steps"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, words) in [
            ("a = []", "at least one value"),
            ("a = 3", "list of values"),
            ("a = [1, 2, 1]", "duplicated"),
            ("a = {from = 1, to = 3, count = 9}", "only 3 different whole numbers"),
            ("a = {from = 0, to = 3, count = 4, scale = 'log'}", "> 0"),
            ("a = {from = 1.0, to = 3.0}", "count"),
            ("a = {from = 1, to = 3, cuont = 3}", "`count`"),
            ("a = {from = 1, to = 3, step = -1}", "leads from"),
            ("a = {from = 1, to = 3, step = 1, count = 2}", "either step or count"),
            ("a = {from = 1.0, to = 1e30, step = 1e-3}", "fewer"),
            ("a = {from = 1, to = 9000000000}", "fewer"),
            ("a = {from = nan, to = 3, count = 2}", "finite"),
            ("a = {from = 2, to = 2, count = 3}", "the same"),
            ("'x.y' = [1]\nx.y = [2]", "once"),
        ] {
            let said = axes(text).unwrap_err();
            assert!(said.contains(words), "{text} said {said}");
        }
    }
}
