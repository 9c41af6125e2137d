//! Tests of the kernels against plain loops in f64, inside and at the edges of their ranges.

use super::*;
use glasslab_core::Streams;
use rand_distr::{Distribution, StandardNormal};

fn exactly(rows: &[&[f32]], fourth: bool) -> Sums {
    let mut work = Work::default();
    super::exactly(rows, fourth, &mut work);
    work.sums
}

fn singly(rows: &[&[f32]]) -> Sums {
    let mut work = Work::default();
    super::singly(rows, &mut work);
    work.sums
}

/// All sums by part.
fn eights(sums: &Sums) -> Vec<[f64; PARTS]> {
    (0..sums.second[0].len()).map(|at| sums.parts(at)).collect()
}

fn normal(s: usize, len: usize) -> Vec<f32> {
    let mut rng = Streams::new(3).stream("test", s as u64, len as u64);
    let draw = |_| -> f64 { StandardNormal.sample(&mut rng) };
    (0..len).map(draw).map(|z| z as f32).collect()
}

/// sum d^2 and d^4 by plain loops, in the order of the results.
fn plain(rows: &[&[f32]]) -> Vec<(f64, f64)> {
    let zero = vec![0.0_f32; rows[0].len()];
    let pairs = (1..rows.len()).flat_map(|t| (0..t).map(move |k| (k, t)));
    let pairs = pairs.map(|(k, t)| (rows[k], rows[t])).chain(rows.iter().map(|r| (*r, &zero[..])));
    pairs
        .map(|(a, b)| {
            let d2 = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
            d2.fold((0.0, 0.0), |(s, f), d| (s + d, f + d * d))
        })
        .collect()
}

/// For every number of checkpoints modulo 3 and lengths that fill no lane. Tolerance: n eps relative, the bound of a sum of n
/// positive terms in any order.
#[test]
fn sums_equal_plain_loops() {
    for (count, len) in [(2, 1), (3, 5), (4, 1023), (7, 2000), (200, 700)] {
        let data: Vec<Vec<f32>> = (0..count).map(|s| normal(s, len)).collect();
        let rows: Vec<&[f32]> = data.iter().map(Vec::as_slice).collect();
        let (both, second) = (exactly(&rows, true), exactly(&rows, false));
        assert!(second.fourth.is_empty());
        for (at, (s, f)) in plain(&rows).into_iter().enumerate() {
            let near =
                |x: f64, y: f64| assert!((x - y).abs() <= 2.0 * (len as f64 + 2.0) * f64::EPSILON * y, "{at}: {x} {y}");
            near(both.parts(at).iter().sum(), s);
            near(second.parts(at).iter().sum(), s);
            near(both.fourth[at], f);
        }
    }
}

/// The entry i of a stretch belongs to part i mod 4, and even and odd stretches are apart.
#[test]
fn parts_are_dealt_out_by_lane_and_stretch() {
    let dealt = |stretch: usize| {
        let mut x = vec![0.0_f32; 3 * stretch];
        (x[1], x[stretch + 6], x[2 * stretch + 13]) = (1.0, 2.0, 3.0);
        x
    };
    let expected = [0.0, 10.0, 0.0, 0.0, 0.0, 0.0, 4.0, 0.0];
    let x = dealt(512);
    assert_eq!(exactly(&[&x, &vec![0.0; x.len()]], false).parts(0), expected);
    let x = dealt(1024);
    assert_eq!(singly(&[&x, &vec![0.0; x.len()]]).parts(0), expected);
}

/// Relative error of each sum in f32, largest over pairs, and its root mean square.
fn errors(rows: &[&[f32]]) -> (f64, f64) {
    let found = singly(rows);
    let each: Vec<f64> = (plain(rows).iter().zip(&eights(&found)))
        .map(|((s, _), f)| if *s == 0.0 { f.iter().sum::<f64>() } else { f.iter().sum::<f64>() / s - 1.0 })
        .collect();
    let square: f64 = each.iter().map(|e| e * e).sum();
    (each.iter().fold(0.0, |a, e| a.max(e.abs())), (square / each.len() as f64).sqrt())
}

