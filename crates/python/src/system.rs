//! A System of the registry as a Python object: numpy in and out.

use crate::convert;
use crate::own::{self, Own};
use glasslab_lab::core::parameter::Build;
use glasslab_lab::core::{Complaint, Fault, Parameters, Precision, Space, Streams, System as Model, Value};
use glasslab_lab::registry;
use numpy::{AllowTypeChange, PyArrayDyn, PyArrayLikeDyn, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::{PyNotImplementedError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// N degrees of freedom x, an energy E(x), a force -dE/dx.
#[pyclass(frozen, module = "glasslab")]
pub struct System {
    model: Arc<dyn Model>,
    streams: Streams,
    sample: u64,
    parameters: BTreeMap<String, Value>,
    /// The functions, if it is the user's own.
    own: Option<Arc<Own>>,
}

/// Positions as they came: their shape, [N] or [R, N], and the values.
type Positions<'py> = PyArrayLikeDyn<'py, f64, AllowTypeChange>;

/// Name, start, stop and shape of a block of x.
type BlockRow<'py> = (String, usize, usize, Bound<'py, PyTuple>);

impl System {
    /// A System that is built already.
    pub fn of(
        model: Arc<dyn Model>,
        streams: Streams,
        sample: u64,
        parameters: BTreeMap<String, Value>,
        own: Option<Arc<Own>>,
    ) -> Self {
        Self { model, streams, sample, parameters, own }
    }

    /// The System itself, and its functions if it is the user's own.
    pub fn parts(&self) -> (Arc<dyn Model>, Option<Arc<Own>>) {
        (Arc::clone(&self.model), self.own.clone())
    }

    fn fault(&self, fault: Fault) -> PyErr {
        own::fault(self.own.as_ref(), fault)
    }

    fn lacks(&self, ability: &'static str, method: &'static str) -> PyErr {
        let system = self.model.name();
        PyNotImplementedError::new_err(format!("{method}: the system {system:?} has no {ability}"))
    }

    /// Copies the positions, so that nobody changes them while Python runs on.
    fn positions(&self, x: &Positions<'_>) -> PyResult<(Vec<usize>, Vec<f64>)> {
        let (shape, dof) = (x.shape().to_vec(), self.model.dof());
        if shape.is_empty() || shape.len() > 2 || shape.last() != Some(&dof) {
            let fix = format!("give {dof} numbers, or an array of shape [replicas, {dof}]");
            let complaint = Complaint::new("x", format!("an array of shape {shape:?}"), fix);
            return Err(PyValueError::new_err(complaint.to_string()));
        }
        let values = x.as_slice().map_or_else(|_| x.as_array().iter().copied().collect(), <[f64]>::to_vec);
        Ok((shape, values))
    }
}

/// An array, or a number if it has no dimension.
fn array<'py>(py: Python<'py>, shape: &[usize], values: Vec<f64>) -> PyResult<Bound<'py, PyAny>> {
    if shape.is_empty() {
        return Ok(values[0].into_pyobject(py)?.into_any());
    }
    let flat = numpy::PyArray1::from_vec(py, values);
    let shaped: Bound<'py, PyArrayDyn<f64>> = flat.reshape(shape.to_vec())?;
    Ok(shaped.into_any())
}

