//! Labelled arrays: values with dimensions, coordinates and units, as they are written, read in Python and drawn.

use std::collections::BTreeMap;

/// The values of a record, flat in row-major order of its dimensions.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Floating point; NaN marks what was not measured.
    F64(Vec<f64>),
    /// Integers (steps, counts).
    I64(Vec<i64>),
    /// Names (of layers, of systems).
    Text(Vec<String>),
}

impl Values {
    /// Number of entries.
    pub fn len(&self) -> usize {
        match self {
            Values::F64(v) => v.len(),
            Values::I64(v) => v.len(),
            Values::Text(v) => v.len(),
        }
    }

    /// True if there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One labelled array. A coordinate is a record with a single dimension of its own name.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The one name that record, Python column and report share; letters, digits and underscores.
    pub name: String,
    /// What it is, in words, with the formula and the convention (what is averaged, what N counts).
    pub about: String,
    /// Unit: `1`, `steps`, `time`, `energy`, `nats`...
    pub unit: String,
    /// Names of the dimensions, slowest first.
    pub dims: Vec<String>,
    /// Length along each dimension.
    pub shape: Vec<usize>,
    /// The values.
    pub values: Values,
}

impl Record {
    /// A floating-point record; `shape` must multiply to the number of values.
    pub fn new(name: &str, about: &str, unit: &str, dims: &[(&str, usize)], values: Vec<f64>) -> Self {
        let shape: Vec<usize> = dims.iter().map(|d| d.1).collect();
        assert_eq!(shape.iter().product::<usize>(), values.len(), "record `{name}`: shape {shape:?}");
        Self {
            name: name.to_owned(),
            about: about.to_owned(),
            unit: unit.to_owned(),
            dims: dims.iter().map(|d| d.0.to_owned()).collect(),
            shape,
            values: Values::F64(values),
        }
    }

    /// A coordinate: values along the dimension of its own name.
    pub fn coordinate(name: &str, about: &str, unit: &str, values: Values) -> Self {
        Self {
            name: name.to_owned(),
            about: about.to_owned(),
            unit: unit.to_owned(),
            dims: vec![name.to_owned()],
            shape: vec![values.len()],
            values,
        }
    }

    /// The values as floats (integers converted); `None` for text.
    pub fn floats(&self) -> Option<Vec<f64>> {
        match &self.values {
            Values::F64(v) => Some(v.clone()),
            Values::I64(v) => Some(v.iter().map(|&i| i as f64).collect()),
            Values::Text(_) => None,
        }
    }
}

/// Records that share coordinates: one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// Facts about the whole (system, method, convention), as text.
    pub attributes: BTreeMap<String, String>,
    /// Coordinates: one per dimension that has one.
    pub coordinates: Vec<Record>,
    /// The records.
    pub variables: Vec<Record>,
}

impl Dataset {
    /// The variable or coordinate of that name.
    pub fn get(&self, name: &str) -> Option<&Record> {
        self.variables.iter().chain(&self.coordinates).find(|r| r.name == name)
    }

    /// Adds the coordinates (once each) and variables of `other`.
    pub fn merge(&mut self, other: Dataset) {
        self.attributes.extend(other.attributes);
        for c in other.coordinates {
            if self.get(&c.name).is_none() {
                self.coordinates.push(c);
            }
        }
        self.variables.extend(other.variables);
    }
}
