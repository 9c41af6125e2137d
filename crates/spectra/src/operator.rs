//! Symmetric operators that are known by their products.

use glasslab_core::{Fault, HessianVec, Space, System, sum};

/// A symmetric linear map of R^n, known by its products.
pub trait Operator: Sync {
    /// n.
    fn size(&self) -> usize;

    /// out `[K, n]` <- A v for K vectors v `[K, n]`.
    fn apply(&self, v: &[f64], out: &mut [f64]) -> Result<(), Fault>;

    /// Takes out of v `[n]` what does not count (the normal of a sphere): A maps the rest into itself.
    fn project(&self, _v: &mut [f64]) {}

    /// Number of dimensions that `project` takes out.
    fn removed(&self) -> usize {
        0
    }
}

/// A dense symmetric matrix `[n, n]`.
pub struct Matrix {
    /// n.
    pub size: usize,
    /// Entries, row-major.
    pub entries: Vec<f64>,
}

impl Operator for Matrix {
    fn size(&self) -> usize {
        self.size
    }

    fn apply(&self, v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        Fault::check_len("products", v.len(), out.len())?;
        for (v, out) in v.chunks(self.size).zip(out.chunks_mut(self.size)) {
            out.iter_mut().zip(self.entries.chunks(self.size)).for_each(|(out, row)| *out = sum::dot(row, v));
        }
        Ok(())
    }
}

/// The second derivative of a System's energy along its space. On a sphere |x| = r: P (H + mu) P on the tangent space, with
/// P = 1 - x x^T/r^2 and the multiplier mu = F.x/r^2, F the force; elsewhere H.
///
/// Convention: E, not E/N. For the spherical p-spin mu = -p e, and at N -> infinity the spectrum at a typical point of energy e is
/// a semicircle of radius 2 sqrt(f''(1)) around mu: its lower edge is at zero at the threshold.
/// Source: Kurchan and Laloux 1996, doi:10.1088/0305-4470/29/9/009.
/// Checked by `limits_hessian` of the lab.
pub struct TangentHessian<'a> {
    hessian: &'a dyn HessianVec,
    space: Space,
    x: &'a [f64],
    multiplier: f64,
}

impl<'a> TangentHessian<'a> {
    /// At x `[N]`. Refused if the System has no products with its Hessian.
    pub fn new(system: &'a dyn System, x: &'a [f64]) -> Result<Self, Fault> {
        Fault::check_len("positions", system.dof(), x.len())?;
        let Some(hessian) = system.hessian() else {
            return Err(Fault::Unsupported {
                system: system.name().to_owned(),
                method: "spectrum",
                ability: "products with its second derivatives",
            });
        };
        let space = system.space();
        let mut multiplier = 0.0;
        if let Space::Sphere { .. } = space {
            let mut force = vec![0.0; x.len()];
            system.energy_force(x, &mut force)?;
            multiplier = sum::dot(&force, x) / sum::dot(x, x);
        }
        Ok(Self { hessian, space, x, multiplier })
    }

    /// mu, 0 where the space is not curved.
    pub fn multiplier(&self) -> f64 {
        self.multiplier
    }
}

impl Operator for TangentHessian<'_> {
    fn size(&self) -> usize {
        self.x.len()
    }

    fn apply(&self, v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        let n = self.size();
        let mut flat = v.to_vec();
        flat.chunks_mut(n).for_each(|v| self.project(v));
        self.hessian.hessian_vec_many(self.x, &flat, out)?;
        for (v, out) in flat.chunks(n).zip(out.chunks_mut(n)) {
            out.iter_mut().zip(v).for_each(|(out, v)| *out += self.multiplier * v);
            self.project(out);
        }
        Ok(())
    }

    fn project(&self, v: &mut [f64]) {
        self.space.project(self.x, v);
    }

    fn removed(&self) -> usize {
        usize::from(matches!(self.space, Space::Sphere { .. }))
    }
}
