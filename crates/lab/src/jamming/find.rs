//! What the nets say: where the transition lies and how wide it is, N*(P), exponents of the gaps.

use super::net::{BINS, End, NetResult};
use super::plan::JammingPlan;
use crate::summary::short;
use glasslab_core::Streams;
use glasslab_core::sum::mean_and_error;
use glasslab_glasses::packing::exponents::{Exponent, fit};
use rand::RngExt;
use serde::Serialize;

/// The transition at one width.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Threshold {
    /// Width h.
    pub hidden: usize,
    /// N.
    pub effective: usize,
    /// Mean of P/N at the transition, and its standard error (bootstrap over nets, and the spacing of the ratios).
    pub ratio: Option<[f64; 2]>,
    /// Standard deviation of P/N at the transition over nets, and its standard error.
    pub width: Option<[f64; 2]>,
    /// N_Delta/N of nets that jam: mean and standard error over nets.
    pub unmet: Option<[f64; 2]>,
    /// The least N_Delta/N of nets that jam.
    pub least_unmet: Option<f64>,
    /// Nets that jam, nets that ended neither fitted nor jammed.
    pub counts: [usize; 2],
}

/// N* at one P.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LinePoint {
    /// P.
    pub samples: usize,
    /// exp of the mean over nets of ln N*, N* the geometric mean of the N that jam and that fit, one unit of h apart.
    pub weights: f64,
    /// Standard error of ln N*: over nets, and of the bracket, (ln N_fits - ln N_jams)/sqrt 12 for each net.
    pub error: f64,
    /// Nets of which both ends are known.
    pub nets: usize,
    /// Mean of N_Delta/N of the nets that jam, one unit below those that fit.
    pub unmet: f64,
}

/// N* = c P^slope.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// The slope and its standard error (times sqrt(chi^2 per degree of freedom) where that is above 1).
    pub slope: [f64; 2],
    /// ln c.
    pub intercept: f64,
    /// chi^2 per degree of freedom.
    pub chi2: f64,
}

impl Line {
    /// Through points (ln P, ln N*, error of ln N*); None for fewer than two.
    pub(crate) fn through(points: &[(f64, f64, f64)]) -> Option<Self> {
        straight(points).map(|(slope, intercept, error, chi2)| Self { slope: [slope, error], intercept, chi2 })
    }

    /// N* at P.
    pub(crate) fn at(&self, samples: f64) -> f64 {
        (self.intercept + self.slope[0] * samples.ln()).exp()
    }
}

/// All that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Findings {
    /// The transition, width by width.
    pub thresholds: Vec<Threshold>,
    /// d ln(width)/d ln N and its standard error: negative if the transition sharpens.
    pub sharpening: Option<[f64; 2]>,
    /// N* at each P.
    pub points: Vec<LinePoint>,
    /// N* against P.
    pub line: Option<Line>,
    /// theta: P(Delta) ~ Delta^theta of unmet margins, with standard error (jackknife over nets).
    pub theta: Option<[f64; 2]>,
    /// gamma: P(Delta) ~ |Delta|^-gamma of met ones.
    pub gamma: Option<[f64; 2]>,
    /// Nets that the exponents are of.
    pub marginal: usize,
    /// Hessians: mean of N_-/N (of Hp), of N_Delta/N, and of negative directions of H over N; number of nets.
    pub hessian: Option<([f64; 3], usize)>,
}

/// Windows of the fits: Delta/sqrt(E) of unmet margins, |Delta| of met ones.
pub(super) const POSITIVE: (f64, f64) = (0.01, 1.0);
pub(super) const NEGATIVE: (f64, f64) = (0.003, 0.3);

