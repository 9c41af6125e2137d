//! Data of two classes: splits, components, synthetic models, tables.

use glasslab_core::Streams;
use glasslab_nets::labelled::{Recipe, SYNTHETIC, components, prepare};
use rand::RngExt;
use std::collections::BTreeSet;
use std::path::Path;

fn recipe(data: &str, train: usize) -> Recipe {
    Recipe { data: data.to_owned(), components: 0, whiten: false, train, kernel: 40, test: 300 }
}

fn rows(x: &[f64], d: usize) -> BTreeSet<Vec<u64>> {
    x.chunks(d).map(|r| r.iter().map(|v| v.to_bits()).collect()).collect()
}

#[test]
fn splits_are_balanced_disjoint_and_nested() {
    let make = |p| prepare(&recipe("digits", p), Path::new("."), Streams::new(4)).unwrap();
    let (small, large) = (make(100), make(500));
    let d = large.train.inputs;
    assert_eq!((d, small.test.len(), small.kernel.len(), large.train.len()), (64, 300, 40, 500));
    assert_eq!(small.test, large.test);
    assert_eq!(large.train.x[..100 * d], small.train.x[..]);
    assert_eq!(large.train.y.iter().sum::<f64>(), 0.0, "five even and five odd digits in turn");
    let (a, b, c) = (rows(&large.train.x, d), rows(&large.kernel.x, d), rows(&large.test.x, d));
    assert_eq!(a.len() + b.len() + c.len(), 840, "no sample twice");
    assert!(a.is_disjoint(&b) && a.is_disjoint(&c) && b.is_disjoint(&c));
    for x in large.train.x.chunks(d) {
        assert!((x.iter().map(|v| v * v).sum::<f64>() - 64.0).abs() < 1e-9, "on the sphere");
    }
}

/// C v = lambda v for the covariance by plain sums, orthonormality, order; and the projection has the variances that it
/// states: mean 1 over components, or 1 each. Whitened or not, on digits (64 inputs, some constant).
#[test]
fn components_are_eigenvectors_and_projections_have_unit_variance() {
    let data = prepare(&recipe("digits", 900), Path::new("."), Streams::new(4)).unwrap();
    let (n, k) = (64, 12);
    let mut x = data.train.x.clone();
    let samples = x.len() / n;
    for i in 0..n {
        let mean = x.iter().skip(i).step_by(n).sum::<f64>() / samples as f64;
        x.iter_mut().skip(i).step_by(n).for_each(|v| *v -= mean);
    }
    let found = components(&x, n, k, Streams::new(1)).unwrap();
    assert!(found.values.windows(2).all(|w| w[0] > w[1]));
    for (i, v) in found.vectors.chunks(n).enumerate() {
        let mut image = vec![0.0; n];
        for x in x.chunks(n) {
            let along: f64 = x.iter().zip(v).map(|(a, b)| a * b).sum();
            image.iter_mut().zip(x).for_each(|(s, x)| *s += along * x / samples as f64);
        }
        let off = image.iter().zip(v).map(|(c, v)| (c - found.values[i] * v).powi(2)).sum::<f64>().sqrt();
        assert!(off < 1e-8 * found.values[0], "{i}: {off}");
        for (j, w) in found.vectors.chunks(n).enumerate() {
            let overlap: f64 = v.iter().zip(w).map(|(a, b)| a * b).sum();
            assert!((overlap - if i == j { 1.0 } else { 0.0 }).abs() < 1e-9);
        }
    }
    for whiten in [false, true] {
        let p = found.project(&x, whiten);
        let variance = |i: usize| p.iter().skip(i).step_by(k).map(|v| v * v).sum::<f64>() / samples as f64;
        let all: Vec<f64> = (0..k).map(variance).collect();
        assert!((all.iter().sum::<f64>() / k as f64 - 1.0).abs() < 1e-9);
        assert_eq!(whiten, all.iter().all(|v| (v - 1.0).abs() < 1e-7), "{all:?}");
    }
}

