//! The reference integrator: a uniform grid of both times, fourth order, with Richardson extrapolation in the step.

use crate::dot::dot;
use crate::{Covariance, MeanField};
use glasslab_core::Fault;
use pulp::Arch;
use rayon::prelude::*;

/// Columns that one task works on; any value gives the same bits.
const TASK: usize = 64;

/// Correlation and response on the grid t_i = i h, and the energies. Memory 16 (n+1)^2 bytes.
#[derive(Clone, Debug)]
pub struct Uniform {
    /// Step h.
    pub step: f64,
    /// Energies e(t_i) per N.
    pub energy: Vec<f64>,
    /// Multipliers mu(t_i).
    pub multiplier: Vec<f64>,
    stride: usize,
    /// C(t_i, t_j), symmetric.
    correlation: Vec<f64>,
    /// R(t_max(i,j), t_min(i,j)), symmetric.
    response: Vec<f64>,
}

/// Corrections to unit weights that make a sum over m + 1 points an integral of fourth order (Newton-Cotes for
/// m <= 4, end corrections of Gregory above), in units of the step.
fn corrections(m: usize) -> &'static [f64] {
    const WEIGHTS: [&[f64]; 5] = [
        &[-1.0],
        &[-0.5, -0.5],
        &[-2.0 / 3.0, 1.0 / 3.0, -2.0 / 3.0],
        &[-5.0 / 8.0, 1.0 / 8.0, 1.0 / 8.0, -5.0 / 8.0],
        &[-31.0 / 45.0, 19.0 / 45.0, -21.0 / 45.0, 19.0 / 45.0, -31.0 / 45.0],
    ];
    const GREGORY: [f64; 3] = [-5.0 / 8.0, 1.0 / 6.0, -1.0 / 24.0];
    if m <= 4 { WEIGHTS[m] } else { &GREGORY }
}

/// The correction sum over the points first..=last of `value`.
#[inline(always)]
fn correct(first: usize, last: usize, value: impl Fn(usize) -> f64) -> f64 {
    let m = last - first;
    let weights = corrections(m);
    let mut sum = 0.0;
    if m <= 4 {
        for (k, w) in weights.iter().enumerate() {
            sum += w * value(first + k);
        }
    } else {
        for (k, w) in weights.iter().enumerate() {
            sum += w * (value(first + k) + value(last - k));
        }
    }
    sum
}

/// What one evaluation of the equations at row i gives.
struct Slopes {
    multiplier: f64,
    energy: f64,
    /// dC/dt and dR/dt at (t_i, t_j), j = 0..=i.
    correlation: Vec<f64>,
    response: Vec<f64>,
}

impl Uniform {
    /// Solves `model` on the grid of step h = `step` up to the first t_i >= until. Fourth order: the error of every
    /// number is O(h^4), with h well below 1/mu. Cost O((until/h)^3), in parallel on rayon's threads, the same bits on
    /// any number of them.
    ///
    /// Checked by `two_spin_closed_form`, `fourth_order`.
    pub fn solve(model: &MeanField, step: f64) -> Result<Self, Fault> {
        model.check()?;
        if !(step.is_finite() && step > 0.0) {
            return Err(Fault::input("step", step, "give a finite step > 0"));
        }
        let steps = (model.until / step - 1e-9).ceil().max(1.0);
        if steps > 20_000.0 {
            return Err(Fault::Memory {
                what: format!("a uniform grid of {steps} steps"),
                needed: (16.0 * steps * steps) as u64,
                available: 16 * 20_000 * 20_000,
                lower: "until, or give a larger step",
            });
        }
        let (steps, covariance) = (steps as usize, model.covariance());
        let stride = steps + 1;
        let mut run = Self {
            step,
            energy: Vec::with_capacity(stride),
            multiplier: Vec::with_capacity(stride),
            stride,
            correlation: vec![0.0; stride * stride],
            response: vec![0.0; stride * stride],
        };
        // Slopes of the last four rows, newest first, and second derivatives dC^2/dt^2, dR^2/dt^2 on the diagonal.
        let mut past: Vec<Slopes> = Vec::new();
        let mut curvature: Vec<(f64, f64)> = Vec::new();
        for i in 0..=steps {
            let (mut c, mut r) = (vec![1.0; i + 1], vec![1.0; i + 1]);
            let mut slopes = run.slopes_after_move(model, &covariance, i, &past, None, &curvature, &mut c, &mut r);
            if i > 0 {
                let predicted = Some(&slopes);
                slopes = run.slopes_after_move(model, &covariance, i, &past, predicted, &curvature, &mut c, &mut r);
            }
            for j in 0..=i {
                run.correlation[i * stride + j] = c[j];
                run.correlation[j * stride + i] = c[j];
                run.response[i * stride + j] = r[j];
                run.response[j * stride + i] = r[j];
            }
            run.energy.push(slopes.energy);
            run.multiplier.push(slopes.multiplier);
            curvature.push(run.diagonal_curvature(model, &covariance, &slopes));
            past.insert(0, slopes);
            past.truncate(4);
        }
        Ok(run)
    }

