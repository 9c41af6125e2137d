//! A System of the user's own, made of Python functions: called with the interpreter's lock, their exceptions kept for the caller.

use crate::convert;
use crate::system::System;
use glasslab_lab::core::system::Block;
use glasslab_lab::core::{Fault, HessianVec, Streams, System as Model};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use rand_core::Rng;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Name, start, stop and shape of a block of x.
type Layout = Vec<(String, usize, usize, Vec<usize>)>;

/// Python functions of numpy arrays.
pub struct Own {
    name: String,
    dof: usize,
    energy_force: Py<PyAny>,
    initial: Py<PyAny>,
    hessian_vec: Option<Py<PyAny>>,
    extensive: bool,
    layout: Layout,
    /// The first exception that was raised.
    raised: Mutex<Option<PyErr>>,
}

impl Own {
    /// The first exception since the last call.
    pub fn raised(&self) -> Option<PyErr> {
        self.raised.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Calls Python; its exception is kept, and a fault says that there was one.
    fn call<T>(&self, what: &str, action: impl FnOnce(Python<'_>) -> PyResult<T>) -> Result<T, Fault> {
        Python::attach(action).map_err(|error| {
            let problem = error.to_string();
            let mut first = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(error);
            Fault::Outside { what: format!("{what} of the system `{}`", self.name), problem }
        })
    }

    /// Copies what a function returned, which must be N numbers.
    fn copy(&self, what: &str, found: &Bound<'_, PyAny>, out: &mut [f64]) -> PyResult<()> {
        let array: PyReadonlyArray1<'_, f64> = found.extract()?;
        let array = array.as_slice()?;
        if array.len() != out.len() {
            let text = format!("{what} returned {} numbers where {} are needed", array.len(), out.len());
            return Err(PyValueError::new_err(text));
        }
        out.copy_from_slice(array);
        Ok(())
    }
}

impl Model for Own {
    fn name(&self) -> &str {
        &self.name
    }

    fn dof(&self) -> usize {
        self.dof
    }

    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        self.call("energy_force", |py| {
            let found = self.energy_force.bind(py).call1((PyArray1::from_slice(py, x),))?;
            let (energy, array): (f64, Bound<'_, PyAny>) = found.extract()?;
            self.copy("energy_force", &array, force)?;
            Ok(energy)
        })
    }

    fn initial(&self, streams: Streams, replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        let seed = streams.stream("initial", replica, 0).next_u64();
        self.call("initial", |py| {
            let found = self.initial.bind(py).call1((seed,))?;
            self.copy("initial", &found, x)
        })
    }

    fn extensive(&self) -> bool {
        self.extensive
    }

    fn layout(&self) -> Vec<Block> {
        let block = |(name, start, stop, shape): &(String, usize, usize, Vec<usize>)| Block {
            name: name.clone(),
            range: *start..*stop,
            shape: shape.clone(),
        };
        self.layout.iter().map(block).collect()
    }

    fn hessian(&self) -> Option<&dyn HessianVec> {
        self.hessian_vec.as_ref().map(|_| self as &dyn HessianVec)
    }
}

impl HessianVec for Own {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        let Some(function) = &self.hessian_vec else {
            let ability = "exact second derivatives";
            return Err(Fault::Unsupported { system: self.name.clone(), method: "hessian_vec", ability });
        };
        self.call("hessian_vec", |py| {
            let found = function.bind(py).call1((PyArray1::from_slice(py, x), PyArray1::from_slice(py, v)))?;
            self.copy("hessian_vec", &found, out)
        })
    }
}

/// A System of functions: `energy_force(x)` -> (number, array [N]), `initial(seed)` -> array [N], and, if there is one,
/// `hessian_vec(x, v)` -> array [N], all flat arrays of float64.
#[pyfunction]
#[pyo3(signature = (name, dof, energy_force, initial, hessian_vec, extensive, layout, seed))]
#[allow(clippy::too_many_arguments)] // its only caller names them all
pub fn own_system(
    name: String,
    dof: usize,
    energy_force: Py<PyAny>,
    initial: Py<PyAny>,
    hessian_vec: Option<Py<PyAny>>,
    extensive: bool,
    layout: Layout,
    seed: u64,
) -> PyResult<System> {
    let mut end = 0;
    for (block, start, stop, shape) in &layout {
        if *start != end || stop < start || shape.iter().product::<usize>() != stop - start {
            let text = format!("layout: the block {block:?} does not continue those before it, or has another shape");
            return Err(PyValueError::new_err(text));
        }
        end = *stop;
    }
    if dof == 0 || end != dof {
        return Err(PyValueError::new_err(format!(
            "layout: the blocks hold {end} numbers, dof = {dof}: give all of x"
        )));
    }
    let raised = Mutex::default();
    let own = Arc::new(Own { name, dof, energy_force, initial, hessian_vec, extensive, layout, raised });
    Ok(System::of(own.clone(), Streams::new(seed), 0, BTreeMap::new(), Some(own)))
}

/// Facts of a System that a run needs: the names of what it is able to do.
pub fn abilities<'py>(py: Python<'py>, model: &dyn Model) -> PyResult<Bound<'py, PyTuple>> {
    let all = [
        ("subsample", model.subsample().is_some()),
        ("evaluate", model.evaluate().is_some()),
        ("gradient_noise", model.gradient_noise().is_some()),
        ("hessian_vec", model.hessian().is_some()),
        ("predict", model.predict().is_some()),
        ("tangent", model.tangent().is_some()),
        ("contacts", model.contacts().is_some()),
    ];
    let names = PyList::new(py, all.iter().filter(|a| a.1).map(|a| a.0))?;
    names.to_tuple().as_any().extract::<Bound<'_, PyTuple>>().map_err(Into::into)
}

/// A fault as the exception that caused it, if a Python function did.
pub fn fault(own: Option<&Arc<Own>>, fault: Fault) -> PyErr {
    own.and_then(|o| o.raised()).unwrap_or_else(|| convert::fault(fault))
}
