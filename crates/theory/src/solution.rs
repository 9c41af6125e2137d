//! The answer: energies, two-time functions and response, each with its error, to a stated tolerance.

use crate::logarithmic::{Logarithmic, Resolution};
use crate::{MeanField, Start};
use glasslab_core::{Citation, Dataset, Fault, Record, Values};

/// The sources of the equations and of the method's idea.
pub const CITATIONS: &[Citation] = &[
    Citation {
        key: "crisanti1993",
        text: "A. Crisanti, H. Horner, H.-J. Sommers, The spherical p-spin interaction spin-glass model: the dynamics, \
               Z. Phys. B 92, 257 (1993)",
        locator: "doi:10.1007/BF01312184",
    },
    Citation {
        key: "cugliandolo1993",
        text: "L. F. Cugliandolo, J. Kurchan, Analytical solution of the off-equilibrium dynamics of a long-range \
               spin-glass model, Phys. Rev. Lett. 71, 173 (1993)",
        locator: "doi:10.1103/PhysRevLett.71.173",
    },
    Citation {
        key: "lang2025",
        text: "J. Lang, S. Sachdev, S. Diehl, Numerical renormalization of glassy dynamics, Phys. Rev. Lett. 135, \
               247101 (2025)",
        locator: "arXiv:2504.06849",
    },
];

/// Rounding and the end of the Newton iterations: no error is stated below this.
const FLOOR: f64 = 1e-9;

/// A number and its error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The value at the finer resolution.
    pub value: f64,
    /// Estimate of its error, from the change between two resolutions, which is about three times what is left.
    pub error: f64,
}

/// The dynamics of a model up to its last time, at two resolutions.
#[derive(Clone, Debug)]
pub struct Solution {
    model: MeanField,
    tolerance: f64,
    resolution: Resolution,
    coarse: Logarithmic,
    fine: Logarithmic,
    /// Times of the finer grid and |e_fine - e_coarse| there.
    changes: Vec<(f64, f64)>,
}

/// The resolutions that are tried, each finer than the last.
fn resolution(level: i32) -> Resolution {
    Resolution { step: 0.1 * 0.5_f64.powf(0.5 * f64::from(level)), spacing: 0.2 * 0.75_f64.powi(level - 1) }
}

const LEVELS: i32 = 6;

impl MeanField {
    /// Solves the two-time equations until the error of the energy is below `tolerance` (1e-8 to 0.1) at all times:
    /// the resolution is refined until two successive ones agree. Time logarithmic, memory O(log^2 until), cost
    /// O(log^4 until). The same bits on any number of threads.
    ///
    /// Checked by `two_spin_closed_form`, `uniform_and_logarithmic_grids_agree`, `stated_errors_cover_the_true_ones`.
    pub fn solve(&self, tolerance: f64) -> Result<Solution, Fault> {
        let mut complaints = self.complaints();
        if !(1e-8..=0.1).contains(&tolerance) {
            complaints.push(glasslab_core::Complaint::new("tolerance", tolerance, "give a number from 1e-8 to 0.1"));
        }
        if !complaints.is_empty() {
            return Err(Fault::Input(complaints));
        }
        let mut coarse = None;
        let mut obstacle = None;
        for level in 0..LEVELS {
            // A grid that is too coarse for this model may leave an implicit step without solution: refine.
            let fine = match Logarithmic::solve(self, resolution(level)) {
                Ok(fine) => fine,
                Err(fault) => {
                    obstacle = Some(fault);
                    coarse = None;
                    continue;
                }
            };
            coarse = Some(if let Some(coarse) = coarse {
                let solution = Solution::new(self.clone(), tolerance, resolution(level), coarse, fine);
                let reached = solution.worst_error();
                if reached <= tolerance {
                    return Ok(solution);
                }
                let fix = format!("give at least {reached:.1e}, the error at this resolution");
                obstacle = Some(Fault::input("tolerance", tolerance, fix));
                solution.fine
            } else {
                fine
            });
        }
        Err(obstacle.unwrap_or_else(|| Fault::input("tolerance", tolerance, "give a larger one")))
    }
}

impl Solution {
    fn new(model: MeanField, tolerance: f64, resolution: Resolution, coarse: Logarithmic, fine: Logarithmic) -> Self {
        let times = fine.times().into_iter().filter(|&t| t <= model.until);
        let changes = times.map(|t| (t, (fine.energy(t) - coarse.energy(t)).abs())).collect();
        Self { model, tolerance, resolution, coarse, fine, changes }
    }

    /// The question.
    pub fn model(&self) -> &MeanField {
        &self.model
    }

    /// The finer of the two resolutions.
    pub fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// The largest error of the energy over all times.
    pub fn worst_error(&self) -> f64 {
        self.changes.iter().fold(FLOOR, |worst, c| worst.max(c.1))
    }

