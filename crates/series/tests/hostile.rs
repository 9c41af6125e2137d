//! Hostile files are refused with a clear error, before memory is taken, and pickles are never opened.

mod common;

use common::{npy, npy_f32, pickle, torch, walk, write_series, zip};
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
    let texts = [&b"cos\nsystem\n(S'touch ran'\ntR."[..], b"(lp0\nS'x'\np1\na."];
    // In a frame, as Python writes them today: its length has zeros where that of a safetensors header has them.
    let framed =
        b"\x80\x04\x95\x1d\0\0\0\0\0\0\0\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02ls\x94\x85\x94R\x94.";
    for bytes in texts.into_iter().chain([&b"\x80\x02cposix\nsystem\nq\x00."[..], framed]) {
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

/// What the series says of a file beside two good ones.
fn refused(name: &str, bytes: &[u8]) -> String {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(name), bytes).unwrap();
    let error = analyse(&[dir.path().into()], &Options::default(), &()).unwrap_err().to_string();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "something was written");
    assert!(error.len() < 3_000, "{} bytes", error.len());
    error
}

/// Pickles that would run code when loaded, in every way that pickle knows: refused by the name of what they would call.
#[test]
fn pickles_that_would_run_code_are_refused_by_name() {
    let good = pickle(&[("x", "0", 2, 0, &[2], &[1])]);
    for (evil, word) in [
        (&b"\x80\x02cposix\nsystem\nX\x09\x00\x00\x00touch ran\x85R."[..], "posix.system"),
        (b"cos\nsystem\n(X\x09\x00\x00\x00touch rantR.", "os.system"),
        (b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.", "builtins.eval"),
        (b"\x80\x02(X\x01\x00\x00\x001ios\nsystem\n.", "opcode that makes an object"),
        (b"\x80\x02cbuiltins\nset\n)\x81.", "opcode that makes an object"),
        (b"\x80\x02(cbuiltins\nset\no.", "opcode that makes an object"),
        (b"\x80\x02\x82\x01.", "registered extension"),
        (b"\x80\x02ctorch\nload\n.", "torch.load"),
        (b"\x80\x02ctorch._utils\n_import_dotted_name\n.", "torch._utils._import_dotted_name"),
        (b"\x80\x02ctorch\nFloatStorage\nK\x03\x85R.", "torch.FloatStorage"),
        (b"\x80\x02X\x01\x00\x00\x00x\x85Q.", "persistent id"),
        (b"\x80\x02c\x1b[31mos\nx\n.", "\\u{1b}"),
    ] {
        let error = refused("step1.pt", &torch(evil, &[1.0, 2.0]));
        assert!(error.contains(word) && error.contains("nothing of a pickle is run"), "should say `{word}`: {error}");
        // In front of a good one as well.
        let both = [&evil[..evil.len() - 1], b"0", &good[2..]].concat();
        assert!(refused("step1.pt", &torch(&both, &[1.0, 2.0])).contains(word));
    }
}

#[test]
fn tensors_that_are_not_in_their_storage_are_refused() {
    let values = [1.0_f32; 4];
    for (tensor, word) in [
        (("x", "0", 1 << 40, 0, &[1 << 40][..], &[1][..]), "entries in 16 bytes"),
        (("x", "0", 4, 0, &[1 << 40], &[0]), "shape"),
        (("x", "0", 4, 1, &[4], &[1]), "from entry 1 of 4"),
        (("x", "0", 4, 0, &[2, 2], &[1 << 62, 1 << 62]), "shape"),
        (("x", "0", 4, u64::MAX >> 1, &[2], &[1]), "shape"),
        (("x", "0", 4, 0, &[1 << 33, 1 << 33], &[1, 1]), "shape"),
        (("x", "1", 4, 0, &[4], &[1]), "not there"),
        (("x", "0", 5, 0, &[4], &[1]), "5 entries in 16 bytes"),
        (("x", "0", 4, 0, &[4, 1], &[1]), "stride"),
    ] {
        let error = refused("step1.pt", &torch(&pickle(&[tensor]), &values));
        assert!(error.contains(word), "should say `{word}`: {error}");
    }
    let many: Vec<String> = (0..100).map(|i| i.to_string()).collect();
    let views: Vec<_> = many.iter().map(|n| (n.as_str(), "0", 4_u64, 0_u64, &[4_u64][..], &[1_u64][..])).collect();
    let one = torch(&pickle(&views), &values);
    // 1,600 bytes of tensors in a file of some 14,000: views may share. A storage of 1 MB a hundred times may not.
    std::fs::write(tempfile::tempdir().unwrap().path().join("x"), &one).unwrap();
    let wide = vec![0.0_f32; 1 << 18];
    let views: Vec<_> =
        many.iter().map(|n| (n.as_str(), "0", 1_u64 << 18, 0_u64, &[1_u64 << 18][..], &[1_u64][..])).collect();
    assert!(refused("step1.pt", &torch(&pickle(&views), &wide)).contains("bytes of all tensors"));
}

/// Peak memory of this process in bytes, where the kernel tells.
fn peak() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()).unwrap_or(0) << 10
}