/// Mean and standard deviation of the threshold, and how far the spacing of the ratios lets the mean be known, from fractions that fit (fitted, of all) at ascending ratios, by Spearman's and
/// Kaerber's sums: the fractions, made monotone (least squares), fall by dp between two ratios; the threshold is taken as uniform there. The
/// third number is the root of sum (dp step)^2/12: where all nets change between the same two ratios, the place between them is open.
///
/// `None` unless more than 9 of 10 fit at the first ratio and fewer than 1 of 10 at the last. Source: Finney, Statistical Method in
/// Biological Assay, ch. 20. Checked by `a_known_threshold_is_found`.
pub(super) fn threshold(points: &[(f64, f64, f64)]) -> Option<[f64; 3]> {
    // Pool adjacent violators of a falling sequence.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for &(_, fitted, all) in points {
        blocks.push((fitted, all, 1));
        while let [.., a, b] = blocks[..]
            && a.0 * b.1 < b.0 * a.1
        {
            blocks.truncate(blocks.len() - 2);
            blocks.push((a.0 + b.0, a.1 + b.1, a.2 + b.2));
        }
    }
    let part: Vec<f64> = blocks.iter().flat_map(|b| vec![b.0 / b.1; b.2]).collect();
    let (first, last) = (*part.first()?, *part.last()?);
    if first < 0.9 || last > 0.1 {
        return None;
    }
    let falls: Vec<(f64, f64, f64)> = (points.windows(2).zip(part.windows(2)))
        .map(|(r, p)| ((p[0] - p[1]) / (first - last), 0.5 * (r[0].0 + r[1].0), r[1].0 - r[0].0))
        .collect();
    let mean: f64 = falls.iter().map(|(dp, middle, _)| dp * middle).sum();
    let square = falls.iter().map(|(dp, middle, step)| dp * ((middle - mean).powi(2) + step * step / 12.0));
    let open: f64 = falls.iter().map(|(dp, _, step)| (dp * step).powi(2) / 12.0).sum();
    Some([mean, square.sum::<f64>().sqrt(), open.sqrt()])
}

/// Least squares of y on x with errors of y: slope, intercept, error of the slope, chi^2 per degree of freedom (NaN for two points).
fn straight(points: &[(f64, f64, f64)]) -> Option<(f64, f64, f64, f64)> {
    if points.len() < 2 || points.iter().any(|p| p.2.is_nan() || p.2 <= 0.0) {
        return None;
    }
    let weight = |p: &(f64, f64, f64)| 1.0 / (p.2 * p.2);
    let sum = |of: &dyn Fn(&(f64, f64, f64)) -> f64| points.iter().map(|p| weight(p) * of(p)).sum::<f64>();
    let all = sum(&|_| 1.0);
    let (mx, my) = (sum(&|p| p.0) / all, sum(&|p| p.1) / all);
    let sxx = sum(&|p| (p.0 - mx).powi(2));
    let slope = sum(&|p| (p.0 - mx) * (p.1 - my)) / sxx;
    let chi2 = sum(&|p| (p.1 - my - slope * (p.0 - mx)).powi(2)) / (points.len() as f64 - 2.0);
    let error = (1.0 / sxx).sqrt() * if chi2 > 1.0 { chi2.sqrt() } else { 1.0 };
    Some((slope, my - slope * mx, error, chi2))
}

fn spread(values: impl Iterator<Item = f64>) -> f64 {
    let all: Vec<f64> = values.collect();
    let (_, error) = mean_and_error(all.iter().copied());
    error * (all.len() as f64).sqrt()
}

/// Nets of the scan at a width, ratio by ratio.
pub(super) fn scanned<'a>(plan: &JammingPlan, nets: &'a [NetResult], h: usize) -> Vec<(f64, Vec<&'a NetResult>)> {
    let at = |p: usize| -> Vec<&NetResult> {
        let mut some: Vec<&NetResult> = nets.iter().filter(|n| n.hidden == h && n.samples == p).collect();
        some.sort_by_key(|n| n.net);
        some.dedup_by_key(|n| n.net);
        some
    };
    plan.ratios.iter().map(|&r| (r, at(plan.scanned(h, r)))).collect()
}

