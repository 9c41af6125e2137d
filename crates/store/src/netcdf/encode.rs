//! A data set to the bytes of a netCDF classic file.

use super::{
    ATTRIBUTE, CHAR, COORDINATES, DIMENSION, DOUBLE, EMPTY, ENCODING, FORMAT, INT, MAGIC, VARIABLE, WHOLE, is_name,
};
use crate::StoreError;
use glasslab_core::{Dataset, Record, Values};

/// Largest integer that a double holds exactly, with all below.
const EXACT: u64 = 1 << 53;
/// Bytes of one variable at most (the format's limit, without large last variables).
const LARGEST: u64 = u32::MAX as u64 - 3;

fn refuse<T>(name: &str, problem: impl Into<String>) -> Result<T, StoreError> {
    Err(StoreError::Record { name: name.to_owned(), problem: problem.into() })
}

fn text_checked(name: &str, text: &str) -> Result<(), StoreError> {
    if text.contains('\0') { refuse(name, "its text holds a NUL character: take it out") } else { Ok(()) }
}

/// One variable as it will stand in the file.
struct Variable<'a> {
    record: &'a Record,
    dims: Vec<u32>,
    kind: u32,
    attributes: Vec<(&'a str, String)>,
    bytes: u64,
    width: usize,
}

#[derive(Default)]
struct Dimensions(Vec<(String, usize)>);

impl Dimensions {
    /// Number of the dimension, added if new; the same name always has the same length.
    fn number(&mut self, record: &str, name: &str, length: usize) -> Result<u32, StoreError> {
        if !is_name(name) {
            return refuse(record, format!("the dimension {name:?} is not made of letters, digits and underscores"));
        }
        match self.0.iter().position(|(n, _)| n == name) {
            Some(i) if self.0[i].1 == length => Ok(i as u32),
            Some(i) => refuse(
                record,
                format!("its dimension `{name}` has length {length}, that of another record {}", self.0[i].1),
            ),
            None => {
                if length > i32::MAX as usize {
                    return refuse(record, format!("its dimension `{name}` is longer than 2^31 - 1"));
                }
                self.0.push((name.to_owned(), length));
                Ok(self.0.len() as u32 - 1)
            }
        }
    }
}

fn plan<'a>(record: &'a Record, dimensions: &mut Dimensions) -> Result<Variable<'a>, StoreError> {
    let name = record.name.as_str();
    if !is_name(name) {
        return refuse(name, "a name is made of letters, digits and underscores and does not begin with a digit");
    }
    let count = record.shape.iter().try_fold(1_usize, |a, &b| a.checked_mul(b));
    if record.dims.len() != record.shape.len() || count != Some(record.values.len()) {
        return refuse(name, format!("its shape {:?} does not fit its {} values", record.shape, record.values.len()));
    }
    text_checked(name, &record.about)?;
    text_checked(name, &record.unit)?;
    let mut attributes = vec![("long_name", record.about.clone()), ("units", record.unit.clone())];
    let mut dims = Vec::new();
    if record.values.is_empty() {
        for dim in &record.dims {
            if !is_name(dim) {
                return refuse(name, format!("the dimension {dim:?} is not made of letters, digits and underscores"));
            }
        }
        let shape: Vec<String> = record.dims.iter().zip(&record.shape).map(|(d, n)| format!("{d}={n}")).collect();
        attributes.push((EMPTY, shape.join(" ")));
    } else {
        for (dim, &length) in record.dims.iter().zip(&record.shape) {
            dims.push(dimensions.number(name, dim, length)?);
        }
    }
    let (mut width, kind, size) = (0, DOUBLE, 8_u64);
    let (kind, size) = match &record.values {
        Values::F64(_) => (kind, size),
        Values::I64(v) if v.iter().all(|&i| i32::try_from(i).is_ok()) => (INT, 4),
        Values::I64(v) => {
            if let Some(i) = v.iter().find(|i| i.unsigned_abs() > EXACT) {
                return refuse(name, format!("the whole number {i} is beyond 2^53 and would be rounded"));
            }
            attributes.push((WHOLE, "exact".to_owned()));
            (kind, size)
        }
        Values::Text(v) => {
            for text in v {
                text_checked(name, text)?;
            }
            width = v.iter().map(String::len).max().unwrap_or(0).max(1);
            dims.push(dimensions.number(name, &format!("string{width}"), width)?);
            attributes.push((ENCODING, "utf-8".to_owned()));
            (CHAR, width as u64)
        }
    };
    let bytes = (record.values.len().max(1) as u64).checked_mul(size).filter(|&b| b <= LARGEST);
    let Some(bytes) = bytes else {
        return refuse(name, "it is larger than 4 GiB: measure at fewer times or split the run");
    };
    Ok(Variable { record, dims, kind, attributes, bytes, width })
}

