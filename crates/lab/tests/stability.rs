//! Relative stability to deformations, in plans: random maps have R_f = 1, training changes it, runs go on to the same records.

use glasslab_core::Split;
use glasslab_core::{Dataset, Streams, random::fnv1a};
use glasslab_lab::{Changes, Plan, Quenching, age_plan, datasets};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

fn plan(system: &str, more: &str) -> Plan {
    let text = format!("seed = 3\n[[quench]]\nname = \"q\"\nsystem = \"{system}\"\n{more}");
    Plan::parse(&text).unwrap()
}

fn records(plan: &Plan, steps: u64) -> Dataset {
    let mut quench = Quenching::new(&plan.quench[0], plan.seed, Path::new(".")).unwrap();
    quench.start().unwrap();
    while quench.step() < steps {
        quench.advance(Duration::from_secs(100), &AtomicBool::new(false), &mut |_| ()).unwrap();
    }
    quench.records()
}

fn values(data: &Dataset, name: &str) -> Vec<f64> {
    data.get(name).unwrap().floats().unwrap()
}

fn mean(values: &[f64]) -> [f64; 2] {
    let n = values.len() as f64;
    let m = values.iter().sum::<f64>() / n;
    [m, (values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt()]
}

/// A network without hidden layers is a linear map of independent normal weights: over 24 maps R_f is 1 within 4 standard errors
/// if each image has noise of its own size, <l^2>/<l>^2 of the lengths l = |tau x - x| if all have that of the mean; the lengths
/// are those of deformations drawn again here. D_f/G_f is R_f.
#[test]
fn a_random_linear_map_has_ratio_one() {
    let table = "parameters = { depth = 0, binary = false, train = 100 }\nreplicas = 24\nsteps = 1\n[quench.stability]\nimages = 100\n";
    let [each, all] = ["each", "mean"].map(|noise| {
        let plan = plan("mlp", &format!("{table}noise = \"{noise}\"\ndisplacements = [0.3, 1]\n"));
        let data = records(&plan, 1);
        let first = |v: Vec<f64>| -> Vec<f64> { v.chunks(2).map(|v| v[0]).collect() };
        let ratios = first(values(&data, "stability"));
        let parts = first(values(&data, "stability_deformed")).into_iter().zip(first(values(&data, "stability_noisy")));
        assert!(ratios.iter().zip(parts).all(|(r, (d, g))| (d / g / r - 1.0).abs() < 1e-12));
        assert_eq!(ratios.len(), 48);
        [0, 1].map(|set| ratios.iter().skip(set).step_by(2).copied().collect::<Vec<f64>>())
    });
    let set = datasets::DataSet::open("digits", Path::new(".")).unwrap();
    let streams = Streams::new(3 ^ fnv1a(b"q"));
    for (k, delta) in [0.3, 1.0].into_iter().enumerate() {
        let law = datasets::deform::Deformations::of_displacement(delta, 8, 3.0).unwrap();
        let length = |image: usize| {
            let x = set.sample(Split::Test, image);
            let moved = law.field([8, 8], &law.draw(streams, image as u64)).unwrap().apply(&x);
            moved.iter().zip(&x).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
        };
        let lengths: Vec<f64> = (0..100).map(length).collect();
        let squares = lengths.iter().map(|l| l * l).sum::<f64>() / 100.0;
        let expected = squares / (lengths.iter().sum::<f64>() / 100.0).powi(2);
        assert!(expected > 1.02, "the two conventions differ: {expected}");
        for (ratios, expected) in [(&each[k], 1.0), (&all[k], expected)] {
            let [m, e] = mean(ratios);
            assert!((m - expected).abs() < 4.0 * e && e < 0.2, "delta = {delta}: {m} +- {e}, expected {expected}");
        }
    }
}

/// Untrained networks know nothing of images: R_f of two hidden layers is 1 within 0.2 (first layer: 1 as above; curvature and the
/// finite width beyond it). Fully connected ones do not learn that deformations do not matter (Petrini et al. 2021: only networks with
/// convolutions do): trained on digits to a test error below a third they stay within 0.3 of 1, although every R_f has changed.
/// `--stability` asks for it of networks alone.
#[test]
fn fully_connected_networks_start_at_one_and_stay_there() {
    let table = "parameters = { hidden = 60, depth = 2, activation = \"relu\", binary = false, loss = \"log-likelihood\", train = 600, parametrisation = \"standard\" }\n\
                 replicas = 6\nsteps = 600\nmethod = { rate = 0.02, batch = 60 }\n[quench.stability]\nimages = 150\n";
    let data = records(&plan("mlp", table), 600);
    let times = values(&data, "stability_time").len();
    let ratios = values(&data, "stability");
    let [start, end] = [0, times - 1].map(|t| ratios.chunks(times).map(|r| r[t]).collect::<Vec<f64>>());
    assert!((mean(&start)[0] - 1.0).abs() < 0.2 && (mean(&end)[0] - 1.0).abs() < 0.3, "{start:?} {end:?}");
    assert!(start.iter().zip(&end).all(|(a, b)| a != b));
    let losses = values(&data, "loss_time").len();
    assert!(values(&data, "test_error").chunks(losses).all(|e| e[losses - 1] < 1.0 / 3.0));

    let asked = |systems: &[&str]| {
        let systems: Vec<String> = systems.iter().map(|s| (*s).to_owned()).collect();
        age_plan(&systems, &Changes { stability: Some(77), ..Changes::default() })
    };
    let plan = asked(&["toy-under", "3-spin"]).unwrap();
    assert_eq!(plan.quench[0].stability.as_ref().unwrap().images, 77);
    assert!(plan.quench[1].stability.is_none());
    assert!(asked(&["3-spin"]).unwrap_err()[0].to_string().contains("network"));
}

#[test]
fn bad_settings_are_named() {
    let text = "[[quench]]\nsystem = \"toy\"\n[quench.stability]\nimages = 1\ncutof = 3\ndisplacements = [0]\ncentre = \"mode\"\n";
    let words: Vec<String> = Plan::parse(text).unwrap_err().iter().map(ToString::to_string).collect();
    let words = words.join("\n");
    for word in ["stability.images", "did you mean `cutoff`", "stability.displacements", "stability.centre"] {
        assert!(words.contains(word), "{word}: {words}");
    }
    let glass = plan("trap", "[quench.stability]\nimages = 10\n");
    let error = Quenching::new(&glass.quench[0], 1, Path::new(".")).err().unwrap().to_string();
    assert!(error.contains("stability") && error.contains("images"), "{error}");
}
