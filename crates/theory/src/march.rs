//! The march of the uniform grid: row after row of C and R, predicted, corrected and stored.

use crate::adams::{DEPTH, cubic, increment};
use crate::dot::dot;
use crate::gregory::{back_slope, correct};
use crate::uniform::Uniform;
use crate::{Covariance, MeanField};
use glasslab_core::Fault;
use pulp::Arch;
use rayon::prelude::*;

/// Columns that one task works on; any value gives the same bits.
const TASK: usize = 64;

/// A row of C and R at one time.
struct Line {
    correlation: Vec<f64>,
    response: Vec<f64>,
}

/// What one evaluation of the equations at a row gives.
struct Slopes {
    multiplier: f64,
    energy: f64,
    /// dC/dt and dR/dt at (t_i, t_j), j = 0..=i.
    line: Line,
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

/// The kernels of row i: Sigma(t_i, s) = f''(C) R and D(t_i, s) = f'(C), and the slopes (times h) of Sigma in s at the
/// ends of the last interval.
struct Kernels {
    sigma: Vec<f64>,
    memory: Vec<f64>,
    sigma_slope: (f64, f64),
}

/// A grid that is being filled.
pub struct March<'a> {
    model: &'a MeanField,
    f: &'a Covariance,
    grid: Uniform,
    /// Slopes of the last rows, newest first.
    past: Vec<Slopes>,
    columns: Columns,
}

impl<'a> March<'a> {
    /// An empty grid of `steps` steps.
    pub fn new(model: &'a MeanField, f: &'a Covariance, step: f64, steps: usize) -> Self {
        let stride = steps + 1;
        let grid = Uniform {
            step,
            energy: Vec::with_capacity(stride),
            multiplier: Vec::with_capacity(stride),
            stride,
            correlation: vec![0.0; stride * stride],
            response: vec![0.0; stride * stride],
        };
        Self { model, f, grid, past: Vec::new(), columns: Columns::default() }
    }

    /// Fills the grid.
    pub fn run(mut self) -> Result<Uniform, Fault> {
        let stride = self.grid.stride;
        for i in 0..stride {
            let mut line = self.advance(i, None);
            let mut slopes = self.slopes(&line, None);
            if i > 0 {
                line = self.advance(i, Some(&slopes));
                slopes = self.slopes(&line, Some(&slopes));
            }
            if !line.correlation.iter().all(|c| c.abs() < 1.01) {
                return Err(Fault::input("step", self.grid.step, "give a smaller step: the solution left |C| <= 1"));
            }
            for (j, (&c, &r)) in line.correlation.iter().zip(&line.response).enumerate() {
                self.grid.correlation[i * stride + j] = c;
                self.grid.correlation[j * stride + i] = c;
                self.grid.response[i * stride + j] = r;
                self.grid.response[j * stride + i] = r;
            }
            self.grid.energy.push(slopes.energy);
            self.grid.multiplier.push(slopes.multiplier);
            self.learn(&line, slopes);
        }
        Ok(self.grid)
    }

    /// Row i from the slopes of the past rows and, in the second pass, from those found at the predicted row.
    fn advance(&self, i: usize, new: Option<&Slopes>) -> Line {
        let mut line = Line { correlation: vec![1.0; i + 1], response: vec![1.0; i + 1] };
        let (h, bend) = (self.grid.step, self.columns.next_bend());
        let step = |j: usize, second: f64, bend: (f64, f64), of: fn(&Line) -> &[f64]| {
            let past = |k: usize| self.past.get(k).and_then(|p| of(&p.line).get(j)).map_or(0.0, |&slope| slope);
            h * increment(i - j, h * second, bend, std::array::from_fn(past), new.map(|n| of(&n.line)[j]))
        };
        for j in 0..i {
            let (c2, r2) = self.columns.curvature[j];
            line.correlation[j] = self.grid.correlation(i - 1, j) + step(j, c2, bend.0, |l| &l.correlation);
            line.response[j] = self.grid.response(i - 1, j) + step(j, r2, bend.1, |l| &l.response);
        }
        line
    }

    /// The equations at a row; `predicted` are the slopes of its first pass.
    fn slopes(&self, line: &Line, predicted: Option<&Slopes>) -> Slopes {
        let (kernels, multiplier, energy) = self.kernels(line);
        let mut slopes = self.histories(line, &kernels, multiplier);
        let i = line.correlation.len() - 1;
        if i > 0 {
            self.correct_last_interval(line, &kernels, predicted, &mut slopes);
        }
        if i > 1 {
            slopes.correlation[1] += self.first_interval(&kernels);
        }
        // C(t, t) = 1 and R(t, t) = 1 at all times fix the slopes on the diagonal.
        slopes.correlation.push(-self.model.temperature);
        slopes.response.push(-multiplier);
        Slopes { multiplier, energy, line: slopes }
    }

