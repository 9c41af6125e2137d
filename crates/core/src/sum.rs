//! Sums over many degrees of freedom: blocked pairwise, so that rounding grows like log N and the order is fixed.

const BLOCK: usize = 512;

fn pairwise(blocks: &[f64]) -> f64 {
    match blocks.len() {
        0 => 0.0,
        1 => blocks[0],
        n => pairwise(&blocks[..n / 2]) + pairwise(&blocks[n / 2..]),
    }
}

fn lanes(n: usize, term: impl Fn(usize) -> f64) -> f64 {
    let mut acc = [0.0_f64; 8];
    let whole = n / 8 * 8;
    for i in (0..whole).step_by(8) {
        for (k, a) in acc.iter_mut().enumerate() {
            *a += term(i + k);
        }
    }
    for i in whole..n {
        acc[i - whole] += term(i);
    }
    pairwise(&acc)
}

/// Sum of x, pairwise over blocks of 512. Error O(eps log N), cost O(N).
pub fn sum(x: &[f64]) -> f64 {
    let blocks: Vec<f64> = x.chunks(BLOCK).map(|c| lanes(c.len(), |i| c[i])).collect();
    pairwise(&blocks)
}

/// Dot product of x and y (equal lengths), pairwise over blocks of 512. Error O(eps log N), cost O(N).
pub fn dot(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len(), "dot product of vectors of different lengths");
    let blocks: Vec<f64> = x.chunks(BLOCK).zip(y.chunks(BLOCK)).map(|(a, b)| lanes(a.len(), |i| a[i] * b[i])).collect();
    pairwise(&blocks)
}

/// Mean and standard error of the mean, s/sqrt(n) with s^2 unbiased. NaN values are left out; the error is NaN for
/// fewer than two values, the mean for none.
pub fn mean_and_error(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let (mut n, mut mean, mut m2) = (0_u32, 0.0, 0.0);
    for v in values.into_iter().filter(|v| !v.is_nan()) {
        n += 1;
        let d: f64 = v - mean;
        mean += d / f64::from(n);
        m2 += d * (v - mean);
    }
    match n {
        0 => (f64::NAN, f64::NAN),
        1 => (mean, f64::NAN),
        _ => (mean, (m2 / f64::from(n - 1) / f64::from(n)).sqrt()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairwise_sum_beats_naive_rounding() {
        let n = 1_000_000;
        let x = vec![0.1_f64; n];
        assert!((sum(&x) - 0.1 * n as f64).abs() < 1e-8);
        assert_eq!(dot(&x[..7], &x[..7]), dot(&x[..7], &x[..7]));
        let (m, e) = mean_and_error([1.0, 3.0, f64::NAN]);
        assert_eq!((m, e), (2.0, 1.0));
    }
}
