//! Packings as labelled arrays.

use super::PackingPlan;
use glasslab_core::{Dataset, Record, Values};
use glasslab_glasses::packing::Jammed;

pub(super) fn records(plan: &PackingPlan, all: &[Jammed], frequencies: &[f64]) -> Dataset {
    let mut data = Dataset::default();
    let p = &plan.protocol;
    let facts = [
        ("system", "harmonic soft spheres at jamming".to_owned()),
        ("dimension", p.dimension.to_string()),
        ("n", p.spheres.to_string()),
        ("ratio", p.ratio.to_string()),
        ("seed", plan.seed.to_string()),
    ];
    data.attributes.extend(facts.map(|(k, v)| (k.to_owned(), v)));
    let count = all.len();
    let numbers = (0..count).map(|k| k as f64).collect();
    data.coordinates.push(Record::coordinate("packing", "number of the packing", "1", Values::F64(numbers)));
    let mut each = |name: &str, about: &str, unit: &str, of: &dyn Fn(&Jammed) -> f64| {
        data.variables.push(Record::new(name, about, unit, &[("packing", count)], all.iter().map(of).collect()));
    };
    each("fraction", "packing fraction where overlaps vanish", "1", &|j| j.fraction);
    each("contact_number", "contacts per held sphere", "1", &|j| j.network.contact_number());
    each("excess", "contacts beyond one state of self stress", "1", &|j| j.network.excess() as f64);
    each("held", "spheres that are no rattlers", "1", &|j| j.network.rigid() as f64);
    each("imbalance", "largest unbalanced force over the mean force", "1", &|j| j.network.imbalance);
    each("overlap", "root mean square overlap 1 - r/sigma", "1", &|j| j.stages[j.stages.len() - 1].overlap);
    // Lists of different lengths, one after the other, each with the number of its packing.
    let mut list = |name: &str, about: &str, of: &dyn Fn(&Jammed) -> Vec<f64>| {
        let lists: Vec<Vec<f64>> = all.iter().map(of).collect();
        let which = lists.iter().enumerate().flat_map(|(k, l)| vec![k as f64; l.len()]).collect();
        let values = lists.concat();
        let dims = [(name, values.len())];
        data.variables.push(Record::new(&format!("{name}_value"), about, "1", &dims, values));
        data.variables.push(Record::new(&format!("{name}_packing"), "number of its packing", "1", &dims, which));
    };
    list("gap", "gaps r/sigma - 1 of pairs of held spheres", &|j| j.network.gaps.clone());
    list("force", "forces of the contacts, mean 1", &|j| j.network.forces.clone());
    list("stage_fraction", "packing fraction of a stage", &|j| j.stages.iter().map(|s| s.fraction).collect());
    list("stage_overlap", "root mean square overlap of a stage", &|j| j.stages.iter().map(|s| s.overlap).collect());
    let packing = &all[0].packing;
    let (n, d) = (packing.spheres(), packing.dimension());
    let mut first = |name: &str, about: &str, unit: &str, dims: &[(&str, usize)], values: &[f64]| {
        data.variables.push(Record::new(name, about, unit, dims, values.to_vec()));
    };
    let dims = [("sphere", n), ("axis", d)];
    first("position", "positions in the first packing", "side of the box", &dims, packing.positions());
    first("diameter", "diameters in the first packing", "side of the box", &dims[..1], packing.diameters());
    if !frequencies.is_empty() {
        let about = "frequencies of the vibrations of the first packing, rattlers and translations left out";
        first("frequency", about, "1/(mean diameter)", &[("mode", frequencies.len())], frequencies);
    }
    data
}
