//! The space that the degrees of freedom live in.

/// Geometry of the configuration space: a closed list.
#[derive(Clone, Debug, PartialEq)]
pub enum Space {
    /// R^N.
    Flat,
    /// The sphere |x|^2 = `radius`^2 in R^N. Two-time displacements are chords: |x - y|^2 in R^N.
    Sphere {
        /// Radius; sqrt(N) for spherical spins.
        radius: f64,
    },
    /// A periodic box: coordinate i has period `lengths[i % lengths.len()]`. Positions are kept unwrapped.
    Torus {
        /// Period of each coordinate, repeated.
        lengths: Vec<f64>,
    },
}

impl Space {
    /// Brings x back into the space, in place: rescales onto the sphere, nothing elsewhere. Cost O(N).
    pub fn retract(&self, x: &mut [f64]) {
        if let Space::Sphere { radius } = self {
            let norm = crate::sum::dot(x, x).sqrt();
            if norm > 0.0 {
                let factor = radius / norm;
                x.iter_mut().for_each(|v| *v *= factor);
            }
        }
    }

    /// Projects the vector v at the point x onto the tangent space, in place: v -= x (x.v)/(x.x) on the sphere,
    /// nothing elsewhere. Cost O(N).
    pub fn project(&self, x: &[f64], v: &mut [f64]) {
        if let Space::Sphere { .. } = self {
            let along = crate::sum::dot(x, v) / crate::sum::dot(x, x);
            v.iter_mut().zip(x).for_each(|(v, x)| *v -= along * x);
        }
    }

    /// Displacement from a to b: b - a (shortest image on the torus; the chord on the sphere). Cost O(N).
    pub fn displacement(&self, a: &[f64], b: &[f64], out: &mut [f64]) {
        for (i, ((a, b), out)) in a.iter().zip(b).zip(out.iter_mut()).enumerate() {
            *out = b - a;
            if let Space::Torus { lengths } = self {
                let period = lengths[i % lengths.len()];
                *out -= period * (*out / period).round();
            }
        }
    }

    /// Largest possible mean-square displacement (1/N)|x - y|^2 at equal weights, where the space bounds it:
    /// for the sphere the value 2 r^2/N of uncorrelated points.
    pub fn uncorrelated_displacement(&self, dof: usize) -> Option<f64> {
        match self {
            Space::Sphere { radius } => Some(2.0 * radius * radius / dof as f64),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sphere_retracts_and_projects() {
        let sphere = Space::Sphere { radius: 2.0 };
        let mut x = vec![3.0, 0.0, 4.0];
        sphere.retract(&mut x);
        assert!((crate::sum::dot(&x, &x) - 4.0).abs() < 1e-15);
        let mut v = vec![1.0, 2.0, 3.0];
        sphere.project(&x, &mut v);
        assert!(crate::sum::dot(&x, &v).abs() < 1e-15);
    }

    #[test]
    fn torus_takes_the_shortest_image() {
        let torus = Space::Torus { lengths: vec![1.0, 10.0] };
        let mut d = vec![0.0; 2];
        torus.displacement(&[0.1, 1.0], &[0.9, 3.0], &mut d);
        assert!((d[0] + 0.2).abs() < 1e-15 && (d[1] - 2.0).abs() < 1e-15);
    }
}
