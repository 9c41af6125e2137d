//! Observers against their definitions on a recorded random walk, and across interruption and divergence.
#![allow(clippy::needless_range_loop)] // indices are the labels of the arrays under test

use glasslab_core::*;
use glasslab_observe::{Energies, Evidence, Noise, Norms, TwoTime};
use rand::RngExt;
use std::ops::Range;
use std::sync::Arc;

/// N = 5 in two blocks; E = |x|^2 / 2, predicts with loss |x|^2 and error 1/4, samples with known moments.
struct Toy {
    space: Space,
    predicts: bool,
}

const N: usize = 5;

impl System for Toy {
    fn name(&self) -> &str {
        "toy"
    }
    fn dof(&self) -> usize {
        N
    }
    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        force.iter_mut().zip(x).for_each(|(f, x)| *f = -x);
        Ok(sum::dot(x, x) / 2.0)
    }
    fn initial(&self, _: Streams, _: u64, x: &mut [f64]) -> Result<(), Fault> {
        x.fill(0.0);
        Ok(())
    }
    fn space(&self) -> Space {
        self.space.clone()
    }
    fn layout(&self) -> Vec<Block> {
        let block = |name: &str, range: Range<usize>| Block { name: name.to_owned(), shape: vec![range.len()], range };
        vec![block("weight", 0..3), block("bias", 3..5)]
    }
    fn evaluate(&self) -> Option<&dyn Evaluate> {
        self.predicts.then_some(self)
    }
    fn gradient_noise(&self) -> Option<&dyn GradientNoise> {
        self.predicts.then_some(self)
    }
}

impl Evaluate for Toy {
    fn has_test(&self) -> bool {
        true
    }
    fn evaluate(&self, x: Slice<'_>, split: Split) -> Result<Option<Evaluation>, Fault> {
        let x = x.to_f64();
        let scale = if split == Split::Train { 1.0 } else { 2.0 };
        Ok(Some(Evaluation { loss: scale * sum::dot(&x, &x), error: 0.25 * scale, samples: 10 }))
    }
}

impl GradientNoise for Toy {
    fn noise_moments(&self, x: Slice<'_>) -> Result<NoiseMoments, Fault> {
        let x = x.to_f64();
        Ok(NoiseMoments { samples: 10, sample_trace: sum::dot(&x, &x), mean_squared: x[0] * x[0] })
    }
}

/// A walk with uniform steps; replica `sick` diverges at step 6.
struct Walk {
    x: Vec<Vec<f64>>,
    single: Vec<Vec<f32>>,
    is_single: bool,
    step: u64,
    sick: Option<usize>,
}

impl Walk {
    fn new(replicas: usize, is_single: bool, sick: Option<usize>) -> Self {
        let mut walk = Self { x: vec![vec![0.0; N]; replicas], single: Vec::new(), is_single, step: 0, sick };
        walk.advance(0).unwrap();
        walk
    }
}

impl Stepper for Walk {
    fn replicas(&self) -> usize {
        self.x.len()
    }
    fn dof(&self) -> usize {
        N
    }
    fn clock(&self) -> Clock {
        Clock { step: self.step, time: self.time_at(self.step), epochs: None }
    }
    fn time_at(&self, step: u64) -> f64 {
        0.5 * step as f64
    }
    fn advance(&mut self, steps: u64) -> Result<(), Fault> {
        for _ in 0..steps {
            for (r, x) in self.x.iter_mut().enumerate() {
                let mut rng = Streams::new(5).stream("walk", r as u64, self.step);
                x.iter_mut().for_each(|v| *v += rng.random::<f64>() - 0.4);
            }
            self.step += 1;
        }
        self.single = self.x.iter().map(|x| x.iter().map(|&v| v as f32).collect()).collect();
        Ok(())
    }
    fn positions(&self, replica: usize) -> Slice<'_> {
        if self.is_single { Slice::F32(&self.single[replica]) } else { Slice::F64(&self.x[replica]) }
    }
    fn stop(&self, replica: usize) -> Option<Stop> {
        (self.sick == Some(replica) && self.step >= 6).then_some(Stop::Diverged { step: 6 })
    }
    fn save(&self) -> State {
        State::default()
    }
    fn load(&mut self, _: &State) -> Result<(), Fault> {
        Ok(())
    }
    fn work(&self) -> Work {
        Work::default()
    }
}

