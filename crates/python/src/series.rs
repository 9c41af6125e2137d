//! Checkpoint series for Python: checked, compared, and kept if that is wanted.

use crate::convert::{failure, fault};
use crate::records::{Row, rows};
use glasslab_lab::core::Fault;
use glasslab_lab::series::{self, Detail, Options, SeriesError};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Facts and records, and the summary as JSON.
type Analysed<'py> = (BTreeMap<String, String>, Vec<Row<'py>>, String);

/// Checks and compares the checkpoints in `paths`; keeps a run directory in `out` if that is given.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // its only caller names them all
pub fn analyse_series<'py>(
    py: Python<'py>,
    paths: Vec<PathBuf>,
    memory: u64,
    detail: &str,
    groups: Vec<String>,
    skip: Vec<String>,
    key: Option<String>,
    exact: bool,
    out: Option<PathBuf>,
) -> PyResult<Analysed<'py>> {
    let detail = match detail {
        "whole" => Detail::Whole,
        "groups" => Detail::Groups,
        "tensors" => Detail::Tensors,
        other => {
            let given = format!("{other:?}");
            return Err(fault(Fault::input("detail", given, "give one of \"whole\", \"groups\", \"tensors\"")));
        }
    };
    let options = Options { memory, detail, groups, skip, key, exact, fourth: false };
    let place = out.map(series::place).transpose().map_err(failure)?;
    let refused = |error: SeriesError| match error {
        SeriesError::Io { .. } => PyOSError::new_err(error.to_string()),
        other => PyValueError::new_err(other.to_string()),
    };
    let analysis = py.detach(|| series::analyse(&paths, &options, &())).map_err(refused)?;
    if let Some(dir) = &place {
        series::keep(dir, &paths, &options, &analysis).map_err(failure)?;
    }
    let summary = serde_json::to_string(&analysis.summary).map_err(|e| PyValueError::new_err(e.to_string()))?;
    let (facts, rows) = rows(py, analysis.records)?;
    Ok((facts, rows, summary))
}
