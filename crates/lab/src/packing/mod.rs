//! `glasslab packing`: spheres at the verge of jamming, as a run directory.

mod found;
mod page;
mod records;

use crate::error::{LabError, plan_error};
use crate::run::Watch;
use found::Found;
use glasslab_core::{Complaint, Fault, Streams, System};
use glasslab_glasses::packing::{Jammed, Protocol, jam};
use glasslab_store::{Manifest, RunDir, utc};
use rayon::prelude::*;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

/// Most degrees of freedom for which all vibrations are computed.
const VIBRATIONS: usize = 2048;

/// What is asked: how packings are made, and how many.
#[derive(Clone, Debug, PartialEq)]
pub struct PackingPlan {
    /// How each is made.
    pub protocol: Protocol,
    /// How many, 1 to 10000.
    pub packings: u64,
    /// Seed of the starting points.
    pub seed: u64,
}

/// What a run left.
#[derive(Clone, Debug)]
pub struct PackingOutcome {
    /// The run directory.
    pub dir: PathBuf,
    /// What was found, as in `summary.json`.
    pub summary: Value,
    /// The same for a terminal.
    pub table: String,
    /// True if every packing converged with exactly the contacts that it needs.
    pub isostatic: bool,
}

impl PackingPlan {
    /// The plan as TOML, with every default spelled out.
    pub fn to_toml(&self) -> String {
        let p = &self.protocol;
        format!(
            "name = \"packing\"\nseed = {}\n\n[packing]\nn = {}\ndimension = {}\nratio = {:?}\nfrom = {:?}\noverlap = {:?}\nmost = {}\npackings = {}\n",
            self.seed, p.spheres, p.dimension, p.ratio, p.from, p.overlap, p.most, self.packings
        )
    }

    fn complaints(&self) -> Vec<Complaint> {
        let mut complaints = self.protocol.complaints();
        if !(1..=10_000).contains(&self.packings) {
            complaints.push(Complaint::new("packings", self.packings, "give 1 to 10000 packings"));
        }
        complaints
    }
}

/// Makes the packings, on all threads, and writes records, summary and report into `out` (runs/packing or the next free one).
pub fn packing(plan: &PackingPlan, out: Option<&Path>, watch: &mut dyn Watch) -> Result<PackingOutcome, LabError> {
    let refuse = |fault: Fault| match fault {
        Fault::Input(complaints) => plan_error("packing", complaints),
        fault => LabError::Quench { quench: "packing".to_owned(), fault },
    };
    let complaints = plan.complaints();
    if !complaints.is_empty() {
        return Err(plan_error("packing", complaints));
    }
    let dir = RunDir::create(out.map_or_else(|| crate::run::free_folder("packing"), Path::to_owned))?;
    dir.write_plan(&plan.to_toml())?;
    watch.note(&format!("run directory {}", dir.path().display()));
    let begin = Instant::now();
    let streams = Streams::new(plan.seed);
    let mut all: Vec<Jammed> = Vec::new();
    let numbers: Vec<u64> = (0..plan.packings).collect();
    watch.begin("packings", 0, plan.packings);
    for some in numbers.chunks(rayon::current_num_threads().max(1)) {
        let made: Result<Vec<_>, Fault> = some.par_iter().map(|&k| jam(&plan.protocol, streams, k)).collect();
        all.extend(made.map_err(refuse)?);
        watch.at(all.len() as u64);
    }
    watch.end();
    let first = &all[0].packing;
    let frequencies = match first.dof() <= VIBRATIONS {
        true => frequencies(first).map_err(refuse)?,
        false => Vec::new(),
    };
    let found = Found::of(&all);
    let rows = found.rows(plan);
    let summary = found.summary(plan);
    dir.write_records("packing", &records::records(plan, &all, &frequencies))?;
    dir.write_summary(&summary)?;
    dir.write_report(&page::page(plan, &all, &found, &frequencies, &rows).html())?;
    let mut manifest = Manifest::new(plan.seed, rayon::current_num_threads() as u64);
    manifest.wall_seconds = begin.elapsed().as_secs_f64();
    manifest.state = "completed".to_owned();
    manifest.finished = utc(SystemTime::now());
    dir.write_manifest(&manifest)?;
    let table = rows.iter().map(|(name, value)| format!("  {name:44} {value}\n")).collect();
    Ok(PackingOutcome { dir: dir.path().to_owned(), summary, table, isostatic: found.isostatic == all.len() })
}

/// Frequencies of all vibrations that are not zero, ascending, in units of 1/(mean diameter) of unit springs and masses.
fn frequencies(packing: &glasslab_glasses::packing::Packing) -> Result<Vec<f64>, Fault> {
    let values = glasslab_spectra::hessian_eigenvalues(packing, packing.positions())?;
    let most = values.last().copied().unwrap_or(0.0);
    let mean = packing.diameters().iter().sum::<f64>() / packing.spheres() as f64;
    // Rattlers and translations have zero, up to rounding.
    Ok(values.into_iter().filter(|v| *v > 1e-11 * most).map(|v| v.sqrt() * mean).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> PackingPlan {
        PackingPlan { protocol: Protocol::bidisperse(2, 48), packings: 3, seed: 5 }
    }

    /// A whole run: isostatic, its records can be read back, the same bytes on one thread.
    #[test]
    fn a_run_leaves_records_and_report() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("a");
        let outcome = packing(&plan(), Some(&out), &mut ()).unwrap();
        assert!(outcome.isostatic, "{}", outcome.table);
        assert!(outcome.summary["imbalance"].as_f64().unwrap() < 1e-12);
        let data = glasslab_store::Run::open(&out).unwrap().records("packing").unwrap();
        assert_eq!(data.get("fraction").unwrap().floats().unwrap().len(), 3);
        assert_eq!(data.get("excess").unwrap().floats().unwrap(), vec![0.0; 3]);
        // One vibration per degree of freedom that is no rattler's, but for the translations.
        let held = data.get("held").unwrap().floats().unwrap()[0] as usize;
        assert_eq!(data.get("frequency").unwrap().floats().unwrap().len(), 2 * held - 2);
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let other = folder.path().join("b");
        one.install(|| packing(&plan(), Some(&other), &mut ()).unwrap());
        for file in ["records/packing.nc", "summary.json", "report.html", "plan.toml"] {
            assert_eq!(std::fs::read(out.join(file)).unwrap(), std::fs::read(other.join(file)).unwrap(), "{file}");
        }
    }

    #[test]
    fn bad_plans_are_refused_at_once() {
        let mut bad = plan();
        (bad.packings, bad.protocol.ratio, bad.protocol.dimension) = (0, 0.0, 5);
        let message = packing(&bad, None, &mut ()).unwrap_err().to_string();
        for field in ["packings = 0", "ratio = 0", "dimension = 5"] {
            assert!(message.contains(field), "{message}");
        }
    }
}
