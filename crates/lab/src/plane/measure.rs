//! What is measured on a net when its training is over: errors, tangent kernel, weights.

use super::average::error;
use super::plan::PlanePlan;
use super::point::{End, RunResult};
use glasslab_core::{Contacts, Fault, sum};
use glasslab_nets::labelled::Prepared;
use glasslab_nets::plane::AlphaMlp;
use glasslab_spectra::{Matrix, spectral_measure};

/// Eigenvalues of the tangent kernel that are kept.
pub const EIGENVALUES: usize = 10;

/// How training went.
pub(super) struct Ended {
    pub seed: u64,
    pub end: End,
    pub steps: u64,
    pub time: f64,
}

fn norm(v: &[f64]) -> f64 {
    sum::dot(v, v).sqrt()
}

/// y^T Theta y/(|Theta| |y|^2), Frobenius norm: 1 for Theta = y y^T, 1/sqrt(K) for the unit matrix.
fn alignment(theta: &[f64], y: &[f64]) -> f64 {
    let along: f64 = theta.chunks_exact(y.len()).zip(y).map(|(row, y0)| y0 * sum::dot(row, y)).sum();
    along / (norm(theta) * y.len() as f64)
}

/// The largest eigenvalues of Theta, descending, with (phi . y)^2/|y|^2 of their unit eigenvectors phi. NaN if Theta is not finite.
fn spectrum(theta: Vec<f64>, y: &[f64]) -> Result<Vec<[f64; 2]>, Fault> {
    let kept = EIGENVALUES.min(y.len());
    if !theta.iter().all(|t| t.is_finite()) {
        return Ok(vec![[f64::NAN; 2]; kept]);
    }
    let all = spectral_measure(Matrix { size: y.len(), entries: theta }, y)?;
    Ok(all.into_iter().rev().take(kept).map(|(value, weight)| [value, weight]).collect())
}

/// Lambda of weights [h, inputs]: RMS over neurons of the weights of input 1, over the mean of the RMS of the weights of inputs 2 to
/// d (a constant input behind them does not count); 1 if d = 1. Convention: the public code of Paccolat et al.; the text has the RMS over all other inputs at once.
/// Source: Paccolat, Petrini, Geiger, Tyloo, Wyart 2021, arXiv:2007.11471.
fn amplification(w: &[f64], inputs: usize, d: usize) -> f64 {
    let rms = |i: usize| {
        let squares: f64 = w.chunks_exact(inputs).map(|w| w[i] * w[i]).sum();
        (squares / (w.len() / inputs) as f64).sqrt()
    };
    if d < 2 { 1.0 } else { rms(0) / ((1..d).map(rms).sum::<f64>() / (d - 1) as f64) }
}

/// Measures a net at weights w; its result, and alpha (f - f0) on the test set.
pub(super) fn measure(
    plan: &PlanePlan,
    data: &Prepared,
    system: &AlphaMlp,
    w: &[f64],
    ended: Ended,
) -> Result<(RunResult, Vec<f64>), Fault> {
    let (origin, alpha, shape) = (system.origin(), system.alpha(), system.shape());
    let gaps = system.gaps(w)?;
    let outputs: Vec<f64> =
        system.moved_outputs(w, &data.test.x, plan.subtract).into_iter().map(|o| alpha * o).collect();
    let (before, after) = (system.kernel(origin, &data.kernel.x), system.kernel(w, &data.kernel.x));
    let minus = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>();
    let layers = shape.layout();
    let first = layers[0].range.clone();
    let seen = shape.inputs - usize::from(plan.bias > 0.0);
    let y = &data.kernel.y;
    let result = RunResult {
        seed: ended.seed,
        end: ended.end,
        steps: ended.steps,
        time: ended.time,
        unmet: gaps.iter().filter(|g| **g < 0.0).count() as u64,
        train_error: gaps.iter().filter(|g| **g <= -1.0).count() as f64 / gaps.len() as f64,
        test_error: error(&outputs, &data.test.y),
        kernel_change: norm(&minus(&after, &before)) / norm(&before),
        alignment: [alignment(&before, y), alignment(&after, y)],
        displacement: (layers.iter().map(|l| l.range.clone()))
            .map(|r| norm(&minus(&w[r.clone()], &origin[r.clone()])) / norm(&origin[r]))
            .collect(),
        weight_norm: layers.iter().map(|l| norm(&w[l.range.clone()])).collect(),
        moved: (shape.hidden as f64).sqrt() * norm(&minus(w, origin)) / norm(origin),
        amplification: [origin, w].map(|w| amplification(&w[first.clone()], shape.inputs, seen)),
        spectrum: [spectrum(before, y)?, spectrum(after, y)?],
    };
    Ok((result, outputs))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Theta = y y^T: alignment 1, one eigenvalue K that has all of y. The unit matrix: 1/sqrt(K), eigenvalues 1, weights that sum
    /// to 1. Weights 3 along input 1 against 1 and 2 along the others: Lambda = 3/1.5.
    #[test]
    fn closed_forms_of_alignment_spectrum_and_amplification() {
        let y: Vec<f64> = (0..16).map(|k| if k % 3 == 0 { 1.0 } else { -1.0 }).collect();
        let outer: Vec<f64> = y.iter().flat_map(|a| y.iter().map(move |b| a * b)).collect();
        assert!((alignment(&outer, &y) - 1.0).abs() < 1e-12);
        let found = spectrum(outer, &y).unwrap();
        assert_eq!(found.len(), EIGENVALUES);
        assert!((found[0][0] - 16.0).abs() < 1e-12 && (found[0][1] - 1.0).abs() < 1e-12, "{found:?}");
        assert!(found[1..].iter().all(|f| f[0].abs() < 1e-12 && f[1].abs() < 1e-12));
        let unit: Vec<f64> = (0..256).map(|k| f64::from(u8::from(k % 17 == 0))).collect();
        assert!((alignment(&unit, &y) - 0.25).abs() < 1e-12);
        assert!(spectrum(unit, &y).unwrap().iter().all(|f| (f[0] - 1.0).abs() < 1e-12));
        assert!((amplification(&[3.0, 1.0, -2.0, -3.0, 1.0, 2.0], 3, 3) - 2.0).abs() < 1e-12);
        assert_eq!(amplification(&[3.0, 1.0, -2.0, -3.0, 1.0, 2.0], 3, 2), 3.0);
        assert_eq!(amplification(&[3.0, 1.0], 1, 1), 1.0);
    }
}
