//! Three made-up quenches with known curves: interrupted aging, aging, a glass with a plateau.
#![allow(dead_code)]

use glasslab_core::{Dataset, Record, Schedule, Values};
use glasslab_report::{AgingReport, QuenchView, Relaxation, TimeUnit, Tone, Verdict};

/// Replicas of every quench.
pub const REPLICAS: usize = 4;

/// A number between -1 and 1 that depends on (a, b), without a generator.
fn wobble(a: usize, b: usize) -> f64 {
    let x = (a as f64 * 12.9898 + b as f64 * 78.233).sin() * 43758.5453;
    2.0 * (x - x.floor()) - 1.0
}

struct Model {
    energy: fn(f64) -> f64,
    msd: fn(f64, f64) -> f64,
    noise: fn(f64) -> f64,
}

fn dataset(model: &Model, energy: &str, last: u64, step: f64) -> Dataset {
    let waiting = Schedule::log(1, last / 2, 18);
    let lags = Schedule::log(1, last / 2, 24);
    let times = Schedule::pairs(&waiting, &lags, last);
    let losses = Schedule::log(1, last, 60);
    let steps = |s: &Schedule| Values::I64(s.steps().iter().map(|&t| t as i64).collect());
    let physical = |s: &Schedule| -> Vec<f64> { s.steps().iter().map(|&t| t as f64 * step).collect() };
    let (t, w, l) = (times.len(), waiting.len(), losses.len());
    let mut msd = vec![f64::NAN; REPLICAS * w * t];
    let mut e = Vec::new();
    let mut noise = Vec::new();
    for r in 0..REPLICAS {
        for (k, &tw) in physical(&waiting).iter().enumerate() {
            for (j, &at) in physical(&times).iter().enumerate().filter(|(_, at)| **at >= tw) {
                msd[(r * w + k) * t + j] = (model.msd)(tw, at - tw) * (1.0 + 0.06 * wobble(r, k));
            }
            noise.push((model.noise)(tw) * (1.0 + 0.1 * wobble(r + 9, k)));
        }
        for (k, &at) in physical(&losses).iter().enumerate() {
            e.push((model.energy)(at) * (1.0 + 0.03 * wobble(r, 5 + k / 4)));
        }
    }
    let replicas = Values::I64((0..REPLICAS as i64).collect());
    let coordinates = vec![
        Record::coordinate("replica", "", "1", replicas),
        Record::coordinate("time", "", "steps", steps(&times)),
        Record::coordinate("waiting_time", "", "steps", steps(&waiting)),
        Record::coordinate("loss_time", "", "steps", steps(&losses)),
    ];
    let dims = [("replica", REPLICAS), ("waiting_time", w), ("time", t)];
    let variables = vec![
        Record::new("physical_time", "", "time", &[("time", t)], physical(&times)),
        Record::new("waiting_physical_time", "", "time", &[("waiting_time", w)], physical(&waiting)),
        Record::new("loss_physical_time", "", "time", &[("loss_time", l)], physical(&losses)),
        Record::new("msd", "", "1", &dims, msd),
        Record::new(energy, "", "1", &[("replica", REPLICAS), ("loss_time", l)], e),
        Record::new("noise", "", "gradient^2", &dims[..2], noise),
    ];
    Dataset { coordinates, variables, ..Dataset::default() }
}

