//! Relaxation times tau(t_w) at the highest common level, and their exponent mu: tau ~ t_w^mu.

use super::resample::{Estimate, Resamples};
use crate::curves::{Curve, Curves, Passage, slope};

/// The relaxation time of one waiting time: the lag at which the displacement reaches the level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Relaxation {
    /// Waiting time t_w.
    pub waiting: f64,
    /// tau(t_w) of the mean curve.
    pub passage: Passage,
    /// tau with its errors; `None` if it is censored for all replicas or in too many resamples.
    pub tau: Option<Estimate>,
}

/// The exponent mu of tau ~ t_w^mu over a window of waiting times, at one level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocalExponent {
    /// First waiting time of the window.
    pub from: f64,
    /// Last waiting time of the window.
    pub to: f64,
    /// Level of the (rescaled) displacement.
    pub level: f64,
    /// mu with its 95 % confidence interval.
    pub mu: Estimate,
}

/// What an interval of mu says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Motion {
    /// The relaxation time grows: mu > [`STILL`].
    Grows,
    /// It does not: -[`GROWS`] < mu < [`GROWS`], and not above [`STILL`] for sure.
    Still,
    /// It shrinks: mu < -[`STILL`].
    Shrinks,
    /// The interval is too wide to tell 0 from [`GROWS`].
    Unclear,
}

/// An exponent surely above this is growth.
pub const STILL: f64 = 0.1;
/// An exponent surely below this (in size), and not surely above [`STILL`], is stationarity.
pub const GROWS: f64 = 0.3;
/// Ages up to which a waiting time is followed for its level.
pub const AGES: f64 = 3.0;
/// Parts of the highest common level at which mu is taken, highest first.
pub const LEVELS: [f64; 3] = [0.95, 0.8, 0.65];

impl LocalExponent {
    pub(super) fn motion(&self) -> Motion {
        let Estimate { low, high, .. } = self.mu;
        if low > STILL {
            Motion::Grows
        } else if low > -GROWS && high < GROWS {
            Motion::Still
        } else if high < -STILL {
            Motion::Shrinks
        } else {
            Motion::Unclear
        }
    }
}

/// Two-time curves of the replicas that are alive, averaged on demand: y(t_w, t) = <Delta>/<D(t_w)>.
pub(super) struct Ensemble<'a> {
    curves: &'a Curves,
    noise: Option<&'a [f64]>,
    alive: &'a [usize],
    last: f64,
    /// Greatest y_r over replicas and times so far, `[waiting][time]`: no mean of replicas is above it.
    ceiling: Vec<Vec<f64>>,
    pub(super) resamples: &'a Resamples,
}

impl<'a> Ensemble<'a> {
    pub(super) fn new(
        curves: &'a Curves,
        noise: Option<&'a [f64]>,
        alive: &'a [usize],
        resamples: &'a Resamples,
    ) -> Self {
        let waits = curves.waiting.len();
        let highest = |w: usize, t: usize| {
            let y = |&r: &usize| curves.value(r, w, t) / noise.map_or(1.0, |d| d[r * waits + w]);
            alive.iter().map(y).fold(f64::NEG_INFINITY, f64::max)
        };
        let ceiling = |w| {
            let mut most = f64::NEG_INFINITY;
            let all = (0..curves.time.len()).map(|t| {
                most = most.max(highest(w, t));
                most
            });
            all.collect()
        };
        Self { curves, noise, alive, last: curves.last(), ceiling: (0..waits).map(ceiling).collect(), resamples }
    }

    /// The lag comparable with the age of t_w: its age, or what is left of the run.
    fn age(&self, w: usize) -> f64 {
        self.curves.waiting[w].min(self.last - self.curves.waiting[w])
    }

    /// The greatest lag up to which levels are sought: [`AGES`] times the age, but one age where curves are divided by the
    /// noise at t_w, which changes later.
    fn reach(&self, w: usize) -> f64 {
        let ages = if self.noise.is_some() { 1.0 } else { AGES };
        (ages * self.curves.waiting[w]).min(self.last - self.curves.waiting[w])
    }

    /// The waiting times that are judged: positive, not before `start`, followed for at least 0.9 of their own age.
    pub(super) fn usable(&self, start: f64) -> Vec<usize> {
        let waiting = &self.curves.waiting;
        (0..waiting.len())
            .filter(|&w| waiting[w] > 0.0 && waiting[w] >= start && 1.9 * waiting[w] <= self.last)
            .collect()
    }

    fn divisor(&self, w: usize, counts: &[f64]) -> f64 {
        let d = |r: usize| self.noise.map_or(1.0, |d| d[r * self.curves.waiting.len() + w]);
        self.alive.iter().zip(counts).map(|(&r, c)| c * d(r)).sum()
    }

    fn mean(&self, w: usize, t: usize, counts: &[f64], divisor: f64) -> f64 {
        self.alive.iter().zip(counts).map(|(&r, c)| c * self.curves.value(r, w, t)).sum::<f64>() / divisor
    }

    /// The mean curve of t_w at lags in [from, to].
    fn part(&self, w: usize, counts: &[f64], from: f64, to: f64) -> Curve {
        let (waiting, divisor) = (self.curves.waiting[w], self.divisor(w, counts));
        let first = self.curves.time.partition_point(|&t| t - waiting < from);
        let end = self.curves.time.partition_point(|&t| t - waiting <= to && t <= self.last);
        Curve::new((first..end).map(|t| (self.curves.time[t] - waiting, self.mean(w, t, counts, divisor))))
    }

