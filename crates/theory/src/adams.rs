//! One step of a column of C or R: Adams formulas that start on the diagonal.

/// Older slopes that a step needs.
pub const DEPTH: usize = 5;

/// Coefficients a, b of the slope F0 + second x + a x^2 + b x^3 through its first three values, x in units of h.
pub fn cubic(second: f64, f: [f64; 3]) -> (f64, f64) {
    let (one, two) = (f[1] - f[0] - second, f[2] - f[0] - 2.0 * second);
    let b = (two - 4.0 * one) / 4.0;
    (one - b, b)
}

/// Increment over one step (in units of h) of a column that started m - 1 steps ago: `past` holds its slopes, newest
/// first, `second` h times its second derivative at the start, `new` the slope at the predicted end, if known.
/// Adams formulas of fifth order to predict and sixth to correct; the first four steps are exact for the polynomial
/// through all slopes since the start and the second derivative there.
pub fn increment(m: usize, second: f64, bend: (f64, f64), past: [f64; DEPTH], new: Option<f64>) -> f64 {
    let sum = |weights: &[f64], newest: usize| -> f64 {
        // Weights run from the start of the column: slope k of m is past[m - 1 - k].
        weights.iter().enumerate().map(|(k, w)| w * past[newest - k]).sum()
    };
    match (m, new) {
        (1, None) => past[0] + second / 2.0 + bend.0 / 3.0 + bend.1 / 4.0,
        (1, Some(f)) => 2.0 / 3.0 * past[0] + f / 3.0 + second / 6.0 - bend.1 / 12.0,
        (2, None) => sum(&[-4.0 / 3.0, 7.0 / 3.0], 1) - 5.0 / 6.0 * second + 17.0 / 12.0 * bend.1,
        (2, Some(f)) => sum(&[-13.0 / 48.0, 11.0 / 12.0], 1) + 17.0 / 48.0 * f - second / 8.0,
        (3, None) => sum(&[101.0 / 48.0, -43.0 / 12.0, 119.0 / 48.0], 2) + 9.0 / 8.0 * second,
        (3, Some(f)) => {
            sum(&[127.0 / 540.0, -21.0 / 40.0, 19.0 / 20.0], 2) + 367.0 / 1080.0 * f + 19.0 / 180.0 * second
        }
        (4, None) => sum(&[-1583.0 / 540.0, 229.0 / 40.0, -91.0 / 20.0, 2977.0 / 1080.0], 3) - 251.0 / 180.0 * second,
        (4, Some(f)) => {
            sum(&[-1277.0 / 5760.0, 47.0 / 90.0, -311.0 / 480.0, 46.0 / 45.0], 3) + 1873.0 / 5760.0 * f
                - 3.0 / 32.0 * second
        }
        (_, None) => {
            (1901.0 * past[0] - 2774.0 * past[1] + 2616.0 * past[2] - 1274.0 * past[3] + 251.0 * past[4]) / 720.0
        }
        (_, Some(f)) => {
            (475.0 * f + 1427.0 * past[0] - 798.0 * past[1] + 482.0 * past[2] - 173.0 * past[3] + 27.0 * past[4])
                / 1440.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_exact_for_the_polynomials_of_their_order() {
        // Slope x^k for a column that starts at x = 0 with spacing 1: increment ((m)^(k+1) - (m-1)^(k+1))/(k+1).
        for m in 1..9_usize {
            for k in 0..6 {
                let slope = |x: usize| (x as f64).powi(k);
                let past = std::array::from_fn(|n| if n < m { slope(m - 1 - n) } else { f64::NAN });
                let (x, second) = (m as f64, if k == 1 { 1.0 } else { 0.0 });
                let exact = (x.powi(k + 1) - (x - 1.0).powi(k + 1)) / f64::from(k + 1);
                let bend = (if k == 2 { 1.0 } else { 0.0 }, if k == 3 { 1.0 } else { 0.0 });
                let known = if m == 1 {
                    3
                } else if m < 5 {
                    m as i32
                } else {
                    4
                };
                if k <= known {
                    let found = increment(m, second, bend, past, None);
                    assert!((found - exact).abs() < 1e-12 * exact.max(1.0), "predict m {m} k {k}: {found} {exact}");
                }
                let known = if m == 1 { 3 } else { (m as i32 + 1).min(5) };
                if k <= known {
                    let found = increment(m, second, bend, past, Some(slope(m)));
                    assert!((found - exact).abs() < 1e-12 * exact.max(1.0), "correct m {m} k {k}: {found} {exact}");
                }
            }
        }
        // 2 - x + 3x^2 + 4x^3 at x = 0, 1, 2.
        assert_eq!(cubic(-1.0, [2.0, 8.0, 44.0]), (3.0, 4.0));
    }
}