#[pymethods]
impl System {
    #[new]
    #[pyo3(signature = (name, parameters, seed = 1, sample = 0, precision = "f64"))]
    fn new(
        py: Python<'_>,
        name: &str,
        parameters: &Bound<'_, PyDict>,
        seed: u64,
        sample: u64,
        precision: &str,
    ) -> PyResult<Self> {
        let mut complaints = Vec::new();
        let precision = match precision {
            "f32" => Precision::F32,
            "f64" => Precision::F64,
            other => {
                complaints.push(Complaint::new("precision", format!("{other:?}"), "give one of f32, f64"));
                Precision::F64
            }
        };
        let Some(entry) = registry::find(name) else {
            complaints.push(Complaint::new("name", format!("{name:?}"), registry::unknown_system(name)));
            return Err(convert::fault(Fault::Input(complaints)));
        };
        let mut given = BTreeMap::new();
        for (field, value) in convert::pairs(parameters)? {
            match value.clone().try_into::<Value>() {
                Ok(v) => drop(given.insert(field, v)),
                Err(_) => {
                    let fix = "give a number, a text, true or false, or a list of whole numbers";
                    complaints.push(Complaint::new(field, value, fix));
                }
            }
        }
        let checked = match Parameters::check(&(entry.parameters)(), &given) {
            Ok(checked) => checked,
            Err(more) => {
                complaints.extend(more);
                Parameters::default()
            }
        };
        if !complaints.is_empty() {
            return Err(convert::fault(Fault::Input(complaints)));
        }
        let streams = Streams::new(seed);
        let build = Build { streams, sample, folder: PathBuf::new(), precision };
        let model = py.detach(|| (entry.build)(&checked, &build)).map_err(convert::fault)?;
        Ok(Self { model, streams, sample, parameters: checked.values().clone(), own: None })
    }

    /// Its name in the registry.
    #[getter]
    fn name(&self) -> &str {
        self.model.name()
    }

    /// Number N of degrees of freedom.
    #[getter]
    fn dof(&self) -> usize {
        self.model.dof()
    }

