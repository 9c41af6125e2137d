//! Eigenvalues, extremes and densities of matrices whose spectra are known.

use glasslab_core::{Fault, HessianVec, Space, Streams, System};
use glasslab_spectra::{
    Matrix, Operator, TangentHessian, density, distance, eigenvalues, extremes, extremes_of, hessian_eigenvalues,
    semicircle_cumulative, spectral_measure,
};
use rand::RngExt;
use rand_distr::StandardNormal;
use std::f64::consts::PI;

/// A symmetric matrix of normal entries, variance 1/n off the diagonal and 2/n on it: semicircle of radius 2.
fn random(n: usize, seed: u64) -> Matrix {
    let mut rng = Streams::new(seed).stream("test", 0, 0);
    let mut entries = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let draw: f64 = rng.sample(StandardNormal);
            let entry = draw / (n as f64).sqrt() * if i == j { 2_f64.sqrt() } else { 1.0 };
            (entries[i * n + j], entries[j * n + i]) = (entry, entry);
        }
    }
    Matrix { size: n, entries }
}

/// Closed forms: the matrix min(i, j) (i, j = 1..n) has eigenvalues 1/(2 - 2 cos((2k-1) pi/(2n+1))); ones everywhere: n and
/// zeros; a diagonal one. Tolerance 100 n rounding of the largest.
#[test]
fn dense_matrices_with_known_eigenvalues() {
    for n in [1, 2, 3, 7, 300] {
        let entries = (0..n * n).map(|k| (k / n + 1).min(k % n + 1) as f64).collect();
        let found = eigenvalues(Matrix { size: n, entries }).unwrap();
        for (k, value) in found.iter().rev().enumerate() {
            let angle = (2 * k + 1) as f64 * PI / (2 * n + 1) as f64;
            let exact = 0.5 / (1.0 - angle.cos());
            assert!((value - exact).abs() < 100.0 * n as f64 * f64::EPSILON * found[n - 1], "{n} {k}: {value} {exact}");
        }
        let found = eigenvalues(Matrix { size: n, entries: vec![1.0; n * n] }).unwrap();
        assert!((found[n - 1] - n as f64).abs() < 1e-11 && found[..n - 1].iter().all(|e| e.abs() < 1e-11), "{n}");
        let entries = (0..n * n).map(|k| if k / n == k % n { -(k as f64) } else { 0.0 }).collect();
        let found = eigenvalues(Matrix { size: n, entries }).unwrap();
        assert!(found.windows(2).all(|w| w[0] <= w[1]) && found[0] == -((n * n - 1) as f64));
    }
    assert!(eigenvalues(Matrix { size: 2, entries: vec![0.0; 3] }).is_err());
}

/// sum_i w_i lambda_i^k = v^T A^k v/|v|^2 for k = 0..=5, to 1e-11 of the norm to that power; the eigenvalues are those of
/// [`eigenvalues`]; of a diagonal matrix the weights are the squares of v itself.
#[test]
fn the_spectral_measure_integrates_powers() {
    for n in [1, 2, 3, 40, 300] {
        let mut rng = Streams::new(5).stream("test", n as u64, 0);
        let v: Vec<f64> = (0..n).map(|_| rng.sample(StandardNormal)).collect();
        let square: f64 = v.iter().map(|v| v * v).sum();
        let found = spectral_measure(random(n, 4), &v).unwrap();
        let exact = eigenvalues(random(n, 4)).unwrap();
        assert!(found.iter().zip(&exact).all(|(f, e)| (f.0 - e).abs() < 1e-12), "{n}");
        let (matrix, mut power) = (random(n, 4), v.clone());
        let norm = exact.iter().fold(0.0_f64, |m, e| m.max(e.abs()));
        for k in 0..6 {
            let direct = v.iter().zip(&power).map(|(a, b)| a * b).sum::<f64>() / square;
            let sum: f64 = found.iter().map(|(value, weight)| weight * value.powi(k)).sum();
            assert!((direct - sum).abs() < 1e-11 * norm.powi(k), "{n} {k}: {direct} {sum}");
            let mut next = vec![0.0; n];
            matrix.apply(&power, &mut next).unwrap();
            power = next;
        }
        let entries = (0..n * n).map(|k| if k / n == k % n { (k / n) as f64 } else { 0.0 }).collect();
        let found = spectral_measure(Matrix { size: n, entries }, &v).unwrap();
        assert!(found.iter().zip(&v).all(|((_, w), v)| (w - v * v / square).abs() < 1e-12), "{n}");
    }
    assert!(spectral_measure(random(3, 1), &[0.0; 3]).is_err() && spectral_measure(random(3, 1), &[1.0; 2]).is_err());
}

