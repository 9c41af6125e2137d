//! Checkpoint series of anybody's training: found, checked, compared at all pairs of times, streamed through bounded memory.
//!
//! Read: safetensors, `.npz` and `.npy`, PyTorch's `.pt` and its kin (the pickle in it is read, never run), sketches; one file, all
//! shards, or a folder per checkpoint; F64, F32, F16, BF16; folders, lists, patterns, tables of paths and steps.
//!
//! ```no_run
//! let analysis = glasslab_series::analyse(&["checkpoints".into()], &Default::default(), &())?;
//! println!("{}: {:?}", analysis.summary.problems(), analysis.summary.drift);
//! # Ok::<(), glasslab_series::SeriesError>(())
//! ```
#![forbid(unsafe_code)]

pub mod arrays;
mod components;
mod dtype;
mod error;
mod estimate;
mod finding;
mod glob;
pub mod header;
pub mod integrity;
mod layout;
pub mod live;
mod locate;
mod manifest;
mod npy;
mod open;
mod pairs;
mod pickle;
mod project;
mod reading;
mod records;
mod shards;
pub mod sketch;
mod step;
mod stream;
mod summary;
mod torch;
mod zip;

pub use components::Components;
pub use dtype::Dtype;
pub use error::SeriesError;
pub use estimate::Estimate;
pub use finding::{Finding, Kind};
pub use locate::{Place, locate};
pub use project::{Written, project};
pub use records::WINDOW;
pub use shards::{Along, Split, Word};
pub use sketch::Sketch;
pub use step::{Unit, step_of};
pub use stream::Progress;
pub use summary::{Aging, Drift, Exponent, Member, Summary};

use estimate::Trajectory;
use glasslab_core::{Dataset, Fault};
use records::Rows;
use regex_lite::Regex;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

/// How finely displacements are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Detail {
    /// Of the whole only.
    Whole,
    /// And of every group of tensors.
    Groups,
    /// And of every tensor.
    #[default]
    Tensors,
}

/// What to compare, and with how much memory.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Options {
    /// Bytes of memory to use at most. Results do not depend on it.
    pub memory: u64,
    /// How finely displacements are kept.
    pub detail: Detail,
    /// Groups of tensors, each a regular expression on names, or `name=` and one; empty: by the first component of the names.
    pub groups: Vec<String>,
    /// Tensors that are not compared: regular expressions on names.
    pub skip: Vec<String>,
    /// The state dict of PyTorch files, where they hold several (`model`, `ema.model`).
    pub key: Option<String>,
    /// Fourth moments and participation ratios too, and all sums exact: four times the time.
    pub fourth: bool,
    /// All differences and sums exact to the rounding of f64 (relative error 1e-12), though no number is stored in f64: twice the time.
    /// Without it those of numbers in f32 or shorter are taken in f32: relative error below 4e-6, typically 1e-9.
    pub exact: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            memory: 2 << 30,
            detail: Detail::Tensors,
            groups: Vec::new(),
            skip: Vec::new(),
            key: None,
            fourth: false,
            exact: false,
        }
    }
}

/// Records and findings of a series.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// What was found.
    pub summary: Summary,
    /// All two-time functions.
    pub records: Dataset,
}

/// Regular expressions with their names: `name=regex` (a name of letters, digits, `_`, `-`, `.` or spaces), or the regex alone.
fn patterns(field: &str, all: &[String]) -> Result<Vec<(String, Regex)>, Fault> {
    let one = |p: &String| {
        let named = p.split_once('=').filter(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' '))
        });
        let (name, text) = named.unwrap_or((p, p));
        let fix = |e: regex_lite::Error| Fault::input(field, p, format!("{e}: give a regular expression"));
        Ok((name.to_owned(), Regex::new(text).map_err(fix)?))
    };
    all.iter().map(one).collect()
}

