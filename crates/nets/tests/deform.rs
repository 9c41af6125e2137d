//! Deformations of images: closed forms of the notes, numpy, and the stability of random maps.

use glasslab_core::Streams;
use glasslab_nets::data::deform::{Deformations, NoiseSize, noisy};
use safetensors::SafeTensors;
use std::f64::consts::PI;
use std::path::Path;

/// Fields and deformed images equal those of numpy (`cross/make_deformation.py`) to 1e-12: three cut-offs, images that are not
/// square, several channels, displacements beyond the border and folds.
#[test]
fn deformations_equal_numpy() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cross/deformation.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let all = SafeTensors::deserialize(&bytes).unwrap();
    let cases =
        [("small", 3.0, 1.3e-2, [12, 12], 6), ("wide", 5.0, 8e-3, [9, 14], 19), ("folded", 15.0, 2e-2, [16, 16], 172)];
    for (name, cutoff, temperature, shape, modes) in cases {
        let get = |what: &str| -> Vec<f64> {
            let data = all.tensor(&format!("{name}.{what}")).unwrap().data();
            data.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
        };
        let law = Deformations { temperature, cutoff };
        assert_eq!(law.modes().len(), modes, "{name}");
        let field = law.field(shape, &get("normals")).unwrap();
        let worst = |a: &[f64], b: &[f64]| {
            assert_eq!(a.len(), b.len());
            a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
        };
        assert!(worst(&field.across, &get("across")) < 1e-12, "{name}");
        assert!(worst(&field.down, &get("down")) < 1e-12, "{name}");
        assert!(worst(&field.apply(&get("image")), &get("deformed")) < 1e-12, "{name}");
        assert!(worst(&get("image"), &get("deformed")) > 0.5, "{name}: it does something");
        assert!(law.field(shape, &[0.0; 3]).is_err());
    }
}

/// The numbers of the notes: T_min, T_max, T(delta = 1) for n = 32 and 28 at c = 3, to three digits; delta(T_min) = 1/2 pixel;
/// delta at T_max is 3.4 pixels for n = 32.
#[test]
fn temperatures_and_displacements_are_those_of_the_paper() {
    for (n, low, one) in [(32, 2.83e-4, 1.13e-3), (28, 3.70e-4, 1.48e-3)] {
        let [least, most] = Deformations::temperatures(n, 3.0);
        let close = |a: f64, b: f64| (a / b - 1.0).abs() < 0.005;
        assert!(close(least, low) && close(most, 1.30e-2), "{least} {most}");
        let law = Deformations::of_displacement(1.0, n, 3.0).unwrap();
        assert!(close(law.temperature, one) && (law.displacement(n) - 1.0).abs() < 1e-12, "{law:?}");
        assert!((Deformations { temperature: least, cutoff: 3.0 }.displacement(n) - 0.5).abs() < 1e-12);
    }
    let most = Deformations { temperature: Deformations::temperatures(32, 3.0)[1], cutoff: 3.0 };
    assert!((most.displacement(32) - 3.4).abs() < 0.05, "{}", most.displacement(32));
    let error = Deformations::of_displacement(-1.0, 1, 1.0).unwrap_err().to_string();
    for word in ["displacement", "cutoff", "image"] {
        assert!(error.contains(word), "{error}");
    }
}