fn is_jammed(net: &NetResult) -> bool {
    matches!(net.end, End::Jammed | End::Slow)
}

fn of_width(plan: &JammingPlan, nets: &[NetResult], h: usize) -> Threshold {
    let scan = scanned(plan, nets, h);
    let effective = plan.effective(h);
    let fits = |n: &&NetResult| n.end == End::Fitted;
    let points: Vec<(f64, f64, f64)> = (scan.iter())
        .map(|(_, some)| {
            (
                some[0].samples as f64 / effective as f64,
                some.iter().filter(|n| fits(n)).count() as f64,
                some.len() as f64,
            )
        })
        .collect();
    let found = threshold(&points);
    let mut rng = Streams::new(plan.seed).stream("bootstrap", h as u64, 0);
    let again: Vec<[f64; 3]> = (0..200)
        .filter_map(|_| {
            let some = scan.iter().zip(&points).map(|((_, some), p)| {
                let drawn = (0..some.len()).filter(|_| fits(&some[rng.random_range(0..some.len())])).count();
                (p.0, drawn as f64, p.2)
            });
            threshold(&some.collect::<Vec<_>>())
        })
        .collect();
    let bar = |f: [f64; 3], k: usize| [f[k], spread(again.iter().map(|a| a[k])).hypot(f[2])];
    let all: Vec<&NetResult> = scan.iter().flat_map(|s| s.1.iter().copied()).collect();
    let jammed: Vec<f64> = all.iter().filter(|n| is_jammed(n)).map(|n| n.unmet_part()).collect();
    let (mean, error) = mean_and_error(jammed.iter().copied());
    Threshold {
        hidden: h,
        effective,
        ratio: found.map(|f| bar(f, 0)),
        width: found.map(|f| bar(f, 1)),
        unmet: (!jammed.is_empty()).then_some([mean, error]),
        least_unmet: jammed.iter().copied().min_by(f64::total_cmp),
        counts: [jammed.len(), all.iter().filter(|n| matches!(n.end, End::OutOfBudget | End::Diverged)).count()],
    }
}

/// The nets of a bisection at P: (the widest that does not fit, the narrowest that does), net by net.
fn brackets<'a>(plan: &JammingPlan, nets: &'a [NetResult], p: usize) -> Vec<(&'a NetResult, &'a NetResult)> {
    let of = |net: u64| {
        let some = || nets.iter().filter(move |n| n.samples == p && n.net == net);
        let fits = some().filter(|n| n.end == End::Fitted).min_by_key(|n| n.hidden)?;
        let jams = some().filter(|n| n.end != End::Fitted && n.hidden < fits.hidden).max_by_key(|n| n.hidden)?;
        Some((jams, fits))
    };
    (0..plan.nets).filter_map(of).collect()
}

fn point(plan: &JammingPlan, nets: &[NetResult], p: usize) -> Option<LinePoint> {
    let pairs = brackets(plan, nets, p);
    let ln = |n: &NetResult| (n.effective as f64).ln();
    let middle: Vec<f64> = pairs.iter().map(|(a, b)| 0.5 * (ln(a) + ln(b))).collect();
    let (mean, scatter) = mean_and_error(middle.iter().copied());
    let bracket: f64 =
        pairs.iter().map(|(a, b)| (ln(b) - ln(a)).powi(2) / 12.0).sum::<f64>().sqrt() / middle.len() as f64;
    let unmet = mean_and_error(pairs.iter().map(|(a, _)| a.unmet_part())).0;
    let error = (scatter * scatter + bracket * bracket).sqrt();
    (middle.len() >= 2).then_some(LinePoint { samples: p, weights: mean.exp(), error, nets: middle.len(), unmet })
}

