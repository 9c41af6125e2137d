//! `glasslab series` from the command line: exit codes, one JSON document, what is kept.

mod common;

use common::{glasslab, said};
use std::path::Path;

/// A checkpoint of one tensor, written by hand.
fn write(path: &Path, x: &[f32]) {
    let end = 4 * x.len();
    let header = format!("{{\"x\":{{\"dtype\":\"F32\",\"shape\":[{}],\"data_offsets\":[0,{end}]}}}}", x.len());
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(x.iter().flat_map(|v| v.to_le_bytes()));
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_sound_series_a_bad_one_and_none() {
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    std::fs::create_dir(d.join("run")).unwrap();
    for t in 0..6_u8 {
        let x: Vec<f32> = (0..40_u8).map(|i| f32::from(i) + f32::from(t) * 0.5).collect();
        write(&d.join(format!("run/step{}.safetensors", 10 * t)), &x);
    }
    let output = glasslab(d, &["series", "run", "--out", "kept", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    // Uniform drift: 0.5 per step of 10 in each of 40 parameters, all binary fractions.
    assert_eq!(json["drift"]["value"], 1.0);
    assert_eq!(json["verdict"], "not resolved");
    assert!((json["distance"].as_f64().unwrap() - 2.5 * 40.0_f64.sqrt()).abs() < 1e-12);
    for file in ["plan.toml", "summary.json", "records/series.nc", "report.html"] {
        assert!(d.join("kept").join(file).is_file(), "{file}");
    }
    let page = std::fs::read_to_string(d.join("kept/report.html")).unwrap();
    assert!(page.contains("<svg") && !page.contains("src=\"http"));
    let again = glasslab(d, &["series", "run", "--out", "kept"]);
    assert_eq!(again.status.code(), Some(2), "{}", said(&again));
    let records = |out: &str, more: &[&str]| {
        let words = [&["series", "run", "--out", out][..], more].concat();
        assert_eq!(glasslab(d, &words).status.code(), Some(0));
        std::fs::read(d.join(out).join("records/series.nc")).unwrap()
    };
    assert_eq!(records("one", &["--threads", "1"]), records("two", &["--threads", "2", "--memory", "300MiB"]));

    std::fs::copy(d.join("run/step20.safetensors"), d.join("run/step40.safetensors")).unwrap();
    let output = glasslab(d, &["series", "run"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("step 40 has the same content as step 20"));

    for (words, word) in [
        (&["series", "nothing"][..], "nothing"),
        (&["series", "run", "--memory", "lots"], "--memory lots"),
        (&["series", "run", "--memory", "1KiB"], "at least"),
        (&["series", "run", "--group", "("], "group = ("),
    ] {
        let output = glasslab(d, words);
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains(word), "{}", said(&output));
    }
}

/// Sketches of a series are a series: the same numbers within the stated error, and the same files again.
#[test]
fn sketches_are_written_and_compared() {
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    std::fs::create_dir(d.join("run")).unwrap();
    for t in 0..6_u8 {
        let x: Vec<f32> = (0..900_u16).map(|i| f32::from(i) + f32::from(t) * 0.5).collect();
        write(&d.join(format!("run/step{}.safetensors", 10 * t)), &x);
    }
    let output = glasslab(d, &["sketch", "run", "--k", "512", "--out", "small", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((json["sketches"].as_array().unwrap().len(), json["k"].as_u64()), (6, Some(512)));
    let output = glasslab(d, &["series", "small", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((json["parameters"].as_u64(), json["sketch"].as_u64()), (Some(900), Some(512)));
    // |x(last) - x(first)| = 2.5 sqrt(900) = 75; its standard error is half that of the square, sqrt(2/512)/2 = 3.1 %.
    assert!((json["distance"].as_f64().unwrap() / 75.0 - 1.0).abs() < 4.0 * 0.0313);
    assert_eq!(
        glasslab(d, &["sketch", "run", "--k", "512", "--out", "again", "--threads", "1"]).status.code(),
        Some(0)
    );
    for t in 0..6 {
        let file = format!("step{}.safetensors", 10 * t);
        assert_eq!(
            std::fs::read(d.join("small").join(&file)).unwrap(),
            std::fs::read(d.join("again").join(&file)).unwrap()
        );
    }
    let output = glasslab(d, &["sketch", "run", "--k", "3", "--out", "x"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("k = 3"), "{}", said(&output));
}
