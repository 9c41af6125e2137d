//! Hostile files are refused with a clear error, before memory is taken, and pickles are never opened.

mod common;

use common::{walk, write_series};
use glasslab_series::header::{HEADER_BYTES, read_header};
use glasslab_series::{Options, analyse};
use std::path::Path;

fn file(path: &Path, header: &str, data: usize) {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(vec![0; data]);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn bad_headers_name_file_field_value_and_fix() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("step1.safetensors");
    let tensor = |shape: &str, offsets: &str| {
        format!("{{\"x\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":{offsets}}}}}")
    };
    let two = |a: &str, b: &str| {
        format!(
            "{{\"x\":{{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":{a}}},\"y\":{{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":{b}}}}}"
        )
    };
    let cases = [
        // Terabytes: in the offsets, in the shape, with a product beyond 64 bits.
        (tensor("[1099511627776]", "[0,4398046511104]"), 8, "data_offsets"),
        (tensor("[1099511627776]", "[0,8]"), 8, "shape"),
        (tensor("[4611686018427387904,4611686018427387904]", "[0,8]"), 8, "shape"),
        (tensor("[18446744073709551615]", "[0,18446744073709551615]"), 8, "data_offsets"),
        (tensor("[2]", "[8,0]"), 8, "data_offsets"),
        (tensor("[-2]", "[0,8]"), 8, "header"),
        (tensor("[2]", "[0,8]"), 12, "size"),
        (tensor("[2]", "[4,12]"), 12, "hole"),
        (two("[0,8]", "[4,12]"), 12, "overlaps"),
        (two("[0,8]", "[0,8]"), 8, "overlaps"),
        (tensor("[2]", "[0,8]").replace("F32", "Q9"), 8, "Q9"),
        (tensor(&format!("[{}2]", "1,".repeat(40)), "[0,8]"), 8, "dimensions"),
        (tensor("[2]", "[0,8]").replace("dtype", "code"), 8, "code"),
        (two("[0,8]", "[8,16]").replace("\"y\"", "\"x\""), 16, "twice"),
        (format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)), 8, "header"),
        (tensor("[2]", "[0,8]").replace("\"x\"", &format!("\"{}\"", "x".repeat(5_000))), 8, "5000 bytes"),
        ("not json".to_owned(), 8, "header"),
    ];
    for (header, data, word) in cases {
        file(&path, &header, data);
        let error = read_header(&path).unwrap_err().to_string();
        assert!(error.contains("step1.safetensors") && error.contains(word), "should say `{word}`: {error}");
        assert!(error.len() < 2_000, "a short message, not {} bytes", error.len());
    }
    // What the file really holds is read.
    file(&path, &two("[0,8]", "[8,16]"), 16);
    let names: Vec<_> = read_header(&path).unwrap().tensors.into_iter().map(|t| (t.name, t.bytes)).collect();
    assert_eq!(names, [("x".to_owned(), 8), ("y".to_owned(), 8)]);
}

/// A header length of 2^64 - 1 or of terabytes in a small file, and one that the (sparse) file really has but nobody needs.
#[test]
fn huge_header_lengths_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("step1.safetensors");
    for length in [u64::MAX, 1 << 40, 100] {
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend(b"{}      ");
        std::fs::write(&path, bytes).unwrap();
        let error = read_header(&path).unwrap_err().to_string();
        assert!(error.contains("header length") && error.contains("truncated"), "{error}");
    }
    let f = std::fs::File::create(&path).unwrap();
    std::io::Write::write_all(&mut &f, &(HEADER_BYTES + 1).to_le_bytes()).unwrap();
    f.set_len(1 << 40).unwrap();
    let error = read_header(&path).unwrap_err().to_string();
    assert!(error.contains("at most"), "{error}");
    for short in [&b""[..], b"1234567", b"\0\0\0\0\0\0\0\0{}"] {
        std::fs::write(&path, short).unwrap();
        assert!(read_header(&path).is_err());
    }
}

/// A million empty tensors: refused at the limit, or for the size of their header.
#[test]
fn a_million_empty_tensors_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("step1.safetensors");
    for (count, word) in [(1_000_000, "header length"), (100_000, "more than 65536 tensors")] {
        let entries: Vec<String> =
            (0..count).map(|i| format!("\"{i}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}")).collect();
        file(&path, &format!("{{{}}}", entries.join(",")), 0);
        let error = read_header(&path).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

/// A bare pickle is never opened; the other checkpoints are compared without it.
#[test]
fn bare_pickles_are_refused_by_name_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    write_series(dir.path(), &[2, 3, 4], &walk(60, &[2, 3, 4], 1.0, 0.0, 0.1, 1.0));
    for bytes in [&b"cos\nsystem\n(S'touch ran'\ntR."[..], b"\x80\x02cposix\nsystem\nq\x00.", b"(lp0\nS'x'\np1\na."] {
        std::fs::write(dir.path().join("step1.pt"), bytes).unwrap();
        let a = analyse(&[dir.path().into()], &Options::default(), &()).unwrap();
        let found = &a.summary.findings[0];
        assert_eq!((a.summary.problems(), found.checkpoint.as_str()), (1, "step1.pt"));
        assert!(
            found.what.contains("a bare pickle") && found.what.contains("safetensors.torch.save_file"),
            "{found:?}"
        );
    }
}

/// Names of tensors are mere names: nothing is read or written outside, and records carry them as text.
#[test]
fn names_never_become_paths() {
    let dir = tempfile::tempdir().unwrap();
    let series = walk(60, &[0, 1, 2], 1.0, 0.0, 0.1, 1.0);
    let evil: Vec<common::Weights> = series
        .into_iter()
        .map(|w| {
            w.into_iter().zip(["../../escape", "/etc/passwd", "a\u{1b}[31m\nb"]).map(|((_, x), n)| (n, x)).collect()
        })
        .collect();
    write_series(dir.path(), &[0, 1, 2], &evil);
    let a = analyse(&[dir.path().into()], &Options::default(), &()).unwrap();
    let glasslab_core::Values::Text(names) = &a.records.get("layer").unwrap().values else { panic!() };
    assert!(names.iter().all(|n| !n.contains(['\n', '\u{1b}'])), "{names:?}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
}

#[test]
fn incomplete_shards_and_two_models_in_a_folder_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    write_series(dir.path(), &[1, 2, 3], &walk(60, &[1, 2, 3], 1.0, 0.0, 0.1, 1.0));
    let folder = dir.path().join("step4");
    std::fs::create_dir(&folder).unwrap();
    let copy = |name: &str| std::fs::copy(dir.path().join("step1.safetensors"), folder.join(name)).unwrap();
    copy("model-00001-of-00002.safetensors");
    let said = || {
        let a = analyse(&[dir.path().into()], &Options::default(), &()).unwrap();
        assert_eq!((a.summary.problems(), a.summary.checkpoints.len()), (1, 3));
        a.summary.findings[0].what.clone()
    };
    assert!(said().contains("1 of 2 files"), "{}", said());
    std::fs::remove_file(folder.join("model-00001-of-00002.safetensors")).unwrap();
    copy("a.safetensors");
    copy("b.safetensors");
    assert!(said().contains("a.safetensors, b.safetensors"), "{}", said());
}
