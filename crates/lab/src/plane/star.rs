//! h*, the width at which half of the nets fit, with the interval that the nets leave open.

use serde::Serialize;

/// Where half of the nets fit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Star {
    /// Median of h*.
    pub width: f64,
    /// Between these it lies with the probability [`CONFIDENCE`], outside of each with the same.
    pub interval: [f64; 2],
}

impl Star {
    /// As "14.1 (90 %: 12.9 to 15.6)".
    pub fn words(&self) -> String {
        let [low, high] = self.interval;
        format!("{:.1} ({:.0} %: {low:.1} to {high:.1})", self.width, 100.0 * CONFIDENCE)
    }
}

/// The stated confidence of intervals of h*.
pub const CONFIDENCE: f64 = 0.9;

/// Places in ln h* at which the posterior is summed, and values of ln s.
const PLACES: usize = 800;
const SHARPNESSES: usize = 16;

/// h* from (width, nets that fit, nets) at ascending widths. A net of width h fits with probability 1/(1 + (h*/h)^(1/s)), nets
/// independent of each other; posterior of h* for a prior uniform in ln h* from half of the least width to twice the largest, and in ln s
/// from 0.01 to 1, summed on a grid. Its quantiles are stated.
///
/// `None` unless fewer than half fit at the least width and more than half at the largest. Convention: nets that run out of budget do not fit, so h* is that of
/// the budget. Checked by `intervals_cover_as_often_as_they_say`.
pub(super) fn star(column: &[(usize, usize, usize)]) -> Option<Star> {
    let (&(least, few, of), &(largest, many, all)) = (column.first()?, column.last()?);
    if 2 * few >= of || 2 * many <= all {
        return None;
    }
    let (from, to) = ((least as f64 / 2.0).ln(), (largest as f64 * 2.0).ln());
    let place = |k: usize| from + (to - from) * (k as f64 + 0.5) / PLACES as f64;
    let sharpness = |k: usize| 100_f64.powf(k as f64 / (SHARPNESSES - 1) as f64) / 100.0;
    // ln 1/(1 + e^-u), for any u.
    let log_fits = |u: f64| -(-u.abs()).exp().ln_1p() + u.min(0.0);
    let log_likelihood = |mu: f64, s: f64| -> f64 {
        let of_width = |&(h, fitted, nets): &(usize, usize, usize)| {
            let u = ((h as f64).ln() - mu) / s;
            // ln(1 - p) = ln p - u.
            nets as f64 * log_fits(u) - (nets - fitted) as f64 * u
        };
        column.iter().map(of_width).sum()
    };
    let logs: Vec<Vec<f64>> =
        (0..PLACES).map(|k| (0..SHARPNESSES).map(|j| log_likelihood(place(k), sharpness(j))).collect()).collect();
    let most = logs.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logs.iter().map(|row| row.iter().map(|l| (l - most).exp()).sum()).collect();
    let total: f64 = weights.iter().sum();
    let quantile = |q: f64| {
        let mut sum = 0.0;
        let at = weights.iter().position(|w| {
            sum += w;
            sum >= q * total
        });
        place(at.unwrap_or(PLACES - 1)).exp()
    };
    let tail = 0.5 * (1.0 - CONFIDENCE);
    Some(Star { width: quantile(0.5), interval: [quantile(tail), quantile(1.0 - tail)] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasslab_core::Streams;
    use rand::RngExt;

    /// Ten nets each at h = 8, 10, 12, 14, 17, 20, 24 around a known h* and sharpness, drawn 500 times from the prior's middle: the interval covers h* in
    /// 90 % within 3 standard errors of that number (1.3 %), and half of the medians are too large.
    #[test]
    fn intervals_cover_as_often_as_they_say() {
        let widths = [8, 10, 12, 14, 17, 20, 24];
        let mut rng = Streams::new(7).stream("star", 0, 0);
        let (mut covered, mut above, mut all) = (0.0, 0.0, 0.0);
        while all < 500.0 {
            let truth = 11.0 * (16.5_f64 / 11.0).powf(rng.random::<f64>());
            let s = 0.03 * 10_f64.powf(rng.random::<f64>());
            let column: Vec<(usize, usize, usize)> = (widths.iter())
                .map(|&h| {
                    let p = 1.0 / (1.0 + (truth / h as f64).powf(1.0 / s));
                    (h, (0..10).filter(|_| rng.random::<f64>() < p).count(), 10)
                })
                .collect();
            let Some(found) = star(&column) else { continue };
            all += 1.0;
            covered += f64::from(u8::from(found.interval[0] <= truth && truth <= found.interval[1]));
            above += f64::from(u8::from(found.width > truth));
        }
        assert!((covered / all - CONFIDENCE).abs() < 3.0 * (0.09_f64 / all).sqrt(), "{covered} of {all}");
        assert!((above / all - 0.5).abs() < 3.0 * (0.25_f64 / all).sqrt(), "{above} of {all}");
    }

    /// All change between 10 and 20: the middle, and an interval that is theirs to a few per cent. Nothing is said beyond the widths.
    #[test]
    fn a_sudden_change_lies_between_its_widths() {
        let found = star(&[(5, 0, 20), (10, 0, 20), (20, 20, 20), (40, 20, 20)]).unwrap();
        assert!((found.width / 200_f64.sqrt()).ln().abs() < 0.02, "{found:?}");
        let [low, high] = found.interval;
        assert!(low > 9.7 && low < 12.0 && high > 17.0 && high < 20.7, "{found:?}");
        assert_eq!(star(&[(5, 3, 5), (10, 5, 5)]), None);
        assert_eq!(star(&[(5, 0, 5), (10, 2, 5)]), None);
        assert_eq!(star(&[]), None);
    }
}
