//! The manifest: by which program, how and on what a run was made, and how each replica ended.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::{SystemTime, UNIX_EPOCH};

/// How one replica of a quench ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReplicaEnd {
    /// Number of the replica.
    pub replica: u64,
    /// `completed`, `interrupted`, `diverged`, `converged`, `satisfied`, `stuck`.
    pub reason: String,
    /// The step at which it ended.
    pub step: u64,
}

/// What was done for one quench.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QuenchManifest {
    /// Name of the quench, that of its records file.
    pub name: String,
    /// Number N of degrees of freedom per replica.
    pub dof: u64,
    /// Steps done.
    pub step: u64,
    /// Steps planned.
    pub steps: u64,
    /// Arithmetic of the kernels: `f32`, `f64`.
    pub precision: String,
    /// Which code moved it: `native`, `generic`.
    pub stepper: String,
    /// Replica-steps done.
    pub replica_steps: u64,
    /// Forces computed.
    pub forces: u64,
    /// Samples seen.
    pub samples: u64,
    /// Time spent, in seconds, over all sessions.
    pub wall_seconds: f64,
    /// Bytes estimated before the start.
    pub memory_estimate: u64,
    /// How each replica ended.
    pub replicas: Vec<ReplicaEnd>,
    /// Fields of newer versions.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// The manifest of a run. Fields that this version does not know are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// Version of glasslab.
    pub version: String,
    /// Commit it was built from, if known.
    pub commit: Option<String>,
    /// Seed of all random streams.
    pub seed: u64,
    /// `cpu`, or which accelerator.
    pub device: String,
    /// Threads used.
    pub threads: u64,
    /// Operating system and architecture.
    pub platform: String,
    /// `running`, `completed`, `interrupted`.
    pub state: String,
    /// First start (UTC).
    pub started: String,
    /// Last write (UTC).
    pub finished: String,
    /// Times the run was started or resumed.
    pub sessions: u64,
    /// Time spent, in seconds, over all sessions.
    pub wall_seconds: f64,
    /// Bytes estimated before the start.
    pub memory_estimate: u64,
    /// The quenches.
    pub quenches: Vec<QuenchManifest>,
    /// Fields of newer versions.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Manifest {
    /// A manifest of this program on this machine, started now. The commit is the one in the environment variable
    /// `GLASSLAB_COMMIT` when the program was built.
    pub fn new(seed: u64, threads: u64) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("GLASSLAB_COMMIT").map(str::to_owned),
            seed,
            device: "cpu".to_owned(),
            threads,
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            state: "running".to_owned(),
            started: utc(SystemTime::now()),
            finished: String::new(),
            sessions: 1,
            ..Self::default()
        }
    }
}

/// A time as `2026-11-22T14:40:00Z` (proleptic Gregorian calendar, UTC, leap seconds left out).
pub fn utc(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (mut days, clock) = (seconds / 86_400, seconds % 86_400);
    let leap = |y: u64| (y.is_multiple_of(4) && !y.is_multiple_of(100)) || y.is_multiple_of(400);
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
    format!("{year:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", month + 1, days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn known_instants() {
        let at = |s: u64| utc(UNIX_EPOCH + Duration::from_secs(s));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_000_000_000), "2001-09-09T01:46:40Z");
        assert_eq!(at(1_735_689_599), "2024-12-31T23:59:59Z");
    }

    #[test]
    fn unknown_fields_are_kept_and_missing_ones_filled() {
        let text = r#"{"version":"9.0.0","seed":7,"flux":{"a":1},"quenches":[{"name":"toy","mood":"good"}]}"#;
        let manifest: Manifest = serde_json::from_str(text).unwrap();
        assert_eq!((manifest.seed, manifest.threads), (7, 0));
        let again: Value = serde_json::to_value(&manifest).unwrap();
        assert_eq!(again["flux"]["a"], 1);
        assert_eq!(again["quenches"][0]["mood"], "good");
    }
}
