//! Two-time functions: how far every replica has moved since each waiting time.

use crate::kernel::{Comparison, Moments, displacement_moments};
use crate::log::{Log, Shape, copy, diverged, look, physical, steps};
use glasslab_core::{Array, Dataset, Fault, Observer, Record, Schedule, Space, State, View};

/// Displacements d_i = x_i(t) - x_i(t_w) between waiting times t_w and all measured times t >= t_w.
///
/// Reference copies x(t_w) are kept in the precision of the run; at each measured time x is compared with all of them
/// in one pass over memory. Records, with dimensions (replica, waiting_time, time):
/// - `msd`: Delta(t_w, t) = (1/N) sum_i d_i^2 over all N parameters, biases included;
/// - `fourth_moment`: (1/N) sum_i d_i^4;
/// - `participation`: Y = sum_i d_i^4 / (sum_i d_i^2)^2, 1/N if spread evenly, 3/N if Gaussian; NaN where d = 0;
/// - `overlap`: C = 1 - Delta/2, only on the sphere |x|^2 = N;
/// - `msd_layer` (replica, layer, waiting_time, time): the same mean over each named block, if there are several.
///
/// NaN where t < t_w, where the run has not arrived, and from the divergence of a replica on.
/// Convention: displacements are chords in R^N; on a torus positions are unwrapped, so Delta counts true distances.
/// Cost of a measurement: O(K R N) for K live references. Memory: K R N numbers.
/// Source: Baity-Jesi et al. 2018, arXiv:1803.06969. Checked by `tests/observers.rs`.
pub struct TwoTime {
    waiting: Schedule,
    schedule: Schedule,
    shape: Shape,
    space: Space,
    references: Vec<Vec<Array>>,
    log: Log,
}

/// Bytes of the reference copies of a two-time measurement: K waiting times x replicas x N x bytes per number.
pub fn reference_bytes(waiting: &Schedule, last: u64, replicas: usize, dof: usize, bytes_per_number: u64) -> u64 {
    let live = waiting.steps().iter().filter(|&&w| w <= last).count() as u64;
    live * replicas as u64 * dof as u64 * bytes_per_number
}

impl TwoTime {
    /// Compares x at t_w + t with x at t_w, for `waiting` and `lags` in steps, up to step `last`.
    pub fn new(waiting: &Schedule, lags: &Schedule, last: u64, view: &View<'_>) -> Self {
        let waiting = Schedule::at(waiting.steps().iter().copied().filter(|&w| w <= last).collect());
        Self {
            schedule: Schedule::pairs(&waiting, lags, last),
            waiting,
            shape: Shape::of(view),
            space: view.system(0).space(),
            references: Vec::new(),
            log: Log::default(),
        }
    }

    /// The waiting times, in steps.
    pub fn waiting(&self) -> &Schedule {
        &self.waiting
    }

    /// References that exist at the measured time of that number.
    fn live(&self, time: usize) -> usize {
        let step = self.schedule.steps()[time];
        self.waiting.steps().partition_point(|&w| w <= step)
    }

    /// Numbers kept for one comparison: the sum of d^2 in each block, the sum of d^4 over all.
    fn width(&self) -> usize {
        self.shape.layout.len() + 1
    }

    fn values_before(&self, done: usize) -> usize {
        (0..done).map(|t| self.live(t)).sum::<usize>() * self.shape.replicas * self.width()
    }
}

