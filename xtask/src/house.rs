//! House rules that a machine can hold: links and versions in the documents, reasons of ignored tests, length of files,
//! no path of a machine.

#![cfg(test)]

use crate::shell::{Place, tracked};
use std::fs;
use std::path::{Path, PathBuf};

/// Documents whose links and versions must be true.
const DOCUMENTS: &[&str] = &["README.md", "ARCHITECTURE.md", "CONVENTIONS.md", "CHANGELOG.md"];
/// Longest source file, in lines.
const LONGEST: usize = 700;

/// The targets of `[text](target)`, `![text](target)`, `src="target"` and `href="target"`, outside fenced blocks.
fn links(document: &str) -> Vec<String> {
    let text: String = document.split("```").step_by(2).collect();
    let between = |open: &str, close: char| -> Vec<String> {
        let ends = text.split(open).skip(1).filter_map(|rest| rest.split(close).next().map(str::to_owned));
        ends.collect()
    };
    [between("](", ')'), between("src=\"", '"'), between("href=\"", '"')].concat()
}

/// The anchor that a heading gets: lower case, punctuation taken out, blanks to hyphens.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).collect::<String>().replace(' ', "-")
}

/// Links of a document in the folder `root` that lead nowhere.
fn dead_links(root: &Path, document: &str) -> Vec<String> {
    let dead = |link: &String| {
        if link.starts_with("https://") || link.starts_with("mailto:") {
            return false;
        }
        let (file, heading) = link.split_once('#').unwrap_or((link, ""));
        let text = if file.is_empty() { Some(document.to_owned()) } else { fs::read_to_string(root.join(file)).ok() };
        let anchors = |text: &str| {
            text.lines().filter(|l| l.starts_with('#')).any(|l| anchor(l.trim_start_matches('#')) == heading)
        };
        let exists = file.is_empty() || root.join(file).exists();
        !exists || (!heading.is_empty() && !text.is_some_and(|t| anchors(&t)))
    };
    links(document).into_iter().filter(dead).collect()
}

/// Versions in a document that are not those of Cargo.toml: `Rust 1.88`, `glasslab = "0.1"`, `glasslab 0.1.0`.
fn stale_versions(document: &str, rust: &str, own: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut expect = |before: &str, right: &dyn Fn(&str) -> bool| {
        for rest in document.split(before).skip(1) {
            let version: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
            let version = version.trim_end_matches('.');
            if version.contains('.') && !right(version) {
                out.push(format!("{before}{version}"));
            }
        }
    };
    expect("Rust ", &|v| v == rust);
    for before in ["glasslab ", "glasslab = \"", "version = \""] {
        expect(before, &|v| own == v || own.starts_with(&format!("{v}.")));
    }
    out
}

/// Ignored tests whose reason is not one of `slow: why` and `peers: why`, or whose name does not say that it needs peers.
fn unruly_ignores(source: &str) -> Vec<String> {
    let mut out = Vec::new();
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    for (i, line) in lines.iter().enumerate().filter(|(_, l)| l.starts_with("#[ignore")) {
        let name =
            lines[i..].iter().find_map(|l| l.strip_prefix("fn ")).and_then(|l| l.split('(').next()).unwrap_or("?");
        let slow = line.starts_with("#[ignore = \"slow") && !name.contains("peers");
        let peers = line.starts_with("#[ignore = \"peers") && name.contains("peers");
        if !slow && !peers {
            out.push(format!("{name}: {line}"));
        }
    }
    out
}

/// Paths of a machine in a text.
fn machine_paths(text: &str) -> Vec<String> {
    let bad = |line: &&str| {
        ["work", "farm", "root", "tmp"].iter().any(|top| {
            let needle = format!("/{top}/");
            let mut rest = line.match_indices(&needle);
            rest.any(|(i, _)| {
                let before = line[..i].chars().next_back();
                let after = line[i + needle.len()..].chars().next();
                !before.is_some_and(|c| c.is_alphanumeric() || c == '.' || c == '_')
                    && after.is_some_and(|c| c.is_ascii_lowercase())
            })
        })
    };
    text.lines().filter(bad).map(|l| l.trim().to_owned()).collect()
}

