//! What most checkpoints of a series have in common, and how the others differ from it.

use crate::dtype::Dtype;
use crate::error::{SeriesError, refused};
use crate::finding::{Finding, Kind, names};
use crate::header::Tensor;
use crate::locate::Place;
use crate::open::contents;
use crate::shards::{self, Held, Part};
use crate::sketch::Labels;
use crate::step::{Unit, leading};
use regex_lite::Regex;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

/// A checkpoint whose headers were read.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoint {
    pub(crate) name: String,
    pub(crate) step: u64,
    pub(crate) unit: Unit,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) file_bytes: Vec<u64>,
    /// Tensors by name: number of the file, and where in it.
    pub(crate) tensors: BTreeMap<String, (usize, Tensor)>,
    /// Parts of tensors that several shards hold, by the name of the part.
    pub(crate) parts: BTreeMap<String, Part>,
    /// Sketches of shards: rows of the other files, which are added to those of the first.
    pub(crate) added: BTreeMap<String, Vec<(usize, Tensor)>>,
    /// What a sketch says of itself.
    pub(crate) labels: Option<Labels>,
}

impl Checkpoint {
    /// The tensor that a name, of a tensor or of a part, belongs to.
    pub(crate) fn whole<'a>(&'a self, name: &'a str) -> &'a str {
        self.parts.get(name).map_or(name, |p| &p.of)
    }
}

/// A tensor that is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Common {
    pub(crate) name: String,
    /// The tensor that it is, or is a part of.
    pub(crate) of: String,
    /// Numbers that are stored and compared.
    pub(crate) len: usize,
    /// Parameters that they stand for: the same, but for sketches.
    pub(crate) entries: u64,
}

/// The headers of a checkpoint; the finding if there is something wrong with it, which may leave it out.
pub(crate) fn open(place: &Place, key: Option<&str>, findings: &mut Vec<Finding>) -> Option<Checkpoint> {
    match read(place, key) {
        Err(error) => {
            findings.push(Finding::problem(Kind::Unreadable, &place.name, error.to_string()));
            None
        }
        Ok((mut checkpoint, written)) => {
            let (step, unit) = match (place.step, written) {
                (Some((step, unit)), written) => {
                    if let Some(other) = written.filter(|&w| w != step && unit == Unit::Steps && !place.told) {
                        let what = format!("its name says step {step}, its metadata step {other}: the name counts");
                        findings.push(Finding::problem(Kind::StepMismatch, &place.name, what));
                    }
                    (step, unit)
                }
                (None, Some(step)) => (step, Unit::Steps),
                (None, None) => {
                    let what = "no step in its name or metadata: left out";
                    findings.push(Finding::note(Kind::Ignored, &place.name, what));
                    return None;
                }
            };
            (checkpoint.step, checkpoint.unit) = (step, unit);
            Some(checkpoint)
        }
    }
}

fn read(place: &Place, key: Option<&str>) -> Result<(Checkpoint, Option<u64>), SeriesError> {
    let mut checkpoint = Checkpoint {
        name: place.name.clone(),
        step: 0,
        unit: Unit::Steps,
        files: place.files.clone(),
        file_bytes: Vec::new(),
        tensors: BTreeMap::new(),
        parts: BTreeMap::new(),
        added: BTreeMap::new(),
        labels: None,
    };
    let mut step = None;
    let mut held = Held::new();
    for (number, file) in place.files.iter().enumerate() {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let header = contents(file, if place.files.len() > 1 { &stem } else { "array" }, key)?;
        let written = ["global_step", "step", "iteration"].iter().find_map(|k| header.metadata.get(*k));
        step = step.or(written.filter(|w| w.bytes().all(|b| b.is_ascii_digit())).and_then(|w| leading(w)));
        checkpoint.file_bytes.push(header.file_bytes);
        let labels = Labels::of(file, &header.metadata)?;
        if place.files.len() > 1 && place.splits.is_none() && labels.is_some() {
            let fix = "give a table with shards = [...]: sketches of shards are added up";
            return Err(refused(file, "sketch", "one of several files", fix));
        }
        let (sketched, several) = (labels.is_some(), place.splits.is_some());
        for mut tensor in header.tensors {
            let name = tensor.name.clone();
            if let Some(labels) = &labels {
                labels.row(file, &tensor)?;
                tensor.shape = vec![0];
            } else if several {
                held.entry(name).or_default().push((number, tensor));
                continue;
            }
            if let Entry::Vacant(place) = checkpoint.tensors.entry(name.clone()) {
                place.insert((number, tensor));
            } else if several {
                checkpoint.added.entry(name).or_default().push((number, tensor));
            } else {
                let fix = "another shard has it too: fetch the shards again, or, if each holds a part of it, give a table with shards \
                           = [...] and [[split]]";
                return Err(refused(file, "tensor", format!("{name:?}"), fix));
            }
        }
        if number > 0 && sketched != checkpoint.labels.is_some() {
            return Err(refused(file, "shard", "a sketch beside weights", "give shards of one kind"));
        }
        match (&mut checkpoint.labels, labels) {
            (Some(sum), Some(other)) => sum.add(file, &other)?,
            (sum, other) => *sum = other,
        }
    }
    if let Some(labels) = &checkpoint.labels {
        // A sketch is compared with sketches of the same parameters, seed and size.
        for (name, (_, tensor)) in &mut checkpoint.tensors {
            let facts = &labels.rows[name];
            tensor.dtype_name = format!("sketch of layout {:x}, k {}, seed {}", facts.layout, labels.size, labels.seed);
            tensor.shape = vec![facts.entries];
        }
    }
    if let Some(splits) = &place.splits {
        shards::join(&mut checkpoint, held, splits)?;
    }
    Ok((checkpoint, step))
}

