//! Against LAMMPS on the same configurations: energies, forces and virials. `cross/make_lammps.py` made the numbers.

use glasslab_core::{System, Virial};
use glasslab_glasses::Particles;
use glasslab_glasses::particles::dumbbells::dumbbells;
use glasslab_glasses::particles::kob_andersen::kob_andersen;
use glasslab_glasses::particles::soft_spheres::soft_spheres;
use glasslab_glasses::particles::{Form, Start};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn close(what: &str, ours: &[f64], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let norm = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
    let off: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a - b).collect();
    assert!(norm(theirs) > 0.1 && norm(&off) <= 1e-10 * norm(theirs), "{what}: {:e}", norm(&off) / norm(theirs));
}

/// To 1e-10, relative in the Euclidean norm, for the stateless force and for the evaluator with its list of neighbours.
/// LAMMPS wraps positions into its box, glasslab takes them as they are.
#[test]
fn energies_forces_and_virials_match_lammps() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cross/lammps.json");
    let all: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let at = Start::Lattice(None);
    let harmonic = |d| soft_spheres(Form::Harmonic, d, 60, 1.4, 0.9, Start::Random);
    let models: [(&str, Particles); 4] = [
        ("kob-andersen", kob_andersen(200, 1.2, at.clone(), 7.25).unwrap()),
        ("dumbbells", dumbbells(130, 0.932, at, 7.0).unwrap()),
        ("harmonic-3", harmonic(3).unwrap()),
        ("harmonic-2", harmonic(2).unwrap()),
    ];
    for (name, model) in models {
        let (found, model) = (&all[name], Arc::new(model));
        let side = found["side"].as_f64().unwrap();
        assert!((model.lengths()[0] / side - 1.0).abs() < 1e-14, "{name}: the same box");
        let x = numbers(&found["positions"]);
        let mut force = vec![0.0; x.len()];
        let mut evaluator = model.clone().forces().unwrap();
        for kept in [false, true] {
            let energy = match kept {
                false => model.energy_force(&x, &mut force),
                true => evaluator.energy_force(&x, &mut force),
            };
            close(&format!("{name}: energy"), &[energy.unwrap()], &[found["energy"].as_f64().unwrap()]);
            close(&format!("{name}: forces"), &force, &numbers(&found["forces"]));
        }
        close(&format!("{name}: virial"), &Virial::virial(&*model, &x).unwrap(), &numbers(&found["virial"]));
    }
}