    /// Integral of `value` over the times 0..=i.
    fn integral(&self, i: usize, value: impl Fn(usize) -> f64) -> f64 {
        self.grid.step * ((0..=i).map(&value).sum::<f64>() + correct(0, i, value))
    }

    /// Slopes (times h) at the ends of a row of two points from the slope at its end s = t: those of a parabola.
    fn short_row(&self, x: &[f64], last: f64) -> [f64; 2] {
        let last = self.grid.step * last;
        [2.0 * (x[1] - x[0]) - last, last]
    }

    /// Kernels, mu and e of a row.
    fn kernels(&self, line: &Line) -> (Kernels, f64, f64) {
        let (f, c, r, temperature) = (self.f, &line.correlation, &line.response, self.model.temperature);
        let (i, h, beta) = (c.len() - 1, self.grid.step, self.model.initial_beta());
        let sigma: Vec<f64> = (0..=i).map(|s| f.second(c[s]) * r[s]).collect();
        let memory: Vec<f64> = (0..=i).map(|s| f.first(c[s])).collect();
        let mut force = self.integral(i, |s| memory[s] * r[s]);
        let mut feedback = self.integral(i, |s| sigma[s] * c[s]);
        let start = beta * memory[0] * c[0];
        let mut sigma_slope = (0.0, 0.0);
        if i == 1 {
            // One interval only: the trapezoid with its end correction.
            let (dc, dr) = (self.short_row(c, temperature), self.short_row(r, temperature + feedback + force + start));
            let slope = |s: usize| f.third(c[s]) * dc[s] * r[s] + f.second(c[s]) * dr[s];
            sigma_slope = (slope(0), slope(1));
            let noise = |s: usize| f.second(c[s]) * dc[s] * r[s] + memory[s] * dr[s];
            force += h * (noise(0) - noise(1)) / 12.0;
            let through = |s: usize| slope(s) * c[s] + sigma[s] * dc[s];
            feedback += h * (through(0) - through(1)) / 12.0;
        } else if i > 1 {
            sigma_slope = (back_slope(&sigma, i - 1), back_slope(&sigma, i));
        }
        let energy = -force - beta * f.value(c[0]);
        (Kernels { sigma, memory, sigma_slope }, temperature + feedback + force + start, energy)
    }

    /// Slopes of all columns j < i, by sums over the history. Cost O(i^2).
    fn histories(&self, line: &Line, kernels: &Kernels, multiplier: f64) -> Line {
        let (c, r, Kernels { sigma, memory, .. }) = (&line.correlation, &line.response, kernels);
        let (i, h, stride) = (c.len() - 1, self.grid.step, self.grid.stride);
        let start = self.model.initial_beta() * memory[0];
        let column = |j: usize| {
            let row_c = &self.grid.correlation[j * stride..][..i];
            let row_r = &self.grid.response[j * stride..][..i];
            // C(t_j, t_i) and R(t_i, t_j) are not in the grid yet.
            let c_at = |s: usize| if s < i { row_c[s] } else { c[j] };
            let r_at = |s: usize| if s < i { row_r[s] } else { r[j] };
            let through = dot(&sigma[..i], row_c)
                + sigma[i] * c[j]
                + sigma[j] * row_c[j]
                + correct(0, j, |s| sigma[s] * row_c[s])
                + correct(j, i, |s| sigma[s] * c_at(s));
            let noise = dot(&memory[..=j], &row_r[..=j]) + correct(0, j, |s| memory[s] * row_r[s]);
            let linear = dot(&sigma[j..i], &row_r[j..]) + sigma[i] * r[j] + correct(j, i, |s| sigma[s] * r_at(s));
            (h * (through + noise) - multiplier * c[j] + start * row_c[0], h * linear - multiplier * r[j])
        };
        let (arch, tasks) = (Arch::new(), (0..i).step_by(TASK).collect::<Vec<_>>());
        let parts: Vec<Vec<(f64, f64)>> = tasks
            .par_iter()
            .map(|&first| arch.dispatch(|| (first..(first + TASK).min(i)).map(column).collect()))
            .collect();
        let (correlation, response) = parts.into_iter().flatten().unzip();
        Line { correlation, response }
    }

