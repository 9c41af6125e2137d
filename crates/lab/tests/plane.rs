//! The map of the (h, alpha) plane: fused flow against the generic one, resuming, threads, bad input.

use glasslab_core::{FlowRule, Job, Method, Precision, Streams, System};
use glasslab_lab::plane::{End, PlanePlan, PointResult, plane};
use glasslab_nets::labelled::{Recipe, prepare};
use glasslab_nets::plane::{AlphaMlp, Gate, MarginLoss, Shape};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

fn small() -> PlanePlan {
    PlanePlan {
        data: "digits".to_owned(),
        components: 6,
        samples: 40,
        kernel: 30,
        test: 400,
        widths: vec![16, 1],
        alphas: vec![1.0, 1000.0],
        seeds: 3,
        steps: 4000,
        refine: 1,
        ..PlanePlan::default()
    }
}

fn points(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(dir.join("points")).unwrap().flatten();
    files.map(|e| (e.file_name().to_string_lossy().into_owned(), std::fs::read(e.path()).unwrap())).collect()
}

/// One pass over the data that gives force, outputs and margins (native) and three separate ones (generic) take the
/// same attempts: flow times equal to 1e-9, positions to 1e-9 after 300 attempts.
#[test]
fn the_fused_flow_equals_the_generic_one() {
    let recipe = Recipe { train: 100, components: 6, test: 10, kernel: 10, whiten: false, data: "digits".to_owned() };
    let data = prepare(&recipe, Path::new("."), Streams::new(1)).unwrap().train;
    for memory in [0.0, 3.0] {
        let shape = Shape::new(6, 9, 2, Gate::new("swish", 10.0).unwrap()).unwrap();
        let origin = shape.draw(Streams::new(1), 0);
        let loss = MarginLoss::Soft { beta: 20.0 };
        let system = Arc::new(AlphaMlp::new(shape, loss, 3.0, (&data.x, &data.y), origin, true).unwrap());
        let method = Method::Flow(FlowRule { memory, ..FlowRule::default() });
        let job = Job { method, streams: Streams::new(1), replicas: 0..1, precision: Precision::F64 };
        let mut native = system.clone().native(&job).unwrap().unwrap();
        let mut generic = glasslab_dynamics::generic(system as Arc<dyn System>, &job).unwrap();
        let start = native.positions(0).to_f64();
        for stepper in [&mut native, &mut generic] {
            stepper.advance(300).unwrap();
        }
        assert!((native.replica_time(0) / generic.replica_time(0) - 1.0).abs() < 1e-9);
        let (a, b) = (native.positions(0).to_f64(), generic.positions(0).to_f64());
        let worst = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst(&a, &b) < 1e-9, "{}", worst(&a, &b));
        assert!(worst(&a, &start) > 1e-2, "it moved");
    }
}

/// The same bytes on one thread and on two, and after points were lost or spoilt; a wide net fits, a net of width 1 does
/// not; the plan of another map is refused; the report names what it shows.
#[test]
fn a_map_is_resumed_to_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let run = |name: &str, plan: PlanePlan, resume: bool| {
        plane(plan, Path::new("."), Some(&dir.path().join(name)), resume, &mut ())
    };
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let first = pool(1).install(|| run("a", small(), false)).unwrap();
    pool(2).install(|| run("b", small(), false)).unwrap();
    let all = points(&first.dir);
    assert!(all.len() >= 4, "{}", all.len());
    assert_eq!(all, points(&dir.path().join("b")));
    let records = std::fs::read(first.dir.join("records/plane.nc")).unwrap();
    assert_eq!(records, std::fs::read(dir.path().join("b/records/plane.nc")).unwrap());

    let names: Vec<&String> = all.keys().collect();
    std::fs::remove_file(first.dir.join("points").join(names[0])).unwrap();
    std::fs::write(first.dir.join("points").join(names[1]), &all[names[1]][..50]).unwrap();
    // A point under the name of another is not taken for it.
    std::fs::write(first.dir.join("points").join(names[2]), &all[names[3]]).unwrap();
    run("a", small(), true).unwrap();
    assert_eq!(all, points(&first.dir));
    assert_eq!(records, std::fs::read(first.dir.join("records/plane.nc")).unwrap());

    let parsed: Vec<PointResult> = all.values().map(|b| serde_json::from_slice(b).unwrap()).collect();
    let at = |h: usize, alpha: f64| parsed.iter().find(|p| p.width == h && p.alpha == alpha).unwrap();
    assert_eq!(at(16, 1.0).fitted(), 3, "{:?}", at(16, 1.0).runs);
    assert!(at(1, 1.0).is_jammed() && at(1, 1.0).runs.iter().all(|r| r.unmet > 0 && r.end != End::Fitted));
    for p in &parsed {
        assert!(p.runs.iter().all(|r| r.end != End::Fitted || (r.unmet == 0 && r.train_error == 0.0)));
        assert!(p.ensemble_error[0] <= 0.6 && p.mean_error[0] > 0.0);
    }
    let change = |alpha: f64| at(16, alpha).log_kernel_change().unwrap()[0].exp();
    assert!(change(1000.0) < 0.05 * change(1.0), "lazy: {} against {}", change(1000.0), change(1.0));

    let report = std::fs::read_to_string(first.dir.join("report.html")).unwrap();
    for words in ["class=\"hatch\"", "N<sub>Δ</sub>", "times the papers", "lazy slope"] {
        assert!(report.contains(words), "{words}");
    }
    assert!(report.contains("Recommended") || report.contains("Not resolved"));
    let other = run("a", PlanePlan { steps: 7, ..small() }, true).unwrap_err().to_string();
    assert!(other.contains("another plan") && other.contains("steps"), "{other}");
}

