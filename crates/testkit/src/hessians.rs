//! Contracts of a System's second derivatives.

use glasslab_core::{HessianVec, Streams, System, sum};
use rand::RngExt;

/// Directions along which the Hessian is compared.
const DIRECTIONS: u64 = 4;
/// Relative error of the differences that a verdict needs.
const RESOLUTION: f64 = 1e-4;

/// H u = -dF/du at x, along random directions u, by central differences extrapolated in their step h; H is symmetric; and
/// `hessian_vec_many` says what `hessian_vec` does, to `rounding`.
///
/// `rounding` is the relative error of a force (1e-15 for f64). For a step h, a quarter of what the differences at h and h/2
/// disagree by, plus what rounding can do, bounds the error; the longest step at which this is below 1e-4 of |H u| decides (a
/// force with kinks, of ReLU or a hinge, needs short ones). The contract fails if there is none: then nothing would be tested.
/// Checked by `hessian_contract_rejects_every_broken_twin_and_no_other`.
pub fn hessian_is_slope_of_force(
    system: &dyn System,
    hessian: &dyn HessianVec,
    x: &[f64],
    rounding: f64,
) -> Result<(), String> {
    let n = system.dof();
    let norm = |v: &[f64]| sum::dot(v, v).sqrt();
    let mut directions = Vec::new();
    for k in 0..DIRECTIONS {
        let mut rng = Streams::new(0x6865_7373).stream("direction", k, 0);
        let mut u: Vec<f64> = (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
        // Half of the directions see one coordinate, so that an error in its row is not drowned.
        if k % 2 == 1 {
            let kept = rng.random_range(0..n);
            u.iter_mut().enumerate().for_each(|(i, u)| *u = f64::from(u8::from(i == kept)));
        }
        let length = norm(&u);
        u.iter_mut().for_each(|u| *u /= length);
        directions.extend(u);
    }
    let mut products = vec![f64::NAN; directions.len()];
    let mut pairs = directions.chunks(n).zip(products.chunks_mut(n));
    pairs.try_for_each(|(u, out)| hessian.hessian_vec(x, u, out)).map_err(|f| f.to_string())?;
    let mut many = vec![f64::NAN; directions.len()];
    hessian.hessian_vec_many(x, &directions, &mut many).map_err(|f| f.to_string())?;
    let largest = products.chunks(n).map(norm).fold(0.0, f64::max);
    let exact = 100.0 * (n as f64).sqrt() * rounding * largest;
    for (k, (one, all)) in products.chunks(n).zip(many.chunks(n)).enumerate() {
        let off = norm(&one.iter().zip(all).map(|(a, b)| a - b).collect::<Vec<_>>());
        if off > exact || off.is_nan() {
            return Err(format!("hessian_vec_many of `{}` is {off:e} from hessian_vec on vector {k}", system.name()));
        }
    }
    for (i, u) in directions.chunks(n).enumerate() {
        for (j, v) in directions.chunks(n).enumerate().skip(i + 1) {
            let (a, b) = (sum::dot(v, &products[i * n..][..n]), sum::dot(u, &products[j * n..][..n]));
            if (a - b).abs() > exact || (a - b).is_nan() {
                return Err(format!("H of `{}` is not symmetric: v.Hu = {a:e}, u.Hv = {b:e}", system.name()));
            }
        }
    }
    for (k, (u, product)) in directions.chunks(n).zip(products.chunks(n)).enumerate() {
        slope_is(system, x, u, product, rounding).map_err(|e| format!("along direction {k}: {e}"))?;
    }
    Ok(())
}

fn slope_is(system: &dyn System, x: &[f64], u: &[f64], product: &[f64], rounding: f64) -> Result<(), String> {
    let n = x.len();
    let norm = |v: &[f64]| sum::dot(v, v).sqrt();
    let force = |s: f64| -> Result<Vec<f64>, String> {
        let moved: Vec<f64> = x.iter().zip(u).map(|(x, u)| x + s * u).collect();
        let mut force = vec![f64::NAN; n];
        system.energy_force(&moved, &mut force).map_err(|f| f.to_string())?;
        Ok(force)
    };
    // -[F(x + hu) - F(x - hu)]/2h, and the size of the forces.
    let difference = |h: f64| -> Result<(Vec<f64>, f64), String> {
        let (plus, minus) = (force(h)?, force(-h)?);
        let size = norm(&plus).max(norm(&minus));
        Ok((plus.iter().zip(&minus).map(|(p, m)| (m - p) / (2.0 * h)).collect(), size))
    };
    let mut least = f64::INFINITY;
    for exponent in 0..6 {
        let h = rounding.powf(0.2) * (norm(x) / (n as f64).sqrt()).max(1e-3) * 0.1_f64.powi(exponent);
        let ((coarse, size), (fine, _)) = (difference(h)?, difference(0.5 * h)?);
        let off: Vec<f64> = coarse.iter().zip(&fine).map(|(c, f)| c - f).collect();
        let rounds = rounding * (size + norm(x) * norm(product)) / h;
        let tolerance = 0.25 * norm(&off) + 4.0 * rounds;
        let found: Vec<f64> = coarse.iter().zip(&fine).map(|(c, f)| (4.0 * f - c) / 3.0).collect();
        least = least.min(tolerance / norm(&found).max(f64::MIN_POSITIVE));
        if tolerance > RESOLUTION * norm(&found) && norm(&found) > 0.0 {
            continue;
        }
        let wrong: Vec<f64> = found.iter().zip(product).map(|(f, p)| f - p).collect();
        return if norm(&wrong) <= tolerance {
            Ok(())
        } else {
            let (a, b) = (norm(product), norm(&found));
            let wrong = norm(&wrong);
            Err(format!(
                "H u of `{}` is not -dF/du: |H u| = {a:e}, |dF/du| = {b:e}, they differ by {wrong:e}, tolerance {tolerance:e}",
                system.name()
            ))
        };
    }
    Err(format!("differences resolve {least:e} of |H u| only, {RESOLUTION:e} is needed: choose another x"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toys::Quartic;
    use glasslab_core::Fault;

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Wrong {
        None,
        Factor,
        Sign,
        OneRow,
        Asymmetric,
        Many,
    }

    /// The Hessian of `Quartic` with a defect.
    struct Twin(Quartic, Wrong);

    impl HessianVec for Twin {
        fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
            let n = self.0.n;
            for i in 0..n {
                let (next, before) = ((i + 1) % n, (i + n - 1) % n);
                out[i] = (self.0.stiffness + 3.0 * x[i] * x[i]) * v[i] + v[next] + v[before];
            }
            match self.1 {
                Wrong::Factor => out.iter_mut().for_each(|o| *o *= 1.0005),
                Wrong::Sign => out.iter_mut().for_each(|o| *o = -*o),
                Wrong::OneRow => out[0] = 0.0,
                Wrong::Asymmetric => out[0] += 1e-6 * v[1],
                Wrong::None | Wrong::Many => {}
            }
            Ok(())
        }

        fn hessian_vec_many(&self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
            let n = x.len();
            v.chunks(n).zip(out.chunks_mut(n)).try_for_each(|(v, out)| self.hessian_vec(x, v, out))?;
            if self.1 == Wrong::Many {
                out[n] += 1e-6;
            }
            Ok(())
        }
    }

    #[test]
    fn hessian_contract_rejects_every_broken_twin_and_no_other() {
        let system = Quartic { n: 30, stiffness: 1.0 };
        let mut x = vec![0.0; 30];
        system.initial(Streams::new(4), 0, &mut x).unwrap();
        for defect in [Wrong::None, Wrong::Factor, Wrong::Sign, Wrong::OneRow, Wrong::Asymmetric, Wrong::Many] {
            let twin = Twin(Quartic { n: 30, stiffness: 1.0 }, defect);
            let verdict = hessian_is_slope_of_force(&system, &twin, &x, 1e-15);
            assert_eq!(verdict.is_ok(), defect == Wrong::None, "{defect:?}: {verdict:?}");
        }
    }
}
