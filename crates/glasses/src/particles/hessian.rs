//! Exact second derivatives of pair potentials and bonds.

use super::{Neighbours, Particles};
use glasslab_core::{Fault, HessianVec, System};

impl Particles {
    /// Second derivatives of all pairs and bonds at x: i, j, r = x_i - x_j, u'(r)/r and [u'' - u'/r]/r^2.
    fn springs(&self, x: &[f64]) -> Result<Vec<Spring>, Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        if !x.iter().all(|x| x.is_finite()) {
            return Err(Fault::input("positions", "not finite", "give finite coordinates"));
        }
        let mut list = Neighbours::new(0.0);
        list.build(self, x);
        let mut all = Vec::new();
        list.each(self.species_count(), |i, j, r| {
            let distance = r.iter().map(|r| r * r).sum::<f64>().sqrt();
            let (_, first, second) =
                self.pair(self.species_of(i as u32), self.species_of(j as u32)).derivatives(distance);
            if i < j && (first != 0.0 || second != 0.0) {
                let along = first / distance;
                all.push(Spring { i, j, r, along, extra: (second - along) / (distance * distance) });
            }
        });
        for bond in &self.spec.bonds {
            let d = self.dimension;
            let [i, j] = bond.particles.map(|p| p as usize);
            let r = self.nearest(&x[i * d..][..d], &x[j * d..][..d]);
            let length = r.iter().map(|r| r * r).sum::<f64>().sqrt();
            let along = bond.stiffness * (length - bond.length) / length;
            all.push(Spring { i, j, r, along, extra: (bond.stiffness - along) / (length * length) });
        }
        Ok(all)
    }
}

struct Spring {
    i: usize,
    j: usize,
    r: [f64; 3],
    along: f64,
    extra: f64,
}

impl HessianVec for Particles {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        self.hessian_vec_many(x, v, out)
    }

    fn hessian_vec_many(&self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        let (n, d) = (self.dof(), self.dimension);
        Fault::check_len("products", v.len(), out.len())?;
        Fault::check_len("vectors", v.len() / n * n, v.len())?;
        let springs = self.springs(x)?;
        out.fill(0.0);
        for (v, out) in v.chunks(n).zip(out.chunks_mut(n)) {
            for spring in &springs {
                let (a, b, r) = (spring.i * d, spring.j * d, &spring.r);
                let along: f64 = (0..d).map(|k| (v[a + k] - v[b + k]) * r[k]).sum();
                for k in 0..d {
                    let pull = spring.along * (v[a + k] - v[b + k]) + spring.extra * along * r[k];
                    out[a + k] += pull;
                    out[b + k] -= pull;
                }
            }
        }
        Ok(())
    }
}
