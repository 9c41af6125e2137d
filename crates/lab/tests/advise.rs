//! Advice for a user's own data: the same bytes however it is made, quoted without selection bias, tested on held-out data.

use glasslab_core::Streams;
use glasslab_lab::advise::{AdvisePlan, Budget, advise};
use rand_distr::{Distribution, StandardNormal};
use serde_json::Value;
use std::path::Path;

/// A table of `rows` samples of five Gaussian inputs, of which two decide: inside or outside a circle of radius^2 2 ln 2 (half each);
/// a share of the classes is turned around.
fn table(path: &Path, rows: usize, noise: f64, seed: u64) {
    let mut rng = Streams::new(seed).stream("table", 0, 0);
    let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
    let mut text = String::from("height,weight,age,income,rate,class\n");
    for _ in 0..rows {
        let x: [f64; 5] = std::array::from_fn(|_| normal());
        let inside = x[0] * x[0] + x[1] * x[1] < 2.0 * 2.0_f64.ln();
        // P(|g| > t) of a standard normal is small for large t: a threshold of the noise by the normal law.
        let turned = normal().abs() > threshold(noise);
        let word = if inside != turned { "inside" } else { "outside" };
        text += &format!("{},{},{},{},{},{word}\n", 170.0 + 10.0 * x[0], 70.0 + x[1], x[2], 1e4 * x[3], 0.01 * x[4]);
    }
    std::fs::write(path, text).unwrap();
}

/// P(|g| > t) = share, for the few shares that are used.
fn threshold(share: f64) -> f64 {
    match share {
        0.0 => f64::INFINITY,
        0.05 => 1.959_963_984_540_054,
        0.1 => 1.644_853_626_951_472_7,
        s => panic!("{s}"),
    }
}

fn run(plan: &AdvisePlan, folder: &Path, out: &str, resume: bool) -> Value {
    let out = folder.join(out);
    let budget = Budget::Work(plan.budget);
    advise(plan.clone(), budget, folder, Some(&out), resume, &mut ()).unwrap_or_else(|e| panic!("{e}")).summary
}

fn bytes(folder: &Path, out: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> =
        ["plan.toml", "summary.json", "records/advise.nc", "report.html"].map(|f| folder.join(out).join(f)).to_vec();
    let nets = std::fs::read_dir(folder.join(out).join("nets")).unwrap().flatten().map(|e| e.path());
    files.extend(nets);
    files.sort();
    files
        .into_iter()
        .map(|f| (f.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(f).unwrap()))
        .collect()
}

/// One and two threads, and a run that lost some of its nets and was resumed, leave the same bytes; another budget is refused.
#[test]
fn advice_is_the_same_bytes_however_it_was_made() {
    let dir = tempfile::tempdir().unwrap();
    table(&dir.path().join("mine.csv"), 400, 0.05, 1);
    let plan = AdvisePlan {
        data: "mine.csv".to_owned(),
        budget: 6e9,
        nets: 4,
        steps: 1000,
        samples: 60,
        ..AdvisePlan::default()
    };
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let first = pool(1).install(|| run(&plan, dir.path(), "a", false));
    run(&plan, dir.path(), "b", false);
    let all = bytes(dir.path(), "a");
    assert!(all.len() > 40);
    for ((name, a), (other, b)) in all.iter().zip(&bytes(dir.path(), "b")) {
        assert!(name == other && a == b, "{name}");
    }
    let mut nets: Vec<_> = std::fs::read_dir(dir.path().join("a/nets")).unwrap().flatten().map(|e| e.path()).collect();
    nets.sort();
    std::fs::remove_file(&nets[0]).unwrap();
    std::fs::write(&nets[1], "{").unwrap();
    std::fs::copy(&nets[3], &nets[2]).unwrap();
    std::fs::remove_file(dir.path().join("a/summary.json")).unwrap();
    run(&plan, dir.path(), "a", true);
    assert!(all == bytes(dir.path(), "a"), "resumed");
    let spent = first["spent"].as_f64().unwrap();
    assert!(spent > 0.2 * plan.budget && spent < 1.3 * plan.budget, "{spent:e} of {:e}", plan.budget);
    let other = AdvisePlan { budget: 7e9, ..plan.clone() };
    let said = advise(other, Budget::Work(5e9), dir.path(), Some(&dir.path().join("a")), true, &mut ())
        .unwrap_err()
        .to_string();
    assert!(said.contains("another plan") && said.contains("budget"), "{said}");
    let report = std::fs::read_to_string(dir.path().join("a/report.html")).unwrap();
    for words in ["Recommended", "Back-test", "held-out", "times the papers"] {
        assert!(report.contains(words), "{words}");
    }
}

