//! The adaptive map: widths doubled until nets fit, a coarse map around, then nets added where it counts.

use super::judge::{Judged, gap, judge};
use super::plan::{ALPHAS, ATTEMPTS, AdvisePlan, FIRST_WIDTHS, MIDDLE, START};
use super::shop::{Net, Order, Shop};
use crate::error::LabError;
use crate::plane::End;
use crate::run::Watch;
use crate::summary::short;
use serde::Serialize;

/// Widest net that is tried.
const WIDEST: usize = 2048;
/// Most points that get more nets.
const FIELD: usize = 8;
/// Share of the budget up to which widths are doubled, and up to which the coarse map goes.
const LADDER: f64 = 0.25;
const COARSE: f64 = 0.5;

/// One point of the plane and its nets.
pub(super) struct Spot {
    pub width: usize,
    pub alpha: f64,
    /// Weights of one net.
    pub weights: usize,
    pub nets: Vec<Net>,
}

impl Spot {
    /// Nets that fit.
    pub fn fitted(&self) -> usize {
        self.nets.iter().filter(|n| n.run.end == End::Fitted).count()
    }

    /// Mean attempts of a net.
    pub fn attempts(&self) -> f64 {
        self.nets.iter().map(|n| n.run.steps as f64).sum::<f64>() / self.nets.len().max(1) as f64
    }

    /// Judges averages of n nets; `None` if there are fewer that did not diverge.
    pub fn judge(&self, y: &[f64], n: usize) -> Option<Judged> {
        let outputs: Vec<&[f32]> = self.nets.iter().filter(|n| n.is_whole()).map(|n| &n.outputs[..]).collect();
        (n > 0 && outputs.len() >= n).then(|| judge(&outputs, y, n))
    }

    /// Nets that did not diverge.
    pub fn whole(&self) -> usize {
        self.nets.iter().filter(|n| n.is_whole()).count()
    }
}

/// A step of the search, for the report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Round {
    pub what: String,
    pub nets: usize,
    /// Work so far.
    pub spent: f64,
}

/// The map so far.
pub(super) struct Search<'a, 'b> {
    plan: &'a AdvisePlan,
    shop: &'a mut Shop<'b>,
    pub spots: Vec<Spot>,
    pub spent: f64,
    pub rounds: Vec<Round>,
    /// True if the budget left something undone that was wanted.
    pub cut: bool,
}

/// What was chosen.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choice {
    /// Number of the spot.
    pub spot: usize,
    /// Nets to average.
    pub nets: usize,
    /// Spots that cannot be told from the best (two standard errors), with the chosen one.
    pub equal: Vec<usize>,
    /// The cheapest of those.
    pub cheapest: usize,
    /// Nets at which the spots were compared.
    pub compared: usize,
}

impl<'a, 'b> Search<'a, 'b> {
    pub fn new(plan: &'a AdvisePlan, shop: &'a mut Shop<'b>) -> Self {
        Self { plan, shop, spots: Vec::new(), spent: 0.0, rounds: Vec::new(), cut: false }
    }

    pub fn y(&self) -> &[f64] {
        self.shop.y()
    }

    fn at(&self, width: usize, alpha: f64) -> Option<usize> {
        self.spots.iter().position(|s| s.width == width && s.alpha == alpha)
    }

    fn cost_of_attempt(&self, width: usize) -> f64 {
        self.plan.attempt(self.shop.inputs(), width).unwrap_or(f64::INFINITY)
    }

    /// Work that a net there will take: attempts of the nearest spot.
    pub fn predicted(&self, width: usize, alpha: f64) -> f64 {
        let distance = |s: &&Spot| (s.width as f64 / width as f64).ln().abs() + 0.3 * (s.alpha / alpha).ln().abs();
        let near = self.spots.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        let attempts = near.map_or(ATTEMPTS.min(self.plan.steps as f64), Spot::attempts);
        attempts * self.cost_of_attempt(width)
    }

    fn price(&self, orders: &[Order]) -> f64 {
        orders.iter().map(|o| self.predicted(o.width, o.alpha)).sum()
    }

