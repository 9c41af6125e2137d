//! Patterns with `*` and `?` in paths, for shells and callers that do not expand them.

use crate::error::{SeriesError, io, refused};
use regex_lite::Regex;
use std::path::{Component, Path, PathBuf};

/// Most paths of one pattern.
const PATHS: usize = 1 << 16;

/// Each path that is there as it is; of a pattern all that match, sorted by their numbers and names.
pub(crate) fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, SeriesError> {
    let mut all = Vec::new();
    for path in paths {
        let text = path.to_string_lossy();
        if path.exists() || !text.contains(['*', '?']) {
            all.push(path.clone());
            continue;
        }
        let mut found = vec![PathBuf::new()];
        for part in path.components() {
            match part {
                Component::Normal(name) if name.to_string_lossy().contains(['*', '?']) => {
                    found = matching(&found, &name.to_string_lossy())?;
                }
                other => found.iter_mut().for_each(|f| f.push(other)),
            }
        }
        found.retain(|f| f.exists());
        if found.is_empty() {
            return Err(refused(path, "pattern", &text, "nothing matches it: give the folder, or another pattern"));
        }
        // By step where all have one: `step10` after `step9`.
        found.sort_by_cached_key(|f| (crate::step::step_of(&crate::locate::name(f)).map(|s| s.0), f.clone()));
        all.extend(found);
    }
    Ok(all)
}

/// What is in the folders with a name that matches.
fn matching(folders: &[PathBuf], pattern: &str) -> Result<Vec<PathBuf>, SeriesError> {
    let mut text = String::from("^");
    for c in pattern.chars() {
        match c {
            '*' => text.push_str(".*"),
            '?' => text.push('.'),
            c => text.push_str(&regex_lite::escape(&c.to_string())),
        }
    }
    text.push('$');
    let regex = Regex::new(&text).map_err(|e| refused(Path::new(pattern), "pattern", e, "give a simpler pattern"))?;
    let mut found = Vec::new();
    for folder in folders {
        let at = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        if !at.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(at).map_err(io("list", at))? {
            let name = entry.map_err(io("list", at))?.file_name();
            let plain = name.to_string_lossy();
            if regex.is_match(&plain) && (pattern.starts_with('.') || !plain.starts_with('.')) {
                found.push(folder.join(&name));
            }
            if found.len() > PATHS {
                return Err(refused(at, "pattern", pattern, format!("more than {PATHS} paths match: narrow it")));
            }
        }
    }
    Ok(found)
}
