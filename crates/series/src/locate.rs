//! Which files are the checkpoints of a series, and which step each is.

use crate::error::{SeriesError, io, refused};
use crate::finding::{Finding, Kind, names};
use crate::manifest::{self, Files};
use crate::shards::{self, Split};
use crate::step::{Unit, step_of};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Endings of checkpoints. What a file is is told by its first bytes.
const ENDINGS: [&str; 9] = ["safetensors", "npz", "npy", "pt", "pth", "bin", "ckpt", "pkl", "pickle"];
/// Beginnings of the names of files that trainers keep beside the weights.
const BESIDE: [&str; 7] = ["optimizer", "optim", "scheduler", "scaler", "rng_state", "training_args", "random_states"];
/// Beginnings of the name of the weights in a folder with several files, the best first.
const WEIGHTS: [&str; 4] = ["model", "pytorch_model", "weights", "adapter_model"];

/// A checkpoint that was found, not yet opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name of its file or folder.
    pub name: String,
    /// Its files: one, or all shards in order.
    pub files: Vec<PathBuf>,
    /// Step from its name or the user's table.
    pub step: Option<(u64, Unit)>,
    /// True if the step is the user's own word.
    pub told: bool,
    /// How tensors are cut, if the user said that the files are shards that may hold parts of the same tensors.
    pub splits: Option<Vec<Split>>,
}

/// The checkpoints of a series: of one folder all that it holds (files, folders with one checkpoint each), of a table (`.csv`
/// or `.toml` with paths and steps) those it lists, of several paths each one; a path that is not there may be a pattern with `*`
/// and `?`. Only names are looked at; symbolic links are followed by the operating system, and nothing is written.
pub fn locate(paths: &[PathBuf]) -> Result<(Vec<Place>, Vec<Finding>), SeriesError> {
    let mut findings = Vec::new();
    let mut places = Vec::new();
    let expanded = crate::glob::expand(paths)?;
    let ordered = paths.len() > 1 && expanded.len() == paths.len();
    match &expanded[..] {
        [] => return Err(glasslab_core::Fault::input("series", "nothing", "give a folder of checkpoints").into()),
        [table] if table.is_file() && matches!(ending(table).as_str(), "csv" | "toml") => {
            let told = manifest::read(table)?;
            for row in told.rows {
                let mut found = match row.files {
                    Files::At(path) => single(&path)?,
                    Files::Shards(files) => {
                        let named = place(Path::new(&row.name), Vec::new());
                        Place { files, splits: Some(told.splits.clone()), ..named }
                    }
                };
                if let Some(step) = row.step {
                    (found.step, found.told) = (Some((step, Unit::Steps)), true);
                }
                found.name = row.name;
                places.push(found);
            }
            steps_of(&mut places, &mut findings, true);
            return Ok((places, findings));
        }
        [folder] if folder.is_dir() => {
            let (files, folders) = list(folder)?;
            places.extend(whole(folder, files)?);
            for folder in folders {
                match inside(&folder) {
                    Ok(Some(place)) => places.push(place),
                    Ok(None) => {}
                    Err(error) => findings.push(Finding::problem(Kind::Unreadable, &name(&folder), error.to_string())),
                }
            }
        }
        several => {
            for path in several {
                places.push(single(path)?);
            }
        }
    }
    steps_of(&mut places, &mut findings, ordered);
    Ok((places, findings))
}

/// The one checkpoint at a path.
fn single(path: &Path) -> Result<Place, SeriesError> {
    let facts = std::fs::metadata(path).map_err(io("read", path))?;
    match facts.is_dir() {
        false => Ok(place(path, vec![path.to_owned()])),
        true => inside(path)?
            .ok_or_else(|| refused(path, "folder", "without checkpoint", "give the file or folder of one checkpoint")),
    }
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

pub(crate) fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn ending(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
}

fn place(named: &Path, files: Vec<PathBuf>) -> Place {
    let name = name(named);
    let stem = match ENDINGS.contains(&ending(named).as_str()) {
        true => name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem),
        false => name.as_str(),
    };
    Place { step: step_of(stem), files, name, told: false, splits: None }
}

/// Files that may be checkpoints or tables of shards, and folders, of a folder, each in order of their names.
fn list(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), SeriesError> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder).map_err(io("list", folder))? {
        let path = entry.map_err(io("list", folder))?.path();
        let name = name(&path);
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            folders.push(path);
        } else if name.ends_with(".index.json")
            || ENDINGS.contains(&ending(&path).as_str()) && !BESIDE.iter().any(|b| name.starts_with(b))
        {
            files.push(path);
        }
    }
    files.sort();
    folders.sort();
    Ok((files, folders))
}

