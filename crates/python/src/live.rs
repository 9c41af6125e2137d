//! The compiled half of `Recorder`: weights as numpy arrays in, records out.

use crate::convert::{failure, fault};
use crate::records::{Row, rows};
use glasslab_lab::core::{Array, Dataset, Slice, State};
use glasslab_lab::recorder::{self, Keep, Recorded};
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Two-time displacements of tensors that somebody else trains.
#[pyclass(module = "glasslab")]
pub struct Live {
    own: recorder::Live,
}

enum Weights<'py> {
    F32(PyReadonlyArray1<'py, f32>),
    F64(PyReadonlyArray1<'py, f64>),
}

impl<'py> Weights<'py> {
    fn of(name: &str, array: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(a) = array.extract::<PyReadonlyArray1<'py, f32>>() {
            return Ok(Weights::F32(a));
        }
        let wide = array.extract::<PyReadonlyArray1<'py, f64>>();
        wide.map(Weights::F64).map_err(|_| {
            PyTypeError::new_err(format!("{name}: give a flat numpy array of float32 or float64, contiguous"))
        })
    }

    fn slice(&self) -> PyResult<Slice<'_>> {
        Ok(match self {
            Weights::F32(a) => Slice::F32(a.as_slice()?),
            Weights::F64(a) => Slice::F64(a.as_slice()?),
        })
    }
}

/// Name and values of one array of a saved state.
type Saved<'py> = (String, Bound<'py, PyAny>);

#[pymethods]
impl Live {
    #[new]
    #[pyo3(signature = (names, lengths, double, sketch = None, seed = 0))]
    fn new(
        names: Vec<String>,
        lengths: Vec<usize>,
        double: Vec<bool>,
        sketch: Option<usize>,
        seed: u64,
    ) -> PyResult<Self> {
        if names.len() != lengths.len() || names.len() != double.len() {
            return Err(PyValueError::new_err("names, lengths and double must have the same length"));
        }
        let tensors = names.into_iter().zip(lengths).zip(double);
        let tensors = tensors.map(|((name, len), double)| Recorded { name, len, double }).collect();
        let keep = sketch.map_or(Keep::Exact, |size| Keep::Sketch { size, seed });
        Ok(Self { own: recorder::Live::new(tensors, keep).map_err(fault)? })
    }

    /// Steps at which references were taken.
    #[getter]
    fn waiting(&self) -> Vec<u64> {
        self.own.waiting().to_vec()
    }

    /// Steps of all looks.
    #[getter]
    fn times(&self) -> Vec<u64> {
        self.own.times()
    }

    /// Measures. The arrays are only read, and not copied unless they become a reference.
    fn look(
        &mut self,
        step: u64,
        arrays: Vec<Bound<'_, PyAny>>,
        reference: bool,
        loss: f64,
        gradient_squared: f64,
    ) -> PyResult<()> {
        let names = self.own.tensors().iter().map(|t| t.name.clone()).chain(std::iter::repeat("more".to_owned()));
        let held = names.zip(&arrays).map(|(n, a)| Weights::of(&n, a)).collect::<PyResult<Vec<_>>>()?;
        let slices = held.iter().map(Weights::slice).collect::<PyResult<Vec<_>>>()?;
        // With the interpreter's lock: nobody's Python code changes the weights meanwhile.
        self.own.look(step, &slices, reference, loss, gradient_squared).map_err(fault)
    }

    /// Facts and records.
    fn records<'py>(
        &self,
        py: Python<'py>,
        more: BTreeMap<String, String>,
    ) -> PyResult<(BTreeMap<String, String>, Vec<Row<'py>>)> {
        let mut data = self.own.records().map_err(fault)?;
        data.attributes.extend(more);
        rows(py, data)
    }

    /// Everything as named arrays.
    fn save<'py>(&self, py: Python<'py>) -> Vec<Saved<'py>> {
        let array = |a: Array| match a {
            Array::F64(v) => PyArray1::from_vec(py, v).into_any(),
            Array::F32(v) => PyArray1::from_vec(py, v).into_any(),
            Array::U64(v) => PyArray1::from_vec(py, v).into_any(),
        };
        self.own.save().arrays.into_iter().map(|(name, a)| (name, array(a))).collect()
    }

    /// The inverse of `save`, in a recorder of the same tensors.
    fn load(&mut self, arrays: Vec<(String, Bound<'_, PyAny>)>) -> PyResult<()> {
        let mut state = State::default();
        for (name, array) in arrays {
            let values = if let Ok(a) = array.extract::<PyReadonlyArray1<'_, f64>>() {
                Array::F64(a.to_vec()?)
            } else if let Ok(a) = array.extract::<PyReadonlyArray1<'_, f32>>() {
                Array::F32(a.to_vec()?)
            } else {
                Array::U64(array.extract::<PyReadonlyArray1<'_, u64>>()?.to_vec()?)
            };
            state.push(name, values);
        }
        self.own.load(&state).map_err(fault)
    }

    /// Writes the sketches of the references into files `step<N>.safetensors` of this folder: a checkpoint series.
    fn write_sketches(&self, folder: PathBuf) -> PyResult<usize> {
        std::fs::create_dir_all(&folder)?;
        let sketches = self.own.sketches();
        for sketch in &sketches {
            let name = format!("step{}.safetensors", sketch.step.unwrap_or(0));
            sketch.write(&folder.join(name)).map_err(|e| PyValueError::new_err(e.to_string()))?;
        }
        Ok(sketches.len())
    }
}

/// The records of several recorders together.
fn ensemble(recorders: &[PyRef<'_, Live>], more: BTreeMap<String, String>) -> PyResult<Dataset> {
    let all = recorders.iter().map(|r| r.own.records()).collect::<Result<Vec<_>, _>>().map_err(fault)?;
    let mut data = recorder::combined(&all).map_err(fault)?;
    data.attributes.extend(more);
    Ok(data)
}

/// Facts and records of several recorders, one replica each.
#[pyfunction]
pub fn combine_recorders<'py>(
    py: Python<'py>,
    recorders: Vec<PyRef<'py, Live>>,
    more: BTreeMap<String, String>,
) -> PyResult<(BTreeMap<String, String>, Vec<Row<'py>>)> {
    rows(py, ensemble(&recorders, more)?)
}

/// What several recorders found, as JSON.
#[pyfunction]
pub fn judge_recorders(recorders: Vec<PyRef<'_, Live>>, seed: u64) -> PyResult<String> {
    let data = ensemble(&recorders, BTreeMap::new())?;
    let summary = recorder::judged(&data, seed).map_err(fault)?;
    serde_json::to_string(&summary).map_err(|e| PyValueError::new_err(e.to_string()))
}

/// Writes a run directory with the records of several recorders.
#[pyfunction]
pub fn keep_recorders(
    recorders: Vec<PyRef<'_, Live>>,
    out: PathBuf,
    label: &str,
    settings: &str,
    seed: u64,
    more: BTreeMap<String, String>,
) -> PyResult<()> {
    let data = ensemble(&recorders, more)?;
    let summary = recorder::judged(&data, seed).map_err(fault)?;
    recorder::keep(out, label, settings, &data, &summary).map_err(failure)
}