/// The bound 66 u on hostile series: huge norms and tiny differences, one coordinate that dwarfs all others, scales at both
/// ends of f32, steps of one unit in the last place, equal rows; and typical ones far below: roundings of the L = 64 additions
/// of each lane at random, u sqrt(L/3)/sqrt(N/L) = 2e-8 at N = 40,000 for L = 64, of which three are allowed.
#[test]
fn singly_is_within_its_bound() {
    let bound = 66.0 * 2.0_f64.powi(-24);
    let len = 40_000;
    let check = |name: &str, make: &dyn Fn(usize, usize) -> f32| {
        let data: Vec<Vec<f32>> = (0..8).map(|s| (0..len).map(|i| make(s, i)).collect()).collect();
        let rows: Vec<&[f32]> = data.iter().map(Vec::as_slice).collect();
        let (worst, typical) = errors(&rows);
        assert!(worst <= bound, "{name}: {worst:e}");
        typical
    };
    let noise: Vec<Vec<f32>> = (0..8).map(|s| normal(s, len)).collect();
    let typical = check("normal", &|s, i| noise[s][i]);
    assert!(typical < 6e-8, "{typical:e}");
    // Norms 10^12 times the differences; the numbers themselves are rounded, and differ by what they differ by.
    check("far from zero", &|s, i| 1e6 + noise[s][i] * 0.3);
    check("unit in the last place", &|s, i| f32::from_bits(1.7_f32.to_bits() + ((i * 7 + s * s) % 3) as u32));
    for scale in [1e-44, 1e-38, 1e-30, 1e-20, 1e-18, 1e-15, 1e15, 1e18, 1e30] {
        check(&format!("scale {scale:e}"), &|s, i| noise[s][i] * scale);
        check(&format!("one of scale {scale:e} among ones"), &|s, i| {
            if i % 1024 == 5 { 1.0 } else { noise[s][i] * scale }
        });
    }
    check("a single mover", &|s, i| if i == 12_345 { s as f32 * 1e-22 } else { noise[0][i] });
    check("frozen", &|s, i| noise[if s < 5 { 0 } else { s }][i]);
    check("returns", &|s, i| noise[s % 3][i]);
    check("one is stronger than all", &|s, i| if i == 77 { 1e17 * s as f32 } else { noise[s][i] });
    check("zero", &|_, _| 0.0);
}

/// What is not finite says so, in its own stretch alone.
#[test]
fn infinities_and_nan_come_through() {
    let (a, mut b, mut c) = (normal(0, 3000), normal(1, 3000), normal(2, 3000));
    (b[2100], c[5]) = (f32::INFINITY, f32::NAN);
    let found = eights(&singly(&[&a, &b, &c]));
    assert_eq!(found[0].iter().sum::<f64>(), f64::INFINITY);
    assert!(found[1].iter().sum::<f64>().is_nan());
    assert!(found[3].iter().sum::<f64>().is_finite());
    let whole = eights(&singly(&[&a[..2048], &b[..2048]]));
    assert_eq!(whole[0][4..], found[0][4..]);
}

/// Scalar, AVX2 and AVX-512 (where there are such) round alike.
#[test]
#[cfg(target_arch = "x86_64")]
fn instruction_sets_give_the_same_bits() {
    let data: Vec<Vec<f32>> = (0..8).map(|s| normal(s, 3001)).collect();
    let rows: Vec<&[f32]> = data.iter().map(Vec::as_slice).collect();
    let run = |arch| {
        let (mut a, mut b, mut c) = (Work::default(), Work::default(), Work::default());
        single::compare_with(arch, &rows, &mut a);
        double::compare_with(arch, &rows, false, &mut b);
        double::compare_with(arch, &rows, true, &mut c);
        (a.sums, b.sums, c.sums)
    };
    let scalar = run(pulp::Arch::Scalar);
    assert_eq!(scalar, run(pulp::Arch::new()));
    if let Some(avx2) = pulp::x86::V3::try_new() {
        assert_eq!(scalar, run(pulp::Arch::V3(avx2)));
    }
}

/// Memory that was used for other checkpoints leaves nothing behind.
#[test]
fn work_is_used_again() {
    let data: Vec<Vec<f32>> = (0..9).map(|s| normal(s, 2100)).collect();
    let rows: Vec<&[f32]> = data.iter().map(Vec::as_slice).collect();
    let mut work = Work::default();
    for count in [9, 4, 9, 5, 4, 6] {
        super::singly(&rows[..count], &mut work);
        assert_eq!(work.sums, singly(&rows[..count]));
        for fourth in [true, false] {
            super::exactly(&rows[..count], fourth, &mut work);
            assert_eq!(work.sums, exactly(&rows[..count], fourth));
        }
    }
}
