//! The reference integrator: a uniform grid of both times, about fifth order, with Richardson extrapolation in the step.

use crate::adams::{DEPTH, cubic, increment};
use crate::dot::dot;
use crate::gregory::{back_slope, correct};
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

/// What one evaluation of the equations at row i gives.
struct Slopes {
    multiplier: f64,
    energy: f64,
    /// dC/dt and dR/dt at (t_i, t_j), j = 0..=i.
    correlation: Vec<f64>,
    response: Vec<f64>,
}

/// Coefficients a, b of the slopes of C and of R in a column, see [`cubic`].
type Bend = ((f64, f64), (f64, f64));

/// How the columns C(., t_j), R(., t_j) leave the diagonal: (of C, of R) for each j.
#[derive(Default)]
struct Columns {
    /// Second derivatives in t.
    curvature: Vec<(f64, f64)>,
    /// Quadratic and cubic coefficients of the slopes, in units of h; two columns late.
    bend: Vec<Bend>,
}

impl Columns {
    /// The coefficients of the newest column, extrapolated along the diagonal.
    fn next_bend(&self) -> Bend {
        let ahead = |a: (f64, f64), b: (f64, f64)| (3.0 * b.0 - 2.0 * a.0, 3.0 * b.1 - 2.0 * a.1);
        match self.bend[..] {
            [] => Default::default(),
            [only] => only,
            [.., a, b] => (ahead(a.0, b.0), ahead(a.1, b.1)),
        }
    }
}