/// Over 4,000 deformations: zero on the border, exactly; at inner pixels the variance of each component is
/// n^2 T sum_ij sin^2(i pi x) sin^2(j pi y)/(i^2 + j^2), within 4 standard errors (variance of a normal variable: 2/M of its
/// square); the mean over the image is `exact_displacement` up to the factor (n/(n - 1)) a side of the grid's mean of sin^2;
/// that is the typical displacement up to O(1/ln c).
#[test]
fn displacements_have_the_variance_of_their_modes() {
    const FIELDS: u64 = 4000;
    let (n, streams) = (12, Streams::new(3));
    let law = Deformations::of_displacement(1.0, n, 3.0).unwrap();
    let mut squares = vec![0.0; 2 * n * n];
    for number in 0..FIELDS {
        let field = law.field([n, n], &law.draw(streams, number)).unwrap();
        for (s, u) in squares.iter_mut().zip(field.across.iter().chain(&field.down)) {
            *s += u * u / FIELDS as f64;
        }
    }
    let mut total = 0.0;
    for (p, found) in squares.iter().enumerate() {
        let (y, x) = (p / n % n, p % n);
        total += found / (n * n) as f64;
        if y == 0 || y == n - 1 || x == 0 || x == n - 1 {
            assert_eq!(*found, 0.0, "{y} {x}");
            continue;
        }
        let at = |k: usize, p: usize| (PI * (k * p) as f64 / (n - 1) as f64).sin().powi(2);
        let mode = |[i, j]: &[usize; 2]| at(*i, x) * at(*j, y) / (i * i + j * j) as f64;
        let exact = (n * n) as f64 * law.temperature * law.modes().iter().map(mode).sum::<f64>();
        let error = exact * (2.0 / FIELDS as f64).sqrt();
        assert!((found - exact).abs() < 4.0 * error, "{y} {x}: {found} {exact} +- {error}");
    }
    // The mean of sin^2 over n points from 0 to 1 is (n - 1)/(2 n). About 6 modes: the error of the total is below 2 %.
    let exact = law.exact_displacement(n).powi(2) * ((n - 1) as f64 / n as f64).powi(2);
    assert!((total / exact - 1.0).abs() < 0.06, "{total} {exact}");
    // delta^2 counts pi/2 ln c modes over i^2 + j^2 in the quadrant; at c = 100 the sum is short of it by 15 %.
    let wide = Deformations::of_displacement(1.0, n, 100.0).unwrap();
    assert!((wide.exact_displacement(n) - 1.0).abs() < 0.2, "{}", wide.exact_displacement(n));
    // Deformation `number` is the same at every temperature, up to the factor.
    let hot = Deformations { temperature: 4.0 * law.temperature, ..law };
    let [a, b] = [law, hot].map(|l| l.field([n, n], &l.draw(streams, 5)).unwrap());
    assert!(a.across.iter().zip(&b.across).all(|(a, b)| (2.0 * a - b).abs() < 1e-12));
    assert_ne!(law.draw(streams, 5), law.draw(streams, 6));
}

/// A shift by whole pixels moves pixels and repeats the border; a constant image is left as it is; noise has the asked size.
#[test]
fn images_move_with_the_field() {
    let law = Deformations::of_displacement(1.0, 4, 3.0).unwrap();
    let mut field = law.field([4, 4], &law.draw(Streams::new(1), 0)).unwrap();
    (field.across, field.down) = (vec![1.0; 16], vec![-2.0; 16]);
    let image: Vec<f64> = (0..32).map(f64::from).collect();
    let moved = field.apply(&image);
    assert_eq!(moved.len(), 32);
    for (p, value) in moved.iter().enumerate() {
        let (c, y, x) = (p / 16, p / 4 % 4, p % 4);
        let (y, x) = ((y + 2).min(3), if x == 0 { 0 } else { x - 1 });
        assert_eq!(*value, (c * 16 + y * 4 + x) as f64);
    }
    let folded = law.field([4, 4], &law.draw(Streams::new(1), 7)).unwrap();
    assert!(folded.apply(&[0.7; 16]).iter().all(|v| (v - 0.7).abs() < 1e-15));

    let x = vec![0.0; 30];
    let deformed: Vec<f64> = (0..30).map(|k| if k < 10 { 3.0 } else { 1.0 }).collect();
    let lengths = |size| -> Vec<f64> {
        let noisy = noisy(&x, &deformed, 10, size, Streams::new(2), 0);
        noisy.chunks(10).map(|e| e.iter().map(|v| v * v).sum::<f64>().sqrt()).collect()
    };
    let each: Vec<f64> = [3.0, 1.0, 1.0].iter().map(|v| v * 10_f64.sqrt()).collect();
    assert!(lengths(NoiseSize::Each).iter().zip(&each).all(|(a, b)| (a - b).abs() < 1e-12));
    assert!(lengths(NoiseSize::Mean).iter().all(|a| (a - 5.0 / 3.0 * 10_f64.sqrt()).abs() < 1e-12));
}
