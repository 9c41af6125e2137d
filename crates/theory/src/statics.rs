//! Static constants of the pure spherical p-spin model, f(q) = q^p/2, each from its equation.

use glasslab_core::Fault;

/// What stays of the dynamics at infinite time, temperature T, random start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aging {
    /// Edwards-Anderson overlap q_EA: the plateau of C(t_w + t, t_w); 0 above T_d.
    pub plateau: f64,
    /// Violation X of the fluctuation-dissipation theorem in the aging regime; 1 above T_d.
    pub violation: f64,
    /// Effective temperature T/X of the aging regime; T above T_d.
    pub effective_temperature: f64,
    /// Energy e_inf per N at infinite time.
    pub energy: f64,
}

/// Root of an increasing or decreasing function in [low, high], to rounding, by bisection.
fn root(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> f64 {
    let rising = f(high) > 0.0;
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if (f(middle) > 0.0) == rising { high = middle } else { low = middle }
    }
    0.5 * (low + high)
}

fn order(p: u32, least: u32) -> Result<f64, Fault> {
    if (least..=64).contains(&p) {
        Ok(f64::from(p))
    } else {
        Err(Fault::input("p", p, format!("give a whole number from {least} to 64")))
    }
}

/// Threshold energy per N, E_th = -sqrt(2(p-1)/p): where the Hessian's edge reaches zero, and where gradient descent
/// from a random start ends. O(1). p >= 2.
/// Source: A. Crisanti, H.-J. Sommers, J. Phys. I France 5, 805 (1995), doi:10.1051/jp1:1995164.
/// Checked by `three_spin_constants`.
pub fn threshold_energy(p: u32) -> Result<f64, Fault> {
    let p = order(p, 2)?;
    Ok(-(2.0 * (p - 1.0) / p).sqrt())
}

/// Complexity: (1/N) log of the number of minima of energy `e` per N, for e <= E_th; decreases to zero at E_gs.
/// Sigma(e) = [(2-p)/p - ln(p z^2/2) + (p-1) z^2/2 - 2/(p^2 z^2)]/2, z = [-e - sqrt(e^2 - E_th^2)]/(p-1). O(1). p >= 3.
/// Source: Crisanti and Sommers 1995. Checked by `three_spin_constants`.
pub fn complexity(p: u32, e: f64) -> Result<f64, Fault> {
    let (threshold, order) = (threshold_energy(p)?, order(p, 3)?);
    if e.is_nan() || e > threshold {
        return Err(Fault::input("e", e, format!("give an energy of at most the threshold {threshold}")));
    }
    Ok(complexity_below(order, threshold, e))
}

fn complexity_below(p: f64, threshold: f64, e: f64) -> f64 {
    let z = (-e - (e * e - threshold * threshold).max(0.0).sqrt()) / (p - 1.0);
    let z2 = z * z;
    0.5 * ((2.0 - p) / p - (p * z2 / 2.0).ln() + (p - 1.0) * z2 / 2.0 - 2.0 / (p * p * z2))
}

/// Ground-state energy per N: the zero of the complexity. O(1). p >= 3 (for p = 2 it is the threshold, -1).
/// Source: Crisanti and Sommers 1995. Checked by `three_spin_constants` and by `ground_state_is_that_of_one_step`.
pub fn ground_state_energy(p: u32) -> Result<f64, Fault> {
    let (threshold, order) = (threshold_energy(p)?, order(p, 3)?);
    Ok(root(3.0 * threshold, threshold, |e| complexity_below(order, threshold, e)))
}

/// Dynamical transition temperature T_d = sqrt[(p/2) (p-2)^(p-2) / (p-1)^(p-1)]. O(1). p >= 2 (T_d = 1 at p = 2).
/// Source: Crisanti, Horner, Sommers 1993. Checked by `three_spin_constants`.
pub fn dynamical_temperature(p: u32) -> Result<f64, Fault> {
    let k = order(p, 2)?;
    Ok((0.5 * k * (k - 2.0).powi(p as i32 - 2) / (k - 1.0).powi(p as i32 - 1)).sqrt())
}

/// Static transition temperature T_K and the overlap that appears there: one-step replica symmetry breaking at m = 1,
/// q^2/[p(1-q)] + ln(1-q) + q = 0, T_K^2 = (p/2) q^(p-2) (1-q). O(1). p >= 3.
/// Source: A. Crisanti, H.-J. Sommers, Z. Phys. B 87, 341 (1992), doi:10.1007/BF01309287.
/// Checked by `three_spin_constants`.
pub fn static_temperature(p: u32) -> Result<(f64, f64), Fault> {
    let k = order(p, 3)?;
    // The function starts at q = 0 like q^2 (1/p - 1/2) < 0 and ends at +infinity: one root.
    let q = root(1e-3, 1.0 - 1e-15, |q| q * q / (k * (1.0 - q)) + (1.0 - q).ln() + q);
    Ok(((0.5 * k * q.powi(p as i32 - 2) * (1.0 - q)).sqrt(), q))
}

