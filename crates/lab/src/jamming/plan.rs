//! What a study of the jamming transition is made of, checked and spelled out.

use glasslab_core::{Complaint, Course, FlowRule, Method};
use glasslab_nets::layers::Initial;
use glasslab_nets::{Hidden, Loss, Mlp, Parametrisation};
use serde::{Deserialize, Serialize};

/// A study: at fixed widths, how the number of unmet margins jumps with P/N; at fixed P, the least number of weights N*(P) that fits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JammingPlan {
    /// `random`, or a data set, folder or CSV file (parity of the class).
    pub data: String,
    /// Dimensions of the inputs, or whitened principal components; 0: 10, and as many as hidden units for random data.
    pub components: usize,
    /// Hidden layers L.
    pub depth: usize,
    /// Units have biases (they are not counted in N).
    pub biases: bool,
    /// Widths h of the scan over P/N; none: no scan.
    pub widths: Vec<usize>,
    /// Ratios P/N of the scan.
    pub ratios: Vec<f64>,
    /// Training samples P at which N* is looked for by bisection in h; none: not looked for.
    pub samples: Vec<usize>,
    /// Nets a point, each with initial weights (and random data) of its own.
    pub nets: u64,
    /// `adam`, `fire` or `flow`.
    pub method: String,
    /// Rate of Adam times h (annealed to a tenth over the budget), first time step of FIRE, limit of the turn of flow.
    pub rate: f64,
    /// Budget of a net: steps.
    pub steps: u64,
    /// Test samples of data that have labels.
    pub test: usize,
    /// Nets at each point whose Hessian is taken apart if they jam.
    pub spectra: u64,
    /// Seed of all random streams.
    pub seed: u64,
}

impl Default for JammingPlan {
    fn default() -> Self {
        Self {
            data: "random".to_owned(),
            components: 0,
            depth: 3,
            biases: true,
            widths: vec![8, 12, 18],
            ratios: vec![2.0, 2.2, 2.4, 2.6, 2.8, 3.0, 3.2, 3.4],
            samples: Vec::new(),
            nets: 10,
            method: "adam".to_owned(),
            rate: 0.1,
            steps: 10_000,
            test: 2000,
            spectra: 1,
            seed: 0,
        }
    }
}

/// Widest network whose width a bisection tries.
pub(super) const WIDEST: usize = 512;

impl JammingPlan {
    /// Everything that is wrong, at once.
    pub fn complaints(&self) -> Vec<Complaint> {
        let mut out = Vec::new();
        let mut within = |field: &str, value: u64, least: u64, most: u64| {
            if !(least..=most).contains(&value) {
                out.push(Complaint::new(field, value, format!("give a whole number from {least} to {most}")));
            }
        };
        within("depth", self.depth as u64, 1, 100);
        within("components", self.components as u64, 0, 100_000);
        within("nets", self.nets, 1, 10_000);
        within("steps", self.steps, 100, 1_000_000_000);
        within("test", self.test as u64, 0, 10_000_000);
        self.widths.iter().for_each(|h| within("widths", *h as u64, 1, 4096));
        self.samples.iter().for_each(|p| within("samples", *p as u64, 2, 10_000_000));
        if self.widths.is_empty() && self.samples.is_empty() {
            out.push(Complaint::new("widths", "[]", "give widths for a scan over P/N, or samples for N*(P)"));
        }
        if !self.widths.is_empty() && self.ratios.is_empty() {
            out.push(Complaint::new("ratios", "[]", "give at least one ratio P/N"));
        }
        if let Some(bad) = self.ratios.iter().find(|r| !(r.is_finite() && (0.001..=1000.0).contains(*r))) {
            out.push(Complaint::new("ratios", bad, "give numbers from 0.001 to 1000"));
        }
        let twice = |field: &str, values: Vec<f64>, out: &mut Vec<Complaint>| {
            for (k, v) in values.iter().enumerate() {
                if values[..k].contains(v) {
                    out.push(Complaint::new(field, v, "give each value once"));
                }
            }
        };
        twice("widths", self.widths.iter().map(|v| *v as f64).collect(), &mut out);
        twice("samples", self.samples.iter().map(|v| *v as f64).collect(), &mut out);
        twice("ratios", self.ratios.clone(), &mut out);
        if !["fire", "adam", "flow"].contains(&self.method.as_str()) {
            out.push(Complaint::new("method", &self.method, "give one of adam, fire, flow"));
        }
        if !(self.rate.is_finite() && self.rate > 0.0) {
            out.push(Complaint::new("rate", self.rate, "give a finite number > 0"));
        }
        out
    }

