//! What there is: systems, data sets, presets, as one JSON text.

use glasslab_lab::{datasets, presets, registry};
use pyo3::prelude::*;
use serde_json::json;

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
