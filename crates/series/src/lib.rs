//! Checkpoint series of anybody's training: found, checked, compared at all pairs of times, streamed through bounded memory.
//!
//! Read now: safetensors, one file, all shards, or a folder per checkpoint; F64, F32, F16, BF16. Not yet: `.npz`/`.npy`,
//! restricted reading of PyTorch's pickles (they are refused), manifests and tables of steps, sketches, live recorders,
//! several series as replicas.
//!
//! ```no_run
//! let analysis = glasslab_series::analyse(&["checkpoints".into()], &Default::default(), &())?;
//! println!("{}: {:?}", analysis.summary.problems(), analysis.summary.drift);
//! # Ok::<(), glasslab_series::SeriesError>(())
//! ```
#![forbid(unsafe_code)]

mod analysis;
mod dtype;
mod error;
mod finding;
pub mod header;
pub mod integrity;
mod layout;
pub mod live;
mod locate;
pub mod sketch;
mod step;
mod stream;

pub use analysis::{Drift, Exponent, Member, Summary, WINDOW};
pub use dtype::Dtype;
pub use error::SeriesError;
pub use finding::{Finding, Kind};
pub use locate::{Place, locate};
pub use sketch::Sketch;
pub use step::{Unit, step_of};
pub use stream::Progress;

use analysis::Rows;
use glasslab_core::{Dataset, Fault};
use regex_lite::Regex;
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
    /// Groups of tensors, each a regular expression on names; empty: by the first component of the names.
    pub groups: Vec<String>,
    /// Tensors that are not compared: regular expressions on names.
    pub skip: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { memory: 2 << 30, detail: Detail::Tensors, groups: Vec::new(), skip: Vec::new() }
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

fn patterns(field: &str, all: &[String]) -> Result<Vec<Regex>, Fault> {
    let one = |p: &String| {
        let fix = |e: regex_lite::Error| Fault::input(field, p, format!("{e}: give a regular expression"));
        Regex::new(p).map_err(fix)
    };
    all.iter().map(one).collect()
}

/// Opens the checkpoints at `paths` (one folder, or a list), checks them, and compares all pairs.
///
/// What is wrong with a checkpoint is a finding, and the others are compared without it; an error is returned when fewer
/// than 3 are left, or when an option cannot be used. Cost and memory: every byte of a compared tensor is read once; O(S^2 N/2) for S
/// checkpoints of N parameters; at most `options.memory` bytes beside the headers. The same bytes whatever the memory
/// and the number of threads. Checked by `tests/two_time.rs`, `tests/integrity.rs`, `tests/hostile.rs`.
pub fn analyse(paths: &[PathBuf], options: &Options, progress: &dyn Progress) -> Result<Analysis, SeriesError> {
    let (groups, skip) = (patterns("group", &options.groups)?, patterns("skip", &options.skip)?);
    let (places, mut findings) = locate(paths)?;
    let mut opened: Vec<_> = places.iter().filter_map(|p| layout::open(p, &mut findings)).collect();
    for c in &mut opened {
        c.tensors.retain(|name, _| !skip.iter().any(|s| s.is_match(name)));
    }
    opened.sort_by_key(|c| c.step);
    opened.dedup_by(|later, first| {
        let same = later.step == first.step;
        if same {
            let what = format!("step {} is also {}: left out of the comparison", later.step, first.name);
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
    let (rows, rows_of) = rows(&common, options, &groups)?;
    let count = 1 + rows.groups.len() + rows.tensors.len();
    let double = layout::double(&checkpoints, &common);
    let measure = if double { stream::measure::<f64> } else { stream::measure::<f32> };
    let found = measure(&checkpoints, &common, &rows_of, count, options.memory, progress)?;
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
            content: analysis::fingerprint(&common, &found.hashes[s]),
            compared: kept.contains(&s),
        })
        .collect();
    let records = analysis::records(&checkpoints, &kept, &members, &rows, &found)?;
    let mut summary = analysis::summarise(&records, members, &checkpoints, findings)?;
    summary.parameters = rows.total as u64;
    summary.tensors = common.len() as u64;
    summary.precision = if double { "f64" } else { "f32" };
    let bytes = |c: &layout::Checkpoint| common.iter().map(|t| c.tensors[&t.name].1.bytes).sum::<u64>();
    summary.bytes = checkpoints.iter().map(bytes).sum();
    Ok(Analysis { summary, records })
}

/// The rows of results, and for each tensor the rows that it belongs to.
fn rows(common: &[layout::Common], options: &Options, patterns: &[Regex]) -> Result<(Rows, Vec<Vec<usize>>), Fault> {
    let mut rows_of = vec![vec![0]; common.len()];
    let size = |members: &[usize]| members.iter().map(|&i| common[i].len).sum();
    let mut rows = Rows { groups: Vec::new(), tensors: Vec::new(), total: common.iter().map(|c| c.len).sum() };
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
        for (i, c) in common.iter().enumerate() {
            rows_of[i].push(1 + rows.groups.len() + i);
            rows.tensors.push((c.name.clone(), c.len));
        }
    }
    Ok((rows, rows_of))
}