/// Trace and sum of squares are kept to rounding, the law is the semicircle: for GOE the distance of the counting function is
/// O(ln n/n), 4/n ln n allowed; one thread and many give the same bits.
#[test]
fn random_matrices_follow_the_semicircle() {
    let n = 400;
    let matrix = random(n, 3);
    let trace: f64 = (0..n).map(|i| matrix.entries[i * n + i]).sum();
    let squares: f64 = matrix.entries.iter().map(|a| a * a).sum();
    let found = eigenvalues(random(n, 3)).unwrap();
    assert!((found.iter().sum::<f64>() - trace).abs() < 1e-10);
    assert!((found.iter().map(|e| e * e).sum::<f64>() - squares).abs() < 1e-9);
    let far = distance(&found, |e| semicircle_cumulative(e, 0.0, 2.0));
    assert!(far < 4.0 * (n as f64).ln() / n as f64, "{far}");
    assert!(distance(&found, |e| semicircle_cumulative(e, 0.2, 2.0)) > 0.04);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(one.install(|| eigenvalues(random(n, 3)).unwrap()), found);
}

/// Extremes by 60 steps within 1e-6 of those of all eigenvalues, and all eigenvalues by all steps.
#[test]
fn lanczos_finds_the_extremes() {
    let matrix = random(150, 5);
    let all = eigenvalues(random(150, 5)).unwrap();
    let (low, high) = extremes(&matrix, 60, Streams::new(1)).unwrap();
    assert!((low - all[0]).abs() < 1e-6 && (high - all[149]).abs() < 1e-6, "{low} {high} {} {}", all[0], all[149]);
    let made = glasslab_spectra::lanczos(&matrix, &vec![1.0; 150], 1000).unwrap();
    let nodes = made.quadrature();
    assert_eq!(nodes.len(), 150);
    assert!(nodes.iter().zip(&all).all(|(a, b)| (a.0 - b).abs() < 1e-10));
    assert!(glasslab_spectra::lanczos(&matrix, &[0.0; 150], 10).is_err());
}

/// Moments 1 to 4 within 4 of their errors, which are below 5 % of the fourth; the cumulative at the middle is 1/2.
#[test]
fn densities_have_the_moments_of_the_matrix() {
    let n = 300;
    let matrix = random(n, 8);
    let all = eigenvalues(random(n, 8)).unwrap();
    let found = density(&matrix, 20, 40, Streams::new(2)).unwrap();
    for k in 1..=4 {
        let exact = all.iter().map(|e| e.powi(k)).sum::<f64>() / n as f64;
        let (mean, error) = found.mean(|e| e.powi(k));
        assert!((mean - exact).abs() < 4.0 * error, "moment {k}: {mean} +- {error}, {exact}");
        assert!(error < 0.1, "{error}");
    }
    let (half, error) = found.cumulative(&[0.0])[0];
    assert!((half - 0.5).abs() < 4.0 * error + 0.03 && error < 0.03, "{half} {error}");
}

/// E = (1/2) x^T A x.
struct Quadratic(Matrix, Space);

impl System for Quadratic {
    fn name(&self) -> &str {
        "quadratic"
    }
    fn dof(&self) -> usize {
        self.0.size
    }
    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        self.0.apply(x, force)?;
        force.iter_mut().for_each(|f| *f = -*f);
        Ok(-0.5 * glasslab_core::sum::dot(x, force))
    }
    fn initial(&self, _: Streams, _: u64, x: &mut [f64]) -> Result<(), Fault> {
        x.fill(1.0);
        Ok(())
    }
    fn space(&self) -> Space {
        self.1.clone()
    }
    fn hessian(&self) -> Option<&dyn HessianVec> {
        Some(self)
    }
}

