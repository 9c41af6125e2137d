//! What is known of the pure spherical p-spin for N -> infinity, in the convention f(q) = q^p/2.

/// Threshold energy per spin, E_th = -sqrt(2(p-1)/p): where gradient descent from a random start ends (p >= 3), and the
/// ground state for p = 2.
///
/// Source: Cugliandolo and Kurchan 1993, doi:10.1103/PhysRevLett.71.173. -1.154701 for p = 3, -1 for p = 2.
pub fn threshold_energy(p: usize) -> f64 {
    -(2.0 * (p as f64 - 1.0) / p as f64).sqrt()
}

/// Dynamical transition temperature T_d = sqrt[(p/2)(p-2)^(p-2)/(p-1)^(p-1)] (0^0 = 1): 0.612372 for p = 3, and the
/// transition temperature 1 for p = 2.
///
/// Source: Crisanti, Horner and Sommers 1993, doi:10.1007/BF01312184.
pub fn dynamical_temperature(p: usize) -> f64 {
    let (a, b) = (p as f64 - 2.0, p as f64 - 1.0);
    (p as f64 / 2.0 * a.powi(p as i32 - 2) / b.powi(p as i32 - 1)).sqrt()
}

/// The aging state below T_d: plateau q of the correlation and ratio X of response to correlation beyond it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aging {
    /// Edwards-Anderson order parameter q_EA.
    pub plateau: f64,
    /// Fluctuation-dissipation ratio X; the effective temperature is T/X.
    pub ratio: f64,
}

/// The aging state at 0 < T < T_d, p >= 3: (p(p-1)/2) q^(p-2) (1-q)^2 = T^2 on the branch q > (p-2)/p, and
/// X = (p-2)(1-q)/q; p = 2: q = 1 - T, X = 0. `None` elsewhere.
///
/// Source: Cugliandolo and Kurchan 1993, doi:10.1103/PhysRevLett.71.173.
/// Checked by: the table of values for p = 3 in this file's tests.
pub fn aging(p: usize, temperature: f64) -> Option<Aging> {
    if !(temperature > 0.0 && temperature < dynamical_temperature(p)) {
        return None;
    }
    let p = p as f64;
    let excess = |q: f64| p * (p - 1.0) / 2.0 * q.powf(p - 2.0) * (1.0 - q).powi(2) - temperature.powi(2);
    // `excess` falls from positive to negative over the branch.
    let (mut low, mut high) = ((p - 2.0) / p, 1.0);
    while high - low > f64::EPSILON {
        let middle = 0.5 * (low + high);
        if middle == low || middle == high {
            break;
        }
        if excess(middle) > 0.0 { low = middle } else { high = middle }
    }
    let plateau = 0.5 * (low + high);
    Some(Aging { plateau, ratio: (p - 2.0) * (1.0 - plateau) / plateau })
}

/// Energy per spin that a random start tends to at long times (after N -> infinity), and its name.
///
/// T = 0: the threshold. 0 < T < T_d: -(1/2T)[1 - (1-X) q^p], the threshold states at T. T >= T_d: -1/(2T), equilibrium.
/// For p = 2 the same formulas give the equilibrium energy -1 + T/2 below T = 1.
pub fn long_time_energy(p: usize, temperature: f64) -> (f64, &'static str) {
    let name = if p == 2 { "ground state" } else { "threshold" };
    if temperature <= 0.0 {
        return (threshold_energy(p), name);
    }
    match aging(p, temperature) {
        // Written so that nothing cancels at small T: 1 - q^p = (1-q)(1 + q + ... + q^(p-1)).
        Some(Aging { plateau: q, ratio }) => {
            let geometric: f64 = (0..p).map(|k| q.powi(k as i32)).sum();
            let bracket = (1.0 - q) * geometric + ratio * q.powi(p as i32);
            (-bracket / (2.0 * temperature), if p == 2 { "equilibrium" } else { name })
        }
        None => (-0.5 / temperature, "equilibrium"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// p = 3 values computed independently (bisection in another language) from the formulas of Cugliandolo and Kurchan:
    /// (T, q_EA, X, e). Tolerance: half of the last digit given.
    #[test]
    fn three_spin_table() {
        let table = [
            (0.1, 0.940466, 0.063303, -1.104189),
            (0.2, 0.876675, 0.140673, -1.052513),
            (0.3, 0.807219, 0.238822, -0.999386),
            (0.4, 0.729638, 0.370543, -0.944368),
            (0.5, 0.638824, 0.565376, -0.886693),
            (0.55, 0.584739, 0.710164, -0.856411),
            (0.6, 0.519285, 0.925725, -0.824666),
        ];
        for (t, q, x, e) in table {
            let state = aging(3, t).unwrap();
            assert!((state.plateau - q).abs() < 6e-7, "q at T = {t}");
            assert!((state.ratio - x).abs() < 1.1e-6, "X at T = {t}");
            assert!((long_time_energy(3, t).0 - e).abs() < 6e-7, "e at T = {t}");
        }
        assert!((threshold_energy(3) + 1.154701).abs() < 5e-7);
        assert!((dynamical_temperature(3) - 0.612372).abs() < 5e-7);
        assert_eq!(long_time_energy(3, 1.0), (-0.5, "equilibrium"));
    }

    /// The energy is continuous at T = 0 and at T_d, and p = 2 is -1 + T/2 (Kosterlitz, Thouless and Jones 1976).
    #[test]
    fn limits_meet() {
        for p in [2, 3] {
            let td = dynamical_temperature(p);
            let e = |t| long_time_energy(p, t).0;
            assert!((e(1e-7) - e(0.0)).abs() < 1e-6, "T -> 0, p = {p}");
            assert!((e(td * (1.0 - 1e-9)) - e(td)).abs() < 1e-4, "T -> T_d, p = {p}");
        }
        for t in [0.1, 0.5, 0.9] {
            assert!((long_time_energy(2, t).0 - (-1.0 + 0.5 * t)).abs() < 1e-12);
        }
    }
}