#[test]
fn all_that_is_wrong_is_said_at_once_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let bad = PlanePlan {
        widths: vec![4, 4, 0],
        alphas: vec![],
        loss: "hinj".to_owned(),
        activation: "gelu".to_owned(),
        seeds: 0,
        ..small()
    };
    let error = plane(bad, Path::new("."), Some(&out), false, &mut ()).unwrap_err().to_string();
    for word in ["widths = 4", "alphas = []", "loss = hinj", "activation = gelu", "seeds = 0"] {
        assert!(error.contains(word), "{word}: {error}");
    }
    let many = PlanePlan { samples: 1700, ..small() };
    let error = plane(many, Path::new("."), Some(&out), false, &mut ()).unwrap_err().to_string();
    assert!(error.contains("samples") && error.contains("at most"), "{error}");
    assert!(!out.exists(), "nothing is left behind");
}

/// SGD at a temperature, with rate T alpha h B: wide nets fit, and the batches count as steps; a net of width 1 does not. Another temperature ends elsewhere, and nonsense is
/// refused by its name.
#[test]
fn sgd_at_a_temperature_fits() {
    let dir = tempfile::tempdir().unwrap();
    let sgd = |temperature: f64| PlanePlan {
        method: "sgd".to_owned(),
        temperature,
        batch: 8,
        alphas: vec![1.0],
        refine: 0,
        steps: 20_000,
        ..small()
    };
    let run = |name: &str, plan: PlanePlan| plane(plan, Path::new("."), Some(&dir.path().join(name)), false, &mut ());
    let of = |name: &str, plan: PlanePlan| -> Vec<PointResult> {
        let mut all: Vec<PointResult> = points(&run(name, plan).unwrap().dir)
            .values()
            .map(|b| serde_json::from_slice(b).unwrap())
            .filter(|p: &PointResult| p.first == 0)
            .collect();
        all.sort_by_key(|p| p.width);
        all
    };
    let (cold, warm) = (of("cold", sgd(0.01)), of("warm", sgd(0.04)));
    for found in [&cold, &warm] {
        assert!(found[0].is_jammed() && found[0].runs.iter().all(|r| r.steps == 20_000), "{:?}", found[0]);
        assert_eq!(found[1].fitted(), 3, "{:?}", found[1]);
        for r in &found[1].runs {
            // 40 samples in batches of 8: five a look.
            assert!(r.unmet == 0 && r.steps % 5 == 0 && r.steps < 20_000);
            let rate = r.time / r.steps as f64;
            let temperature = rate / (16.0 * 8.0);
            assert!((temperature / 0.01 - 1.0).abs() < 1e-9 || (temperature / 0.04 - 1.0).abs() < 1e-9);
        }
    }
    assert_ne!(cold[1].runs[0].test_error, warm[1].runs[0].test_error);
    let bad = PlanePlan { temperature: -1.0, batch: 41, ..sgd(0.01) };
    let error = run("bad", bad).unwrap_err().to_string();
    assert!(error.contains("temperature = -1") && error.contains("batch = 41") && error.contains("40"), "{error}");
    let error = run("bad", PlanePlan { method: "adagrad".to_owned(), ..small() }).unwrap_err().to_string();
    assert!(error.contains("method = adagrad"), "{error}");
}

/// N*(P) of the digits at P = 30 and 90: h* is confined at both, within the widths at which nets were trained, and more samples need more weights; resumed,
/// nothing is trained again and nothing changes; the report shows it. A P that the data do not have is refused before anything is trained.
#[test]
fn the_least_network_grows_with_the_samples() {
    let dir = tempfile::tempdir().unwrap();
    let plan = PlanePlan { widths: vec![2, 8], alphas: vec![1.0], refine: 0, curve: vec![90, 30], ..small() };
    let run = |name: &str, plan: &PlanePlan, resume: bool| {
        plane(plan.clone(), Path::new("."), Some(&dir.path().join(name)), resume, &mut ())
    };
    let first = run("a", &plan, false).unwrap();
    let line = &first.summary["findings"]["curve"];
    let of = |k: usize| {
        let p = &line["points"][k];
        let number = |v: &serde_json::Value| v.as_f64().unwrap();
        assert!(number(&p["nets"]) >= 6.0, "{p}");
        (p["samples"].as_u64().unwrap(), [0, 1, 2].map(|i| number(&p["weights"][i])), number(&p["star"]["width"]))
    };
    let ((few, low, h), (many, high, _)) = (of(0), of(1));
    assert_eq!((few, many), (30, 90));
    assert!(low[1] < low[0] && low[0] < low[2] && high[0] > low[0], "{line}");
    // N = 6 h + h^2 + h.
    assert!((low[0] - h * (h + 7.0)).abs() < 1e-9 * low[0]);
    let slope = line["line"]["slope"][0].as_f64().unwrap();
    assert!((slope - (high[0] / low[0]).ln() / 3_f64.ln()).abs() < 1e-9, "{line}");
    let all = points(&first.dir);
    let again = run("a", &plan, true).unwrap();
    assert_eq!((all, first.summary), (points(&again.dir), again.summary));
    let report = std::fs::read_to_string(first.dir.join("report.html")).unwrap();
    assert!(report.contains("The least network that fits") && report.contains("Slope"));
    let twice = run("b", &PlanePlan { curve: vec![30, 30], ..plan.clone() }, false).unwrap_err().to_string();
    assert!(twice.contains("curve = 30"), "{twice}");
    let many = run("b", &PlanePlan { curve: vec![30, 5000], ..plan }, false).unwrap_err().to_string();
    assert!(many.contains("curve = 5000") && !dir.path().join("b").exists(), "{many}");
}
