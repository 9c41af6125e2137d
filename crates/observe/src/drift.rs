//! Drift against diffusion: how much of a displacement is mean motion.

use crate::curves::Curves;
use glasslab_core::{Record, Values};

/// The drift fraction of the displacement from a to c through b, from mean-square displacements alone.
///
/// With d1 = x_b - x_a over tau1, d2 = x_c - x_b over tau2, and |d1 + d2|^2 = |d1|^2 + |d2|^2 + 2 d1.d2,
/// `d1.d2 = (N/2) [Delta(a,c) - Delta(a,b) - Delta(b,c)]`, and
///
/// `phi = d1.d2 (tau1 + tau2)^2 / (tau1 tau2 |d1 + d2|^2)`.
///
/// 1 for uniform drift: d1.d2 = v^2 tau1 tau2 and |d1 + d2|^2 = v^2 (tau1 + tau2)^2. 0 for diffusion, where the mean of
/// d1.d2 vanishes. For drift v and diffusion 2 D N t together, phi = v^2 T/(v^2 T + 2 D N), T = tau1 + tau2: the part of
/// the mean-square displacement that is drift. Negative for confinement, where steps are undone. NaN if c = a in space.
/// Checked by `drift::tests`.
pub fn drift_fraction(tau1: f64, delta_ab: f64, tau2: f64, delta_bc: f64, delta_ac: f64) -> f64 {
    let product = (delta_ac - delta_ab - delta_bc) / 2.0;
    let total = tau1 + tau2;
    product * total * total / (tau1 * tau2 * delta_ac)
}

/// A drift fraction in words. Below 0 it is no share: steps are undone.
pub fn motion(drift: f64) -> &'static str {
    match drift {
        v if v > 0.75 => "mostly directed motion",
        v if v > 0.25 => "directed motion and diffusion together",
        v if v > -0.25 => "like diffusion",
        _ => "confined: steps are undone",
    }
}

/// Drift fractions `drift` `[replica, waiting_time a, middle_time b]`: from each waiting time a, through each later one b,
/// to the measured time c nearest to 2b - a (two halves of equal length; within a fifth of b - a, else NaN), and the
/// coordinate `middle_time`. The Delta in `curves` must be raw, not rescaled. Cost O(R K^2 log times).
pub fn drift_fractions(curves: &Curves) -> (Record, Record) {
    let (replicas, waits, time) = (curves.replicas(), curves.waiting.len(), &curves.time);
    let mut values = vec![f64::NAN; replicas * waits * waits];
    let exactly = |t: f64| time.iter().position(|&s| s == t);
    for i in 0..waits {
        for j in i + 1..waits {
            let (a, b) = (curves.waiting[i], curves.waiting[j]);
            let aim = 2.0 * b - a;
            let after = time.partition_point(|&t| t < aim);
            let near = [after.checked_sub(1), Some(after)].into_iter().flatten().filter(|&t| t < time.len());
            let best = near.min_by(|&s, &t| (time[s] - aim).abs().total_cmp(&(time[t] - aim).abs()));
            let (Some(end), Some(middle)) = (best, exactly(b)) else { continue };
            if (time[end] - aim).abs() > 0.2 * (b - a) {
                continue;
            }
            for r in 0..replicas {
                let [ab, bc, ac] = [curves.value(r, i, middle), curves.value(r, j, end), curves.value(r, i, end)];
                values[(r * waits + i) * waits + j] = drift_fraction(b - a, ab, time[end] - b, bc, ac);
            }
        }
    }
    let about = "drift fraction of the displacement from t_w through middle_time b to about 2b - t_w: 1 uniform drift, \
                 0 diffusion, negative confinement; phi = d1.d2 (tau1+tau2)^2/(tau1 tau2 |d1+d2|^2)";
    let dims = [("replica", replicas), ("waiting_time", waits), ("middle_time", waits)];
    let middle = match curves.unit.as_str() {
        "steps" => Values::I64(curves.waiting.iter().map(|&w| w as i64).collect()),
        _ => Values::F64(curves.waiting.clone()),
    };
    let middle = Record::coordinate("middle_time", "the time b between the two displacements", &curves.unit, middle);
    (Record::new("drift", about, "1", &dims, values), middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curves(delta: impl Fn(f64, f64) -> f64) -> Curves {
        let (waiting, time) = (vec![0.0, 1.0, 4.0], vec![0.0, 1.0, 2.0, 4.0, 7.0, 8.0]);
        let y = |w: f64, t: f64| if t < w { f64::NAN } else { delta(w, t) };
        let values = waiting.iter().flat_map(|&w| time.iter().map(move |&t| (w, t))).map(|(w, t)| y(w, t)).collect();
        Curves::new("steps", waiting, time, values).unwrap()
    }

    /// Uniform drift 1; diffusion 0; both v^2 T/(v^2 T + 2 D N) = T/(T + 3) here; an oscillator that returns: negative.
    #[test]
    fn fractions_of_exact_motions() {
        let all = |c: Curves| drift_fractions(&c).0.floats().unwrap();
        let pairs = [(1, 2.0), (2, 8.0), (5, 6.0)]; // flat index of (a, b) = (0,1), (0,4), (1,4), and T = c - a
        let (drift, diffusion) = (all(curves(|w, t| (t - w) * (t - w))), all(curves(|w, t| 3.0 * (t - w))));
        let both = all(curves(|w, t| (t - w) * (t - w) + 3.0 * (t - w)));
        for (i, total) in pairs {
            assert!((drift[i] - 1.0).abs() < 1e-14 && diffusion[i].abs() < 1e-14);
            assert!((both[i] - total / (total + 3.0)).abs() < 1e-14);
        }
        assert_eq!(drift.iter().filter(|v| v.is_finite()).count(), 3);
        // Ornstein-Uhlenbeck in equilibrium, Delta = 2(1 - exp(-t)): d1.d2 < 0.
        let bound = all(curves(|w, t| 2.0 * (1.0 - (w - t).exp())));
        assert!(pairs.iter().all(|&(i, _)| bound[i] < -0.1), "{bound:?}");
        // Unequal halves of a drift: 1 as well.
        assert!((drift_fraction(1.0, 1.0, 3.0, 9.0, 16.0) - 1.0).abs() < 1e-15);
    }
}
