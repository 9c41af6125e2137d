//! Checkpoints as PyTorch and numpy write them, tables of paths and steps, patterns and indexes of shards.

mod common;

use common::{npy_f32, pickle, torch, walk, write, write_series, zip};
use glasslab_series::{Analysis, Kind, Options, SeriesError, analyse};
use std::path::Path;

fn run(path: &Path) -> Result<Analysis, SeriesError> {
    analyse(&[path.to_path_buf()], &Options { exact: true, ..Options::default() }, &())
}

fn keyed(path: &Path, key: &str) -> Result<Analysis, SeriesError> {
    analyse(&[path.to_path_buf()], &Options { key: Some(key.to_owned()), exact: true, ..Options::default() }, &())
}

fn layers(a: &Analysis) -> Vec<(String, Vec<f64>)> {
    let glasslab_core::Values::Text(names) = &a.records.get("layer").unwrap().values else { panic!() };
    let all = a.records.get("msd_layer").unwrap().floats().unwrap();
    let s = a.records.get("time").unwrap().shape[0];
    names.iter().enumerate().map(|(i, n)| (n.clone(), all[i * s * s + 1..i * s * s + s].to_vec())).collect()
}

/// Seven containers by PyTorch and numpy (`cross/make_formats.py`): every tensor has numpy's displacements, to 1e-13.
#[test]
fn files_of_pytorch_and_numpy() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cross/formats.json")).unwrap();
    let data: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut compared = 0;
    for (name, steps) in data["files"].as_object().unwrap() {
        let dir = tempfile::tempdir().unwrap();
        let (stem, ending) = name.rsplit_once('.').unwrap();
        for (step, hex) in steps.as_object().unwrap() {
            let hex = hex.as_str().unwrap().as_bytes().as_chunks::<2>().0;
            let bytes: Vec<u8> =
                hex.iter().map(|h| u8::from_str_radix(std::str::from_utf8(h).unwrap(), 16).unwrap()).collect();
            std::fs::write(dir.path().join(format!("{stem}_{step}.{ending}")), bytes).unwrap();
        }
        let a = match stem {
            "deep" => {
                let error = run(dir.path()).unwrap_err().to_string();
                assert!(error.contains("--key") && error.contains("ema, loss"), "{error}");
                keyed(dir.path(), "ema.weights").unwrap()
            }
            _ => run(dir.path()).unwrap(),
        };
        assert_eq!(a.summary.problems(), 0, "{name}: {:?}", a.summary.findings);
        assert_eq!(a.summary.checkpoints.iter().map(|c| c.step).collect::<Vec<_>>(), [0, 10, 20, 30], "{name}");
        let layers = layers(&a);
        let expected = match stem {
            "parameters" => 2,
            "one" => 1,
            "deep" => 4,
            _ => 10,
        };
        assert_eq!(layers.len(), expected, "{name}: {layers:?}");
        for (layer, got) in layers {
            let of = if stem == "one" { "body.turned" } else { layer.as_str() };
            let Some(wanted) = data["msd"][of].as_array() else {
                assert_eq!(stem, "parameters");
                continue;
            };
            for (g, w) in got.iter().zip(wanted) {
                assert!((g / w.as_f64().unwrap() - 1.0).abs() < 1e-13, "{name} {layer}: {g} is not {w}");
            }
            compared += 1;
        }
        let tied = a.summary.findings.iter().find(|f| f.kind == Kind::Repeated);
        assert_eq!(tied.is_some(), expected == 10, "{name}: {:?}", a.summary.findings);
        assert!(tied.is_none_or(|f| f.what.contains("head.tied, head.tied_too")));
    }
    assert_eq!(compared, 4 * 10 + 4 + 1);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("step1.pt"), torch(&pickle(&[("x", "0", 2, 0, &[2], &[1])]), &[1.0, 2.0])).unwrap();
    let error = keyed(dir.path(), "ema").unwrap_err().to_string();
    assert!(error.contains("key = ema") && error.contains("it has x"), "{error}");
}

/// The same series as safetensors, as compressed archives, and as folders of arrays: the same bytes of displacements, whatever the
/// memory (small slabs take up a compressed tensor where they left it).
#[test]
fn compressed_archives_and_folders_of_arrays() {
    let steps = [1, 2, 4, 8];
    let series = walk(300_000, &steps, 1.0, 0.0, 0.1, 1.0);
    let [plain, packed, folders] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    write_series(plain.path(), &steps, &series);
    for (step, weights) in steps.iter().zip(&series) {
        let arrays: Vec<(String, Vec<u8>)> = weights.iter().map(|(n, x)| (format!("{n}.npy"), npy_f32(x))).collect();
        let members: Vec<_> = arrays.iter().map(|(n, b)| (n.as_str(), b.as_slice(), true)).collect();
        std::fs::write(packed.path().join(format!("step{step}.npz")), zip(&members)).unwrap();
        let folder = folders.path().join(format!("step{step}"));
        std::fs::create_dir(&folder).unwrap();
        arrays.iter().for_each(|(n, b)| std::fs::write(folder.join(n), b).unwrap());
    }
    let least = analyse(&[packed.path().into()], &Options { memory: 1, ..Options::default() }, &()).unwrap_err();
    let needed: u64 = least.to_string().split("at least ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let records = |path: &Path, memory: u64| {
        let a = analyse(&[path.into()], &Options { memory, ..Options::default() }, &()).unwrap();
        assert_eq!(a.summary.problems(), 0, "{:?}", a.summary.findings);
        let bits = |r: &glasslab_core::Record| Some(r.floats()?.iter().map(|v| v.to_bits()).collect::<Vec<_>>());
        let content: Vec<String> = a.summary.checkpoints.iter().map(|c| c.content.clone()).collect();
        (a.records.variables.iter().filter_map(bits).collect::<Vec<_>>(), content)
    };
    let expected = records(plain.path(), 1 << 30);
    for (path, memory) in [(packed.path(), 1 << 30), (packed.path(), needed + (2 << 20)), (folders.path(), 1 << 30)] {
        assert!(expected == records(path, memory));
    }
}

