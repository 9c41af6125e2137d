//! Errors of averaged nets on a common set of samples, and what can be told apart.

/// How averages of n nets do on a set of samples.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judged {
    /// For each sample, the share of the averages that get it wrong.
    pub wrong: Vec<f64>,
    /// Its mean: the expected error.
    pub error: f64,
    /// Jackknife standard error over nets.
    pub over_nets: f64,
}

/// For each sample the share of averages of n nets whose sign is not the label (0 and NaN count as wrong). The averages are those of n
/// nets in turn, beginning at each net: every net counts alike. outputs S x \[K\], 1 <= n <= S. Cost O(S n K).
fn wrong(outputs: &[&[f32]], y: &[f64], n: usize) -> Vec<f64> {
    let s = outputs.len();
    let starts = if n == s { 1 } else { s };
    let mut out = vec![0.0; y.len()];
    for start in 0..starts {
        for (k, y) in y.iter().enumerate() {
            let sum: f64 = (0..n).map(|i| f64::from(outputs[(start + i) % s][k])).sum();
            if sum * y <= 0.0 || sum.is_nan() {
                out[k] += 1.0 / starts as f64;
            }
        }
    }
    out
}

fn mean(v: &[f64]) -> f64 {
    v.iter().sum::<f64>() / v.len() as f64
}

/// Judges averages of n of these nets. The jackknife leaves one net out at a time: sqrt((S - 1)/S sum (e_i - mean)^2), with
/// averages of at most S - 1; 0 of a single net.
pub(super) fn judge(outputs: &[&[f32]], y: &[f64], n: usize) -> Judged {
    let s = outputs.len();
    let wrong_of = wrong(outputs, y, n);
    let over_nets = if s < 2 {
        0.0
    } else {
        let without = |left: usize| {
            let rest: Vec<&[f32]> = (0..s).filter(|i| *i != left).map(|i| outputs[i]).collect();
            mean(&wrong(&rest, y, n.min(s - 1)))
        };
        let errors: Vec<f64> = (0..s).map(without).collect();
        let m = mean(&errors);
        ((s - 1) as f64 / s as f64 * errors.iter().map(|e| (e - m).powi(2)).sum::<f64>()).sqrt()
    };
    Judged { error: mean(&wrong_of), wrong: wrong_of, over_nets }
}

/// Error of a minus error of b on the same samples, and its standard error: over samples (paired) and over the nets of either.
pub(super) fn gap(a: &Judged, b: &Judged) -> [f64; 2] {
    let n = a.wrong.len() as f64;
    let differences: Vec<f64> = a.wrong.iter().zip(&b.wrong).map(|(a, b)| a - b).collect();
    let m = mean(&differences);
    let variance = differences.iter().map(|d| (d - m).powi(2)).sum::<f64>() / (n - 1.0).max(1.0) / n;
    [m, (variance + a.over_nets.powi(2) + b.over_nets.powi(2)).sqrt()]
}

/// p (1 - p)/n, the variance of an error of n samples, with one right and one wrong added so that 0 of n has one too.
pub(super) fn binomial(error: f64, n: usize) -> f64 {
    let p = (error * n as f64 + 1.0) / (n as f64 + 2.0);
    p * (1.0 - p) / n as f64
}

/// Words for a difference d = theirs - ours with its standard error: two of them decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Ours has the smaller error.
    Better,
    /// Ours has the larger error.
    Worse,
    /// It cannot be told.
    NotResolved,
}

impl Verdict {
    pub(super) fn of([gain, error]: [f64; 2]) -> Self {
        match gain {
            g if g > 2.0 * error => Self::Better,
            g if g < -2.0 * error => Self::Worse,
            _ => Self::NotResolved,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasslab_core::Streams;
    use rand_distr::{Distribution, StandardNormal};

    /// Nets y + sigma noise, independent: single error Phi(-1/sigma), of n averaged ones Phi(-sqrt(n)/sigma). sigma = 2, K = 20,000
    /// samples: binomial errors of the samples alone, 4 standard errors.
    #[test]
    fn averages_of_n_nets_have_the_error_of_the_normal_law() {
        let (nets, samples) = (6, 20_000_u32);
        let mut rng = Streams::new(5).stream("test", 0, 0);
        let y: Vec<f64> = (0..samples).map(|k| if k % 3 == 0 { 1.0 } else { -1.0 }).collect();
        let outputs: Vec<Vec<f32>> = (0..nets)
            .map(|_| {
                y.iter()
                    .map(|y| {
                        let g: f64 = StandardNormal.sample(&mut rng);
                        (y + 2.0 * g) as f32
                    })
                    .collect()
            })
            .collect();
        let all: Vec<&[f32]> = outputs.iter().map(|o| &o[..]).collect();
        // Phi(-0.5), Phi(-sqrt(3)/2), Phi(-sqrt(6)/2).
        for (n, exact) in [(1, 0.308_537_5), (3, 0.193_238_1), (6, 0.110_335_7)] {
            let judged = judge(&all, &y, n);
            let error = (exact * (1.0 - exact) / f64::from(samples)).sqrt();
            assert!((judged.error - exact).abs() < 4.0 * error, "{n}: {} against {exact}", judged.error);
            assert!(judged.over_nets < 0.02);
        }
        let (one, six) = (judge(&all, &y, 1), judge(&all, &y, 6));
        let [value, error] = gap(&one, &six);
        assert!((value - (one.error - six.error)).abs() < 1e-12 && Verdict::of([value, error]) == Verdict::Better);
        assert_eq!(Verdict::of([-value, error]), Verdict::Worse);
        assert_eq!(Verdict::of(gap(&six, &six)), Verdict::NotResolved);
    }

    #[test]
    fn zeros_and_nothing_at_all_count_as_wrong() {
        let (zero, nan) = ([0.0_f32; 4], [f32::NAN; 4]);
        let y = [1.0, -1.0, 1.0, -1.0];
        assert_eq!(judge(&[&zero], &y, 1).error, 1.0);
        assert_eq!(judge(&[&nan, &zero], &y, 2).error, 1.0);
        assert!(binomial(0.0, 100) > 0.0);
    }
}