    /// When the mean curve of t_w reaches `level`; looks no further, and not before any replica has reached it.
    fn passage(&self, w: usize, level: f64, counts: &[f64]) -> Passage {
        let (time, waiting, divisor) = (&self.curves.time, self.curves.waiting[w], self.divisor(w, counts));
        let first = time.partition_point(|&t| t <= waiting);
        let start = self.ceiling[w].partition_point(|&y| y < level * (1.0 - 1e-9)).saturating_sub(1).max(first);
        let end = time.partition_point(|&t| t <= self.last);
        let mut curve = Curve::default();
        for (t, now) in time.iter().enumerate().take(end).skip(start) {
            let y = self.mean(w, t, counts, divisor);
            curve.lag.push(now - waiting);
            curve.value.push(y);
            if y >= level {
                break;
            }
        }
        if curve.lag.is_empty() { Passage::After(self.last - waiting) } else { curve.first_passage(level) }
    }

    /// The mean curve at the greatest lag that counts.
    fn height(&self, w: usize) -> Option<Estimate> {
        let lag = self.reach(w);
        let reached: Option<Vec<f64>> = self.alive.iter().map(|&r| self.curves.curve(r, w).at(lag)).collect();
        let reached = reached?;
        let sum = |c: &[f64]| c.iter().zip(&reached).map(|(c, y)| c * y).sum::<f64>();
        self.resamples.estimate(|c| Some(sum(c) / self.divisor(w, c)))
    }

    /// The highest level that every waiting time of the window reaches, for sure: the least height less two standard
    /// errors. `None` if errors eat two thirds of it.
    pub(super) fn level(&self, window: &[usize]) -> Option<f64> {
        let (mut safe, mut least) = (f64::INFINITY, f64::INFINITY);
        for &w in window {
            let height = self.height(w)?;
            safe = safe.min(height.value - 2.0 * height.error);
            least = least.min(height.value);
        }
        (safe.is_finite() && safe > least / 3.0 && safe > 0.0).then_some(safe)
    }

    /// tau of the waiting times of `window` at `level`.
    pub(super) fn relaxations(&self, window: &[usize], level: f64) -> Vec<Relaxation> {
        let one = |&w: &usize| {
            let logarithm = |c: &[f64]| match self.passage(w, level, c) {
                Passage::At(tau) => Some(tau.ln()),
                _ => None,
            };
            let tau = self.resamples.estimate(logarithm).map(|e| e.map(f64::exp, e.value.exp()));
            Relaxation { waiting: self.curves.waiting[w], passage: self.passage(w, level, &self.resamples.all()), tau }
        };
        window.iter().map(one).collect()
    }

    /// mu over `window` at `level`: slope of ln tau against ln t_w, by least squares; `None` if a tau is censored.
    fn exponent_at(&self, window: &[usize], level: f64) -> Option<LocalExponent> {
        let waiting = &self.curves.waiting;
        let fit = |c: &[f64]| {
            let point = |&w: &usize| match self.passage(w, level, c) {
                Passage::At(tau) => Some((waiting[w].ln(), tau.ln())),
                _ => None,
            };
            let points: Option<Vec<_>> = window.iter().map(point).collect();
            slope(points?.into_iter())
        };
        let mu = self.resamples.estimate(fit)?;
        Some(LocalExponent { from: waiting[*window.first()?], to: waiting[*window.last()?], level, mu })
    }

    /// mu over `window` at the highest level where its interval tells growth from stationarity, or, if none does, at the
    /// highest level where it exists.
    pub(super) fn exponent(&self, window: &[usize]) -> Option<LocalExponent> {
        let top = self.level(window)?;
        let found: Vec<_> = LEVELS.iter().filter_map(|part| self.exponent_at(window, part * top)).collect();
        let clear = found.iter().find(|e| matches!(e.motion(), Motion::Grows | Motion::Still));
        clear.or(found.first()).copied()
    }

    /// The waiting times among `usable` within a factor `span` below the last that is at most `end`; `None` unless there
    /// are at least 3 and they span at least `least`.
    pub(super) fn window(&self, usable: &[usize], end: f64, span: f64, least: f64) -> Option<Vec<usize>> {
        let waiting = &self.curves.waiting;
        let last = waiting[*usable.iter().rev().find(|&&w| waiting[w] <= end)?];
        let inside = |w: &usize| waiting[*w] <= last && waiting[*w] >= last / span;
        let window: Vec<usize> = usable.iter().copied().filter(inside).collect();
        let first = waiting[*window.first()?];
        (window.len() >= 3 && last / first >= least).then_some(window)
    }

    /// gamma = d ln y/d ln lag at lags comparable with the age, t_w/3.2 to t_w, mean over `window`.
    pub(super) fn gamma(&self, window: &[usize]) -> Option<Estimate> {
        let mean = |c: &[f64]| {
            let one = |&w: &usize| {
                let to = self.age(w) * (1.0 + 1e-9);
                self.part(w, c, to / 3.2, to).exponent(0.0, f64::INFINITY)
            };
            let all: Option<Vec<f64>> = window.iter().map(one).collect();
            let all = all?;
            Some(all.iter().sum::<f64>() / all.len() as f64)
        };
        self.resamples.estimate(mean)
    }

    /// The raw mean-square displacement at the greatest lags, mean over `window`.
    pub(super) fn farthest(&self, window: &[usize]) -> f64 {
        let one = |&w: &usize| {
            let counts = self.resamples.all();
            let total: f64 = counts.iter().sum();
            let t = self.curves.time.partition_point(|&t| t <= self.last) - 1;
            self.mean(w, t, &counts, total)
        };
        window.iter().map(one).sum::<f64>() / window.len() as f64
    }
}
