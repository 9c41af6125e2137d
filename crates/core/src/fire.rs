//! Descent to a minimum with inertia: FIRE, for any System.

use crate::{Fault, Space, System, sum};
use std::sync::Arc;

/// Fast inertial relaxation engine: Newton's equations with unit masses, v <- (1 - a) v + a |v| F/|F|; while F.v > 0 the
/// time step grows and a shrinks, as soon as it is not, half a step is taken back, v = 0, and the step is halved.
///
/// Semi-implicit Euler, constants of the second source: 20 steps of delay, growth 1.1, shrinkage 0.5, a = 0.25 x 0.99^n.
/// On a sphere forces and velocities are projected onto the tangent space.
/// Source: Bitzek et al. 2006, doi:10.1103/PhysRevLett.97.170201; Guenole et al. 2020, doi:10.1016/j.commatsci.2020.109584.
#[derive(Clone, Debug, PartialEq)]
pub struct Fire {
    /// First time step.
    pub step_size: f64,
    /// The time step stays below `longest` times the first one.
    pub longest: f64,
    /// Largest move of a coordinate in one step: keeps steep walls from throwing particles about.
    pub largest_move: f64,
    /// The present time step, the present a, and the number of steps since F.v was last not positive.
    state: (f64, f64, u64),
}

const DELAY: u64 = 20;
const MIXING: f64 = 0.25;

impl Fire {
    /// With this first time step, which may grow tenfold: give about 0.02 of the period of the fastest vibration (unit masses),
    /// 0.13/omega; ten times it is then 1.3/omega, below the 2/omega where steps grow instead of shrinking.
    pub fn new(step_size: f64) -> Self {
        Self { step_size, longest: 10.0, largest_move: f64::INFINITY, state: (step_size, MIXING, 0) }
    }

    /// With moves of at most `largest_move` per coordinate and step.
    pub fn with_largest_move(self, largest_move: f64) -> Self {
        Self { largest_move, ..self }
    }

    /// The adaptive numbers: time step, mixing a, steps since the last halt.
    pub fn state(&self) -> (f64, f64, u64) {
        self.state
    }

    /// Sets the adaptive numbers.
    pub fn set_state(&mut self, state: (f64, f64, u64)) {
        self.state = state;
    }

    /// One step from x with velocity v, both `[N]`, under the force F(x) `[N]`, which is overwritten. v = 0 at the
    /// start. Cost: O(N), no force.
    pub fn step(&mut self, space: &Space, x: &mut [f64], v: &mut [f64], force: &mut [f64]) {
        space.project(x, force);
        let (mut dt, mut mix, mut since) = self.state;
        if sum::dot(force, v) > 0.0 {
            since += 1;
            if since > DELAY {
                dt = (dt * 1.1).min(self.step_size * self.longest);
                mix *= 0.99;
            }
        } else {
            if v.iter().any(|v| *v != 0.0) {
                dt = (dt * 0.5).max(self.step_size * 1e-6);
            }
            (mix, since) = (MIXING, 0);
            for (x, v) in x.iter_mut().zip(v.iter_mut()) {
                *x -= 0.5 * dt * *v;
                *v = 0.0;
            }
            space.retract(x);
        }
        v.iter_mut().zip(&*force).for_each(|(v, f)| *v += dt * f);
        let strength = sum::dot(force, force).sqrt();
        if strength > 0.0 {
            let along = mix * sum::dot(v, v).sqrt() / strength;
            v.iter_mut().zip(&*force).for_each(|(v, f)| *v = (1.0 - mix) * *v + along * f);
        }
        let fastest = v.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
        let slow = if fastest * dt > self.largest_move { self.largest_move / (fastest * dt) } else { 1.0 };
        x.iter_mut().zip(&*v).for_each(|(x, v)| *x += slow * dt * v);
        space.retract(x);
        space.project(x, v);
        self.state = (dt, mix, since);
    }
}

/// Where a descent by [`minimise`] ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Minimum {
    /// Energy E.
    pub energy: f64,
    /// Largest entry of the (tangent) force.
    pub force: f64,
    /// Forces computed.
    pub steps: u64,
    /// True if `force` is at most the tolerance; false if the steps ran out or the energy ceased to be finite.
    pub converged: bool,
}

/// Moves x `[N]` by FIRE down to a point where no entry of the tangent force is larger than `tolerance` (absolute, in
/// units of the System's force), within `most` forces. Uses the System's own [`crate::Forces`] where it has them.
///
/// Deterministic. Cost: one force a step.
/// Checked by: `tests/fire.rs` of the crate `dynamics`; minima of soft spheres in `glasses`.
pub fn minimise(
    system: &Arc<dyn System>,
    x: &mut [f64],
    mut fire: Fire,
    tolerance: f64,
    most: u64,
) -> Result<Minimum, Fault> {
    Fault::check_len("positions", system.dof(), x.len())?;
    let (mut forces, space) = (system.clone().forces(), system.space());
    let (mut v, mut force) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    let mut steps = 0;
    loop {
        let energy = match &mut forces {
            Some(forces) => forces.energy_force(x, &mut force)?,
            None => system.energy_force(x, &mut force)?,
        };
        steps += 1;
        space.project(x, &mut force);
        let largest = force.iter().fold(0.0_f64, |a, f| if f.is_nan() { f64::NAN } else { a.max(f.abs()) });
        let converged = largest <= tolerance;
        if converged || steps >= most || !energy.is_finite() || !largest.is_finite() {
            return Ok(Minimum { energy, force: largest, steps, converged });
        }
        fire.step(&space, x, &mut v, &mut force);
    }
}