/// Nets at the verge: those that jam within 15 % above the threshold of their width, and those of bisections one unit below one
/// that fits.
pub(super) fn marginal<'a>(plan: &JammingPlan, nets: &'a [NetResult], thresholds: &[Threshold]) -> Vec<&'a NetResult> {
    let mut out: Vec<&NetResult> = Vec::new();
    for t in thresholds {
        let Some([ratio, _]) = t.ratio else { continue };
        let near = |r: f64| r < 1.15 * ratio;
        let scan = scanned(plan, nets, t.hidden).into_iter().filter(|s| near(s.0)).flat_map(|s| s.1);
        out.extend(scan.filter(|n| is_jammed(n)));
    }
    out.extend(plan.samples.iter().flat_map(|&p| brackets(plan, nets, p)).map(|b| b.0).filter(|n| is_jammed(n)));
    out
}

/// The values of a histogram, at the geometric middle of their bins.
fn values(bins: &[(i32, u64)]) -> Vec<f64> {
    bins.iter().flat_map(|&(bin, count)| vec![10_f64.powf((f64::from(bin) + 0.5) / BINS); count as usize]).collect()
}

/// Everything that the nets say.
pub(super) fn findings(plan: &JammingPlan, nets: &[NetResult]) -> Findings {
    let thresholds: Vec<Threshold> = plan.widths.iter().map(|&h| of_width(plan, nets, h)).collect();
    let widths: Vec<(f64, f64, f64)> = (thresholds.iter())
        .filter_map(|t| t.width.map(|w| ((t.effective as f64).ln(), w[0].ln(), w[1] / w[0])))
        .collect();
    let points: Vec<LinePoint> = plan.samples.iter().filter_map(|&p| point(plan, nets, p)).collect();
    let logs: Vec<(f64, f64, f64)> =
        points.iter().map(|p| ((p.samples as f64).ln(), p.weights.ln(), p.error)).collect();
    let at_verge = marginal(plan, nets, &thresholds);
    let exponent = |of: fn(&NetResult) -> &Vec<(i32, u64)>, (low, high): (f64, f64)| -> Option<Exponent> {
        fit(&at_verge.iter().map(|n| values(of(n))).collect::<Vec<_>>(), low, high)
    };
    let curved: Vec<(&NetResult, super::Curvature)> = nets.iter().filter_map(|n| n.curvature.map(|c| (n, c))).collect();
    let mean = |of: &dyn Fn(&(&NetResult, super::Curvature)) -> f64| mean_and_error(curved.iter().map(of)).0;
    let per = |count: u64, n: &NetResult| count as f64 / n.effective as f64;
    Findings {
        sharpening: straight(&widths).map(|(slope, _, error, _)| [slope, error]),
        line: Line::through(&logs),
        theta: exponent(|n| &n.positive, POSITIVE).map(|e| [e.value, e.error]),
        gamma: exponent(|n| &n.negative, NEGATIVE).map(|e| [-e.value, e.error]),
        marginal: at_verge.len(),
        hessian: (!curved.is_empty()).then(|| {
            let means =
                [mean(&|c| per(c.1.negative_hp, c.0)), mean(&|c| c.0.unmet_part()), mean(&|c| per(c.1.negative, c.0))];
            (means, curved.len())
        }),
        thresholds,
        points,
    }
}