    /// Number of steps done.
    pub fn steps(&self) -> usize {
        self.stride - 1
    }

    /// C(t_i, t_j).
    pub fn correlation(&self, i: usize, j: usize) -> f64 {
        self.correlation[i * self.stride + j]
    }

    /// R(t_i, t_j), 0 for j > i and 1 for j = i.
    pub fn response(&self, i: usize, j: usize) -> f64 {
        if j > i { 0.0 } else { self.response[i * self.stride + j] }
    }

    /// Integral of R(t_i, s) over s from t_j to t_i: the response to a field that is on since t_j. Cost O(i - j).
    pub fn integrated_response(&self, i: usize, j: usize) -> f64 {
        let row = &self.response[i * self.stride..][..i + 1];
        let sum: f64 = row[j..].iter().sum();
        self.step * (sum + correct(j, i, |s| row[s]))
    }

    /// Moves row i in place: c and r at the new time from the slopes of the past rows and, in the second pass, from
    /// those found at the predicted row.
    fn advance(
        &self,
        i: usize,
        past: &[Slopes],
        new: Option<&Slopes>,
        curvature: &[(f64, f64)],
        c: &mut [f64],
        r: &mut [f64],
    ) {
        let h = self.step;
        let before = (i - 1) * self.stride;
        for j in 0..i {
            let m = i - j;
            let (c2, r2) = curvature[j];
            let at = |k: usize| past.get(k).map_or(0.0, |p| *p.correlation.get(j).unwrap_or(&0.0));
            let increment = increment(m, h * c2, [at(0), at(1), at(2), at(3)], new.map(|n| n.correlation[j]));
            c[j] = self.correlation[before + j] + h * increment;
            let at = |k: usize| past.get(k).map_or(0.0, |p| *p.response.get(j).unwrap_or(&0.0));
            let increment = self::increment(m, h * r2, [at(0), at(1), at(2), at(3)], new.map(|n| n.response[j]));
            r[j] = self.response[before + j] + h * increment;
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn slopes_after_move(
        &self,
        model: &MeanField,
        f: &Covariance,
        i: usize,
        past: &[Slopes],
        new: Option<&Slopes>,
        curvature: &[(f64, f64)],
        c: &mut [f64],
        r: &mut [f64],
    ) -> Slopes {
        if i > 0 {
            self.advance(i, past, new, curvature, c, r);
        }
        let (h, stride, beta) = (self.step, self.stride, model.initial_beta());
        // Sigma(t_i, s) = f''(C) R and D(t_i, s) = f'(C).
        let sigma: Vec<f64> = (0..=i).map(|s| f.second(c[s]) * r[s]).collect();
        let memory: Vec<f64> = (0..=i).map(|s| f.first(c[s])).collect();
        let integral = |value: &dyn Fn(usize) -> f64| h * ((0..=i).map(value).sum::<f64>() + correct(0, i, value));
        let start = beta * f.first(c[0]);
        let force = integral(&|s| memory[s] * r[s]);
        let multiplier = model.temperature + integral(&|s| sigma[s] * c[s]) + force + start * c[0];
        let energy = -force - beta * f.value(c[0]);
        let arch = Arch::new();
        let tasks: Vec<usize> = (0..i).step_by(TASK).collect();
        let parts: Vec<Vec<(f64, f64)>> = tasks
            .par_iter()
            .map(|&first| {
                arch.dispatch(|| {
                    (first..(first + TASK).min(i))
                        .map(|j| {
                            let row_c = &self.correlation[j * stride..][..i];
                            let row_r = &self.response[j * stride..][..i];
                            // C(t_j, t_i) and R(t_i, t_j) are not in the square yet.
                            let c_at = |s: usize| if s < i { row_c[s] } else { c[j] };
                            let r_at = |s: usize| if s < i { row_r[s] } else { r[j] };
                            let through = dot(&sigma[..i], row_c)
                                + sigma[i] * c[j]
                                + sigma[j] * row_c[j]
                                + correct(0, j, |s| sigma[s] * row_c[s])
                                + correct(j, i, |s| sigma[s] * c_at(s));
                            let noise = dot(&memory[..=j], &row_r[..=j]) + correct(0, j, |s| memory[s] * row_r[s]);
                            let linear = dot(&sigma[j..i], &row_r[j..])
                                + sigma[i] * r[j]
                                + correct(j, i, |s| sigma[s] * r_at(s));
                            (
                                h * (through + noise) - multiplier * c[j] + start * row_c[0],
                                h * linear - multiplier * r[j],
                            )
                        })
                        .collect()
                })
            })
            .collect();
        let (mut correlation, mut response): (Vec<f64>, Vec<f64>) = parts.into_iter().flatten().unzip();
        // C(t, t) = 1 and R(t, t) = 1 at all times fix the slopes on the diagonal.
        correlation.push(-model.temperature);
        response.push(-multiplier);
        Slopes { multiplier, energy, correlation, response }
    }

    /// Second derivatives in t of C and R at t' = t, for the row that was written last:
    /// C'' = mu T - f'(1) - int [Sigma(t,s) dC(t,s)/dt + D(t,s) dR(t,s)/dt] ds - beta f'(C(t,0)) dC(t,0)/dt,
    /// R'' = mu^2 - mu' + f''(1).
    fn diagonal_curvature(&self, model: &MeanField, f: &Covariance, slopes: &Slopes) -> (f64, f64) {
        let i = slopes.correlation.len() - 1;
        let (c, r) = (&self.correlation[i * self.stride..][..=i], &self.response[i * self.stride..][..=i]);
        let (dc, dr) = (&slopes.correlation, &slopes.response);
        let integral =
            |value: &dyn Fn(usize) -> f64| self.step * ((0..=i).map(value).sum::<f64>() + correct(0, i, value));
        let (mu, beta) = (slopes.multiplier, model.initial_beta());
        let inner = integral(&|s| f.second(c[s]) * r[s] * dc[s] + f.first(c[s]) * dr[s]);
        let outer = integral(&|s| {
            (f.third(c[s]) * dc[s] * r[s] + f.second(c[s]) * dr[s]) * c[s] + f.second(c[s]) * dc[s] * r[s]
        });
        let start = beta * f.first(c[0]) * dc[0];
        let c2 = mu * model.temperature - f.first(1.0) - inner - start;
        let mu_slope = f.second(1.0) + f.first(1.0) + inner + outer + beta * f.second(c[0]) * dc[0] * c[0] + start;
        (c2, mu * mu - mu_slope + f.second(1.0))
    }
}

/// Increment over one step (in units of h) of a column that started m - 1 steps ago: `past` holds its slopes, newest
/// first, `second` h times its second derivative at the start, `new` the slope at the predicted end, if known.
/// Adams formulas of fourth order; the first three steps use the second derivative instead of older slopes.
fn increment(m: usize, second: f64, past: [f64; 4], new: Option<f64>) -> f64 {
    // Cubic (or, with b = 0, parabola) F0 + second x + a x^2 + b x^3 through the slopes known so far.
    let cubic = |f0: f64, f1: f64, f2: f64| {
        let (one, two) = (f1 - f0 - second, f2 - f0 - 2.0 * second);
        let b = (two - 4.0 * one) / 4.0;
        (one - b, b)
    };
    match (m, new) {
        (1, None) => past[0] + 0.5 * second,
        (1, Some(f1)) => (2.0 * past[0] + f1) / 3.0 + second / 6.0,
        (2, None) => {
            let (f0, f1) = (past[1], past[0]);
            f0 + 1.5 * second + 7.0 / 3.0 * (f1 - f0 - second)
        }
        (2, Some(f2)) => {
            let (a, b) = cubic(past[1], past[0], f2);
            past[1] + 1.5 * second + 7.0 / 3.0 * a + 15.0 / 4.0 * b
        }
        (3, None) => {
            let (a, b) = cubic(past[2], past[1], past[0]);
            past[2] + 2.5 * second + 19.0 / 3.0 * a + 65.0 / 4.0 * b
        }
        (_, None) => (55.0 * past[0] - 59.0 * past[1] + 37.0 * past[2] - 9.0 * past[3]) / 24.0,
        (_, Some(f)) => (9.0 * f + 19.0 * past[0] - 5.0 * past[1] + past[2]) / 24.0,
    }
}

/// Energies on a grid, extrapolated in the step.
#[derive(Clone, Debug)]
pub struct Extrapolated {
    /// Times t_i = i h of the coarser grid.
    pub times: Vec<f64>,
    /// Energies per N: (16 e_{h/2} - e_h)/15.
    pub energy: Vec<f64>,
    /// Errors: the difference between the value and e_{h/2}, an upper estimate for the extrapolated value.
    pub error: Vec<f64>,
}

/// Energies with the h^4 error removed, from the steps h = `step` and h/2. Cost 9 times that of step h.
///
/// Checked by `table_at_zero_temperature`.
pub fn extrapolated(model: &MeanField, step: f64) -> Result<Extrapolated, Fault> {
    let (coarse, fine) = (Uniform::solve(model, step)?, Uniform::solve(model, 0.5 * step)?);
    let mut out = Extrapolated { times: Vec::new(), energy: Vec::new(), error: Vec::new() };
    for (i, &e) in coarse.energy.iter().enumerate() {
        let Some(&finer) = fine.energy.get(2 * i) else { break };
        let value = (16.0 * finer - e) / 15.0;
        out.times.push(i as f64 * step);
        out.energy.push(value);
        out.error.push((value - finer).abs());
    }
    Ok(out)
}
