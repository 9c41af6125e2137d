//! Bad input gets one clear message that names the field, the value and the fix, exit code 2, and nothing is lost.

mod common;

use common::{SMALL, glasslab, said, start};
use std::path::Path;

/// Runs it, expects exit code 2 and all these words on stderr, and no run directory.
fn refused(folder: &Path, words: &[&str], expected: &[&str]) {
    let output = glasslab(folder, words);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(2), "{words:?} said {said}");
    for word in expected {
        assert!(said.contains(word), "{words:?} should say `{word}`, said:\n{said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    assert!(!folder.join("runs").exists(), "{words:?} left a run directory");
}

#[test]
fn absurd_plans_are_refused_with_all_complaints() {
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    refused(d, &["age", "toy", "--rate", "-1"], &["rate", "-1", "> 0"]);
    refused(d, &["age", "toy", "--rate", "nan"], &["rate", "NaN"]);
    refused(d, &["age", "toy", "--momentum", "1"], &["momentum"]);
    refused(d, &["age", "toy", "--batch", "0"], &["batch", "0"]);
    refused(d, &["age", "toy", "--replicas", "0"], &["replicas"]);
    refused(d, &["age", "toy", "--steps", "0"], &["steps"]);
    refused(d, &["age", "toy", "--set", "train=100000"], &["train", "100000"]);
    refused(d, &["age", "toy", "--set", "hiden=3"], &["hiden", "hidden"]);
    refused(d, &["age", "toy", "--set", "hidden=0"], &["hidden", "0"]);
    refused(d, &["age", "toy", "--data", "minst"], &["minst"]);
    refused(d, &["age", "3-spin", "--temperature", "-0.5"], &["temperature", "-0.5"]);
    refused(d, &["age", "3-spin", "--set", "p=4"], &["p", "4"]);
    refused(d, &["age", "tyo"], &["tyo", "toy"]);
    refused(d, &["age", "toy", "toy"], &["once"]);
    refused(d, &["age", "brownian", "--data", "digits"], &["data"]);
    refused(d, &["run", "nothing.toml"], &["nothing.toml", "preset"]);
    refused(d, &["run", "paper/toi"], &["paper/toy"]);
    let bad =
        SMALL.replace("replicas = 3", "replicas = 0").replace("batch = 32", "batch = 0").replace("p = 3", "q = 3");
    std::fs::write(d.join("bad.toml"), bad).unwrap();
    refused(d, &["run", "bad.toml"], &["quench[0].replicas", "quench[0].method.batch", "quench[2].parameters.q"]);
    std::fs::write(d.join("broken.toml"), "name = \n").unwrap();
    refused(d, &["run", "broken.toml"], &["broken.toml", "line 1"]);
    std::fs::write(d.join("typo.toml"), SMALL.replace("steps = 600", "stepps = 600")).unwrap();
    refused(d, &["run", "typo.toml"], &["stepps", "`steps`"]);
}

#[test]
fn foreign_and_busy_folders_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    std::fs::write(d.join("small.toml"), SMALL).unwrap();
    std::fs::create_dir(d.join("mine")).unwrap();
    std::fs::write(d.join("mine/thesis.tex"), "precious").unwrap();
    refused(d, &["run", "small.toml", "--out", "mine"], &["mine", "not empty"]);
    refused(d, &["run", "small.toml", "--out", "mine", "--resume"], &["mine", "not empty"]);
    assert_eq!(std::fs::read_dir(d.join("mine")).unwrap().count(), 1);
    assert!(glasslab(d, &["run", "small.toml", "--out", "done"]).status.success());
    let before = common::results(&d.join("done"));
    refused(d, &["run", "small.toml", "--out", "done"], &["--resume"]);
    refused(d, &["run", "small.toml", "--out", "done", "--resume", "--seed", "9"], &["another plan", "seed"]);
    assert_eq!(before, common::results(&d.join("done")));
    assert!(
        glasslab(d, &["run", "small.toml", "--out", "done", "--resume"]).status.success(),
        "a finished run resumes"
    );
    assert_eq!(before, common::results(&d.join("done")));
    let mut first = start(d, &["age", "toy", "--steps", "100000000", "--out", "busy"]);
    for _ in 0..200 {
        if d.join("busy/plan.toml").is_file() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let second = glasslab(d, &["age", "toy", "--steps", "100000000", "--out", "busy", "--resume"]);
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(said(&second).contains("being written"), "{}", said(&second));
}

#[test]
fn corrupt_data_and_checkpoints_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    std::fs::create_dir(d.join("empty")).unwrap();
    refused(d, &["age", "toy", "--data", "empty"], &["empty"]);
    std::fs::create_dir(d.join("idx")).unwrap();
    for name in
        ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
    {
        std::fs::write(d.join("idx").join(name), [0, 0, 8, 3, 0, 0, 0, 9]).unwrap();
    }
    refused(d, &["age", "toy", "--data", "idx"], &["idx"]);
    refused(d, &["run", "small.toml", "--out", "/proc/nowhere"], &["small.toml"]);
    std::fs::write(d.join("small.toml"), SMALL).unwrap();
    refused(d, &["run", "small.toml", "--out", "/proc/nowhere"], &["/proc/nowhere"]);
    if Path::new("/dev/full").exists() {
        let output = std::process::Command::new("sh")
            .args(["-c", "exec \"$0\" systems > /dev/full", env!("CARGO_BIN_EXE_glasslab")])
            .output()
            .unwrap();
        assert!(!said(&output).contains("panicked"), "{}", said(&output));
    }
}

