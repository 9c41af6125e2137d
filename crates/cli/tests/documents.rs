//! The reference page is what the program says, and every verb helps.

mod common;

use common::{glasslab, said};

#[test]
fn the_reference_page_is_what_the_program_says() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/command-line.md");
    let written = std::fs::read_to_string(page).unwrap();
    let output = glasslab(std::path::Path::new("."), &["reference"]);
    let now = String::from_utf8(output.stdout).unwrap();
    assert!(written == now, "write it again: cargo run -- reference > docs/command-line.md");
}

#[test]
fn every_verb_has_help_and_a_typo_gets_the_nearest() {
    let here = std::path::Path::new(".");
    for verb in ["age", "run", "plane", "mean-field", "report", "systems", "datasets", "presets", "completions"] {
        assert!(glasslab(here, &[verb, "--help"]).status.success(), "{verb}");
    }
    let output = glasslab(here, &["ages"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("'age'"), "{}", said(&output));
    for shell in ["bash", "zsh", "fish"] {
        assert!(glasslab(here, &["completions", shell]).status.success());
    }
}

/// The lists as JSON are one document each on stdout.
#[test]
fn lists_are_one_json_document() {
    let here = std::path::Path::new(".");
    for (verb, key) in [("systems", "p-spin"), ("datasets", "digits"), ("presets", "paper/toy")] {
        let output = glasslab(here, &[verb, "--json"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with('{') && text.trim_end().ends_with('}') && text.contains(key), "{text}");
    }
}

#[test]
fn mean_field_refuses_what_it_cannot_solve() {
    let dir = tempfile::tempdir().unwrap();
    for (words, expected) in [
        (vec!["mean-field", "--p", "1"], "p = 1"),
        (vec!["mean-field", "--temperature", "-1"], "temperature = -1"),
        (vec!["mean-field", "--until", "0"], "until = 0"),
        (vec!["mean-field", "--tolerance", "2"], "tolerance = 2"),
        (vec!["mean-field", "--start", "cold"], "cold"),
        (vec!["mean-field", "--s", "4"], "--weight"),
    ] {
        let output = glasslab(dir.path(), &words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(said(&output).contains(expected), "{words:?} said {}", said(&output));
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was written");
    let output = glasslab(dir.path(), &["mean-field", "--until", "10", "--out", "mf"]);
    assert!(output.status.success(), "{}", said(&output));
    for file in ["plan.toml", "summary.json", "manifest.json", "records/mean-field.nc", "report.html"] {
        assert!(dir.path().join("mf").join(file).is_file(), "{file}");
    }
}
