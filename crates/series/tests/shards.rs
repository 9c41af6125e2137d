//! Shards of multi-process training: parts of tensors in several files a step, and sketches of them, against the whole.

mod common;

use common::{normal, write_raw};
use glasslab_series::{Analysis, Detail, Options, Sketch, analyse, project};
use safetensors::tensor::Dtype;
use std::path::Path;

const ROWS: usize = 37;
const COLUMNS: usize = 52;
/// Where rows and columns are cut: three shards, uneven.
const CUT_ROWS: [usize; 4] = [0, 11, 12, 37];
const CUT_COLUMNS: [usize; 4] = [0, 20, 40, 52];

type Raw = (&'static str, Dtype, Vec<usize>, Vec<u8>);

fn tensor(name: &'static str, shape: &[usize], values: &[f64]) -> Raw {
    (name, Dtype::F64, shape.to_vec(), values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

/// A matrix by rows, one by columns, a flat vector, a norm that all have, and a head that only the last shard has.
fn write(folder: &Path, steps: &[u64]) {
    std::fs::create_dir_all(folder.join("whole")).unwrap();
    for &step in steps {
        let draw = |n: usize, stream: u64| -> Vec<f64> {
            let (base, moved) = (normal(n, stream, 0), normal(n, stream + 10, step));
            base.iter().zip(moved).map(|(b, m)| b + 0.1 * (step as f64).sqrt() * m).collect()
        };
        let (a, b, flat) = (draw(ROWS * COLUMNS, 1), draw(ROWS * COLUMNS, 2), draw(1000, 3));
        let (norm, head) = (draw(5, 4), draw(9, 5));
        let matrix = [ROWS, COLUMNS];
        let whole = [
            tensor("body.a", &matrix, &a),
            tensor("body.b", &matrix, &b),
            tensor("body.flat", &[1000], &flat),
            tensor("body.norm", &[5], &norm),
            tensor("head", &[9], &head),
        ];
        write_raw(&folder.join(format!("whole/step{step}.safetensors")), &whole);
        let place = folder.join(format!("cut/step{step}"));
        std::fs::create_dir_all(&place).unwrap();
        for s in 0..3 {
            let (r, c) = (CUT_ROWS[s]..CUT_ROWS[s + 1], CUT_COLUMNS[s]..CUT_COLUMNS[s + 1]);
            let columns: Vec<f64> = b.chunks(COLUMNS).flat_map(|row| row[c.clone()].to_vec()).collect();
            let mut shard = vec![
                tensor("body.a", &[r.len(), COLUMNS], &a[r.start * COLUMNS..r.end * COLUMNS]),
                tensor("body.b", &[ROWS, c.len()], &columns),
                tensor("body.flat", &[[300, 300, 400][s]], &flat[300 * s..(300 * s + 300).max(1000 * (s / 2))]),
                tensor("body.norm", &[5], &norm),
            ];
            if s == 2 {
                shard.push(tensor("head", &[9], &head));
            }
            write_raw(&place.join(format!("rank{s}.safetensors")), &shard);
        }
    }
}

const TABLE: &str = r#"
shards = ["rank0.safetensors", "rank1.safetensors", "rank2.safetensors"]

[[split]]
tensors = "\\.norm$"
along = "copies"

[[split]]
tensors = "\\.flat$"
along = "flat"

[[split]]
tensors = "body\\.b"
along = 1

[[split]]
tensors = "body\\.a"
along = 0
"#;

fn floats(a: &Analysis, name: &str) -> Vec<f64> {
    a.records.get(name).unwrap_or_else(|| panic!("no record {name}")).floats().unwrap()
}

/// All records of the shards are those of the whole to the rounding of sums, with the same rows; whatever the memory.
#[test]
fn shards_give_the_displacements_of_the_whole() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[0, 1, 2, 4, 8]);
    let table = dir.path().join("cut/run.toml");
    std::fs::write(&table, TABLE).unwrap();
    let options = Options { skip: vec!["nothing".to_owned()], ..Options::default() };
    let whole = analyse(&[dir.path().join("whole")], &options, &()).unwrap();
    let cut = analyse(std::slice::from_ref(&table), &options, &()).unwrap();
    assert_eq!(cut.summary.problems(), 0, "{:?}", cut.summary.findings);
    assert_eq!((cut.summary.parameters, cut.summary.tensors), (2 * (ROWS * COLUMNS) as u64 + 1014, 5));
    assert_eq!(cut.summary.checkpoints.iter().map(|c| c.step).collect::<Vec<_>>(), [0, 1, 2, 4, 8]);
    for name in ["msd", "msd_layer", "msd_group", "norm", "cosine", "size_layer"] {
        let (a, b) = (floats(&whole, name), floats(&cut, name));
        assert_eq!(a.len(), b.len(), "{name}");
        for (a, b) in a.iter().zip(&b) {
            assert!((a - b).abs() <= 1e-12 * a.abs() || a.is_nan() && b.is_nan(), "{name}: {a} {b}");
        }
    }
    // A table that lists files, and one that lists folders.
    let files =
        |s: u64| format!("files = [{}]", [0, 1, 2].map(|r| format!("\"step{s}/rank{r}.safetensors\"")).join(", "));
    let listed = |of: &dyn Fn(u64) -> String| {
        let rows: String =
            [0, 1, 2, 4, 8].iter().map(|&s| format!("[[checkpoint]]\n{}\nstep = {s}\n", of(s))).collect();
        let split = TABLE.split_once("[[split]]").unwrap().1;
        format!("{rows}\n[[split]]{split}")
    };
    std::fs::write(&table, listed(&files)).unwrap();
    let bits = |a: &Analysis| floats(a, "msd").into_iter().map(f64::to_bits).collect::<Vec<_>>();
    assert_eq!(bits(&analyse(std::slice::from_ref(&table), &options, &()).unwrap()), bits(&cut));
    let folders = |s: u64| format!("path = \"step{s}\"");
    let names = TABLE.split_once("\n\n").unwrap().0;
    std::fs::write(&table, format!("{names}\n{}", listed(&folders))).unwrap();
    assert_eq!(bits(&analyse(&[table], &options, &()).unwrap()), bits(&cut));
}

/// Sketches of shards read through the table are those of the whole; sketches of each shard add up to them, in `analyse` too.
#[test]
fn sketches_of_shards_add_up() {
    let dir = tempfile::tempdir().unwrap();
    let steps = [0, 1, 2, 4];
    write(dir.path(), &steps);
    let table = dir.path().join("cut/run.toml");
    std::fs::write(&table, TABLE).unwrap();
    let options = Options { detail: Detail::Groups, ..Options::default() };
    let make = |from: &Path, to: &str| {
        let out = dir.path().join(to);
        project(&[from.to_path_buf()], &options, (5, 128), &out, &()).unwrap();
        out
    };
    let (whole, cut) = (make(&dir.path().join("whole"), "a"), make(&table, "b"));
    for step in steps {
        let read = |folder: &Path| Sketch::read(&folder.join(format!("step{step}.safetensors"))).unwrap();
        let (a, b) = (read(&whole), read(&cut));
        assert_eq!(a.rows.keys().collect::<Vec<_>>(), b.rows.keys().collect::<Vec<_>>());
        for (name, row) in &a.rows {
            let other = &b.rows[name];
            assert_eq!((row.facts.entries, row.facts.layout), (other.facts.entries, other.facts.layout));
            assert!(row.values.iter().zip(&other.values).all(|(x, y)| (x - y).abs() < 1e-12), "{step} {name}");
        }
    }
    // One sketch a process: the flat parameter by its offsets.
    let weights = |step: u64| -> Vec<f64> { normal(1000, 3, step) };
    let (one, many) = (dir.path().join("one"), dir.path().join("many"));
    std::fs::create_dir_all(&one).unwrap();
    for step in steps {
        let x = weights(step);
        let sketch = |from: usize, to: usize| {
            let mut s = Sketch::new(5, 128).unwrap();
            s.step = Some(step);
            s.add("all", "flat", from as u64, &x[from..to]);
            s
        };
        sketch(0, 1000).write(&one.join(format!("step{step}.safetensors"))).unwrap();
        let folder = many.join(format!("step{step}"));
        std::fs::create_dir_all(&folder).unwrap();
        for (rank, (from, to)) in [(0, 300), (300, 640), (640, 1000)].into_iter().enumerate() {
            sketch(from, to).write(&folder.join(format!("rank{rank}.safetensors"))).unwrap();
        }
    }
    let table = many.join("run.toml");
    std::fs::write(&table, TABLE.split_once("\n\n").unwrap().0).unwrap();
    let (a, b) = (analyse(&[one], &options, &()).unwrap(), analyse(&[table], &options, &()).unwrap());
    assert_eq!((b.summary.sketch, b.summary.parameters), (Some(128), 1000));
    assert_eq!(b.summary.problems(), 0, "{:?}", b.summary.findings);
    for name in ["msd", "norm"] {
        for (a, b) in floats(&a, name).iter().zip(&floats(&b, name)) {
            assert!((a - b).abs() <= 1e-11 * a.abs().max(1.0) || a.is_nan() && b.is_nan(), "{name}: {a} {b}");
        }
    }
}

/// What cannot be known is refused, and the fix is named.
#[test]
fn what_is_not_said_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[0, 1, 2, 4]);
    let cut = dir.path().join("cut");
    let problems = |paths: &[std::path::PathBuf]| match analyse(paths, &Options::default(), &()) {
        Err(error) => error.to_string(),
        Ok(a) => panic!("{:?}", a.summary.findings),
    };
    // Without a table.
    let text = problems(std::slice::from_ref(&cut));
    assert!(text.contains("look like shards") && text.contains("[[split]]"), "{text}");
    let table = cut.join("run.toml");
    let with = |from: &str, to: &str| {
        std::fs::write(&table, TABLE.replace(from, to)).unwrap();
        problems(std::slice::from_ref(&table))
    };
    let text = with("body\\\\.a", "nobody");
    assert!(text.contains("\"body.a\" in 3 shards") && text.contains("[[split]]"), "{text}");
    let text = with("along = 1", "along = 0");
    assert!(text.contains("cannot be cut along dimension 0"), "{text}");
    let text = with("along = 0", "along = \"copies\"");
    assert!(text.contains("they are no copies"), "{text}");
    let text = with("along = 0", "along = 7");
    assert!(text.contains("cannot be cut along dimension 7"), "{text}");
    let text = with("along = 0", "along = \"diagonal\"");
    assert!(text.contains("\"flat\""), "{text}");
    let text = with("rank2.safetensors", "rank9.safetensors");
    assert!(text.contains("not there") && text.contains("rank9"), "{text}");
    let text = with("body\\\\.a", "(");
    assert!(text.contains("regular expression"), "{text}");
}
