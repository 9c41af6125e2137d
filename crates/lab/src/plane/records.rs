//! The grid as labelled arrays.

use super::find::at;
use super::measure::EIGENVALUES;
use super::plan::PlanePlan;
use super::point::{End, PointResult, RunResult};
use glasslab_core::{Dataset, Record, Values};
use glasslab_nets::labelled::Prepared;
use glasslab_nets::plane::{Gate, Shape};

const AMPLIFICATION: &str =
    "Lambda: RMS of first-layer weights of input 1, over the mean of the RMS of the other inputs' weights";

/// Names of the layers.
fn layout(plan: &PlanePlan, data: &Prepared) -> Vec<String> {
    let shape = Gate::new(&plan.activation, plan.activation_slope)
        .and_then(|gate| Shape::new(data.train.inputs, 1, plan.depth, gate));
    shape.map(|s| s.layout().into_iter().map(|b| b.name).collect()).unwrap_or_default()
}

/// Records of the grid (points of the bisection are in `points/` only).
pub(super) fn dataset(plan: &PlanePlan, data: &Prepared, points: &[PointResult]) -> Dataset {
    let (h, a, s) = (plan.widths.len(), plan.alphas.len(), plan.seeds as usize);
    let grid: Vec<Option<&PointResult>> = (plan.widths.iter())
        .flat_map(|&width| plan.alphas.iter().map(move |&alpha| at(points, width, alpha)))
        .collect();
    let point = |name: &str, about: &str, of: &dyn Fn(&PointResult) -> f64| {
        let values = grid.iter().map(|p| p.map_or(f64::NAN, of)).collect();
        Record::new(name, about, "1", &[("width", h), ("alpha", a)], values)
    };
    let run = |name: &str, about: &str, unit: &str, of: &dyn Fn(&RunResult) -> f64| {
        let nets =
            |p: &Option<&PointResult>| -> Vec<f64> { p.map_or(vec![f64::NAN; s], |p| p.runs.iter().map(of).collect()) };
        let values = grid.iter().flat_map(nets).collect();
        Record::new(name, about, unit, &[("width", h), ("alpha", a), ("seed", s)], values)
    };
    let integers = |name: &str, about: &str, v: Vec<i64>| Record::coordinate(name, about, "1", Values::I64(v));
    let mut out = Dataset::default();
    out.coordinates.push(integers(
        "width",
        "width h of the hidden layers",
        plan.widths.iter().map(|&w| w as i64).collect(),
    ));
    out.coordinates.push(Record::coordinate(
        "alpha",
        "scale alpha of the predictor alpha (f - f0), f = (1/h) w . z: sqrt(h) times the alpha of the papers",
        "1",
        Values::F64(plan.alphas.clone()),
    ));
    out.coordinates.push(integers("seed", "number of the net", (0..s as i64).collect()));
    let jackknife = "jackknife standard error over nets";
    out.variables = vec![
        point("weights", "number N of weights of a net", &|p| p.weights as f64),
        point("test_error_mean", "test error, mean over nets", &|p| p.mean_error[0]),
        point("test_error_mean_error", "standard error of test_error_mean over nets", &|p| p.mean_error[1]),
        point("ensemble_error", "test error of the sign of the outputs averaged over nets", &|p| p.ensemble_error[0]),
        point("ensemble_error_error", jackknife, &|p| p.ensemble_error[1]),
        point("variance", "1/(S-1) sum_s mean_x [alpha (f_s - mean f)]^2 on the test set", &|p| p.variance[0]),
        point("variance_error", "standard error of variance over nets", &|p| p.variance[1]),
        run("test_error", "test error of each net", "1", &|r| r.test_error),
        run("train_error", "training error of each net", "1", &|r| r.train_error),
        run("unmet", "N_Delta: training samples with margin below 1", "1", &|r| r.unmet as f64),
        run("kernel_change", "|Theta - Theta_0|/|Theta_0| on the kernel set, Frobenius", "1", &|r| r.kernel_change),
        run("alignment_start", "y^T Theta y/(|Theta||y|^2) at the start", "1", &|r| r.alignment[0]),
        run("alignment_end", "y^T Theta y/(|Theta||y|^2) at the end", "1", &|r| r.alignment[1]),
        run("moved", "sqrt(h) |w - w0|/|w0|, all weights, at the end", "1", &|r| r.moved),
        run("amplification_start", AMPLIFICATION, "1", &|r| r.amplification[0]),
        run("amplification_end", AMPLIFICATION, "1", &|r| r.amplification[1]),
        run("flow_time", "flow time at the end", "time", &|r| r.time),
        run("attempts", "attempts of the flow", "steps", &|r| r.steps as f64),
        run("fitted", "1 where all margins are met", "1", &|r| f64::from(u8::from(r.end == End::Fitted))),
        run("jammed", "1 where the loss no longer falls", "1", &|r| f64::from(u8::from(r.end == End::Jammed))),
    ];
    let layers: Vec<String> = layout(plan, data);
    let eigenvalues = EIGENVALUES.min(data.kernel.len());
    let mut many = |name: &str, about: &str, dim: &str, n: usize, of: &dyn Fn(&RunResult, usize) -> f64| {
        let nets = |p: &Option<&PointResult>| -> Vec<f64> {
            let entries = |p: &&PointResult| p.runs.iter().flat_map(|r| (0..n).map(move |k| of(r, k))).collect();
            p.as_ref().map_or(vec![f64::NAN; s * n], entries)
        };
        let values = grid.iter().flat_map(nets).collect();
        let dims = [("width", h), ("alpha", a), ("seed", s), (dim, n)];
        out.variables.push(Record::new(name, about, "1", &dims, values));
    };
    let l = layers.len();
    many("displacement_layer", "|w - w0|/|w0| within one layer, at the end", "layer", l, &|r, k| r.displacement[k]);
    many("weight_norm_layer", "|w| within one layer, Euclidean, at the end", "layer", l, &|r, k| r.weight_norm[k]);
    for (t, when) in ["start", "end"].into_iter().enumerate() {
        let value = format!("largest eigenvalues of Theta on the kernel set, descending, at the {when}");
        let weight = format!("(phi . y)^2/|y|^2 of the unit eigenvector phi of kernel_eigenvalue_{when}, y the labels");
        let (name, dim) = (format!("kernel_eigenvalue_{when}"), "eigenvalue");
        many(&name, &value, dim, eigenvalues, &|r, k| r.spectrum[t][k][0]);
        many(&format!("kernel_projection_{when}"), &weight, dim, eigenvalues, &|r, k| r.spectrum[t][k][1]);
    }
    out.coordinates.push(Record::coordinate("layer", "matrices of weights", "1", Values::Text(layers)));
    out.coordinates.push(integers("eigenvalue", "rank of the eigenvalue", (1..=eigenvalues as i64).collect()));
    let facts = [
        ("data", data.about.clone()),
        ("training_samples", data.train.len().to_string()),
        ("test_samples", data.test.len().to_string()),
        ("loss", format!("{} (sharpness {})", plan.loss, plan.loss_sharpness)),
        ("activation", format!("{} (slope {})", plan.activation, plan.activation_slope)),
        ("depth", plan.depth.to_string()),
    ];
    out.attributes.extend(facts.map(|(k, v)| (k.to_owned(), v)));
    out
}
