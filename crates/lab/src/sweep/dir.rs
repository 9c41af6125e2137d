//! The directory of a sweep, which any number of processes on any number of machines share.

use super::address::digest;
use super::plan::SweepPlan;
use crate::error::{LabError, plan_error};
use crate::run::difference;
use glasslab_store::claim::Claims;
use glasslab_store::{StoreError, create_folder, write_atomic};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const PLAN: &str = "sweep.toml";
const ADDRESSES: &str = "addresses.txt";
const PLACE: &str = "place.json";

/// A sweep in its directory.
///
/// ```text
/// sweep.toml      the plan, ranges written out
/// addresses.txt   the address of every point, in order
/// points/ab/<address>/    a finished point: a run directory (plan, manifest, summary, records)
/// work/<address>.<who>/   a point in work or interrupted: its checkpoints are gone on from
/// claims/         who works on what (store::claim)
/// failed/<address>.json   why a point failed
/// journal/        one line per finished point, with its cost and its row of the table
/// table.nc, table.csv, report.html   what a merge wrote
/// ```
/// A point is finished when its folder stands below `points/`: it gets there by one rename, which succeeds once. Nothing below
/// `points/` is ever changed.
#[derive(Clone, Debug)]
pub struct SweepDir {
    path: PathBuf,
    plan: SweepPlan,
    addresses: Vec<String>,
    data_folder: PathBuf,
    claims: Claims,
}

/// What depends on the machine and on how the sweep was called; not part of its identity.
#[derive(Serialize, Deserialize)]
struct Place {
    data_folder: PathBuf,
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    move |source| StoreError::Io { action, path: path.to_owned(), source }
}

impl SweepDir {
    /// The sweep of this plan in `out`, new or to be gone on with; `extend`: a folder with another sweep becomes that of this
    /// plan. Everything that can be refused is refused before a file is touched.
    pub fn create(out: &Path, plan: SweepPlan, data_folder: &Path, extend: bool) -> Result<Self, LabError> {
        let addresses = plan.addresses(data_folder).map_err(|c| plan_error(&plan.name, c))?;
        let text = plan.to_toml();
        let new = match fs::read_to_string(out.join(PLAN)) {
            Ok(found) if found == text => false,
            Ok(_) if extend => true,
            Ok(found) => {
                return Err(LabError::OtherSweep { dir: out.to_owned(), difference: difference(&found, &text) });
            }
            Err(_) => {
                refuse_foreign(out)?;
                true
            }
        };
        if new {
            // Systems that cannot be built, data that are not there: at the ends of the axes they show first.
            check_corners(&plan, data_folder)?;
        }
        create_folder(out)?;
        let path = fs::canonicalize(out).map_err(io("find", out))?;
        let folder = if data_folder.as_os_str().is_empty() { Path::new(".") } else { data_folder };
        let data_folder = fs::canonicalize(folder).map_err(io("find", folder))?;
        let place = serde_json::to_vec(&Place { data_folder: data_folder.clone() }).unwrap_or_default();
        write_atomic(&path.join(PLACE), &place)?;
        let mut list = format!("{}\n", header(&text, addresses.len()));
        for address in &addresses {
            list.push_str(address);
            list.push('\n');
        }
        write_atomic(&path.join(ADDRESSES), list.as_bytes())?;
        if new {
            write_atomic(&path.join(PLAN), text.as_bytes())?;
        }
        let claims = Claims::open(path.join("claims"))?;
        Ok(Self { path, plan, addresses, data_folder, claims })
    }

