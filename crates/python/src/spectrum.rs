//! Spectra of second derivatives.

use crate::own;
use crate::system::System;
use glasslab_lab::{SpectrumPlan, spectrum as find};
use numpy::{AllowTypeChange, PyArray1, PyArrayLike1};
use pyo3::exceptions::PyNotImplementedError;
use pyo3::prelude::*;

/// An array of float64.
type Vector<'py> = Bound<'py, PyArray1<f64>>;
/// Number of eigenvalues, all of them (or none), values and errors of the lower and of the upper end, nodes and weights of each probe
/// one after the other and where each ends, multiplier.
type Found<'py> = (usize, Vector<'py>, [Vector<'py>; 4], [Vector<'py>; 2], Vec<usize>, f64);

/// The spectrum of a System's second derivative at x.
#[pyfunction]
#[pyo3(signature = (system, x, k, all, probes, steps, seed))]
#[allow(clippy::too_many_arguments)] // its only caller names them all
pub fn spectrum<'py>(
    py: Python<'py>,
    system: &Bound<'py, System>,
    x: PyArrayLike1<'py, f64, AllowTypeChange>,
    k: usize,
    all: Option<bool>,
    probes: u64,
    steps: usize,
    seed: u64,
) -> PyResult<Found<'py>> {
    let (model, own) = system.get().parts();
    if model.hessian().is_none() {
        let fix = if own.is_some() { ": give hessian_vec, or make it with torch_system" } else { "" };
        let text = format!("spectrum: the system {:?} has no exact second derivatives{fix}", model.name());
        return Err(PyNotImplementedError::new_err(text));
    }
    let x: Vec<f64> = x.as_array().iter().copied().collect();
    let plan = SpectrumPlan { ends: k, all, probes, steps, seed };
    let found = py.detach(|| find(&*model, &x, &plan)).map_err(|e| own::fault(own.as_ref(), e))?;
    let array = |values: Vec<f64>| PyArray1::from_vec(py, values);
    let (lowest, lowest_error) = found.lowest.into_iter().unzip();
    let (highest, highest_error) = found.highest.into_iter().unzip();
    let mut lengths = Vec::new();
    let (mut nodes, mut weights) = (Vec::new(), Vec::new());
    for probe in found.probes {
        nodes.extend(probe.iter().map(|p| p.0));
        weights.extend(probe.iter().map(|p| p.1));
        lengths.push(nodes.len());
    }
    let ends = [array(lowest), array(lowest_error), array(highest), array(highest_error)];
    Ok((found.count, array(found.eigenvalues), ends, [array(nodes), array(weights)], lengths, found.multiplier))
}
