//! When to look: sorted lists of steps, linearly or logarithmically spaced, and the (t_w, t_w + t) grid.

/// A finite, sorted list of distinct steps at which an Observer is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    steps: Vec<u64>,
}

impl Schedule {
    /// These steps, sorted, each once.
    pub fn at(mut steps: Vec<u64>) -> Self {
        steps.sort_unstable();
        steps.dedup();
        Self { steps }
    }

    /// 0, every, 2 every, ... up to and including `last`.
    pub fn every(every: u64, last: u64) -> Self {
        Self::at((0..=last / every.max(1)).map(|k| k * every.max(1)).collect())
    }

    /// 0 and about `count` logarithmically spaced steps from `first` to `last`, rounded, each once:
    /// round(first (last/first)^(k/(count-1))). The grids of Baity-Jesi et al. 2018.
    pub fn log(first: u64, last: u64, count: usize) -> Self {
        let (a, b) = (first.max(1) as f64, last.max(first.max(1)) as f64);
        let n = count.max(2) - 1;
        let mut steps: Vec<u64> = (0..=n).map(|k| (a * (b / a).powf(k as f64 / n as f64)).round() as u64).collect();
        steps.push(0);
        steps.retain(|&s| s <= last);
        Self::at(steps)
    }

    /// All sums t_w + t of two lists that do not pass `last`, and the waiting times themselves.
    pub fn pairs(waiting: &Schedule, lags: &Schedule, last: u64) -> Self {
        let sums = waiting.steps.iter().flat_map(|w| lags.steps.iter().map(move |t| w + t));
        Self::at(sums.chain(waiting.steps.iter().copied()).filter(|&s| s <= last).collect())
    }

    /// Both lists together.
    pub fn union(&self, other: &Schedule) -> Self {
        Self::at(self.steps.iter().chain(&other.steps).copied().collect())
    }

    /// The steps, sorted.
    pub fn steps(&self) -> &[u64] {
        &self.steps
    }

    /// The first step not before `step`.
    pub fn next(&self, step: u64) -> Option<u64> {
        let i = self.steps.partition_point(|&s| s < step);
        self.steps.get(i).copied()
    }

    /// Position of `step` in the list.
    pub fn position(&self, step: u64) -> Option<usize> {
        self.steps.binary_search(&step).ok()
    }

    /// True if `step` is in the list.
    pub fn contains(&self, step: u64) -> bool {
        self.position(step).is_some()
    }

    /// Number of steps in the list.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// True if the list is empty.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_grid_has_both_ends_and_zero() {
        let s = Schedule::log(1, 1000, 10);
        assert_eq!(s.steps(), [0, 1, 2, 5, 10, 22, 46, 100, 215, 464, 1000]);
        assert_eq!(s.next(3), Some(5));
        assert_eq!(s.next(1001), None);
    }

    #[test]
    fn pairs_are_sums_within_the_run() {
        let s = Schedule::pairs(&Schedule::at(vec![0, 10]), &Schedule::at(vec![1, 5]), 12);
        assert_eq!(s.steps(), [0, 1, 5, 10, 11]);
    }
}
