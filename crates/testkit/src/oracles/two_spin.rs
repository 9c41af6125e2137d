//! The spherical 2-spin from a random start, solved for N -> infinity.
//!
//! Couplings of variance 1/N have eigenvalues l of semicircle density on [-2, 2], and each mode moves alone:
//! ds_l/dt = (l - z(t)) s_l + noise, z the Lagrange multiplier, Gamma(t) = exp(2 int_0^t z). With
//! G(u) = <exp(2 l u)> = I_1(4u)/(2u) and K(u) = <l exp(2 l u)>/2 = I_2(4u)/(2u):
//! Gamma(t) = G(t) + 2T int_0^t ds G(t-s) Gamma(s),
//! C(t,t') = [G((t+t')/2) + 2T int_0^t' ds G((t+t')/2 - s) Gamma(s)]/sqrt(Gamma(t) Gamma(t')),
//! e(t) = -[K(t) + 2T int_0^t ds K(t-s) Gamma(s)]/Gamma(t); at T = 0, e = -I_2(4t)/I_1(4t).
//!
//! Source: Cugliandolo and Dean 1995, doi:10.1088/0305-4470/28/15/003, whose eigenvalues and energies are the same for
//! J of variance 1/N.

/// exp(-x) I_n(x), x >= 0: the integral (1/pi) int_0^pi exp(x (cos a - 1)) cos(n a) da by the trapezoid rule, which for
/// this periodic integrand is exact to rounding.
pub fn scaled_bessel(n: u32, x: f64) -> f64 {
    let points = 40 + (6.0 * x.sqrt()).ceil() as u32;
    let term = |k: u32| {
        let angle = std::f64::consts::PI * f64::from(k) / f64::from(points);
        (x * (angle.cos() - 1.0)).exp() * (f64::from(n) * angle).cos()
    };
    (0.5 * (term(0) + term(points)) + (1..points).map(term).sum::<f64>()) / f64::from(points)
}

/// The solution on the times 0, h, 2h, ... All exponentials exp(4t) are divided out. The error is O(T h^2), none at T = 0.
pub struct TwoSpin {
    temperature: f64,
    h: f64,
    gamma: Vec<f64>,
}

impl TwoSpin {
    /// Solves up to time (points - 1) h. Cost O(points^2).
    pub fn new(temperature: f64, h: f64, points: usize) -> Self {
        let g: Vec<f64> = (0..points).map(|k| Self::g(k as f64 * h)).collect();
        let mut gamma = Vec::with_capacity(points);
        let weight = 2.0 * temperature * h;
        for k in 0..points {
            // Trapezoid rule; the last term holds Gamma(t) itself, G(0) = 1.
            let history: f64 = (1..k).map(|s| g[k - s] * gamma[s]).sum();
            let value = match k {
                0 => 1.0,
                _ => (g[k] + weight * (history + 0.5 * g[k])) / (1.0 - 0.5 * weight),
            };
            gamma.push(value);
        }
        Self { temperature, h, gamma }
    }

    /// exp(-4u) G(u).
    fn g(u: f64) -> f64 {
        if u < 1e-8 { 1.0 } else { scaled_bessel(1, 4.0 * u) / (2.0 * u) }
    }

    /// exp(-4u) K(u).
    fn k(u: f64) -> f64 {
        if u < 1e-8 { u } else { scaled_bessel(2, 4.0 * u) / (2.0 * u) }
    }

    fn integral(&self, kernel: fn(f64) -> f64, time: f64, last: usize) -> f64 {
        let term = |s: usize| kernel(time - s as f64 * self.h) * self.gamma[s];
        match last {
            0 => 0.0,
            _ => {
                let ends = 0.5 * (term(0) + term(last));
                2.0 * self.temperature * self.h * (ends + (1..last).map(term).sum::<f64>())
            }
        }
    }

    /// Energy per spin at time k h. Cost O(k).
    pub fn energy(&self, k: usize) -> f64 {
        let time = k as f64 * self.h;
        -(Self::k(time) + self.integral(Self::k, time, k)) / self.gamma[k]
    }

    /// C at times k h and w h, w <= k. Cost O(w).
    pub fn correlation(&self, k: usize, w: usize) -> f64 {
        let middle = 0.5 * (k + w) as f64 * self.h;
        let value = Self::g(middle) + self.integral(Self::g, middle, w);
        value / (self.gamma[k] * self.gamma[w]).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// I_1(2), I_2(2) and I_1(10) from Abramowitz and Stegun 1964, tables 9.8 and 9.11 (10 digits).
    #[test]
    fn bessel_functions_match_tables() {
        for (n, x, value) in [(1, 2.0, 1.5906368546), (2, 2.0, 0.6889484477), (1, 10.0, 2670.9883037)] {
            assert!((scaled_bessel(n, x) * f64::exp(x) / value - 1.0).abs() < 1e-9, "I_{n}({x})");
        }
    }

    /// T = 0: e = -t at short times and -1 + 3/(8t) at long ones. T > 0: e -> -1 + T/2 below T = 1, like t^-1 and slower;
    /// -1/(2T) above. C(t,t) = 1. The grid error falls as h^2.
    #[test]
    fn limits() {
        let cold = TwoSpin::new(0.0, 0.01, 2);
        assert!((cold.energy(1) + 0.01).abs() < 1e-5);
        let late = TwoSpin::new(0.0, 10.0, 11);
        assert!((late.energy(10) + 1.0 - 3.0 / 800.0).abs() < 3e-5);
        let hot = TwoSpin::new(2.0, 0.01, 1001);
        assert!((hot.energy(1000) + 0.25).abs() < 1e-3, "{}", hot.energy(1000));
        let cool = TwoSpin::new(0.5, 0.02, 2001);
        assert!((cool.energy(2000) + 0.75).abs() < 0.02, "{}", cool.energy(2000));
        for k in [1, 100, 1000] {
            assert!((hot.correlation(k, k) - 1.0).abs() < 1e-9);
        }
        let error =
            |h: f64, k: usize| TwoSpin::new(1.0, h, k + 1).energy(k) - TwoSpin::new(1.0, 0.002, 1001).energy(1000);
        let ratio = error(0.04, 50) / error(0.02, 100);
        assert!((3.5..4.5).contains(&ratio), "{ratio}");
    }
}
