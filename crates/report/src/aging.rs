//! The report of quenches: energies, two-time displacements, their rescalings, relaxation times and verdicts.

mod data;
mod energies;
mod rescaled;
mod stability;
mod two_time;

use crate::figure::Figure;
use crate::markup::plain;
use crate::page::{Block, Page, Table, Verdict};
use glasslab_core::Dataset;

/// In which unit times are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Steps of the dynamics.
    Steps,
    /// Physical time: the sum of the step sizes.
    Physical,
}

impl TimeUnit {
    /// The unit, in words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            TimeUnit::Steps => "steps",
            TimeUnit::Physical => "physical time",
        }
    }
}

/// Relaxation times tau(t_w), and the exponent of tau ~ t_w^mu; times in the unit of the quench.
#[derive(Clone, Debug, Default)]
pub struct Relaxation {
    /// Waiting times t_w.
    pub waiting: Vec<f64>,
    /// Relaxation times; NaN where not reached.
    pub tau: Vec<f64>,
    /// Standard errors of tau; may be empty.
    pub error: Vec<f64>,
    /// Exponent mu, its standard error, and the range of t_w of the fit.
    pub exponent: Option<(f64, f64, (f64, f64))>,
    /// How tau is defined (markup).
    pub definition: String,
}

/// What theory says of the same dynamics in the limit of infinite N, in the unit of the quench.
#[derive(Clone, Debug, Default)]
pub struct Exact {
    /// Name in legends (markup).
    pub label: String,
    /// Energies (t, e).
    pub energy: Vec<(f64, f64)>,
    /// Displacements: for each waiting time t_w the points (lag, Δ).
    pub displacement: Vec<(f64, Vec<(f64, f64)>)>,
}

/// One quench, as it is to be shown.
#[derive(Clone, Debug)]
pub struct QuenchView {
    /// Name as a reader knows it (plain text).
    pub label: String,
    /// The records.
    pub data: Dataset,
    /// Unit of time on the axes.
    pub unit: TimeUnit,
    /// The variable that is the energy: `energy` or `train_loss`.
    pub energy: String,
    /// Its name on the axis (markup), with the convention: `energy per spin e = E/N`.
    pub energy_title: String,
    /// Energy in the bottom of the landscape, and its name (plain text).
    pub reference: Option<(f64, String)>,
    /// End of exploration t_1 and end of descent t_2, where found, in the unit of the quench.
    pub landmarks: Vec<(f64, String)>,
    /// The exact curves of an infinite system, where known.
    pub exact: Option<Exact>,
    /// Relaxation times, where determined.
    pub relaxation: Option<Relaxation>,
    /// The verdict.
    pub verdict: Verdict,
    /// A row of the table of results: name and value, the same names in the same order for each quench (markup).
    pub rows: Vec<(String, String)>,
}

/// The whole report.
#[derive(Clone, Debug, Default)]
pub struct AgingReport {
    /// Title (markup).
    pub title: String,
    /// A line below the title (markup).
    pub subtitle: String,
    /// What was found, in a paragraph (markup).
    pub abstract_text: String,
    /// The quenches, left to right.
    pub quenches: Vec<QuenchView>,
    /// How it was measured: paragraphs (markup).
    pub methods: Vec<String>,
    /// Facts of the run (version, seed, precision, wall time): name and value (markup).
    pub facts: Vec<(String, String)>,
    /// The resolved plan (plain text).
    pub plan: Option<String>,
    /// Sources: text and locator.
    pub sources: Vec<(String, String)>,
}

impl AgingReport {
    /// The figures that the records allow, in the order of the report. Cost O(records).
    pub fn figures(&self) -> Vec<Figure> {
        let quenches = &self.quenches;
        let all = [
            energies::energies(quenches),
            energies::slow(quenches),
            energies::excess(quenches),
            energies::errors(quenches),
            two_time::displacement(quenches),
            two_time::scattering(quenches),
            rescaled::by_noise(quenches),
            rescaled::by_age(quenches),
            rescaled::by_relaxation(quenches),
            rescaled::relaxation_times(quenches),
            rescaled::noise(quenches),
            stability::stability(quenches),
        ];
        all.into_iter().flatten().collect()
    }

    /// The page.
    ///
    /// Checked by `tests/browser.rs`: every figure is drawn, nothing is asked of a network.
    pub fn page(&self) -> Page {
        let mut blocks = vec![Block::Heading("Verdict".to_owned())];
        blocks.push(Block::Verdicts(self.quenches.iter().map(|q| q.verdict.clone()).collect()));
        if let Some(table) = self.table() {
            blocks.push(Block::Table(table));
        }
        let heading = |id: &str| match id {
            "energies" => Some("Descent"),
            "displacement" => Some("Two-time displacement"),
            "noise-rescaled" => Some("What rescales it: noise, age, relaxation time"),
            _ => None,
        };
        for figure in self.figures() {
            blocks.extend(heading(&figure.id).map(|h| Block::Heading(h.to_owned())));
            blocks.push(Block::Figure(figure));
        }
        if !self.methods.is_empty() || !self.facts.is_empty() {
            blocks.push(Block::Heading("How it was measured".to_owned()));
        }
        blocks.extend(self.methods.iter().cloned().map(Block::Paragraph));
        if !self.facts.is_empty() {
            let rows = self.facts.iter().map(|(name, value)| vec![name.clone(), value.clone()]).collect();
            blocks.push(Block::Table(Table { caption: "The run".to_owned(), head: vec![], rows }));
        }
        if let Some(plan) = &self.plan {
            let title = "The plan: running it again gives the same bytes".to_owned();
            blocks.push(Block::Listing { title, text: plan.clone() });
        }
        if !self.sources.is_empty() {
            blocks.push(Block::Heading("Sources".to_owned()));
            blocks.push(Block::Bibliography(self.sources.clone()));
        }
        Page {
            title: self.title.clone(),
            subtitle: self.subtitle.clone(),
            abstract_text: self.abstract_text.clone(),
            blocks,
            footer: format!("Made by glasslab {}. This file needs no network.", env!("CARGO_PKG_VERSION")),
        }
    }

    /// Quenches side by side, one row per quantity.
    fn table(&self) -> Option<Table> {
        // Names in the order of the quench that has most of them; what only others have comes after.
        let longest = self.quenches.iter().max_by_key(|q| q.rows.len())?;
        let mut names: Vec<&String> = Vec::new();
        for (name, _) in longest.rows.iter().chain(self.quenches.iter().flat_map(|q| &q.rows)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() {
            return None;
        }
        let mut head = vec![String::new()];
        head.extend(self.quenches.iter().map(|q| plain(&q.label)));
        let value =
            |q: &QuenchView, name: &str| q.rows.iter().find(|r| r.0 == name).map_or("–".to_owned(), |r| r.1.clone());
        let row = |name: &String| {
            let values = self.quenches.iter().map(|q| value(q, name));
            std::iter::once(name.clone()).chain(values).collect()
        };
        let rows = names.into_iter().map(row).collect();
        Some(Table { caption: "What was found. Errors are standard errors over replicas.".to_owned(), head, rows })
    }
}
