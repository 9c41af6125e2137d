//! Plans: what is written back is what was read, every default is spelled out, and every complaint comes at once.

use glasslab_lab::{Changes, Plan, age_plan, presets};
use toml::Value;

#[test]
fn every_preset_is_a_plan_and_survives_its_own_writing() {
    for preset in presets::ALL {
        let plan = Plan::parse(preset.text).unwrap_or_else(|c| panic!("{}: {c:?}", preset.name));
        let again = Plan::parse(&plan.to_toml()).unwrap_or_else(|c| panic!("{}: {c:?}", preset.name));
        assert_eq!(plan, again, "{}", preset.name);
        assert_eq!(plan.to_toml(), again.to_toml());
    }
}

/// Run length rule of the paper's launch script: rate x images = 10^6.
#[test]
fn paper_presets_keep_the_run_length() {
    for preset in presets::ALL.iter().filter(|p| p.name.starts_with("paper/")) {
        for quench in Plan::parse(preset.text).unwrap().quench {
            let glasslab_core::Method::Sgd { rate, momentum, batch } = quench.method else { panic!("SGD") };
            assert_eq!(momentum, 0.5);
            let images = rate.at(0.0) * (quench.steps * batch as u64) as f64;
            assert!((images / 1e6 - 1.0).abs() < 1e-12, "{}: rate x images = {images}", preset.name);
        }
    }
}

#[test]
fn all_complaints_come_at_once_with_their_paths() {
    let text = r#"
        seed = -1
        nmae = "x"
        [[quench]]
        system = "toy"
        replicas = 0
        parameters = { hiden = 3, data = 4 }
        method = { rate = nan, batch = 0, momentom = 0.1 }
        grid = { waiting_first = 30, waiting_last = 20 }
        [[quench]]
        system = "tpy"
    "#;
    let complaints = Plan::parse(text).unwrap_err();
    let fields: Vec<&str> = complaints.iter().map(|c| c.field.as_str()).collect();
    for field in [
        "seed",
        "nmae",
        "quench[0].replicas",
        "quench[0].parameters.hiden",
        "quench[0].parameters.data",
        "quench[0].method.rate",
        "quench[0].method.batch",
        "quench[0].method.momentom",
        "quench[0].grid.waiting_first",
        "quench[1].system",
    ] {
        assert!(fields.contains(&field), "{field} is not among {fields:?}");
    }
    let fix = |field: &str| &complaints.iter().find(|c| c.field == field).unwrap().fix;
    assert!(fix("quench[0].method.momentom").contains("`momentum`"));
    assert!(fix("quench[1].system").contains("`toy`"));
}

#[test]
fn flags_apply_where_they_fit_and_complain_where_nowhere() {
    let mut changes = Changes::default();
    changes.quench.push(("replicas".into(), Value::Integer(3)));
    changes.parameters.push(("data".into(), Value::String("mnist".into())));
    changes.method.push(("temperature".into(), Value::Float(0.25)));
    changes.seed = Some(7);
    let plan = age_plan(&[], &changes).unwrap();
    assert_eq!(plan.seed, 7);
    assert!(plan.quench.iter().all(|q| q.replicas == 3));
    let toml = plan.to_toml();
    assert!(toml.contains("data = \"mnist\"") && toml.contains("temperature = 0.25"), "{toml}");
    let complaints = age_plan(&["toy".into()], &changes).unwrap_err();
    assert_eq!(complaints.len(), 1);
    assert_eq!(complaints[0].field, "temperature");
    assert!(age_plan(&["ty".into()], &Changes::default()).unwrap_err()[0].fix.contains("toy"));
}

#[test]
fn a_course_may_be_written_for_rate_and_temperature() {
    let text = r#"
        [[quench]]
        system = "p-spin"
        method = { kind = "langevin", step_size = 0.1, temperature = { from = 2.0, to = 0.2, until = 50.0 } }
        [[quench]]
        system = "toy"
        method = { rate = { initial = 1.0, factor = 0.5, every = 100 } }
    "#;
    let plan = Plan::parse(text).unwrap();
    assert_eq!(Plan::parse(&plan.to_toml()).unwrap(), plan);
    assert!(plan.to_toml().contains("until = 50"));
    assert!(Plan::parse(&text.replace("until = 50.0", "until = -50.0")).is_err());
}
