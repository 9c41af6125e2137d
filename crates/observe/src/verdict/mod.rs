//! The verdict: from two-time curves and energies of several replicas to who ages, who stops aging, who diffuses.

mod class;
mod descent;
mod relaxation;
mod resample;

pub use class::judge;
pub use descent::{EXPLORED, Energy, FITTED, FLAT, RESTING};
pub use relaxation::{AGES, GROWS, LEVELS, LocalExponent, Relaxation, STILL};
pub use resample::Estimate;

use crate::curves::Curves;
use glasslab_core::{Dataset, Fault, Space};

/// What the verdict rests on. All times are in the unit of the curves.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Mean-square displacements Delta_r(t_w, t), raw.
    pub curves: Curves,
    /// Energies or training losses e_r(t).
    pub energy: Option<Energy>,
    /// Noise `[replica, waiting]`, D_r(t_w) or the free diffusion per step: only its variation with t_w matters.
    pub noise: Option<Vec<f64>>,
    /// The mean-square displacement of uncorrelated points, where the space is bounded.
    pub bound: Option<f64>,
}

impl Evidence {
    /// The evidence in the merged records of the observers `two-time`, `energies` and `noise`, in physical time or steps.
    /// `floor` is the bottom of the energy where it is known.
    pub fn from_dataset(
        data: &Dataset,
        space: &Space,
        dof: usize,
        physical: bool,
        floor: Option<f64>,
    ) -> Result<Self, Fault> {
        let floats = |name: &str| data.get(name).and_then(|r| r.floats());
        let time = floats(if physical { "loss_physical_time" } else { "loss_time" });
        let energy = time.zip(floats("train_loss").or_else(|| floats("energy")));
        Ok(Self {
            curves: Curves::from_dataset(data, "msd", physical)?,
            energy: energy.map(|(time, values)| Energy { time, values, floor }),
            noise: floats("free_diffusion"),
            bound: space.uncorrelated_displacement(dof),
        })
    }
}

/// The classes of two-time behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The relaxation time grows with the age through the last waiting times.
    Aging,
    /// It grew, then stopped growing, and the system diffuses on.
    InterruptedAging,
    /// The displacement depends on the lag alone and grows like it.
    Diffusion,
    /// The displacement depends on the lag alone and saturates.
    Equilibrium,
    /// The run does not tell, and `why` says what is missing.
    NotResolved,
}

impl Class {
    /// In words, as in tables and reports.
    pub fn words(self) -> &'static str {
        match self {
            Class::Aging => "aging",
            Class::InterruptedAging => "interrupted aging then diffusion",
            Class::Diffusion => "diffusion",
            Class::Equilibrium => "equilibrium",
            Class::NotResolved => "not resolved",
        }
    }
}

/// What was found, with every number it rests on. Definitions: CONVENTIONS.md, "The verdict".
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The class.
    pub class: Class,
    /// Why, in sentences with the numbers.
    pub why: Vec<String>,
    /// Unit of all times.
    pub unit: String,
    /// Replicas that entered.
    pub replicas: usize,
    /// Replicas that diverged and were left out.
    pub diverged: usize,
    /// True if the curves were divided by the noise D(t_w) before levels were taken.
    pub rescaled: bool,
    /// End of exploration; `None` if the energy falls from the first step on, or not at all.
    pub t_1: Option<Estimate>,
    /// End of descent; `None` if the energy still falls at the end, or never fell.
    pub t_2: Option<Estimate>,
    /// The level at which `tau` is taken.
    pub level: Option<f64>,
    /// Relaxation times of all waiting times that are followed for their own age.
    pub tau: Vec<Relaxation>,
    /// mu of the last decade of waiting times: the one that decides.
    pub mu: Option<LocalExponent>,
    /// mu of the last factor 5 in waiting time: whether what the last decade shows holds to its end.
    pub mu_last: Option<LocalExponent>,
    /// mu of the last decade without the division by the noise, where there was one.
    pub mu_raw: Option<LocalExponent>,
    /// mu of all waiting times from t_1 on.
    pub mu_overall: Option<LocalExponent>,
    /// mu of earlier decades, each half a decade before the one in front, latest first.
    pub mu_before: Vec<LocalExponent>,
    /// gamma = d ln Delta/d ln t at lags comparable with the age, in the last decade of waiting times.
    pub gamma: Option<Estimate>,
}
