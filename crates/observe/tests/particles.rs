//! Observers of particles: the scattering function of known displacements, the energy of known minima, save and load.

mod common;

use common::Ruler;
use glasslab_core::*;
use glasslab_observe::{Energies, Inherent, Scattering};
use std::sync::Arc;

/// Particles of one dimension, two of them: E = sum_i (x_i^2 - 1)^2/4, minima of energy 0 at +-1; "particles" are counted in
/// pairs of coordinates. Called with `known`, a wave number is named.
struct Wells {
    known: bool,
}

const Q: f64 = 2.0;

impl System for Wells {
    fn name(&self) -> &str {
        "wells"
    }
    fn dof(&self) -> usize {
        4
    }
    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        force.iter_mut().zip(x).for_each(|(f, x)| *f = -x * (x * x - 1.0));
        Ok(3.0 + x.iter().map(|x| (x * x - 1.0).powi(2) / 4.0).sum::<f64>())
    }
    fn initial(&self, _: Streams, _: u64, x: &mut [f64]) -> Result<(), Fault> {
        x.fill(0.0);
        Ok(())
    }
    fn units(&self) -> usize {
        2
    }
    fn wave_number(&self) -> Option<f64> {
        self.known.then_some(Q)
    }
}

/// x_i(step) = 0.3 + i/10 + step (r + 1)/10; replica 1 diverges at step 6.
fn ruler(step: u64) -> Ruler {
    Ruler::at(step, |step, r, i| 0.3 + i as f64 / 10.0 + step as f64 * (r + 1) as f64 / 10.0, 6)
}

fn systems(known: bool) -> Vec<Arc<dyn System>> {
    vec![Arc::new(Wells { known })]
}

fn watch(observer: &mut dyn Observer, from: u64, to: u64, systems: &[Arc<dyn System>]) {
    let schedule = observer.schedule().clone();
    for step in (from..=to).filter(|s| schedule.contains(*s)) {
        observer.observe(&View::new(&ruler(step), systems)).unwrap();
    }
}

/// All coordinates of replica r move by (r + 1)/10 a step: F_s = cos(q (t - t_w) (r + 1)/10), NaN before t_w and from the
/// divergence on; the same after save and load in the middle.
#[test]
fn scattering_is_the_mean_cosine() {
    let (systems, waiting, lags) = (systems(true), Schedule::at(vec![0, 2]), Schedule::at(vec![1, 3, 7]));
    let make = || Scattering::new(&waiting, &lags, 9, &View::new(&ruler(0), &systems)).expect("a wave number");
    let mut whole = make();
    watch(&mut whole, 0, 3, &systems);
    let mut resumed = make();
    resumed.load(&whole.save()).unwrap();
    watch(&mut whole, 4, 9, &systems);
    watch(&mut resumed, 4, 9, &systems);
    let ruler = ruler(9);
    let view = View::new(&ruler, &systems);
    let (data, again) = (whole.records(&view), resumed.records(&view));
    assert_eq!(format!("{data:?}"), format!("{again:?}"));
    assert_eq!(data.attributes["wave_number"], "2");
    let record = data.get("self_scattering").unwrap();
    let (times, values) = (data.get("time").unwrap().floats().unwrap(), record.floats().unwrap());
    assert_eq!(record.shape, [2, 2, times.len()]);
    for r in 0..2 {
        for (w, waited) in [0.0, 2.0].into_iter().enumerate() {
            for (k, &t) in times.iter().enumerate() {
                let found = values[(r * 2 + w) * times.len() + k];
                if t < waited || (r == 1 && t >= 6.0) {
                    assert!(found.is_nan(), "{r} {waited} {t}: {found}");
                } else {
                    let expected = (Q * (t - waited) * (r + 1) as f64 / 10.0).cos();
                    assert!((found - expected).abs() < 1e-14, "{r} {waited} {t}: {found} {expected}");
                }
            }
        }
    }
    assert!(Scattering::new(&waiting, &lags, 9, &View::new(&ruler, &self::systems(false))).is_none());
}

/// From any x_i > 0 the minimum is x_i = 1 for all i: energy 3, per particle (two of them) 3/2, to (1e-4)^2/2 a coordinate.
#[test]
fn inherent_energies_are_those_of_the_minima() {
    let (systems, waiting) = (systems(true), Schedule::at(vec![0, 4, 8]));
    let start = ruler(0);
    let mut inherent = Inherent::new(&waiting, 8, &View::new(&start, &systems)).unwrap();
    let mut energies = Energies::new(waiting.clone(), &View::new(&start, &systems));
    watch(&mut inherent, 0, 8, &systems);
    watch(&mut energies, 0, 8, &systems);
    let end = ruler(8);
    let view = View::new(&end, &systems);
    let found = inherent.records(&view).get("inherent_energy").unwrap().floats().unwrap();
    for (r, row) in found.chunks(3).enumerate() {
        for (k, energy) in row.iter().enumerate() {
            match r == 1 && k == 2 {
                true => assert!(energy.is_nan()),
                false => assert!((energy - 1.5).abs() < 4.0 * 0.5e-8, "{r} {k}: {energy}"),
            }
        }
    }
    let first = energies.records(&view).get("energy").unwrap().floats().unwrap()[0];
    let expected = systems[0].energy(&start.positions(0).to_f64()).unwrap() / 2.0;
    assert!((first - expected).abs() < 1e-14 && first > 1.5);
    let mut other = Inherent::new(&waiting, 8, &view).unwrap();
    other.load(&inherent.save()).unwrap();
    let again = other.records(&view).get("inherent_energy").unwrap().floats().unwrap();
    assert!(again.iter().zip(&found).all(|(a, b)| a.to_bits() == b.to_bits()));
}
