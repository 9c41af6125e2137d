//! What there is: systems, data sets, presets, as one JSON text.

use crate::convert;
use glasslab_lab::datasets::{self, DataSet};
use glasslab_lab::{presets, registry};
use numpy::PyArray1;
use pyo3::prelude::*;
use serde_json::json;
use std::path::Path;

/// All systems, data sets and presets as JSON.
#[pyfunction]
pub fn catalogue() -> String {
    let systems: Vec<_> = registry::entries()
        .iter()
        .map(|entry| {
            let parameters: Vec<_> = (entry.parameters)()
                .iter()
                .map(|p| {
                    let (least, most) = p.range.unzip();
                    json!({
                        "name": p.name, "about": p.about, "default": p.default, "least": least, "most": most,
                        "words": p.words,
                    })
                })
                .collect();
            let sources: Vec<_> = entry.citations.iter().map(|c| format!("{} {}", c.text, c.locator)).collect();
            json!({
                "name": entry.name, "about": entry.about, "steps": entry.steps, "method": (entry.method)(),
                "parameters": parameters, "sources": sources,
            })
        })
        .collect();
    let datasets: Vec<_> = datasets::datasets().iter().map(|d| json!({"name": d.name, "about": d.about})).collect();
    let presets: Vec<_> =
        presets::ALL.iter().map(|p| json!({"name": p.name, "about": p.about, "plan": p.text})).collect();
    json!({"systems": systems, "datasets": datasets, "presets": presets}).to_string()
}

/// Bytes of a data set: pixels, shape [samples, channels, height, width], labels, and per channel full scale, mean, deviation.
type Loaded<'py> = (Bound<'py, PyArray1<u8>>, [usize; 4], Bound<'py, PyArray1<i64>>, f64, Vec<f64>, Vec<f64>);

/// One split of a data set as it is stored, with its normalisation.
#[pyfunction]
pub fn load_dataset<'py>(py: Python<'py>, name: &str, test: bool) -> PyResult<Loaded<'py>> {
    let set = py.detach(|| DataSet::open(name, Path::new(""))).map_err(convert::fault)?;
    let images = if test { &set.test } else { &set.train };
    let [channels, height, width] = set.shape;
    let labels = images.labels.iter().map(|&l| i64::from(l)).collect();
    let n = &set.normalisation;
    let pixels = PyArray1::from_slice(py, &images.pixels);
    let shape = [images.len(), channels, height, width];
    Ok((pixels, shape, PyArray1::from_vec(py, labels), n.full, n.mean.clone(), n.deviation.clone()))
}
