//! What a map of the (h, alpha) plane is made of, checked and spelled out.

use crate::fields::shown;
use glasslab_core::parameter::nearest;
use glasslab_core::{Complaint, Course, Fault, FlowRule, Method, Streams};
use glasslab_nets::labelled::{Prepared, Recipe, prepare};
use glasslab_nets::plane::{Gate, MarginLoss, Shape, Start};
use serde::{Deserialize, Serialize};
use std::path::Path;
use toml::Table;

/// A map of the plane: data, network, loss, grid, budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanePlan {
    /// Data set, folder, CSV file or synthetic model.
    pub data: String,
    /// Principal components; 0: all inputs.
    pub components: usize,
    /// Each component of unit variance.
    pub whiten: bool,
    /// Training samples P.
    pub samples: usize,
    /// Samples of the tangent kernels.
    pub kernel: usize,
    /// Test samples; 0: what is left, at most 10,000.
    pub test: usize,
    /// Standard deviation of the biases of the first hidden layer: a constant input; 0: none.
    pub bias: f64,
    /// Hidden layers L.
    pub depth: usize,
    /// Nonlinearity.
    pub activation: String,
    /// Its slope.
    pub activation_slope: f64,
    /// Loss.
    pub loss: String,
    /// Sharpness of the soft hinge.
    pub loss_sharpness: f64,
    /// Predictor alpha (f - f0); false: alpha f.
    pub subtract: bool,
    /// Law of the initial weights: `normal`, `orthogonal`.
    pub init: String,
    /// Factor on orthogonal ones.
    pub gain: f64,
    /// Widths h.
    pub widths: Vec<usize>,
    /// Scales alpha, in the convention f = (1/h) w . z: sqrt(h) times the paper's alpha.
    pub alphas: Vec<f64>,
    /// Nets (seeds) a point.
    pub seeds: u64,
    /// Budget of a run: attempts of the flow, mini-batches of SGD.
    pub steps: u64,
    /// `flow`: gradient flow with accepted and rejected steps; `sgd`: mini-batches at a temperature.
    pub method: String,
    /// Flow: limit of |F - F'|^2/(|F| |F'|) of a step.
    pub largest_turn: f64,
    /// Flow: limit of the change of alpha f on the training set of a step.
    pub largest_move: f64,
    /// Flow: time over which forces are remembered (continuous momentum); 0: none.
    pub memory: f64,
    /// SGD: its temperature T = rate/(alpha h batch).
    pub temperature: f64,
    /// SGD: samples of a batch.
    pub batch: usize,
    /// Rounds of bisection of the jamming line.
    pub refine: u32,
    /// Numbers of training samples P at which h* is looked for at the middle alpha, for N*(P); none: not looked for.
    pub curve: Vec<usize>,
    /// Seed of all random streams.
    pub seed: u64,
}

impl Default for PlanePlan {
    fn default() -> Self {
        Self {
            data: "mnist".to_owned(),
            components: 10,
            whiten: false,
            samples: 500,
            kernel: 100,
            test: 0,
            bias: 0.0,
            depth: 2,
            activation: "swish".to_owned(),
            activation_slope: 10.0,
            loss: "soft-hinge".to_owned(),
            loss_sharpness: 20.0,
            subtract: true,
            init: "normal".to_owned(),
            gain: 1.0,
            widths: vec![2, 3, 4, 6, 8, 12, 24, 48],
            alphas: vec![1e-2, 1e-1, 1.0, 3.0, 10.0, 1e2, 1e3, 1e5],
            seeds: 5,
            steps: 10_000,
            method: "flow".to_owned(),
            largest_turn: FlowRule::default().largest_turn,
            largest_move: FlowRule::default().largest_move,
            memory: 0.0,
            temperature: 1e-3,
            batch: 32,
            refine: 0,
            curve: Vec::new(),
            seed: 0,
        }
    }
}

/// Fields that came after format 2 of the keys.
const LATER: [&str; 7] = ["curve", "method", "largest_turn", "largest_move", "memory", "temperature", "batch"];

/// Most points of a grid.
const MOST_POINTS: usize = 100_000;

/// A plan of these fields, as TOML.
fn whole(fields: &impl Serialize) -> String {
    format!("name = \"plane\"\n\n[plane]\n{}", toml::to_string(fields).unwrap_or_default())
}

