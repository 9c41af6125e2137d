//! Four disjoint parts for a choice that must not see what it is judged by: train, choose, quote, held out.

use super::{Classes, Labelled, Samples, centre, components, on_sphere};
use glasslab_core::{Fault, Streams};
use rand::RngExt;

/// How many samples each part has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Held out: nothing of the choice sees them.
    pub held: usize,
    /// To quote the error of what was chosen.
    pub quote: usize,
    /// To choose by.
    pub choose: usize,
    /// Left to train on.
    pub train: usize,
}

/// Fewest samples of a part that an error is taken on.
const FEWEST: usize = 30;
/// Most samples of such a part.
const MOST: usize = 10_000;
/// Most samples that means, scales and components are taken from.
const FITTED: usize = 20_000;

impl Sizes {
    /// Of `rows` samples and a test set of `test` that the data came with (else a fifth of the rows is held out). A fifth of
    /// the rest is there to choose by, a fifth to quote by; the others train.
    pub fn of(rows: usize, test: usize) -> Result<Self, Fault> {
        let held = if test > 0 { test.min(MOST) } else { (rows / 5).min(MOST) };
        let rest = if test > 0 { rows } else { rows - held };
        let each = (rest / 5).min(MOST);
        let sizes = Self { held, quote: each, choose: each, train: rest - 2 * each };
        if held < FEWEST || each < FEWEST {
            let needed = if test > 0 { 5 * FEWEST } else { 25 * FEWEST / 4 + 5 };
            let mut fix = format!("give at least {needed} samples of the two groups of classes");
            if test > 0 && held < FEWEST {
                fix += &format!(" and at least {FEWEST} in the test set (there are {test})");
            }
            return Err(Fault::input("data", format!("{rows} samples"), fix));
        }
        Ok(sizes)
    }
}

/// The parts, made alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// To train on.
    pub train: Labelled,
    /// To choose by.
    pub choose: Labelled,
    /// To quote the error of what was chosen.
    pub quote: Labelled,
    /// Held out.
    pub held: Labelled,
    /// What was done, in words.
    pub about: String,
}

/// Rows in an order in which every stretch has the classes in the proportions of the whole: each class is shuffled by the stream
/// (name, class, 0), and row k of n of a class stands at (k + 1/2)/n.
fn mixed(class: &[u32], rows: impl Iterator<Item = usize>, name: &str, streams: Streams) -> Vec<u32> {
    let mut by_class: Vec<Vec<u32>> = Vec::new();
    for row in rows {
        let c = class[row] as usize;
        by_class.resize_with(by_class.len().max(c + 1), Vec::new);
        by_class[c].push(row as u32);
    }
    let mut order: Vec<(f64, usize, u32)> = Vec::new();
    for (c, rows) in by_class.iter_mut().enumerate() {
        let mut rng = streams.stream(name, c as u64, 0);
        for i in (1..rows.len()).rev() {
            rows.swap(i, rng.random_range(0..=i));
        }
        let n = rows.len() as f64;
        order.extend(rows.iter().enumerate().map(|(k, &row)| ((k as f64 + 0.5) / n, c, row)));
    }
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    order.into_iter().map(|o| o.2).collect()
}

/// Counts of samples that have a label: of the rows, and of the test set that the data came with.
fn labelled(samples: &Samples, classes: &Classes) -> [usize; 2] {
    let from = samples.test_from.unwrap_or(samples.len());
    let count = |class: &[u32]| class.iter().filter(|c| classes.label(**c).is_some()).count();
    [count(&samples.class[..from]), count(&samples.class[from..])]
}

