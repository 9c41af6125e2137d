//! Speed of molecular dynamics against LAMMPS (`particles_lammps.py`), one thread: JSON lines, one a case.
//!
//! `seconds_per_step` is processor time of the thread: velocity Verlet with the evaluator that keeps its list of neighbours,
//! same model, density, temperature, time step and cut-off as the peer. Arguments: `--steps S`, `--rounds R`.

use glasslab_core::inertia::drift;
use glasslab_core::{Inertia, Streams, System};
use glasslab_glasses::particles::dumbbells::dumbbells;
use glasslab_glasses::particles::kob_andersen::kob_andersen;
use glasslab_glasses::particles::{Melt, Start};
use std::sync::Arc;
use std::time::Instant;

fn number(name: &str, default: u64) -> u64 {
    let mut arguments = std::env::args().skip_while(|a| a != name);
    arguments.nth(1).map_or(default, |text| text.parse().expect("a whole number"))
}

/// Seconds that the thread ran, where the kernel tells, else of the wall clock.
fn now(begin: Instant) -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|n| n.parse::<f64>().ok());
    nanoseconds.map_or(begin.elapsed().as_secs_f64(), |n| n * 1e-9)
}

fn measure(case: &str, system: Arc<dyn System>, temperature: f64, h: f64, steps: u64, rounds: u64) {
    let n = system.dof();
    let (mut x, mut force) = (vec![0.0; n], vec![0.0; n]);
    system.initial(Streams::new(1), 0, &mut x).expect("a start");
    let inertia = Inertia::of(&*system);
    let mut v = vec![0.0; n];
    inertia.draw(&mut Streams::new(1).stream("velocities", 0, 0), temperature, &mut v);
    let mut forces = system.clone().forces().expect("an evaluator");
    forces.energy_force(&x, &mut force).expect("a force");
    let (mut best, mut lists, mut energy) = (f64::INFINITY, 0, 0.0);
    let clock = Instant::now();
    for _ in 0..rounds {
        let begin = now(clock);
        let mut list = forces.save();
        for step in 0..steps {
            inertia.kick(&force, 0.5 * h, &mut v);
            drift(&v, h, &mut x);
            energy = forces.energy_force(&x, &mut force).expect("a force");
            inertia.kick(&force, 0.5 * h, &mut v);
            // Counted now and then only: it copies.
            if step % 50 == 49 && forces.save() != list {
                list = forces.save();
                lists += 1;
            }
        }
        best = best.min((now(clock) - begin) / steps as f64);
    }
    assert!(energy.is_finite() && lists > 0, "the liquid moves");
    println!("{{\"case\":\"{case}\",\"threads\":1,\"seconds_per_step\":{best:e},\"energy\":{energy}}}");
}

fn main() {
    let (steps, rounds) = (number("--steps", 400), number("--rounds", 5));
    let melt = |temperature, step_size| Start::Lattice(Some(Melt { temperature, time: 4.0, step_size }));
    let mixture = Arc::new(kob_andersen(4000, 1.2, melt(0.8, 0.004), 7.25).expect("a mixture"));
    measure("kob-andersen n=4000", mixture, 0.8, 0.004, steps, rounds);
    let molecules = Arc::new(dumbbells(1000, 0.932, melt(0.8, 0.002), 7.0).expect("dumbbells"));
    measure("dumbbells n=1000", molecules, 0.8, 0.002, steps, rounds);
}