    fn check(&self, name: &str, t: f64) -> Result<(), Fault> {
        if t >= 0.0 && t <= self.model.until * (1.0 + 1e-12) {
            Ok(())
        } else {
            Err(Fault::input(name, t, format!("give a time from 0 to {}", self.model.until)))
        }
    }

    fn check_pair(&self, waiting: f64, lag: f64) -> Result<(), Fault> {
        self.check("waiting_time", waiting)?;
        self.check("lag", lag)?;
        self.check("waiting_time + lag", waiting + lag)
    }

    /// e(t) per N. O(log log until).
    pub fn energy(&self, t: f64) -> Result<Estimate, Fault> {
        self.check("t", t)?;
        let value = self.fine.energy(t);
        // The largest change over t/2..t and its neighbours, so that a crossing does not look like agreement.
        let first = self.changes.partition_point(|c| c.0 < 0.5 * t).saturating_sub(1);
        let last = (self.changes.partition_point(|c| c.0 <= t) + 1).min(self.changes.len());
        let error = self.changes[first..last].iter().fold(FLOOR, |worst, c| worst.max(c.1));
        Ok(Estimate { value, error: error.max((value - self.coarse.energy(t)).abs()) })
    }

    /// e(t) at several times.
    pub fn energies_at(&self, times: &[f64]) -> Result<Vec<Estimate>, Fault> {
        times.iter().map(|&t| self.energy(t)).collect()
    }

    /// mu(t); e = -(mu - T)/p for the pure model.
    pub fn multiplier(&self, t: f64) -> Result<Estimate, Fault> {
        self.check("t", t)?;
        Ok(self.compare(t, 0.0, |solver, t, _| solver.multiplier(t)))
    }

    /// Value at the finer grid, and twice the largest change from the coarser one there and at shorter times, so that a
    /// crossing of the two does not look like agreement.
    fn compare(&self, waiting: f64, lag: f64, of: impl Fn(&Logarithmic, f64, f64) -> f64) -> Estimate {
        let change = |w: f64, l: f64| (of(&self.fine, w, l) - of(&self.coarse, w, l)).abs();
        let mut worst = change(waiting, lag);
        for part in [0.5, 0.7, 0.85] {
            worst = worst.max(change(part * waiting, part * lag)).max(change(waiting, part * lag));
        }
        Estimate { value: of(&self.fine, waiting, lag), error: FLOOR.max(2.0 * worst) }
    }

    /// C(t_w + t, t_w) for the lag t. O(1).
    pub fn correlation(&self, waiting: f64, lag: f64) -> Result<Estimate, Fault> {
        self.check_pair(waiting, lag)?;
        Ok(self.compare(waiting, lag, |solver, w, l| solver.functions(w, l).0))
    }

    /// Mean-square displacement Delta = 2 [1 - C(t_w + t, t_w)] for the lag t. O(1).
    pub fn displacement(&self, waiting: f64, lag: f64) -> Result<Estimate, Fault> {
        let c = self.correlation(waiting, lag)?;
        Ok(Estimate { value: 2.0 * (1.0 - c.value), error: 2.0 * c.error })
    }

    /// R(t_w + t, t_w) for the lag t. O(1).
    pub fn response(&self, waiting: f64, lag: f64) -> Result<Estimate, Fault> {
        self.check_pair(waiting, lag)?;
        Ok(self.compare(waiting, lag, |solver, w, l| solver.functions(w, l).1))
    }

    /// chi(t_w + t, t_w) = integral of R(t_w + t, s) over s from t_w to t_w + t: the response to a field that is on since
    /// t_w. O(log until).
    pub fn integrated_response(&self, waiting: f64, lag: f64) -> Result<Estimate, Fault> {
        self.check_pair(waiting, lag)?;
        Ok(self.compare(waiting, lag, |solver, w, l| solver.integrated_response(w, l)))
    }

    /// Effective temperature -dC/dchi at fixed t_w + t, (dC/dt_w)/R(t_w + t, t_w) for the lag t: the slope of the
    /// fluctuation-dissipation plot. T in equilibrium; T/X in the aging regime, finite at T = 0. O(1).
    pub fn effective_temperature(&self, waiting: f64, lag: f64) -> Result<Estimate, Fault> {
        self.check_pair(waiting, lag)?;
        Ok(self.compare(waiting, lag, |solver, w, l| {
            if w + l > 0.0 { solver.correlation_slope(w, l) / solver.functions(w, l).1 } else { self.model.temperature }
        }))
    }

    /// Fluctuation-dissipation ratio X = -T dchi/dC = T R/(dC/dt_w): 1 in equilibrium. O(1).
    pub fn violation(&self, waiting: f64, lag: f64) -> Result<Estimate, Fault> {
        let effective = self.effective_temperature(waiting, lag)?;
        let value = self.model.temperature / effective.value;
        Ok(Estimate { value, error: (value / effective.value).abs() * effective.error })
    }

