//! Pair potentials with a cut-off: energy, force and second derivative as functions of the distance.

/// How a potential that does not vanish at its cut-off is made to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    /// u(r) - u(r_c): the energy is continuous, the force jumps.
    Energy,
    /// u(r) - u(r_c) - (r - r_c) u'(r_c): energy and force are continuous.
    Force,
}

/// The form of a pair potential u(r); zero beyond the cut-off r_c. Units: energies of epsilon, lengths of sigma.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// 4 epsilon [(sigma/r)^12 - (sigma/r)^6], shifted. Source: Jones 1924, doi:10.1098/rspa.1924.0082.
    LennardJones(Shift),
    /// (epsilon/2) (1 - r/sigma)^2 for r < sigma. Source: Durian 1995, doi:10.1103/PhysRevLett.75.4780.
    Harmonic,
    /// (2 epsilon/5) (1 - r/sigma)^(5/2) for r < sigma. Source: O'Hern et al. 2003, doi:10.1103/PhysRevE.68.011306, alpha = 5/2.
    Hertzian,
}

/// The potential of one pair of species.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Form.
    pub form: Form,
    /// Energy epsilon.
    pub epsilon: f64,
    /// Length sigma.
    pub sigma: f64,
    /// Cut-off r_c, a length; sigma for the repulsive forms; 0: no interaction.
    pub cutoff: f64,
}

impl Pair {
    /// Lennard-Jones with r_c = `cutoff` sigma.
    pub fn lennard_jones(epsilon: f64, sigma: f64, cutoff: f64, shift: Shift) -> Self {
        Self { form: Form::LennardJones(shift), epsilon, sigma, cutoff: cutoff * sigma }
    }

    /// A soft repulsion within sigma.
    pub fn soft(form: Form, epsilon: f64, sigma: f64) -> Self {
        Self { form, epsilon, sigma, cutoff: sigma }
    }

    /// (u, u', u'') at distance r > 0; zero at and beyond the cut-off.
    pub fn derivatives(&self, r: f64) -> (f64, f64, f64) {
        if r >= self.cutoff {
            return (0.0, 0.0, 0.0);
        }
        match self.form {
            Form::LennardJones(shift) => {
                let (u, first, second) = self.bare_lennard_jones(r);
                let (end, slope, _) = self.bare_lennard_jones(self.cutoff);
                match shift {
                    Shift::Energy => (u - end, first, second),
                    Shift::Force => (u - end - (r - self.cutoff) * slope, first - slope, second),
                }
            }
            Form::Harmonic => {
                let x = 1.0 - r / self.sigma;
                (0.5 * self.epsilon * x * x, -self.epsilon * x / self.sigma, self.epsilon / (self.sigma * self.sigma))
            }
            Form::Hertzian => {
                let x = 1.0 - r / self.sigma;
                let root = x.sqrt();
                (
                    0.4 * self.epsilon * x * x * root,
                    -self.epsilon * x * root / self.sigma,
                    1.5 * self.epsilon * root / (self.sigma * self.sigma),
                )
            }
        }
    }

    fn bare_lennard_jones(&self, r: f64) -> (f64, f64, f64) {
        let six = (self.sigma / r).powi(6);
        let (repulsion, attraction) = (4.0 * self.epsilon * six * six, 4.0 * self.epsilon * six);
        (
            repulsion - attraction,
            (6.0 * attraction - 12.0 * repulsion) / r,
            (156.0 * repulsion - 42.0 * attraction) / (r * r),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// u' and u'' are the derivatives of u and u' (central differences, h = 1e-5: errors of order h^2 u''''), u is
    /// continuous at the cut-off, u' too for the shifted force and the soft forms.
    #[test]
    fn derivatives_are_derivatives() {
        let pairs = [
            Pair::lennard_jones(1.5, 0.8, 2.5, Shift::Energy),
            Pair::lennard_jones(1.0, 1.0, 2.5, Shift::Force),
            Pair::soft(Form::Harmonic, 1.3, 1.2),
            Pair::soft(Form::Hertzian, 1.3, 1.2),
        ];
        for pair in pairs {
            let h = 1e-5;
            for r in [0.7, 0.9, 1.05, 1.9] {
                let ((a, fa, _), (b, fb, _)) = (pair.derivatives(r - h), pair.derivatives(r + h));
                let (u, first, second) = pair.derivatives(r);
                let close = |x: f64, y: f64| (x - y).abs() < 1e-5 * (1.0 + y.abs());
                assert!(close((b - a) / (2.0 * h), first), "{pair:?} {r} {u}");
                assert!(close((fb - fa) / (2.0 * h), second), "{pair:?} {r}");
            }
            let (u, first, _) = pair.derivatives(pair.cutoff * (1.0 - 1e-9));
            assert!(u.abs() < 1e-8, "{pair:?}");
            assert!(first.abs() < 1e-7 || pair.form == Form::LennardJones(Shift::Energy), "{pair:?}");
            assert_eq!(pair.derivatives(pair.cutoff), (0.0, 0.0, 0.0));
        }
        // The minimum of Lennard-Jones, unshifted: -epsilon at 2^(1/6) sigma.
        let (u, first, _) =
            Pair::lennard_jones(1.5, 0.8, 2.5, Shift::Energy).bare_lennard_jones(0.8 * 2.0_f64.powf(1.0 / 6.0));
        assert!((u + 1.5).abs() < 1e-14 && first.abs() < 1e-13);
    }
}