fn view(label: &str, model: &Model, last: u64, step: f64, tone: Tone, word: &str) -> QuenchView {
    let glass = step != 1.0;
    let energy = if glass { "energy" } else { "train_loss" };
    let data = dataset(model, energy, last, step);
    let waiting: Vec<f64> = data.get("waiting_time").unwrap().floats().unwrap().iter().map(|w| w * step).collect();
    let positive: Vec<f64> = waiting.into_iter().filter(|w| *w > 0.0).collect();
    let tau: Vec<f64> = positive.iter().enumerate().map(|(k, w)| w.powf(0.83) * (1.0 + 0.1 * wobble(k, 3))).collect();
    let span = (positive[4], positive[positive.len() - 3]);
    QuenchView {
        label: label.to_owned(),
        data,
        unit: if glass { TimeUnit::Physical } else { TimeUnit::Steps },
        energy: energy.to_owned(),
        energy_title: if glass { "energy per spin e = E/N".to_owned() } else { "training loss".to_owned() },
        reference: Some(if glass {
            (-1.1547, "threshold e = −1.1547".to_owned())
        } else {
            (0.0, "perfect fit".to_owned())
        }),
        landmarks: if glass { vec![] } else { vec![(60.0, "t_1".to_owned()), (9000.0, "t_2".to_owned())] },
        exact: None,
        relaxation: (!glass).then(|| Relaxation {
            error: tau.iter().map(|t| 0.12 * t).collect(),
            waiting: positive.clone(),
            tau,
            exponent: Some((0.83, 0.02, span)),
            definition: "τ(t_w) is the lag at which Δ(t_w, t_w + τ) = 0.1 of its largest value.".to_owned(),
        }),
        verdict: Verdict {
            of: label.to_owned(),
            word: word.to_owned(),
            tone,
            reasons: vec![
                "τ ~ t_w^{μ} with μ = 0.83 ± 0.02 over three decades of t_w.".to_owned(),
                "the curves do not collapse when divided by the noise.".to_owned(),
            ],
        },
        rows: [
            ("degrees of freedom N", "79 510".to_owned()),
            ("replicas", REPLICAS.to_string()),
            ("final energy or loss", "0.0031 ± 0.0002".to_owned()),
            ("end of exploration t_1", "60 ± 8".to_owned()),
            ("exponent μ", "0.83 ± 0.02".to_owned()),
        ]
        .map(|(a, b)| (a.to_owned(), b))
        .to_vec(),
    }
}

/// The report of the three quenches.
pub fn report() -> AgingReport {
    let over = Model {
        energy: |t| 0.09 / (1.0 + (t / 200.0).powf(1.3)) + 1e-5,
        msd: |w, t| 1e-5 * ((1.0 + (w + t) / 100.0) / (1.0 + w / 100.0)).ln() + 2e-10 * t,
        noise: |w| 3e-3 / (1.0 + w / 100.0) + 6e-8,
    };
    let under = Model {
        energy: |t| 0.05 + 0.04 / (1.0 + t / 80.0).powf(0.4),
        msd: |w, t| 2e-4 * (1.0 + t / w.max(3.0).powf(0.83)).ln(),
        noise: |w| 2e-3 / (1.0 + w / 60.0).powf(0.3),
    };
    let glass = Model {
        energy: |t| -1.1547 + 0.325 / (0.28 + t.powf(0.667)),
        msd: |w, t| 0.722 * t.powf(0.6) / (0.5 + t.powf(0.6)) + 0.9 * t / (t + 3.0 * w + 3.0),
        noise: |_| 0.0,
    };
    AgingReport {
        title: "The first quench".to_owned(),
        subtitle: "seed 1 · 4 replicas of each · made-up data of a test".to_owned(),
        abstract_text:
            "An over-parametrised network fits its data and stops aging; an under-parametrised one ages through \
                        the window; so does the 3-spin glass, towards its threshold."
                .to_owned(),
        quenches: vec![
            view(
                "toy m=100 (over-parametrised)",
                &over,
                100_000,
                1.0,
                Tone::Interrupted,
                "interrupted aging, then diffusion",
            ),
            view("toy m=4 (under-parametrised)", &under, 100_000, 1.0, Tone::Aging, "aging"),
            view("3-spin, N=512, T=0.5", &glass, 10_000, 0.02, Tone::Aging, "aging"),
        ],
        methods: vec!["Weights are compared with copies kept at waiting times t_w.".to_owned()],
        facts: vec![("seed".to_owned(), "1".to_owned()), ("precision".to_owned(), "f32".to_owned())],
        plan: Some("seed = 1\n[quench.toy]\nsystem = \"toy\"\n".to_owned()),
        sources: vec![(
            "M. Baity-Jesi et al., Comparing dynamics: deep neural networks versus glassy systems, ICML 2018"
                .to_owned(),
            "arXiv:1803.06969".to_owned(),
        )],
    }
}