    /// Logarithmic times from 0.01 (or until/100 if that is less) to `until`, `per_decade` of them.
    pub fn log_times(&self, per_decade: usize) -> Vec<f64> {
        let (last, decades) = (self.model.until, (self.model.until / 0.01).log10().max(2.0));
        let count = (decades * per_decade.max(1) as f64).ceil();
        let mut times: Vec<f64> =
            (0..=count as usize).map(|k| last * 10_f64.powf(decades * (k as f64 / count - 1.0))).collect();
        times[count as usize] = last;
        times
    }

    /// Records at 10 energies a decade, 2 waiting times a decade and 10 lags a decade; see [`Solution::to_dataset_at`].
    pub fn to_dataset(&self) -> Dataset {
        let times = self.log_times(10);
        self.to_dataset_at(&times, &self.log_times(2), &times)
    }

    /// Records, each with its `_error`: `energy`, `multiplier` (time); `overlap` C(t_w + t, t_w), `msd` 2(1 - C),
    /// `response`, `integrated_response`, `effective_temperature` (waiting_time, lag), NaN where t_w + t passes the last
    /// time. Coordinates in physical time.
    pub fn to_dataset_at(&self, times: &[f64], waiting: &[f64], lags: &[f64]) -> Dataset {
        let mut data = Dataset::default();
        let mut attribute = |name: &str, value: String| data.attributes.insert(name.to_owned(), value);
        attribute("system", "spherical p-spin, N -> infinity".to_owned());
        attribute("convention", "covariance of the energies N q^p/2, spins on the sphere of radius sqrt(N)".to_owned());
        attribute("p", self.model.p.to_string());
        if let Some((s, w)) = self.model.s {
            attribute("s", s.to_string());
            attribute("weight", w.to_string());
        }
        attribute("temperature", self.model.temperature.to_string());
        attribute(
            "start",
            match self.model.start {
                Start::Random => "random".to_owned(),
                Start::Equilibrium(t) => format!("equilibrium at {t}"),
            },
        );
        attribute("until", self.model.until.to_string());
        attribute("tolerance", self.tolerance.to_string());
        let coordinate = |name: &str, about: &str, values: &[f64]| {
            Record::coordinate(name, about, "time", Values::F64(values.to_vec()))
        };
        data.coordinates.push(coordinate("time", "time since the quench", times));
        data.coordinates.push(coordinate("waiting_time", "waiting time t_w since the quench", waiting));
        data.coordinates.push(coordinate("lag", "time t after the waiting time", lags));
        let missing = Estimate { value: f64::NAN, error: f64::NAN };
        let mut add = |name: &str, about: &str, unit: &str, dims: &[(&str, usize)], found: Vec<Estimate>| {
            let (values, errors) = found.iter().map(|e| (e.value, e.error)).unzip();
            data.variables.push(Record::new(name, about, unit, dims, values));
            let about = format!("error of {name}: change from the next coarser grid");
            data.variables.push(Record::new(&format!("{name}_error"), &about, unit, dims, errors));
        };
        let one = [("time", times.len())];
        let along = |of: &dyn Fn(f64) -> Result<Estimate, Fault>| -> Vec<Estimate> {
            times.iter().map(|&t| of(t).unwrap_or(missing)).collect()
        };
        add("energy", "energy per spin e(t)", "energy", &one, along(&|t| self.energy(t)));
        add("multiplier", "Lagrange multiplier mu(t)", "1/time", &one, along(&|t| self.multiplier(t)));
        let two = [("waiting_time", waiting.len()), ("lag", lags.len())];
        let over = |of: &dyn Fn(f64, f64) -> Result<Estimate, Fault>| -> Vec<Estimate> {
            waiting.iter().flat_map(|&w| lags.iter().map(move |&l| of(w, l).unwrap_or(missing))).collect()
        };
        add(
            "overlap",
            "C(t_w + t, t_w) = (1/N) sum_i <s_i(t_w + t) s_i(t_w)>",
            "1",
            &two,
            over(&|w, l| self.correlation(w, l)),
        );
        add(
            "msd",
            "mean-square displacement 2 [1 - C(t_w + t, t_w)]",
            "1",
            &two,
            over(&|w, l| self.displacement(w, l)),
        );
        add(
            "response",
            "R(t_w + t, t_w) = (1/N) sum_i d<s_i(t_w + t)>/dh_i(t_w)",
            "1/(energy time)",
            &two,
            over(&|w, l| self.response(w, l)),
        );
        add(
            "integrated_response",
            "chi: integral of R(t_w + t, s) over s from t_w to t_w + t",
            "1/energy",
            &two,
            over(&|w, l| self.integrated_response(w, l)),
        );
        add(
            "effective_temperature",
            "-dC/dchi at fixed t_w + t",
            "energy",
            &two,
            over(&|w, l| self.effective_temperature(w, l)),
        );
        data
    }
}
