//! How a sweep stands: finished, failed, in work, and what the rest will cost.

use super::dir::SweepDir;
use crate::error::LabError;
use glasslab_store::{JournalReader, Run};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::fs;

/// Why a point failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The point: its fields and values.
    pub point: String,
    /// Why.
    pub reason: String,
}

/// How a sweep stands.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Points of the plan.
    pub points: usize,
    /// Finished.
    pub done: usize,
    /// Failed.
    pub failed: usize,
    /// Claimed by living processes.
    pub running: usize,
    /// Begun and interrupted, or left by a process that died.
    pub interrupted: usize,
    /// Mean cost of a finished point in seconds, where it is known.
    pub seconds_per_point: Option<f64>,
    /// Finished points of earlier plans that this one does not have.
    pub others: usize,
    /// Why points failed; the first ones, in the order of the plan.
    pub failures: Vec<Failure>,
}

/// Most failures that are read.
const SHOWN: usize = 1000;

#[derive(Deserialize)]
struct Line {
    point: String,
    #[serde(default)]
    seconds: f64,
}

/// Cost of each point as the journals say it. Cost O(journals).
pub(super) fn costs(dir: &SweepDir) -> Result<HashMap<String, f64>, LabError> {
    let mut out = HashMap::new();
    JournalReader::new(dir.journal()).read_new(&mut |line| {
        if let Ok(line) = serde_json::from_slice::<Line>(line) {
            out.insert(line.point, line.seconds);
        }
    })?;
    Ok(out)
}

impl Status {
    /// Looks. Cost O(points), a second or so at 10^5 points.
    pub fn of(dir: &SweepDir) -> Result<Self, LabError> {
        let (finished, failures) = (dir.finished()?, dir.failures()?);
        let mine: HashSet<&str> = dir.addresses().iter().map(String::as_str).collect();
        let done = mine.iter().filter(|a| finished.contains(**a)).count();
        let held: HashSet<String> = dir.claims().held_names()?.into_iter().collect();
        let open = |a: &str| mine.contains(a) && !finished.contains(a) && !failures.contains(a);
        let running = held.iter().filter(|a| open(a)).count();
        let begun: HashSet<String> = super::dir::names(&dir.work())?
            .into_iter()
            .filter_map(|n| n.split_once('.').map(|(a, _)| a.to_owned()))
            .filter(|a| open(a) && !held.contains(a))
            .collect();
        let costs = costs(dir)?;
        let known: Vec<f64> = costs.iter().filter(|(a, _)| mine.contains(a.as_str())).map(|(_, s)| *s).collect();
        let failed: Vec<&String> =
            dir.addresses().iter().filter(|a| failures.contains(*a) && !finished.contains(*a)).collect();
        let read = |address: &&String| -> Option<Failure> {
            serde_json::from_slice(&fs::read(dir.failed(address)).ok()?).ok()
        };
        Ok(Self {
            points: dir.addresses().len(),
            done,
            failed: failed.len(),
            running,
            interrupted: begun.len(),
            seconds_per_point: (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64),
            others: finished.iter().filter(|a| !mine.contains(a.as_str())).count(),
            failures: failed.iter().take(SHOWN).filter_map(read).collect(),
        })
    }

    /// Points that are neither finished nor failed.
    pub fn open(&self) -> usize {
        self.points - self.done - self.failed
    }

    /// In words, for a terminal.
    pub fn words(&self) -> String {
        let mut out =
            format!("{} points: {} done, {} failed, {} open", self.points, self.done, self.failed, self.open());
        if self.running + self.interrupted > 0 {
            out.push_str(&format!(" ({} in work, {} begun)", self.running, self.interrupted));
        }
        if let Some(seconds) = self.seconds_per_point {
            let rest = duration_words(seconds * self.open() as f64);
            out.push_str(&format!("\ncost: {} a point", duration_words(seconds)));
            if self.open() > 0 {
                out.push_str(&format!(", {rest} of one process for the open ones"));
            }
        }
        if self.others > 0 {
            out.push_str(&format!("\n{} finished points of earlier plans are kept beside them", self.others));
        }
        // Failures by reason, the most frequent first.
        let mut reasons: Vec<(&str, usize, &str)> = Vec::new();
        for failure in &self.failures {
            match reasons.iter_mut().find(|r| r.0 == failure.reason) {
                Some(r) => r.1 += 1,
                None => reasons.push((&failure.reason, 1, &failure.point)),
            }
        }
        reasons.sort_by_key(|r| std::cmp::Reverse(r.1));
        for (reason, count, point) in reasons.iter().take(20) {
            let which = if *count == 1 { (*point).to_owned() } else { format!("{count} points, first: {point}") };
            out.push_str(&format!("\nfailed ({which}): {reason}"));
        }
        if reasons.len() > 20 {
            out.push_str(&format!("\nand {} more reasons (--json has them)", reasons.len() - 20));
        }
        if self.failed > 0 {
            out.push_str("\n--retry tries the failed points again");
        }
        out
    }
}

/// `12 s`, `3 min`, `2.5 h`, `4.1 days`.
pub fn duration_words(seconds: f64) -> String {
    match seconds {
        s if s < 0.0995 => format!("{:.0} ms", s * 1e3),
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 100.0 => format!("{s:.0} s"),
        s if s < 6000.0 => format!("{:.0} min", s / 60.0),
        s if s < 360_000.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} days", s / 86400.0),
    }
}

impl SweepDir {
    /// Makes failed points open again; how many.
    pub fn retry(&self) -> Result<usize, LabError> {
        let failures = self.failures()?;
        let mut count = 0;
        for address in self.addresses().iter().filter(|a| failures.contains(*a)) {
            self.claims().clear(address)?;
            let path = self.failed(address);
            fs::remove_file(&path).map_err(|source| glasslab_store::StoreError::Io {
                action: "remove",
                path,
                source,
            })?;
            count += 1;
        }
        Ok(count)
    }

    /// Points that are neither finished nor failed, in order.
    pub fn open_points(&self) -> Result<Vec<usize>, LabError> {
        let (finished, failures) = (self.finished()?, self.failures()?);
        let open = |a: &String| !finished.contains(a) && !failures.contains(a);
        Ok(self.addresses().iter().enumerate().filter(|(_, a)| open(a)).map(|(i, _)| i).collect())
    }

    /// State of every point, in order: `done`, `failed`, `open`.
    pub fn states(&self) -> Result<Vec<&'static str>, LabError> {
        let (finished, failures) = (self.finished()?, self.failures()?);
        let state = |a: &String| match (finished.contains(a), failures.contains(a)) {
            (true, _) => "done",
            (_, true) => "failed",
            _ => "open",
        };
        Ok(self.addresses().iter().map(state).collect())
    }

    /// The run directory of a finished point, to read from.
    pub fn run_of(&self, point: usize) -> Result<Run, LabError> {
        Ok(Run::open(self.point(&self.addresses()[point]))?)
    }
}
