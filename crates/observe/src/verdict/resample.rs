//! Errors from replicas: bootstrap over replicas with the spread and the quantile of few of them.

use glasslab_core::Streams;
use rand::RngExt;

/// A number with its standard error and 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// From all replicas together.
    pub value: f64,
    /// Standard error.
    pub error: f64,
    /// Lower end of the 95 % confidence interval.
    pub low: f64,
    /// Upper end of the 95 % confidence interval.
    pub high: f64,
}

impl Estimate {
    /// The same with every number passed through an increasing function (the error to first order, by `derivative`).
    pub(super) fn map(self, f: impl Fn(f64) -> f64, derivative: f64) -> Self {
        Self { value: f(self.value), error: self.error * derivative, low: f(self.low), high: f(self.high) }
    }
}

/// Draws of R replicas out of R, with replacement.
#[derive(Clone, Debug)]
pub(super) struct Resamples {
    replicas: usize,
    counts: Vec<Vec<f64>>,
}

/// Number of draws.
const DRAWS: usize = 400;
/// Draws for which a statistic may be undefined (a level not reached) before it is called undefined.
const LOST: f64 = 0.1;

impl Resamples {
    /// The draws of the stream "bootstrap" for R replicas.
    pub(super) fn new(streams: Streams, replicas: usize) -> Self {
        let mut rng = streams.stream("bootstrap", 0, 0);
        let mut draw = |_| {
            let mut count = vec![0.0; replicas];
            (0..replicas).for_each(|_| count[rng.random_range(0..replicas as u32) as usize] += 1.0);
            count
        };
        let counts = if replicas < 2 { Vec::new() } else { (0..DRAWS).map(&mut draw).collect() };
        Self { replicas, counts }
    }

    /// Weights that count every replica once.
    pub(super) fn all(&self) -> Vec<f64> {
        vec![1.0; self.replicas]
    }

    /// The statistic of all replicas, its standard error sqrt(R/(R-1)) s over the draws (unbiased for a mean), and the
    /// interval value +- t s, t the 97.5 % quantile of Student's law with R-1 degrees of freedom (exact for a Gaussian
    /// mean). `None` if the statistic is undefined for all replicas or in more than a tenth of the draws.
    pub(super) fn estimate(&self, statistic: impl Fn(&[f64]) -> Option<f64>) -> Option<Estimate> {
        let value = statistic(&self.all())?;
        let drawn: Vec<f64> = self.counts.iter().filter_map(|c| statistic(c)).collect();
        if self.counts.is_empty() || (drawn.len() as f64) < (1.0 - LOST) * self.counts.len() as f64 {
            return None;
        }
        let n = drawn.len() as f64;
        let mean = drawn.iter().sum::<f64>() / n;
        let variance = drawn.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0);
        let r = self.replicas as f64;
        let error = (variance * r / (r - 1.0)).sqrt();
        let half = error * student(self.replicas - 1);
        Some(Estimate { value, error, low: value - half, high: value + half })
    }
}

/// The 97.5 % quantile of Student's law. Exact table up to 10 degrees of freedom, then the expansion of Abramowitz and
/// Stegun 26.7.5 (error below 1e-5).
pub(super) fn student(freedom: usize) -> f64 {
    const TABLE: [f64; 10] =
        [12.70620, 4.30265, 3.18245, 2.77645, 2.57058, 2.44691, 2.36462, 2.30600, 2.26216, 2.22814];
    if let Some(t) = freedom.checked_sub(1).and_then(|i| TABLE.get(i)) {
        return *t;
    }
    if freedom == 0 {
        return f64::INFINITY;
    }
    let (z, n) = (1.959_963_984_540_054_f64, freedom as f64);
    let (z3, z5, z7) = (z.powi(3), z.powi(5), z.powi(7));
    z + (z3 + z) / (4.0 * n)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * n * n)
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / (384.0 * n.powi(3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution, StandardNormal};

    /// Tabulated quantiles (Abramowitz and Stegun, table 26.10).
    #[test]
    fn student_matches_the_tables() {
        for (n, t) in [(2, 4.303), (10, 2.228), (12, 2.179), (30, 2.042), (120, 1.980)] {
            assert!((student(n) - t).abs() < 6e-4, "{n}");
        }
    }

    /// Coverage of the interval of a Gaussian mean: 2,000 sets of R = 3, 5, 12 replicas, seed 1; 0.95 within 4 standard
    /// errors sqrt(0.95 0.05/2000) plus 0.01 for the finite number of draws.
    #[test]
    fn intervals_of_a_mean_cover() {
        for replicas in [3, 5, 12] {
            let mut rng = Streams::new(1).stream("test", replicas as u64, 0);
            let resamples = Resamples::new(Streams::new(7), replicas);
            let sets = 2_000;
            let covered = (0..sets).filter(|_| {
                let x: Vec<f64> = (0..replicas).map(|_| StandardNormal.sample(&mut rng)).collect();
                let mean = |c: &[f64]| Some(c.iter().zip(&x).map(|(c, x)| c * x).sum::<f64>() / c.iter().sum::<f64>());
                let e = resamples.estimate(mean).unwrap();
                e.low <= 0.0 && 0.0 <= e.high
            });
            let rate = covered.count() as f64 / f64::from(sets);
            let tolerance = 4.0 * (0.95 * 0.05 / f64::from(sets)).sqrt() + 0.01;
            assert!((rate - 0.95).abs() < tolerance, "{replicas} replicas: {rate}");
        }
    }

    #[test]
    fn one_replica_has_no_interval() {
        assert_eq!(Resamples::new(Streams::new(1), 1).estimate(|_| Some(1.0)), None);
    }
}
