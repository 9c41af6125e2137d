//! Contracts of a System's energy and force.

use glasslab_core::{Streams, System, sum};
use rand::RngExt;

/// Directions along which the force is compared.
const DIRECTIONS: u64 = 6;

/// F = -dE/dx at x, along random directions u, by central differences extrapolated in their step h:
/// [E(x + hu) - E(x - hu)]/2h = -u.F + O(h^4).
///
/// `rounding` is the relative error of an energy (1e-15 for f64, 1e-7 for f32 kernels), relative to the size of its terms,
/// |E| + |x||F|. The tolerance is what the two differences h and h/2 disagree by, times 1/4, plus what rounding can do;
/// h balances the two. The contract fails where that is not below 2 % of |F|/sqrt(N): then nothing would be tested.
pub fn force_is_minus_gradient(system: &dyn System, x: &[f64], rounding: f64) -> Result<(), String> {
    let n = system.dof();
    let mut force = vec![f64::NAN; n];
    let energy = system.energy_force(x, &mut force).map_err(|f| f.to_string())?;
    let alone = system.energy(x).map_err(|f| f.to_string())?;
    if energy.to_bits() != alone.to_bits() {
        return Err(format!("energy() = {alone} and energy_force() = {energy} differ"));
    }
    let norm = |v: &[f64]| sum::dot(v, v).sqrt();
    let scale = energy.abs() + norm(x) * norm(&force);
    for k in 0..DIRECTIONS {
        let mut rng = Streams::new(0x666f_7263).stream("direction", k, 0);
        let mut u: Vec<f64> = (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
        // Half of the directions see few coordinates, so that an error in one of them is not drowned.
        if k % 2 == 1 {
            let kept = rng.random_range(0..n);
            u.iter_mut().enumerate().for_each(|(i, u)| *u = if i == kept { *u + u.signum() } else { 0.0 });
        }
        let length = norm(&u);
        u.iter_mut().for_each(|u| *u /= length);
        let difference = |h: f64| -> Result<f64, String> {
            let at = |s: f64| {
                let moved: Vec<f64> = x.iter().zip(&u).map(|(x, u)| x + s * u).collect();
                system.energy(&moved).map_err(|f| f.to_string())
            };
            Ok((at(h)? - at(-h)?) / (2.0 * h))
        };
        let h = rounding.powf(0.2) * (norm(x) / (n as f64).sqrt()).max(1e-3);
        let (coarse, fine) = (difference(h)?, difference(0.5 * h)?);
        let found = (4.0 * fine - coarse) / 3.0;
        let expected = -sum::dot(&u, &force);
        let tolerance = 0.25 * (coarse - fine).abs() + 4.0 * rounding * scale / h;
        let agrees = (found - expected).abs() <= tolerance;
        if !agrees {
            return Err(format!(
                "force of `{}` is not -dE/dx: along direction {k} dE = {found:e}, -F.u = {expected:e}, tolerance {tolerance:e}",
                system.name()
            ));
        }
        let resolution = 0.02 * norm(&force) / (n as f64).sqrt();
        if tolerance > resolution && norm(&force) > 0.0 {
            return Err(format!("differences resolve {tolerance:e} only, {resolution:e} is needed: choose another x"));
        }
    }
    Ok(())
}

/// `energy_force_many` of the replicas x [R, N] gives the bits of `energy_force` of each alone, and of any part of them.
pub fn many_is_one_by_one(system: &dyn System, x: &[f64]) -> Result<(), String> {
    let n = system.dof();
    let replicas = x.len() / n;
    let many = |x: &[f64]| -> Result<(Vec<f64>, Vec<f64>), String> {
        let (mut force, mut energy) = (vec![f64::NAN; x.len()], vec![f64::NAN; x.len() / n]);
        system.energy_force_many(x, &mut force, &mut energy).map_err(|f| f.to_string())?;
        Ok((force, energy))
    };
    let (force, energy) = many(x)?;
    let compare = |first: usize, part: &(Vec<f64>, Vec<f64>)| {
        let same_force = same_bits(&part.0, &force[first * n..first * n + part.0.len()]);
        let same_energy = same_bits(&part.1, &energy[first..first + part.1.len()]);
        match same_force && same_energy {
            true => Ok(()),
            false => Err(format!("`{}`: replicas {first}.. have other bits in other company", system.name())),
        }
    };
    for r in 0..replicas {
        let mut alone = vec![f64::NAN; n];
        let e = system.energy_force(&x[r * n..(r + 1) * n], &mut alone).map_err(|f| f.to_string())?;
        compare(r, &(alone, vec![e]))?;
    }
    for first in [0, 1.min(replicas), replicas / 2] {
        compare(first, &many(&x[first * n..])?)?;
    }
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|e| e.to_string())?;
        compare(0, &pool.install(|| many(x))?)?;
    }
    Ok(())
}

/// True if both slices hold the same bits.
pub fn same_bits(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}