/// Opens the checkpoints at `paths` (a folder, a table, a list, patterns), checks them, and compares all pairs.
///
/// What is wrong with a checkpoint is a finding, and the others are compared without it; an error is returned when fewer
/// than 3 are left, or when an option cannot be used. Cost and memory: every byte of a compared tensor is read once; O(S^2 N/2) for S
/// checkpoints of N parameters; at most `options.memory` bytes beside the headers. The same bytes whatever the memory
/// and the number of threads. Checked by `tests/two_time.rs`, `tests/integrity.rs`, `tests/hostile.rs`.
pub fn analyse(paths: &[PathBuf], options: &Options, progress: &dyn Progress) -> Result<Analysis, SeriesError> {
    let (groups, skip) = (patterns("group", &options.groups)?, patterns("skip", &options.skip)?);
    let (places, mut findings) = locate(paths)?;
    let open = |p| layout::open(p, options.key.as_deref(), &mut findings);
    let mut opened: Vec<_> = places.iter().filter_map(open).collect();
    for c in &mut opened {
        let parts = std::mem::take(&mut c.parts);
        let of = |name: &str| parts.get(name).map_or(name.to_owned(), |p| p.of.clone());
        c.tensors.retain(|name, _| !skip.iter().any(|s| s.1.is_match(&of(name))));
        c.parts = parts;
    }
    opened.sort_by_key(|c| c.step);
    opened.dedup_by(|later, first| {
        let same = later.step == first.step;
        if same {
            let what = format!("step {} is also {}: left out of the comparison{}", later.step, first.name, hint(later));
            findings.push(Finding::problem(Kind::RepeatedStep, &later.name, what));
        }
        same
    });
    let (checkpoints, common) = layout::agree(opened, &mut findings);
    let reasons = |findings: &[Finding]| {
        findings.iter().map(|f| format!("{} {}", f.checkpoint, f.what).trim_start().to_owned()).collect()
    };
    if checkpoints.len() < 3 {
        return Err(SeriesError::TooFew { found: checkpoints.len(), problems: reasons(&findings) });
    }
    if common.is_empty() {
        let fix = "the checkpoints hold no floating-point tensor that is not skipped: there is nothing to compare";
        return Err(Fault::input("tensors", 0, fix).into());
    }
    let size = checkpoints[0].labels.as_ref().map(|l| l.size);
    let (mut rows, rows_of) = rows(&common, options, &groups)?;
    rows.relative_error = size.map_or(0.0, |k| (2.0 / k as f64).sqrt());
    let double = layout::double(&checkpoints, &common);
    let measure = if double { stream::measure::<f64> } else { stream::measure::<f32> };
    let task = stream::Task {
        checkpoints: &checkpoints,
        common: &common,
        rows_of: &rows_of,
        rows: 1 + rows.groups.len() + rows.tensors.len(),
        fourth: options.fourth && size.is_none(),
        exact: options.exact,
        memory: options.memory,
    };
    let mut found = measure(&task, progress)?;
    labelled(&checkpoints, &common, &rows_of, &mut found);
    integrity::content(&checkpoints, &common, &found, &mut findings);
    let kept: Vec<usize> = (0..checkpoints.len()).filter(|&s| found.non_finite[s].iter().all(|&n| n == 0)).collect();
    if kept.len() < 3 {
        return Err(SeriesError::TooFew { found: kept.len(), problems: reasons(&findings) });
    }
    integrity::motion(&checkpoints, &kept, &found.second[0], &mut findings);
    let members: Vec<Member> = (checkpoints.iter().enumerate())
        .map(|(s, c)| Member {
            name: c.name.clone(),
            step: c.step,
            content: summary::fingerprint(&common, &found.hashes[s]),
            compared: kept.contains(&s),
        })
        .collect();
    let times = kept.iter().map(|&i| checkpoints[i].step as f64).collect();
    let trajectory = Trajectory::new(times, kept.clone(), &found);
    let components = components::components(&trajectory);
    let records = records::records(&records::Found {
        checkpoints: &checkpoints,
        kept: &kept,
        members: &members,
        rows: &rows,
        measured: &found,
        trajectory: &trajectory,
        components: components.as_ref(),
    })?;
    let mut summary = summary::summarise(&trajectory, components)?;
    let cosines = records.get("cosine").and_then(|r| r.floats()).unwrap_or_default();
    summary.cosine = cosines.get(kept.len() - 1).copied().unwrap_or(f64::NAN);
    (summary.checkpoints, summary.findings) = (members, findings);
    summary.unit = records::unit(&checkpoints);
    let tensors: HashSet<&str> = common.iter().map(|c| c.of.as_str()).collect();
    (summary.parameters, summary.tensors) = (rows.total, tensors.len() as u64);
    summary.sketch = size.map(|k| k as u64);
    summary.precision = if double || task.exact || task.fourth { "f64" } else { "f32" };
    let bytes = |c: &layout::Checkpoint| common.iter().map(|t| c.tensors[&t.name].1.bytes).sum::<u64>();
    summary.bytes = checkpoints.iter().map(bytes).sum();
    Ok(Analysis { summary, records })
}

/// What to do if a checkpoint that repeats a step looks like a shard.
fn hint(later: &layout::Checkpoint) -> String {
    if shards::looks_like_one(&later.name) { format!("; {}", shards::HINT) } else { String::new() }
}

/// What sketches know exactly takes the place of what was measured on their projections: norms, and numbers that are not finite.
fn labelled(
    checkpoints: &[layout::Checkpoint],
    common: &[layout::Common],
    rows_of: &[Vec<usize>],
    found: &mut stream::Measured,
) {
    for (s, c) in checkpoints.iter().enumerate() {
        let Some(labels) = &c.labels else { continue };
        found.norm.iter_mut().for_each(|row| row[s] = 0.0);
        for (t, tensor) in common.iter().enumerate() {
            let facts = &labels.rows[&tensor.name];
            found.non_finite[s][t] += facts.non_finite;
            rows_of[t].iter().for_each(|&r| found.norm[r][s] += facts.squares);
        }
    }
}

/// The rows of results, and for each tensor the rows that it belongs to.
fn rows(
    common: &[layout::Common],
    options: &Options,
    patterns: &[(String, Regex)],
) -> Result<(Rows, Vec<Vec<usize>>), Fault> {
    let mut rows_of = vec![vec![0]; common.len()];
    let size = |members: &[usize]| members.iter().map(|&i| common[i].entries).sum();
    let total = common.iter().map(|c| c.entries).sum();
    let mut rows = Rows { groups: Vec::new(), tensors: Vec::new(), total, relative_error: 0.0 };
    if options.detail != Detail::Whole {
        for (name, members) in layout::groups(common, patterns) {
            if members.is_empty() {
                return Err(Fault::input("group", name, "matches no compared tensor: give another regular expression"));
            }
            members.iter().for_each(|&i| rows_of[i].push(1 + rows.groups.len()));
            rows.groups.push((name, size(&members)));
        }
    }
    if options.detail == Detail::Tensors {
        let mut number: HashMap<&str, usize> = HashMap::new();
        for (i, c) in common.iter().enumerate() {
            // The parts of one tensor are one row.
            let at = *number.entry(&c.of).or_insert(rows.tensors.len());
            if at == rows.tensors.len() {
                rows.tensors.push((c.of.clone(), 0));
            }
            rows.tensors[at].1 += c.entries;
            rows_of[i].push(1 + rows.groups.len() + at);
        }
    }
    Ok((rows, rows_of))
}
