//! The observer of gaps: known numbers and sizes, save and load, nothing for Systems without constraints.

mod common;

use common::Ruler;
use glasslab_core::*;
use glasslab_observe::Gaps;
use std::sync::Arc;

/// Gaps x_i - 1 of four coordinates; `bare`: no constraints.
struct Bounds {
    bare: bool,
}

impl System for Bounds {
    fn name(&self) -> &str {
        "bounds"
    }
    fn dof(&self) -> usize {
        4
    }
    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        force.iter_mut().zip(x).for_each(|(f, x)| *f = (1.0 - x).max(0.0));
        Ok(x.iter().map(|x| (1.0 - x).max(0.0).powi(2) / 2.0).sum())
    }
    fn initial(&self, _: Streams, _: u64, _: &mut [f64]) -> Result<(), Fault> {
        Ok(())
    }
    fn contacts(&self) -> Option<&dyn Contacts> {
        (!self.bare).then_some(self)
    }
}

impl Contacts for Bounds {
    fn gaps(&self, x: &[f64]) -> Result<Vec<f64>, Fault> {
        Ok(x.iter().map(|x| x - 1.0).collect())
    }
}

/// x = 0.95, 0.55, 1, 1.35 plus 0.1 a step (and 0.1 r): they pass 1 one after the other; replica 1 diverges at step 3.
fn ruler(step: u64) -> Ruler {
    Ruler::at(step, |step, r, i| [0.95, 0.55, 1.0, 1.35][i] + 0.1 * (step as f64 + r as f64), 3)
}

#[test]
fn violated_constraints_are_counted_and_sizes_binned() {
    let systems: Vec<Arc<dyn System>> = vec![Arc::new(Bounds { bare: false })];
    let schedule = || Schedule::at(vec![0, 2, 6]);
    let mut run = ruler(0);
    let mut gaps = Gaps::new(schedule(), &View::new(&run, &systems)).unwrap();
    for step in [0, 2, 6] {
        run = ruler(step);
        // In the middle, as after an interruption.
        if step == 2 {
            let mut fresh = Gaps::new(schedule(), &View::new(&run, &systems)).unwrap();
            fresh.load(&gaps.save()).unwrap();
            gaps = fresh;
        }
        gaps.observe(&View::new(&run, &systems)).unwrap();
    }
    let data = gaps.records(&View::new(&run, &systems));
    let violated = data.get("violated").unwrap().floats().unwrap();
    // Step 0: 0.95, 0.55 below 1, then 0.65 alone (of replica 1); step 2: 0.75, then 0.85; step 6: none, and a diverged one.
    assert_eq!(violated[..5], [2.0, 1.0, 0.0, 1.0, 1.0]);
    assert!(violated[5].is_nan());
    let open = data.get("open_gaps").unwrap().floats().unwrap();
    let sizes = data.coordinates.iter().find(|c| c.name == "gap_size").unwrap().floats().unwrap();
    // Gaps of replica 0 at step 6: 0.55, 0.15, 0.6, 0.95: one in each bin of ratio 10^0.1 that holds it, 0.55 and 0.6 together.
    let found: Vec<(f64, f64)> = sizes.iter().copied().zip(open[..130].iter().copied()).filter(|p| p.1 > 0.0).collect();
    let expected = [(0.15, 1.0), (0.55, 2.0), (0.95, 1.0)];
    assert_eq!(found.len(), 3, "{found:?}");
    for ((size, count), (gap, number)) in found.iter().zip(expected) {
        assert!(((size / gap).log10().abs() < 0.1) && *count == number, "{found:?}");
    }
    assert!(data.get("violated_gaps").unwrap().floats().unwrap()[..130].iter().all(|c| *c == 0.0));
    let bare: Vec<Arc<dyn System>> = vec![Arc::new(Bounds { bare: true })];
    assert!(Gaps::new(schedule(), &View::new(&run, &bare)).is_none());
}