/// `model-00002-of-00005.safetensors`: (`model`, `safetensors`, 2, 5).
fn shard(path: &Path) -> Option<(String, String, u64, u64)> {
    let name = name(path);
    let (stem, ending) = name.rsplit_once('.')?;
    let (rest, total) = stem.rsplit_once("-of-")?;
    let (prefix, number) = rest.rsplit_once('-')?;
    let plain = |s: &str| s.len() >= 3 && s.len() <= 9 && s.bytes().all(|b| b.is_ascii_digit());
    (plain(number) && plain(total)).then_some(())?;
    Some((prefix.to_owned(), ending.to_owned(), number.parse().ok()?, total.parse().ok()?))
}

/// Number, how many in all, and file.
type Shards = Vec<(u64, u64, PathBuf)>;

/// Files of one folder as checkpoints: the shards of an index or of one name are one checkpoint, every other file is one.
fn whole(folder: &Path, files: Vec<PathBuf>) -> Result<Vec<Place>, SeriesError> {
    let (indexes, mut files): (Vec<PathBuf>, Vec<PathBuf>) =
        files.into_iter().partition(|f| name(f).ends_with(".index.json"));
    let mut places = Vec::new();
    for index in indexes {
        let shards = manifest::shards(&index)?;
        let missing: Vec<String> = shards.iter().filter(|s| !s.is_file()).map(|s| name(s)).collect();
        if !missing.is_empty() {
            let fix = "the checkpoint is not whole: fetch all its shards";
            return Err(refused(&index, "shards that are not there", names(&missing), fix));
        }
        files.retain(|f| !shards.contains(f));
        let named = name(&index);
        places.push(place(&folder.join(named.strip_suffix(".index.json").unwrap_or(&named)), shards));
    }
    let mut parts: BTreeMap<(String, String), Shards> = BTreeMap::new();
    for file in files {
        match shard(&file) {
            Some((prefix, ending, number, total)) => {
                parts.entry((prefix, ending)).or_default().push((number, total, file));
            }
            None => places.push(place(&file, vec![file.clone()])),
        }
    }
    for ((prefix, ending), mut parts) in parts {
        parts.sort();
        let total = parts[0].1;
        let complete = parts.len() as u64 == total && (1..).zip(&parts).all(|(i, p)| p.0 == i && p.1 == total);
        if !complete {
            let value = format!("{} of {total} files {prefix}-*-of-*.{ending}", parts.len());
            return Err(refused(folder, "shards", value, "the checkpoint is not whole: fetch all its shards"));
        }
        let files = parts.into_iter().map(|p| p.2).collect();
        places.push(place(&folder.join(format!("{prefix}.{ending}")), files));
    }
    Ok(places)
}

/// The checkpoint in a folder: its only file or set of shards, the one called `model` or the like (safetensors before other
/// formats), or all its `.npy` files together. `None` if there is nothing like that.
fn inside(folder: &Path) -> Result<Option<Place>, SeriesError> {
    let (files, _) = list(folder)?;
    let arrays = files.len() > 1 && files.iter().all(|f| ending(f) == "npy");
    let mut places = if arrays { vec![place(folder, files)] } else { whole(folder, files)? };
    if places.len() > 1 && places.iter().any(|p| p.name.ends_with(".safetensors")) {
        places.retain(|p| p.name.ends_with(".safetensors"));
    }
    if places.len() > 1 {
        let best = WEIGHTS.iter().find_map(|w| {
            let stem = |p: &Place| p.name.rsplit_once('.').map(|s| s.0 == *w);
            places.iter().position(|p| stem(p) == Some(true))
        });
        match best {
            Some(at) => places = vec![places.swap_remove(at)],
            None => {
                let all: Vec<&str> = places.iter().map(|p| p.name.as_str()).collect();
                let shards = all.iter().filter(|n| shards::looks_like_one(n)).count() > 1;
                let fix = "which one is the checkpoint is not clear: keep one, or call it model.safetensors";
                let fix = if shards { shards::HINT } else { fix };
                return Err(refused(folder, "checkpoint files", names(&all), fix));
            }
        }
    }
    let Some(mut found) = places.pop() else { return Ok(None) };
    let of_folder = place(folder, Vec::new());
    (found.step, found.name) = (of_folder.step.or(found.step), of_folder.name);
    Ok(Some(found))
}
