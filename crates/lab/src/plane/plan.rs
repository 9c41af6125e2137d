//! What a map of the (h, alpha) plane is made of, checked and spelled out.

use glasslab_core::{Complaint, Fault, FlowRule};
use glasslab_nets::labelled::Recipe;
use glasslab_nets::plane::{Gate, MarginLoss, Shape};
use serde::{Deserialize, Serialize};

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
    /// Widths h.
    pub widths: Vec<usize>,
    /// Scales alpha, in the convention f = (1/h) w . z: sqrt(h) times the paper's alpha.
    pub alphas: Vec<f64>,
    /// Nets (seeds) a point.
    pub seeds: u64,
    /// Budget of a run: attempts of the flow.
    pub steps: u64,
    /// Rounds of bisection of the jamming line.
    pub refine: u32,
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
            depth: 2,
            activation: "swish".to_owned(),
            activation_slope: 10.0,
            loss: "soft-hinge".to_owned(),
            loss_sharpness: 20.0,
            subtract: true,
            widths: vec![2, 3, 4, 6, 8, 12, 24, 48],
            alphas: vec![1e-2, 1e-1, 1.0, 3.0, 10.0, 1e2, 1e3, 1e5],
            seeds: 5,
            steps: 10_000,
            refine: 0,
            seed: 0,
        }
    }
}

/// Most points of a grid.
const MOST_POINTS: usize = 100_000;

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
        if let Some(bad) = self.alphas.iter().find(|a| !(a.is_finite() && **a > 0.0)) {
            out.push(Complaint::new("alphas", bad, "give finite numbers > 0"));
        }
        for (k, width) in self.widths.iter().enumerate() {
            if self.widths[..k].contains(width) {
                out.push(Complaint::new("widths", width, "give each width once"));
            }
        }
        for (k, alpha) in self.alphas.iter().enumerate() {
            if self.alphas[..k].contains(alpha) {
                out.push(Complaint::new("alphas", alpha, "give each alpha once"));
            }
        }
        let mut also = |result: Result<(), Fault>| {
            if let Err(Fault::Input(complaints)) = result {
                out.extend(complaints);
            }
        };
        also(MarginLoss::new(&self.loss, self.loss_sharpness).map(|_| ()));
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
        self
    }

    /// The plan as TOML, with every default.
    pub fn to_toml(&self) -> String {
        let body = toml::to_string(self).unwrap_or_default();
        format!("name = \"plane\"\n\n[plane]\n{body}")
    }

    /// The data that it asks for.
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

    pub(crate) fn rule(&self) -> FlowRule {
        FlowRule::default()
    }

    /// All that decides the numbers of a point, as text: the name of its file is the hash of this.
    pub(crate) fn key(&self, width: usize, alpha: f64) -> String {
        let alone = Self { widths: vec![width], alphas: vec![alpha], refine: 0, ..self.clone() };
        format!("glasslab plane point, format 1\n{}", alone.to_toml())
    }
}
