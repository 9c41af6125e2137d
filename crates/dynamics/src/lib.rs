//! Moves any System by any Method: the generic Steppers, in f64, the reference for every native one.
//!
//! [`stepper`] gives a System's native Stepper where it has one, the generic one otherwise; [`generic`] always the latter.
#![forbid(unsafe_code)]

mod adam;
mod bussi;
mod descent;
mod driver;
mod fire;
mod flow;
mod inertial;
mod langevin;
mod sgd;
mod underdamped;
mod verlet;
mod walkers;

use glasslab_core::{Fault, Job, Method, Stepper, System};
use std::sync::Arc;

/// The Stepper of `system` for `job`: the System's native one if it offers one, else [`generic`].
pub fn stepper(system: Arc<dyn System>, job: &Job) -> Result<Box<dyn Stepper>, Fault> {
    check(job)?;
    match system.clone().native(job)? {
        Some(native) => Ok(native),
        None => generic(system, job),
    }
}

/// The generic Stepper: f64 throughout, any System. Cost per step: one force per replica that still moves and O(N).
///
/// Forces come from the System's own [`glasslab_core::Forces`] where it has them (lists of neighbours are kept between steps),
/// else from `energy_force_many`.
/// Errors: [`Fault::Input`] for numbers out of range, [`Fault::Unsupported`] where the System lacks what the Method needs.
/// Checked by: the Stepper contracts of `testkit`, closed forms and convergence orders in this crate's tests.
pub fn generic(system: Arc<dyn System>, job: &Job) -> Result<Box<dyn Stepper>, Fault> {
    check(job)?;
    let walkers = || walkers::Walkers::new(system.clone(), job);
    Ok(match &job.method {
        Method::Sgd { rate, momentum, batch } => {
            let rule = sgd::Sgd::new(&*system, job, *rate, *momentum, *batch)?;
            Box::new(driver::Driver::new(walkers()?, rule))
        }
        Method::Descent { step_size } => Box::new(driver::Driver::new(walkers()?, descent::Descent::new(*step_size))),
        Method::Langevin { step_size, temperature } => {
            Box::new(driver::Driver::new(walkers()?, langevin::Langevin::new(*step_size, *temperature)))
        }
        Method::Verlet { step_size, temperature } => {
            let rule = verlet::Verlet::new(&*system, job, *step_size, *temperature)?;
            Box::new(driver::Driver::new(walkers()?, rule))
        }
        Method::Underdamped { step_size, temperature, friction } => {
            let rule = underdamped::Underdamped::new(&*system, job, *step_size, *temperature, *friction)?;
            Box::new(driver::Driver::new(walkers()?, rule))
        }
        Method::Bussi { step_size, temperature, relaxation } => {
            let rule = bussi::Bussi::new(&*system, job, *step_size, *temperature, *relaxation)?;
            Box::new(driver::Driver::new(walkers()?, rule))
        }
        Method::Fire { step_size, tolerance, largest_move } => {
            let replicas = (job.replicas.end - job.replicas.start) as usize;
            let rule = fire::Descending::new(replicas, system.dof(), *step_size, *tolerance, *largest_move);
            Box::new(driver::Driver::new(walkers()?, rule))
        }
        Method::Flow(rule) => {
            let walkers = walkers()?;
            let rule = flow::Flow::new(*rule, &walkers);
            Box::new(driver::Driver::new(walkers, rule))
        }
        Method::Adam { rate, betas, epsilon, batch } => {
            let rule = adam::Adam::new(&*system, job, *rate, *betas, *epsilon, *batch)?;
            Box::new(driver::Driver::new(walkers()?, rule))
        }
        other => {
            let ability = "a Stepper of its own for this method (there is no generic one)";
            return Err(Fault::Unsupported { system: system.name().to_owned(), method: other.name(), ability });
        }
    })
}

fn check(job: &Job) -> Result<(), Fault> {
    let mut complaints = job.method.complaints();
    if job.replicas.is_empty() {
        let found = format!("{:?}", job.replicas);
        complaints.push(glasslab_core::Complaint::new("replicas", found, "give at least 1 replica"));
    }
    if complaints.is_empty() { Ok(()) } else { Err(Fault::Input(complaints)) }
}
