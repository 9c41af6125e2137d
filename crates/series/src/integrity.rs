//! What the content of a series tells about its integrity: duplicates, NaN, frozen tensors, exchanged and stray
//! checkpoints, jumps.

use crate::finding::{Finding, Kind, names};
use crate::layout::{Checkpoint, Common};
use crate::reading::Hash;
use crate::stream::{Measured, pair};
use std::collections::{BTreeMap, HashMap};

/// A displacement this many times those around it is a jump, and a checkpoint this much farther from both neighbours than
/// they are from each other is stray.
pub const JUMP: f64 = 5.0;
/// Neighbours are exchanged if both are closer to the checkpoint beyond by this factor.
pub const SWAP: f64 = 0.9;

/// Checkpoints at the end of a series in which a tensor must stand still to be called frozen since then; and at least a quarter of all.
pub const STILL: usize = 3;

/// Findings from fingerprints and counts: duplicates (all tensors the same, bit by bit), NaN and infinities, tensors that
/// are the same in every checkpoint or in the last quarter of them, tensors that are the same as another one in every
/// checkpoint (tied or saved twice). Cost O(S tensors).
pub(crate) fn content(checkpoints: &[Checkpoint], common: &[Common], found: &Measured, findings: &mut Vec<Finding>) {
    repeated(common, found, findings);
    let mut first: HashMap<&[Hash], usize> = HashMap::new();
    for (s, (c, hashes)) in checkpoints.iter().zip(&found.hashes).enumerate() {
        let original = *first.entry(hashes.as_slice()).or_insert(s);
        if original != s {
            let other = &checkpoints[original];
            let what = format!("step {} has the same content as step {} ({})", c.step, other.step, other.name);
            findings.push(Finding::problem(Kind::Duplicate, &c.name, what));
        }
        let bad: Vec<String> = (found.non_finite[s].iter().zip(common))
            .filter(|(n, _)| **n > 0)
            .map(|(n, t)| format!("{} ({n} of {})", t.name, t.len))
            .collect();
        if !bad.is_empty() {
            let what = format!("NaN or infinities in {}: left out of the two-time functions", names(&bad));
            findings.push(Finding::problem(Kind::NonFinite, &c.name, what));
        }
    }
    let frozen: Vec<&str> = (0..common.len())
        .filter(|&i| found.hashes.iter().all(|h| h[i] == found.hashes[0][i]))
        .map(|i| common[i].name.as_str())
        .collect();
    if frozen.len() == common.len() {
        findings.push(Finding::problem(Kind::Frozen, "", "nothing changes in the whole series"));
    } else if !frozen.is_empty() {
        let what = format!("{} of {} tensors never change: {}", frozen.len(), common.len(), names(&frozen));
        findings.push(Finding::note(Kind::Frozen, "", what));
    }
    let count = checkpoints.len();
    // The first checkpoint from which on a tensor is what it is in the last one.
    let since = |i: usize| (0..count).rev().take_while(|&s| found.hashes[s][i] == found.hashes[count - 1][i]).last();
    let mut stopped: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for (i, c) in common.iter().enumerate() {
        if let Some(s) = since(i).filter(|&s| s > 0 && count - s >= STILL.max(count.div_ceil(4))) {
            stopped.entry(s).or_default().push(&c.name);
        }
    }
    for (s, tensors) in stopped {
        let what = format!(
            "{} of {} tensors change before step {} and no more after it: {}",
            tensors.len(),
            common.len(),
            checkpoints[s].step,
            names(&tensors)
        );
        findings.push(Finding::note(Kind::Frozen, &checkpoints[s].name, what));
    }
}

/// Tensors of one content in every checkpoint, which do change: tied weights, or one saved under two names.
fn repeated(common: &[Common], found: &Measured, findings: &mut Vec<Finding>) {
    let mut same: HashMap<Vec<Hash>, Vec<&str>> = HashMap::new();
    for (i, c) in common.iter().enumerate() {
        let all: Vec<Hash> = found.hashes.iter().map(|h| h[i]).collect();
        if all.iter().any(|h| *h != all[0]) {
            same.entry(all).or_default().push(&c.name);
        }
    }
    let mut twice: Vec<Vec<&str>> = same.into_values().filter(|n| n.len() > 1).collect();
    twice.sort();
    for tensors in twice {
        let what = format!(
            "{} tensors are the same in every checkpoint, and counted each: {}",
            tensors.len(),
            names(&tensors)
        );
        findings.push(Finding::note(Kind::Repeated, "", what));
    }
}

/// Findings from displacements D = sqrt(sum d^2), `second` by pair number, of the checkpoints `kept`, in the order of their steps.
///
/// - Exchanged neighbours b, c of a, b, c, d: D(a,c) < 0.9 D(a,b) and D(b,d) < 0.9 D(c,d).
/// - Stray b of a, b, c: D(a,b) and D(b,c) both above 5 D(a,c) > 0.
/// - Jump b -> c of a, b, c, d: D(b,c) above 5 times D(a,b) and D(c,d), each multiplied by the ratio of the steps between if
///   that is above 1 (steady motion moves no farther).
///
/// What is at either end of a series cannot be told from a beginning or an end, and is not judged.
pub(crate) fn motion(all: &[Checkpoint], kept: &[usize], second: &[f64], findings: &mut Vec<Finding>) {
    let distance = |k: usize, t: usize| second[pair(kept[k], kept[t])].sqrt();
    let checkpoints: Vec<&Checkpoint> = kept.iter().map(|&i| &all[i]).collect();
    let count = checkpoints.len();
    let mut stray = vec![false; count];
    for b in 1..count.saturating_sub(1) {
        let (left, right, across) = (distance(b - 1, b), distance(b, b + 1), distance(b - 1, b + 1));
        if across > 0.0 && left.min(right) > JUMP * across {
            stray[b] = true;
            let what = format!(
                "step {} is {:.3e} and {:.3e} away from its neighbours, which are {across:.3e} from each other: from another run or time?",
                checkpoints[b].step, left, right
            );
            findings.push(Finding::problem(Kind::Stray, &checkpoints[b].name, what));
        }
    }
    for a in 0..count.saturating_sub(3) {
        let [b, c, d] = [a + 1, a + 2, a + 3];
        if stray[a..=d].contains(&true) {
            continue;
        }
        if distance(a, c) < SWAP * distance(a, b) && distance(b, d) < SWAP * distance(c, d) {
            let what = format!(
                "steps {} and {} seem exchanged: each is closer to what lies beyond the other",
                checkpoints[b].step, checkpoints[c].step
            );
            findings.push(Finding::problem(Kind::Swapped, &checkpoints[b].name, what));
            continue;
        }
        let steps = |k: usize| (checkpoints[k + 1].step - checkpoints[k].step) as f64;
        let due = |k: usize| distance(k, k + 1) * (steps(b) / steps(k)).max(1.0);
        let (moved, before, after) = (distance(b, c), due(a), due(c));
        if before.min(after) > 0.0 && moved > JUMP * before.max(after) {
            let what = format!(
                "from step {} to {} it moves {moved:.3e}, {:.1} times what lies around",
                checkpoints[b].step,
                checkpoints[c].step,
                moved / before.max(after)
            );
            findings.push(Finding::problem(Kind::Jump, &checkpoints[c].name, what));
        }
    }
}