/// Cuts samples into parts of the proportions of their classes, first the held-out part (the test set that the data came with, if
/// any), then quote, choose and at last train, so that training parts of different P are nested. `train` samples are taken of those
/// that there are (0: all).
///
/// Means, scales and principal components are taken from what is left to train on (at most 20,000 samples), never from the other
/// parts. Tables: each column is centred and divided by its standard deviation (columns that do not vary become 0), and a constant
/// input 1 is added at the end, since the networks have no biases. Images: centred, each sample on the sphere |x|^2 = d. With
/// `components` > 0 that many principal components are kept, divided by the root of their mean variance.
///
/// Checked by `nothing_of_the_other_parts_is_in_the_training_part`.
pub fn parts(
    mut samples: Samples,
    classes: &Classes,
    train: usize,
    keep: usize,
    streams: Streams,
) -> Result<Parts, Fault> {
    let [rows, test] = labelled(&samples, classes);
    let sizes = Sizes::of(rows, test)?;
    if train > sizes.train {
        let fix = format!(
            "give at most {}: {} of {} samples are kept to choose, quote and judge by",
            sizes.train,
            rows + test - sizes.train,
            rows + test
        );
        return Err(Fault::input("samples", train, fix));
    }
    if keep > samples.inputs {
        return Err(Fault::input("components", keep, format!("give at most {}, the number of inputs", samples.inputs)));
    }
    let has = |row: &usize| classes.label(samples.class[*row]).is_some();
    let from = samples.test_from.unwrap_or(samples.len());
    let mut order = mixed(&samples.class, (0..from).filter(has), "parts", streams);
    if test > 0 {
        let mut held = mixed(&samples.class, (from..samples.len()).filter(has), "parts of the test set", streams);
        held.truncate(sizes.held);
        held.append(&mut order);
        order = held;
    }
    let (a, b) = (sizes.held, sizes.held + sizes.quote);
    let c = b + sizes.choose;
    let count = if train == 0 { sizes.train } else { train };
    let fitted = &order[c..(c + sizes.train.min(FITTED).max(count)).min(order.len())];
    let raw = samples.inputs;
    let gather = |rows: &[u32], x: &[f64]| -> Vec<f64> {
        rows.iter().flat_map(|&r| x[r as usize * raw..(r as usize + 1) * raw].iter().copied()).collect()
    };
    let labels =
        |rows: &[u32]| -> Vec<f64> { rows.iter().filter_map(|&r| classes.label(samples.class[r as usize])).collect() };
    let ranges = [&order[..a], &order[a..b], &order[b..c], &order[c..c + count]];
    let ys = ranges.map(labels);
    for y in &ys {
        if y.iter().all(|v| *v == y[0]) {
            let fix = "too few samples of one of the two groups of classes: give more of it, or other --classes";
            return Err(Fault::input(
                "data",
                format!("{} of {}", y.iter().filter(|v| **v == -y[0]).count(), y.len()),
                fix,
            ));
        }
    }
    let mut basis = gather(fitted, &samples.x);
    let mut xs = ranges.map(|rows| gather(rows, &samples.x));
    samples.x = Vec::new();
    let scaled = Scaling::of(&basis, raw, samples.table);
    let mut about = format!("{} samples, ", rows + test);
    about += if samples.table { "columns centred and of unit variance" } else { "centred, on the sphere" };
    scaled.apply(&mut basis);
    xs.iter_mut().for_each(|x| scaled.apply(x));
    let mut inputs = raw;
    if keep > 0 {
        let mut mean = vec![0.0; raw];
        for x in basis.chunks_exact(raw) {
            mean.iter_mut().zip(x).for_each(|(m, v)| *m += v * raw as f64 / basis.len() as f64);
        }
        centre(&mut basis, raw);
        let found = components(&basis, raw, keep, streams)?;
        for x in &mut xs {
            x.chunks_exact_mut(raw).for_each(|x| x.iter_mut().zip(&mean).for_each(|(v, m)| *v -= m));
            *x = found.project(x, false);
        }
        inputs = keep;
        about += &format!("; {keep} principal components of mean variance 1");
    }
    if samples.table {
        for x in &mut xs {
            *x = x.chunks_exact(inputs).flat_map(|x| x.iter().copied().chain([1.0])).collect();
        }
        inputs += 1;
        about += "; a constant input";
    }
    about += &format!(
        " (taken from {} samples that are left to train on); {}; {count} samples to train on, {} to choose by, {} to quote by, {} held out{}",
        fitted.len(),
        classes.about(),
        sizes.choose,
        sizes.quote,
        sizes.held,
        if test > 0 { " (of the test set that the data came with)" } else { "" }
    );
    let mut made = xs.into_iter().zip(ys).map(|(x, y)| Labelled { inputs, x, y });
    let mut next = || made.next().unwrap_or_default();
    let (held, quote, choose, train) = (next(), next(), next(), next());
    Ok(Parts { train, choose, quote, held, about })
}

/// Shift and scale of each input, then, for images, the sphere.
struct Scaling {
    mean: Vec<f64>,
    scale: Vec<f64>,
    sphere: bool,
}

impl Scaling {
    fn of(x: &[f64], inputs: usize, table: bool) -> Self {
        let n = (x.len() / inputs) as f64;
        let mut mean = vec![0.0; inputs];
        for x in x.chunks_exact(inputs) {
            mean.iter_mut().zip(x).for_each(|(m, v)| *m += v / n);
        }
        let mut scale = vec![1.0; inputs];
        if table {
            let mut variance = vec![0.0; inputs];
            for x in x.chunks_exact(inputs) {
                variance.iter_mut().zip(x).zip(&mean).for_each(|((s, v), m)| *s += (v - m) * (v - m) / n);
            }
            for ((scale, variance), mean) in scale.iter_mut().zip(variance).zip(&mean) {
                // Less than rounding leaves of a constant column.
                *scale = if variance > 1e-24 * mean * mean && variance > 0.0 { 1.0 / variance.sqrt() } else { 0.0 };
            }
        }
        Self { mean, scale, sphere: !table }
    }

    fn apply(&self, x: &mut [f64]) {
        for x in x.chunks_exact_mut(self.mean.len()) {
            x.iter_mut().zip(&self.mean).zip(&self.scale).for_each(|((v, m), s)| *v = (*v - m) * s);
        }
        if self.sphere {
            on_sphere(x, self.mean.len());
        }
    }
}