/// The state that aging from a random start approaches at temperature T >= 0. Below T_d marginality gives
/// [p(p-1)/2] q^(p-2) (1-q)^2 = T^2 (the larger root), X = (p-2)(1-q)/q, e = -[1 - (1-X) q^p]/(2T); at T = 0 the limits
/// q = 1, T/X = sqrt(p(p-1)/2)/(p-2), e = E_th. Above T_d: q = 0, X = 1, e = -1/(2T). O(1). p >= 3.
/// Source: Cugliandolo and Kurchan 1993. Checked by `aging_states_of_the_three_spin`.
pub fn aging(p: u32, temperature: f64) -> Result<Aging, Fault> {
    let k = order(p, 3)?;
    if !(temperature.is_finite() && temperature >= 0.0) {
        return Err(Fault::input("temperature", temperature, "give a finite number >= 0"));
    }
    let half = 0.5 * k * (k - 1.0);
    if temperature > dynamical_temperature(p)? {
        let energy = -0.5 / temperature;
        return Ok(Aging { plateau: 0.0, violation: 1.0, effective_temperature: temperature, energy });
    }
    if temperature == 0.0 {
        let effective_temperature = half.sqrt() / (k - 2.0);
        let energy = threshold_energy(p)?;
        return Ok(Aging { plateau: 1.0, violation: 0.0, effective_temperature, energy });
    }
    // In r = 1 - q, so that small temperatures lose no digits; the maximum of the left side is at r = 2/p.
    let r = root(0.0, 2.0 / k, |r| (half * (1.0 - r).powi(p as i32 - 2)).sqrt() * r - temperature);
    let q = 1.0 - r;
    let violation = (k - 2.0) * r / q;
    // 1 - q^p through ln_1p, for the same reason.
    let lost = -(k * (-r).ln_1p()).exp_m1();
    let energy = -0.5 / temperature * (lost + violation * (1.0 - lost));
    Ok(Aging { plateau: q, violation, effective_temperature: temperature / violation, energy })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_spin_constants() {
        // Source: glasses notes, computed independently; six digits given.
        let close = |a: f64, b: f64| assert!((a - b).abs() < 6e-7, "{a} {b}");
        close(threshold_energy(3).unwrap(), -1.154701);
        close(ground_state_energy(3).unwrap(), -1.171675);
        close(complexity(3, threshold_energy(3).unwrap()).unwrap(), 0.013240);
        close(dynamical_temperature(3).unwrap(), 0.612372);
        let (t, q) = static_temperature(3).unwrap();
        close(t, 0.586054);
        close(q, 0.645007);
        assert_eq!(dynamical_temperature(2).unwrap(), 1.0);
        assert_eq!(threshold_energy(2).unwrap(), -1.0);
    }

    #[test]
    fn ground_state_is_that_of_one_step() {
        // One-step replica symmetry breaking at T -> 0 with m = y T, q = 1 - r T:
        // e = max over r, y of -(y + p r)/4 - ln(1 + y/r)/(2y). With w = y/r: r^2 = 2/[p(1+w)],
        // (1+w) ln(1+w) = w + w^2/p, and there e = -(y + p r)/2. Source: Crisanti and Sommers 1992, its limit T -> 0.
        for p in [3_u32, 4, 7] {
            let k = f64::from(p);
            let w = root(1e-3, 1e6, |w| w + w * w / k - (1.0 + w) * w.ln_1p());
            let r = (2.0 / (k * (1.0 + w))).sqrt();
            let e = -0.5 * (w * r + k * r);
            assert!((e - ground_state_energy(p).unwrap()).abs() < 1e-9, "p = {p}: {e}");
        }
    }

    #[test]
    fn aging_states_of_the_three_spin() {
        // Source: glasses notes, table of long-time values; six digits given.
        for (t, q, x, e) in [
            (0.1, 0.940466, 0.063303, -1.104189),
            (0.2, 0.876675, 0.140673, -1.052513),
            (0.3, 0.807219, 0.238822, -0.999386),
            (0.4, 0.729638, 0.370543, -0.944368),
            (0.5, 0.638824, 0.565376, -0.886693),
            (0.55, 0.584739, 0.710164, -0.856411),
            (0.6, 0.519285, 0.925725, -0.824666),
        ] {
            let a = aging(3, t).unwrap();
            for (found, given) in [(a.plateau, q), (a.violation, x), (a.energy, e)] {
                assert!((found - given).abs() < 6e-7, "T = {t}: {found} {given}");
            }
        }
        let cold = aging(3, 0.0).unwrap();
        assert!((cold.effective_temperature - 3.0_f64.sqrt()).abs() < 1e-12);
        let near = aging(3, 1e-9).unwrap();
        assert!((near.energy - cold.energy).abs() < 1e-8);
        assert!((near.effective_temperature - cold.effective_temperature).abs() < 1e-8);
        let hot = aging(3, 0.7).unwrap();
        assert_eq!((hot.plateau, hot.violation, hot.energy), (0.0, 1.0, -0.5 / 0.7));
    }

    #[test]
    fn what_has_no_answer_is_refused() {
        assert!(complexity(3, -1.0).is_err());
        assert!(ground_state_energy(2).is_err());
        assert!(aging(3, -0.1).is_err());
        assert!(aging(3, f64::NAN).is_err());
        assert!(threshold_energy(1).is_err());
    }
}