fn place() -> Place {
    Place::find().unwrap()
}

fn texts(extensions: &[&str]) -> Vec<(PathBuf, String)> {
    let place = place();
    let files = tracked(&place.root).unwrap();
    let wanted = |f: &PathBuf| f.extension().and_then(|e| e.to_str()).is_some_and(|e| extensions.contains(&e));
    let read = |f: PathBuf| fs::read_to_string(place.root.join(&f)).ok().map(|t| (f, t));
    let out: Vec<_> = files.into_iter().filter(wanted).filter_map(read).collect();
    assert!(!out.is_empty(), "git lists no {extensions:?}");
    out
}

#[test]
fn links_of_the_documents_lead_somewhere() {
    let root = place().root;
    for name in DOCUMENTS {
        let text = fs::read_to_string(root.join(name)).unwrap();
        assert_eq!(dead_links(&root, &text), [""; 0], "{name}");
    }
    let heading =
        "# A b, c\n[here](#a-b-c) [x](README.md) [y](https://e.org) ![p](no.svg) [z](README.md#none) [w](#a-b)";
    assert_eq!(dead_links(&root, heading), ["no.svg", "README.md#none", "#a-b"], "the twin");
}

#[test]
fn versions_in_the_documents_are_those_of_the_manifest() {
    let root = place().root;
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let value = |key: &str| {
        let line = manifest.lines().find(|l| l.starts_with(key)).unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    };
    let (rust, own) = (value("rust-version"), value("version"));
    for name in ["README.md", "ARCHITECTURE.md", "CONVENTIONS.md"] {
        let text = fs::read_to_string(root.join(name)).unwrap();
        assert_eq!(stale_versions(&text, &rust, &own), [""; 0], "{name}");
    }
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    assert!(readme.contains(&format!("Rust {rust}")), "README.md names the version of Rust that is needed");
    let changes = fs::read_to_string(root.join("CHANGELOG.md")).unwrap();
    assert!(changes.contains("## [Unreleased]") || changes.contains(&format!("## [{own}]")), "CHANGELOG.md");
    assert_eq!(
        stale_versions("Rust 1.70, glasslab = \"9.0\", glasslab 0.1", "1.88", "0.1.0"),
        ["Rust 1.70", "glasslab = \"9.0"]
    );
}

#[test]
fn ignored_tests_say_why() {
    for (file, text) in texts(&["rs"]).iter().filter(|(f, _)| !f.ends_with("xtask/src/house.rs")) {
        assert_eq!(unruly_ignores(text), [""; 0], "{}", file.display());
    }
    let twin = "#[test]\n#[ignore]\nfn a() {}\n#[ignore = \"slow: 40 s\"]\nfn b() {}\n#[ignore = \"peers: torch\"]\nfn c() {}\n\
                #[ignore = \"peers: torch\"]\nfn d_as_peers() {}";
    assert_eq!(unruly_ignores(twin), ["a: #[ignore]", "c: #[ignore = \"peers: torch\"]"]);
}

#[test]
fn no_source_file_is_too_long() {
    for (file, text) in texts(&["rs", "py"]) {
        let lines = text.lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines; {LONGEST} is the most, 300 is long", file.display());
    }
}

#[test]
fn no_path_of_a_machine_is_committed() {
    for (file, text) in texts(&["rs", "py", "md", "toml", "json", "yml", "sh"]) {
        assert_eq!(machine_paths(&text), [""; 0], "{}", file.display());
    }
    let home = ["see /", "tmp/x"].concat();
    assert_eq!(machine_paths(&home).len(), 1, "the twin");
    assert!(machine_paths("https://e.org/work/y and target/tmp/z").is_empty());
}
