//! Reads a table of a plan field by field and collects every complaint, with the nearest known name for a typo.

use glasslab_core::parameter::nearest;
use glasslab_core::{Complaint, Course, Value};
use toml::{Table, Value as Toml};

/// A table being read; what is asked for is known, the rest is a complaint.
pub(crate) struct Fields<'a> {
    table: &'a Table,
    path: String,
    known: Vec<&'static str>,
    complaints: Vec<Complaint>,
}

/// A TOML value on one line, as a user would recognise it.
pub(crate) fn shown(value: &Toml) -> String {
    let text = value.to_string().replace('\n', " ");
    if text.chars().count() > 60 { text.chars().take(57).chain("...".chars()).collect() } else { text }
}

impl<'a> Fields<'a> {
    pub(crate) fn new(table: &'a Table, path: impl Into<String>) -> Self {
        Self { table, path: path.into(), known: Vec::new(), complaints: Vec::new() }
    }

    fn full(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    pub(crate) fn complain(&mut self, name: &str, value: impl std::fmt::Display, fix: impl Into<String>) {
        let complaint = Complaint::new(self.full(name), value, fix);
        self.complaints.push(complaint);
    }

    pub(crate) fn raw(&mut self, name: &'static str) -> Option<&'a Toml> {
        self.known.push(name);
        self.table.get(name)
    }

    fn typed<T>(
        &mut self,
        name: &'static str,
        default: Option<T>,
        kind: &str,
        read: impl Fn(&Toml) -> Option<T>,
    ) -> Option<T> {
        match self.raw(name) {
            None => {
                if default.is_none() {
                    self.complain(name, "(missing)", format!("give {kind}"));
                }
                default
            }
            Some(value) => {
                let found = read(value);
                if found.is_none() {
                    self.complain(name, shown(value), format!("give {kind}"));
                }
                found.or(default)
            }
        }
    }

    pub(crate) fn text(&mut self, name: &'static str, default: Option<String>) -> String {
        self.typed(name, default, "a text", |v| v.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// A whole number within least..=most.
    pub(crate) fn integer(&mut self, name: &'static str, default: Option<u64>, least: u64, most: u64) -> u64 {
        let kind = if most == u64::MAX {
            format!("a whole number of at least {least}")
        } else {
            format!("a whole number from {least} to {most}")
        };
        let read = |v: &Toml| v.as_integer().and_then(|i| u64::try_from(i).ok()).filter(|i| (least..=most).contains(i));
        self.typed(name, default, &kind, read).unwrap_or(least)
    }

    pub(crate) fn number(&mut self, name: &'static str, default: Option<f64>) -> f64 {
        self.typed(name, default, "a number", as_number).unwrap_or(f64::NAN)
    }

    pub(crate) fn flag(&mut self, name: &'static str, default: Option<bool>) -> bool {
        self.typed(name, default, "true or false", Toml::as_bool).unwrap_or_default()
    }

    pub(crate) fn word(&mut self, name: &'static str, default: Option<&str>, words: &[&str]) -> String {
        let kind = format!("one of {}", words.join(", "));
        let read = |v: &Toml| v.as_str().filter(|w| words.contains(w)).map(str::to_owned);
        self.typed(name, default.map(str::to_owned), &kind, read).unwrap_or_default()
    }

    /// A number, or a table that says how the number changes in time.
    pub(crate) fn course(&mut self, name: &'static str, default: Option<Course>) -> Course {
        let kind = "a number, or {before, after, at}, {from, to, until}, {anneal_from, to, until}, {initial, factor, every} with or without least";
        self.typed(name, default, kind, as_course).unwrap_or(Course::Constant(f64::NAN))
    }

    pub(crate) fn table(&mut self, name: &'static str) -> Option<&'a Table> {
        let value = self.raw(name)?;
        if value.as_table().is_none() {
            self.complain(name, shown(value), format!("write a table [{}]", self.full(name)));
        }
        value.as_table()
    }

    pub(crate) fn adopt(&mut self, complaints: impl IntoIterator<Item = Complaint>) {
        let path = self.path.clone();
        self.complaints.extend(complaints.into_iter().map(|c| if path.is_empty() { c } else { c.within(&path) }));
    }

    /// Complains about what nobody asked for and gives back all complaints.
    pub(crate) fn finish(mut self) -> Vec<Complaint> {
        for (name, value) in self.table {
            if !self.known.contains(&name.as_str()) {
                let fix = match nearest(name, self.known.iter().copied()) {
                    Some(near) => format!("unknown field; did you mean `{near}`?"),
                    None => format!("unknown field; the fields here are {}", self.known.join(", ")),
                };
                self.complain(name, shown(value), fix);
            }
        }
        self.complaints
    }
}

fn as_number(value: &Toml) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|i| i as f64))
}

fn as_course(value: &Toml) -> Option<Course> {
    if let Some(v) = as_number(value) {
        return Some(Course::Constant(v));
    }
    let table = value.as_table()?;
    let get = |name: &str| table.get(name).and_then(as_number);
    let only = |names: &[&str]| table.len() == names.len() && names.iter().all(|n| table.contains_key(*n));
    if only(&["before", "after", "at"]) {
        return Some(Course::Jump { before: get("before")?, after: get("after")?, at: get("at")? });
    }
    if only(&["from", "to", "until"]) {
        return Some(Course::Ramp { from: get("from")?, to: get("to")?, until: get("until")? });
    }
    if only(&["anneal_from", "to", "until"]) {
        return Some(Course::Anneal { anneal_from: get("anneal_from")?, to: get("to")?, until: get("until")? });
    }
    if only(&["initial", "factor", "every"]) {
        return Some(Course::Staircase { initial: get("initial")?, factor: get("factor")?, every: get("every")? });
    }
    if only(&["initial", "factor", "every", "least"]) {
        let (initial, factor, every) = (get("initial")?, get("factor")?, get("every")?);
        return Some(Course::Floored { initial, factor, every, least: get("least")? });
    }
    None
}

/// A TOML value as a parameter's value.
pub(crate) fn as_value(value: &Toml) -> Option<Value> {
    Some(match value {
        Toml::Boolean(v) => Value::Flag(*v),
        Toml::Integer(v) => Value::Integer(*v),
        Toml::Float(v) => Value::Number(*v),
        Toml::String(v) => Value::Text(v.clone()),
        Toml::Array(v) => Value::Integers(v.iter().map(Toml::as_integer).collect::<Option<_>>()?),
        _ => return None,
    })
}
