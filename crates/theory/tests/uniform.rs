//! The uniform reference against closed forms, identities and tabulated numbers.

use glasslab_theory::uniform::{Uniform, extrapolated};
use glasslab_theory::{MeanField, Start};

#[path = "exact.rs"]
mod exact;

/// e(t) of the 3-spin at T = 0 from a random start with its errors. Source: an independent solver of second order
/// (Heun and trapezoid), extrapolated from h = 0.0125, 0.025, 0.05.
const TABLE: [(f64, f64, f64); 7] = [
    (1.0, -0.782508, 5e-6),
    (2.0, -0.926220, 5e-6),
    (5.0, -1.035657, 1e-5),
    (10.0, -1.081600, 1e-5),
    (20.0, -1.109509, 1e-5),
    (50.0, -1.13056, 2e-5),
    (100.0, -1.13964, 1e-4),
];

fn index(t: f64, step: f64) -> usize {
    (t / step).round() as usize
}

/// Largest errors of e, C and R of the two-spin model against its closed form.
fn two_spin_errors(step: f64) -> [f64; 3] {
    let run = Uniform::solve(&MeanField::pure(2, 0.0, 8.0), step).unwrap();
    let mut worst = [0.0_f64; 3];
    for i in 0..=run.steps() {
        let t = i as f64 * step;
        worst[0] = worst[0].max((run.energy[i] - exact::energy(t)).abs());
        for j in 0..=i {
            let s = j as f64 * step;
            worst[1] = worst[1].max((run.correlation(i, j) - exact::correlation(t, s)).abs());
            worst[2] = worst[2].max((run.response(i, j) - exact::response(t, s)).abs());
        }
    }
    worst
}

#[test]
fn two_spin_closed_form() {
    // Source: Cugliandolo and Dean, J. Phys. A 28, 4213 (1995), doi:10.1088/0305-4470/28/15/003, at T = 0.
    // Bound: twice h^4, from the order test below.
    let worst = two_spin_errors(0.05);
    for e in worst {
        assert!(e < 2.0 * 0.05_f64.powi(4), "{worst:?}");
    }
}

#[test]
fn order_of_the_uniform_grid() {
    let (coarse, fine) = (two_spin_errors(0.1), two_spin_errors(0.05));
    for (a, b) in coarse.iter().zip(&fine) {
        assert!((a / b).log2() > 3.7, "{coarse:?} {fine:?}");
    }
}

#[test]
fn table_at_zero_temperature() {
    let run = extrapolated(&MeanField::pure(3, 0.0, 20.0), 0.1).unwrap();
    for (t, e, error) in TABLE.into_iter().filter(|row| row.0 <= 20.0) {
        let i = index(t, 0.1);
        assert!((run.energy[i] - e).abs() < error + run.error[i], "t = {t}: {} {e}", run.energy[i]);
        assert!(run.error[i] < if t < 2.0 { 2e-5 } else { 1e-5 }, "t = {t}: error {}", run.error[i]);
    }
}

#[test]
#[ignore = "slow: 20 s, a uniform grid of 2000 steps"]
fn table_up_to_one_hundred() {
    let run = extrapolated(&MeanField::pure(3, 0.0, 100.0), 0.1).unwrap();
    for (t, e, error) in TABLE {
        let i = index(t, 0.1);
        assert!((run.energy[i] - e).abs() < error + run.error[i], "t = {t}: {} {e}", run.energy[i]);
        assert!(run.error[i] < if t < 2.0 { 2e-5 } else { 1e-5 }, "t = {t}: error {}", run.error[i]);
    }
    // Falling all the time and never below the threshold.
    let threshold = glasslab_theory::statics::threshold_energy(3).unwrap();
    assert!(run.energy.windows(2).all(|e| e[1] < e[0] && e[1] > threshold));
}

