//! Planted faults are found, and nothing is found where nothing is planted.

mod common;

use common::{Weights, powers, walk, write, write_raw, write_series};
use glasslab_series::{Analysis, Kind, Options, SeriesError, analyse};
use safetensors::tensor::Dtype;
use std::path::Path;

fn run(folder: &Path) -> Result<Analysis, SeriesError> {
    analyse(&[folder.to_path_buf()], &Options::default(), &())
}

/// The kinds of problems of a series after something was done to it.
fn planted(change: impl FnOnce(&Path, &[u64], &mut Vec<Weights>)) -> (Vec<Kind>, Analysis) {
    let dir = tempfile::tempdir().unwrap();
    let steps: Vec<u64> = (0..8).map(|k| 10 * k).collect();
    let mut series = walk(600, &steps, 1.0, 0.0, 0.1, 1.0);
    write_series(dir.path(), &steps, &series);
    let before = series.clone();
    change(dir.path(), &steps, &mut series);
    if before != series {
        write_series(dir.path(), &steps, &series);
    }
    let a = run(dir.path()).unwrap();
    (a.summary.findings.iter().filter(|f| f.problem).map(|f| f.kind).collect(), a)
}

#[test]
fn a_sound_series_has_no_problem() {
    let (kinds, a) = planted(|_, _, _| {});
    assert!(kinds.is_empty() && a.summary.findings.is_empty(), "{:?}", a.summary.findings);
}

#[test]
fn duplicates_are_found_by_content() {
    let (kinds, a) = planted(|_, _, s| s[5] = s[2].clone());
    assert!(kinds.contains(&Kind::Duplicate), "{:?}", a.summary.findings);
    let found = a.summary.findings.iter().find(|f| f.kind == Kind::Duplicate).unwrap();
    assert!(found.checkpoint == "step50.safetensors" && found.what.contains("step 20"), "{found:?}");
    let content = |i: usize| &a.summary.checkpoints[i].content;
    assert!(content(2) == content(5) && content(2) != content(3));
}

#[test]
fn exchanged_neighbours_are_found() {
    let (kinds, a) = planted(|_, _, s| s.swap(3, 4));
    assert_eq!(kinds, [Kind::Swapped], "{:?}", a.summary.findings);
    assert_eq!(a.summary.findings[0].checkpoint, "step30.safetensors");
}

#[test]
fn nan_is_found_and_left_out() {
    let (kinds, a) = planted(|_, _, s| {
        s[4][1].1[7] = f32::NAN;
        s[4][2].1[0] = f32::INFINITY;
    });
    assert_eq!(kinds, [Kind::NonFinite]);
    assert!(a.summary.findings[0].what.contains("body.1.b (1 of 195), head (1 of 5)"), "{:?}", a.summary.findings);
    assert_eq!(a.records.get("time").unwrap().shape, [7]);
    let msd = a.records.get("msd").unwrap().floats().unwrap();
    assert!((0..7).all(|k| (k..7).all(|t| msd[k * 7 + t].is_finite())));
    assert_eq!(a.summary.checkpoints.iter().filter(|c| c.compared).count(), 7);
}

#[test]
fn frozen_tensors_are_a_note() {
    let (kinds, a) = planted(|_, _, s| {
        let first = s[0][1].clone();
        s.iter_mut().for_each(|w| w[1] = first.clone());
    });
    assert!(kinds.is_empty());
    assert_eq!(a.summary.findings.len(), 1);
    assert!(a.summary.findings[0].what.contains("body.1.b") && a.summary.findings[0].kind == Kind::Frozen);
}

#[test]
fn stray_checkpoints_and_jumps_are_found() {
    let far = |w: &mut Weights| w.iter_mut().for_each(|t| t.1.iter_mut().for_each(|x| *x += 30.0));
    let (kinds, a) = planted(|_, _, s| far(&mut s[4]));
    assert_eq!(kinds, [Kind::Stray], "{:?}", a.summary.findings);
    let (kinds, a) = planted(|_, _, s| s[4..].iter_mut().for_each(far));
    assert_eq!(kinds, [Kind::Jump], "{:?}", a.summary.findings);
    assert_eq!(a.summary.findings[0].checkpoint, "step40.safetensors");
}

#[test]
fn truncated_files_are_left_out() {
    let (kinds, a) = planted(|d, _, _| {
        let path = d.join("step30.safetensors");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(path, &bytes[..bytes.len() - 100]).unwrap();
    });
    assert_eq!(kinds, [Kind::Unreadable]);
    assert!(a.summary.findings[0].what.contains("truncated"), "{:?}", a.summary.findings);
    assert_eq!(a.summary.checkpoints.len(), 7);
}

