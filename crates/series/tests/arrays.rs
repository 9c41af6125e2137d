//! Arrays of numpy archives, whole: every format of numbers, strings, both orders, stored and compressed.

use flate2::Compression;
use flate2::write::DeflateEncoder;
use glasslab_series::arrays::{Entries, array, names};
use std::io::Write;

fn npy(descr: &str, fortran: bool, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((text.len() as u16).to_le_bytes());
    out.extend(text.as_bytes());
    out.extend(bytes);
    out
}

/// A zip archive; members are compressed if asked for. Checksums are left at zero: they are not read.
fn zip(members: &[(&str, Vec<u8>)], deflate: bool) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in members {
        let packed = if deflate {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        } else {
            bytes.clone()
        };
        let at = out.len() as u32;
        let method: u16 = if deflate { 8 } else { 0 };
        let mut common = Vec::new();
        common.extend(20_u16.to_le_bytes());
        common.extend([0; 2]);
        common.extend(method.to_le_bytes());
        common.extend([0; 8]);
        common.extend((packed.len() as u32).to_le_bytes());
        common.extend((bytes.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0; 2]);
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(&packed);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, count) = (out.len() as u32, members.len() as u16);
    out.extend(&directory);
    out.extend(b"PK\x05\x06\x00\x00\x00\x00");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    out
}

#[test]
fn arrays_of_every_format_are_read_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.npz");
    let le = |v: &[f64], of: &dyn Fn(f64) -> Vec<u8>| v.iter().flat_map(|x| of(*x)).collect::<Vec<u8>>();
    let v = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let formats: Vec<(&str, Vec<u8>)> = vec![
        ("<f8", le(&v, &|x| x.to_le_bytes().to_vec())),
        ("<f4", le(&v, &|x| (x as f32).to_le_bytes().to_vec())),
        ("|u1", le(&v, &|x| vec![x as u8])),
        ("|i1", le(&v, &|x| vec![x as i8 as u8])),
        ("<i2", le(&v, &|x| (x as i16).to_le_bytes().to_vec())),
        ("<u4", le(&v, &|x| (x as u32).to_le_bytes().to_vec())),
        ("<i8", le(&v, &|x| (x as i64).to_le_bytes().to_vec())),
    ];
    for deflate in [false, true] {
        for (descr, bytes) in &formats {
            let text: Vec<u8> = ["no", "yes", "x", "", "a", "yes"]
                .iter()
                .flat_map(|w| (0..3).flat_map(|i| (w.chars().nth(i).unwrap_or('\0') as u32).to_le_bytes()))
                .collect();
            let members =
                [("x.npy", npy(descr, false, "(2, 3)", bytes)), ("words.npy", npy("<U3", false, "(6,)", &text))];
            std::fs::write(&path, zip(&members, deflate)).unwrap();
            assert_eq!(names(&path).unwrap(), [("words".to_owned(), vec![6]), ("x".to_owned(), vec![2, 3])]);
            let x = array(&path, "x").unwrap();
            assert_eq!((x.shape, x.entries), (vec![2, 3], Entries::Numbers(v.to_vec())), "{descr} {deflate}");
            let expected = ["no", "yes", "x", "", "a", "yes"].map(str::to_owned).to_vec();
            assert_eq!(array(&path, "words").unwrap().entries, Entries::Words(expected));
        }
    }
    // Columns first: the same matrix [[1, 3, 5], [2, 4, 6]].
    std::fs::write(&path, zip(&[("x.npy", npy("<f8", true, "(2, 3)", &formats[0].1))], false)).unwrap();
    assert_eq!(array(&path, "x").unwrap().entries, Entries::Numbers(vec![1.0, 3.0, 5.0, 2.0, 4.0, 6.0]));
}

#[test]
fn what_is_not_there_or_cut_off_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.npz");
    let whole = zip(
        &[("images.npy", npy("<f8", false, "(2,)", &[0; 16])), ("o.npy", npy("|O", false, "(1,)", &[0; 8]))],
        false,
    );
    std::fs::write(&path, &whole).unwrap();
    let said = array(&path, "image").unwrap_err().to_string();
    assert!(said.contains("did you mean `images`") && !said.contains(", o"), "{said}");
    for cut in [10, whole.len() / 2, whole.len() - 3] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        assert!(array(&path, "images").is_err(), "{cut}");
    }
    std::fs::write(&path, "").unwrap();
    assert!(names(&path).is_err());
}