#[test]
fn energies_at_half_temperature() {
    // Source: glasses notes: T = 0.5, to 2e-3.
    let run = Uniform::solve(&MeanField::pure(3, 0.5, 20.0), 0.1).unwrap();
    for (t, e) in [(1.0, -0.587), (5.0, -0.769), (10.0, -0.808), (20.0, -0.834)] {
        assert!((run.energy[index(t, 0.1)] - e).abs() < 2e-3);
    }
}

#[test]
fn first_slope_and_gradient_identity() {
    // e(t) = -f'(1) t at first; at T = 0, de/dt = -|grad|^2/N, and |grad|^2/N = (d/dt)(d/dt') C at t' = t.
    let (h, model) = (0.01, MeanField::pure(3, 0.0, 1.0));
    let run = Uniform::solve(&model, h).unwrap();
    let slope = (-3.0 * run.energy[0] + 4.0 * run.energy[1] - run.energy[2]) / (2.0 * h);
    // The third derivative of e is of order mu^3 = 40: error of the slope h^2/3 of it.
    assert!((slope + 1.5).abs() < 40.0 * h * h / 3.0, "{slope}");
    for i in [20, 50, 90] {
        let e = &run.energy;
        let de = (8.0 * (e[i + 1] - e[i - 1]) - (e[i + 2] - e[i - 2])) / (12.0 * h);
        // C is smooth across t' = t at T = 0: |dx/dt|^2 = 2[1 - C(t + h, t - h)]/(2h)^2, and the same with 2h.
        let speed = |k: usize| 2.0 * (1.0 - run.correlation(i + k, i - k)) / (2.0 * k as f64 * h).powi(2);
        let squared = (4.0 * speed(1) - speed(2)) / 3.0;
        assert!((de + squared).abs() < 1e-5, "{de} {squared}");
        assert!((run.energy[i] + run.multiplier[i] / 3.0).abs() < 1e-12);
    }
}

#[test]
fn equilibrium_is_stationary() {
    // From equilibrium at T = 0.7 > T_d: e = -1/(2T), C depends on t - t' alone, T R = -dC/dt.
    let (t, h) = (0.7, 0.05);
    let mut model = MeanField::pure(3, t, 10.0);
    model.start = Start::Equilibrium(t);
    let run = Uniform::solve(&model, h).unwrap();
    // Bound: 10 h^4 everywhere (the first rows have the largest error), a tenth of it from t = 1 on.
    for i in 0..=200 {
        let bound = h.powi(4) * if i < 20 { 10.0 } else { 1.0 };
        assert!((run.energy[i] + 0.5 / t).abs() < bound, "{i}: {}", run.energy[i]);
    }
    for lag in [5, 20, 60] {
        assert!((run.correlation(200, 200 - lag) - run.correlation(lag, 0)).abs() < 10.0 * h.powi(4));
        // chi = [1 - C]/T is the integrated form of the theorem.
        let chi = run.integrated_response(200, 200 - lag);
        assert!((t * chi - (1.0 - run.correlation(200, 200 - lag))).abs() < 10.0 * h.powi(4));
    }
}

#[test]
fn the_same_bytes_on_any_number_of_threads() {
    let solve = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| Uniform::solve(&MeanField::pure(3, 0.2, 15.0), 0.1).unwrap())
    };
    let (one, two) = (solve(1), solve(2));
    assert!(one.energy.iter().zip(&two.energy).all(|(a, b)| a.to_bits() == b.to_bits()));
    assert_eq!(one.correlation(150, 3).to_bits(), two.correlation(150, 3).to_bits());
}

#[test]
fn steps_that_cannot_work_are_refused() {
    for step in [0.0, -1.0, f64::NAN, 0.5] {
        let fault = Uniform::solve(&MeanField::pure(3, 0.0, 1.0), step).unwrap_err().to_string();
        assert!(fault.contains("step"), "{fault}");
    }
    assert!(Uniform::solve(&MeanField::pure(3, 0.0, 1e6), 0.1).unwrap_err().to_string().contains("at least 5e1"));
}