    /// The sweep in a folder.
    pub fn open(path: &Path) -> Result<Self, LabError> {
        let file = path.join(PLAN);
        let text = match fs::read_to_string(&file) {
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(LabError::NoSweep { dir: path.to_owned() });
            }
            other => other.map_err(io("read", &file))?,
        };
        let origin = file.display().to_string();
        let plan = SweepPlan::parse(&text, Path::new("")).map_err(|c| plan_error(&origin, c))?;
        let path = fs::canonicalize(path).map_err(io("find", path))?;
        let place: Option<Place> =
            fs::read(path.join(PLACE)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let data_folder = place.map(|p| p.data_folder).unwrap_or_default();
        let listed = fs::read_to_string(path.join(ADDRESSES)).unwrap_or_default();
        let mut lines = listed.lines();
        let fits = lines.next() == Some(header(&text, plan.len()).as_str());
        let listed: Vec<String> = lines.filter(|l| is_address(l)).map(str::to_owned).collect();
        // Of another version, or damaged: found again.
        let addresses = if fits && listed.len() == plan.len() {
            listed
        } else {
            plan.addresses(&data_folder).map_err(|c| plan_error(&origin, c))?
        };
        let claims = Claims::open(path.join("claims"))?;
        Ok(Self { path, plan, addresses, data_folder, claims })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The plan.
    pub fn plan(&self) -> &SweepPlan {
        &self.plan
    }

    /// The address of each point.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Where relative data paths start.
    pub fn data_folder(&self) -> &Path {
        &self.data_folder
    }

    /// Who works on what.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The folder of a finished point.
    pub fn point(&self, address: &str) -> PathBuf {
        self.path.join("points").join(&address[..2]).join(address)
    }

    /// The folder of points in work.
    pub(super) fn work(&self) -> PathBuf {
        self.path.join("work")
    }

    pub(super) fn failed(&self, address: &str) -> PathBuf {
        self.path.join("failed").join(format!("{address}.json"))
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// Addresses of all finished points in the folder, of earlier versions of the sweep too. Cost O(points), 256 folders read.
    pub fn finished(&self) -> Result<HashSet<String>, LabError> {
        let mut out = HashSet::new();
        for shard in names(&self.path.join("points"))? {
            out.extend(names(&self.path.join("points").join(shard))?.into_iter().filter(|n| is_address(n)));
        }
        Ok(out)
    }

    /// Addresses of failed points.
    pub fn failures(&self) -> Result<HashSet<String>, LabError> {
        let files = names(&self.path.join("failed"))?;
        Ok(files.iter().filter_map(|f| f.strip_suffix(".json")).filter(|n| is_address(n)).map(str::to_owned).collect())
    }
}

/// Builds the Systems of the points at the ends of the axes; every problem at once.
fn check_corners(plan: &SweepPlan, data_folder: &Path) -> Result<(), LabError> {
    let mut problems: Vec<String> = Vec::new();
    for point in plan.corners() {
        let resolved = plan.plan(point).map_err(|c| plan_error(&plan.name, c))?;
        if let Err(error) = crate::run::estimate(&resolved, data_folder) {
            problems.push(format!("{error} (point: {})", plan.label(point)));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(LabError::Points { problems }) }
}

/// First line of the list: it says for what the list is right.
fn header(text: &str, points: usize) -> String {
    format!("# glasslab {}: {points} points of sweep.toml {}", env!("CARGO_PKG_VERSION"), &digest(text)[..16])
}

/// True for 32 hexadecimal digits.
fn is_address(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Names in a folder; none if it is not there.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, LabError> {
    match fs::read_dir(folder) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        other => {
            let entries = other.map_err(io("read", folder))?;
            Ok(entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect())
        }
    }
}

/// Refuses a folder with something in it that is no sweep.
fn refuse_foreign(path: &Path) -> Result<(), LabError> {
    let entries = match fs::read_dir(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.map_err(io("use the folder", path))?,
    };
    // What a process killed before sweep.toml was written leaves behind.
    let ours = |name: &str| [ADDRESSES, PLACE].contains(&name) || name.starts_with('.');
    for entry in entries.flatten() {
        if !entry.file_name().to_str().is_some_and(ours) {
            return Err(StoreError::NotARun { path: path.to_owned() }.into());
        }
    }
    Ok(())
}
