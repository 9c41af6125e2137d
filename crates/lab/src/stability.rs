//! The stability of networks to deformations of their images, along a quench: what to deform, and how.

use crate::fields::Fields;
use glasslab_core::{Complaint, Fault, Observer, Schedule, Split, Streams, Value, View};
use glasslab_nets::DataSet;
use glasslab_nets::data::deform::{Deformations, NoiseSize, noisy};
use glasslab_observe::{Centre, Moved, Stability};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use toml::{Table, Value as Toml};

/// The table `[quench.stability]`: R_f on the first images of the test set, at the start, the waiting times and the end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StabilityPlan {
    /// Images; the first of the test set.
    pub images: u64,
    /// Typical displacements delta in pixels; T = 4 delta^2/(pi n^2 ln c).
    pub displacements: Vec<f64>,
    /// Cut-off c in frequency.
    pub cutoff: f64,
    /// `mean` over images, or `median` over images of each output.
    pub centre: &'static str,
    /// Size of the noise: `mean` of the deformations over images (with means: the paper's text), or that of `each` image's own
    /// deformation (with medians: the published measurements).
    pub noise: &'static str,
}

/// Reads the table; complaints are named within it.
pub(crate) fn read(table: &Table) -> Result<StabilityPlan, Vec<Complaint>> {
    let mut fields = Fields::new(table, "stability");
    let images = fields.integer("images", Some(200), 2, 100_000);
    let cutoff = fields.number("cutoff", Some(3.0));
    let centre = match fields.word("centre", Some("mean"), &["mean", "median"]).as_str() {
        "median" => "median",
        _ => "mean",
    };
    let usual = if centre == "median" { "each" } else { "mean" };
    let noise = match fields.word("noise", Some(usual), &["mean", "each"]).as_str() {
        "each" => "each",
        _ => "mean",
    };
    let number = |v: &Toml| v.as_float().or_else(|| v.as_integer().map(|i| i as f64));
    let displacements = match fields.raw("displacements") {
        None => vec![1.0],
        Some(value) => {
            let list: Option<Vec<f64>> = value.as_array().and_then(|a| a.iter().map(number).collect());
            let fine = |l: &Vec<f64>| !l.is_empty() && l.iter().all(|d| *d > 0.0 && *d <= 1000.0);
            list.filter(fine).unwrap_or_else(|| {
                fields.complain(
                    "displacements",
                    crate::fields::shown(value),
                    "give a list of pixels above 0, as [1.0]",
                );
                vec![1.0]
            })
        }
    };
    if !(cutoff > 1.0 && cutoff <= 1000.0) {
        fields.complain("cutoff", cutoff, "give a number above 1, at most 1000");
    }
    let complaints = fields.finish();
    let plan = StabilityPlan { images, displacements, cutoff, centre, noise };
    if complaints.is_empty() { Ok(plan) } else { Err(complaints) }
}

/// The observer of a quench whose System has outputs on the images of the data set in its parameter `data`.
pub(crate) fn observer(
    plan: &StabilityPlan,
    parameters: &BTreeMap<String, Value>,
    (streams, folder): (Streams, &Path),
    schedule: &Schedule,
    view: &View<'_>,
) -> Result<Box<dyn Observer>, Fault> {
    let refuse = || {
        let name = view.system(0).name();
        Fault::input("stability", name, "ask for it of networks that take images from a data set")
    };
    let (Some(predict), Some(Value::Text(name))) = (view.system(0).predict(), parameters.get("data")) else {
        return Err(refuse());
    };
    let data = DataSet::open(name, folder)?;
    if predict.inputs() != data.inputs() {
        return Err(refuse());
    }
    let split = if data.test.is_empty() { Split::Train } else { Split::Test };
    let count = (plan.images as usize).min(data.images(split).len());
    let x: Vec<f64> = (0..count).flat_map(|row| data.sample(split, row)).collect();
    let [_, height, width] = data.shape;
    let centre = if plan.centre == "median" { Centre::Median } else { Centre::Mean };
    let size = if plan.noise == "each" { NoiseSize::Each } else { NoiseSize::Mean };
    let one = |&displacement: &f64| -> Result<Moved, Fault> {
        let law = Deformations::of_displacement(displacement, height.max(width), plan.cutoff)?;
        let mut deformed = Vec::with_capacity(x.len());
        for (number, image) in x.chunks_exact(data.inputs()).enumerate() {
            deformed.extend(law.field([height, width], &law.draw(streams, number as u64))?.apply(image));
        }
        let noisy = noisy(&x, &deformed, data.inputs(), size, streams, 0);
        Ok(Moved { displacement, deformed, noisy })
    };
    let moved = plan.displacements.iter().map(one).collect::<Result<_, _>>()?;
    let observer = Stability::new(schedule, x, moved, centre, view)?.ok_or_else(refuse)?;
    Ok(Box::new(observer))
}