    /// Named blocks of x, in order: (name, start, stop, shape).
    #[getter]
    fn layout<'py>(&self, py: Python<'py>) -> PyResult<Vec<BlockRow<'py>>> {
        let blocks = self.model.layout().into_iter();
        blocks.map(|b| Ok((b.name, b.range.start, b.range.end, PyTuple::new(py, b.shape)?))).collect()
    }

    /// Where x lives: "flat", "sphere" or "torus".
    #[getter]
    fn space(&self) -> &'static str {
        match self.model.space() {
            Space::Flat => "flat",
            Space::Sphere { .. } => "sphere",
            Space::Torus { .. } => "torus",
        }
    }

    /// True if E grows like N (a glass); False if E is a mean (a loss).
    #[getter]
    fn extensive(&self) -> bool {
        self.model.extensive()
    }

    /// Every parameter with its value.
    #[getter]
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let out = PyDict::new(py);
        for (name, value) in &self.parameters {
            match value {
                Value::Flag(v) => out.set_item(name, v)?,
                Value::Integer(v) => out.set_item(name, v)?,
                Value::Number(v) => out.set_item(name, v)?,
                Value::Text(v) => out.set_item(name, v)?,
                Value::Integers(v) => out.set_item(name, v)?,
            }
        }
        Ok(out)
    }

    /// Seed of the disorder, and of `init` unless it is given another one.
    #[getter]
    fn seed(&self) -> u64 {
        self.streams.seed()
    }

    /// Number of the realisation of the disorder.
    #[getter]
    fn sample(&self) -> u64 {
        self.sample
    }

    /// Draws the initial condition of a replica: x [N].
    #[pyo3(signature = (seed = None, replica = 0))]
    fn init<'py>(&self, py: Python<'py>, seed: Option<u64>, replica: u64) -> PyResult<Bound<'py, PyAny>> {
        let streams = seed.map_or(self.streams, Streams::new);
        let mut x = vec![0.0; self.model.dof()];
        py.detach(|| self.model.initial(streams, replica, &mut x)).map_err(|e| self.fault(e))?;
        array(py, &[x.len()], x)
    }

    /// E(x): a number for x [N], an array [R] for x [R, N].
    fn energy<'py>(&self, py: Python<'py>, x: Positions<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (shape, x) = self.positions(&x)?;
        let energies: Result<Vec<f64>, Fault> =
            py.detach(|| x.chunks(self.model.dof()).map(|x| self.model.energy(x)).collect());
        array(py, &shape[..shape.len() - 1], energies.map_err(|e| self.fault(e))?)
    }

    /// E(x) and the force -dE/dx, of the shape of x. One pass over the data or couplings serves all replicas [R, N].
    fn energy_force<'py>(
        &self,
        py: Python<'py>,
        x: Positions<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let (shape, x) = self.positions(&x)?;
        let mut force = vec![0.0; x.len()];
        let mut energy = vec![0.0; x.len() / self.model.dof()];
        py.detach(|| match &mut energy[..] {
            [energy] => self.model.energy_force(&x, &mut force).map(|e| *energy = e),
            energies => self.model.energy_force_many(&x, &mut force, energies),
        })
        .map_err(|e| self.fault(e))?;
        Ok((array(py, &shape[..shape.len() - 1], energy)?, array(py, &shape, force)?))
    }

    /// What else it is able to do, as names: "subsample", "evaluate", "gradient_noise", "hessian_vec", "predict", "tangent",
    /// "contacts".
    #[getter]
    fn abilities<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        own::abilities(py, &*self.model)
    }

    /// True if it is made of the user's own functions.
    #[getter]
    fn own(&self) -> bool {
        self.own.is_some()
    }

    /// H v, H = d^2E/dx^2 at x [N], exact; v [N], or [K, N] for K products at one point.
    fn hessian_vec<'py>(&self, py: Python<'py>, x: Positions<'py>, v: Positions<'py>) -> PyResult<Bound<'py, PyAny>> {
        let ((point, x), (shape, v)) = (self.positions(&x)?, self.positions(&v)?);
        if point.len() != 1 {
            return Err(PyValueError::new_err(format!(
                "x = an array of shape {point:?}: give one point, of shape [N]"
            )));
        }
        let Some(hessian) = self.model.hessian() else {
            return Err(self.lacks("exact second derivatives", "hessian_vec"));
        };
        let mut out = vec![0.0; v.len()];
        py.detach(|| hessian.hessian_vec_many(&x, &v, &mut out)).map_err(|e| self.fault(e))?;
        array(py, &shape, out)
    }

    /// The spectrum of d^2E/dx^2 at x: `glasslab.spectrum` of this system.
    #[pyo3(signature = (x, k = 6, *, all = None, probes = 8, steps = 64, seed = 0))]
    #[allow(clippy::too_many_arguments)] // Python names them
    fn spectrum<'py>(
        slf: &Bound<'py, Self>,
        x: Bound<'py, PyAny>,
        k: usize,
        all: Option<bool>,
        probes: u64,
        steps: usize,
        seed: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let named = PyDict::new(py);
        named.set_item("all", all)?;
        named.set_item("probes", probes)?;
        named.set_item("steps", steps)?;
        named.set_item("seed", seed)?;
        py.import("glasslab._spectrum")?.getattr("spectrum")?.call((slf, x, k), Some(&named))
    }

    /// Outputs f(x, inputs) [B, C], raw, of inputs [B, numbers per input].
    fn predict<'py>(&self, py: Python<'py>, x: Positions<'py>, inputs: Positions<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (point, x) = self.positions(&x)?;
        let Some(predict) = self.model.predict() else {
            return Err(self.lacks("outputs", "predict"));
        };
        let (shape, width) = (inputs.shape().to_vec(), predict.inputs());
        if point.len() != 1 || shape.len() != 2 || shape[1] != width {
            let text = format!("inputs = an array of shape {shape:?}: give [B, {width}], and one point x");
            return Err(PyValueError::new_err(text));
        }
        let given: Vec<f64> = inputs.as_array().iter().copied().collect();
        let mut out = vec![0.0; shape[0] * predict.outputs()];
        py.detach(|| predict.predict(&x, &given, &mut out)).map_err(|e| self.fault(e))?;
        array(py, &[shape[0], predict.outputs()], out)
    }

    fn __repr__(&self) -> String {
        let values: Vec<String> = self.parameters.iter().map(|(name, v)| format!(", {name}={v}")).collect();
        let name = self.model.name();
        format!("<System {name:?}: N = {}{}, sample={}>", self.model.dof(), values.concat(), self.sample)
    }
}
