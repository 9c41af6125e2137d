//! The verdict on systems whose answer is known: simulated exactly, or drawn from their closed form with noise.

use glasslab_core::{Rng, Schedule, Streams};
use glasslab_observe::verdict::{Energy, Verdict};
use glasslab_observe::{Class, Curves, Evidence, judge};
use rand_distr::{Distribution, Exp1, StandardNormal};

fn normal(rng: &mut Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// Waiting times (0 and `per_decade` log-spaced from `first` to last/2) and all times, with as many lags.
fn grid(first: u64, last: u64, per_decade: usize) -> (Vec<f64>, Vec<f64>) {
    let count = |a: u64| ((last as f64 / 2.0 / a as f64).log10() * per_decade as f64).round() as usize + 1;
    let waiting = Schedule::log(first, last / 2, count(first));
    let times = Schedule::pairs(&waiting, &Schedule::log(1, last, count(1)), last);
    let floats = |s: &Schedule| s.steps().iter().map(|&s| s as f64).collect();
    (floats(&waiting), floats(&times))
}

/// Curves of R replicas of N coordinates that move from one measured time to the next by `step(x, from, to, rng)`.
fn simulate(
    (waiting, time): (Vec<f64>, Vec<f64>),
    replicas: u64,
    n: usize,
    seed: u64,
    mut start: impl FnMut(&mut Rng) -> f64,
    mut step: impl FnMut(&mut [f64], f64, f64, &mut Rng),
) -> Curves {
    let mut values = vec![f64::NAN; replicas as usize * waiting.len() * time.len()];
    for r in 0..replicas {
        let mut rng = Streams::new(seed).stream("verdict-test", r, 0);
        let mut x: Vec<f64> = (0..n).map(|_| start(&mut rng)).collect();
        let mut references: Vec<Vec<f64>> = Vec::new();
        for (t, now) in time.iter().enumerate() {
            if t > 0 {
                step(&mut x, time[t - 1], *now, &mut rng);
            }
            if waiting.contains(now) {
                references.push(x.clone());
            }
            for (w, reference) in references.iter().enumerate() {
                let d2: f64 = x.iter().zip(reference).map(|(a, b)| (a - b) * (a - b)).sum();
                values[(r as usize * waiting.len() + w) * time.len() + t] = d2 / n as f64;
            }
        }
    }
    Curves::new("time", waiting, time, values).unwrap()
}

/// Curves from a closed form Delta(t_w, lag), each replica with a factor exp(`common` xi) and each entry with
/// exp(`single` xi).
fn draw(
    (waiting, time): (Vec<f64>, Vec<f64>),
    replicas: u64,
    seed: u64,
    (common, single): (f64, f64),
    delta: impl Fn(f64, f64) -> f64,
) -> Curves {
    let mut values = Vec::new();
    for r in 0..replicas {
        let mut rng = Streams::new(seed).stream("verdict-test", r, 1);
        let factor = (common * normal(&mut rng)).exp();
        for &w in &waiting {
            values.extend(time.iter().map(|&t| {
                let y = if t < w { f64::NAN } else { delta(w, t - w) };
                y * factor * (single * normal(&mut rng)).exp()
            }));
        }
    }
    Curves::new("time", waiting, time, values).unwrap()
}

fn evidence(curves: Curves) -> Evidence {
    Evidence { curves, energy: None, noise: None, bound: None }
}

fn verdict(e: &Evidence, seed: u64) -> Verdict {
    judge(e, Streams::new(seed)).unwrap()
}

/// Judges `make(seed)` for `seeds` seeds; returns the part with the right class and the part of the mu intervals that
/// hold `mu`; prints what went wrong.
fn score(name: &str, seeds: u64, right: &[Class], mu: f64, make: impl Fn(u64) -> Evidence) -> (f64, f64) {
    let (mut good, mut covered, mut with_mu) = (0, 0, 0);
    for seed in 0..seeds {
        let v = verdict(&make(seed), seed);
        if right.contains(&v.class) {
            good += 1;
        } else if seeds - good < 12 || seed < 2 {
            eprintln!("{name}, seed {seed}: {:?}\n  {}", v.class, v.why.join("\n  "));
        }
        if let Some(m) = v.mu {
            with_mu += 1;
            covered += u32::from(m.mu.low <= mu && mu <= m.mu.high);
        }
    }
    let rates = (good as f64 / seeds as f64, f64::from(covered) / f64::from(with_mu.max(1)));
    eprintln!("{name}: {:.3} right, mu covered {:.3} of {with_mu}", rates.0, rates.1);
    rates
}

const SEEDS: u64 = 50;

/// At least 95 % right.
fn mostly(rate: f64) -> bool {
    rate >= 0.95
}

fn brownian(seed: u64, n: usize, last: u64, replicas: u64) -> Curves {
    let walk = |x: &mut [f64], from: f64, to: f64, rng: &mut Rng| {
        let s = (to - from).sqrt();
        x.iter_mut().for_each(|x| *x += s * normal(rng));
    };
    simulate(grid(1, last, 5), replicas, n, seed, |_| 0.0, walk)
}

/// Free Brownian motion, <d^2> = lag: diffusion, mu = 0.
#[test]
fn brownian_motion_diffuses() {
    let (right, covered) =
        score("brownian", SEEDS, &[Class::Diffusion], 0.0, |seed| evidence(brownian(seed, 60, 3_000, 5)));
    assert!(mostly(right));
    // Binomial: 60 intervals at 95 %, four standard errors below.
    assert!(covered > 0.95 - 4.0 * (0.95 * 0.05 / SEEDS as f64).sqrt(), "{covered}");
}

fn ornstein_uhlenbeck(seed: u64, n: usize, replicas: u64) -> Curves {
    let step = |x: &mut [f64], from: f64, to: f64, rng: &mut Rng| {
        let a = (-(to - from) / 10.0).exp();
        let s = (1.0 - a * a).sqrt();
        x.iter_mut().for_each(|x| *x = a * *x + s * normal(rng));
    };
    simulate(grid(1, 3_000, 5), replicas, n, seed, normal, step)
}

/// Ornstein-Uhlenbeck from its equilibrium, relaxation time 10: x <- a x + sqrt(1 - a^2) xi with a = exp(-dt/10), exact.
#[test]
fn ornstein_uhlenbeck_is_in_equilibrium() {
    let make = |seed| evidence(ornstein_uhlenbeck(seed, 100, 5));
    let (right, _) = score("ornstein-uhlenbeck", SEEDS, &[Class::Equilibrium], 0.0, make);
    assert!(mostly(right));
}

/// Two or three replicas of few coordinates, where chance is largest: the right class or none.
#[test]
fn chance_is_not_taken_for_a_verdict() {
    for replicas in [2, 3] {
        let right = [Class::Diffusion, Class::NotResolved];
        let make = |seed| evidence(brownian(seed, 20, 3_000, replicas));
        assert!(mostly(score("few walkers", SEEDS, &right, 0.0, make).0));
        let right = [Class::Equilibrium, Class::NotResolved];
        let make = |seed| evidence(ornstein_uhlenbeck(seed, 20, replicas));
        assert!(mostly(score("few oscillators", SEEDS, &right, 0.0, make).0));
    }
}

/// Bouchaud's trap model at T = x T_g: walkers leave a trap of depth E (exponential, mean 1) at rate exp(-E/x); on leaving
/// the coordinate is drawn anew from N(0, 1), so that Delta = 2 (1 - Pi). Event by event, exact.
fn traps(seed: u64, n: usize, x: f64, last: u64) -> Curves {
    let mut leave: Vec<f64> = Vec::new();
    let step = |coordinates: &mut [f64], from: f64, to: f64, rng: &mut Rng| {
        let wait = |rng: &mut Rng| {
            let depth: f64 = Exp1.sample(rng);
            let hold: f64 = Exp1.sample(rng);
            hold * (depth / x).exp()
        };
        if from == 0.0 {
            leave = (0..n).map(|_| wait(rng)).collect();
        }
        for (v, leave) in coordinates.iter_mut().zip(&mut leave) {
            while *leave < to {
                *v = normal(rng);
                *leave += wait(rng);
            }
        }
    };
    simulate(grid(1, last, 5), 6, n, seed, normal, step)
}

/// T = T_g/2: Pi depends on lag/t_w (Bouchaud 1992, Monthus and Bouchaud 1996): aging with mu = 1.
#[test]
fn the_trap_model_ages_with_exponent_one() {
    let (right, covered) =
        score("traps, T = T_g/2", 20, &[Class::Aging], 1.0, |seed| evidence(traps(seed, 400, 0.5, 3_000)));
    assert_eq!(right, 1.0);
    assert!(covered > 0.95 - 4.0 * (0.95 * 0.05 / 20.0_f64).sqrt(), "{covered}");
}

/// T = 3 T_g: the mean trapping time is finite; never aging.
#[test]
fn hot_traps_do_not_age() {
    let right = [Class::Equilibrium, Class::NotResolved];
    let (right, _) = score("traps, T = 3 T_g", 20, &right, 0.0, |seed| evidence(traps(seed, 300, 3.0, 3_000)));
    assert_eq!(right, 1.0);
}

/// The two steps of a mean-field glass: C = q + (1-q) exp(-lag) first, then q (1 + lag/t_w^mu)^-0.3 with q = 0.64 (the
/// 3-spin at T = 0.5): a plateau Delta = 0.72 that is the same for all ages, then aging. Levels below the plateau are
/// stationary; the verdict must look above it.
fn glass(mu: f64) -> impl Fn(f64, f64) -> f64 {
    move |w, lag| {
        let q = 0.64;
        let slow = q * (1.0 + lag / (1.0 + w).powf(mu)).powf(-0.3);
        2.0 * (1.0 - slow - (1.0 - q) * (-lag).exp())
    }
}

#[test]
fn a_plateau_does_not_hide_aging() {
    for mu in [1.0, 0.7] {
        let (right, covered) = score(&format!("two-step glass, mu = {mu}"), SEEDS, &[Class::Aging], mu, |seed| {
            let curves = draw(grid(1, 4_000, 5), 5, seed, (0.01, 0.01), glass(mu));
            Evidence { bound: Some(2.0), ..evidence(curves) }
        });
        assert!(mostly(right) && covered > 0.8, "{right} {covered}");
    }
}

/// The spherical 3-spin for N -> infinity (`cross/three_spin.py`), 4 replicas with errors of 2 %: aging at T = 0.5 < T_d
/// and at T = 0, equilibrium at T = 1 > T_d.
#[test]
fn the_three_spin_ages_below_its_transition() {
    let tables = [
        (include_str!("cross/three_spin_T0.0.csv"), Class::Aging),
        (include_str!("cross/three_spin_T0.5.csv"), Class::Aging),
        (include_str!("cross/three_spin_T1.0.csv"), Class::Equilibrium),
    ];
    for (i, (table, class)) in tables.into_iter().enumerate() {
        let rows = table.lines().skip(1).map(|line| line.split(',').map(|c| c.parse().unwrap_or(f64::NAN)).collect());
        let rows: Vec<Vec<f64>> = rows.collect();
        let (waiting, time) = (rows[0][1..].to_vec(), rows[1..].iter().map(|r| r[0]).collect::<Vec<f64>>());
        let near = |axis: &[f64], t: f64| axis.iter().position(|s| (s - t).abs() < 1e-6).unwrap();
        let delta = |w: f64, lag: f64| 2.0 * rows[1 + near(&time, w + lag)][1 + near(&waiting, w)];
        let (right, _) = score(&format!("3-spin {i}"), 20, &[class], 1.0, |seed| {
            let curves = draw((waiting.clone(), time.clone()), 4, seed, (0.02, 0.02), delta);
            Evidence { bound: Some(2.0), ..evidence(curves) }
        });
        assert!(mostly(right), "{class:?} {right}");
    }
}

/// The same glass seen only up to its plateau is not called equilibrium.
#[test]
fn a_plateau_is_not_equilibrium() {
    let right = [Class::NotResolved, Class::Aging];
    let (right, _) = score("plateau only", SEEDS, &right, 0.0, |seed| {
        let frozen = |_: f64, lag: f64| 2.0 * 0.36 * (1.0 - (-lag).exp());
        let curves = draw(grid(1, 4_000, 5), 5, seed, (0.01, 0.01), frozen);
        Evidence { bound: Some(2.0), ..evidence(curves) }
    });
    assert!(mostly(right));
}

/// A walker whose speed falls like 1/t until t = 100 and is constant from then on: Delta = s(t_w + lag) - s(t_w),
/// s = ln(1 + t) then linear. Aging with mu = 1, interrupted, then diffusion.
fn interrupted(seed: u64, last: u64) -> Evidence {
    let clock = |t: f64| if t < 100.0 { (1.0 + t).ln() } else { 101_f64.ln() + (t - 100.0) / 101.0 };
    let walk = |x: &mut [f64], from: f64, to: f64, rng: &mut Rng| {
        let s = (clock(to) - clock(from)).sqrt();
        x.iter_mut().for_each(|x| *x += s * normal(rng));
    };
    evidence(simulate(grid(1, last, 5), 5, 100, seed, |_| 0.0, walk))
}

#[test]
fn interruption_is_seen() {
    let (right, covered) =
        score("interrupted", SEEDS, &[Class::InterruptedAging], 0.0, |seed| interrupted(seed, 20_000));
    assert!(mostly(right) && covered > 0.84, "{right} {covered}");
    // Stopped before the interruption it is aging; stopped in the middle of it, anything but diffusion or equilibrium.
    let (right, _) = score("before the interruption", SEEDS, &[Class::Aging], 1.0, |seed| interrupted(seed, 100));
    assert!(mostly(right));
    let right = [Class::Aging, Class::NotResolved, Class::InterruptedAging];
    let (right, _) = score("in the middle", SEEDS, &right, 1.0, |seed| interrupted(seed, 1_000));
    assert!(mostly(right));
}

/// Too short, too noisy, too few replicas, or all diverged: not resolved, and it says why.
#[test]
fn poor_evidence_is_not_resolved() {
    let only = [Class::NotResolved];
    let short = |seed| {
        evidence(simulate(
            grid(1, 12, 5),
            5,
            60,
            seed,
            |_| 0.0,
            |x, _, _, rng| {
                x.iter_mut().for_each(|x| *x += normal(rng));
            },
        ))
    };
    assert_eq!(score("short", SEEDS, &only, 0.0, short).0, 1.0);
    let noisy = |seed| {
        let curves = draw(grid(1, 4_000, 5), 4, seed, (0.7, 0.9), glass(1.0));
        Evidence { bound: Some(2.0), ..evidence(curves) }
    };
    assert!(mostly(score("noisy", SEEDS, &only, 1.0, noisy).0));
    let one = |seed| evidence(draw(grid(1, 4_000, 5), 1, seed, (0.0, 0.0), |_, lag| lag));
    assert_eq!(score("one replica", 2, &only, 0.0, one).0, 1.0);
    let still = |seed| evidence(draw(grid(1, 4_000, 5), 4, seed, (0.1, 0.1), |_, _| 0.0));
    assert_eq!(score("at rest", 2, &only, 0.0, still).0, 1.0);
    let mut diverged = brownian(1, 20, 3_000, 5);
    let size = diverged.values.len();
    diverged.values[size / 5..].iter_mut().for_each(|v| *v = f64::NAN);
    let v = verdict(&evidence(diverged), 1);
    assert_eq!((v.class, v.diverged), (Class::NotResolved, 4));
    assert!(v.why[0].contains("4 of 5 replicas diverged"), "{:?}", v.why);
}

/// One diverged replica is left out; the others are judged as if it had never been.
#[test]
fn a_diverged_replica_changes_nothing_else() {
    let whole = brownian(3, 60, 3_000, 5);
    let size = whole.values.len() / 5;
    let mut sick = whole.clone();
    sick.values[5 * size - 1] = f64::NAN;
    let four = Curves { values: whole.values[..4 * size].to_vec(), ..whole };
    let (a, b) = (verdict(&evidence(sick), 1), verdict(&evidence(four), 1));
    assert_eq!((a.class, a.mu, &a.tau, a.diverged), (b.class, b.mu, &b.tau, 1));
}

/// A falling energy forbids to claim stationarity, and a noise that falls with age ages only until it is divided out.
#[test]
fn energy_and_noise_are_heeded() {
    let falling = |seed| {
        let curves = brownian(seed, 60, 3_000, 5);
        let (time, n) = (curves.time.clone(), curves.time.len());
        let values = (0..5 * n).map(|i| -(1.0 + time[i % n]).ln() + 0.01 * (i / n) as f64).collect();
        Evidence { energy: Some(Energy { time, values, floor: None }), ..evidence(curves) }
    };
    assert_eq!(score("falling energy", 5, &[Class::NotResolved], 0.0, falling).0, 1.0);
    assert!(verdict(&falling(1), 1).why.iter().any(|s| s.contains("still falling")));
    // Delta = D(t_w) lag with D = t_w^-0.8: raw curves age, Delta/D does not.
    let cooling = |w: f64, lag: f64| (1.0 + w).powf(-0.8) * lag;
    let raw = evidence(draw(grid(1, 4_000, 5), 5, 1, (0.02, 0.02), cooling));
    let noise: Vec<f64> = (0..5).flat_map(|_| raw.curves.waiting.clone()).map(|w| (1.0 + w).powf(-0.8)).collect();
    let rescaled = Evidence { noise: Some(noise), ..raw.clone() };
    let (a, b) = (verdict(&raw, 1), verdict(&rescaled, 1));
    assert_eq!((a.class, a.rescaled), (Class::Aging, false));
    assert_eq!((b.class, b.rescaled), (Class::Diffusion, true));
}
