//! Averages over the nets of a point: errors, the error of the averaged outputs, fluctuations; errors by leaving nets out.

use super::choice::{Half, halves};

/// Mean and standard error (0 of one value).
pub(super) fn mean(values: &[f64]) -> [f64; 2] {
    let n = values.len() as f64;
    let m = values.iter().sum::<f64>() / n;
    if values.len() < 2 {
        return [m, 0.0];
    }
    let variance = values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (n - 1.0);
    [m, (variance / n).sqrt()]
}

/// Fraction of outputs whose sign is not the label's; 0 and NaN count as wrong.
pub(super) fn error(outputs: &[f64], y: &[f64]) -> f64 {
    let right = outputs.iter().zip(y).filter(|(o, y)| **o * **y > 0.0).count();
    1.0 - right as f64 / y.len() as f64
}

/// What the nets of a point give together; NaN without any net.
pub(super) struct Averages {
    /// Mean test error of single nets; standard error over nets.
    pub mean_error: [f64; 2],
    /// Test error of the sign of the mean output; jackknife standard error over nets.
    pub ensemble_error: [f64; 2],
    /// 1/(S - 1) sum_s mean_x (o_s - mean o)^2; jackknife standard error over nets.
    pub variance: [f64; 2],
    /// Errors on the halves of the test set.
    pub halves: [Half; 2],
}

/// The statistic of the sums over all nets, with its jackknife standard error sqrt((S - 1)/S sum_s (e_s - mean e)^2), e_s
/// without net s: nets are what is drawn at random, test samples are common to all.
fn jackknife(outputs: &[&[f64]], of: impl Fn(&[f64], usize) -> f64) -> [f64; 2] {
    let s = outputs.len();
    let Some(first) = outputs.first() else { return [f64::NAN; 2] };
    let mut total = vec![0.0; first.len()];
    for outputs in outputs {
        total.iter_mut().zip(*outputs).for_each(|(t, o)| *t += o);
    }
    let without = |outputs: &&[f64]| {
        let rest: Vec<f64> = total.iter().zip(*outputs).map(|(t, o)| t - o).collect();
        of(&rest, s - 1)
    };
    let left: Vec<f64> = if s > 1 { outputs.iter().map(without).collect() } else { Vec::new() };
    let spread = if left.is_empty() { 0.0 } else { mean(&left)[1] };
    [of(&total, s), spread * (s as f64 - 1.0)]
}

/// 1/(S - 1) sum_s mean_x (o_s - mean o)^2 and its jackknife standard error; NaN of fewer than 2 nets.
///
/// With q_s = mean_x (o_s - mean o)^2 and Q their sum, leaving net s out takes Q to Q - q_s S/(S - 1): no second pass.
/// Checked by `the_variance_is_unbiased_and_its_error_covers`.
fn variance(outputs: &[&[f64]]) -> [f64; 2] {
    let s = outputs.len() as f64;
    if outputs.len() < 2 {
        return [f64::NAN; 2];
    }
    let points = outputs[0].len();
    let mut total = vec![0.0; points];
    for outputs in outputs {
        total.iter_mut().zip(*outputs).for_each(|(t, o)| *t += o);
    }
    let square = |o: &&[f64]| {
        let squares: f64 = o.iter().zip(&total).map(|(o, t)| (o - t / s).powi(2)).sum();
        squares / points as f64
    };
    let squares: Vec<f64> = outputs.iter().map(square).collect();
    let all: f64 = squares.iter().sum();
    if outputs.len() == 2 {
        // One net has no variance: nothing to leave out.
        return [all, f64::NAN];
    }
    let left: Vec<f64> = squares.iter().map(|q| (all - q * s / (s - 1.0)) / (s - 2.0)).collect();
    [all / (s - 1.0), mean(&left)[1] * (s - 1.0)]
}

