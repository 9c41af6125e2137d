//! All nets as labelled arrays.

use super::find::{self, Findings};
use super::net::{BINS, End, NetResult};
use super::plan::JammingPlan;
use glasslab_core::{Dataset, Record, Values};

/// The nets, one after the other: what was asked of each, how it ended; their gaps and their Hessians.
pub(super) fn dataset(plan: &JammingPlan, about: &str, nets: &[NetResult], findings: &Findings) -> Dataset {
    let mut out = Dataset::default();
    let count = nets.len();
    out.coordinates.push(Record::coordinate(
        "net",
        "number of the net in this list",
        "1",
        Values::I64((0..count as i64).collect()),
    ));
    let mut each = |name: &str, about: &str, unit: &str, of: &dyn Fn(&NetResult) -> f64| {
        out.variables.push(Record::new(name, about, unit, &[("net", count)], nets.iter().map(of).collect()));
    };
    each("hidden", "width h", "1", &|n| n.hidden as f64);
    each("samples", "training samples P", "1", &|n| n.samples as f64);
    each("weights", "N, biases not counted", "1", &|n| n.effective as f64);
    each("seed", "number of its initial weights and data", "1", &|n| n.net as f64);
    each("steps", "steps done", "steps", &|n| n.steps as f64);
    each("unmet", "N_Delta at the end: training samples with y f < 1", "1", &|n| n.unmet as f64);
    each("energy", "energy at the end", "energy", &|n| n.energy);
    each("train_error", "part of the training set on the wrong side", "1", &|n| n.train_error);
    each("test_error", "part of the test set on the wrong side", "1", &|n| n.test_error.unwrap_or(f64::NAN));
    each("fitted", "1 where N_Delta = 0", "1", &|n| f64::from(u8::from(n.end == End::Fitted)));
    each("jammed", "1 where the energy rests above 0", "1", &|n| f64::from(u8::from(n.end == End::Jammed)));
    let curvature = |of: &dyn Fn(&super::Curvature) -> f64| -> Vec<f64> {
        nets.iter().map(|n| n.curvature.as_ref().map_or(f64::NAN, of)).collect()
    };
    for (name, about, values) in [
        ("negative_hp", "N_-: negative eigenvalues of Hp", curvature(&|c| c.negative_hp as f64)),
        ("negative_h", "negative eigenvalues of H = H0 + Hp", curvature(&|c| c.negative as f64)),
        ("rank_h0", "positive eigenvalues of H0", curvature(&|c| c.rank_h0 as f64)),
    ] {
        out.variables.push(Record::new(name, about, "1", &[("net", count)], values));
    }
    // N_Delta on the way: lists of different lengths, one after the other, each with the number of its net.
    let way: Vec<(f64, u64, u64, f64)> =
        nets.iter().enumerate().flat_map(|(k, n)| n.course.iter().map(move |c| (k as f64, c.0, c.1, c.2))).collect();
    let dims = [("look", way.len())];
    let mut list = |name: &str, about: &str, unit: &str, values: Vec<f64>| {
        out.variables.push(Record::new(name, about, unit, &dims, values));
    };
    list("look_net", "number of its net", "1", way.iter().map(|w| w.0).collect());
    list("look_step", "step of a look at N_Delta", "steps", way.iter().map(|w| w.1 as f64).collect());
    list("look_unmet", "N_Delta there", "1", way.iter().map(|w| w.2 as f64).collect());
    list("look_energy", "energy there", "energy", way.iter().map(|w| w.3).collect());
    let verge = find::marginal(plan, nets, &findings.thresholds);
    for (name, about, of) in [
        ("unmet_gap", "Delta/sqrt(energy) of unmet margins", (|n| &n.positive) as fn(&NetResult) -> &Vec<(i32, u64)>),
        ("met_gap", "-Delta of met margins", |n| &n.negative),
    ] {
        let (centres, counts): (Vec<f64>, Vec<f64>) = pooled(&verge, of).into_iter().unzip();
        let dims = [(name, centres.len())];
        let middle = format!("{about}, nets at the verge: geometric middle of a bin of ratio 10^(1/{BINS})");
        out.variables.push(Record::new(&format!("{name}_value"), &middle, "1", &dims, centres));
        out.variables.push(Record::new(&format!("{name}_count"), "samples in the bin", "1", &dims, counts));
    }
    let facts = [("data", about.to_owned()), ("method", plan.method.clone()), ("depth", plan.depth.to_string())];
    out.attributes.extend(facts.map(|(k, v)| (k.to_owned(), v)));
    out
}

/// Counts of all nets together: (geometric middle of the bin, count), ascending, empty bins between left out.
pub(super) fn pooled(nets: &[&NetResult], of: fn(&NetResult) -> &Vec<(i32, u64)>) -> Vec<(f64, f64)> {
    let mut all = std::collections::BTreeMap::new();
    nets.iter().flat_map(|n| of(n)).for_each(|(bin, count)| *all.entry(*bin).or_insert(0) += count);
    all.into_iter().map(|(bin, count)| (10_f64.powf((f64::from(bin) + 0.5) / BINS), count as f64)).collect()
}
