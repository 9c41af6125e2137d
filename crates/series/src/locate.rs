//! Which files are the checkpoints of a series, and which step each is.

use crate::error::{SeriesError, io, refused};
use crate::finding::{Finding, Kind, names};
use crate::step::{Unit, step_of};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Endings of files that may run code when they are loaded: never opened.
const PICKLES: [&str; 6] = ["pt", "pth", "bin", "pkl", "pickle", "ckpt"];
/// How to turn a pickle into something that can be read.
const CONVERT: &str = "pickles can run code and are never read: convert it in Python with \
                       safetensors.torch.save_file(torch.load(path, weights_only=True), path.with_suffix('.safetensors'))";

/// A checkpoint that was found, not yet opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name of its file or folder.
    pub name: String,
    /// Its files: one, or all shards in order.
    pub files: Vec<PathBuf>,
    /// Step from its name.
    pub step: Option<(u64, Unit)>,
}

/// The checkpoints of a series: of one folder all that it holds (files, folders with one checkpoint each), of several
/// paths each one. Only names are looked at; symbolic links are followed by the operating system, and nothing is written.
pub fn locate(paths: &[PathBuf]) -> Result<(Vec<Place>, Vec<Finding>), SeriesError> {
    let mut findings = Vec::new();
    let mut places = Vec::new();
    match paths {
        [] => return Err(glasslab_core::Fault::input("series", "nothing", "give a folder of checkpoints").into()),
        [folder] if folder.is_dir() => {
            let (files, folders, pickles) = list(folder)?;
            places.extend(whole(folder, files)?);
            for folder in folders {
                match inside(&folder) {
                    Ok(Some(place)) => places.push(place),
                    Ok(None) => {}
                    Err(error) => findings.push(Finding::problem(Kind::Unreadable, &name(&folder), error.to_string())),
                }
            }
            if places.is_empty()
                && let Some(first) = pickles.first()
            {
                return Err(refused(first, "format", "a pickle", CONVERT));
            }
            if !pickles.is_empty() {
                let all: Vec<String> = pickles.iter().map(|p| name(p)).collect();
                let what = format!("{} (pickles can run code and are never read)", names(&all));
                findings.push(Finding::note(Kind::Ignored, "", what));
            }
        }
        several => {
            for path in several {
                let facts = std::fs::metadata(path).map_err(io("read", path))?;
                if is_pickle(path) {
                    return Err(refused(path, "format", "a pickle", CONVERT));
                }
                places.push(match facts.is_dir() {
                    false => place(path, vec![path.clone()]),
                    true => inside(path)?.ok_or_else(|| {
                        refused(path, "folder", "without safetensors files", "give the folder of one checkpoint")
                    })?,
                });
            }
        }
    }
    steps_of(&mut places, &mut findings, paths.len() > 1);
    Ok((places, findings))
}

/// Steps where names have none, and whether a list was in order.
fn steps_of(places: &mut [Place], findings: &mut Vec<Finding>, listed: bool) {
    if places.iter().all(|p| p.step.is_none()) {
        let numbered = places.iter_mut().zip(0..);
        numbered.for_each(|(p, i)| p.step = Some((i, Unit::Position)));
        return;
    }
    let known: Vec<u64> = places.iter().filter_map(|p| Some(p.step?.0)).collect();
    if listed && let Some(at) = known.windows(2).position(|w| w[0] > w[1]) {
        let what = format!("given in the order of steps {} then {}: sorted by step", known[at], known[at + 1]);
        findings.push(Finding::problem(Kind::OutOfOrder, "", what));
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn ending(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
}

fn is_pickle(path: &Path) -> bool {
    PICKLES.contains(&ending(path).as_str())
}

fn place(named: &Path, files: Vec<PathBuf>) -> Place {
    let name = name(named);
    let stem = name.strip_suffix(".safetensors").unwrap_or(&name);
    Place { step: step_of(stem), files, name }
}

/// safetensors files, folders and pickles of a folder, each in order of their names.
type Listing = (Vec<PathBuf>, Vec<PathBuf>, Vec<PathBuf>);

fn list(folder: &Path) -> Result<Listing, SeriesError> {
    let mut listing = Listing::default();
    for entry in std::fs::read_dir(folder).map_err(io("list", folder))? {
        let path = entry.map_err(io("list", folder))?.path();
        if name(&path).starts_with('.') {
            continue;
        }
        if path.is_dir() {
            listing.1.push(path);
        } else if ending(&path) == "safetensors" {
            listing.0.push(path);
        } else if is_pickle(&path) {
            listing.2.push(path);
        }
    }
    listing.0.sort();
    listing.1.sort();
    listing.2.sort();
    Ok(listing)
}

/// `model-00002-of-00005.safetensors`: (`model`, 2, 5).
fn shard(path: &Path) -> Option<(String, u64, u64)> {
    let name = name(path);
    let (rest, total) = name.strip_suffix(".safetensors")?.rsplit_once("-of-")?;
    let (prefix, number) = rest.rsplit_once('-')?;
    let plain = |s: &str| s.len() >= 3 && s.len() <= 9 && s.bytes().all(|b| b.is_ascii_digit());
    (plain(number) && plain(total)).then_some(())?;
    Some((prefix.to_owned(), number.parse().ok()?, total.parse().ok()?))
}

/// Files of one folder as checkpoints: shards of one name are one checkpoint, every other file is one.
fn whole(folder: &Path, files: Vec<PathBuf>) -> Result<Vec<Place>, SeriesError> {
    let mut shards: BTreeMap<String, Vec<(u64, u64, PathBuf)>> = BTreeMap::new();
    let mut places = Vec::new();
    for file in files {
        match shard(&file) {
            Some((prefix, number, total)) => shards.entry(prefix).or_default().push((number, total, file)),
            None => places.push(place(&file, vec![file.clone()])),
        }
    }
    for (prefix, mut parts) in shards {
        parts.sort();
        let total = parts[0].1;
        let complete = parts.len() as u64 == total && (1..).zip(&parts).all(|(i, p)| p.0 == i && p.1 == total);
        if !complete {
            let value = format!("{} of {total} files {prefix}-*-of-*.safetensors", parts.len());
            return Err(refused(folder, "shards", value, "the checkpoint is not whole: fetch all its shards"));
        }
        let files = parts.into_iter().map(|p| p.2).collect();
        places.push(place(&folder.join(format!("{prefix}.safetensors")), files));
    }
    Ok(places)
}

/// The checkpoint in a folder: its only safetensors file or set of shards, or the one called `model`. `None` if there is
/// nothing like that.
fn inside(folder: &Path) -> Result<Option<Place>, SeriesError> {
    let (files, _, pickles) = list(folder)?;
    let mut places = whole(folder, files)?;
    if places.len() > 1 {
        match places.iter().position(|p| p.name == "model.safetensors") {
            Some(at) => places = vec![places.swap_remove(at)],
            None => {
                let all: Vec<&str> = places.iter().map(|p| p.name.as_str()).collect();
                let fix = "which one is the checkpoint is not clear: keep one, or call it model.safetensors";
                return Err(refused(folder, "safetensors files", names(&all), fix));
            }
        }
    }
    let Some(mut found) = places.pop() else {
        return match pickles.first() {
            Some(pickle) => Err(refused(pickle, "format", "a pickle", CONVERT)),
            None => Ok(None),
        };
    };
    let of_folder = place(folder, Vec::new());
    (found.step, found.name) = (of_folder.step.or(found.step), of_folder.name);
    Ok(Some(found))
}