/// Half of the samples in each class: N = 10,000 + 100 (threshold) draws; 4 standard errors of a fair coin, 0.02, for the
/// exact thresholds, 0.03 with the sampled median.
#[test]
fn synthetic_classes_are_balanced_and_as_stated() {
    for (name, _) in SYNTHETIC {
        let mut recipe = recipe(name, 10_000);
        recipe.components = 5;
        let data = prepare(&recipe, Path::new("."), Streams::new(3)).unwrap().train;
        let mean = data.y.iter().sum::<f64>() / data.len() as f64;
        assert!(mean.abs() < if ["sphere", "teacher"].contains(name) { 0.06 } else { 0.04 }, "{name}: {mean}");
        let stripe = data.x.chunks(5).zip(&data.y).all(|(x, y)| (x[0] > -0.3 && x[0] < 1.18549) == (*y < 0.0));
        assert_eq!(stripe, *name == "stripe");
    }
}

#[test]
fn tables_are_read_and_bad_ones_refused_with_the_place() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = Streams::new(1).stream("test", 0, 0);
    let mut text = "a,class,b\n".to_owned();
    for k in 0..400 {
        let word = if k % 2 == 0 { "cat" } else { "dog" };
        text += &format!("{},{word},{}\n", rng.random::<f64>(), if k % 2 == 0 { 5.0 } else { -5.0 });
    }
    std::fs::write(dir.path().join("t.csv"), &text).unwrap();
    let mut good = recipe("t.csv", 50);
    good.test = 0;
    let data = prepare(&good, dir.path(), Streams::new(1)).unwrap();
    assert_eq!((data.train.inputs, data.train.len(), data.test.len()), (2, 50, 310));
    assert!(data.train.x.chunks(2).zip(&data.train.y).all(|(x, y)| (x[1] > 0.0) == (*y > 0.0)), "cat is +1");
    let refuse = |text: &str, words: &[&str]| {
        std::fs::write(dir.path().join("bad.csv"), text).unwrap();
        let error = prepare(&recipe("bad.csv", 50), dir.path(), Streams::new(1)).unwrap_err().to_string();
        assert!(words.iter().all(|w| error.contains(w)), "{error}");
    };
    refuse("", &["empty"]);
    refuse("1,2,a\n1,b\n", &["line 2", "2 columns"]);
    refuse("1,2,a\n1,x,b\n", &["line 2, column 2", "`x`"]);
    refuse("1,2,a\n1,3,a\n", &["have the class `a`", "two classes or more"]);
    refuse("1,2,a\n1,3,b\n", &["at most 2 samples"]);
    let missing = prepare(&recipe("none.csv", 50), dir.path(), Streams::new(1)).unwrap_err().to_string();
    assert!(missing.contains("none.csv") && missing.contains("cannot be read"), "{missing}");
}

/// z = W' x'/sqrt(d + 1) with W' = (W, b) and the constant input is W x/sqrt(d) + bias b; without a bias nothing changes.
#[test]
fn a_constant_input_makes_biases() {
    let data = prepare(&Recipe { components: 3, ..recipe("stripe", 50) }, Path::new("."), Streams::new(2)).unwrap();
    assert_eq!(data.clone().with_bias(0.0), data);
    let with = data.clone().with_bias(0.5);
    assert_eq!((with.train.inputs, with.test.len(), &with.train.y), (4, 300, &data.train.y));
    let (w, b) = ([0.3, -1.2, 0.7], 1.9);
    for (x, wide) in data.train.x.chunks(3).zip(with.train.x.chunks(4)) {
        let z = w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() / 3_f64.sqrt() + 0.5 * b;
        let same = w.iter().chain([&b]).zip(wide).map(|(w, x)| w * x).sum::<f64>() / 2.0;
        assert!((z - same).abs() < 1e-12);
    }
}