    /// Sorted lists; the rest as it is.
    pub fn resolved(mut self) -> Self {
        self.widths.sort_unstable();
        self.samples.sort_unstable();
        self.ratios.sort_by(f64::total_cmp);
        self
    }

    /// The plan as TOML, with every default.
    pub fn to_toml(&self) -> String {
        let body = toml::to_string(self).unwrap_or_default();
        format!("name = \"jamming\"\n\n[jamming]\n{body}")
    }

    /// Dimensions of the inputs of a network of width h.
    pub fn inputs(&self, h: usize) -> usize {
        match self.components {
            0 if self.data == "random" => h,
            0 => 10,
            d => d,
        }
    }

    /// N = d h + (L - 1) h^2 + h, without biases: one less per unit than there are parameters.
    pub fn effective(&self, h: usize) -> usize {
        self.inputs(h) * h + (self.depth - 1) * h * h + h
    }

    /// Training samples of the scan at width h and ratio P/N, at least 2.
    pub(super) fn scanned(&self, h: usize, ratio: f64) -> usize {
        ((ratio * self.effective(h) as f64).round() as usize).max(2)
    }

    /// The network of width h.
    pub(super) fn shape(&self, h: usize) -> Mlp {
        Mlp {
            widths: vec![h; self.depth],
            hidden: Hidden::Relu,
            parametrisation: Parametrisation::Standard,
            initial: Initial::Orthogonal,
            bias: if self.biases { 1.0 } else { 0.0 },
            loss: Loss::QuadraticHinge { margin: 1.0 },
            binary: true,
        }
    }

    /// How a net of width h is moved.
    pub fn dynamics(&self, h: usize) -> Method {
        match self.method.as_str() {
            "adam" => {
                let first = self.rate / h as f64;
                let rate = Course::Anneal { anneal_from: first, to: 0.1 * first, until: self.steps as f64 };
                Method::Adam { rate, betas: [0.9, 0.999], epsilon: 1e-8, batch: 0 }
            }
            "flow" => Method::Flow(FlowRule { largest_turn: self.rate, largest_move: 0.5, ..FlowRule::default() }),
            _ => Method::Fire { step_size: self.rate, tolerance: 0.0, largest_move: 0.1 },
        }
    }

    /// The plan of a file with a table `[jamming]`; `None` if it has no such table.
    pub fn parse(text: &str) -> Result<Option<Self>, Vec<Complaint>> {
        let wrong = |e: toml::de::Error| vec![Complaint::new("jamming", e.message(), "mend the file")];
        // A file that is no TOML is refused, with its line, by who reads plans of all kinds.
        let whole: Option<toml::Table> = toml::from_str(text).ok();
        let Some(table) = whole.as_ref().and_then(|w| w.get("jamming")) else { return Ok(None) };
        table.clone().try_into().map(Some).map_err(wrong)
    }

    /// All that decides the numbers of a net, as text: the name of its file is the hash of this.
    pub(super) fn key(&self, h: usize, p: usize, net: u64) -> String {
        let alone = Self { widths: vec![h], ratios: Vec::new(), samples: vec![p], nets: 0, ..self.clone() };
        format!("glasslab jamming net {net}, format 2\n{}", alone.to_toml())
    }
}
