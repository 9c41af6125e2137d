//! The registry's vocabulary: each System says by data which parameters it takes, and is built from checked values.

use crate::{Citation, Complaint, Fault, Method, Streams, System};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A word or a path.
    Text(String),
    /// Whole numbers (layer widths).
    Integers(Vec<i64>),
}

impl Value {
    /// What kind of value this is, in words.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Flag(_) => "true or false",
            Value::Integer(_) => "a whole number",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::Integers(_) => "a list of whole numbers",
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Flag(v) => write!(f, "{v}"),
            Value::Integer(v) => write!(f, "{v}"),
            Value::Number(v) => write!(f, "{v}"),
            Value::Text(v) => write!(f, "{v:?}"),
            Value::Integers(v) => write!(f, "{v:?}"),
        }
    }
}

/// One parameter that a System takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Name in a plan.
    pub name: &'static str,
    /// What it is, with unit and allowed range.
    pub about: &'static str,
    /// Default; its kind is the kind that is accepted (a whole number is accepted for a number).
    pub default: Value,
    /// Least and largest allowed number (for numbers, and for each entry of a list).
    pub range: Option<(f64, f64)>,
    /// Allowed words, if a closed list.
    pub words: &'static [&'static str],
}

impl Parameter {
    /// A whole number within least..=most.
    pub fn integer(name: &'static str, default: i64, least: i64, most: i64, about: &'static str) -> Self {
        let range = Some((least as f64, most as f64));
        Self { name, about, default: Value::Integer(default), range, words: &[] }
    }

    /// A number within least..=most.
    pub fn number(name: &'static str, default: f64, least: f64, most: f64, about: &'static str) -> Self {
        Self { name, about, default: Value::Number(default), range: Some((least, most)), words: &[] }
    }

    /// A text; one of `words` if that list is not empty.
    pub fn text(name: &'static str, default: &str, words: &'static [&'static str], about: &'static str) -> Self {
        Self { name, about, default: Value::Text(default.to_owned()), range: None, words }
    }

    /// A list of whole numbers, each within least..=most.
    pub fn integers(name: &'static str, default: &[i64], least: i64, most: i64, about: &'static str) -> Self {
        let range = Some((least as f64, most as f64));
        Self { name, about, default: Value::Integers(default.to_vec()), range, words: &[] }
    }

    /// Yes or no.
    pub fn flag(name: &'static str, default: bool, about: &'static str) -> Self {
        Self { name, about, default: Value::Flag(default), range: None, words: &[] }
    }

    fn check(&self, value: &Value) -> Result<Value, Complaint> {
        let value = match (&self.default, value) {
            (Value::Number(_), Value::Integer(i)) => Value::Number(*i as f64),
            (a, b) if a.kind() == b.kind() => b.clone(),
            (a, b) => return Err(Complaint::new(self.name, b, format!("give {}", a.kind()))),
        };
        let numbers: Vec<f64> = match &value {
            Value::Integer(i) => vec![*i as f64],
            Value::Number(v) => vec![*v],
            Value::Integers(v) => v.iter().map(|&i| i as f64).collect(),
            _ => vec![],
        };
        if let Some((least, most)) = self.range
            && numbers.iter().any(|v| !(*v >= least && *v <= most))
        {
            let fix = if most == f64::INFINITY || most >= 1e18 {
                format!("at least {least}")
            } else {
                format!("from {least} to {most}")
            };
            return Err(Complaint::new(self.name, &value, format!("give {} {fix}", self.default.kind())));
        }
        if let Value::Text(word) = &value
            && !self.words.is_empty()
            && !self.words.contains(&word.as_str())
        {
            let near =
                nearest(word, self.words.iter().copied()).map_or(String::new(), |n| format!(" (did you mean `{n}`?)"));
            return Err(Complaint::new(self.name, &value, format!("give one of {}{near}", self.words.join(", "))));
        }
        Ok(value)
    }
}

/// The name in `names` nearest to `word` in edit distance, if it is near enough to be meant.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = names.into_iter().map(|n| (distance(word, n), n)).min()?;
    (near.0 <= (word.chars().count().max(3)) / 2).then_some(near.1)
}

/// Levenshtein distance of two words. Cost O(|a| |b|).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let cost = if ca == *cb { diagonal } else { 1 + diagonal.min(row[j]).min(row[j + 1]) };
            diagonal = row[j + 1];
            row[j + 1] = cost;
        }
    }
    row[b.len()]
}

/// Checked values of all parameters of one System.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    values: BTreeMap<String, Value>,
}

