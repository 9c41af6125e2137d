//! Python values to TOML, and failures of the laboratory to Python's exceptions.

use glasslab_lab::LabError;
use glasslab_lab::core::{Complaint, Fault};
use glasslab_lab::store::StoreError;
use pyo3::exceptions::{
    PyFileExistsError, PyFileNotFoundError, PyMemoryError, PyOSError, PyRuntimeError, PyValueError,
};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use std::path::PathBuf;
use toml::{Table, Value};

/// A Python value as TOML: numbers, texts, paths, lists, dicts, and numpy's numbers and arrays.
pub fn toml_value(field: &str, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    let refused = |fix: &str| {
        let shown = value.repr().map_or_else(|_| "?".to_owned(), |r| r.to_string());
        Err(PyValueError::new_err(Complaint::new(field, shown, fix).to_string()))
    };
    if value.cast::<PyBool>().is_ok() {
        Ok(Value::Boolean(value.extract()?))
    } else if value.cast::<PyInt>().is_ok() {
        match value.extract() {
            Ok(v) => Ok(Value::Integer(v)),
            Err(_) => refused("give a whole number below 2^63"),
        }
    } else if value.cast::<PyFloat>().is_ok() {
        Ok(Value::Float(value.extract()?))
    } else if value.cast::<PyString>().is_ok() {
        Ok(Value::String(value.extract()?))
    } else if let Ok(dict) = value.cast::<PyDict>() {
        Ok(Value::Table(table(field, dict)?))
    } else if value.cast::<PyList>().is_ok() || value.cast::<PyTuple>().is_ok() {
        let items = value.try_iter()?.enumerate();
        Ok(Value::Array(items.map(|(i, item)| toml_value(&format!("{field}[{i}]"), &item?)).collect::<PyResult<_>>()?))
    } else if value.hasattr("tolist")? {
        toml_value(field, &value.call_method0("tolist")?)
    } else if value.hasattr("__fspath__")? {
        Ok(Value::String(value.extract::<PathBuf>()?.to_string_lossy().into_owned()))
    } else {
        refused("give a number, a text, true or false, a list or a dict")
    }
}

/// A dict as a table of TOML; `field` is its path in messages.
pub fn table(field: &str, dict: &Bound<'_, PyDict>) -> PyResult<Table> {
    let mut out = Table::new();
    for (key, value) in dict.iter() {
        let Ok(key) = key.extract::<String>() else {
            let key = key.repr()?;
            return Err(PyValueError::new_err(format!("{field}: the key {key} is no text: give names of fields")));
        };
        let path = if field.is_empty() { key.clone() } else { format!("{field}.{key}") };
        out.insert(key, toml_value(&path, &value)?);
    }
    Ok(out)
}

/// A dict as pairs, in its order.
pub fn pairs(dict: &Bound<'_, PyDict>) -> PyResult<Vec<(String, Value)>> {
    Ok(table("", dict)?.into_iter().collect())
}

/// The exception for a fault, with this message.
fn exception(fault: &Fault, message: String) -> PyErr {
    match fault {
        Fault::Input(_) | Fault::Shape { .. } | Fault::Unsupported { .. } | Fault::State { .. } => {
            PyValueError::new_err(message)
        }
        Fault::Memory { .. } => PyMemoryError::new_err(message),
        Fault::File { .. } => PyOSError::new_err(message),
        _ => PyRuntimeError::new_err(message),
    }
}

/// The exception for a fault.
pub fn fault(fault: Fault) -> PyErr {
    exception(&fault, fault.to_string())
}

/// The exception for a failed run, in words of Python.
pub fn failure(error: LabError) -> PyErr {
    let message = error.to_string().replace("--resume", "resume=True").replace("--out", "out");
    match &error {
        LabError::Plan { .. } | LabError::OtherPlan { .. } => PyValueError::new_err(message),
        LabError::Quench { fault, .. } => exception(fault, message),
        LabError::Memory { .. } => PyMemoryError::new_err(message),
        LabError::Store(StoreError::Occupied { .. } | StoreError::NotARun { .. }) => {
            PyFileExistsError::new_err(message)
        }
        LabError::Store(StoreError::NoRun { .. }) => PyFileNotFoundError::new_err(message),
        // Python chooses the kind of OSError by the number.
        LabError::Store(StoreError::Io { source, .. }) => match source.raw_os_error() {
            Some(number) => PyOSError::new_err((number, message)),
            None => PyOSError::new_err(message),
        },
        LabError::Store(_) => PyOSError::new_err(message),
        _ => PyRuntimeError::new_err(message),
    }
}
