//! The spectrum of a System's second derivative at a point: all of it where N is moderate, its ends and its density where N is large.

use glasslab_core::{Fault, Streams, System};
use glasslab_spectra::{Operator, TangentHessian, density, extremes_of, hessian_eigenvalues};

/// Degrees of freedom up to which all eigenvalues are computed unless asked otherwise: N products and 8/3 N^3 flops.
pub const ALL: usize = 2000;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpectrumPlan {
    /// Eigenvalues wanted at either end.
    pub ends: usize,
    /// All eigenvalues, or products alone; `None`: all up to N = 2000.
    pub all: Option<bool>,
    /// Random vectors of the density.
    pub probes: u64,
    /// Lanczos steps of each of them.
    pub steps: usize,
    /// Seed of the random vectors.
    pub seed: u64,
}

impl Default for SpectrumPlan {
    fn default() -> Self {
        Self { ends: 6, all: None, probes: 8, steps: 64, seed: 0 }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// Eigenvalues that there are: N, or N - 1 on a sphere.
    pub count: usize,
    /// All, ascending; empty where they were not computed.
    pub eigenvalues: Vec<f64>,
    /// The least, ascending, each with its error.
    pub lowest: Vec<(f64, f64)>,
    /// The greatest, ascending, each with its error.
    pub highest: Vec<(f64, f64)>,
    /// The density as nodes and weights (sum 1), one quadrature a probe; empty where all eigenvalues are there.
    pub probes: Vec<Vec<(f64, f64)>>,
    /// The multiplier mu of a sphere, 0 elsewhere.
    pub multiplier: f64,
}

/// The spectrum at x, of E (not E/N), along the System's space (on a sphere P (H + mu) P).
///
/// All eigenvalues: error a few N times rounding of the greatest. Else Lanczos: steps are added until both ends stand still (error: the
/// last change, at most 1e-8 of the width, or what 1000 steps leave); of an eigenvalue that is there several times one shows.
/// Cost: N products and 8/3 N^3 flops; or some hundred products for the ends, probes x steps for the density.
/// Checked by `all_and_ends_agree`, and by the Python package against numpy.
pub fn spectrum(system: &dyn System, x: &[f64], plan: &SpectrumPlan) -> Result<Spectrum, Fault> {
    let n = system.dof();
    Fault::check_len("x", n, x.len())?;
    let mut complaints = Vec::new();
    let mut complain =
        |field, value: String, fix: String| complaints.push(glasslab_core::Complaint::new(field, value, fix));
    if let Some(at) = x.iter().position(|x| !x.is_finite()) {
        complain("x", format!("{} at {at}", x[at]), "give finite positions".to_owned());
    }
    if !(1..=n.max(1)).contains(&plan.ends) {
        complain("k", plan.ends.to_string(), format!("give 1 to {n} eigenvalues at either end"));
    }
    if !(1..=10_000).contains(&plan.probes) {
        complain("probes", plan.probes.to_string(), "give 1 to 10000 random vectors".to_owned());
    }
    if !(2..=10_000).contains(&plan.steps) {
        complain("steps", plan.steps.to_string(), "give 2 to 10000 Lanczos steps".to_owned());
    }
    if !complaints.is_empty() {
        return Err(Fault::Input(complaints));
    }
    let operator = TangentHessian::new(system, x)?;
    let (count, multiplier) = (n - operator.removed(), operator.multiplier());
    let ends = plan.ends.min(count);
    if plan.all.unwrap_or(n <= ALL) {
        let eigenvalues = hessian_eigenvalues(system, x)?;
        let size = eigenvalues.iter().fold(0.0_f64, |a, e| a.max(e.abs()));
        let error = n as f64 * f64::EPSILON * size;
        let with = |all: &[f64]| all.iter().map(|&e| (e, error)).collect();
        let (lowest, highest) = (with(&eigenvalues[..ends]), with(&eigenvalues[count - ends..]));
        return Ok(Spectrum { count, eigenvalues, lowest, highest, probes: Vec::new(), multiplier });
    }
    let streams = Streams::new(plan.seed);
    let (lowest, highest) = extremes_of(&operator, ends, streams)?;
    let probes = density(&operator, plan.probes, plan.steps, streams)?.probes;
    Ok(Spectrum { count, eigenvalues: Vec::new(), lowest, highest, probes, multiplier })
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasslab_glasses::SphericalPSpin;

    /// A 3-spin, N = 120: both ways give the same ends within the errors that they state, the moments of the density are those of all
    /// eigenvalues within 4 standard errors, and bad input names its field.
    #[test]
    fn all_and_ends_agree() {
        let system = SphericalPSpin::new(3, 120, Streams::new(4), 0).unwrap();
        let mut x = vec![0.0; 120];
        system.initial(Streams::new(4), 0, &mut x).unwrap();
        let plan = SpectrumPlan { ends: 4, probes: 20, steps: 40, ..SpectrumPlan::default() };
        let all = spectrum(&system, &x, &plan).unwrap();
        let some = spectrum(&system, &x, &SpectrumPlan { all: Some(false), ..plan }).unwrap();
        assert_eq!((all.count, all.eigenvalues.len(), some.eigenvalues.len()), (119, 119, 0));
        assert_eq!(all.multiplier, some.multiplier);
        // Products are sums of f32: two routes differ by less than 1e-5.
        for (a, b) in all.lowest.iter().chain(&all.highest).zip(some.lowest.iter().chain(&some.highest)) {
            assert!((a.0 - b.0).abs() < 1e-5 + a.1 + b.1, "{a:?} {b:?}");
        }
        for power in 1..5 {
            let exact = all.eigenvalues.iter().map(|e| e.powi(power)).sum::<f64>() / 119.0;
            let each = some.probes.iter().map(|p| p.iter().map(|(e, w)| w * e.powi(power)).sum::<f64>());
            let (mean, error) = glasslab_core::sum::mean_and_error(each);
            assert!((mean - exact).abs() < 4.0 * error, "moment {power}: {mean} ± {error}, {exact}");
        }
        let bad = SpectrumPlan { ends: 0, steps: 1, ..plan };
        let message = spectrum(&system, &[f64::NAN; 120], &bad).unwrap_err().to_string();
        assert!(["x = NaN", "k = 0", "steps = 1"].iter().all(|part| message.contains(part)), "{message}");
    }
}
