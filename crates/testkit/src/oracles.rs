//! Exact results: Brownian motion, Ornstein-Uhlenbeck, the trap model's arcsine law, the spherical 2-spin.

pub mod two_spin;

/// Displacement of Brownian motion, Delta(t) = 2 T t, exact also for any time step.
pub fn brownian_displacement(temperature: f64, time: f64) -> f64 {
    2.0 * temperature * time
}

/// Ornstein-Uhlenbeck under Euler-Maruyama, exactly: x <- a x + sqrt(2 T dt) xi, a = 1 - k dt.
#[derive(Clone, Copy, Debug)]
pub struct EulerOrnsteinUhlenbeck {
    /// k.
    pub stiffness: f64,
    /// T.
    pub temperature: f64,
    /// dt.
    pub step_size: f64,
}

impl EulerOrnsteinUhlenbeck {
    fn factor(&self) -> f64 {
        1.0 - self.stiffness * self.step_size
    }

    /// Variance after `steps` steps from variance (about 0) `start`: s^2 + a^(2n) (start - s^2), with the stationary
    /// s^2 = T/[k (1 - k dt/2)].
    pub fn variance(&self, start: f64, steps: u64) -> f64 {
        let stationary = self.temperature / (self.stiffness * (1.0 - 0.5 * self.stiffness * self.step_size));
        stationary + self.factor().powi(2 * steps as i32) * (start - stationary)
    }

    /// Delta(n_w, n_w + n) = (1 - a^n)^2 v(n_w) + s^2 (1 - a^(2n)), v(n_w) the variance at n_w.
    pub fn displacement(&self, start: f64, waiting: u64, steps: u64) -> f64 {
        let decay = self.factor().powi(steps as i32);
        (1.0 - decay).powi(2) * self.variance(start, waiting) + self.variance(0.0, steps)
    }
}

/// The arcsine law of the trap model, x = T/T_g in (0, 1), ratio = t/t_w:
/// Pi = (sin(pi x)/pi) int_z^1 du (1-u)^(x-1) u^(-x), z = t/(t + t_w), the probability of no hop in (t_w, t_w + t).
///
/// Source: Bouchaud 1992, doi:10.1051/jp1:1992238; Dynkin 1961. Both singular ends are taken out by substitution; the
/// error is below 1e-8. Checked by `arcsine_law_at_one_half`.
pub fn arcsine_law(x: f64, ratio: f64) -> f64 {
    let z = ratio / (1.0 + ratio);
    let simpson = |a: f64, b: f64, f: &dyn Fn(f64) -> f64| {
        let panels = 2000;
        let h = (b - a) / f64::from(2 * panels);
        let weight = |k: i32| if k == 0 || k == 2 * panels { 1.0 } else { f64::from(2 + 2 * (k % 2)) };
        h / 3.0 * (0..=2 * panels).map(|k| weight(k) * f(a + f64::from(k) * h)).sum::<f64>()
    };
    // v = (1-u)^x from u = max(z, 1/2) to 1, w = u^(1-x) from z to 1/2.
    let upper = simpson(0.0, (1.0 - z.max(0.5)).powf(x), &|v| (1.0 - v.powf(1.0 / x)).powf(-x)) / x;
    let y = 1.0 - x;
    let lower = match z < 0.5 {
        true => simpson(z.powf(y), 0.5_f64.powf(y), &|w| (1.0 - w.powf(1.0 / y)).powf(x - 1.0)) / y,
        false => 0.0,
    };
    (std::f64::consts::PI * x).sin() / std::f64::consts::PI * (upper + lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x = 1/2: Pi = 1 - (2/pi) asin(sqrt z); any x: Pi -> 1 for t << t_w, and Pi(x, r) + Pi(1-x, 1/r) = 1.
    #[test]
    fn arcsine_law_at_one_half() {
        for ratio in [0.01_f64, 0.3, 1.0, 2.5, 40.0] {
            let z = ratio / (1.0 + ratio);
            let exact = 1.0 - 2.0 / std::f64::consts::PI * z.sqrt().asin();
            assert!((arcsine_law(0.5, ratio) - exact).abs() < 1e-8, "{ratio}");
            assert!((arcsine_law(0.3, ratio) + arcsine_law(0.7, 1.0 / ratio) - 1.0).abs() < 1e-6, "{ratio}");
        }
    }

    /// The closed forms against the recursions that define them.
    #[test]
    fn euler_ornstein_uhlenbeck_is_its_recursion() {
        let ou = EulerOrnsteinUhlenbeck { stiffness: 2.0, temperature: 0.7, step_size: 0.1 };
        let a: f64 = 0.8;
        let mut variance = 0.5;
        for steps in 0..20 {
            assert!((ou.variance(0.5, steps) - variance).abs() < 1e-14);
            variance = a * a * variance + 2.0 * 0.7 * 0.1;
        }
        let noise: f64 = (0..5).map(|k| a.powi(2 * k) * 2.0 * 0.7 * 0.1).sum();
        let exact = (a.powi(5) - 1.0).powi(2) * ou.variance(0.5, 3) + noise;
        assert!((ou.displacement(0.5, 3, 5) - exact).abs() < 1e-14);
    }
}
