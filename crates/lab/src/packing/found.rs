//! What packings at the jamming point say together: means with their errors, exponents.

use super::PackingPlan;
use glasslab_core::sum::mean_and_error;
use glasslab_glasses::packing::Jammed;
use glasslab_glasses::packing::exponents::{Exponent, fit};
use serde_json::{Value, json};

/// Exponents of the mean-field theory of jamming: gaps, all forces but those of bucklers, those of bucklers.
/// Source: Charbonneau et al. 2014, doi:10.1038/ncomms4725.
pub(super) const GAMMA: f64 = 0.41269;
pub(super) const THETA: f64 = 0.42311;
pub(super) const THETA_BUCKLERS: f64 = 0.17462;

/// Windows of the fits: gaps h between these, forces below this part of the mean.
const GAPS: (f64, f64) = (1e-4, 1e-2);
const FORCES: f64 = 0.2;

/// What the packings say together.
pub(super) struct Found {
    pub(super) fraction: (f64, f64),
    contacts: (f64, f64),
    rattlers: (f64, f64),
    imbalance: f64,
    pub(super) isostatic: usize,
    converged: usize,
    gaps: Option<Exponent>,
    forces: Option<Exponent>,
    bucklers: Option<Exponent>,
}

impl Found {
    pub(super) fn of(all: &[Jammed]) -> Self {
        let mean = |of: &dyn Fn(&Jammed) -> f64| mean_and_error(all.iter().map(of));
        let count = |of: &dyn Fn(&Jammed) -> bool| all.iter().filter(|j| of(j)).count();
        let gaps: Vec<Vec<f64>> = all.iter().map(|j| j.network.gaps.clone()).collect();
        let (bucklers, others): (Vec<_>, Vec<_>) = all.iter().map(|j| j.network.forces_by_kind()).unzip();
        Self {
            fraction: mean(&|j| j.fraction),
            contacts: mean(&|j| j.network.contact_number()),
            rattlers: mean(&|j| 1.0 - j.network.rigid() as f64 / j.packing.spheres() as f64),
            imbalance: all.iter().fold(0.0, |a, j| a.max(j.network.imbalance)),
            isostatic: count(&|j| j.converged && j.network.rigid() > 0 && j.network.excess() == 0),
            converged: count(&|j| j.converged),
            gaps: fit(&gaps, GAPS.0, GAPS.1),
            forces: fit(&others, 0.0, FORCES),
            bucklers: fit(&bucklers, 0.0, FORCES),
        }
    }

    pub(super) fn rows(&self, plan: &PackingPlan) -> Vec<(String, String)> {
        let bars = |(value, error): (f64, f64)| match error.is_finite() {
            true => format!("{value:.5} ± {error:.5}"),
            false => format!("{value:.5}"),
        };
        let exponent = |e: Option<Exponent>, sign: f64, theory: f64| match e {
            Some(e) => format!("{:.3} ± {:.3} ({} values; theory {theory:.3})", sign * e.value, e.error, e.count),
            None => format!("too few values (theory {theory:.3})"),
        };
        vec![
            ("packing fraction phi_J".into(), bars(self.fraction)),
            ("contacts per held sphere z".into(), bars(self.contacts)),
            ("rattlers, part of all".into(), bars(self.rattlers)),
            ("isostatic to the contact".into(), format!("{} of {}", self.isostatic, plan.packings)),
            ("converged".into(), format!("{} of {}", self.converged, plan.packings)),
            ("largest unbalanced force over mean force".into(), format!("{:.1e}", self.imbalance)),
            ("exponent gamma of the gaps".into(), exponent(self.gaps, -1.0, GAMMA)),
            ("exponent theta of the forces".into(), exponent(self.forces, 1.0, THETA)),
            ("exponent theta of bucklers' forces".into(), exponent(self.bucklers, 1.0, THETA_BUCKLERS)),
        ]
    }

    pub(super) fn summary(&self, plan: &PackingPlan) -> Value {
        let number = |v: f64| if v.is_finite() { json!(v) } else { Value::Null };
        let bars = |(value, error): (f64, f64)| json!({"value": number(value), "error": number(error)});
        let exponent = |e: Option<Exponent>, sign: f64, theory: f64| match e {
            Some(e) => json!({"value": sign * e.value, "error": e.error, "count": e.count, "theory": theory}),
            None => Value::Null,
        };
        json!({
            "name": "packing",
            "version": env!("CARGO_PKG_VERSION"),
            "dimension": plan.protocol.dimension,
            "n": plan.protocol.spheres,
            "packings": plan.packings,
            "fraction": bars(self.fraction),
            "contact_number": bars(self.contacts),
            "rattlers": bars(self.rattlers),
            "isostatic": self.isostatic,
            "converged": self.converged,
            "imbalance": number(self.imbalance),
            "gamma": exponent(self.gaps, -1.0, GAMMA),
            "theta": exponent(self.forces, 1.0, THETA),
            "theta_bucklers": exponent(self.bucklers, 1.0, THETA_BUCKLERS),
        })
    }
}