type Shapes<'a> = Vec<(&'a str, &'a [u64], &'a str)>;

/// Names and shapes of the floating-point tensors, and what is projected how in a sketch.
fn shapes(checkpoint: &Checkpoint) -> Shapes<'_> {
    let floats = checkpoint.tensors.values().filter(|(_, t)| t.dtype.is_float());
    let sketched = checkpoint.labels.is_some();
    floats
        .map(|(_, t)| (t.name.as_str(), t.shape.as_slice(), if sketched { t.dtype_name.as_str() } else { "" }))
        .collect()
}

/// The most common layout (the earliest of equally common ones), the findings about all that differs, and the checkpoints
/// that have at least that layout: the others are left out.
pub(crate) fn agree(checkpoints: Vec<Checkpoint>, findings: &mut Vec<Finding>) -> (Vec<Checkpoint>, Vec<Common>) {
    let mut counts: HashMap<Shapes<'_>, usize> = HashMap::new();
    for c in &checkpoints {
        *counts.entry(shapes(c)).or_default() += 1;
    }
    let most = counts.values().copied().max().unwrap_or(0);
    let Some(model) = checkpoints.iter().find(|c| counts[&shapes(c)] == most).cloned() else {
        return (Vec::new(), Vec::new());
    };
    let mut dtypes: BTreeMap<&str, HashMap<&str, usize>> = BTreeMap::new();
    for t in checkpoints.iter().flat_map(|c| c.tensors.values()).map(|t| &t.1) {
        *dtypes.entry(&t.name).or_default().entry(&t.dtype_name).or_default() += 1;
    }
    let usual = |name: &str| -> String {
        let counted = dtypes.get(name).into_iter().flatten();
        counted.max_by_key(|&(d, n)| (*n, std::cmp::Reverse(*d))).map_or(String::new(), |(d, _)| (*d).to_owned())
    };
    let usual: BTreeMap<String, String> = dtypes.keys().map(|n| ((*n).to_owned(), usual(n))).collect();
    let common: Vec<Common> = shapes(&model)
        .iter()
        .map(|(name, shape, _)| Common {
            name: (*name).to_owned(),
            of: model.whole(name).to_owned(),
            len: model.tensors[*name].1.len() as usize,
            entries: shape.iter().product::<u64>(),
        })
        .filter(|c| c.len > 0)
        .collect();
    let skipped: Vec<&str> =
        model.tensors.values().filter(|t| !t.1.dtype.is_float()).map(|t| t.1.name.as_str()).collect();
    if !skipped.is_empty() {
        let what = format!("not compared, as they are no floating-point numbers: {}", names(&skipped));
        findings.push(Finding::note(Kind::Skipped, "", what));
    }
    let statistics: Vec<&str> = (common.iter().map(|c| c.of.as_str()))
        .filter(|n| n.ends_with("running_mean") || n.ends_with("running_var"))
        .collect();
    if !statistics.is_empty() {
        let what = "running statistics, no weights, and compared like them";
        let what = format!("{what}: {}; leave them out with the expression running_ of `skip`", names(&statistics));
        findings.push(Finding::note(Kind::Statistics, "", what));
    }
    let keep = |c: &Checkpoint| differences(c, &model, &usual, findings);
    let kept = checkpoints.iter().map(keep).collect::<Vec<_>>();
    drop(dtypes);
    drop(counts);
    let kept = checkpoints.into_iter().zip(kept).filter(|k| k.1).map(|k| k.0).collect();
    (kept, common)
}

