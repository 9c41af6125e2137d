//! How far a run is from its start, how long its path was, and how large its weights are.

use crate::kernel::{Comparison, displacement_moments};
use crate::log::{Log, Shape, copy, diverged, look, physical, steps};
use glasslab_core::{Array, Dataset, Fault, Observer, Record, Schedule, Slice, State, View, sum};

/// Lengths along a run, with dimensions (replica, norm_time), and (replica, layer, norm_time) with the suffix `_layer`:
///
/// - `distance`: |x(t) - x(0)|;
/// - `path_length`: sum over the measured times t_k <= t of |x(t_k) - x(t_{k-1})|: the length of the polygon through
///   the measured points, a lower bound of the length of the path itself that grows as the schedule is refined;
/// - `norm`: |x(t)|.
///
/// Euclidean lengths in R^N, not divided by sqrt(N). Step 0 is always in the schedule. NaN from the divergence of a
/// replica on. Cost of a measurement: O(R N). Memory: 2 R N numbers. Checked by `tests/observers.rs`.
pub struct Norms {
    schedule: Schedule,
    shape: Shape,
    start: Vec<Array>,
    previous: Vec<Array>,
    path: Vec<f64>,
    log: Log,
}

const NAMES: [(&str, &str); 3] = [
    ("distance", "|x(t) - x(0)|, Euclidean, not divided by sqrt(N)"),
    ("path_length", "length of the polygon through the measured points up to t: a lower bound of the path's length"),
    ("norm", "|x(t)|, Euclidean"),
];

impl Norms {
    /// Measures at step 0 and at the steps of `schedule`.
    pub fn new(schedule: &Schedule, view: &View<'_>) -> Self {
        let shape = Shape::of(view);
        let path = vec![0.0; shape.replicas * (shape.layout.len() + 1)];
        let schedule = schedule.union(&Schedule::at(vec![0]));
        Self { schedule, shape, start: Vec::new(), previous: Vec::new(), path, log: Log::default() }
    }

    /// Entries: each block, then the whole.
    fn parts(&self) -> usize {
        self.shape.layout.len() + 1
    }
}

fn squared(x: Slice<'_>) -> f64 {
    match x {
        Slice::F64(x) => sum::dot(x, x),
        Slice::F32(_) => {
            let wide = x.to_f64();
            sum::dot(&wide, &wide)
        }
    }
}

fn part<'a>(x: Slice<'a>, range: std::ops::Range<usize>) -> Slice<'a> {
    match x {
        Slice::F32(x) => Slice::F32(&x[range]),
        Slice::F64(x) => Slice::F64(&x[range]),
    }
}

impl Observer for Norms {
    fn name(&self) -> &'static str {
        "norms"
    }

    fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    fn observe(&mut self, view: &View<'_>) -> Result<(), Fault> {
        self.log.check_due(&self.schedule, view.clock())?;
        let (replicas, parts, blocks) = (self.shape.replicas, self.parts(), self.shape.blocks());
        if self.start.is_empty() {
            self.start = (0..replicas).map(|r| copy(view.positions(r))).collect();
            self.previous = self.start.clone();
        }
        let mut row = vec![f64::NAN; replicas * parts * 3];
        for r in (0..replicas).filter(|&r| !diverged(view, r)) {
            let x = view.positions(r);
            let references = vec![look(&self.start[r]), look(&self.previous[r])];
            let moments = displacement_moments(&[Comparison { positions: x, references }], &blocks)?;
            let mut whole = [0.0; 3];
            for (b, block) in blocks.iter().enumerate() {
                let squares = [moments[b].second, moments[blocks.len() + b].second, squared(part(x, block.clone()))];
                self.write(&mut row, r, b, squares);
                whole.iter_mut().zip(squares).for_each(|(w, s)| *w += s);
            }
            self.write(&mut row, r, blocks.len(), whole);
            self.previous[r] = copy(x);
        }
        self.log.push(&row);
        Ok(())
    }

    fn records(&self, view: &View<'_>) -> Dataset {
        let (replicas, parts, times) = (self.shape.replicas, self.parts(), self.schedule.len());
        let mut data = Dataset::default();
        data.coordinates.push(self.shape.replica_numbers());
        data.coordinates.push(steps("norm_time", "time at which lengths were measured", &self.schedule));
        data.variables.push(physical("norm_physical_time", "norm_time", &self.schedule, view));
        if self.shape.layered() {
            data.coordinates.push(self.shape.layers());
        }
        for (q, (name, about)) in NAMES.into_iter().enumerate() {
            let (mut whole, mut layers) = (vec![f64::NAN; replicas * times], Vec::new());
            layers.resize(replicas * (parts - 1) * times, f64::NAN);
            for (t, row) in self.log.values().chunks(replicas * parts * 3).enumerate() {
                for r in 0..replicas {
                    let entry = |p: usize| row[(r * parts + p) * 3 + q];
                    whole[r * times + t] = entry(parts - 1);
                    (0..parts - 1).for_each(|p| layers[(r * (parts - 1) + p) * times + t] = entry(p));
                }
            }
            data.variables.push(Record::new(name, about, "1", &[("replica", replicas), ("norm_time", times)], whole));
            if self.shape.layered() {
                let dims = [("replica", replicas), ("layer", parts - 1), ("norm_time", times)];
                let about = format!("{about}; within one block");
                data.variables.push(Record::new(&format!("{name}_layer"), &about, "1", &dims, layers));
            }
        }
        data
    }

    fn memory(&self) -> u64 {
        2 * self.shape.bytes() + (self.schedule.len() * self.shape.replicas * self.parts() * 24) as u64
    }

    fn save(&self) -> State {
        let mut state = State::default();
        self.log.save(&mut state);
        state.push("path", Array::F64(self.path.clone()));
        for (r, (start, previous)) in self.start.iter().zip(&self.previous).enumerate() {
            state.push(format!("once/start{r}"), start.clone());
            state.push(format!("previous{r}"), previous.clone());
        }
        state
    }

    fn load(&mut self, state: &State) -> Result<(), Fault> {
        let row = self.shape.replicas * self.parts() * 3;
        let mut log = Log::default();
        log.load(state, self.schedule.len(), |done| done * row)?;
        let path = state.f64("path", self.path.len())?.to_vec();
        let read = |prefix: &str| -> Result<Vec<Array>, Fault> {
            let replicas = if log.done() == 0 { 0 } else { self.shape.replicas };
            let one = |r: usize| {
                let name = format!("{prefix}{r}");
                let array = state.get(&name)?;
                self.shape.check(&name, array)?;
                Ok(array.clone())
            };
            (0..replicas).map(one).collect()
        };
        (self.start, self.previous) = (read("once/start")?, read("previous")?);
        (self.path, self.log) = (path, log);
        Ok(())
    }
}

impl Norms {
    /// Writes the three lengths of part `p` of replica `r` from the squares of distance, last piece and norm.
    fn write(&mut self, row: &mut [f64], r: usize, p: usize, [distance, piece, norm]: [f64; 3]) {
        let i = r * self.parts() + p;
        self.path[i] += piece.sqrt();
        row[i * 3..][..3].copy_from_slice(&[distance.sqrt(), self.path[i], norm.sqrt()]);
    }
}
