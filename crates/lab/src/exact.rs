//! Energies of infinite systems, to put beside those of finite ones.

use crate::plan::Quench;
use crate::summary::Tabulated;
use glasslab_core::{Dataset, Method, Value};

/// e(t) of the spherical 3-spin (f = q^3/2) under gradient descent from a random start, N -> infinity: integrated from
/// the Cugliandolo-Kurchan equations (Phys. Rev. Lett. 71, 173, 1993) with extrapolation in the step, errors <= 1e-4.
const DESCENT_3: &[(f64, f64)] = &[
    (1.0, -0.782508),
    (2.0, -0.926220),
    (5.0, -1.035657),
    (10.0, -1.081600),
    (20.0, -1.109509),
    (50.0, -1.13056),
    (100.0, -1.13964),
];

/// The same at T = 0.5, errors about 2e-3.
const HALF_3: &[(f64, f64)] =
    &[(1.0, -0.587), (5.0, -0.769), (10.0, -0.808), (20.0, -0.834), (50.0, -0.855), (100.0, -0.865)];

/// The measured energies at the tabulated times, where the system has a table: 3-spin at T = 0 and T = 0.5.
pub(crate) fn compare(quench: &Quench, data: &Dataset) -> Vec<Tabulated> {
    let cubic = quench.system == "p-spin" && quench.parameters.get("p") == Some(&Value::Integer(3));
    let table = match &quench.method {
        Method::Descent { .. } if cubic => DESCENT_3,
        Method::Langevin { temperature, .. } if cubic && temperature.is_constant() && temperature.at(0.0) == 0.5 => {
            HALF_3
        }
        _ => return Vec::new(),
    };
    let Some(times) = data.get("loss_physical_time").and_then(|r| r.floats()) else { return Vec::new() };
    let Some(values) = data.get("energy").and_then(|r| r.floats()) else { return Vec::new() };
    let replicas = values.len() / times.len();
    let mut out = Vec::new();
    for &(time, exact) in table {
        // Between two measured times, linear in ln t.
        let Some(k) =
            (1..times.len()).find(|&k| times[k - 1] > 0.0 && times[k - 1] <= time && time <= times[k] * (1.0 + 1e-9))
        else {
            continue;
        };
        let share = (time / times[k - 1]).ln() / (times[k] / times[k - 1]).ln();
        let at = |r: usize| (1.0 - share) * values[r * times.len() + k - 1] + share * values[r * times.len() + k];
        if let Some(measured) = crate::summary::Mean::of((0..replicas).map(at)) {
            out.push(Tabulated { time, measured, exact });
        }
    }
    out
}
