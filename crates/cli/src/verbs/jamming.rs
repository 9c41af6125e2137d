//! `glasslab jamming`: the transition between networks that can meet all margins and networks that cannot.

use crate::args::{Common, Place};
use crate::output;
use crate::progress::Bars;
use anyhow::Result;
use clap::Args;
use glasslab_lab::jamming::{JammingPlan, jamming as study};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Flags of `jamming`.
#[derive(Args, Debug)]
pub struct Jamming {
    /// random (labels alternate), or a data set, folder or CSV file (parity of the class).
    #[arg(long, value_name = "NAME|DIR|FILE", default_value = "random")]
    pub data: String,
    /// Dimensions, or whitened principal components; 0: as many as hidden units for random data, else 10.
    #[arg(long, value_name = "D", default_value_t = 0)]
    pub components: usize,
    /// Hidden layers of ReLU.
    #[arg(long, value_name = "L", default_value_t = 3)]
    pub depth: usize,
    /// No biases (they are never counted in N).
    #[arg(long)]
    pub no_biases: bool,
    /// Widths h of the scan over P/N, separated by commas (default: 8,12,18 unless --samples is given).
    #[arg(long, value_name = "H,H,...", value_delimiter = ',')]
    pub widths: Vec<usize>,
    /// Ratios P/N of the scan, separated by commas (default: 2 to 3.4 in steps of 0.2).
    #[arg(long, value_name = "R,R,...", value_delimiter = ',', allow_negative_numbers = true)]
    pub ratios: Vec<f64>,
    /// Training samples P at which N*(P), the least number of weights that fits, is looked for by bisection in h.
    #[arg(long, value_name = "P,P,...", value_delimiter = ',')]
    pub samples: Vec<usize>,
    /// Nets a point.
    #[arg(long, value_name = "S", default_value_t = 10)]
    pub nets: u64,
    /// How nets are moved: adam, fire or flow.
    #[arg(long, value_name = "NAME", default_value = "adam")]
    pub method: String,
    /// Rate of Adam times h (annealed to a tenth over the budget), first time step of FIRE, limit of the turn of flow.
    #[arg(long, value_name = "RATE", default_value_t = 0.1, allow_negative_numbers = true)]
    pub rate: f64,
    /// Budget of a net: steps.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub steps: u64,
    /// Test samples of data that have labels.
    #[arg(long, value_name = "N", default_value_t = 2000)]
    pub test: usize,
    /// Nets at each point whose Hessian H0 + Hp is taken apart if they jam.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub spectra: u64,
    /// Seed of all random streams.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Folder of the run (default: runs/jamming, or the next free one).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on with the stopped study in --out DIR; refused if the plan differs.
    #[arg(long, requires = "out")]
    pub resume: bool,
}

/// Trains all nets, writes the study, prints what was found.
pub fn jamming(args: &Jamming, common: &Common) -> Result<ExitCode> {
    let usual = JammingPlan::default();
    let or = |given: &[usize], usual: Vec<usize>| if given.is_empty() { usual } else { given.to_vec() };
    let plan = JammingPlan {
        data: args.data.clone(),
        components: args.components,
        depth: args.depth,
        biases: !args.no_biases,
        widths: or(&args.widths, if args.samples.is_empty() { usual.widths } else { Vec::new() }),
        ratios: if args.ratios.is_empty() { usual.ratios } else { args.ratios.clone() },
        samples: args.samples.clone(),
        nets: args.nets,
        method: args.method.clone(),
        rate: args.rate,
        steps: args.steps,
        test: args.test,
        spectra: args.spectra,
        seed: args.seed,
    };
    finish(plan, Path::new("."), args.out.as_deref(), args.resume, common)
}

/// Runs the study of a plan file.
pub fn carry_out(plan: JammingPlan, folder: &Path, place: &Place, common: &Common) -> Result<ExitCode> {
    if place.dry_run {
        output::text(common, plan.to_toml().trim_end());
        output::json(common, &serde_json::json!({ "plan": plan }))?;
        return Ok(ExitCode::SUCCESS);
    }
    finish(plan, folder, place.out.as_deref(), place.resume, common)
}

fn finish(plan: JammingPlan, folder: &Path, out: Option<&Path>, resume: bool, common: &Common) -> Result<ExitCode> {
    let outcome = study(plan, folder, out, resume, &mut Bars::default())?;
    output::text(common, outcome.table.trim_end());
    output::text(common, &format!("report: {}", outcome.dir.join("report.html").display()));
    let mut json = outcome.summary;
    json["run"] = outcome.dir.display().to_string().into();
    output::json(common, &json)?;
    Ok(ExitCode::SUCCESS)
}