impl Findings {
    /// What was found, a sentence each.
    pub fn words(&self) -> Vec<String> {
        let bars = |v: [f64; 2]| match v[1].is_finite() {
            true => format!("{} ± {}", short(v[0]), short(v[1])),
            false => short(v[0]),
        };
        let mut out = Vec::new();
        for t in &self.thresholds {
            let n = format!("h = {}, N = {}", t.hidden, t.effective);
            out.push(match (t.ratio, t.width) {
                (Some(ratio), Some(width)) => {
                    format!("{n}: transition at P/N = {}, of width {}", bars(ratio), bars(width))
                }
                _ => {
                    format!("{n}: transition not resolved: give ratios P/N from where all nets fit to where none does")
                }
            });
            if let (Some(unmet), Some(least)) = (t.unmet, t.least_unmet) {
                let [jammed, open] = t.counts;
                out.push(format!(
                    "    {jammed} nets jam, with N_Delta/N = {}, at least {}; {open} are out of budget",
                    bars(unmet),
                    short(least)
                ));
            }
        }
        if let Some(s) = self.sharpening {
            out.push(format!("the width of the transition goes like N^({})", bars(s)));
        }
        for p in &self.points {
            let error = p.error * p.weights;
            out.push(format!("P = {}: N* = {} ({} nets)", p.samples, bars([p.weights, error]), p.nets));
        }
        if let Some(line) = &self.line {
            out.push(format!("N* ~ P^({}), chi^2 per degree of freedom {}", bars(line.slope), short(line.chi2)));
        }
        if let Some(theta) = self.theta {
            out.push(format!("theta = {} of unmet margins ({} nets at the verge)", bars(theta), self.marginal));
        }
        if let Some(gamma) = self.gamma {
            out.push(format!("gamma = {} of met margins", bars(gamma)));
        }
        if let Some(([negative, unmet, whole], count)) = self.hessian {
            out.push(format!(
                "Hessian of {count} jammed nets: N_-/N = {} of Hp, N_Delta/N = {}, negative directions of H {} N",
                short(negative),
                short(unmet),
                short(whole)
            ));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 400 thresholds, normal of mean 3 and standard deviation 0.2, seen at ratios 0.1 apart: mean and deviation within 4 standard
    /// errors, s/sqrt n and s/sqrt(2 n), and the width of the steps.
    #[test]
    fn a_known_threshold_is_found() {
        use rand_distr::{Distribution, Normal};
        let mut rng = Streams::new(1).stream("test", 0, 0);
        let law = Normal::new(3.0, 0.2).unwrap();
        let ratios: Vec<f64> = (0..21).map(|k| 2.0 + 0.1 * f64::from(k)).collect();
        let points: Vec<(f64, f64, f64)> = (ratios.iter())
            .map(|&r| (r, (0..400).filter(|_| law.sample(&mut rng) > r).count() as f64, 400.0))
            .collect();
        let [mean, width, open] = threshold(&points).unwrap();
        let grid: f64 = 0.1 / 12_f64.sqrt();
        assert!((mean - 3.0).abs() < 4.0 * 0.2 / 20.0, "{mean}");
        assert!((width - (0.04 + grid * grid).sqrt()).abs() < 4.0 * 0.2 / 800_f64.sqrt(), "{width}");
        assert!(open < grid);
        // All nets change between 2 and 3: nobody knows where.
        let sudden = [(1.0, 10.0, 10.0), (2.0, 10.0, 10.0), (3.0, 0.0, 10.0)];
        assert_eq!(threshold(&sudden), Some([2.5, (1.0_f64 / 12.0).sqrt(), (1.0_f64 / 12.0).sqrt()]));
        // A bump is made level; too few that fit at the start is no transition.
        let bump = [(1.0, 10.0, 10.0), (2.0, 4.0, 10.0), (3.0, 6.0, 10.0), (4.0, 0.0, 10.0)];
        assert!((threshold(&bump).unwrap()[0] - (0.5 * 1.5 + 0.5 * 3.5)).abs() < 1e-12);
        assert_eq!(threshold(&bump[1..]), None);
    }

    #[test]
    fn a_straight_line_has_its_slope_and_error() {
        let points = [(0.0, 1.0, 0.1), (1.0, 3.0, 0.1), (2.0, 5.0, 0.1)];
        let (slope, intercept, error, chi2) = straight(&points).unwrap();
        assert!((slope - 2.0).abs() < 1e-12 && (intercept - 1.0).abs() < 1e-12 && chi2 < 1e-20);
        assert!((error - 0.1 / 2_f64.sqrt()).abs() < 1e-12, "sigma/sqrt(sum (x - mean)^2)");
        assert!(straight(&[(0.0, 1.0, 0.0), (1.0, 1.0, 0.0)]).is_none());
    }
}