    /// The orders that bring this spot to so many nets.
    fn orders(&self, width: usize, alpha: f64, nets: usize) -> Vec<Order> {
        let there = self.at(width, alpha).map_or(0, |k| self.spots[k].nets.len());
        (there..nets).map(|n| Order { width, alpha, number: n as u64 }).collect()
    }

    /// Trains them if that stays within this share of the budget less what must be kept; says whether it did.
    fn train(&mut self, orders: Vec<Order>, what: &str, limit: f64, watch: &mut dyn Watch) -> Result<bool, LabError> {
        if orders.is_empty() {
            return Ok(true);
        }
        if self.spent + self.price(&orders) > limit {
            self.cut = true;
            return Ok(false);
        }
        let nets = self.shop.train(&orders, what, watch)?;
        for (order, net) in orders.iter().zip(nets) {
            self.spent += net.run.steps as f64 * self.cost_of_attempt(order.width);
            let k = match self.at(order.width, order.alpha) {
                Some(k) => k,
                None => {
                    let weights = self.plan.weights(self.shop.inputs(), order.width).map_err(super::refuse)?;
                    self.spots.push(Spot { width: order.width, alpha: order.alpha, weights, nets: Vec::new() });
                    self.spots.len() - 1
                }
            };
            self.spots[k].nets.push(net);
        }
        self.rounds.push(Round { what: what.to_owned(), nets: orders.len(), spent: self.spent });
        Ok(true)
    }

    /// Spots with at least n whole nets, from the best on, judged at n nets.
    fn ranked(&self, n: usize, of: &[usize]) -> Vec<(usize, Judged)> {
        let mut all: Vec<(usize, Judged)> =
            of.iter().filter_map(|&k| Some((k, self.spots[k].judge(self.y(), n)?))).collect();
        all.sort_by(|a, b| a.1.error.total_cmp(&b.1.error).then(self.order(a.0, b.0)));
        all
    }

    /// Cheaper first.
    fn order(&self, a: usize, b: usize) -> std::cmp::Ordering {
        let (a, b) = (&self.spots[a], &self.spots[b]);
        let price = |s: &Spot| s.attempts() * self.cost_of_attempt(s.width);
        price(a).total_cmp(&price(b)).then(a.alpha.total_cmp(&b.alpha))
    }

    /// The whole search.
    pub fn run(&mut self, watch: &mut dyn Watch) -> Result<Option<Choice>, LabError> {
        self.ladder(watch)?;
        self.coarse(watch)?;
        self.between(watch)?;
        self.race(watch)
    }

    /// Doubles the width at the middle alpha until all nets fit.
    fn ladder(&mut self, watch: &mut dyn Watch) -> Result<(), LabError> {
        let limit = LADDER * self.plan.budget;
        let first = FIRST_WIDTHS.iter().flat_map(|&h| self.orders(h, MIDDLE, START)).collect();
        self.train(first, "narrow nets", self.plan.budget, watch)?;
        let mut width = FIRST_WIDTHS[FIRST_WIDTHS.len() - 1];
        while width < WIDEST && !self.spots.iter().any(|s| s.fitted() == START) {
            width *= 2;
            let orders = self.orders(width, MIDDLE, START);
            if !self.train(orders, &format!("width {width}"), limit, watch)? {
                break;
            }
        }
        Ok(())
    }

    /// Width at which most nets fit first, or the widest that was tried.
    fn edge(&self) -> usize {
        let fits = self.spots.iter().filter(|s| 2 * s.fitted() > s.nets.len()).map(|s| s.width).min();
        fits.or(self.spots.iter().map(|s| s.width).max()).unwrap_or(FIRST_WIDTHS[0])
    }

    /// All alphas at widths around the edge, the edge first.
    fn coarse(&mut self, watch: &mut dyn Watch) -> Result<(), LabError> {
        let edge = self.edge();
        let mut widths = vec![edge, 2 * edge, (edge / 2).max(1), 4 * edge, (edge / 4).max(1)];
        widths.retain(|w| *w <= WIDEST);
        let mut seen = Vec::new();
        for width in widths {
            if seen.contains(&width) {
                continue;
            }
            seen.push(width);
            let orders = ALPHAS.iter().flat_map(|&a| self.orders(width, a, START)).collect();
            self.train(orders, &format!("coarse map, width {width}"), COARSE * self.plan.budget, watch)?;
        }
        Ok(())
    }

