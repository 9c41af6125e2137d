//! A live recorder: two-time displacements of a training that somebody else drives, measured as it goes.

mod dataset;
mod summary;

pub use dataset::combined;
pub use summary::{LiveSummary, judged};

use crate::layout::Common;
use crate::sketch::{Facts, Row as SketchRow, Sketch};
use glasslab_core::sum;
use glasslab_core::{Array, Fault, Slice, State};
use glasslab_observe::kernel::{Comparison, displacement_moments};
use rayon::prelude::*;

/// A tensor that is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Name, unique in a recorder.
    pub name: String,
    /// Entries.
    pub len: usize,
    /// True if it is held in f64, false in f32.
    pub double: bool,
}

/// What is kept of the weights at a waiting time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// A copy: displacements are exact.
    Exact,
    /// A [`Sketch`] of so many numbers for each group of tensors: displacements have a standard error of sqrt(2/k) of their value.
    Sketch {
        /// Numbers k.
        size: usize,
        /// Seed of the projection.
        seed: u64,
    },
}

/// Entries that one thread sketches at a time.
const PART: usize = 1 << 20;

/// Two-time displacements of tensors that are looked at from time to time.
///
/// At each look the present values are compared with all references in one pass over memory, tensor by tensor, by the kernel
/// of the observer `two-time`: differences and sums in f64. Or they are sketched, and the sketch is compared with those of the
/// references. Nothing is copied but what becomes a reference.
/// Cost of a look: O(K N) for K exact references, O(N + K k) for sketches. Memory: K N numbers of the tensors' own precision, or
/// K k a group, and (rows + 1) K numbers a look. The same bytes whatever the number of threads.
/// Checked by `tests/live.rs`, and against numpy and the reader of checkpoints by the tests of the Python package.
#[derive(Clone, Debug)]
pub struct Live {
    tensors: Vec<Recorded>,
    keep: Keep,
    /// Rows of results: tensors, or groups of them if they are sketched; name and entries.
    rows: Vec<(String, usize)>,
    row_of: Vec<usize>,
    references: Vec<Reference>,
    waiting: Vec<u64>,
    looks: Vec<Look>,
}

#[derive(Clone, Debug, PartialEq)]
enum Reference {
    Exact(Vec<Array>),
    Sketch(Sketch),
}

/// What was measured at one step.
#[derive(Clone, Debug, PartialEq)]
struct Look {
    step: u64,
    /// For each reference: sum d^2 of each row, then sum d^4 over all (NaN for sketches).
    moments: Vec<f64>,
    /// sum x^2 of each row.
    squares: Vec<f64>,
    /// Loss and squared norm of the gradient as they were given; NaN where not.
    given: [f64; 2],
}

fn squared(x: Slice<'_>) -> f64 {
    match x {
        Slice::F64(x) => sum::dot(x, x),
        Slice::F32(x) => {
            let mut wide = [0.0; 8192];
            let parts: Vec<f64> = x
                .chunks(wide.len())
                .map(|part| {
                    wide.iter_mut().zip(part).for_each(|(w, &v)| *w = f64::from(v));
                    sum::dot(&wide[..part.len()], &wide[..part.len()])
                })
                .collect();
            sum::sum(&parts)
        }
    }
}

fn copy(x: Slice<'_>) -> Array {
    match x {
        Slice::F32(x) => Array::F32(x.to_vec()),
        Slice::F64(x) => Array::F64(x.to_vec()),
    }
}

fn slice(x: &Array) -> Option<Slice<'_>> {
    match x {
        Array::F32(x) => Some(Slice::F32(x)),
        Array::F64(x) => Some(Slice::F64(x)),
        Array::U64(_) => None,
    }
}

impl Live {
    /// Records these tensors, which must have names of their own. Groups of sketches are those of a checkpoint series: the first
    /// component of the names.
    pub fn new(tensors: Vec<Recorded>, keep: Keep) -> Result<Self, Fault> {
        if tensors.iter().all(|t| t.len == 0) {
            return Err(Fault::input("named_parameters", "no number", "give at least one tensor that is not empty"));
        }
        let mut names: Vec<&str> = tensors.iter().map(|t| t.name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|w| w[0] == w[1]) {
            return Err(Fault::input("named_parameters", twice[0], "give each tensor a name of its own"));
        }
        let (mut rows, mut row_of) = (Vec::new(), vec![0; tensors.len()]);
        match keep {
            Keep::Exact => {
                rows.extend(tensors.iter().map(|t| (t.name.clone(), t.len)));
                row_of = (0..tensors.len()).collect();
            }
            Keep::Sketch { size, seed } => {
                Sketch::new(seed, size)?;
                let of = |t: &Recorded| Common {
                    name: t.name.clone(),
                    of: t.name.clone(),
                    len: t.len,
                    entries: t.len as u64,
                };
                let common: Vec<Common> = tensors.iter().map(of).collect();
                for (name, members) in crate::layout::groups(&common, &[]) {
                    members.iter().for_each(|&i| row_of[i] = rows.len());
                    rows.push((name, members.iter().map(|&i| tensors[i].len).sum()));
                }
            }
        }
        Ok(Self { tensors, keep, rows, row_of, references: Vec::new(), waiting: Vec::new(), looks: Vec::new() })
    }