/// What differs from the model; true if every tensor of the model is there with its shape.
fn differences(
    c: &Checkpoint,
    model: &Checkpoint,
    usual: &BTreeMap<String, String>,
    findings: &mut Vec<Finding>,
) -> bool {
    let (mut missing, mut shape, mut dtype) = (Vec::new(), Vec::new(), Vec::new());
    for (name, (_, wanted)) in &model.tensors {
        match c.tensors.get(name) {
            None => missing.push(name.clone()),
            Some((_, t)) if t.shape != wanted.shape => {
                shape.push(format!("{name} {:?}, elsewhere {:?}", t.shape, wanted.shape));
            }
            Some((_, t)) if t.dtype_name != usual[name] => {
                dtype.push(format!("{name} {}, elsewhere {}", t.dtype_name, usual[name]));
            }
            Some(_) => {}
        }
    }
    let added: Vec<String> = c.tensors.keys().filter(|n| !model.tensors.contains_key(*n)).cloned().collect();
    let own: HashMap<&str, (&[u64], &str)> = shapes(c).into_iter().map(|(n, s, d)| (n, (s, d))).collect();
    let fits = shapes(model).iter().all(|(name, shape, sketch)| own.get(name) == Some(&(*shape, *sketch)));
    let end = if fits { "" } else { " (left out of the comparison)" };
    for (kind, list) in [(Kind::Missing, missing), (Kind::Added, added), (Kind::Shape, shape), (Kind::Dtype, dtype)] {
        if !list.is_empty() {
            let what = format!("{} of its tensors: {}{end}", list.len(), names(&list));
            let what = if kind == Kind::Missing { what.replace("of its tensors", "missing") } else { what };
            findings.push(Finding::problem(kind, &c.name, what));
        }
    }
    fits
}

/// Groups of tensors: one per regular expression (each tensor belongs to all that match its name), or, without any, by the
/// first component of the name behind what all names share, with the number that follows it (`layers.0`).
pub(crate) fn groups(common: &[Common], patterns: &[(String, Regex)]) -> Vec<(String, Vec<usize>)> {
    if !patterns.is_empty() {
        let members = |p: &Regex| (0..common.len()).filter(|&i| p.is_match(&common[i].of)).collect();
        return patterns.iter().map(|(name, p)| (name.clone(), members(p))).collect();
    }
    let parts: Vec<Vec<&str>> = common.iter().map(|c| c.of.split('.').collect()).collect();
    let mut shared = 0;
    while let Some(first) = parts.first().and_then(|p| p.get(shared))
        && parts.iter().all(|p| p.len() > shared + 1 && p[shared] == *first)
    {
        shared += 1;
    }
    let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
    for (i, p) in parts.iter().enumerate() {
        let numbered = p.get(shared + 1).is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
        let key = p[..(shared + 1 + usize::from(numbered)).min(p.len())].join(".");
        match groups.iter_mut().find(|g| g.0 == key) {
            Some(group) => group.1.push(i),
            None => groups.push((key, vec![i])),
        }
    }
    groups
}

/// True if any compared tensor of any checkpoint is f64: then all are compared in f64.
pub(crate) fn double(checkpoints: &[Checkpoint], common: &[Common]) -> bool {
    let wide = |c: &Checkpoint| common.iter().any(|t| c.tensors[&t.name].1.dtype == Dtype::F64);
    checkpoints.iter().any(wide)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_by_name_or_by_pattern() {
        let common: Vec<Common> = ["g.embed.w", "g.layers.0.a", "g.layers.0.b", "g.layers.1.a"]
            .map(|n| Common { name: n.to_owned(), of: n.to_owned(), len: 1, entries: 1 })
            .into();
        let found = groups(&common, &[]);
        let expected = [("g.embed", vec![0]), ("g.layers.0", vec![1, 2]), ("g.layers.1", vec![3])];
        assert_eq!(found, expected.map(|(n, m)| (n.to_owned(), m)));
        let found = groups(&common, &[("a$".to_owned(), Regex::new("a$").unwrap())]);
        assert_eq!(found, [("a$".to_owned(), vec![1, 3])]);
    }
}