impl Uniform {
    /// Solves `model` on the grid of step h = `step` up to the first t_i >= until. About fifth order in
    /// h (observed 4 to 5), from which only the first two columns depart. Cost O((until/h)^3), in parallel on rayon's threads, the same bits on
    /// any number of them.
    ///
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
        if steps > 20_000.0 {
            return Err(Fault::Memory {
                what: format!("a uniform grid of {steps} steps"),
                needed: (16.0 * steps * steps) as u64,
                available: 16 * 20_000 * 20_000,
                lower: "until, or give a larger step",
            });
        }
        let steps = steps as usize;
        let stride = steps + 1;
        let mut run = Self {
            step,
            energy: Vec::with_capacity(stride),
            multiplier: Vec::with_capacity(stride),
            stride,
            correlation: vec![0.0; stride * stride],
            response: vec![0.0; stride * stride],
        };
        // Slopes of the last rows, newest first.
        let mut past: Vec<Slopes> = Vec::new();
        let mut columns = Columns::default();
        for i in 0..=steps {
            let (mut c, mut r) = (vec![1.0; i + 1], vec![1.0; i + 1]);
            let mut slopes = run.slopes_after_move(model, &covariance, i, &past, None, &columns, &mut c, &mut r);
            if i > 0 {
                let predicted = Some(&slopes);
                slopes = run.slopes_after_move(model, &covariance, i, &past, predicted, &columns, &mut c, &mut r);
            }
            if !c.iter().all(|c| c.abs() < 1.01) {
                return Err(Fault::input("step", step, "give a smaller step: the solution left |C| <= 1"));
            }
            for j in 0..=i {
                run.correlation[i * stride + j] = c[j];
                run.correlation[j * stride + i] = c[j];
                run.response[i * stride + j] = r[j];
                run.response[j * stride + i] = r[j];
            }
            run.energy.push(slopes.energy);
            run.multiplier.push(slopes.multiplier);
            columns.curvature.push(run.diagonal_curvature(model, &covariance, &slopes));
            if i >= 2 {
                let (j, (c2, r2)) = (i - 2, columns.curvature[i - 2]);
                let c = [past[1].correlation[j], past[0].correlation[j], slopes.correlation[j]];
                let r = [past[1].response[j], past[0].response[j], slopes.response[j]];
                columns.bend.push((cubic(step * c2, c), cubic(step * r2, r)));
            }
            past.insert(0, slopes);
            past.truncate(DEPTH);
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
        columns: &Columns,
        c: &mut [f64],
        r: &mut [f64],
    ) {
        let (h, bend) = (self.step, columns.next_bend());
        let before = (i - 1) * self.stride;
        for j in 0..i {
            let m = i - j;
            let (c2, r2) = columns.curvature[j];
            let at = |k: usize| past.get(k).map_or(0.0, |p| *p.correlation.get(j).unwrap_or(&0.0));
            let change = increment(m, h * c2, bend.0, std::array::from_fn(at), new.map(|n| n.correlation[j]));
            c[j] = self.correlation[before + j] + h * change;
            let at = |k: usize| past.get(k).map_or(0.0, |p| *p.response.get(j).unwrap_or(&0.0));
            let change = increment(m, h * r2, bend.1, std::array::from_fn(at), new.map(|n| n.response[j]));
            r[j] = self.response[before + j] + h * change;
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
        columns: &Columns,
        c: &mut [f64],
        r: &mut [f64],
    ) -> Slopes {
        if i > 0 {
            self.advance(i, past, new, columns, c, r);
        }
        let (h, stride, beta) = (self.step, self.stride, model.initial_beta());
        // Sigma(t_i, s) = f''(C) R and D(t_i, s) = f'(C).
        let sigma: Vec<f64> = (0..=i).map(|s| f.second(c[s]) * r[s]).collect();
        let memory: Vec<f64> = (0..=i).map(|s| f.first(c[s])).collect();
        let integral = |value: &dyn Fn(usize) -> f64| h * ((0..=i).map(value).sum::<f64>() + correct(0, i, value));
        let start = beta * f.first(c[0]);
        // Slopes (times h) in s along row i; the first row is a parabola through its ends with its slope at s = t.
        let along = |x: &[f64], last: f64| 2.0 * (x[1] - x[0]) - h * last;
        let (mut force, mut feedback) = (integral(&|s| memory[s] * r[s]), integral(&|s| sigma[s] * c[s]));
        let mut sigma_slope = (0.0, 0.0);
        if i == 1 {
            let mu = model.temperature + feedback + force + start * c[0];
            let (dc, dr) = ([along(c, model.temperature), h * model.temperature], [along(r, mu), h * mu]);
            let slope = |s: usize| f.third(c[s]) * dc[s] * r[s] + f.second(c[s]) * dr[s];
            sigma_slope = (slope(0), slope(1));
            let noise = |s: usize| f.second(c[s]) * dc[s] * r[s] + memory[s] * dr[s];
            force += h * (noise(0) - noise(1)) / 12.0;
            let through = |s: usize| slope(s) * c[s] + sigma[s] * dc[s];
            feedback += h * (through(0) - through(1)) / 12.0;
        } else if i > 1 {
            sigma_slope = (back_slope(&sigma, i - 1), back_slope(&sigma, i));
        }
        let multiplier = model.temperature + feedback + force + start * c[0];
        let energy = -force - beta * f.value(c[0]);
        // The last interval alone, [t_{i-1}, t_i]: trapezoid with its end correction -h^2/12 [g'], from slopes in s.
        let short = |own: (f64, f64), slope: (f64, f64)| {
            let (d0, d1) = sigma_slope;
            let (g0, g1) = (d0 * own.0 + h * sigma[i - 1] * slope.0, d1 * own.1 + h * sigma[i] * slope.1);
            (g0 - g1) / 12.0
        };
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
        if i > 0 {
            let j = i - 1;
            let (c2, r2) = columns.curvature[j];
            let (c0, r0) = (-model.temperature, -self.multiplier[j]);
            let c1 = new.map_or(c0 + h * c2, |n| n.correlation[j]);
            let r1 = new.map_or(r0 + h * r2, |n| n.response[j]);
            correlation[j] += h * short((1.0, c[j]), (c0, c1));
            response[j] += h * short((1.0, r[j]), (r0, r1));
        }
        if i > 1 {
            // The first interval alone, [0, t_1], in column 1: the same correction.
            let reversed = |x: &[f64]| -> Vec<f64> { x.iter().take(4).rev().copied().collect() };
            let (s, m) = (reversed(&sigma), reversed(&memory));
            let (last, row) = (s.len() - 1, [self.correlation(1, 0), 1.0]);
            let (ds, dm) = (
                [-back_slope(&s, last), -back_slope(&s, last - 1)],
                [-back_slope(&m, last), -back_slope(&m, last - 1)],
            );
            let answer = [self.response(1, 0), 1.0];
            let (t, mu) = (model.temperature, self.multiplier[1]);
            let (dc, dr) = ([along(&row, t), h * t], [along(&answer, mu), h * mu]);
            let slope = |k: usize| ds[k] * row[k] + sigma[k] * dc[k] + dm[k] * answer[k] + memory[k] * dr[k];
            correlation[1] += h * (slope(0) - slope(1)) / 12.0;
        }
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