impl PlanePlan {
    /// Everything that is wrong, at once.
    pub fn complaints(&self) -> Vec<Complaint> {
        let mut out = Vec::new();
        let mut within = |field: &str, value: u64, least: u64, most: u64| {
            if !(least..=most).contains(&value) {
                out.push(Complaint::new(field, value, format!("give a whole number from {least} to {most}")));
            }
        };
        within("samples", self.samples as u64, 2, 10_000_000);
        within("kernel", self.kernel as u64, 2, 20_000);
        within("test", self.test as u64, 0, 10_000_000);
        within("components", self.components as u64, 0, 100_000);
        within("seeds", self.seeds, 1, 10_000);
        within("steps", self.steps, 1, 1_000_000_000);
        within("refine", self.refine.into(), 0, 20);
        self.curve.iter().for_each(|p| within("curve", *p as u64, 2, 10_000_000));
        for (field, count) in [("widths", self.widths.len()), ("alphas", self.alphas.len())] {
            if count == 0 {
                out.push(Complaint::new(field, "[]", "give at least one value"));
            }
        }
        if self.widths.len().saturating_mul(self.alphas.len()) > MOST_POINTS {
            out.push(Complaint::new(
                "widths",
                self.widths.len(),
                format!("give a grid of at most {MOST_POINTS} points"),
            ));
        }
        if !(self.bias.is_finite() && self.bias >= 0.0) {
            out.push(Complaint::new("bias", self.bias, "give a finite number >= 0"));
        }
        if let Some(bad) = self.alphas.iter().find(|a| !(a.is_finite() && **a > 0.0)) {
            out.push(Complaint::new("alphas", bad, "give finite numbers > 0"));
        }
        for (k, width) in self.widths.iter().enumerate() {
            if self.widths[..k].contains(width) {
                out.push(Complaint::new("widths", width, "give each width once"));
            }
        }
        for (k, samples) in self.curve.iter().enumerate() {
            if self.curve[..k].contains(samples) {
                out.push(Complaint::new("curve", samples, "give each number of samples once"));
            }
        }
        for (k, alpha) in self.alphas.iter().enumerate() {
            if self.alphas[..k].contains(alpha) {
                out.push(Complaint::new("alphas", alpha, "give each alpha once"));
            }
        }
        match self.method.as_str() {
            "flow" => out.extend(self.rule().complaints()),
            "sgd" => {
                if !(self.temperature.is_finite() && self.temperature > 0.0) {
                    out.push(Complaint::new("temperature", self.temperature, "give a finite number > 0"));
                }
                let most = self.curve.iter().copied().fold(self.samples, usize::min);
                if !(1..=most).contains(&self.batch) {
                    let fix = format!("give from 1 to {most} samples, the smallest training set");
                    out.push(Complaint::new("batch", self.batch, fix));
                }
            }
            other => out.push(Complaint::new("method", other, "give flow or sgd")),
        }
        let mut also = |result: Result<(), Fault>| {
            if let Err(Fault::Input(complaints)) = result {
                out.extend(complaints);
            }
        };
        also(MarginLoss::new(&self.loss, self.loss_sharpness).map(|_| ()));
        also(Start::new(&self.init, self.gain).map(|_| ()));
        match Gate::new(&self.activation, self.activation_slope) {
            Err(fault) => also(Err(fault)),
            Ok(gate) => {
                let widths: &[usize] = if self.widths.is_empty() { &[1] } else { &self.widths };
                for width in widths {
                    also(Shape::new(self.components.max(1), *width, self.depth, gate).map(|_| ()));
                }
            }
        }
        out.dedup();
        out
    }

    /// Sorted grid; the rest as it is.
    pub fn resolved(mut self) -> Self {
        self.widths.sort_unstable();
        self.alphas.sort_by(f64::total_cmp);
        self.curve.sort_unstable();
        self
    }

    /// Reads a plan with a table `[plane]`; None if there is none. What is not given is the default. Complaints name their
    /// fields, all at once.
    pub fn parse(text: &str) -> Option<Result<Self, Vec<Complaint>>> {
        let table: Table = text.parse().ok()?;
        let given = table.get("plane")?;
        let Some(given) = given.as_table() else {
            return Some(Err(vec![Complaint::new("plane", shown(given), "write a table [plane]")]));
        };
        let mut complaints = Vec::new();
        for name in table.keys().filter(|n| !["name", "plane"].contains(&n.as_str())) {
            complaints.push(Complaint::new(name, shown(&table[name]), "a plan of a plane has a name and [plane] only"));
        }
        let mut all = Table::try_from(Self::default()).unwrap_or_default();
        for (name, value) in given {
            let field = format!("plane.{name}");
            let Some(default) = all.get(name).cloned() else {
                let fix = match nearest(name, all.keys().map(String::as_str)) {
                    Some(near) => format!("unknown field; did you mean `{near}`?"),
                    None => format!(
                        "unknown field; the fields here are {}",
                        all.keys().cloned().collect::<Vec<_>>().join(", ")
                    ),
                };
                complaints.push(Complaint::new(field, shown(value), fix));
                continue;
            };
            all.insert(name.clone(), value.clone());
            if let Err(error) = all.clone().try_into::<Self>() {
                let fix = error.message().lines().next().unwrap_or("another type is needed").to_owned();
                complaints.push(Complaint::new(field, shown(value), fix));
                all.insert(name.clone(), default);
            }
        }
        Some(if complaints.is_empty() { Ok(all.try_into().unwrap_or_default()) } else { Err(complaints) })
    }

