//! Eigenvalues of symmetric tridiagonal matrices.

/// Eigenvalues, ascending, of the matrix with this diagonal `[n]` and these neighbours of it `[n - 1]`, each with the square of
/// the first component of its normalised eigenvector: nodes and weights of the quadrature that belongs to the matrix.
///
/// QL steps with implicit shifts; error a few times the rounding of the largest entry. Cost O(n^2).
/// Source: Golub and Welsch 1969, doi:10.1090/S0025-5718-69-99647-1.
/// Checked by `chain_of_springs`, `first_components`.
pub(crate) fn solve(mut diagonal: Vec<f64>, off: &[f64]) -> Vec<(f64, f64)> {
    let n = diagonal.len();
    let mut off: Vec<f64> = off.iter().copied().chain([0.0]).collect();
    let mut first = vec![0.0; n];
    if n > 0 {
        first[0] = 1.0;
    }
    for low in 0..n {
        // Each eigenvalue takes two or three steps; 100 is never reached with finite entries.
        for _ in 0..100 {
            let small = |m: usize| off[m].abs() <= f64::EPSILON * (diagonal[m].abs() + diagonal[m + 1].abs());
            let high = (low..n - 1).find(|&m| small(m)).unwrap_or(n - 1);
            if high == low {
                break;
            }
            let half = (diagonal[low + 1] - diagonal[low]) / (2.0 * off[low]);
            let root = half.hypot(1.0);
            let mut shifted = diagonal[high] - diagonal[low] + off[low] / (half + root.copysign(half));
            let (mut sine, mut cosine, mut carried) = (1.0, 1.0, 0.0);
            let mut split = false;
            for i in (low..high).rev() {
                let (f, b) = (sine * off[i], cosine * off[i]);
                let length = f.hypot(shifted);
                off[i + 1] = length;
                if length == 0.0 {
                    diagonal[i + 1] -= carried;
                    off[high] = 0.0;
                    split = true;
                    break;
                }
                (sine, cosine) = (f / length, shifted / length);
                let g = diagonal[i + 1] - carried;
                let r = (diagonal[i] - g) * sine + 2.0 * cosine * b;
                carried = sine * r;
                diagonal[i + 1] = g + carried;
                shifted = cosine * r - b;
                let z = first[i + 1];
                first[i + 1] = sine * first[i] + cosine * z;
                first[i] = cosine * first[i] - sine * z;
            }
            if !split {
                diagonal[low] -= carried;
                off[low] = shifted;
                off[high] = 0.0;
            }
        }
    }
    let mut all: Vec<(f64, f64)> = diagonal.into_iter().zip(first.iter().map(|z| z * z)).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    /// Springs in a row: 2 on the diagonal, -1 beside it: eigenvalues 2 - 2 cos(k pi/(n+1)), first components
    /// sqrt(2/(n+1)) sin(k pi/(n+1)). Tolerance: 10 n times rounding of the largest eigenvalue.
    #[test]
    fn chain_of_springs() {
        for n in [1, 2, 3, 10, 257] {
            let found = solve(vec![2.0; n], &vec![-1.0; n - 1]);
            for (k, (value, weight)) in found.iter().enumerate() {
                let angle = (k + 1) as f64 * PI / (n + 1) as f64;
                assert!((value - (2.0 - 2.0 * angle.cos())).abs() < 40.0 * n as f64 * f64::EPSILON, "{n} {k}: {value}");
                let exact = 2.0 / (n + 1) as f64 * angle.sin().powi(2);
                assert!((weight - exact).abs() < 1e-10, "{n} {k}: {weight} {exact}");
            }
        }
    }

    /// The weights integrate: sum w = 1, sum w v = T_00, sum w v^2 = (T^2)_00.
    #[test]
    fn first_components() {
        let found = solve(vec![1.0, -2.0, 0.5, 0.0], &[0.3, 0.0, 2.0]);
        let moment = |k: i32| found.iter().map(|(v, w)| w * v.powi(k)).sum::<f64>();
        assert!((moment(0) - 1.0).abs() < 1e-14);
        assert!((moment(1) - 1.0).abs() < 1e-14);
        assert!((moment(2) - 1.09).abs() < 1e-14);
        assert!(found.windows(2).all(|w| w[0].0 <= w[1].0));
    }
}
