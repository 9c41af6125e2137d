//! The arrows that are allowed between the crates, and what `cargo metadata` says there is.
//!
//! ARCHITECTURE.md draws the same list; a test holds the two together.

#![cfg(test)]

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// For each crate, by folder, the crates that it may import. A crate that is not created yet may stand here already.
const ARROWS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("testkit", &["core"]),
    ("nets", &["core"]),
    ("glasses", &["core"]),
    ("dynamics", &["core"]),
    ("observe", &["core"]),
    ("spectra", &["core"]),
    ("theory", &["core"]),
    ("series", &["core", "observe"]),
    ("store", &["core"]),
    ("report", &["core", "store"]),
    ("lab", &["core", "dynamics", "glasses", "nets", "observe", "report", "series", "spectra", "store", "theory"]),
    ("cli", &["lab", "report"]),
    ("python", &["lab", "report"]),
    ("xtask", &[]),
];

/// One import of one crate of this workspace by another, by folder.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Arrow {
    from: String,
    to: String,
    development: bool,
}

/// All arrows of the workspace at `root`, and the folders of its crates.
fn arrows(root: &Path) -> Result<(Vec<Arrow>, Vec<String>)> {
    let mut command = cargo_metadata::MetadataCommand::new();
    command.no_deps().other_options(["--offline".to_owned()]).manifest_path(root.join("Cargo.toml"));
    let metadata = command.exec().context("cargo metadata")?;
    let folder = |path: &cargo_metadata::camino::Utf8Path| path.file_name().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    let mut crates = Vec::new();
    for package in &metadata.packages {
        let from = folder(package.manifest_path.parent().context("no folder")?);
        for dependency in &package.dependencies {
            if let Some(path) = &dependency.path {
                let development = dependency.kind == cargo_metadata::DependencyKind::Development;
                found.push(Arrow { from: from.clone(), to: folder(path), development });
            }
        }
        crates.push(from);
    }
    Ok((found, crates))
}

/// What is wrong with these arrows: one line each.
fn complaints(arrows: &[Arrow], crates: &[String]) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut out: Vec<String> = crates
        .iter()
        .filter(|c| !allowed.contains_key(c.as_str()))
        .map(|c| format!("the crate `{c}` stands in no list: add it to the layering and to ARCHITECTURE.md"))
        .collect();
    for Arrow { from, to, development } in arrows {
        let test_only = to == "testkit";
        let fine = if test_only {
            *development
        } else {
            allowed.get(from.as_str()).is_some_and(|list| list.contains(&to.as_str()))
        };
        if !fine {
            let kind = if *development { "dev-dependency" } else { "dependency" };
            let rule = if test_only { "testkit is a dev-dependency only" } else { "this arrow is not in the list" };
            out.push(format!("{from} -> {to} ({kind}): {rule}"));
        }
    }
    out
}

/// The arrows that ARCHITECTURE.md draws: lines `a -> b, c` of the first fenced block below "Crates and arrows".
fn drawn(document: &str) -> Vec<(String, Vec<String>)> {
    let section = document.split("## Crates and arrows").nth(1).unwrap_or_default();
    let block = section.split("```").nth(1).unwrap_or_default();
    let list = |text: &str| -> Vec<String> {
        let mut names: Vec<String> =
            text.split(',').map(|w| w.trim().to_owned()).filter(|w| !w.is_empty() && w != "nothing").collect();
        names.sort();
        names
    };
    block.lines().filter_map(|l| l.split_once("->")).map(|(a, b)| (a.trim().to_owned(), list(b))).collect()
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn every_arrow_between_crates_is_in_the_list() {
    let (arrows, crates) = arrows(root()).unwrap();
    assert!(crates.len() >= 11 && arrows.len() >= 10, "the workspace was not read: {crates:?}");
    let complaints = complaints(&arrows, &crates);
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn architecture_draws_the_same_list() {
    let document = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut drawn = drawn(&document);
    let mut listed: Vec<(String, Vec<String>)> =
        ARROWS.iter().map(|(a, b)| ((*a).to_owned(), b.iter().map(|s| (*s).to_owned()).collect())).collect();
    drawn.sort();
    listed.sort();
    assert_eq!(drawn, listed, "ARCHITECTURE.md (left) and the list in xtask (right) differ");
}

/// A workspace that does what is forbidden, on disk and through the same `cargo metadata`, must be rejected.
#[test]
fn a_broken_twin_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let manifest = |name: &str, rest: &str| {
        write(&format!("crates/{name}/src/lib.rs"), "");
        let head = format!("[package]\nname = \"glasslab-{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
        write(&format!("crates/{name}/Cargo.toml"), &format!("{head}{rest}"));
    };
    write("Cargo.toml", "[workspace]\nresolver = \"2\"\nmembers = [\"crates/*\"]\n");
    manifest("core", "");
    manifest("testkit", "[dependencies]\nglasslab-core = { path = \"../core\" }\n");
    manifest(
        "nets",
        "[dependencies]\nglasslab-core = { path = \"../core\" }\nother = { path = \"../glasses\", package = \
         \"glasslab-glasses\" }\nglasslab-testkit = { path = \"../testkit\" }\n",
    );
    manifest("glasses", "[dev-dependencies]\nglasslab-testkit = { path = \"../testkit\" }\n");
    manifest("sundries", "");
    let (arrows, crates) = arrows(folder.path()).unwrap();
    let complaints = complaints(&arrows, &crates);
    let expected = ["the crate `sundries`", "nets -> glasses (dependency)", "nets -> testkit (dependency): testkit"];
    assert_eq!(complaints.len(), expected.len(), "{complaints:#?}");
    for beginning in expected {
        assert!(complaints.iter().any(|c| c.starts_with(beginning)), "{beginning}: {complaints:#?}");
    }
}
