//! The contract of a Stepper: the same bytes whatever the grouping of steps and replicas, the threads, and save and load.

use crate::forces::same_bits;
use glasslab_core::{Array, Slice, State, Stepper};
use std::ops::Range;

/// Makes a Stepper of these replicas at its beginning.
pub type Make<'a> = &'a (dyn Fn(Range<u64>) -> Box<dyn Stepper> + Sync);

fn same_positions(a: Slice<'_>, b: Slice<'_>) -> bool {
    match (a, b) {
        (Slice::F64(a), Slice::F64(b)) => same_bits(a, b),
        (Slice::F32(a), Slice::F32(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
        }
        _ => false,
    }
}

fn same_state(a: &State, b: &State) -> bool {
    let same = |a: &Array, b: &Array| match (a, b) {
        (Array::F64(a), Array::F64(b)) => same_bits(a, b),
        (Array::F32(a), Array::F32(b)) => same_positions(Slice::F32(a), Slice::F32(b)),
        (a, b) => a == b,
    };
    a.arrays.len() == b.arrays.len() && a.arrays.iter().zip(&b.arrays).all(|(a, b)| a.0 == b.0 && same(&a.1, &b.1))
}

fn same(what: &str, a: &dyn Stepper, b: &dyn Stepper) -> Result<(), String> {
    if a.clock() != b.clock() {
        return Err(format!("{what}: clocks {:?} and {:?} differ", a.clock(), b.clock()));
    }
    for r in 0..a.replicas() {
        if !same_positions(a.positions(r), b.positions(r)) || a.stop(r) != b.stop(r) {
            return Err(format!("{what}: replica {r} ends elsewhere"));
        }
    }
    match same_state(&a.save(), &b.save()) && a.work() == b.work() {
        true => Ok(()),
        false => Err(format!("{what}: the saved states or the work differ")),
    }
}

/// Checks that `steps` (at least 4) steps of replicas 0..R, R >= 3, end on the same bytes when taken at once, in
/// unequal groups, on 1, 2 and 3 threads, each replica alone or in other groups, and saved and loaded on the way; that
/// saving disturbs nothing, that replicas move, and that the clock tells the steps.
pub fn stepper_contract(make: Make<'_>, replicas: u64, steps: u64) -> Result<(), String> {
    assert!(replicas >= 3 && steps >= 4, "the contract needs at least 3 replicas and 4 steps");
    let run = |range: Range<u64>, groups: &[u64]| -> Result<Box<dyn Stepper>, String> {
        let mut stepper = make(range);
        for group in groups {
            stepper.advance(*group).map_err(|f| f.to_string())?;
        }
        Ok(stepper)
    };
    let all = run(0..replicas, &[steps])?;
    if all.clock().step != steps || all.clock().time != all.time_at(steps) {
        return Err(format!("the clock says {:?} after {steps} steps", all.clock()));
    }
    let start = make(0..replicas);
    for r in 0..all.replicas() {
        if same_positions(all.positions(r), start.positions(r)) && all.stop(r).is_none() {
            return Err(format!("replica {r} did not move"));
        }
    }
    let third = steps / 3;
    same("steps in groups", &*all, &*run(0..replicas, &[1, 0, third, steps - third - 1])?)?;
    for threads in [1, 2, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|e| e.to_string())?;
        same(&format!("on {threads} threads"), &*all, &*pool.install(|| run(0..replicas, &[steps]))?)?;
    }
    for range in (0..replicas).map(|r| r..r + 1).chain([1..replicas, 0..replicas - 1]) {
        let part = run(range.clone(), &[steps])?;
        for (local, r) in range.enumerate() {
            let (a, b) = (part.positions(local), all.positions(r as usize));
            if !same_positions(a, b) || part.stop(local) != all.stop(r as usize) {
                return Err(format!("replica {r} ends elsewhere in other company"));
            }
        }
    }
    let half = steps / 2;
    let mut first = run(0..replicas, &[half])?;
    let state = first.save();
    let mut second = make(0..replicas);
    second.load(&state).map_err(|f| f.to_string())?;
    same("saved and loaded", &*first, &*second)?;
    second.advance(steps - half).map_err(|f| f.to_string())?;
    same("loaded and gone on", &*all, &*second)?;
    first.advance(steps - half).map_err(|f| f.to_string())?;
    same("saved and gone on", &*all, &*first)?;
    // Loading over a Stepper that has already run must forget where that was.
    first.load(&state).map_err(|f| f.to_string())?;
    first.advance(steps - half).map_err(|f| f.to_string())?;
    same("loaded over another run", &*all, &*first)
}