/// Too high a rate: the replicas that diverge are named with their step, the run ends well.
#[test]
fn divergence_is_reported_per_replica() {
    let dir = tempfile::tempdir().unwrap();
    let words =
        ["age", "fully-connected", "--rate", "1e6", "--steps", "200", "--replicas", "2", "--out", "hot", "--json"];
    let output = glasslab(dir.path(), &words);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("diverged at step"), "{}", said(&output));
    let json: String = String::from_utf8(output.stdout).unwrap();
    assert!(json.contains("\"diverged\""), "{json}");
}

/// Images, labels, classes and weights that do not fit the network or each other: refused before any training.
#[test]
fn images_and_weights_that_do_not_fit_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    let record = |labels: &[u8]| [labels, &[7; 3072][..]].concat();
    let folder = |name: &str, file: &str, bytes: Vec<u8>| {
        std::fs::create_dir(d.join(name)).unwrap();
        std::fs::write(d.join(name).join(file), bytes).unwrap();
    };
    let many = |classes: u8| (0..20).flat_map(|i| record(&[i % classes])).collect::<Vec<u8>>();
    folder("ten", "data_batch_1.bin", many(10));
    folder("eleven", "data_batch_1.bin", many(11));
    folder("cut", "data_batch_1.bin", many(10)[..50_000].to_vec());
    folder("hundred", "train.bin", (0..20).flat_map(|i| record(&[i, 5 * i])).collect());
    refused(d, &["age", "small-net", "--data", "digits"], &["data", "8 x 8", "16 x 16"]);
    refused(d, &["age", "small-net", "--data", "eleven"], &["data_batch_1.bin", "record 10 has label 10", "0 to 9"]);
    refused(d, &["age", "resnet18", "--data", "cut"], &["data_batch_1.bin", "50000 bytes", "truncated"]);
    refused(d, &["age", "small-net", "--data", "ten", "--batch", "21"], &["batch", "21", "at most 20"]);
    let kept = |network: &str, data: &str, out: &str| {
        let words = ["age", network, "--data", data, "--width", "1", "--batch", "4", "--steps", "2", "--replicas", "1"];
        let output = glasslab(d, &[&words[..], &["--keep-weights", "--out", out]].concat());
        assert!(output.status.success(), "{}", said(&output));
        format!("{out}/weights/{network}/replica0/step2.safetensors")
    };
    let weights = kept("small-net", "ten", "kept");
    let from = |words: &[&'static str], file: &str, expected: &[&str]| {
        let words: Vec<&str> = [&["age"], words, &["--batch", "4", "--weights", file]].concat();
        refused(d, &words, &[expected, &[file]].concat());
    };
    from(
        &["small-net", "--data", "ten", "--width", "2"],
        &weights,
        &["layer1.weight", "[10, 3, 5, 5] where [20, 3, 5, 5]"],
    );
    from(&["small-net", "--data", "mnist"], &weights, &["[10, 3, 5, 5] where [10, 1, 5, 5]", "image shape"]);
    from(&["toy", "--data", "ten"], &weights, &["layer3.weight", "no place"]);
    from(&["small-net", "--data", "ten"], "nowhere.safetensors", &["cannot be read"]);
    let residual = kept("resnet18", "ten", "residual");
    from(&["resnet18", "--data", "hundred", "--width", "1"], &residual, &["layer41.weight", "[10, 8] where [100, 8]"]);
    let whole = std::fs::read(d.join(&weights)).unwrap();
    let mut bytes = whole.clone();
    let last = bytes.len() - 8;
    bytes[last..].copy_from_slice(&f64::NAN.to_le_bytes());
    std::fs::write(d.join("nan.safetensors"), bytes).unwrap();
    from(&["small-net", "--data", "ten"], "nan.safetensors", &["holds NaN"]);
    std::fs::write(d.join("cut.safetensors"), &whole[..last]).unwrap();
    from(&["small-net", "--data", "ten"], "cut.safetensors", &["truncated"]);
    // What fits is taken.
    let words = ["age", "small-net", "--data", "ten", "--batch", "4", "--steps", "2", "--replicas", "1", "--out", "on"];
    let output = glasslab(d, &[&words[..], &["--weights", &weights]].concat());
    assert!(output.status.success(), "{}", said(&output));
}
