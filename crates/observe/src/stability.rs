//! Relative stability to smooth deformations of images: how little a network's outputs change when its inputs are deformed.

use crate::log::{Log, Shape, diverged, physical, steps};
use glasslab_core::{Dataset, Fault, Observer, Record, Schedule, State, Values, View};

/// What stands for the images of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Centre {
    /// The mean over images of the squared change of the outputs.
    Mean,
    /// For each output the median over images of its squared change; summed over outputs (the published measurements).
    Median,
}

/// R_f and its parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// R_f = D_f/G_f.
    pub value: f64,
    /// Its standard error over images: a jackknife over 20 interleaved groups.
    pub error: f64,
    /// D_f: |f(tau x) - f(x)|^2, over the median of |f(x) - f(x')|^2 over pairs of images.
    pub deformed: f64,
    /// G_f: |f(x + eta) - f(x)|^2, over the same.
    pub noisy: f64,
}

const GROUPS: usize = 20;

fn median(values: &mut [f64]) -> f64 {
    let n = values.len();
    values.sort_by(f64::total_cmp);
    match n {
        0 => f64::NAN,
        _ => 0.5 * (values[(n - 1) / 2] + values[n / 2]),
    }
}

/// The centre of squared changes [B, C], without group `out` of the jackknife.
fn level(squares: &[f64], outputs: usize, centre: Centre, out: Option<usize>) -> f64 {
    let rows = || squares.chunks_exact(outputs).enumerate().filter(|(b, _)| out != Some(b % GROUPS)).map(|r| r.1);
    match centre {
        Centre::Mean => rows().flatten().sum::<f64>() / rows().count() as f64,
        Centre::Median => (0..outputs).map(|c| median(&mut rows().map(|r| r[c]).collect::<Vec<_>>())).sum(),
    }
}

/// R_f = <|f(tau x) - f(x)|^2>/<|f(x + eta) - f(x)|^2> from outputs f(x), f(tau x), f(x + eta) [B, C] of B images.
///
/// Of a map that knows nothing of images it is about 1: for a linear map of independent weights exactly 1 on average over
/// maps. Small where a network has learnt that deformations do not matter. NaN with fewer than 2 images. Cost O(B^2 C).
/// Source: Petrini, Favero, Geiger, Wyart 2021, arXiv:2105.02468. Checked by `random_linear_maps_have_ratio_one` and the tests of the
/// lab.
pub fn relative_stability(
    clean: &[f64],
    deformed: &[f64],
    noisy: &[f64],
    outputs: usize,
    centre: Centre,
) -> Result<Ratio, Fault> {
    Fault::check_len("deformed outputs", clean.len(), deformed.len())?;
    Fault::check_len("noisy outputs", clean.len(), noisy.len())?;
    let images = clean.len() / outputs.max(1);
    if images < 2 {
        return Ok(Ratio { value: f64::NAN, error: f64::NAN, deformed: f64::NAN, noisy: f64::NAN });
    }
    let squares = |other: &[f64]| -> Vec<f64> { other.iter().zip(clean).map(|(a, b)| (a - b).powi(2)).collect() };
    let (d, g) = (squares(deformed), squares(noisy));
    let ratio = |out: Option<usize>| level(&d, outputs, centre, out) / level(&g, outputs, centre, out);
    let groups = GROUPS.min(images);
    let left: Vec<f64> = (0..groups).map(|k| ratio(Some(k))).collect();
    let mean = left.iter().sum::<f64>() / groups as f64;
    let scatter: f64 = left.iter().map(|r| (r - mean).powi(2)).sum();
    let mut pairs = Vec::with_capacity(images * (images - 1) / 2);
    for (i, a) in clean.chunks_exact(outputs).enumerate() {
        let others = clean.chunks_exact(outputs).take(i);
        pairs.extend(others.map(|b| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>()));
    }
    let typical = median(&mut pairs);
    Ok(Ratio {
        value: ratio(None),
        error: ((groups - 1) as f64 / groups as f64 * scatter).sqrt(),
        deformed: level(&d, outputs, centre, None) / typical,
        noisy: level(&g, outputs, centre, None) / typical,
    })
}

/// Images at one typical displacement.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// The typical displacement, pixels.
    pub displacement: f64,
    /// tau x [B, n].
    pub deformed: Vec<f64>,
    /// x + eta [B, n].
    pub noisy: Vec<f64>,
}

