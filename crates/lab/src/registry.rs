//! Every System that there is, by name.

use glasslab_core::parameter::{Build, nearest};
use glasslab_core::{Entry, Fault, Method, Parameter, Parameters, System};
use std::sync::{Arc, Mutex, PoisonError};

/// All Systems: the networks, then the glasses and the exactly solved ones.
pub fn entries() -> Vec<Entry> {
    let mut all = glasslab_nets::entries();
    all.extend(glasslab_glasses::entries());
    all
}

/// Name of the entry of Systems that are lent, in plans.
pub const OWN: &str = "own";

type Lent = (String, Arc<dyn System>);

static LENT: Mutex<Vec<Lent>> = Mutex::new(Vec::new());

/// While it lives, plans of this process with `system = "own"` and the parameter `name` run the System that was lent.
#[derive(Debug)]
pub struct Loan {
    name: String,
}

/// Lends a System of the caller's own under a name. `None` if that name is lent already.
pub fn lend(name: &str, system: Arc<dyn System>) -> Option<Loan> {
    let mut lent = LENT.lock().unwrap_or_else(PoisonError::into_inner);
    if lent.iter().any(|l| l.0 == name) {
        return None;
    }
    lent.push((name.to_owned(), system));
    Some(Loan { name: name.to_owned() })
}

impl Drop for Loan {
    fn drop(&mut self) {
        LENT.lock().unwrap_or_else(PoisonError::into_inner).retain(|l| l.0 != self.name);
    }
}

fn lent(parameters: &Parameters, _: &Build) -> Result<Arc<dyn System>, Fault> {
    let name = parameters.text("name");
    let lent = LENT.lock().unwrap_or_else(PoisonError::into_inner);
    let found = lent.iter().find(|l| l.0 == name).map(|l| Arc::clone(&l.1));
    let fix = "this is a System of a user's own program, which has to run the plan (in Python: glasslab.run_system)";
    found.ok_or_else(|| Fault::input("name", format!("{name:?}"), fix))
}

/// The entry of Systems that are lent. It is in no list: it holds nothing by itself.
fn own() -> Entry {
    Entry {
        name: OWN,
        about: "a System of the user's own program",
        parameters: || vec![Parameter::text("name", "", &[], "name of the System in the program that runs the plan")],
        method: || Method::Descent { step_size: 0.01.into() },
        steps: 1000,
        build: lent,
        citations: &[],
    }
}

/// The System of that name.
pub fn find(name: &str) -> Option<Entry> {
    if name == OWN {
        return Some(own());
    }
    entries().into_iter().find(|e| e.name == name)
}

/// What to tell a user who named a System that does not exist.
pub fn unknown_system(name: &str) -> String {
    let all = entries();
    let names = all.iter().map(|e| e.name);
    match nearest(name, names.clone()) {
        Some(near) => format!("unknown system; did you mean `{near}`? (`glasslab systems` lists all)"),
        None => format!("unknown system; the systems are {}", names.collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Plan, RunOptions, run};
    use glasslab_core::Streams;

    /// A harmonic well, E = |x|^2/2.
    struct Well;

    impl System for Well {
        fn name(&self) -> &str {
            "well"
        }
        fn dof(&self) -> usize {
            5
        }
        fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
            force.iter_mut().zip(x).for_each(|(f, x)| *f = -x);
            Ok(x.iter().map(|x| x * x / 2.0).sum())
        }
        fn initial(&self, _: Streams, replica: u64, x: &mut [f64]) -> Result<(), Fault> {
            x.fill(1.0 + replica as f64);
            Ok(())
        }
    }

    /// dx/dt = -x, Euler: x(n) = x(0) (1 - h)^n exactly up to rounding, so Delta(0, n) = x(0)^2 (1 - (1-h)^n)^2.
    #[test]
    fn a_lent_system_runs_while_it_is_lent() {
        let folder = tempfile::tempdir().unwrap();
        let text = "[[quench]]\nsystem = \"own\"\nsteps = 50\nreplicas = 2\n[quench.parameters]\nname = \"a well\"\n\
                    [quench.method]\nkind = \"descent\"\nstep_size = 0.1\n";
        let plan = Plan::parse(text).unwrap();
        let options = |name: &str| RunOptions { out: Some(folder.path().join(name)), ..RunOptions::default() };
        {
            let _loan = lend("a well", Arc::new(Well)).unwrap();
            assert!(lend("a well", Arc::new(Well)).is_none(), "lent already");
            let outcome = run(&plan, &options("run"), &mut ()).unwrap();
            let msd = outcome.records[0].get("msd").unwrap();
            let (row, last) = (msd.shape[1] * msd.shape[2], msd.shape[2] - 1);
            for (replica, x0) in [(0, 1.0), (1, 2.0)] {
                let expected = (x0 * (1.0 - 0.9_f64.powi(50))).powi(2);
                let found = msd.floats().unwrap()[replica * row + last];
                assert!((found / expected - 1.0).abs() < 1e-12, "{found} {expected}");
            }
        }
        let error = run(&plan, &options("later"), &mut ()).unwrap_err().to_string();
        assert!(error.contains("run_system"), "{error}");
        assert!(entries().iter().all(|e| e.name != OWN));
    }
}