#[test]
fn tables_and_patterns() {
    let dir = tempfile::tempdir().unwrap();
    let series = walk(60, &[0, 1, 2, 3], 1.0, 0.0, 0.1, 1.0);
    for (name, w) in ["a, first", "b", "c", "d"].iter().zip(&series) {
        write(&dir.path().join(format!("{name}.safetensors")), w);
    }
    let steps = |path: &Path| -> Vec<u64> { run(path).unwrap().summary.checkpoints.iter().map(|c| c.step).collect() };
    let table = dir.path().join("table.csv");
    std::fs::write(
        &table,
        "# mine\nstep,path,note\n5,\"a, first.safetensors\",x\n 50 ,b.safetensors\n500,c.safetensors,\n",
    )
    .unwrap();
    assert_eq!(steps(&table), [5, 50, 500]);
    let toml = dir.path().join("table.toml");
    let entry = |f: &str, s: u64| format!("[[checkpoint]]\npath = \"{f}.safetensors\"\nstep = {s}\n");
    std::fs::write(&toml, entry("b", 7) + &entry("c", 6) + &entry("d", 9)).unwrap();
    let a = run(&toml).unwrap();
    assert_eq!(a.summary.checkpoints.iter().map(|c| c.step).collect::<Vec<_>>(), [6, 7, 9]);
    assert_eq!(a.summary.findings[0].kind, Kind::OutOfOrder);
    for (name, text, word) in [
        ("x.csv", "file,step\n", "name the columns"),
        ("x.csv", "path,step\na,minus\n", "line 2: step"),
        ("x.csv", "path,step\n,3\n", "line 2: path"),
        ("x.toml", "[[checkpoint]]\nstep = 1\n", "path"),
        ("x.csv", "path\nnothing.safetensors\n", "nothing.safetensors"),
    ] {
        std::fs::write(dir.path().join(name), text).unwrap();
        let error = run(&dir.path().join(name)).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    // Patterns: in the order of the steps, not of the letters.
    let steps = [8, 9, 10, 11];
    for (step, w) in steps.iter().zip(&series) {
        std::fs::create_dir(dir.path().join(format!("run{step}"))).unwrap();
        write(&dir.path().join(format!("run{step}/step{step}.safetensors")), w);
    }
    let a = run(&dir.path().join("run*/step?*.safetensors")).unwrap();
    assert!(a.summary.findings.is_empty(), "{:?}", a.summary.findings);
    assert_eq!(a.summary.checkpoints.iter().map(|c| c.step).collect::<Vec<_>>(), steps);
    assert!(run(&dir.path().join("run*/none*")).unwrap_err().to_string().contains("nothing matches"));
}

/// Folders as trainers leave them: weights beside optimizer states; shards by an index, whatever they are called.
#[test]
fn folders_of_trainers() {
    let dir = tempfile::tempdir().unwrap();
    let series = walk(60, &[0, 1, 2], 1.0, 0.0, 0.1, 1.0);
    for (step, w) in [100, 200, 300].iter().zip(&series) {
        let folder = dir.path().join(format!("checkpoint-{step}"));
        std::fs::create_dir(&folder).unwrap();
        for beside in ["optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin"] {
            std::fs::write(folder.join(beside), b"\x80\x02cposix\nsystem\n.").unwrap();
        }
        for (i, tensor) in w.iter().enumerate() {
            write(&folder.join(format!("piece{i}.safetensors")), &vec![tensor.clone()]);
        }
        let map: Vec<String> =
            w.iter().enumerate().map(|(i, t)| format!("\"{}\":\"piece{i}.safetensors\"", t.0)).collect();
        let index = format!("{{\"metadata\":{{}},\"weight_map\":{{{}}}}}", map.join(","));
        std::fs::write(folder.join("model.safetensors.index.json"), index).unwrap();
    }
    let a = run(dir.path()).unwrap();
    assert!(a.summary.findings.is_empty(), "{:?}", a.summary.findings);
    assert_eq!((a.summary.tensors, a.summary.checkpoints.len()), (3, 3));
    let folder = dir.path().join("checkpoint-400");
    std::fs::create_dir(&folder).unwrap();
    for (file, word) in [
        ("../checkpoint-300/piece0.safetensors", "hostile"),
        ("/etc/passwd", "hostile"),
        ("gone.safetensors", "not whole"),
    ] {
        let index = format!("{{\"weight_map\":{{\"x\":{file:?}}}}}");
        std::fs::write(folder.join("model.safetensors.index.json"), index).unwrap();
        let a = run(dir.path()).unwrap();
        assert!(a.summary.findings[0].what.contains(word), "{:?}", a.summary.findings);
    }
}

#[test]
fn tensors_that_stop_changing_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let steps: Vec<u64> = (0..8).collect();
    let mut series = walk(60, &steps, 1.0, 0.0, 0.1, 1.0);
    let still = series[4][1].clone();
    series[5..].iter_mut().for_each(|w| w[1] = still.clone());
    write_series(dir.path(), &steps, &series);
    let a = run(dir.path()).unwrap();
    assert_eq!(a.summary.problems(), 0);
    let found = &a.summary.findings[0];
    assert_eq!((found.kind, found.checkpoint.as_str()), (Kind::Frozen, "step4.safetensors"));
    assert!(found.what.contains("no more after it: body.1.b"), "{found:?}");
}
