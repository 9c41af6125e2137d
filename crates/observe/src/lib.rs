//! What is seen: observers of a run, functions derived from their records, and the verdict.
#![forbid(unsafe_code)]

pub mod curves;
pub mod drift;
pub mod energies;
pub mod gaps;
pub mod inherent;
pub mod kernel;
mod log;
pub mod means;
pub mod noise;
pub mod norms;
pub mod scattering;
pub mod stability;
pub mod two_time;
pub mod verdict;

pub use curves::{Curve, Curves, Passage};
pub use drift::{drift_fraction, drift_fractions, motion};
pub use energies::Energies;
pub use gaps::Gaps;
pub use inherent::Inherent;
pub use means::over_replicas;
pub use noise::Noise;
pub use norms::Norms;
pub use scattering::Scattering;
pub use stability::{Centre, Moved, Ratio, Stability, relative_stability};
pub use two_time::{TwoTime, reference_bytes};
pub use verdict::{Class, Evidence, Verdict, judge};