/// What the plan says is what is found: more weights than the nets together, fresh nets, held-out samples; digits and a table.
#[test]
fn the_back_test_judges_what_was_recommended() {
    let dir = tempfile::tempdir().unwrap();
    table(&dir.path().join("mine.csv"), 700, 0.05, 2);
    for (data, held, samples) in [("mine.csv", 140, 60), ("digits", 360, 60)] {
        let plan =
            AdvisePlan { data: data.to_owned(), budget: 6e9, samples, nets: 6, steps: 800, ..AdvisePlan::default() };
        let found = run(&plan, dir.path(), &format!("out-{data}"), false);
        let (best, expected, test) = (&found["recommended"], &found["expected"], &found["back_test"]);
        let number = |v: &Value| v.as_f64().unwrap_or_else(|| panic!("{v}"));
        assert_eq!(test["samples"], held, "{data}");
        assert_eq!(best["nets"], expected["nets"]);
        assert!(number(&expected["error"][0]) < number(&found["error_of_guessing"]), "{data}: better than guessing");
        let measured = number(&test["error"][0]);
        let [low, high] = [number(&test["interval"][0]), number(&test["interval"][1])];
        assert_eq!(test["covered"], (low..=high).contains(&measured));
        assert!(high - low > 2.0 * number(&expected["error"][1]), "wider than the error of the expectation alone");
        let advice: String = found["advice"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
        if let Some(single) = test["single"].as_object() {
            let together = number(&best["nets"]) * number(&best["weights"]);
            assert!(number(&single["weights"]) >= together && number(&single["weights"]) < 2.0 * together);
            let verdict = single["verdict"].as_str().unwrap();
            let [gain, error] = [number(&single["gain"][0]), number(&single["gain"][1])];
            let expected = if gain > 2.0 * error {
                "better"
            } else if gain < -2.0 * error {
                "worse"
            } else {
                "not_resolved"
            };
            assert_eq!(verdict, expected);
            let words = ["They are better than", "They are WORSE than", "cannot be told from the best single net"];
            let said = words[["better", "worse", "not_resolved"].iter().position(|w| *w == verdict).unwrap()];
            assert!(advice.contains(said), "{advice}");
        }
    }
}

/// Parity of Fashion-MNIST, 10^12 operations: on 10,000 held-out images the averaged nets have a smaller error than the best single net of as many weights,
/// by more than two standard errors (measured: 0.66 +- 0.24 %), and the predicted interval holds.
#[test]
#[ignore = "slow: two minutes"]
fn averaged_nets_beat_the_best_single_one_on_fashion() {
    if !Path::new("/usr/share/datasets/fashion-mnist").exists() {
        eprintln!("SKIPPED: Fashion-MNIST is not installed (apt-get install dataset-fashion-mnist)");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let plan = AdvisePlan { data: "fashion-mnist".to_owned(), budget: 1e12, ..AdvisePlan::default() };
    let test = run(&plan, dir.path(), "out", false)["back_test"].clone();
    println!("{test:#}");
    assert_eq!(test["samples"], 10_000);
    let [gain, error] = [0, 1].map(|k| test["single"]["gain"][k].as_f64().unwrap());
    assert!(gain > 2.0 * error && test["single"]["verdict"] == "better", "{gain} +- {error}");
    assert_eq!(test["covered"], true);
}

/// The error that is quoted is unbiased and its interval covers: 24 tables and plans at small budgets. The measured less the quoted error
/// has mean 0 (3 standard errors of the mean), and at least 24 - 5 intervals hold: of 24 with 95.4 % each, fewer have probability 0.002.
#[test]
#[ignore = "slow: two minutes"]
fn quoted_errors_are_unbiased_and_their_intervals_cover() {
    let dir = tempfile::tempdir().unwrap();
    let (mut differences, mut covered, mut optimism) = (Vec::new(), 0, Vec::new());
    for k in 0..24 {
        let name = format!("mine{k}.csv");
        table(&dir.path().join(&name), 600, [0.0, 0.05, 0.1][k % 3], 100 + k as u64);
        let plan = AdvisePlan {
            data: name,
            budget: 1e10,
            samples: 80,
            nets: 6,
            steps: 1500,
            seed: k as u64,
            ..AdvisePlan::default()
        };
        let found = run(&plan, dir.path(), &format!("out{k}"), false);
        let (expected, test) = (&found["expected"], &found["back_test"]);
        let measured = test["error"][0].as_f64().unwrap();
        differences.push(measured - expected["error"][0].as_f64().unwrap());
        covered += usize::from(test["covered"].as_bool().unwrap());
        optimism.push(measured - chosen_by(dir.path().join(format!("out{k}")).as_path()));
    }
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let error = |v: &[f64]| {
        let m = mean(v);
        (v.iter().map(|d| (d - m).powi(2)).sum::<f64>() / (v.len() - 1) as f64 / v.len() as f64).sqrt()
    };
    println!(
        "measured - quoted {:.4} +- {:.4}; measured - chosen by {:.4} +- {:.4}; {covered} of 24 covered",
        mean(&differences),
        error(&differences),
        mean(&optimism),
        error(&optimism)
    );
    assert!(mean(&differences).abs() < 3.0 * error(&differences), "{} +- {}", mean(&differences), error(&differences));
    assert!(covered >= 19, "{covered} of 24");
}

/// The smallest error of the map: by which a point is chosen, and which is biased.
fn chosen_by(run: &Path) -> f64 {
    let records = glasslab_lab::store::read_dataset(&run.join("records/advise.nc")).unwrap();
    let errors = records.get("error_all").unwrap().floats().unwrap();
    errors.into_iter().filter(|e| !e.is_nan()).fold(f64::INFINITY, f64::min)
}