impl HessianVec for Quadratic {
    fn hessian_vec(&self, _: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        self.0.apply(v, out)
    }
}

/// On the sphere, at an eigenvector of A with eigenvalue a, the tangent Hessian has the other eigenvalues minus a; on the plane
/// all of them. A diagonal, x on any of its axes, and turned away from the axes by a rotation of the first two.
#[test]
fn the_sphere_shifts_and_loses_one() {
    let n = 9;
    let values: Vec<f64> = (0..n).map(|k| (k * k) as f64 - 10.0).collect();
    let (c, s) = (0.6, 0.8);
    let mut entries: Vec<f64> = (0..n * n).map(|k| if k / n == k % n { values[k / n] } else { 0.0 }).collect();
    entries[0] = c * c * values[0] + s * s * values[1];
    entries[n + 1] = s * s * values[0] + c * c * values[1];
    (entries[1], entries[n]) = (c * s * (values[0] - values[1]), c * s * (values[0] - values[1]));
    let make = |space| Quadratic(Matrix { size: n, entries: entries.clone() }, space);
    let radius = 3.0;
    for at in 0..n {
        let mut x = vec![0.0; n];
        match at {
            0 => (x[0], x[1]) = (c * radius, s * radius),
            1 => (x[0], x[1]) = (-s * radius, c * radius),
            _ => x[at] = radius,
        }
        let system = make(Space::Sphere { radius });
        let found = hessian_eigenvalues(&system, &x).unwrap();
        let mut expected: Vec<f64> = (0..n).filter(|k| *k != at).map(|k| values[k] - values[at]).collect();
        expected.sort_by(f64::total_cmp);
        assert_eq!(found.len(), n - 1);
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-11), "{at}: {found:?} {expected:?}");
        let operator = TangentHessian::new(&system, &x).unwrap();
        assert!((operator.multiplier() + values[at]).abs() < 1e-12);
        let (low, high) = extremes(&operator, 100, Streams::new(1)).unwrap();
        assert!((low - expected[0]).abs() < 1e-9 && (high - expected[n - 2]).abs() < 1e-9, "{low} {high}");
    }
    let flat = hessian_eigenvalues(&make(Space::Flat), &vec![1.0; n]).unwrap();
    assert!(flat.iter().zip(&values).all(|(a, b)| (a - b).abs() < 1e-11));
}

/// A diagonal operator, for sizes where no matrix is wanted.
struct Diagonal(Vec<f64>);

impl Operator for Diagonal {
    fn size(&self) -> usize {
        self.0.len()
    }
    fn apply(&self, v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        out.iter_mut().zip(v.iter().zip(self.0.iter().cycle())).for_each(|(o, (v, d))| *o = v * d);
        Ok(())
    }
}

/// Diagonals: the ends of equidistant values (the hard case: many steps), of a few outliers beside a bulk, and of fewer values
/// than steps. Each is off by less than its error and rounding, and the errors are small.
#[test]
fn the_ends_are_found_with_their_errors() {
    let even: Vec<f64> = (0..3000).map(|i| f64::from(i) / 2999.0).collect();
    let outliers: Vec<f64> = (0..3000).map(|i| if i < 4 { 5.0 + f64::from(i) } else { f64::from(i) / 3e4 }).collect();
    let few: Vec<f64> = (0..9).map(f64::from).collect();
    for (values, k) in [(even, 3), (outliers, 4), (few, 9)] {
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let (n, width) = (sorted.len(), sorted[sorted.len() - 1] - sorted[0]);
        let (lowest, highest) = extremes_of(&Diagonal(values), k, Streams::new(2)).unwrap();
        assert_eq!((lowest.len(), highest.len()), (k, k));
        for (found, exact) in lowest.iter().zip(&sorted).chain(highest.iter().zip(&sorted[n - k..])) {
            assert!((found.0 - exact).abs() <= found.1 + 1e-12 * width, "{found:?} {exact}");
            assert!(found.1 < 1e-6 * width, "{found:?} {exact}");
        }
    }
}
