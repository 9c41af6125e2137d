//! Numbers that may be NaN: JSON writes them as null, and here they are read back.

use serde::{Deserialize, Deserializer};

fn nan(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::NAN)
}

pub(super) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Option::<f64>::deserialize(from).map(nan)
}

pub(super) fn pair<'de, D: Deserializer<'de>>(from: D) -> Result<[f64; 2], D::Error> {
    <[Option<f64>; 2]>::deserialize(from).map(|p| p.map(nan))
}

pub(super) fn list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
    Vec::<Option<f64>>::deserialize(from).map(|l| l.into_iter().map(nan).collect())
}

pub(super) fn spectra<'de, D: Deserializer<'de>>(from: D) -> Result<[Vec<[f64; 2]>; 2], D::Error> {
    let read = <[Vec<[Option<f64>; 2]>; 2]>::deserialize(from)?;
    Ok(read.map(|l| l.into_iter().map(|p| p.map(nan)).collect()))
}
