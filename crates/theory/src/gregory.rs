//! Sums that become integrals: Newton-Cotes on few points, end corrections on many, and slopes at the end of a row.

/// Corrections to unit weights that make a sum over m + 1 points an integral (Newton-Cotes for m <= 4,
/// end corrections of Gregory to sixth order above), in units of the step.
fn corrections(m: usize) -> &'static [f64] {
    const WEIGHTS: [&[f64]; 5] = [
        &[-1.0],
        &[-0.5, -0.5],
        &[-2.0 / 3.0, 1.0 / 3.0, -2.0 / 3.0],
        &[-5.0 / 8.0, 1.0 / 8.0, 1.0 / 8.0, -5.0 / 8.0],
        &[-31.0 / 45.0, 19.0 / 45.0, -21.0 / 45.0, 19.0 / 45.0, -31.0 / 45.0],
    ];
    const GREGORY: [f64; 5] = [-193.0 / 288.0, 77.0 / 240.0, -7.0 / 30.0, 73.0 / 720.0, -3.0 / 160.0];
    if m <= 4 { WEIGHTS[m] } else { &GREGORY }
}

/// The correction sum over the points first..=last of `value`.
#[inline(always)]
pub fn correct(first: usize, last: usize, value: impl Fn(usize) -> f64) -> f64 {
    let m = last - first;
    let weights = corrections(m);
    let mut sum = 0.0;
    if m <= 4 {
        for (k, w) in weights.iter().enumerate() {
            sum += w * value(first + k);
        }
    } else {
        for (k, w) in weights.iter().enumerate() {
            sum += w * (value(first + k) + value(last - k));
        }
    }
    sum
}

/// Slope (times h) of the row x at index i from at most five points up to the last one; the row is smooth there.
pub fn back_slope(x: &[f64], i: usize) -> f64 {
    match (i + 1 == x.len(), x.len()) {
        (_, 2) => x[1] - x[0],
        (true, 3) => 1.5 * x[2] - 2.0 * x[1] + 0.5 * x[0],
        (false, 3) => 0.5 * (x[2] - x[0]),
        (true, _) => 11.0 / 6.0 * x[i] - 3.0 * x[i - 1] + 1.5 * x[i - 2] - x[i - 3] / 3.0,
        (false, _) => x[i + 1] / 3.0 + 0.5 * x[i] - x[i - 1] + x[i - 2] / 6.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integrals_are_exact_for_the_polynomials_of_their_order() {
        for m in 1..14_usize {
            for k in 0..=m.min(5) as i32 {
                let value = |x: usize| (x as f64 - 1.0).powi(k);
                let found = (3..=m + 3).map(|x| value(x - 3)).sum::<f64>() + correct(3, m + 3, |x| value(x - 3));
                let exact = ((m as f64 - 1.0).powi(k + 1) - (-1.0_f64).powi(k + 1)) / f64::from(k + 1);
                assert!((found - exact).abs() < 1e-12 * exact.abs().max(1.0), "m {m} k {k}: {found} {exact}");
            }
        }
        assert_eq!(7.0 + correct(2, 2, |_| 7.0), 0.0);
    }

    #[test]
    fn slopes_are_exact_for_cubics() {
        for n in 2..8_usize {
            let k = (n as i32 - 1).min(3);
            let x: Vec<f64> = (0..n).map(|i| (i as f64 + 1.0).powi(k)).collect();
            for i in [n - 2, n - 1] {
                let exact = f64::from(k) * (i as f64 + 1.0).powi(k - 1);
                assert!((back_slope(&x, i) - exact).abs() < 1e-12 * exact, "n {n} i {i}");
            }
        }
    }
}