impl Parameters {
    /// Checks what a user gave against what the System takes, fills in the defaults, and returns either all values or
    /// all complaints at once.
    pub fn check(known: &[Parameter], given: &BTreeMap<String, Value>) -> Result<Self, Vec<Complaint>> {
        let mut complaints = Vec::new();
        let mut values: BTreeMap<String, Value> =
            known.iter().map(|p| (p.name.to_owned(), p.default.clone())).collect();
        for (name, value) in given {
            match known.iter().find(|p| p.name == name) {
                Some(parameter) => match parameter.check(value) {
                    Ok(v) => {
                        values.insert(name.clone(), v);
                    }
                    Err(c) => complaints.push(c),
                },
                None => {
                    let names = known.iter().map(|p| p.name);
                    let fix = match nearest(name, names.clone()) {
                        Some(n) => format!("unknown parameter; did you mean `{n}`?"),
                        None => {
                            format!("unknown parameter; the parameters are {}", names.collect::<Vec<_>>().join(", "))
                        }
                    };
                    complaints.push(Complaint::new(name, value, fix));
                }
            }
        }
        if complaints.is_empty() { Ok(Self { values }) } else { Err(complaints) }
    }

    /// All values by name.
    pub fn values(&self) -> &BTreeMap<String, Value> {
        &self.values
    }

    /// The whole number `name`. Panics if the System did not declare it: a bug in the System.
    pub fn integer(&self, name: &str) -> i64 {
        match &self.values[name] {
            Value::Integer(v) => *v,
            other => panic!("parameter `{name}` was declared as {}", other.kind()),
        }
    }

    /// The whole number `name` as a size.
    pub fn size(&self, name: &str) -> usize {
        self.integer(name) as usize
    }

    /// The number `name`.
    pub fn number(&self, name: &str) -> f64 {
        match &self.values[name] {
            Value::Number(v) => *v,
            other => panic!("parameter `{name}` was declared as {}", other.kind()),
        }
    }

    /// The text `name`.
    pub fn text(&self, name: &str) -> &str {
        match &self.values[name] {
            Value::Text(v) => v,
            other => panic!("parameter `{name}` was declared as {}", other.kind()),
        }
    }

    /// The list `name`.
    pub fn sizes(&self, name: &str) -> Vec<usize> {
        match &self.values[name] {
            Value::Integers(v) => v.iter().map(|&i| i as usize).collect(),
            other => panic!("parameter `{name}` was declared as {}", other.kind()),
        }
    }

    /// The flag `name`.
    pub fn flag(&self, name: &str) -> bool {
        match &self.values[name] {
            Value::Flag(v) => *v,
            other => panic!("parameter `{name}` was declared as {}", other.kind()),
        }
    }
}

/// What a System is built with besides its own parameters.
#[derive(Clone, Debug)]
pub struct Build {
    /// Streams of the run; disorder is drawn from the stream ("disorder", sample, 0) and its like.
    pub streams: Streams,
    /// Number of the realisation of the disorder.
    pub sample: u64,
    /// Folder against which relative data paths are resolved.
    pub folder: PathBuf,
    /// Arithmetic of native kernels.
    pub precision: crate::Precision,
}

/// Builds a System from checked values.
pub type Builder = fn(&Parameters, &Build) -> Result<Arc<dyn System>, Fault>;

/// One System of the registry.
#[derive(Clone)]
pub struct Entry {
    /// Name in plans and on the command line.
    pub name: &'static str,
    /// One line: what it is.
    pub about: &'static str,
    /// What it takes.
    pub parameters: fn() -> Vec<Parameter>,
    /// The dynamics that it is moved by unless the plan says otherwise.
    pub method: fn() -> Method,
    /// Default number of steps of a run at laptop scale.
    pub steps: u64,
    /// Builds it.
    pub build: Builder,
    /// Sources.
    pub citations: &'static [Citation],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_complaints_come_at_once_with_the_nearest_name() {
        let known = [
            Parameter::integer("hidden", 10, 1, 1 << 20, "width"),
            Parameter::text("data", "digits", &["digits", "mnist"], "data set"),
        ];
        let given = BTreeMap::from([
            ("hiden".to_owned(), Value::Integer(3)),
            ("hidden".to_owned(), Value::Integer(0)),
            ("data".to_owned(), Value::Text("minst".into())),
        ]);
        let complaints = Parameters::check(&known, &given).unwrap_err();
        assert_eq!(complaints.len(), 3);
        assert!(complaints.iter().any(|c| c.field == "hiden" && c.fix.contains("`hidden`")));
        assert!(complaints.iter().any(|c| c.field == "data" && c.fix.contains("`mnist`")));
        let fine = Parameters::check(&known, &BTreeMap::new()).unwrap();
        assert_eq!((fine.size("hidden"), fine.text("data")), (10, "digits"));
    }
}
