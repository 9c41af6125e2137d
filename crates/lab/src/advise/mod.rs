//! Advice for a user's own data: which width, which alpha, how many nets to average; quoted without selection bias, and put to the test.

mod back_test;
pub(crate) mod data;
mod judge;
mod page;
mod plan;
mod quote;
mod records;
mod search;
mod shop;
mod words;

pub use back_test::{BackTest, Single};
pub use judge::Verdict;
pub use plan::{AdvisePlan, Budget};
pub use quote::Quote;

use crate::error::{LabError, plan_error};
use crate::run::Watch;
use crate::study::{self, Study};
use glasslab_core::{Fault, Streams};
use glasslab_nets::labelled::{Classes, Labelled, Parts, Sizes, parts};
use search::{Choice, Round, Search, Spot};
use serde_json::{Value, json};
use shop::Shop;
use std::path::{Path, PathBuf};

/// What the advice left.
#[derive(Clone, Debug)]
pub struct AdviseOutcome {
    /// The run directory.
    pub dir: PathBuf,
    /// What was found, as in `summary.json`.
    pub summary: Value,
    /// The same for a terminal.
    pub table: String,
}

/// Samples of the tangent kernels.
const KERNEL: usize = 100;
/// Inputs of which all are kept where components are not given; and the components that are kept of more.
const ALL_INPUTS: usize = 50;
const COMPONENTS: usize = 30;

fn refuse(fault: Fault) -> LabError {
    match fault {
        fault @ Fault::File { .. } => LabError::Data(fault),
        fault => study::refuse("advise", fault),
    }
}

/// All that the page, the records and the words are made of.
struct Found<'a> {
    plan: &'a AdvisePlan,
    about: &'a str,
    samples: usize,
    spots: &'a [Spot],
    rounds: &'a [Round],
    spent: f64,
    cut: bool,
    /// Labels of the samples to choose by.
    y: &'a [f64],
    choice: Option<&'a Choice>,
    quote: Option<&'a Quote>,
    test: Option<&'a BackTest>,
    /// Share of the smaller class among the samples to quote by: the error of always saying the larger one.
    guess: f64,
}

/// Reads the data, cuts them in four, spends the budget on an adaptive map, chooses, quotes the error, puts it to the test; writes nets,
/// records, summary and report into `out` (runs/advise or the next free one if `None`). With `resume` a stopped run goes on: nets that are
/// there are not trained again.
///
/// Protocol: the map is trained on the training part and judged on the part to choose by; the error of the recommendation is quoted from
/// fresh nets on the part to quote by; the back-test trains fresh nets again and judges on the held-out part, which nothing before saw.
/// Results depend on plan and data alone: the budget is counted work, and every decision is taken between batches of nets.
///
/// A budget in seconds is turned into work by a measured rate; the plan that is written has the work. Source: the procedure is assembled from
/// Geiger, Petrini, Wyart 2021, doi:10.1016/j.physrep.2021.04.001. Checked by `tests/advise.rs`.
pub fn advise(
    plan: AdvisePlan,
    budget: Budget,
    folder: &Path,
    out: Option<&Path>,
    resume: bool,
    watch: &mut dyn Watch,
) -> Result<AdviseOutcome, LabError> {
    let complaints = plan.complaints();
    if !complaints.is_empty() {
        return Err(plan_error("advise", complaints));
    }
    let (plan, cut) = prepared(plan, budget, folder, out.filter(|_| resume), watch)?;
    let study = Study::open("advise", "nets", &plan.to_toml(), out, resume)?;
    watch.note(&format!("run directory {}", study.dir.path().display()));
    watch.note(&format!("{}: {}", plan.data, cut.about));
    let kernel = first(&cut.choose, KERNEL);
    let mut shop = Shop::new(&plan, &cut.train, kernel.clone(), cut.choose.clone(), &study);
    let mut search = Search::new(&plan, &mut shop);
    let choice = search.run(watch)?;
    let Search { spots, rounds, mut spent, cut: cut_short, .. } = search;
    let mut quoting = Shop::new(&plan, &cut.train, kernel.clone(), cut.quote.clone(), &study);
    let quote = match &choice {
        Some(c) => quote::quote(&plan, &spots[c.spot], c.nets, &mut quoting, watch)?,
        None => None,
    };
    spent += quote.as_ref().map_or(0.0, |q| q.work);
    let mut holding = Shop::new(&plan, &cut.train, kernel, cut.held.clone(), &study);
    let test = match (&choice, &quote) {
        (Some(c), Some(q)) if plan.back_test => {
            back_test::back_test(&plan, &spots[c.spot], c.nets, q, &mut shop, &mut holding, watch)?
        }
        _ => None,
    };
    let plus = cut.quote.y.iter().filter(|y| **y > 0.0).count() as f64 / cut.quote.len() as f64;
    let found = Found {
        plan: &plan,
        about: &cut.about,
        samples: cut.train.len(),
        spots: &spots,
        rounds: &rounds,
        spent,
        cut: cut_short,
        y: &cut.choose.y,
        choice: choice.as_ref(),
        quote: quote.as_ref(),
        test: test.as_ref(),
        guess: plus.min(1.0 - plus),
    };
    let seconds = shop.seconds + quoting.seconds + holding.seconds;
    let work = spent + test.as_ref().map_or(0.0, |t| t.work);
    write(&study, &found, seconds, work)
}

