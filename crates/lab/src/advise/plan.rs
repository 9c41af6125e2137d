//! What is asked of `advise`: data, budget in counted work, limits.

use glasslab_core::{Complaint, Fault};
use glasslab_nets::plane::{Gate, MarginLoss, Shape};
use serde::{Deserialize, Serialize};

/// A question: which width, which alpha, how many nets for these data, within this work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdvisePlan {
    /// Data set, folder of IDX or CIFAR files, `.npz` with x and y, CSV file.
    pub data: String,
    /// Which classes become +1 and -1: `parity`, `A,B/C,D` or `A/rest`.
    pub classes: String,
    /// Principal components; 0: all inputs. Without: all of at most 50 inputs, else 30.
    pub components: Option<usize>,
    /// Work of the choice, in floating-point operations of the products of training (a multiplication and an addition are two).
    pub budget: f64,
    /// Training samples P; 0: as many as the budget is good for, 500 sqrt(budget/10^12), from 50 to all.
    pub samples: usize,
    /// Most nets of the recommended ensemble.
    pub nets: usize,
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
    /// Most attempts of the flow of one net.
    pub steps: u64,
    /// Train what is recommended, and the best single net of as many weights, and judge them on the held-out data.
    pub back_test: bool,
    /// Seed of all random streams.
    pub seed: u64,
}

impl Default for AdvisePlan {
    fn default() -> Self {
        Self {
            data: "mnist".to_owned(),
            classes: "parity".to_owned(),
            components: None,
            budget: SMALL,
            samples: 0,
            nets: 12,
            depth: 2,
            activation: "swish".to_owned(),
            activation_slope: 10.0,
            loss: "soft-hinge".to_owned(),
            loss_sharpness: 20.0,
            steps: 10_000,
            back_test: true,
            seed: 0,
        }
    }
}

const SMALL: f64 = 1e12;

/// Nets of a point at first.
pub(super) const START: usize = 3;
/// alpha at first, in the convention f = (1/h) w . z.
pub(super) const ALPHAS: [f64; 5] = [0.1, 1.0, 10.0, 100.0, 1000.0];
/// The alpha at which widths are tried first.
pub(super) const MIDDLE: f64 = 10.0;
/// Widths that are tried first.
pub(super) const FIRST_WIDTHS: [usize; 3] = [2, 4, 8];
/// Attempts that a net is taken to need before any was seen.
pub(super) const ATTEMPTS: f64 = 3000.0;
/// Fewest training samples that the budget chooses.
const FEWEST: usize = 50;

/// A budget as a user writes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// Floating-point operations.
    Work(f64),
    /// Seconds on this machine, to be turned into work by a measured rate.
    Seconds(f64),
}

impl Budget {
    /// `small` (10^12 operations), `medium` (10^13), `large` (10^14), a number of operations, or a time as in `90s`, `10m`, `2h`.
    pub fn parse(text: &str) -> Result<Self, Complaint> {
        let text = text.trim();
        let named = [("small", SMALL), ("medium", 1e13), ("large", 1e14)];
        if let Some((_, work)) = named.iter().find(|n| n.0 == text) {
            return Ok(Self::Work(*work));
        }
        let (number, unit) = match text.char_indices().last() {
            Some((at, unit @ ('s' | 'm' | 'h'))) => (&text[..at], Some(unit)),
            _ => (text, None),
        };
        let near = glasslab_core::parameter::nearest(text, named.iter().map(|n| n.0));
        let near = near.map_or(String::new(), |n| format!(" (did you mean `{n}`?)"));
        let fix = format!(
            "give small, medium, large{near}, a number of floating-point operations as in 5e12, or a time as in 90s, 10m, 2h"
        );
        match number.parse::<f64>() {
            Ok(v) if v.is_finite() && v > 0.0 => Ok(match unit {
                None => Self::Work(v),
                Some('s') => Self::Seconds(v),
                Some('m') => Self::Seconds(60.0 * v),
                Some(_) => Self::Seconds(3600.0 * v),
            }),
            _ => Err(Complaint::new("budget", text, fix)),
        }
    }
}

/// Two significant digits, upwards or downwards by a hair never: for budgets that were measured.
pub(super) fn two_digits(x: f64) -> f64 {
    format!("{x:.1e}").parse().unwrap_or(x)
}

impl AdvisePlan {
    /// Everything that is wrong, at once; what depends on the data is said when they are read.
    pub fn complaints(&self) -> Vec<Complaint> {
        let mut out = Vec::new();
        let mut within = |field: &str, value: u64, least: u64, most: u64| {
            if !(least..=most).contains(&value) {
                out.push(Complaint::new(field, value, format!("give a whole number from {least} to {most}")));
            }
        };
        within("nets", self.nets as u64, START as u64, 1000);
        within("steps", self.steps, 100, 1_000_000_000);
        if self.samples > 0 {
            within("samples", self.samples as u64, 20, 10_000_000);
        }
        if !(self.budget.is_finite() && self.budget > 0.0) {
            out.push(Complaint::new("budget", self.budget, "give a finite number of floating-point operations > 0"));
        }
        let mut also = |result: Result<(), Fault>| {
            if let Err(Fault::Input(complaints)) = result {
                out.extend(complaints);
            }
        };
        also(MarginLoss::new(&self.loss, self.loss_sharpness).map(|_| ()));
        match Gate::new(&self.activation, self.activation_slope) {
            Err(fault) => also(Err(fault)),
            Ok(gate) => also(Shape::new(1, 2, self.depth, gate).map(|_| ())),
        }
        out
    }