    /// Half-way points around the best.
    fn between(&mut self, watch: &mut dyn Watch) -> Result<(), LabError> {
        let all: Vec<usize> = (0..self.spots.len()).collect();
        let Some((best, _)) = self.ranked(START, &all).into_iter().next() else { return Ok(()) };
        let (h, alpha) = (self.spots[best].width, self.spots[best].alpha);
        let half = |factor: f64| ((h as f64 * factor).round() as usize).clamp(1, WIDEST);
        let root = 10_f64.sqrt();
        let near = [
            (h, super::plan::two_digits(alpha * root)),
            (h, super::plan::two_digits(alpha / root)),
            (half(2_f64.sqrt()), alpha),
            (half(0.5_f64.sqrt()), alpha),
        ];
        let limit = self.plan.budget - self.reserve(best, START);
        for (width, alpha) in near {
            let orders = self.orders(width, alpha, START);
            self.train(orders, &format!("between, width {width}, alpha {}", short(alpha)), limit, watch)?;
        }
        Ok(())
    }

    /// What the quoted error will take: as many fresh nets.
    fn reserve(&self, spot: usize, nets: usize) -> f64 {
        nets as f64 * self.predicted(self.spots[spot].width, self.spots[spot].alpha)
    }

    /// Rounds with ever more nets for ever fewer points: those that cannot be told from the best, at most half of them.
    ///
    /// Source: sequential halving, Z. Karnin, T. Koren, O. Somekh, ICML 2013; here with a paired test besides.
    fn race(&mut self, watch: &mut dyn Watch) -> Result<Option<Choice>, LabError> {
        let mut field: Vec<usize> = (0..self.spots.len()).collect();
        let (mut n, mut most) = (START, FIELD);
        loop {
            let ranked = self.ranked(n, &field);
            let Some((_, best)) = ranked.first() else { return Ok(None) };
            field = (ranked.iter())
                .filter(|(_, j)| {
                    let [value, error] = gap(j, best);
                    value <= 2.0 * error
                })
                .map(|r| r.0)
                .take(most)
                .collect();
            let next = (2 * n).min(self.plan.nets);
            if next == n {
                break;
            }
            let limit = self.plan.budget - field.iter().map(|&k| self.reserve(k, next)).fold(0.0, f64::max);
            let wanted = |s: &Self, field: &[usize]| -> Vec<Order> {
                field.iter().flat_map(|&k| s.orders(s.spots[k].width, s.spots[k].alpha, next)).collect()
            };
            // The worst go without, if not all can be afforded.
            while field.len() > 1 && self.spent + self.price(&wanted(self, &field)) > limit {
                self.cut = true;
                field.pop();
            }
            let orders = wanted(self, &field);
            if !self.train(orders, &format!("{next} nets at {} points", field.len()), limit, watch)? {
                break;
            }
            (n, most) = (next, field.len().div_ceil(2));
        }
        Ok(self.choose(n))
    }

    /// The point of smallest error at n nets (of equal ones the cheapest); and as many nets as are within 2 % of all.
    fn choose(&self, n: usize) -> Option<Choice> {
        let all: Vec<usize> = (0..self.spots.len()).collect();
        let ranked = self.ranked(n, &all);
        let (spot, best) = ranked.first()?;
        let spot = *spot;
        let told = |j: &Judged| {
            let [value, error] = gap(j, best);
            value > 2.0 * error
        };
        let equal: Vec<usize> = ranked.iter().filter(|(_, j)| !told(j)).map(|r| r.0).collect();
        let cheapest = equal.iter().copied().min_by(|&a, &b| self.order(a, b)).unwrap_or(spot);
        let there = &self.spots[spot];
        let whole = there.judge(self.y(), there.whole())?.error;
        let enough = |n: &usize| there.judge(self.y(), *n).is_some_and(|j| j.error <= 1.02 * whole);
        let nets = (1..=there.whole()).find(enough).unwrap_or(there.whole());
        Some(Choice { spot, nets, equal, cheapest, compared: n })
    }
}