/// The plan with everything decided, and the data cut.
fn prepared(
    mut plan: AdvisePlan,
    budget: Budget,
    folder: &Path,
    resumed: Option<&Path>,
    watch: &mut dyn Watch,
) -> Result<(AdvisePlan, Parts), LabError> {
    let samples = data::open(&plan.data, folder).map_err(refuse)?;
    let classes = Classes::parse(&plan.classes, &samples.names).map_err(refuse)?;
    let raw = samples.inputs;
    let keep = plan.components.unwrap_or(if raw <= ALL_INPUTS { 0 } else { COMPONENTS });
    plan.components = Some(keep);
    let inputs = if keep > 0 { keep } else { raw } + usize::from(samples.table);
    plan.budget = match budget {
        Budget::Work(work) => work,
        Budget::Seconds(seconds) => {
            let there = resumed.and_then(|d| std::fs::read_to_string(d.join("plan.toml")).ok());
            match there.and_then(|t| AdvisePlan::from_toml(&t)) {
                Some(there) => there.budget,
                None => {
                    let rate = shop::rate(&plan).map_err(refuse)?;
                    let work = plan::two_digits(seconds * rate);
                    watch.note(&format!(
                        "this machine trains at {rate:.1e} operations a second: {seconds} s are a budget of {work:.1e} (give that number to \
                         get the same advice again)"
                    ));
                    work
                }
            }
        }
    };
    let from = samples.test_from.unwrap_or(samples.len());
    let count = |class: &[u32]| class.iter().filter(|c| classes.label(**c).is_some()).count();
    let sizes = Sizes::of(count(&samples.class[..from]), count(&samples.class[from..])).map_err(refuse)?;
    let plan = plan.sized(inputs, sizes.train).map_err(refuse)?;
    let cut = parts(samples, &classes, plan.samples, keep, Streams::new(plan.seed)).map_err(refuse)?;
    Ok((plan, cut))
}

fn first(data: &Labelled, count: usize) -> Labelled {
    let n = count.min(data.len());
    Labelled { inputs: data.inputs, x: data.x[..n * data.inputs].to_vec(), y: data.y[..n].to_vec() }
}

fn write(study: &Study, found: &Found, seconds: f64, work: f64) -> Result<AdviseOutcome, LabError> {
    let advice = words::advice(found);
    let chosen = found.choice.map(|c| {
        let spot = &found.spots[c.spot];
        json!({
            "width": spot.width, "alpha": spot.alpha, "nets": c.nets, "weights": spot.weights,
            "points_not_told_apart": c.equal.len(), "compared_at_nets": c.compared,
        })
    });
    let summary = json!({
        "name": "advise",
        "version": env!("CARGO_PKG_VERSION"),
        "data": format!("{}: {}", found.plan.data, found.about),
        "convention": "alpha is that of f = (1/h) w . z (code of Geiger et al. 2020): sqrt(h) times the paper's",
        "budget": found.plan.budget,
        "spent": found.spent,
        "budget_left_points_out": found.cut,
        "points": found.spots.len(),
        "nets": found.spots.iter().map(|s| s.nets.len()).sum::<usize>(),
        "error_of_guessing": found.guess,
        "recommended": chosen,
        "expected": found.quote,
        "back_test": found.test,
        "rounds": found.rounds,
        "advice": advice,
    });
    study.finish(found.plan.seed, &records::dataset(found), &summary, &page::page(found, &advice))?;
    let mut table = words::table(found);
    table += "\n";
    for sentence in &advice {
        table += &format!("  {sentence}\n");
    }
    // Of nets that were trained now; what was there already has no time.
    if let (true, Some(q)) = (seconds > 0.1 && work > 0.0, found.quote) {
        let rate = work / seconds;
        table += &format!("  On one core of this machine that training takes about {}.\n", words::time(q.work / rate));
    }
    Ok(AdviseOutcome { dir: study.dir.path().to_owned(), summary, table })
}
