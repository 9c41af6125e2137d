//! Tests of the implicit step.

use super::*;
use crate::Start;

#[test]
fn jacobian_is_the_derivative_of_the_residual() {
    // Mixed model, T > 0, equilibrium start: every term is there. Central differences with h = 1e-6: the residual is
    // quartic in the unknowns, so their error is h^2 plus rounding 1e-16/h, relative to the largest entry.
    let start = Start::Equilibrium(0.9);
    let model = MeanField { s: Some((4, 0.3)), start, ..MeanField::pure(3, 0.4, 1.0) };
    let (covariance, lattice) = (model.covariance(), Lattice::new(16, 0.05));
    let clock = Clock { linear: 0.2, step: 0.1 };
    let rows = crate::logarithmic::first_rows(&model, &clock, &lattice).unwrap();
    let places = Places::new(&lattice);
    let step = Step { model: &model, covariance: &covariance, lattice: &lattice, places: &places, clock };
    let past = step.past(&rows);
    let last = &rows[rows.len() - 1];
    let lines = |c: &[f64], r: &[f64], jacobian: bool| step.lines(&rows, &past, c, r, jacobian);
    let exact = lines(&last.correlation, &last.response, true);
    let h = 1e-6;
    for p in 0..16 {
        for of in 0..2 {
            let moved = |by: f64| {
                let (mut c, mut r) = (last.correlation.clone(), last.response.clone());
                if of == 0 {
                    c[p] += by
                } else {
                    r[p] += by
                }
                lines(&c, &r, false)
            };
            let (above, below) = (moved(h), moved(-h));
            for k in 0..16 {
                let j = exact[k].jacobian.as_ref().unwrap();
                let found = if of == 0 { [j.cc[p], j.rc[p]] } else { [j.cr[p], j.rr[p]] };
                for (row, entry) in found.into_iter().enumerate() {
                    let slope = (above[k].residual[row] - below[k].residual[row]) / (2.0 * h);
                    assert!((slope - entry).abs() < 1e-6, "d residual[{row}]_{k} / d [{of}]_{p}: {entry} {slope}");
                }
            }
        }
    }
}

#[test]
fn backward_formulas_differentiate_polynomials() {
    assert_eq!(backward(1), [1.0, -1.0]);
    assert_eq!(backward(2), [1.5, -2.0, 0.5]);
    for order in 1..6_usize {
        let sum: f64 = backward(order).iter().enumerate().map(|(m, w)| w * (3.0 - m as f64).powi(order as i32)).sum();
        assert!((sum - order as f64 * 3_f64.powi(order as i32 - 1)).abs() < 1e-9);
    }
}