/// R_f along a run: record `stability` (replica, displacement, stability_time), its standard error over images
/// `stability_error`, and `stability_deformed` (D_f), `stability_noisy` (G_f).
///
/// Raw outputs below the loss, nothing subtracted; networks with batch normalisation use the statistics of the training set at
/// x(t), held fixed. NaN from the divergence of a replica on. Cost of a measurement: (1 + 2 displacements) B outputs a replica.
/// See [`relative_stability`].
pub struct Stability {
    schedule: Schedule,
    shape: Shape,
    centre: Centre,
    images: Vec<f64>,
    moved: Vec<Moved>,
    log: Log,
}

const NAMES: [(&str, &str); 4] = [
    (
        "stability",
        "R_f = <|f(tau x) - f(x)|^2>/<|f(x + eta) - f(x)|^2>, |eta| = |tau x - x|: stability to deformations tau",
    ),
    ("stability_error", "standard error of stability over images, by a jackknife over 20 groups"),
    ("stability_deformed", "D_f = |f(tau x) - f(x)|^2 over the median of |f(x) - f(x')|^2"),
    ("stability_noisy", "G_f = |f(x + eta) - f(x)|^2 over the median of |f(x) - f(x')|^2"),
];

impl Stability {
    /// At step 0 and the steps of `schedule`, on images x [B, n] and what was made of them; `None` if the System has no
    /// outputs. Fails if lengths do not fit its inputs.
    pub fn new(
        schedule: &Schedule,
        images: Vec<f64>,
        moved: Vec<Moved>,
        centre: Centre,
        view: &View<'_>,
    ) -> Result<Option<Self>, Fault> {
        let Some(predict) = view.system(0).predict() else { return Ok(None) };
        Fault::check_len("images", images.len().next_multiple_of(predict.inputs()), images.len())?;
        for set in &moved {
            Fault::check_len("deformed images", images.len(), set.deformed.len())?;
            Fault::check_len("noisy images", images.len(), set.noisy.len())?;
        }
        let schedule = schedule.union(&Schedule::at(vec![0]));
        Ok(Some(Self { schedule, shape: Shape::of(view), centre, images, moved, log: Log::default() }))
    }

    fn row(&self) -> usize {
        self.shape.replicas * self.moved.len() * NAMES.len()
    }
}