#[test]
fn other_layouts_are_found() {
    type Raw = (&'static str, Dtype, Vec<usize>, Vec<u8>);
    let with = |change: fn(&mut Vec<Raw>)| {
        planted(|d, _, s| {
            let raw = |t: &(&'static str, Vec<f32>)| {
                let bytes = t.1.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
                (t.0, Dtype::F32, vec![t.1.len()], bytes)
            };
            let mut tensors: Vec<_> = s[4].iter().map(raw).collect();
            change(&mut tensors);
            write_raw(&d.join("step40.safetensors"), &tensors);
        })
    };
    let (kinds, a) = with(|t| drop(t.remove(1)));
    assert_eq!((kinds, a.summary.checkpoints.len()), (vec![Kind::Missing], 7));
    assert!(a.summary.findings[0].what.contains("body.1.b"));
    let (kinds, a) = with(|t| t.push(("new", Dtype::F32, vec![1], vec![0; 4])));
    assert_eq!((kinds, a.summary.checkpoints.len()), (vec![Kind::Added], 8));
    let (kinds, a) = with(|t| t[2].2 = vec![5, 1]);
    assert_eq!((kinds, a.summary.checkpoints.len()), (vec![Kind::Shape], 7));
    let (kinds, a) = with(|t| {
        let wide = t[2].3.as_chunks::<4>().0.iter().flat_map(|b| f64::from(f32::from_le_bytes(*b)).to_le_bytes());
        (t[2].1, t[2].3) = (Dtype::F64, wide.collect());
    });
    assert_eq!((kinds, a.summary.checkpoints.len()), (vec![Kind::Dtype], 8));
    assert_eq!(a.summary.precision, "f64");
}

#[test]
fn steps_repeated_and_out_of_order_are_found() {
    let (kinds, a) = planted(|d, _, s| write(&d.join("again_step40.safetensors"), &s[4]));
    assert_eq!(kinds, [Kind::RepeatedStep]);
    assert_eq!(a.summary.checkpoints.len(), 8);
    let dir = tempfile::tempdir().unwrap();
    let steps = powers(2);
    write_series(dir.path(), &steps, &walk(60, &steps, 1.0, 0.0, 0.1, 1.0));
    let paths = [0, 2, 1, 4].map(|t| dir.path().join(format!("step{t}.safetensors")));
    let a = analyse(&paths, &Options::default(), &()).unwrap();
    assert_eq!(a.summary.findings[0].kind, Kind::OutOfOrder);
    assert_eq!(a.summary.checkpoints.iter().map(|c| c.step).collect::<Vec<_>>(), [0, 1, 2, 4]);
}

/// A checkpoint of two that are left cannot be compared, and the error says why.
#[test]
fn too_few_checkpoints_are_an_error() {
    let dir = tempfile::tempdir().unwrap();
    write_series(dir.path(), &[0, 1], &walk(60, &[0, 1], 1.0, 0.0, 0.1, 1.0));
    std::fs::write(dir.path().join("step2.safetensors"), b"no").unwrap();
    let error = run(dir.path()).unwrap_err().to_string();
    assert!(error.contains("2 checkpoints") && error.contains("step2.safetensors"), "{error}");
    assert!(run(&dir.path().join("nothing")).is_err());
}

/// Running statistics of a normalisation are named, with the flag that leaves them out.
#[test]
fn running_statistics_are_named() {
    let dir = tempfile::tempdir().unwrap();
    for step in 0..3 {
        let some = |scale: f32| vec![scale * step as f32, 1.0];
        let weights: Weights = vec![("bn.running_mean", some(0.5)), ("bn.running_var", some(0.7)), ("w", some(1.0))];
        write(&dir.path().join(format!("step{step}.safetensors")), &weights);
    }
    let a = run(dir.path()).unwrap();
    let found: Vec<_> = a.summary.findings.iter().filter(|f| f.kind == Kind::Statistics).collect();
    assert_eq!((found.len(), found[0].problem, a.summary.parameters), (1, false, 6));
    assert!(found[0].what.contains("bn.running_mean, bn.running_var"), "{}", found[0].what);
    let options = Options { skip: vec!["running_".to_owned()], ..Options::default() };
    let b = analyse(&[dir.path().to_owned()], &options, &()).unwrap();
    assert!(b.summary.parameters == 2 && b.summary.findings.iter().all(|f| f.kind != Kind::Statistics));
}
