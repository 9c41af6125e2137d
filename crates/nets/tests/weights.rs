//! Starts from weights in safetensors files: PyTorch's export, every network of the registry, and files that do not fit.

mod common;

use common::{distance, formula, pytorch};
use glasslab_core::parameter::Build;
use glasslab_core::*;
use glasslab_nets::*;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn narrow() -> Trained {
    resnet18(Stem::Cifar, 2, formula(24, 16, 10)).unwrap()
}

fn exported() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cross/weights.safetensors")
}

/// Name, type, shape and bytes of each tensor of a file.
type Tensors = Vec<(String, Dtype, Vec<usize>, Vec<u8>)>;

fn write(path: &Path, tensors: &Tensors) {
    let view = |(name, kind, shape, bytes): &(String, Dtype, Vec<usize>, Vec<u8>)| {
        (name.clone(), TensorView::new(*kind, shape.clone(), Box::leak(bytes.clone().into_boxed_slice())).unwrap())
    };
    std::fs::write(path, safetensors::serialize(tensors.iter().map(view), None).unwrap()).unwrap();
}

/// The tensors of a network's layout with these values, as a run in f64 or f32 keeps them.
fn tensors(system: &dyn System, kind: Dtype, value: impl Fn(usize) -> f64) -> Tensors {
    let blocks = system.layout().into_iter().chain(system.buffers());
    let bytes = |block: &Block| -> Vec<u8> {
        block
            .range
            .clone()
            .flat_map(|i| match kind {
                Dtype::F64 => value(i).to_le_bytes().to_vec(),
                _ => (value(i) as f32).to_le_bytes().to_vec(),
            })
            .collect()
    };
    blocks.map(|b| (b.name.clone(), kind, b.shape.clone(), bytes(&b))).collect()
}

/// The state of PyTorch's network after 50 steps: weights and running statistics to 1e-12, the loss in evaluation mode to 1e-10;
/// native Steppers of both precisions start there, in all replicas.
#[test]
fn the_export_of_pytorch_is_where_a_run_starts() {
    let numbers = pytorch();
    let get = |what: &str| numbers("cifar", what);
    let system = Arc::new(narrow().with_weights(&exported()).unwrap());
    let mut x = vec![0.0; system.dof()];
    system.initial(Streams::new(9), 3, &mut x).unwrap();
    let running = system.initial_buffers();
    assert!(distance(&x, &get("after")) < 1e-12 && distance(&running, &get("statistics")) < 1e-12);
    let loss = system.evaluate_with(Slice::F64(&x), Slice::F64(&running), Split::Train).unwrap().unwrap().loss;
    assert!((loss - get("evaluated")[0]).abs() < 1e-10, "{loss}");
    let method = Method::Sgd { rate: 0.01.into(), momentum: 0.5, batch: 10 };
    for precision in [Precision::F64, Precision::F32] {
        let job = Job { method: method.clone(), streams: Streams::new(1), replicas: 0..2, precision };
        let mut native = system.clone().native(&job).unwrap().unwrap();
        let bound = if precision == Precision::F64 { 0.0 } else { f64::from(f32::EPSILON) };
        for r in 0..2 {
            assert!(distance(&native.positions(r).to_f64(), &x) <= bound);
            assert!(distance(&native.buffers(r).to_f64(), &running) <= bound);
        }
        native.advance(1).unwrap();
        assert_ne!(native.positions(0).to_f64(), native.positions(1).to_f64(), "batches are the replica's own");
    }
}

/// Each network of the registry starts where the file says that its parameter `weights` names, in both types, exactly.
#[test]
fn every_network_starts_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let small: &[(&str, &[(&str, Value)])] = &[
        ("toy", &[("hidden", Value::Integer(3))]),
        ("fully-connected", &[("widths", Value::Integers(vec![4, 3]))]),
        ("mlp", &[("hidden", Value::Integer(5))]),
        ("small-net", &[("width", Value::Number(0.2))]),
        ("resnet18", &[("width", Value::Integer(1))]),
        ("cnn", &[("channels", Value::Integer(2))]),
    ];
    // The perceptron of the jamming papers always starts from its own random weights.
    let entries: Vec<Entry> = entries().into_iter().filter(|e| e.name != "jamming-mlp").collect();
    assert_eq!(entries.iter().map(|e| e.name).collect::<Vec<_>>(), small.iter().map(|s| s.0).collect::<Vec<_>>());
    let folder_of = |weights: &str| {
        let build =
            Build { streams: Streams::new(1), sample: 0, folder: folder.path().to_owned(), precision: Precision::F64 };
        (weights.to_owned(), build)
    };
    for (entry, (name, given)) in entries.iter().zip(small) {
        let build = |weights: &str| {
            let (weights, build) = folder_of(weights);
            let mut given: BTreeMap<String, Value> = given.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
            given.insert("train".to_owned(), Value::Integer(20));
            given.insert("weights".to_owned(), Value::Text(weights));
            (entry.build)(&Parameters::check(&(entry.parameters)(), &given).unwrap(), &build)
        };
        let drawn = build("").unwrap();
        for kind in [Dtype::F64, Dtype::F32] {
            let value = |i: usize| f64::from((i as f32 * 0.37).sin().abs());
            write(&folder.path().join("w.safetensors"), &tensors(&*drawn, kind, value));
            let started = build("w.safetensors").unwrap();
            let (mut a, mut b) = (vec![0.0; drawn.dof()], vec![0.0; drawn.dof()]);
            started.initial(Streams::new(7), 5, &mut a).unwrap();
            drawn.initial(Streams::new(7), 5, &mut b).unwrap();
            assert!(a.iter().enumerate().all(|(i, v)| *v == value(i)), "{name}");
            assert_ne!(a, b);
        }
        let missing = build("elsewhere.safetensors").err().expect("there is no such file").to_string();
        assert!(missing.contains("elsewhere.safetensors"), "{missing}");
    }
}