    /// The plan as TOML, with every default.
    pub fn to_toml(&self) -> String {
        whole(self)
    }

    /// The data that it asks for; files and folders are looked up in `folder`.
    pub fn data(&self, folder: &Path) -> Result<Prepared, Fault> {
        Ok(prepare(&self.recipe(), folder, Streams::new(self.seed))?.with_bias(self.bias))
    }

    /// How its data are prepared.
    pub(crate) fn recipe(&self) -> Recipe {
        Recipe {
            data: self.data.clone(),
            components: self.components,
            whiten: self.whiten,
            train: self.samples,
            kernel: self.kernel,
            test: self.test,
        }
    }

    fn rule(&self) -> FlowRule {
        let (largest_turn, largest_move) = (self.largest_turn, self.largest_move);
        FlowRule { largest_turn, largest_move, memory: self.memory, ..FlowRule::default() }
    }

    /// How nets of width h are moved at scale alpha.
    pub(crate) fn dynamics(&self, width: usize, alpha: f64) -> Method {
        match self.method.as_str() {
            "sgd" => {
                let rate = self.temperature * alpha * width as f64 * self.batch as f64;
                Method::Sgd { rate: Course::Constant(rate), momentum: 0.0, batch: self.batch }
            }
            _ => Method::Flow(self.rule()),
        }
    }

    /// All that decides the numbers of a point whose nets are numbered from `first`, as text: the name of its file is the
    /// hash of this. Fields that came after the format are in it where they are not at their default, so that points of before are found.
    pub(crate) fn key(&self, width: usize, alpha: f64, first: u64) -> String {
        let (widths, alphas) = (vec![width], vec![alpha]);
        let alone = Self { widths, alphas, refine: 0, curve: Vec::new(), ..self.clone() };
        let [mut fields, default] = [&alone, &Self::default()].map(|p| Table::try_from(p).unwrap_or_default());
        fields.retain(|name, value| !LATER.contains(&name) || default.get(name) != Some(&*value));
        format!("glasslab plane point, format 2, first net {first}\n{}", whole(&fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name of a point is the hash of this text: that of a plan from before the later fields stays what it was, byte by byte; a later field counts
    /// where it is not at its default, and what other points are asked for never does.
    #[test]
    fn points_of_before_keep_their_names() {
        let before = "glasslab plane point, format 2, first net 3\nname = \"plane\"\n\n[plane]\ndata = \"mnist\"\ncomponents = 10\n\
                      whiten = false\nsamples = 500\nkernel = 100\ntest = 0\nbias = 0.0\ndepth = 2\nactivation = \"swish\"\n\
                      activation_slope = 10.0\nloss = \"soft-hinge\"\nloss_sharpness = 20.0\nsubtract = true\ninit = \"normal\"\n\
                      gain = 1.0\nwidths = [7]\nalphas = [0.5]\nseeds = 5\nsteps = 10000\nrefine = 0\nseed = 0\n";
        let plan = PlanePlan { curve: vec![10], refine: 3, ..PlanePlan::default() };
        assert_eq!(plan.key(7, 0.5, 3), before);
        let sgd = PlanePlan { method: "sgd".to_owned(), temperature: 0.5, ..plan };
        let key = sgd.key(7, 0.5, 3);
        assert!(key.contains("method = \"sgd\"\n") && key.contains("temperature = 0.5\n"), "{key}");
    }

    #[test]
    fn plans_are_read_as_they_are_written_and_say_all_that_is_wrong() {
        let plan =
            PlanePlan { widths: vec![3, 5], alphas: vec![0.5, 1e5], data: "digits".to_owned(), ..Default::default() };
        assert_eq!(PlanePlan::parse(&plan.to_toml()).unwrap().unwrap(), plan);
        let short = PlanePlan::parse("name = \"plane\"\n[plane]\nalphas = [1, 10]\nseeds = 7\n").unwrap().unwrap();
        assert_eq!((short.alphas, short.seeds, short.steps), (vec![1.0, 10.0], 7, PlanePlan::default().steps));
        let bad = PlanePlan::parse("sed = 1\n[plane]\nwidth = [3]\nseeds = \"many\"\n").unwrap().unwrap_err();
        let words: Vec<String> = bad.iter().map(ToString::to_string).collect();
        let words = words.join("; ");
        assert!(bad.len() == 3 && words.contains("did you mean `widths`") && words.contains("plane.seeds"), "{words}");
        assert!(
            PlanePlan::parse("[[quench]]\nsystem = \"trap\"\n").is_none() && PlanePlan::parse("= broken").is_none()
        );
    }
}