impl Observer for Stability {
    fn name(&self) -> &'static str {
        "stability"
    }

    fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    fn observe(&mut self, view: &View<'_>) -> Result<(), Fault> {
        self.log.check_due(&self.schedule, view.clock())?;
        let mut row = vec![f64::NAN; self.row()];
        let rows = row.chunks_exact_mut(self.moved.len() * NAMES.len()).enumerate();
        for (r, row) in rows.filter(|(r, _)| !diverged(view, *r)) {
            let Some(predict) = view.system(r).predict() else { continue };
            let x = view.positions(r).to_f64();
            let outputs = |images: &[f64]| -> Result<Vec<f64>, Fault> {
                let mut out = vec![0.0; images.len() / predict.inputs() * predict.outputs()];
                predict.predict(&x, images, &mut out)?;
                Ok(out)
            };
            let clean = outputs(&self.images)?;
            for (set, row) in self.moved.iter().zip(row.chunks_exact_mut(NAMES.len())) {
                let (deformed, noisy) = (outputs(&set.deformed)?, outputs(&set.noisy)?);
                let found = relative_stability(&clean, &deformed, &noisy, predict.outputs(), self.centre)?;
                row.copy_from_slice(&[found.value, found.error, found.deformed, found.noisy]);
            }
        }
        self.log.push(&row);
        Ok(())
    }

    fn records(&self, view: &View<'_>) -> Dataset {
        let (replicas, sets, times) = (self.shape.replicas, self.moved.len(), self.schedule.len());
        let mut data = Dataset::default();
        data.coordinates.push(self.shape.replica_numbers());
        let displacements = Values::F64(self.moved.iter().map(|m| m.displacement).collect());
        let about = "typical displacement delta = n sqrt(pi T ln c)/2 of the deformations";
        data.coordinates.push(Record::coordinate("displacement", about, "pixels", displacements));
        data.coordinates.push(steps("stability_time", "time at which the stability was measured", &self.schedule));
        data.variables.push(physical("stability_physical_time", "stability_time", &self.schedule, view));
        let how = match self.centre {
            Centre::Mean => "mean over images",
            Centre::Median => "median over images of each output, summed over outputs",
        };
        for (q, (name, about)) in NAMES.into_iter().enumerate() {
            let mut values = vec![f64::NAN; replicas * sets * times];
            for (t, row) in self.log.values().chunks(self.row().max(1)).enumerate() {
                for (k, entry) in row.chunks_exact(NAMES.len()).enumerate() {
                    values[k * times + t] = entry[q];
                }
            }
            let dims = [("replica", replicas), ("displacement", sets), ("stability_time", times)];
            data.variables.push(Record::new(name, &format!("{about}; {how}"), "1", &dims, values));
        }
        data
    }

    fn memory(&self) -> u64 {
        8 * (self.images.len() * (1 + 2 * self.moved.len()) + self.schedule.len() * self.row()) as u64
    }

    fn save(&self) -> State {
        let mut state = State::default();
        self.log.save(&mut state);
        state
    }

    fn load(&mut self, state: &State) -> Result<(), Fault> {
        let mut log = Log::default();
        log.load(state, self.schedule.len(), |done| done * self.row())?;
        self.log = log;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasslab_core::Streams;
    use rand_distr::{Distribution, StandardNormal};

    /// f = W x with independent normal weights: <|W d|^2> = |d|^2 for every d, so R_f = 1 within 4 standard errors over 200 maps,
    /// with mean over images and equal sizes of both displacements, whatever their directions (here: one direction for all
    /// deformations). The error over images of one map with independent rows covers: at most 10 of 200 beyond 3 errors are allowed
    /// (0.3 % expected of a normal law; the ratio has long tails).
    #[test]
    fn random_linear_maps_have_ratio_one() {
        let (n, c, b) = (30, 5, 100);
        let mut rng = Streams::new(8).stream("test", 0, 0);
        let mut normal = |k: usize| -> Vec<f64> { (0..k).map(|_| StandardNormal.sample(&mut rng)).collect() };
        let unit = |v: &mut [f64]| {
            let length = v.iter().map(|v| v * v).sum::<f64>().sqrt();
            v.iter_mut().for_each(|v| *v /= length);
        };
        let (mut ratios, mut outside) = (Vec::new(), 0);
        for _ in 0..200 {
            let x = normal(n * b);
            let [d, e] = [0, 1].map(|_| {
                let mut all = normal(n * b);
                all.chunks_mut(n).for_each(unit);
                all.iter().zip(&x).map(|(e, x)| e + x).collect::<Vec<f64>>()
            });
            let w = normal(c * n);
            let map = |x: &[f64]| -> Vec<f64> {
                let row = |x: &[f64]| -> Vec<f64> {
                    w.chunks(n).map(|w| w.iter().zip(x).map(|(w, x)| w * x).sum()).collect()
                };
                x.chunks(n).flat_map(row).collect()
            };
            let found = relative_stability(&map(&x), &map(&d), &map(&e), c, Centre::Mean).unwrap();
            ratios.push(found.value);
            outside += usize::from((found.value - 1.0).abs() > 3.0 * found.error);
            assert!((found.deformed / found.noisy / found.value - 1.0).abs() < 1e-12);
        }
        let mean = ratios.iter().sum::<f64>() / 200.0;
        let error = (ratios.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / 199.0 / 200.0).sqrt();
        assert!((mean - 1.0).abs() < 4.0 * error && error < 0.02, "{mean} +- {error}");
        assert!(outside <= 10, "{outside}");
    }

    /// By hand, three images, one output: changes 1, 2, 3 against 1, 1, 2: mean (1 + 4 + 9)/(1 + 1 + 4) = 7/3, median 4/1;
    /// pairs of f = 0, 1, 5 are 1, 16, 25 apart: D = (14/3)/16.
    #[test]
    fn mean_and_median_by_hand() {
        let clean = [0.0, 1.0, 5.0];
        let (deformed, noisy) = ([1.0, -1.0, 8.0], [1.0, 0.0, 7.0]);
        let mean = relative_stability(&clean, &deformed, &noisy, 1, Centre::Mean).unwrap();
        assert!((mean.value - 7.0 / 3.0).abs() < 1e-12 && (mean.deformed - 14.0 / 48.0).abs() < 1e-12);
        let median = relative_stability(&clean, &deformed, &noisy, 1, Centre::Median).unwrap();
        assert!((median.value - 4.0).abs() < 1e-12 && (median.noisy - 1.0 / 16.0).abs() < 1e-12);
        assert!(relative_stability(&clean, &deformed, &noisy[..2], 1, Centre::Mean).is_err());
        assert!(relative_stability(&clean[..1], &deformed[..1], &noisy[..1], 1, Centre::Mean).unwrap().value.is_nan());
    }
}
