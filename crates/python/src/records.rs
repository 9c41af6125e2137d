//! What a run left, for Python: its plan, its records as numpy arrays.

use crate::convert::failure;
use glasslab_lab::core::{Dataset, Record, Values};
use glasslab_lab::store::Run;
use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Name, what it is, unit, dimensions, shape, values (flat list for texts), whether it is a coordinate.
pub(crate) type Row<'py> = (String, String, String, Bound<'py, PyTuple>, Bound<'py, PyTuple>, Bound<'py, PyAny>, bool);

/// The text of the plan of the run in `path`, and the names of its records.
#[pyfunction]
pub fn open_run(path: PathBuf) -> PyResult<(String, Vec<String>)> {
    let run = Run::open(path).map_err(|e| failure(e.into()))?;
    let plan = run.plan().map_err(|e| failure(e.into()))?;
    Ok((plan, run.record_names().map_err(|e| failure(e.into()))?))
}

/// The facts about the records `name` of the run in `path`, and each record.
#[pyfunction]
pub fn read_records<'py>(
    py: Python<'py>,
    path: PathBuf,
    name: &str,
) -> PyResult<(BTreeMap<String, String>, Vec<Row<'py>>)> {
    let read = || Run::open(path)?.records(name);
    let data: Dataset = py.detach(read).map_err(|e| failure(e.into()))?;
    rows(py, data)
}

/// Facts and records of a data set, coordinates first.
pub(crate) fn rows<'py>(py: Python<'py>, data: Dataset) -> PyResult<(BTreeMap<String, String>, Vec<Row<'py>>)> {
    let coordinates = data.coordinates.into_iter().map(|r| row(py, r, true));
    let variables = data.variables.into_iter().map(|r| row(py, r, false));
    let rows = coordinates.chain(variables).collect::<PyResult<_>>()?;
    Ok((data.attributes, rows))
}

fn row<'py>(py: Python<'py>, record: Record, coordinate: bool) -> PyResult<Row<'py>> {
    let shape = record.shape;
    let values = match record.values {
        Values::F64(v) => PyArray1::from_vec(py, v).reshape(shape.clone())?.into_any(),
        Values::I64(v) => PyArray1::from_vec(py, v).reshape(shape.clone())?.into_any(),
        Values::Text(v) => PyList::new(py, v)?.into_any(),
    };
    let (dims, shape) = (PyTuple::new(py, record.dims)?, PyTuple::new(py, shape)?);
    Ok((record.name, record.about, record.unit, dims, shape, values, coordinate))
}