/// Bombs: of zeros, of references, of empty values, of members. Refused with less than 300 MB (Linux tells).
#[test]
fn bombs_are_refused_in_small_memory() {
    let before = peak();
    let zeros = vec![0_u8; 200 << 20];
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({},), }}\n", zeros.len() / 4);
    let bomb = zip(&[("x.npy", &npy(&header, &zeros), true)]);
    drop(zeros);
    let made = peak();
    assert!(bomb.len() < 2_000_000 && refused("step1.npz", &bomb).contains("zip bomb"));
    // A dictionary that holds itself; one of 2^60 references.
    let own = b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.";
    assert!(
        refused("step1.pt", &torch(own, &[1.0])).contains("state dict"),
        "{}",
        refused("step1.pt", &torch(own, &[1.0]))
    );
    let mut doubling = b"\x80\x02]q\x00".to_vec();
    for i in 0..60_u8 {
        doubling.extend([b']', b'q', i + 1, b'(', b'h', i, b'h', i, b'e']);
    }
    doubling.push(b'.');
    assert!(refused("step1.pt", &torch(&doubling, &[1.0])).contains("dictionaries"));
    let mut many = b"\x80\x02".to_vec();
    many.extend(vec![b'}'; 3 << 20]);
    assert!(refused("step1.pt", &torch(&many, &[1.0])).contains("values"));
    let mut long = b"\x80\x02X\xff\xff\xff\xffx".to_vec();
    assert!(refused("step1.pt", &torch(&long, &[1.0])).contains("end of the pickle"));
    long.resize(33 << 20, 0);
    assert!(refused("step1.pt", &torch(&long, &[1.0])).contains("at most"));
    // A million empty tensors: in a pickle (limit of values or of tensors), and in an archive (limit of members).
    let names: Vec<String> = (0..100_000).map(|i| i.to_string()).collect();
    let empty: Vec<_> = names.iter().map(|n| (n.as_str(), "0", 1_u64, 0_u64, &[0_u64][..], &[1_u64][..])).collect();
    let error = refused("step1.pt", &torch(&pickle(&empty), &[1.0]));
    assert!(error.contains("tensors") || error.contains("values"), "{error}");
    let array = npy_f32(&[]);
    let mut members: Vec<_> = names[..65_000].iter().map(|n| (n.as_str(), array.as_slice(), false)).collect();
    // 65,000 empty arrays are within the limits: a checkpoint without anything.
    assert!(refused("step1.npz", &zip(&members)).contains("at least 3 are needed"));
    members.truncate(3);
    let mut counted = zip(&members);
    let end = counted.len() - 22;
    counted[end + 10..end + 12].copy_from_slice(&60_000_u16.to_le_bytes());
    assert!(refused("step1.npz", &counted).contains("zip directory"));
    if before > 0 {
        assert!(peak() - made < 300 << 20, "{} MB", (peak() - made) >> 20);
    }
}

#[test]
fn damaged_archives_are_refused() {
    let array = npy_f32(&[1.0, 2.0]);
    let good = zip(&[("x.npy", &array, false), ("y.npy", &array, true)]);
    // Cut off anywhere: no panic, and an error.
    for len in 0..good.len() {
        refused("step1.npz", &good[..len]);
    }
    let find = |bytes: &[u8], word: &[u8]| bytes.windows(word.len()).rposition(|w| w == word).unwrap();
    let change = |at: usize, with: &[u8]| {
        let mut bytes = good.clone();
        bytes[at..at + with.len()].copy_from_slice(with);
        refused("step1.npz", &bytes)
    };
    let (last, directory) = (find(&good, b"PK\x01\x02"), find(&good, b"PK\x05\x06"));
    assert!(change(last + 42, &0_u32.to_le_bytes()).contains("overlaps"));
    assert!(change(last + 42, &(1_u32 << 30).to_le_bytes()).contains("zip member"));
    assert!(change(last + 20, &(1_u32 << 30).to_le_bytes()).contains("zip member"));
    assert!(change(last + 8, &[1]).contains("zip directory"), "encrypted");
    assert!(change(last + 10, &[14]).contains("zip directory"), "another compression");
    assert!(change(directory + 16, &u32::MAX.to_le_bytes()).contains("zip directory"));
    for (array, word) in [
        (npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"\x80\x02cos\nsystem\n."), "pickles"),
        (npy("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", &[0; 4]), "astype"),
        (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", &[0; 4]), "shape"),
        (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", &[0; 4]), "shape"),
        (npy("{'descr': '<f4', 'shape': (1,), }", &[0; 4]), "header"),
        (npy("{'descr': __import__('os').system('touch ran'), }", &[0; 4]), "header"),
        (
            npy(&format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}) }}", "1,".repeat(40)), &[0; 4]),
            "dimensions",
        ),
    ] {
        let error = refused("step1.npy", &array);
        assert!(error.contains(word), "should say `{word}`: {error}");
    }
}
