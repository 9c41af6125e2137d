//! Means and standard errors over replicas.

use glasslab_core::{Record, Values, sum::mean_and_error};

/// The mean over the first dimension `replica` of a record, its standard error s/sqrt(n), and the number n of replicas
/// that entered, as records `<name>_mean`, `<name>_error`, `<name>_count` along the other dimensions.
///
/// NaN entries (not measured, or after a replica diverged) are left out and so lower the count; the error is NaN for
/// fewer than two replicas. `None` for text or without the dimension. Cost O(size).
/// Checked by `means::tests`.
pub fn over_replicas(record: &Record) -> Option<[Record; 3]> {
    let values = record.floats()?;
    if record.dims.first().map(String::as_str) != Some("replica") {
        return None;
    }
    let replicas = record.shape[0];
    let size: usize = record.shape[1..].iter().product();
    let (mut mean, mut error, mut count) = (vec![0.0; size], vec![0.0; size], vec![0_i64; size]);
    for i in 0..size {
        let column = (0..replicas).map(|r| values[r * size + i]);
        count[i] = column.clone().filter(|v| !v.is_nan()).count() as i64;
        (mean[i], error[i]) = mean_and_error(column);
    }
    let make = |suffix: &str, about: &str, unit: &str, values: Values| Record {
        name: format!("{}_{suffix}", record.name),
        about: format!("{about}: {}", record.about),
        unit: unit.to_owned(),
        dims: record.dims[1..].to_vec(),
        shape: record.shape[1..].to_vec(),
        values,
    };
    Some([
        make("mean", "mean over replicas", &record.unit, Values::F64(mean)),
        make("error", "standard error of the mean over replicas", &record.unit, Values::F64(error)),
        make("count", "number of replicas in the mean", "1", Values::I64(count)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diverged_replicas_are_left_out_and_counted() {
        let values = vec![1.0, 5.0, 3.0, f64::NAN, 2.0, f64::NAN];
        let r = Record::new("msd", "", "1", &[("replica", 3), ("time", 2)], values);
        let [mean, error, count] = over_replicas(&r).unwrap();
        assert_eq!(mean.values, Values::F64(vec![2.0, 5.0]));
        let error = error.floats().unwrap();
        assert!((error[0] - (1.0_f64 / 3.0).sqrt()).abs() < 1e-15 && error[1].is_nan());
        assert_eq!((count.values, count.dims), (Values::I64(vec![3, 1]), vec!["time".to_owned()]));
        let flat = Record::new("x", "", "1", &[("time", 1)], vec![0.0]);
        assert!(over_replicas(&flat).is_none());
    }
}
