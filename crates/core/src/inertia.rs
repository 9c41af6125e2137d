//! Masses, velocities and the pieces that integrators with inertia are made of: kicks, drifts, thermal noise.

use crate::{Rng, System};
use rand::RngExt;
use rand_distr::StandardNormal;

/// Masses m `[N]` of the degrees of freedom, and what is known of the conserved momentum.
///
/// Where the System does not change under common shifts ([`System::translations`] = d), the total momentum is zero:
/// velocities and noise are drawn with the velocity of the centre of mass taken out, which leaves N - d directions of
/// kinetic energy.
pub struct Inertia {
    masses: Vec<f64>,
    shifts: usize,
}

impl Inertia {
    /// The masses of a System, 1 where it names none.
    pub fn of(system: &dyn System) -> Self {
        let n = system.dof();
        let masses = system.masses().map_or_else(|| vec![1.0; n], <[f64]>::to_vec);
        assert_eq!(masses.len(), n, "one mass for each degree of freedom");
        Self { masses, shifts: system.translations() }
    }

    /// Number of directions that hold kinetic energy: N, or N - d at zero total momentum.
    pub fn directions(&self) -> f64 {
        (self.masses.len() - self.shifts.min(self.masses.len())) as f64
    }

    /// Kinetic energy K = sum_i m_i v_i^2/2. At equilibrium its mean is T/2 for each of the [`Inertia::directions`].
    pub fn kinetic_energy(&self, v: &[f64]) -> f64 {
        let terms: Vec<f64> = v.iter().zip(&self.masses).map(|(v, m)| m * v * v).collect();
        0.5 * crate::sum::sum(&terms)
    }

    /// Takes the velocity of the centre of mass, sum m v/sum m along each of the d shifts, out of v.
    pub fn rest(&self, v: &mut [f64]) {
        let d = self.shifts;
        for k in 0..d {
            let along = || v.iter().zip(&self.masses).skip(k).step_by(d);
            let (momentum, mass) = along().fold((0.0, 0.0), |(p, m), (v, w)| (p + w * v, m + w));
            v.iter_mut().skip(k).step_by(d).for_each(|v| *v -= momentum / mass);
        }
    }

    /// Draws v from Maxwell's law at temperature T, v_i normal of variance T/m_i, at zero total momentum.
    ///
    /// Source: Maxwell 1860, doi:10.1080/14786446008642818.
    pub fn draw(&self, rng: &mut Rng, temperature: f64, v: &mut [f64]) {
        for (v, m) in v.iter_mut().zip(&self.masses) {
            *v = (temperature / m).sqrt() * rng.sample::<f64, _>(StandardNormal);
        }
        self.rest(v);
    }

    /// v <- v + h F/m.
    pub fn kick(&self, force: &[f64], h: f64, v: &mut [f64]) {
        for ((v, f), m) in v.iter_mut().zip(force).zip(&self.masses) {
            *v += h * f / m;
        }
    }

    /// v <- k v + sqrt((1 - k^2) T/m) xi, xi standard normal: friction and noise for a time -ln(k)/friction, exactly,
    /// at zero total momentum.
    pub fn thermalise(&self, rng: &mut Rng, temperature: f64, keep: f64, v: &mut [f64]) {
        let unit = (temperature * (1.0 - keep * keep)).sqrt();
        for (v, m) in v.iter_mut().zip(&self.masses) {
            let noise = if unit > 0.0 { rng.sample::<f64, _>(StandardNormal) } else { 0.0 };
            *v = keep * *v + unit / m.sqrt() * noise;
        }
        self.rest(v);
    }
}

/// x <- x + h v.
pub fn drift(v: &[f64], h: f64, x: &mut [f64]) {
    x.iter_mut().zip(v).for_each(|(x, v)| *x += h * v);
}