/// What does not fit is refused in one message that names the tensors.
#[test]
fn files_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let good = tensors(&narrow(), Dtype::F64, |i| 0.5 + (i % 7) as f64);
    let read = || narrow().with_weights(&path).map(|_| ());
    write(&path, &good);
    read().unwrap();
    let refused = |change: &dyn Fn(&mut Tensors), words: &[&str]| {
        let mut tensors = good.clone();
        change(&mut tensors);
        write(&path, &tensors);
        let said = read().expect_err(words[0]).to_string();
        for word in words.iter().chain(&["w.safetensors"]) {
            assert!(said.contains(word), "should say `{word}`: {said}");
        }
    };
    refused(&|t| drop(t.remove(0)), &["`layer1.weight` [2, 3, 3, 3] is missing"]);
    refused(&|t| t[1].0 = "layer2.gain".to_owned(), &["`layer2.weight` [2] is missing", "`layer2.gain` has no place"]);
    refused(
        &|t| (t[0].2, t[1].1) = (vec![3, 2, 3, 3], Dtype::I64),
        &["[3, 2, 3, 3] where [2, 3, 3, 3]", "type I64: F32 or F64"],
    );
    for (number, word) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
        refused(&|t| t[2].3[8..16].copy_from_slice(&number.to_le_bytes()), &["layer2.bias", word, "entry 1"]);
    }
    let variance = good.iter().position(|t| t.0 == "layer2.running_var").unwrap();
    refused(&|t| t[variance].3[..8].copy_from_slice(&(-1.0_f64).to_le_bytes()), &["layer2.running_var", "below 0"]);
    // Another width: every tensor is wrong, the message stays short.
    let wide = tensors(&resnet18(Stem::Cifar, 3, formula(24, 16, 10)).unwrap(), Dtype::F32, |_| 1.0);
    refused(&|t| *t = wide.clone(), &["layer1.weight", "[3, 3, 3, 3] where [2, 3, 3, 3]", "more", "same width"]);
    // Another number of classes, another stem, a network without normalisation.
    let classes = tensors(&resnet18(Stem::Cifar, 2, formula(24, 16, 12)).unwrap(), Dtype::F32, |_| 1.0);
    refused(&|t| *t = classes.clone(), &["layer41.weight", "[12, 16] where [10, 16]", "layer41.bias"]);
    let stem = tensors(&resnet18(Stem::ImageNet, 2, formula(24, 32, 10)).unwrap(), Dtype::F32, |_| 1.0);
    refused(&|t| *t = stem.clone(), &["[2, 3, 7, 7] where [2, 3, 3, 3]"]);
    let plain = tensors(&cnn(2, formula(24, 20, 10)).unwrap(), Dtype::F32, |_| 1.0);
    refused(&|t| *t = plain.clone(), &["`layer2.bias` [2] is missing", "more"]);
    refused(&|t| t.retain(|t| t.0 != "layer4.running_var"), &["`layer4.running_var` [2] is missing"]);
    // No safetensors file, a cut one, one that announces more than there is, one that is far too large.
    write(&path, &good);
    let whole = std::fs::read(&path).unwrap();
    let text = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        read().unwrap_err().to_string()
    };
    for bytes in [&b"PK\x03\x04 no such thing"[..], &whole[..whole.len() - 8], &u64::MAX.to_le_bytes(), &[]] {
        let said = text(bytes);
        assert!(said.contains("no safetensors file"), "{said}");
    }
    let large = std::fs::File::create(&path).unwrap();
    large.set_len(1 << 40).unwrap();
    let said = read().unwrap_err().to_string();
    assert!(said.contains("1099511627776 bytes"), "{said}");
}

/// Losses on M evenly spaced samples of P are those of a network on these samples alone.
#[test]
fn losses_can_be_measured_on_a_part() {
    let whole = cnn(3, formula(24, 20, 10)).unwrap().with_loss_samples(7);
    let mut x = vec![0.0; whole.dof()];
    whole.initial(Streams::new(1), 0, &mut x).unwrap();
    let found = Evaluate::evaluate(&whole, Slice::F64(&x), Split::Train).unwrap().unwrap();
    let Training { data, labels, .. } = formula(24, 20, 10);
    let rows: Vec<u32> = (0..7).map(|k| k * 24 / 7).collect();
    let labels = rows.iter().map(|&r| labels[r as usize]).collect();
    let part = cnn(3, Training { data, rows, labels }).unwrap();
    let right = Evaluate::evaluate(&part, Slice::F64(&x), Split::Train).unwrap().unwrap();
    assert_eq!((found.samples, found.error), (7, right.error));
    assert!((found.loss - right.loss).abs() < 1e-13);
    // The energy is that of all samples.
    assert!((whole.energy(&x).unwrap() - part.energy(&x).unwrap()).abs() > 1e-3);
}