impl Observer for TwoTime {
    fn name(&self) -> &'static str {
        "two-time"
    }

    fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    fn observe(&mut self, view: &View<'_>) -> Result<(), Fault> {
        self.log.check_due(&self.schedule, view.clock())?;
        if self.waiting.contains(view.clock().step) {
            self.references.push((0..self.shape.replicas).map(|r| copy(view.positions(r))).collect());
        }
        let alive: Vec<usize> = (0..self.shape.replicas).filter(|&r| !diverged(view, r)).collect();
        let compare = |&r: &usize| Comparison {
            positions: view.positions(r),
            references: self.references.iter().map(|x| look(&x[r])).collect(),
        };
        let comparisons: Vec<_> = alive.iter().map(compare).collect();
        let moments = displacement_moments(&comparisons, &self.shape.blocks())?;
        let (live, blocks, width) = (self.references.len(), self.shape.layout.len(), self.width());
        let mut row = vec![f64::NAN; live * self.shape.replicas * width];
        for (i, r) in alive.iter().enumerate() {
            for k in 0..live {
                let m: &[Moments] = &moments[(i * live + k) * blocks..][..blocks];
                let out = &mut row[(r * live + k) * width..][..width];
                out.iter_mut().zip(m).for_each(|(out, m)| *out = m.second);
                out[blocks] = m.iter().map(|m| m.fourth).sum();
            }
        }
        self.log.push(&row);
        Ok(())
    }

    fn records(&self, view: &View<'_>) -> Dataset {
        let (replicas, waits, times) = (self.shape.replicas, self.waiting.len(), self.schedule.len());
        let (blocks, width, n) = (self.shape.layout.len(), self.width(), self.shape.dof as f64);
        let nan = vec![f64::NAN; replicas * waits * times];
        let (mut msd, mut fourth, mut participation) = (nan.clone(), nan.clone(), nan);
        let layered = self.shape.layered();
        let mut layers = vec![f64::NAN; if layered { replicas * blocks * waits * times } else { 0 }];
        let mut rows = self.log.values();
        for t in 0..self.log.done() {
            let live = self.live(t);
            for r in 0..replicas {
                for k in 0..live {
                    let (entry, rest) = rows.split_at(width);
                    rows = rest;
                    let second: f64 = entry[..blocks].iter().sum();
                    let at = (r * waits + k) * times + t;
                    msd[at] = second / n;
                    fourth[at] = entry[blocks] / n;
                    participation[at] = entry[blocks] / (second * second);
                    for (b, sum) in entry[..blocks].iter().enumerate().filter(|_| layered) {
                        let size = self.shape.layout[b].range.len() as f64;
                        layers[((r * blocks + b) * waits + k) * times + t] = sum / size;
                    }
                }
            }
        }
        let dims = [("replica", replicas), ("waiting_time", waits), ("time", times)];
        let overlap: Vec<f64> = msd.iter().map(|d| 1.0 - d / 2.0).collect();
        let mut data = Dataset::default();
        data.coordinates.push(self.shape.replica_numbers());
        data.coordinates.push(steps("waiting_time", "waiting time t_w of the reference copy", &self.waiting));
        data.coordinates.push(steps("time", "time t of the measurement (not the lag t - t_w)", &self.schedule));
        data.variables.push(physical("physical_time", "time", &self.schedule, view));
        data.variables.push(physical("waiting_physical_time", "waiting_time", &self.waiting, view));
        let about = "Delta(t_w,t) = (1/N) sum_i [x_i(t) - x_i(t_w)]^2, N = all parameters, biases included";
        data.variables.push(Record::new("msd", about, "1", &dims, msd));
        let about = "(1/N) sum_i [x_i(t) - x_i(t_w)]^4, N = all parameters";
        data.variables.push(Record::new("fourth_moment", about, "1", &dims, fourth));
        let about = "Y = sum_i d_i^4 / (sum_i d_i^2)^2, d = x(t) - x(t_w): 1/N if spread evenly, 3/N if Gaussian";
        data.variables.push(Record::new("participation", about, "1", &dims, participation));
        if let Space::Sphere { radius } = self.space
            && (radius * radius / n - 1.0).abs() < 1e-9
        {
            let about = "C(t,t_w) = (1/N) sum_i x_i(t) x_i(t_w) = 1 - Delta/2 on the sphere |x|^2 = N";
            data.variables.push(Record::new("overlap", about, "1", &dims, overlap));
        }
        if layered {
            data.coordinates.push(self.shape.layers());
            let dims = [("replica", replicas), ("layer", blocks), ("waiting_time", waits), ("time", times)];
            let about = "Delta(t_w,t) of one block: mean of [x_i(t) - x_i(t_w)]^2 over the block's own parameters";
            data.variables.push(Record::new("msd_layer", about, "1", &dims, layers));
        }
        data
    }

    fn memory(&self) -> u64 {
        let log = self.values_before(self.schedule.len()) as u64 * 8;
        self.waiting.len() as u64 * self.shape.bytes() + log
    }

    fn save(&self) -> State {
        let mut state = State::default();
        self.log.save(&mut state);
        for (k, replicas) in self.references.iter().enumerate() {
            for (r, x) in replicas.iter().enumerate() {
                state.push(format!("once/reference{k}/replica{r}"), x.clone());
            }
        }
        state
    }

    fn load(&mut self, state: &State) -> Result<(), Fault> {
        let mut log = Log::default();
        log.load(state, self.schedule.len(), |done| self.values_before(done))?;
        let live = if log.done() == 0 { 0 } else { self.live(log.done() - 1) };
        let read = |k: usize, r: usize| {
            let name = format!("once/reference{k}/replica{r}");
            let array = state.get(&name)?;
            self.shape.check(&name, array)?;
            Ok(array.clone())
        };
        let all = (0..live).map(|k| (0..self.shape.replicas).map(|r| read(k, r)).collect());
        self.references = all.collect::<Result<_, Fault>>()?;
        self.log = log;
        Ok(())
    }
}
