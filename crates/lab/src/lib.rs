//! The laboratory: plans, registry, running, summaries; joins Systems, dynamics, observers, records and reports.
//!
//! ```no_run
//! use glasslab_lab::{RunOptions, age_plan, plan_error, run};
//!
//! let plan = age_plan(&["toy-under".to_owned()], &Default::default()).map_err(|c| plan_error("age", c))?;
//! let outcome = run(&plan, &RunOptions::default(), &mut ())?;
//! println!("{}", outcome.table());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod advise;
mod age;
mod error;
mod exact;
mod fields;
pub mod jamming;
mod mean_field;
mod packing;
mod page;
mod plan;
pub mod plane;
pub mod presets;
mod quench;
pub mod recorder;
pub mod registry;
mod run;
pub mod series;
mod series_page;
mod spectrum;
mod stability;
mod study;
mod summary;
pub mod sweep;
mod unstarted;

pub use age::{Changes, age_plan, changed_plan, toml_value};
pub use error::{LabError, plan_error};
pub use glasslab_core as core;
pub use glasslab_glasses::packing::Protocol;
pub use glasslab_nets::data as datasets;
pub use glasslab_store as store;
pub use glasslab_theory::{MeanField, Start};
pub use mean_field::{MeanFieldOutcome, MeanFieldPlan, mean_field};
pub use packing::{PackingOutcome, PackingPlan, packing};
pub use page::report_runs;
pub use plan::{Grid, Plan, Quench};
pub use presets::plan_text;
pub use quench::{Quenching, method_words};
pub use run::{Estimate, Outcome, RunOptions, Watch, estimate, run};
pub use spectrum::{Spectrum, SpectrumPlan, spectrum};
pub use stability::StabilityPlan;
pub use summary::{QuenchSummary, Summary};

/// Sets the number of threads of all parallel work; results do not depend on it. Only the first call has an effect.
pub fn set_threads(threads: usize) {
    // A second call finds the pool built: the first choice stays.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build_global();
}