fn put(out: &mut Vec<u8>, number: u32) {
    out.extend(number.to_be_bytes());
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u32);
    out.extend(text.as_bytes());
    pad(out);
}

fn put_list(out: &mut Vec<u8>, tag: u32, length: usize) {
    put(out, if length == 0 { 0 } else { tag });
    put(out, length as u32);
}

fn put_attributes<'a>(out: &mut Vec<u8>, attributes: impl ExactSizeIterator<Item = (&'a str, &'a str)>) {
    put_list(out, ATTRIBUTE, attributes.len());
    for (name, value) in attributes {
        put_text(out, name);
        put(out, CHAR);
        put_text(out, value);
    }
}

fn put_values(out: &mut Vec<u8>, variable: &Variable<'_>) {
    let start = out.len();
    match (&variable.record.values, variable.kind) {
        (Values::F64(v), _) => v.iter().for_each(|x| out.extend(x.to_be_bytes())),
        (Values::I64(v), INT) => v.iter().for_each(|&i| out.extend((i as i32).to_be_bytes())),
        (Values::I64(v), _) => v.iter().for_each(|&i| out.extend((i as f64).to_be_bytes())),
        (Values::Text(v), _) => {
            for text in v {
                out.extend(text.as_bytes());
                out.resize(out.len() + variable.width - text.len(), 0);
            }
        }
    }
    out.resize((start + variable.bytes as usize).next_multiple_of(4), 0);
}

fn header(dimensions: &Dimensions, global: &[(String, String)], variables: &[Variable<'_>], mut begin: u64) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    put(&mut out, 0);
    put_list(&mut out, DIMENSION, dimensions.0.len());
    for (name, length) in &dimensions.0 {
        put_text(&mut out, name);
        put(&mut out, *length as u32);
    }
    put_attributes(&mut out, global.iter().map(|(n, v)| (n.as_str(), v.as_str())));
    put_list(&mut out, VARIABLE, variables.len());
    for variable in variables {
        put_text(&mut out, &variable.record.name);
        put(&mut out, variable.dims.len() as u32);
        variable.dims.iter().for_each(|&d| put(&mut out, d));
        put_attributes(&mut out, variable.attributes.iter().map(|(n, v)| (*n, v.as_str())));
        put(&mut out, variable.kind);
        let padded = variable.bytes.next_multiple_of(4);
        put(&mut out, padded as u32);
        out.extend(begin.to_be_bytes());
        begin += padded;
    }
    out
}

/// The bytes of a netCDF classic file (64-bit offset). The same data set gives the same bytes. Cost O(size).
pub fn encode(dataset: &Dataset) -> Result<Vec<u8>, StoreError> {
    let mut global = vec![(FORMAT.to_owned(), "1".to_owned())];
    for (name, value) in &dataset.attributes {
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        if !plain || name.starts_with(|c: char| !c.is_ascii_alphabetic()) || name == COORDINATES || name == FORMAT {
            return refuse(name, "the name of an attribute is a letter followed by letters, digits, `_`, `-`, `.`");
        }
        text_checked(name, value)?;
        global.push((name.clone(), value.clone()));
    }
    let side: Vec<&str> =
        dataset.coordinates.iter().filter(|c| c.dims != [c.name.as_str()]).map(|c| c.name.as_str()).collect();
    if !side.is_empty() {
        global.push((COORDINATES.to_owned(), side.join(" ")));
    }
    let mut dimensions = Dimensions::default();
    let mut variables: Vec<Variable<'_>> = Vec::new();
    for record in dataset.coordinates.iter().chain(&dataset.variables) {
        if variables.iter().any(|v| v.record.name == record.name) {
            return refuse(&record.name, "the name is taken twice");
        }
        variables.push(plan(record, &mut dimensions)?);
    }
    // Where the data begin does not change the length of the header.
    let length = header(&dimensions, &global, &variables, 0).len();
    let mut out = header(&dimensions, &global, &variables, length as u64);
    out.reserve(variables.iter().map(|v| v.bytes as usize + 4).sum());
    variables.iter().for_each(|v| put_values(&mut out, v));
    Ok(out)
}
