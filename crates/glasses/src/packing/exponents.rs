//! Exponents of power laws near zero, by maximum likelihood, with error bars.

use glasslab_core::sum::mean_and_error;

/// A power law fitted to a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exponent {
    /// The exponent a of a density proportional to v^a.
    pub value: f64,
    /// Its standard error: the larger of that from the information of independent values and that from the scatter between groups
    /// (jackknife), if there are at least three.
    pub error: f64,
    /// Values in the window.
    pub count: usize,
}

/// Fits a density v^a on low < v <= high to the values in that window, a > -1, to groups of values (packings) taken together.
///
/// With p = a + 1, u = v/high, c = low/high: p solves 1/p + mean ln u + c^p ln c/(1 - c^p) = 0 (for c = 0 the estimator of Hill,
/// p = -1/mean ln u); the information of one value is 1/p^2 - c^p (ln c)^2/(1 - c^p)^2. `None` for fewer than 10 values.
/// Source: Hill 1975, doi:10.1214/aos/1176343247; Aban, Meerschaert and Panorska 2006, doi:10.1198/016214505000000411.
/// Checked by `a_known_power_law_is_found`.
pub fn fit(groups: &[Vec<f64>], low: f64, high: f64) -> Option<Exponent> {
    let logs: Vec<(usize, f64)> = groups
        .iter()
        .map(|group| {
            let inside = group.iter().filter(|v| **v > low && **v <= high);
            inside.fold((0, 0.0), |(n, sum), v| (n + 1, sum + (v / high).ln()))
        })
        .collect();
    let all = logs.iter().fold((0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
    let cut = low / high;
    let (value, single) = solve(all, cut)?;
    let mut error = single;
    let used: Vec<_> = logs.iter().filter(|l| l.0 > 0).collect();
    if used.len() >= 3 {
        let without: Vec<f64> = used.iter().filter_map(|l| Some(solve((all.0 - l.0, all.1 - l.1), cut)?.0)).collect();
        let m = without.len() as f64;
        // Jackknife: (m - 1) times the standard error of the mean of the estimates with one group left out.
        let scatter = (m - 1.0) * mean_and_error(without.iter().copied()).1;
        if scatter.is_finite() {
            error = error.max(scatter);
        }
    }
    Some(Exponent { value, error, count: all.0 })
}

/// Exponent and standard error from the number of values and the sum of ln(v/high).
fn solve((count, logs): (usize, f64), cut: f64) -> Option<(f64, f64)> {
    if count < 10 {
        return None;
    }
    let mean = logs / count as f64;
    let log_cut = if cut > 0.0 { cut.ln() } else { 0.0 };
    let score = |p: f64| {
        let c = if cut > 0.0 { cut.powf(p) } else { 0.0 };
        1.0 / p + mean + c * log_cut / (1.0 - c)
    };
    // The score falls with p.
    let (mut low, mut high) = (1e-6, 1e3);
    if !(score(low) > 0.0 && score(high) < 0.0) {
        return None;
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if score(middle) > 0.0 { low = middle } else { high = middle }
    }
    let p = 0.5 * (low + high);
    let c = if cut > 0.0 { cut.powf(p) } else { 0.0 };
    let information = 1.0 / (p * p) - c * log_cut * log_cut / ((1.0 - c) * (1.0 - c));
    Some((p - 1.0, (1.0 / (information * count as f64)).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasslab_core::Streams;
    use rand::RngExt;

    /// v = u^(1/p), u uniform, has density p v^(p-1) on (0, 1]: exponents -0.41 and 0.42, whole and cut, within 4 of the stated
    /// errors, which must be near p/sqrt M without a cut.
    #[test]
    fn a_known_power_law_is_found() {
        for (p, seed) in [(0.587, 1), (1.42, 2)] {
            let mut rng = Streams::new(seed).stream("test", 0, 0);
            let groups: Vec<Vec<f64>> =
                (0..20).map(|_| (0..500).map(|_| rng.random::<f64>().powf(1.0 / p)).collect()).collect();
            for (low, high) in [(0.0, 1.0), (0.0, 0.3), (0.05, 1.0), (0.01, 0.5)] {
                let found = fit(&groups, low, high).unwrap();
                assert!((found.value - (p - 1.0)).abs() < 4.0 * found.error, "{low} {high}: {found:?}");
                let least = p / (found.count as f64).sqrt();
                assert!(found.error >= 0.9 * least && found.error < 6.0 * least, "{found:?} {least}");
            }
        }
        assert_eq!(fit(&[vec![0.1; 5]], 0.0, 1.0), None);
        assert_eq!(fit(&[], 0.0, 1.0), None);
    }
}
