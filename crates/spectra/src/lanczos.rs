//! Lanczos: the extremes of a spectrum, and quadratures of its density, from products alone.

use crate::operator::Operator;
use crate::tridiagonal;
use glasslab_core::{Fault, Streams, sum};
use rand::RngExt;
use rand_distr::StandardNormal;

/// What Lanczos makes of an operator and a first vector: the operator in the basis of its powers on that vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Tridiagonal {
    /// Diagonal `[m]`.
    pub diagonal: Vec<f64>,
    /// Beside the diagonal `[m - 1]`.
    pub off: Vec<f64>,
    /// What comes after the last: the length of the rest.
    pub rest: f64,
}

impl Tridiagonal {
    /// Nodes, ascending, and weights of the quadrature of the density seen by the first vector; weights sum to 1.
    pub fn quadrature(&self) -> Vec<(f64, f64)> {
        tridiagonal::solve(self.diagonal.clone(), &self.off)
    }
}

/// At most `steps` steps from the vector `first`, which is projected and normalised. Each new vector is made orthogonal to all
/// before it, twice, so no eigenvalue appears twice. Ends early where the vectors span all that can be reached.
///
/// Cost: one product and 4 m N flops a step; memory 8 m N bytes.
/// Source: Lanczos 1950, doi:10.6028/jres.045.026; Golub and Van Loan, chapter 10.
/// Checked by `lanczos_finds_the_extremes`.
pub fn lanczos(operator: &dyn Operator, first: &[f64], steps: usize) -> Result<Tridiagonal, Fault> {
    let n = operator.size();
    Fault::check_len("the first vector", n, first.len())?;
    let mut v = first.to_vec();
    operator.project(&mut v);
    let length = sum::dot(&v, &v).sqrt();
    if !(length > 0.0 && length.is_finite()) {
        return Err(Fault::input("first vector", length, "give one that is finite and not zero along the space"));
    }
    v.iter_mut().for_each(|v| *v /= length);
    let most = steps.min(n - operator.removed());
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(most);
    let mut out = Tridiagonal { diagonal: Vec::new(), off: Vec::new(), rest: 0.0 };
    let mut next = vec![0.0; n];
    let mut scale = 0.0_f64;
    for step in 0..most {
        operator.apply(&v, &mut next)?;
        out.diagonal.push(sum::dot(&v, &next));
        basis.push(v);
        for _ in 0..2 {
            operator.project(&mut next);
            for b in &basis {
                let along = sum::dot(b, &next);
                next.iter_mut().zip(b).for_each(|(x, b)| *x -= along * b);
            }
        }
        out.rest = sum::dot(&next, &next).sqrt();
        scale = scale.max(out.diagonal[step].abs()).max(out.rest);
        if step + 1 == most || out.rest <= 1e-13 * scale || out.rest.is_nan() {
            break;
        }
        out.off.push(out.rest);
        v = next.iter().map(|x| x / out.rest).collect();
    }
    Ok(out)
}

/// A normal vector of the stream ("probe", number, 0).
pub(crate) fn probe(n: usize, streams: Streams, number: u64) -> Vec<f64> {
    let mut rng = streams.stream("probe", number, 0);
    (0..n).map(|_| rng.sample(StandardNormal)).collect()
}

/// The least and the largest eigenvalue, from `steps` steps from a random vector: never below (above) the true one but for
/// rounding, and near it long before all steps that N needs.
pub fn extremes(operator: &dyn Operator, steps: usize, streams: Streams) -> Result<(f64, f64), Fault> {
    let made = lanczos(operator, &probe(operator.size(), streams, 0), steps)?;
    let nodes = made.quadrature();
    Ok((nodes[0].0, nodes[nodes.len() - 1].0))
}

/// Eigenvalues at the lower and at the upper end, ascending, each with its error.
pub type Ends = (Vec<(f64, f64)>, Vec<(f64, f64)>);

/// Steps that are tried at most.
const MOST: usize = 1000;
/// Change, in units of the width of the spectrum, at which an end stands still.
const STILL: f64 = 1e-8;

/// The `k` least and the `k` greatest eigenvalues. Steps from one random vector are doubled until, over the last quarter of them, each
/// moved by less than 1e-8 of the width of the spectrum, or until there are 1000 or all; the error of each is that last move (0 when
/// the steps span the space). An eigenvalue that is there several times is found once.
///
/// Cost: at most 2000 products. Checked by `the_ends_are_found_with_their_errors`.
pub fn extremes_of(operator: &dyn Operator, k: usize, streams: Streams) -> Result<Ends, Fault> {
    let first = probe(operator.size(), streams, 0);
    let space = operator.size() - operator.removed();
    let mut steps = (8 * k).max(64);
    loop {
        let made = lanczos(operator, &first, steps)?;
        let m = made.diagonal.len();
        let whole = made.quadrature();
        let spans = m == space || m < steps.min(space);
        let before = if spans { m } else { m - m / 4 };
        let part = tridiagonal::solve(made.diagonal[..before].to_vec(), &made.off[..before - 1]);
        let width = whole[m - 1].0 - whole[0].0;
        let wanted = k.min(m);
        let move_of =
            |i: usize, j: Option<usize>| j.and_then(|j| part.get(j)).map_or(width, |p| (p.0 - whole[i].0).abs());
        let lowest: Vec<(f64, f64)> = (0..wanted).map(|i| (whole[i].0, move_of(i, Some(i)))).collect();
        let from_top = |i: usize| move_of(i, (before + i).checked_sub(m));
        let highest: Vec<(f64, f64)> = (m - wanted..m).map(|i| (whole[i].0, from_top(i))).collect();
        let still = lowest.iter().chain(&highest).all(|e| e.1 <= STILL * width);
        if still || spans || steps >= MOST {
            return Ok((lowest, highest));
        }
        steps = (2 * steps).min(MOST);
    }
}