    /// Column i - 1 has the single interval [t_{i-1}, t_i] for s: adds the end correction of the trapezoid,
    /// (h^2/12)[g'(t_{i-1}) - g'(t_i)].
    fn correct_last_interval(&self, line: &Line, kernels: &Kernels, predicted: Option<&Slopes>, slopes: &mut Line) {
        let (i, h) = (line.correlation.len() - 1, self.grid.step);
        let (j, (d0, d1)) = (i - 1, kernels.sigma_slope);
        let end = |own: f64, first: f64, last: f64| {
            let (g0, g1) = (d0 + h * kernels.sigma[j] * first, d1 * own + h * kernels.sigma[i] * last);
            h * (g0 - g1) / 12.0
        };
        let (c2, r2) = self.columns.curvature[j];
        let (c0, r0) = (-self.model.temperature, -self.grid.multiplier[j]);
        let c1 = predicted.map_or(c0 + h * c2, |n| n.line.correlation[j]);
        let r1 = predicted.map_or(r0 + h * r2, |n| n.line.response[j]);
        slopes.correlation[j] += end(line.correlation[j], c0, c1);
        slopes.response[j] += end(line.response[j], r0, r1);
    }

    /// Column 1 has the single interval [0, t_1] for s: the same correction.
    fn first_interval(&self, kernels: &Kernels) -> f64 {
        let head = |x: &[f64]| {
            let reversed: Vec<f64> = x.iter().take(4).rev().copied().collect();
            let last = reversed.len() - 1;
            [-back_slope(&reversed, last), -back_slope(&reversed, last - 1)]
        };
        let (sigma, memory) = (head(&kernels.sigma), head(&kernels.memory));
        let (c, r) = ([self.grid.correlation(1, 0), 1.0], [self.grid.response(1, 0), 1.0]);
        let (dc, dr) = (self.short_row(&c, self.model.temperature), self.short_row(&r, self.grid.multiplier[1]));
        let slope =
            |k: usize| sigma[k] * c[k] + kernels.sigma[k] * dc[k] + memory[k] * r[k] + kernels.memory[k] * dr[k];
        self.grid.step * (slope(0) - slope(1)) / 12.0
    }

    /// Keeps what later rows need of the row just stored.
    fn learn(&mut self, line: &Line, slopes: Slopes) {
        let (i, h) = (line.correlation.len() - 1, self.grid.step);
        self.columns.curvature.push(self.diagonal_curvature(line, &slopes));
        if i >= 2 {
            let (j, (c2, r2)) = (i - 2, self.columns.curvature[i - 2]);
            let three =
                |of: fn(&Line) -> &[f64]| [of(&self.past[1].line)[j], of(&self.past[0].line)[j], of(&slopes.line)[j]];
            let bend = (cubic(h * c2, three(|l| &l.correlation)), cubic(h * r2, three(|l| &l.response)));
            self.columns.bend.push(bend);
        }
        self.past.insert(0, slopes);
        self.past.truncate(DEPTH);
    }

    /// Second derivatives in t of C and R at t' = t:
    /// C'' = mu T - f'(1) - int [Sigma(t,s) dC(t,s)/dt + D(t,s) dR(t,s)/dt] ds - beta f'(C(t,0)) dC(t,0)/dt,
    /// R'' = mu^2 - mu' + f''(1).
    fn diagonal_curvature(&self, line: &Line, slopes: &Slopes) -> (f64, f64) {
        let (f, c, r) = (self.f, &line.correlation, &line.response);
        let (i, dc, dr) = (c.len() - 1, &slopes.line.correlation, &slopes.line.response);
        let (mu, beta) = (slopes.multiplier, self.model.initial_beta());
        let inner = self.integral(i, |s| f.second(c[s]) * r[s] * dc[s] + f.first(c[s]) * dr[s]);
        let outer = self.integral(i, |s| {
            (f.third(c[s]) * dc[s] * r[s] + f.second(c[s]) * dr[s]) * c[s] + f.second(c[s]) * dc[s] * r[s]
        });
        let start = beta * f.first(c[0]) * dc[0];
        let c2 = mu * self.model.temperature - f.first(1.0) - inner - start;
        let mu_slope = f.second(1.0) + f.first(1.0) + inner + outer + beta * f.second(c[0]) * dc[0] * c[0] + start;
        (c2, mu * mu - mu_slope + f.second(1.0))
    }
}
