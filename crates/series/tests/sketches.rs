//! Sketches: unbiased, with the stated error, additive, the same bytes; and series of sketches.

mod common;

use common::normal;
use glasslab_series::Sketch;

/// Over 400 seeds the mean of |y|^2 is |x|^2 within 4 standard errors, and its variance (2/k)(|x|^4 - sum_b |x_b|^4) within 4
/// standard errors of a variance (normal law: sqrt(2/399) = 7 %; the law here has heavier tails: 40 % are allowed). N = 5,000
/// in two parameters, one entry 20 times the others, k = 64 and 500.
#[test]
fn the_square_is_unbiased_with_the_stated_variance() {
    let mut x = normal(5_000, 0, 0);
    x[17] *= 20.0;
    let total: f64 = x.iter().map(|v| v * v).sum();
    let blocks = |p: &[f64]| -> f64 { p.chunks(64).map(|b| b.iter().map(|v| v * v).sum::<f64>().powi(2)).sum() };
    let fourth = blocks(&x[..3_000]) + blocks(&x[3_000..]);
    for k in [64, 500] {
        let squares: Vec<f64> = (0..400)
            .map(|seed| {
                let mut s = Sketch::new(seed, k).unwrap();
                s.add("all", "a", 0, &x[..3_000]);
                s.add("all", "b", 0, &x[3_000..]);
                assert!((s.rows["all"].facts.squares / total - 1.0).abs() < 1e-12);
                s.rows["all"].values.iter().map(|v| v * v).sum()
            })
            .collect();
        let (mean, error) = glasslab_core::sum::mean_and_error(squares.iter().copied());
        assert!((mean - total).abs() < 4.0 * error, "k = {k}: {mean} is not {total}");
        let variance = error * error * 400.0;
        let expected = 2.0 / k as f64 * (total * total - fourth);
        assert!((variance / expected - 1.0).abs() < 0.4, "k = {k}: variance {variance}, expected {expected}");
    }
}

#[test]
fn shards_add_up_and_files_come_back() {
    let x: Vec<f32> = normal(10_000, 0, 1).iter().map(|v| *v as f32).collect();
    let whole = {
        let mut s = Sketch::new(3, 128).unwrap();
        s.step = Some(5);
        s.add("w", "layer.w", 0, &x);
        s
    };
    let mut sum = Sketch::new(3, 128).unwrap();
    for (from, to) in [(7_000, 10_000), (0, 33), (33, 1_000), (1_000, 7_000)] {
        let mut shard = Sketch::new(3, 128).unwrap();
        shard.step = Some(5);
        shard.add("w", "layer.w", from as u64, &x[from..to]);
        sum.merge(&shard).unwrap();
    }
    let (a, b) = (&whole.rows["w"], &sum.rows["w"]);
    assert_eq!((a.facts.entries, a.facts.layout), (b.facts.entries, b.facts.layout));
    assert!(a.values.iter().zip(&b.values).all(|(a, b)| (a - b).abs() < 1e-11));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("step5.safetensors");
    whole.write(&path).unwrap();
    assert_eq!(Sketch::read(&path).unwrap(), whole);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    // Other names, other signs; other seeds and sizes are not mixed.
    let mut other = Sketch::new(3, 128).unwrap();
    other.add("w", "layer.v", 0, &x);
    assert_ne!(other.rows["w"].values, whole.rows["w"].values);
    assert!(whole.displacement(&other).unwrap_err().to_string().contains("other parameters"));
    assert!(sum.merge(&Sketch::new(4, 128).unwrap()).is_err() && Sketch::new(0, 63).is_err());
    let mut bad = Sketch::new(3, 128).unwrap();
    bad.add("w", "layer.w", 0, &[1.0_f32, f32::NAN, f32::INFINITY]);
    assert_eq!((bad.rows["w"].facts.non_finite, bad.rows["w"].facts.squares), (2, 1.0));
}