fn systems(space: Space, predicts: bool) -> Vec<Arc<dyn System>> {
    vec![Arc::new(Toy { space, predicts })]
}

const LAST: u64 = 12;

/// Makes an observer for a run.
type Make<'a> = &'a dyn Fn(&View<'_>) -> Box<dyn Observer>;

/// Drives the walk to `LAST`, saving and loading into fresh observers after `interrupt` if given.
fn run(walk: &mut Walk, systems: &[Arc<dyn System>], make: Make<'_>, interrupt: Option<u64>) -> (Dataset, State) {
    let mut observer = make(&View::new(walk, systems));
    loop {
        let view = View::new(walk, systems);
        if observer.schedule().contains(walk.step) {
            observer.observe(&view).unwrap();
        }
        if interrupt == Some(walk.step) {
            let saved = observer.save();
            observer = make(&view);
            observer.load(&saved).unwrap();
            assert_eq!(observer.save(), saved, "save undoes load");
        }
        if walk.step == LAST {
            return (observer.records(&view), observer.save());
        }
        walk.advance(1).unwrap();
    }
}

fn two_time(view: &View<'_>) -> Box<dyn Observer> {
    let (waiting, lags) = (Schedule::at(vec![0, 2, 5, 40]), Schedule::at(vec![1, 3, 7]));
    Box::new(TwoTime::new(&waiting, &lags, LAST, view))
}

fn value(data: &Dataset, name: &str, at: &[usize]) -> f64 {
    let r = data.get(name).unwrap_or_else(|| panic!("no record {name}"));
    let i = at.iter().zip(&r.shape).fold(0, |i, (a, n)| i * n + a);
    assert_eq!(at.len(), r.shape.len());
    r.floats().unwrap()[i]
}

fn trajectory(replicas: usize, single: bool) -> Vec<Vec<Vec<f64>>> {
    let mut walk = Walk::new(replicas, single, None);
    (0..=LAST)
        .map(|t| {
            if t > 0 {
                walk.advance(1).unwrap();
            }
            (0..replicas).map(|r| walk.positions(r).to_f64()).collect()
        })
        .collect()
}

/// Delta, fourth moment, participation, overlap and per-layer Delta against their definitions on a stored walk
/// (N = 5, 3 replicas, seed 5; tolerance N eps relative).
#[test]
fn two_time_functions_equal_their_definitions() {
    for single in [false, true] {
        let x = trajectory(3, single);
        let systems = systems(Space::Sphere { radius: (N as f64).sqrt() }, false);
        let (data, _) = run(&mut Walk::new(3, single, None), &systems, &two_time, None);
        let (waits, times) = ([0_usize, 2, 5], [0_usize, 1, 2, 3, 5, 6, 7, 8, 9, 12]);
        assert_eq!(data.get("waiting_time").unwrap().values, Values::I64(vec![0, 2, 5]));
        assert_eq!(data.get("time").unwrap().floats().unwrap(), times.map(|t| t as f64));
        assert_eq!(value(&data, "physical_time", &[9]), 6.0);
        for r in 0..3 {
            for (w, &wait) in waits.iter().enumerate() {
                for (t, &time) in times.iter().enumerate() {
                    let msd = value(&data, "msd", &[r, w, t]);
                    if time < wait {
                        assert!(msd.is_nan());
                        continue;
                    }
                    let d: Vec<f64> = (0..N).map(|i| x[time][r][i] - x[wait][r][i]).collect();
                    let power = |p: i32, range: Range<usize>| d[range].iter().map(|d| d.powi(p)).sum::<f64>();
                    let (d2, d4) = (power(2, 0..N), power(4, 0..N));
                    let near = |a: f64, b: f64| assert!((a - b).abs() <= 5.0 * f64::EPSILON * b.abs(), "{a} {b}");
                    near(msd, d2 / 5.0);
                    near(value(&data, "fourth_moment", &[r, w, t]), d4 / 5.0);
                    near(value(&data, "msd_layer", &[r, 0, w, t]), power(2, 0..3) / 3.0);
                    near(value(&data, "msd_layer", &[r, 1, w, t]), power(2, 3..5) / 2.0);
                    assert_eq!(value(&data, "overlap", &[r, w, t]), 1.0 - msd / 2.0);
                    if time > wait {
                        let y = value(&data, "participation", &[r, w, t]);
                        assert!((y - d4 / (d2 * d2)).abs() < 20.0 * f64::EPSILON && y >= 1.0 / 5.0);
                    }
                }
            }
        }
    }
}

/// A diverged replica is NaN from its divergence on, the others keep their bytes.
#[test]
fn divergence_is_kept_to_its_replica() {
    let systems = systems(Space::Flat, true);
    let (well, _) = run(&mut Walk::new(3, false, None), &systems, &two_time, None);
    let (sick, _) = run(&mut Walk::new(3, false, Some(1)), &systems, &two_time, None);
    assert!(sick.get("overlap").is_none(), "no overlap in flat space");
    for (t, time) in sick.get("time").unwrap().floats().unwrap().into_iter().enumerate() {
        for r in 0..3 {
            let (a, b) = (value(&well, "msd", &[r, 0, t]), value(&sick, "msd", &[r, 0, t]));
            if r == 1 && time >= 6.0 { assert!(b.is_nan()) } else { assert_eq!(a, b) }
        }
    }
    let energies = |v: &View<'_>| Box::new(Energies::new(Schedule::every(3, LAST), v)) as Box<dyn Observer>;
    let (losses, _) = run(&mut Walk::new(3, false, Some(1)), &systems, &energies, None);
    assert!(value(&losses, "train_loss", &[1, 2]).is_nan() && value(&losses, "train_loss", &[1, 1]).is_finite());
}

fn bits(state: &State) -> Vec<(String, Vec<u64>)> {
    let bits = |a: &Array| match a {
        Array::F64(v) => v.iter().map(|v| v.to_bits()).collect(),
        Array::F32(v) => v.iter().map(|v| u64::from(v.to_bits())).collect(),
        Array::U64(v) => v.clone(),
    };
    state.arrays.iter().map(|(name, a)| (name.clone(), bits(a))).collect()
}

/// Interrupted at every step, every observer ends with the bytes of the run that was not.
#[test]
fn interruption_leaves_the_bytes() {
    let sgd = Method::Sgd { rate: 0.1.into(), momentum: 0.5, batch: 4 };
    let energies = |v: &View<'_>| Box::new(Energies::new(Schedule::every(2, LAST), v)) as Box<dyn Observer>;
    let norms = |v: &View<'_>| Box::new(Norms::new(&Schedule::every(2, LAST), v)) as Box<dyn Observer>;
    let noise =
        |v: &View<'_>| Box::new(Noise::new(Schedule::at(vec![0, 2, 5]), &sgd, v).expect("noise")) as Box<dyn Observer>;
    let makers: [Make<'_>; 4] = [&two_time, &energies, &norms, &noise];
    for (single, make) in [false, true].into_iter().flat_map(|s| makers.map(|m| (s, m))) {
        let systems = systems(Space::Flat, true);
        let (_, straight) = run(&mut Walk::new(2, single, None), &systems, make, None);
        for at in 0..=LAST {
            let (_, resumed) = run(&mut Walk::new(2, single, None), &systems, make, Some(at));
            assert!(!straight.arrays.is_empty());
            assert_eq!(bits(&resumed), bits(&straight));
        }
        // A state of another plan is refused and the observer says so.
        let walk = Walk::new(3, single, None);
        assert!(make(&View::new(&walk, &systems)).load(&straight).is_err());
    }
}

#[test]
fn energies_are_per_degree_of_freedom_or_losses() {
    let x = trajectory(4, false);
    let make = |v: &View<'_>| Box::new(Energies::new(Schedule::every(4, LAST), v)) as Box<dyn Observer>;
    let mut two = systems(Space::Flat, false);
    two.extend(systems(Space::Flat, false));
    let (glass, _) = run(&mut Walk::new(4, false, None), &two, &make, None);
    let (net, _) = run(&mut Walk::new(4, false, None), &systems(Space::Flat, true), &make, None);
    for r in 0..4 {
        for (t, time) in [0_usize, 4, 8, 12].into_iter().enumerate() {
            let square = sum::dot(&x[time][r], &x[time][r]);
            assert_eq!(value(&glass, "energy", &[r, t]), square / 2.0 / 5.0);
            assert_eq!(value(&net, "train_loss", &[r, t]), square);
            assert_eq!(value(&net, "test_loss", &[r, t]), 2.0 * square);
            assert_eq!(value(&net, "test_error", &[r, t]), 0.5);
        }
    }
    assert!(net.get("energy").is_none() && glass.get("train_loss").is_none());
}

/// D = (tr S/B)(1 - B/P), free diffusion rate^2/(1-momentum)^2 D/N; Langevin 2 T N and 2 T dt.
#[test]
fn noise_follows_its_formulas() {
    let x = trajectory(1, false);
    let sgd =
        Method::Sgd { rate: Course::Staircase { initial: 0.2, factor: 0.5, every: 3.0 }, momentum: 0.5, batch: 4 };
    let waiting = Schedule::at(vec![1, 4]);
    let make = |m: Method| {
        let waiting = waiting.clone();
        move |v: &View<'_>| Box::new(Noise::new(waiting.clone(), &m, v).expect("noise")) as Box<dyn Observer>
    };
    let (data, _) = run(&mut Walk::new(1, false, None), &systems(Space::Flat, true), &make(sgd.clone()), None);
    for (w, (time, rate)) in [(1_usize, 0.2), (4, 0.1)].into_iter().enumerate() {
        let d = sum::dot(&x[time][0], &x[time][0]) / 4.0 * (1.0 - 0.4);
        assert!((value(&data, "noise", &[0, w]) / d - 1.0).abs() < 1e-14);
        assert_eq!(value(&data, "gradient_squared", &[0, w]), x[time][0][0].powi(2));
        let free: f64 = 4.0 * rate * rate * d / 5.0;
        assert!((value(&data, "free_diffusion", &[0, w]) / free - 1.0).abs() < 1e-14);
    }
    // The temperature falls from 2 to 1 over 4 units of physical time, 2 T dt = 2 * 1.875 * 0.5 at t = 0.5.
    let temperature = Course::Ramp { from: 2.0, to: 1.0, until: 4.0 };
    let langevin = Method::Langevin { step_size: 0.5, temperature };
    let (data, _) = run(&mut Walk::new(1, false, None), &systems(Space::Flat, false), &make(langevin), None);
    assert_eq!(value(&data, "noise", &[0, 0]), 2.0 * 1.875 * 5.0);
    assert_eq!(value(&data, "free_diffusion", &[0, 0]), 2.0 * 1.875 * 0.5);
    assert!(data.get("gradient_squared").is_none());
    let (walk, flat) = (Walk::new(1, false, None), systems(Space::Flat, false));
    let view = View::new(&walk, &flat);
    let cold = Method::Langevin { step_size: 0.1, temperature: 0.0.into() };
    for method in [sgd, cold, Method::Descent { step_size: 0.1.into() }] {
        assert!(Noise::new(waiting.clone(), &method, &view).is_none(), "{method:?} of a System without samples");
    }
}

#[test]
fn norms_and_path_follow_their_definitions() {
    let x = trajectory(2, false);
    let make = |v: &View<'_>| Box::new(Norms::new(&Schedule::at(vec![3, 4, 12]), v)) as Box<dyn Observer>;
    let (data, _) = run(&mut Walk::new(2, false, None), &systems(Space::Flat, false), &make, None);
    let times = [0_usize, 3, 4, 12];
    let length = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    for r in 0..2 {
        for (ranges, layer) in [(0..5, None), (0..3, Some(0)), (3..5, Some(1))] {
            let at = |t: usize| &x[t][r][ranges.clone()];
            let mut path = 0.0;
            for (t, &time) in times.iter().enumerate() {
                path += if t > 0 { length(at(time), at(times[t - 1])) } else { 0.0 };
                let expected = [
                    ("distance", length(at(time), at(0))),
                    ("path_length", path),
                    ("norm", length(at(time), &[0.0; 5])),
                ];
                for (name, expected) in expected {
                    let got = match layer {
                        None => value(&data, name, &[r, t]),
                        Some(l) => value(&data, &format!("{name}_layer"), &[r, l, t]),
                    };
                    assert!((got - expected).abs() < 1e-14, "{name} {layer:?} {got} {expected}");
                }
            }
            assert!(path > length(at(12), at(0)) + 1e-3, "the polygon is longer than its chord");
        }
    }
}

#[test]
fn a_wrong_step_is_a_fault_and_memory_counts_references() {
    let systems = systems(Space::Flat, false);
    let mut walk = Walk::new(2, true, None);
    let mut observer = two_time(&View::new(&walk, &systems));
    // 3 references x 2 replicas x 5 numbers x 4 bytes, and the log: 2 replicas x 3 numbers x 8 bytes x 24 comparisons.
    assert_eq!(observer.memory(), 120 + 2 * 3 * 8 * (2 + 2 * 2 + 6 * 3));
    walk.advance(1).unwrap();
    let fault = observer.observe(&View::new(&walk, &systems)).unwrap_err().to_string();
    assert!(fault.contains("step = 1") && fault.contains("step 0"), "{fault}");
}

/// The verdict's evidence is made of the merged records, in steps or in physical time.
#[test]
fn evidence_is_read_from_merged_records() {
    let systems = systems(Space::Flat, true);
    let sgd = Method::Sgd { rate: 0.1.into(), momentum: 0.5, batch: 4 };
    let waiting = Schedule::at(vec![0, 2, 5]);
    let energies = |v: &View<'_>| Box::new(Energies::new(Schedule::every(4, LAST), v)) as Box<dyn Observer>;
    let noise = |v: &View<'_>| Box::new(Noise::new(waiting.clone(), &sgd, v).expect("noise")) as Box<dyn Observer>;
    let mut data = Dataset::default();
    let makers: [Make<'_>; 3] = [&two_time, &energies, &noise];
    for make in makers {
        data.merge(run(&mut Walk::new(2, false, None), &systems, make, None).0);
    }
    let e = Evidence::from_dataset(&data, &Space::Flat, N, true, Some(0.0)).unwrap();
    assert_eq!((e.curves.unit.as_str(), &e.curves.waiting, e.curves.last()), ("time", &vec![0.0, 1.0, 2.5], 6.0));
    assert_eq!(e.curves.value(1, 2, 9), value(&data, "msd", &[1, 2, 9]));
    let energy = e.energy.unwrap();
    assert_eq!((energy.time, energy.floor), (vec![0.0, 2.0, 4.0, 6.0], Some(0.0)));
    assert_eq!(energy.values[5], value(&data, "train_loss", &[1, 1]));
    assert_eq!(e.noise.unwrap()[4], value(&data, "free_diffusion", &[1, 1]));
    let steps = Evidence::from_dataset(&data, &Space::Sphere { radius: 2.0 }, N, false, None).unwrap();
    assert_eq!((steps.curves.waiting, steps.bound), (vec![0.0, 2.0, 5.0], Some(8.0 / 5.0)));
    assert!(Evidence::from_dataset(&Dataset::default(), &Space::Flat, N, false, None).is_err());
}
