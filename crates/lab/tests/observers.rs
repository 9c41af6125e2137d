//! Observers watch and never touch: every quench ends on the same bits with them and without.

use glasslab_core::{Array, State};
use glasslab_lab::{Plan, Quenching};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

const PLAN: &str = r#"
[[quench]]
name = "f64"
system = "toy"
replicas = 3
steps = 150
parameters = { hidden = 9, train = 100 }
method = { rate = 1.0, batch = 30, momentum = 0.5 }
[[quench]]
name = "f32"
system = "fully-connected"
replicas = 2
steps = 150
precision = "f32"
parameters = { widths = [9, 8], train = 100 }
[[quench]]
name = "descent"
system = "toy"
replicas = 2
steps = 40
parameters = { hidden = 5, train = 100 }
method = { kind = "descent", step_size = 0.5 }
[[quench]]
name = "glass"
system = "p-spin"
replicas = 2
samples = 2
steps = 100
parameters = { p = 3, n = 24 }
[[quench]]
name = "trap"
system = "trap"
replicas = 2
steps = 100
parameters = { n = 50 }
[[quench]]
name = "ou"
system = "ornstein-uhlenbeck"
replicas = 2
steps = 60
parameters = { n = 20 }
"#;

fn end(mut quenching: Quenching) -> State {
    quenching.start().unwrap();
    let forever = Duration::from_secs(3600);
    quenching.advance(forever, &AtomicBool::new(false), &mut |_| ()).unwrap();
    assert!(quenching.is_done());
    quenching.save().part("stepper")
}

/// Bits, so that NaN would count as equal to itself and -0.0 as different from 0.0.
fn bits(state: &State) -> Vec<(String, Vec<u64>)> {
    let bits = |array: &Array| match array {
        Array::F64(v) => v.iter().map(|x| x.to_bits()).collect(),
        Array::F32(v) => v.iter().map(|x| u64::from(x.to_bits())).collect(),
        Array::U64(v) => v.clone(),
    };
    state.arrays.iter().filter(|(n, _)| !n.ends_with("work")).map(|(n, a)| (n.clone(), bits(a))).collect()
}

#[test]
fn observed_or_not_the_end_is_the_same() {
    for quench in Plan::parse(PLAN).unwrap().quench {
        let with = end(Quenching::new(&quench, 5, Path::new("")).unwrap());
        let without = end(Quenching::unobserved(&quench, 5, Path::new("")).unwrap());
        assert!(with.arrays.iter().any(|(name, _)| name.ends_with("positions")), "{}", quench.name);
        assert!(bits(&with) == bits(&without), "{}: an observer touched the run", quench.name);
        let other = end(Quenching::unobserved(&quench, 6, Path::new("")).unwrap());
        assert!(bits(&other) != bits(&without), "{}: the seed has no effect, the test compares nothing", quench.name);
    }
}
