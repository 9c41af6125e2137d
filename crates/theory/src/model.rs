//! What is asked: which model, at which temperature, from which start, until when.

use crate::Covariance;
use crate::statics::static_temperature;
use glasslab_core::{Complaint, Fault};

/// Configuration at t = 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// Uniform on the sphere: equilibrium at infinite temperature.
    Random,
    /// Equilibrium at this temperature, above the static transition T_K of the model: only there are the equations exact
    /// (checked for the pure model, whose T_K is known).
    Equilibrium(f64),
}

/// The dynamics of the spherical p-spin (or mixed p + s) model at N -> infinity:
/// ds_i/dt = -mu(t) s_i - dH/ds_i + noise of variance 2T, gradient descent at T = 0.
///
/// Convention: f(q) = q^p/2, or [(1-w) q^p + w q^s]/2 if mixed. Unit of time: that of the Langevin equation with
/// mobility 1.
/// Source: A. Crisanti, H. Horner, H.-J. Sommers, Z. Phys. B 92, 257 (1993), doi:10.1007/BF01312184;
/// L. F. Cugliandolo, J. Kurchan, Phys. Rev. Lett. 71, 173 (1993), doi:10.1103/PhysRevLett.71.173.
#[derive(Clone, Debug, PartialEq)]
pub struct MeanField {
    /// Number p of spins in an interaction, at least 2.
    pub p: u32,
    /// Second interaction (s, w): order s, at least 2, and its weight w in [0, 1].
    pub s: Option<(u32, f64)>,
    /// Temperature T >= 0 of the dynamics.
    pub temperature: f64,
    /// Configuration at t = 0.
    pub start: Start,
    /// Last time, positive, at most 10^8.
    pub until: f64,
}

impl MeanField {
    /// The pure p-spin model from a random start.
    pub fn pure(p: u32, temperature: f64, until: f64) -> Self {
        Self { p, s: None, temperature, start: Start::Random, until }
    }

    /// The covariance f.
    pub fn covariance(&self) -> Covariance {
        match self.s {
            None => Covariance::new(vec![(self.p, 1.0)]),
            Some((s, w)) => Covariance::new(vec![(self.p, 1.0 - w), (s, w)]),
        }
    }

    /// Inverse temperature of the start, 0 if random.
    pub fn initial_beta(&self) -> f64 {
        match self.start {
            Start::Random => 0.0,
            Start::Equilibrium(t) => 1.0 / t,
        }
    }

    /// All that is wrong with the values.
    pub fn complaints(&self) -> Vec<Complaint> {
        let mut out = Vec::new();
        let order = |field: &str, p: u32, out: &mut Vec<Complaint>| {
            if !(2..=64).contains(&p) {
                out.push(Complaint::new(field, p, "give a whole number from 2 to 64"));
            }
        };
        order("p", self.p, &mut out);
        if let Some((s, w)) = self.s {
            order("s", s, &mut out);
            if !(0.0..=1.0).contains(&w) {
                out.push(Complaint::new("weight", w, "give a number from 0 to 1"));
            }
        }
        if !(self.temperature.is_finite() && self.temperature >= 0.0) {
            out.push(Complaint::new("temperature", self.temperature, "give a finite number >= 0"));
        }
        if let Start::Equilibrium(t) = self.start
            && !(t.is_finite() && t > 0.0)
        {
            out.push(Complaint::new("start", t, "give a finite temperature > 0, or start at random"));
        } else if let (Start::Equilibrium(t), None) = (self.start, self.s) {
            let transition = if self.p == 2 { Ok(1.0) } else { static_temperature(self.p).map(|(t, _)| t) };
            if let Ok(transition) = transition
                && t < transition
            {
                out.push(Complaint::new("start", t, format!("give a temperature of at least T_K = {transition}")));
            }
        }
        if !(self.until > 0.0 && self.until <= 1e8) {
            out.push(Complaint::new("until", self.until, "give a time > 0, at most 1e8"));
        }
        out
    }

    /// `Ok` if every value can be used.
    pub fn check(&self) -> Result<(), Fault> {
        let complaints = self.complaints();
        if complaints.is_empty() { Ok(()) } else { Err(Fault::Input(complaints)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_value_is_named_at_once() {
        let bad = MeanField {
            p: 1,
            s: Some((0, 2.0)),
            temperature: -0.1,
            start: Start::Equilibrium(0.0),
            until: f64::INFINITY,
        };
        let fields: Vec<String> = bad.complaints().into_iter().map(|c| c.field).collect();
        assert_eq!(fields, ["p", "s", "weight", "temperature", "start", "until"]);
        assert!(MeanField::pure(3, f64::NAN, 1.0).check().is_err());
        assert!(MeanField::pure(3, 0.0, 1.0).check().is_ok());
        let from = |t: f64| MeanField { start: Start::Equilibrium(t), ..MeanField::pure(3, 0.0, 1.0) };
        assert!(from(0.5).check().unwrap_err().to_string().contains("T_K = 0.586"));
        assert!(from(0.6).check().is_ok());
    }
}