    /// Operations of one attempt of one net: products of a force on all samples.
    pub(super) fn attempt(&self, inputs: usize, width: usize) -> Result<f64, Fault> {
        let gate = Gate::new(&self.activation, self.activation_slope)?;
        Ok(Shape::new(inputs, width, self.depth, gate)?.flops() * self.samples as f64)
    }

    /// Weights of a net.
    pub(super) fn weights(&self, inputs: usize, width: usize) -> Result<usize, Fault> {
        let gate = Gate::new(&self.activation, self.activation_slope)?;
        Ok(Shape::new(inputs, width, self.depth, gate)?.dof())
    }

    /// Training samples that a budget is good for, of `all`.
    fn good_for(budget: f64, all: usize) -> usize {
        let wished = two_digits(500.0 * (budget / SMALL).sqrt()) as usize;
        wished.max(FEWEST).min(all)
    }

    /// Work without which nothing can be said: the first widths and one more, at all alphas.
    fn needed(&self, inputs: usize, samples: usize) -> Result<f64, Fault> {
        let alone = Self { samples, ..self.clone() };
        let mut sum = 0.0;
        for width in [2, 4, 8, 16] {
            sum += alone.attempt(inputs, width)?;
        }
        Ok(sum * (START * ALPHAS.len()) as f64 * ATTEMPTS.min(self.steps as f64))
    }

    /// With the number of samples chosen, of `all`; fails with the smallest budget that works if it is too small.
    pub(super) fn sized(mut self, inputs: usize, all: usize) -> Result<Self, Fault> {
        let of = |budget: f64| if self.samples > 0 { self.samples } else { Self::good_for(budget, all) };
        let needed = self.needed(inputs, of(self.budget))?;
        if needed > self.budget {
            let mut least = self.budget;
            while self.needed(inputs, of(least))? > least {
                least *= 1.05;
            }
            // Two digits, upwards.
            let unit = 10_f64.powf(least.log10().floor() - 1.0);
            let least = (least / unit).ceil() * unit;
            let more = if self.samples > 0 { ", or fewer samples" } else { "" };
            let fix = format!("too small for these data: give at least {least:.1e} (or small, medium, large){more}");
            return Err(Fault::input("budget", format!("{:.1e}", self.budget), fix));
        }
        self.samples = of(self.budget);
        Ok(self)
    }

    /// The plan as TOML, with every default.
    pub fn to_toml(&self) -> String {
        format!("name = \"advise\"\n\n[advise]\n{}", toml::to_string(self).unwrap_or_default())
    }

    /// The plan of a run directory.
    pub(super) fn from_toml(text: &str) -> Option<Self> {
        let table: toml::Table = text.parse().ok()?;
        table.get("advise")?.clone().try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_work_or_time_and_typos_get_the_nearest() {
        assert_eq!(Budget::parse("5e12"), Ok(Budget::Work(5e12)));
        assert_eq!(Budget::parse("medium"), Ok(Budget::Work(1e13)));
        assert_eq!(Budget::parse("1.5h"), Ok(Budget::Seconds(5400.0)));
        assert_eq!(Budget::parse("10m"), Ok(Budget::Seconds(600.0)));
        for text in ["", "s", "-3", "0", "nan", "inf", "1e999", "midium", "3 days"] {
            let said = Budget::parse(text).unwrap_err().to_string();
            assert!(said.contains("budget") && said.contains("small, medium, large"), "{text}: {said}");
        }
        assert!(Budget::parse("midium").unwrap_err().to_string().contains("did you mean `medium`"));
    }

    #[test]
    fn a_budget_that_is_too_small_is_told_the_smallest_that_works() {
        for samples in [0, 4000] {
            let plan = AdvisePlan { budget: 1e6, samples, ..AdvisePlan::default() };
            let said = plan.clone().sized(30, 4000).unwrap_err().to_string();
            let least: f64 = said.split("at least ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
            let enough = AdvisePlan { budget: least, ..plan.clone() }.sized(30, 4000).unwrap();
            assert!(enough.samples >= FEWEST && enough.samples <= 4000);
            assert!(AdvisePlan { budget: 0.9 * least, ..plan }.sized(30, 4000).is_err(), "{said}");
        }
        let large = AdvisePlan { budget: 1e12, ..AdvisePlan::default() }.sized(30, 4000).unwrap();
        assert_eq!(large.samples, 500);
    }
}