    /// The tensors.
    pub fn tensors(&self) -> &[Recorded] {
        &self.tensors
    }

    /// Number N of recorded parameters.
    pub fn dof(&self) -> usize {
        self.tensors.iter().map(|t| t.len).sum()
    }

    /// Steps at which references were taken.
    pub fn waiting(&self) -> &[u64] {
        &self.waiting
    }

    /// Steps of all looks.
    pub fn times(&self) -> Vec<u64> {
        self.looks.iter().map(|l| l.step).collect()
    }

    /// The sketches of the references, with their steps; none if copies are kept. Written to files they are a checkpoint series.
    pub fn sketches<'a>(&'a self) -> Vec<&'a Sketch> {
        let sketch = |r: &'a Reference| match r {
            Reference::Sketch(s) => Some(s),
            Reference::Exact(_) => None,
        };
        self.references.iter().filter_map(sketch).collect()
    }

    /// Measures the present values (one slice a tensor) at `step`, later than all steps before; keeps them as a reference if
    /// `reference`, and at the first look. `loss` and `gradient_squared` are kept as they are given, NaN for unknown.
    pub fn look(
        &mut self,
        step: u64,
        values: &[Slice<'_>],
        reference: bool,
        loss: f64,
        gradient_squared: f64,
    ) -> Result<(), Fault> {
        if let Some(last) = self.looks.last()
            && step <= last.step
        {
            return Err(Fault::input("step", step, format!("give a step after {}", last.step)));
        }
        Fault::check_len("the list of tensors", self.tensors.len(), values.len())?;
        for (tensor, x) in self.tensors.iter().zip(values) {
            let same = x.len() == tensor.len && matches!(x, Slice::F64(_)) == tensor.double;
            if !same {
                let kind = if matches!(x, Slice::F64(_)) { "f64" } else { "f32" };
                let wanted = if tensor.double { "f64" } else { "f32" };
                let fix = format!("keep the {} numbers in {wanted} that it began with", tensor.len);
                return Err(Fault::input(tensor.name.clone(), format!("{} numbers in {kind}", x.len()), fix));
            }
        }
        let reference = reference || self.references.is_empty();
        let (moments, squares, kept) = match self.keep {
            Keep::Exact => {
                let (moments, squares) = self.compare(values)?;
                let copies = || Reference::Exact(values.iter().map(|&x| copy(x)).collect());
                (moments, squares, reference.then(copies))
            }
            Keep::Sketch { size, seed } => {
                let mut sketch = self.sketch(values, size, seed)?;
                sketch.step = Some(step);
                let moments = self.compare_sketch(&sketch);
                let squares = self.rows.iter().map(|(name, _)| sketch.rows[name].facts.squares).collect();
                (moments, squares, reference.then_some(Reference::Sketch(sketch)))
            }
        };
        self.looks.push(Look { step, moments, squares, given: [loss, gradient_squared] });
        if let Some(kept) = kept {
            self.references.push(kept);
            self.waiting.push(step);
        }
        Ok(())
    }

    /// Moments of all references and squares of all rows, exact.
    fn compare(&self, values: &[Slice<'_>]) -> Result<(Vec<f64>, Vec<f64>), Fault> {
        let width = self.rows.len() + 1;
        let mut moments = vec![0.0; self.references.len() * width];
        for (i, &x) in values.iter().enumerate() {
            let references: Vec<Slice<'_>> = self
                .references
                .iter()
                .filter_map(|r| match r {
                    Reference::Exact(r) => slice(&r[i]),
                    Reference::Sketch(_) => None,
                })
                .collect();
            #[allow(clippy::single_range_in_vec_init)] // one block, the whole tensor, is meant
            let found = displacement_moments(&[Comparison { positions: x, references }], &[0..x.len()])?;
            for (row, m) in moments.chunks_mut(width).zip(found) {
                row[i] = m.second;
                row[width - 1] += m.fourth;
            }
        }
        Ok((moments, values.iter().map(|&x| squared(x)).collect()))
    }

    fn compare_sketch(&self, sketch: &Sketch) -> Vec<f64> {
        let mut moments = Vec::with_capacity(self.references.len() * (self.rows.len() + 1));
        for reference in &self.references {
            let Reference::Sketch(reference) = reference else { continue };
            for (name, _) in &self.rows {
                let (a, b) = (&sketch.rows[name].values, &reference.rows[name].values);
                let d: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
                moments.push(sum::dot(&d, &d));
            }
            moments.push(f64::NAN);
        }
        moments
    }

    /// Parts of a fixed size, in parallel, merged in their order.
    fn sketch(&self, values: &[Slice<'_>], size: usize, seed: u64) -> Result<Sketch, Fault> {
        let cut = |i: usize| (0..values[i].len()).step_by(PART).map(move |start| (i, start));
        let parts: Vec<(usize, usize)> = (0..values.len()).flat_map(cut).collect();
        let one = |&(i, start): &(usize, usize)| -> Result<Sketch, Fault> {
            let mut part = Sketch::new(seed, size)?;
            let (row, name) = (&self.rows[self.row_of[i]].0, &self.tensors[i].name);
            let end = (start + PART).min(values[i].len());
            match values[i] {
                Slice::F32(x) => part.add(row, name, start as u64, &x[start..end]),
                Slice::F64(x) => part.add(row, name, start as u64, &x[start..end]),
            }
            Ok(part)
        };
        let mut whole = Sketch::new(seed, size)?;
        for (name, _) in &self.rows {
            whole.add::<f64>(name, "", 0, &[]);
        }
        // In groups of as many as there are threads, so that few parts are held at a time.
        for group in parts.chunks(2 * rayon::current_num_threads()) {
            for part in group.par_iter().map(one).collect::<Result<Vec<_>, _>>()? {
                whole.merge(&part)?;
            }
        }
        Ok(whole)
    }

    /// All that is needed to go on to the same bytes.
    pub fn save(&self) -> State {
        let mut state = State::default();
        state.push("waiting", Array::U64(self.waiting.clone()));
        state.push("times", Array::U64(self.times()));
        let all = |part: fn(&Look) -> &[f64]| Array::F64(self.looks.iter().flat_map(|l| part(l).to_vec()).collect());
        state.push("moments", all(|l| &l.moments));
        state.push("squares", all(|l| &l.squares));
        state.push("given", all(|l| &l.given));
        for (k, reference) in self.references.iter().enumerate() {
            match reference {
                Reference::Exact(reference) => {
                    for (i, x) in reference.iter().enumerate() {
                        state.push(format!("once/reference{k}/tensor{i}"), x.clone());
                    }
                }
                Reference::Sketch(sketch) => {
                    for (i, (name, _)) in self.rows.iter().enumerate() {
                        let row = &sketch.rows[name];
                        state.push(format!("once/reference{k}/row{i}"), Array::F64(row.values.clone()));
                        let facts = &row.facts;
                        let facts = [facts.entries, facts.squares.to_bits(), facts.non_finite, facts.layout];
                        state.push(format!("once/reference{k}/facts{i}"), Array::U64(facts.to_vec()));
                    }
                }
            }
        }
        state
    }

    /// The inverse of [`Live::save`], for a recorder of the same tensors. The state may come from anywhere: it is checked.
    pub fn load(&mut self, state: &State) -> Result<(), Fault> {
        let steps = |name: &str| match state.get(name)? {
            Array::U64(v) if v.windows(2).all(|w| w[0] < w[1]) => Ok(v.clone()),
            _ => Err(Fault::State { name: name.to_owned() }),
        };
        let (waiting, times) = (steps("waiting")?, steps("times")?);
        if waiting.iter().any(|w| times.binary_search(w).is_err()) {
            return Err(Fault::State { name: "waiting".to_owned() });
        }
        let (count, width) = (self.rows.len(), self.rows.len() + 1);
        let live = |t: u64| waiting.partition_point(|&w| w < t);
        let total: usize = times.iter().map(|&t| live(t)).sum();
        let mut moments = state.f64("moments", total * width)?;
        let squares = state.f64("squares", times.len() * count)?;
        let given = state.f64("given", times.len() * 2)?;
        let mut looks = Vec::with_capacity(times.len());
        for (t, &step) in times.iter().enumerate() {
            let (own, rest) = moments.split_at(live(step) * width);
            moments = rest;
            let squares = squares[t * count..(t + 1) * count].to_vec();
            looks.push(Look { step, moments: own.to_vec(), squares, given: [given[2 * t], given[2 * t + 1]] });
        }
        let references = waiting.iter().enumerate().map(|(k, &step)| self.load_reference(state, k, step));
        let references = references.collect::<Result<_, Fault>>()?;
        (self.references, self.waiting, self.looks) = (references, waiting, looks);
        Ok(())
    }

    fn load_reference(&self, state: &State, k: usize, step: u64) -> Result<Reference, Fault> {
        let Keep::Sketch { size, seed } = self.keep else {
            let one = self.tensors.iter().enumerate().map(|(i, tensor)| {
                let name = format!("once/reference{k}/tensor{i}");
                Ok(match tensor.double {
                    true => Array::F64(state.f64(&name, tensor.len)?.to_vec()),
                    false => Array::F32(state.f32(&name, tensor.len)?.to_vec()),
                })
            });
            return Ok(Reference::Exact(one.collect::<Result<_, Fault>>()?));
        };
        let mut sketch = Sketch::new(seed, size)?;
        sketch.step = Some(step);
        for (i, (name, _)) in self.rows.iter().enumerate() {
            let values = state.f64(&format!("once/reference{k}/row{i}"), size)?.to_vec();
            let [entries, squares, non_finite, layout] = *state.u64(&format!("once/reference{k}/facts{i}"), 4)? else {
                return Err(Fault::State { name: format!("once/reference{k}/facts{i}") });
            };
            let facts = Facts { entries, squares: f64::from_bits(squares), non_finite, layout };
            sketch.rows.insert(name.clone(), SketchRow { values, facts });
        }
        Ok(Reference::Sketch(sketch))
    }
}
