//! The reference integrator: a uniform grid of both times, about fifth order, with Richardson extrapolation in the step.

use crate::MeanField;
use crate::gregory::correct;
use crate::march::March;
use glasslab_core::Fault;

/// Steps that a grid may have: 6.4 GB.
const MOST: f64 = 20_000.0;

/// Correlation and response on the grid t_i = i h, and the energies. Memory 16 (n+1)^2 bytes.
#[derive(Clone, Debug)]
pub struct Uniform {
    /// Step h.
    pub step: f64,
    /// Energies e(t_i) per N.
    pub energy: Vec<f64>,
    /// Multipliers mu(t_i).
    pub multiplier: Vec<f64>,
    pub(crate) stride: usize,
    /// C(t_i, t_j), symmetric.
    pub(crate) correlation: Vec<f64>,
    /// R(t_max(i,j), t_min(i,j)), symmetric.
    pub(crate) response: Vec<f64>,
}

impl Uniform {
    /// Solves `model` on the grid of step h = `step` up to the first t_i >= until:
    ///
    /// ```text
    /// dC(t,t')/dt = -mu(t) C(t,t') + int_0^t f''(C(t,s)) R(t,s) C(s,t') ds + int_0^t' f'(C(t,s)) R(t',s) ds
    ///               + beta f'(C(t,0)) C(t',0)
    /// dR(t,t')/dt = -mu(t) R(t,t') + int_t'^t f''(C(t,s)) R(t,s) R(s,t') ds
    /// mu(t) = T + int_0^t [f''(C) R C + f'(C) R](t,s) ds + beta f'(C(t,0)) C(t,0)
    /// e(t) = -int_0^t f'(C(t,s)) R(t,s) ds - beta f(C(t,0))
    /// ```
    ///
    /// with beta the inverse temperature of the start, 0 if random.
    /// The error is of about fifth order in h (observed 4 to 5) in all but the first two columns, and largest in the
    /// first rows. Cost O((until/h)^3) on rayon's threads, the same bits on any number of them.
    /// Source: Crisanti, Horner, Sommers 1993; Cugliandolo, Kurchan 1993.
    /// Checked by `two_spin_closed_form`, `equilibrium_is_stationary`, `order_of_the_uniform_grid`.
    pub fn solve(model: &MeanField, step: f64) -> Result<Self, Fault> {
        model.check()?;
        if !(step.is_finite() && step > 0.0) {
            return Err(Fault::input("step", step, "give a finite step > 0"));
        }
        let covariance = model.covariance();
        let fastest = model.temperature + 2.0 * covariance.second(1.0).sqrt();
        if step * fastest > 0.5 {
            return Err(Fault::input("step", step, format!("give a step of at most {:.3}", 0.5 / fastest)));
        }
        let steps = (model.until / step - 1e-9).ceil().max(1.0);
        if steps > MOST {
            let fix = format!("give a step of at least {:e} for until = {}", model.until / MOST, model.until);
            return Err(Fault::input("step", step, fix));
        }
        March::new(model, &covariance, step, steps as usize).run()
    }

    /// Number n of steps done; times are numbered 0..=n.
    pub fn steps(&self) -> usize {
        self.stride - 1
    }

    /// C(t_i, t_j), for i and j up to the number of steps.
    pub fn correlation(&self, i: usize, j: usize) -> f64 {
        self.correlation[i * self.stride + j]
    }

    /// R(t_i, t_j), for i and j up to the number of steps: 0 for j > i and 1 for j = i.
    pub fn response(&self, i: usize, j: usize) -> f64 {
        if j > i { 0.0 } else { self.response[i * self.stride + j] }
    }

    /// Integral of R(t_i, s) over s from t_j to t_i, j <= i: the response to a field that is on since t_j. Cost O(i - j).
    pub fn integrated_response(&self, i: usize, j: usize) -> f64 {
        let row = &self.response[i * self.stride..][..i + 1];
        let sum: f64 = row[j..].iter().sum();
        self.step * (sum + correct(j, i, |s| row[s]))
    }
}

/// Energies on a grid, extrapolated in the step.
#[derive(Clone, Debug)]
pub struct Extrapolated {
    /// Times t_i = i h of the coarser grid.
    pub times: Vec<f64>,
    /// Energies per N: (32 e_{h/2} - e_h)/31.
    pub energy: Vec<f64>,
    /// Errors: a third of |e_{h/2} - e_h|, its largest over t/2..t; several times what fifth order would leave in e_{h/2}.
    pub error: Vec<f64>,
}

/// Energies with the h^5 error removed, from the steps h = `step` and h/2. Cost 9 times that of step h.
///
/// Checked by `table_at_zero_temperature`.
pub fn extrapolated(model: &MeanField, step: f64) -> Result<Extrapolated, Fault> {
    let coarse = Uniform::solve(model, step)?.energy;
    let fine = Uniform::solve(model, 0.5 * step)?.energy;
    let mut out = Extrapolated { times: Vec::new(), energy: Vec::new(), error: Vec::new() };
    let mut change = Vec::new();
    for (i, (rough, finer)) in coarse.iter().zip(fine.iter().step_by(2)).enumerate() {
        change.push((finer - rough).abs() / 3.0);
        out.times.push(i as f64 * step);
        out.energy.push((32.0 * finer - rough) / 31.0);
        out.error.push(change[i / 2..].iter().fold(0.0, |a: f64, &b| a.max(b)));
    }
    Ok(out)
}
