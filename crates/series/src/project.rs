//! Sketches of the checkpoints of a series: each is read once and written as one small file.

use crate::error::{SeriesError, io};
use crate::finding::{Finding, Kind};
use crate::layout::{self, Checkpoint, Common};
use crate::locate::locate;
use crate::reading::{Reading, Tile};
use crate::sketch::Sketch;
use crate::step::Unit;
use crate::stream::Progress;
use crate::{Detail, Options, patterns};
use glasslab_core::Fault;
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Entries that are read at once.
const ENTRIES: usize = 1 << 16;

/// A sketch that was written.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Written {
    /// The checkpoint.
    pub checkpoint: String,
    /// Its step.
    pub step: u64,
    /// The file of its sketch.
    pub file: PathBuf,
    /// Parameters that were projected.
    pub parameters: u64,
}

/// Sketches the checkpoints at `paths` into files `step<step>.safetensors` of the folder `out`, with k = `size` numbers for each row of
/// `options.detail`: the whole (`all`), groups, or tensors. What cannot be read is a finding. `analyse` takes the folder as it takes one of
/// checkpoints. Cost O(S N); memory: some megabytes a thread and one sketch. The same files whatever the number of threads.
/// Checked by `tests/sketches.rs`.
pub fn project(
    paths: &[PathBuf],
    options: &Options,
    (seed, size): (u64, usize),
    out: &Path,
    progress: &dyn Progress,
) -> Result<(Vec<Written>, Vec<Finding>), SeriesError> {
    Sketch::new(seed, size)?;
    let (groups, skip) = (patterns("group", &options.groups)?, patterns("skip", &options.skip)?);
    let (places, mut findings) = locate(paths)?;
    let open = |p| layout::open(p, options.key.as_deref(), &mut findings);
    let mut opened: Vec<Checkpoint> = places.iter().filter_map(open).collect();
    for c in &mut opened {
        let parts = std::mem::take(&mut c.parts);
        let of = |name: &str| parts.get(name).map_or(name.to_owned(), |p| p.of.clone());
        let wanted = |name: &str| !skip.iter().any(|s| s.1.is_match(&of(name)));
        c.tensors.retain(|name, t| t.1.dtype.is_float() && !t.1.is_empty() && wanted(name));
        c.parts = parts;
    }
    opened.sort_by_key(|c| c.step);
    opened.dedup_by(|later, first| {
        let same = later.step == first.step;
        if same {
            let what = format!("step {} is also {}: left out", later.step, first.name);
            findings.push(Finding::problem(Kind::RepeatedStep, &later.name, what));
        }
        same
    });
    if let Some(c) = opened.iter().find(|c| c.labels.is_some()) {
        return Err(
            Fault::input("checkpoint", &c.name, "it is a sketch already: give the checkpoints themselves").into()
        );
    }
    if opened.is_empty() {
        let problems = findings.iter().map(|f| format!("{} {}", f.checkpoint, f.what)).collect();
        return Err(SeriesError::TooFew { found: 0, problems });
    }
    std::fs::create_dir_all(out).map_err(io("create the folder", out))?;
    progress.begin(opened.iter().flat_map(|c| c.tensors.values()).map(|t| t.1.bytes).sum());
    let one = |c: &Checkpoint| -> Result<Written, SeriesError> {
        let common: Vec<Common> = c
            .tensors
            .iter()
            .map(|(name, (_, t))| Common {
                name: name.clone(),
                of: c.whole(name).to_owned(),
                len: t.len() as usize,
                entries: t.len(),
            })
            .collect();
        let rows: Vec<Vec<String>> = match options.detail {
            Detail::Whole => common.iter().map(|_| vec!["all".to_owned()]).collect(),
            Detail::Tensors => common.iter().map(|t| vec![t.of.clone()]).collect(),
            Detail::Groups => {
                let mut rows = vec![Vec::new(); common.len()];
                for (name, members) in layout::groups(&common, &groups) {
                    members.iter().for_each(|&i| rows[i].push(name.clone()));
                }
                // Rows are summed to the whole: a tensor belongs to one row, the first that it matches.
                rows.iter_mut().for_each(|r| {
                    r.truncate(1);
                    if r.is_empty() {
                        r.push("rest".to_owned());
                    }
                });
                rows
            }
        };
        let mut sketch = Sketch::new(seed, size)?;
        sketch.step = (c.unit != Unit::Position).then_some(c.step);
        let mut reading = Reading::new(c);
        let (mut values, mut buffer) = (vec![0.0_f64; ENTRIES], vec![0_u8; 8 * ENTRIES]);
        for (tensor, t) in common.iter().enumerate() {
            for start in (0..t.len).step_by(ENTRIES) {
                let len = ENTRIES.min(t.len - start);
                reading.fill(&common, &[Tile { tensor, start, len, at: 0 }], &mut values, &mut buffer, progress)?;
                let row = &rows[tensor][0];
                let (start, end) = (start as u64, (start + len) as u64);
                match c.parts.get(&t.name) {
                    None => sketch.add(row, &t.of, start, &values[..len]),
                    Some(part) => part.runs(start, end, |at, run| sketch.add(row, &t.of, at, &values[run])),
                }
            }
        }
        let file = out.join(format!("step{}.safetensors", c.step));
        sketch.write(&file)?;
        let parameters = common.iter().map(|t| t.entries).sum();
        Ok(Written { checkpoint: c.name.clone(), step: c.step, file, parameters })
    };
    let written = opened.par_iter().map(one).collect::<Result<Vec<_>, _>>()?;
    progress.end();
    Ok((written, findings))
}
