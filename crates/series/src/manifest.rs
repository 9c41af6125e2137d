//! Tables: a user's list of checkpoints and steps (CSV or TOML), and the index of a sharded checkpoint (JSON).

use crate::error::{SeriesError, io, refused};
use crate::finding::names;
use crate::locate::name;
use crate::shards::Split;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// Longest table that is read, in bytes.
const TABLE: u64 = 16 << 20;

/// A row of the user's table.
pub(crate) struct Row {
    /// Name as the user wrote it.
    pub(crate) name: String,
    /// The file or folder, or the files of all shards.
    pub(crate) files: Files,
    /// Its step, if the table says.
    pub(crate) step: Option<u64>,
}

/// Where a checkpoint is.
pub(crate) enum Files {
    /// A file or folder.
    At(PathBuf),
    /// One file a shard, in order.
    Shards(Vec<PathBuf>),
}

/// The user's table.
pub(crate) struct Table {
    pub(crate) rows: Vec<Row>,
    pub(crate) splits: Vec<Split>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Toml {
    #[serde(default)]
    checkpoint: Vec<Entry>,
    #[serde(default)]
    shards: Vec<String>,
    #[serde(default)]
    split: Vec<Split>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    path: Option<String>,
    #[serde(default)]
    files: Vec<String>,
    step: Option<u64>,
}

fn text(path: &Path) -> Result<String, SeriesError> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(io("open", path))?;
    file.take(TABLE + 1).read_to_string(&mut text).map_err(io("read", path))?;
    if text.len() as u64 > TABLE {
        return Err(refused(path, "size", format!("more than {TABLE} bytes"), "give a shorter table"));
    }
    Ok(text)
}

/// A table. CSV: a first line with the names of columns, of which `path` and `step` (optional) are read. TOML: `[[checkpoint]]` with
/// `path`, or `files` (one a shard), and `step`; `shards`, the names of the files of the shards in the folder of each checkpoint
/// (without `[[checkpoint]]`: of all folders beside the table that have the first of them); `[[split]]` ([`Split`]). Relative paths
/// begin at the folder of the table.
pub(crate) fn read(path: &Path) -> Result<Table, SeriesError> {
    let text = text(path)?;
    let toml = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("toml"));
    let fix = "give [[checkpoint]] tables with path (or files) and step, shards = [...], or [[split]] tables with tensors and along \
               (0, 1, \"flat\", \"copies\")";
    let mut table = match toml {
        true => toml::from_str::<Toml>(&text).map_err(|e| refused(path, "table", e.message(), fix))?,
        false => Toml { checkpoint: csv(path, &text)?, shards: Vec::new(), split: Vec::new() },
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    if table.checkpoint.is_empty()
        && let Some(first) = table.shards.first()
    {
        let entries = std::fs::read_dir(if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
        let mut found: Vec<String> = Vec::new();
        for entry in entries.map_err(io("list", folder))? {
            let inside = entry.map_err(io("list", folder))?.path();
            if inside.join(first).is_file() {
                found.push(name(&inside));
            }
        }
        found.sort();
        table.checkpoint =
            found.into_iter().map(|path| Entry { path: Some(path), files: Vec::new(), step: None }).collect();
    }
    if table.checkpoint.is_empty() {
        return Err(refused(path, "table", "without checkpoint", fix));
    }
    let shards = &table.shards;
    let row = |e: Entry| -> Result<Row, SeriesError> {
        let files: Vec<PathBuf> = match &e.path {
            None => e.files.iter().map(|f| folder.join(f)).collect(),
            Some(path) => shards.iter().map(|f| folder.join(path).join(f)).collect(),
        };
        let named = e.path.clone().or_else(|| e.files.first().cloned());
        let (Some(named), true) = (named, e.path.is_none() || e.files.is_empty()) else {
            return Err(refused(path, "checkpoint", "with both path and files, or neither", fix));
        };
        let missing: Vec<String> = files.iter().filter(|f| !f.is_file()).map(|f| name(f)).collect();
        if !missing.is_empty() {
            let fix = "the checkpoint is not whole: fetch all its shards, or take it out of the table";
            return Err(refused(path, format!("shards of {named} that are not there"), names(&missing), fix));
        }
        let files = if files.is_empty() { Files::At(folder.join(&named)) } else { Files::Shards(files) };
        Ok(Row { files, name: named, step: e.step })
    };
    let rows = table.checkpoint.into_iter().map(row).collect::<Result<_, _>>()?;
    Ok(Table { rows, splits: table.split })
}

fn csv(path: &Path, text: &str) -> Result<Vec<Entry>, SeriesError> {
    let mut lines = text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#'));
    let head = cells(lines.next().map_or("", |l| l.1));
    let column = |wanted: &str| head.iter().position(|h| h.eq_ignore_ascii_case(wanted));
    let Some(of_path) = column("path") else {
        return Err(refused(path, "first line", format!("{head:?}"), "name the columns: path,step"));
    };
    let of_step = column("step");
    let mut rows = Vec::new();
    for (number, line) in lines {
        let row = cells(line);
        let field = |what: &str| format!("line {}: {what}", number + 1);
        let Some(found) = row.get(of_path).filter(|p| !p.is_empty()) else {
            return Err(refused(path, field("path"), "nothing", "give the path of a checkpoint"));
        };
        let step =
            match of_step.and_then(|s| row.get(s)).filter(|s| !s.is_empty()) {
                None => None,
                Some(s) => Some(s.parse().ok().filter(|&n: &u64| n <= 1 << 53).ok_or_else(|| {
                    refused(path, field("step"), format!("{s:?}"), "give a whole number from 0 to 2^53")
                })?),
            };
        rows.push(Entry { path: Some(found.clone()), files: Vec::new(), step });
    }
    Ok(rows)
}

/// Cells of a line: separated by commas, trimmed, in double quotes where they hold commas ("" is a quote).
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell).trim().to_owned()),
            c => cell.push(c),
        }
    }
    cells.push(cell.trim().to_owned());
    cells
}

/// The shards that an index (`*.index.json`, `weight_map`: tensor to file) names, in order; all in its own folder.
pub(crate) fn shards(index: &Path) -> Result<Vec<PathBuf>, SeriesError> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let fix = "it is damaged or no index of shards: fetch it again";
    let found: Index = serde_json::from_str(&text(index)?).map_err(|e| refused(index, "index", e, fix))?;
    let files: BTreeSet<&String> = found.weight_map.values().collect();
    let folder = index.parent().unwrap_or(Path::new(""));
    let mut shards = Vec::new();
    for file in files {
        let mut parts = Path::new(file).components();
        let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) && !file.contains('\\');
        if !plain {
            let fix = "shards lie beside their index, without folders: the index is damaged or hostile";
            return Err(refused(index, "shard", format!("{file:?}"), fix));
        }
        shards.push(folder.join(file));
    }
    if shards.is_empty() {
        return Err(refused(index, "weight_map", format!("of {} is empty", name(index)), fix));
    }
    Ok(shards)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_a_line() {
        assert_eq!(cells("a, 3 ,\"x,\"\"y\"\"\","), ["a", "3", "x,\"y\"", ""]);
    }
}