/// Averages of outputs \[S\] of \[T\] test samples with labels y \[T\]. Cost O(S T).
pub(super) fn average(outputs: &[&[f64]], y: &[f64]) -> Averages {
    let on = |range: std::ops::Range<usize>| -> ([f64; 2], [f64; 2]) {
        let y = &y[range.clone()];
        let part: Vec<&[f64]> = outputs.iter().map(|o| &o[range.clone()]).collect();
        let errors: Vec<f64> = part.iter().map(|o| error(o, y)).collect();
        let single = if errors.is_empty() { [f64::NAN; 2] } else { mean(&errors) };
        (single, jackknife(&part, |sum, _| error(sum, y)))
    };
    let (mean_error, ensemble_error) = on(0..y.len());
    let halves = halves(y.len()).map(|range| {
        let samples = range.len();
        let (mean_error, ensemble_error) = on(range);
        Half { samples, mean_error, ensemble_error }
    });
    Averages { mean_error, ensemble_error, variance: variance(outputs), halves }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasslab_core::Streams;
    use rand_distr::{Distribution, StandardNormal};

    /// S nets of outputs a_x + b g_s + c g_sx: variance b^2 + c^2, whatever a. Over 400 repetitions: the mean within 4
    /// standard errors of it, and the jackknife error within 4 standard errors (estimated by the repetitions) of the scatter.
    #[test]
    fn the_variance_is_unbiased_and_its_error_covers() {
        let (s, t, b, c) = (8, 5, 0.5, 1.0);
        let mut rng = Streams::new(3).stream("test", 0, 0);
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        let (mut found, mut quoted) = (Vec::new(), Vec::new());
        for _ in 0..400 {
            let net = |n: &mut dyn FnMut() -> f64| {
                let common = b * n();
                (0..t).map(|x| 7.0 * x as f64 + common + c * n()).collect::<Vec<f64>>()
            };
            let nets: Vec<Vec<f64>> = (0..s).map(|_| net(&mut normal)).collect();
            let [v, e] = variance(&nets.iter().map(|n| &n[..]).collect::<Vec<_>>());
            found.push(v);
            quoted.push(e * e);
        }
        let [v, error] = mean(&found);
        assert!((v - (b * b + c * c)).abs() < 4.0 * error, "{v} +- {error}");
        let scatter: Vec<f64> = found.iter().map(|f| (f - v).powi(2)).collect();
        let (seen, said) = (mean(&scatter), mean(&quoted));
        // A jackknife of a variance is too large by O(1/S).
        assert!(said[0] > seen[0] - 4.0 * seen[1].hypot(said[1]), "{said:?} {seen:?}");
        assert!(said[0] < seen[0] * (1.0 + 4.0 / s as f64) + 4.0 * seen[1].hypot(said[1]), "{said:?} {seen:?}");
    }

    /// Outputs 3, -1, -1 on one sample of label +1: two of three nets are wrong, their mean is right; without the first it is
    /// wrong: left-out errors 1, 0, 0, jackknife error sqrt(2/3 * 2/3) = 2/3.
    #[test]
    fn an_ensemble_averages_outputs_before_the_sign() {
        let nets: Vec<[f64; 2]> = vec![[3.0, 1.0], [-1.0, 1.0], [-1.0, 1.0]];
        let nets: Vec<&[f64]> = nets.iter().map(|n| &n[..]).collect();
        let found = average(&nets, &[1.0, 1.0]);
        assert!((found.mean_error[0] - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(found.ensemble_error[0], 0.0);
        assert!((found.ensemble_error[1] - 1.0 / 3.0).abs() < 1e-12, "{:?}", found.ensemble_error);
        assert!((found.halves[0].ensemble_error[1] - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(found.halves[1].ensemble_error, [0.0, 0.0]);
        assert_eq!((found.halves[0].samples, found.halves[1].samples), (1, 1));
        assert!(average(&[], &[1.0, 1.0]).ensemble_error[0].is_nan());
    }
}
