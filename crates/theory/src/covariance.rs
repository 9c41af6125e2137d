//! The covariance f(q) of the energies of two configurations at overlap q, and its derivatives.

/// f(q) = (1/2) sum_k w_k q^{p_k}, so that the mean of H(x) H(y) over the disorder is N f(x.y/N).
///
/// Convention: the factor 1/2 is that of Crisanti and Sommers 1992; DYNAMITE and the mathematical literature have
/// f(q) = q^p, energies and temperatures larger by sqrt(2), times shorter by sqrt(2).
#[derive(Clone, Debug, PartialEq)]
pub struct Covariance {
    terms: Vec<(i32, f64)>,
}

impl Covariance {
    /// The covariance with `terms` (p_k, w_k).
    pub fn new(terms: Vec<(u32, f64)>) -> Self {
        Self { terms: terms.into_iter().map(|(p, w)| (p as i32, w)).collect() }
    }

    /// The `order`-th derivative of f at q. Cost O(number of terms).
    fn derivative(&self, order: i32, q: f64) -> f64 {
        let mut sum = 0.0;
        for &(p, w) in &self.terms {
            if p >= order {
                let falling: f64 = (0..order).map(|k| f64::from(p - k)).product();
                sum += 0.5 * w * falling * q.powi(p - order);
            }
        }
        sum
    }

    /// f(q), the covariance of the energies per N.
    #[inline]
    pub fn value(&self, q: f64) -> f64 {
        self.derivative(0, q)
    }

    /// f'(q), the covariance of one component of the forces.
    #[inline]
    pub fn first(&self, q: f64) -> f64 {
        self.derivative(1, q)
    }

    /// f''(q).
    #[inline]
    pub fn second(&self, q: f64) -> f64 {
        self.derivative(2, q)
    }

    /// f'''(q).
    #[inline]
    pub fn third(&self, q: f64) -> f64 {
        self.derivative(3, q)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_are_those_of_the_polynomial() {
        let f = Covariance::new(vec![(3, 0.75), (4, 0.25)]);
        let (q, h) = (0.6, 1e-4);
        assert!((f.value(q) - 0.5 * (0.75 * 0.216 + 0.25 * 0.1296)).abs() < 1e-15);
        // Central differences: error h^2/6 times the third derivative (< 10) plus rounding 1e-16/h.
        for (low, high) in [
            (Covariance::value as fn(&Covariance, f64) -> f64, Covariance::first as fn(&Covariance, f64) -> f64),
            (Covariance::first, Covariance::second),
            (Covariance::second, Covariance::third),
        ] {
            let slope = (low(&f, q + h) - low(&f, q - h)) / (2.0 * h);
            assert!((slope - high(&f, q)).abs() < 10.0 * h * h + 1e-11);
        }
        assert_eq!(Covariance::new(vec![(2, 1.0)]).third(0.3), 0.0);
    }
}
