//! Who touches whom: contacts without rattlers, the state of self stress, gaps.

use super::pairs::between;
use super::{Packing, gaps};
use glasslab_core::sum;

/// The rigid part of a packing.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Spheres with fewer than d + 1 contacts, taken out one after the other until none is left.
    pub rattlers: Vec<bool>,
    /// Contacts (i, j), i < j, among the others.
    pub contacts: Vec<[u32; 2]>,
    /// Force of each contact, mean 1: the state of self stress that the overlaps are near to (see [`Network::new`]).
    pub forces: Vec<f64>,
    /// Largest unbalanced force on a sphere, in units of the mean force.
    pub imbalance: f64,
    /// Gaps h = r/sigma - 1 < 1/2 of the pairs of the rigid part that do not touch.
    pub gaps: Vec<f64>,
    dimension: usize,
    spheres: usize,
}

impl Network {
    /// The network of overlapping pairs. The forces are the overlaps, moved by the least change (in the sum of squares) to
    /// exact balance along the normals of the contacts: conjugate gradients on the equations of balance, at most 40 N d steps
    /// of O(N). Overlaps near jamming are differences of nearly equal lengths and carry few digits; normals do not.
    pub fn new(packing: &Packing) -> Self {
        let (n, d) = (packing.spheres(), packing.dimension);
        let near = gaps(d, &packing.start, &packing.diameters);
        let mut rattlers = vec![false; n];
        let mut touching: Vec<([u32; 2], f64)> = near.iter().copied().filter(|g| g.1 < 0.0).collect();
        loop {
            let mut count = vec![0; n];
            touching.iter().flat_map(|t| t.0).for_each(|i| count[i as usize] += 1);
            let loose: Vec<usize> = (0..n).filter(|&i| !rattlers[i] && count[i] < d + 1).collect();
            if loose.is_empty() {
                break;
            }
            loose.iter().for_each(|&i| rattlers[i] = true);
            touching.retain(|t| t.0.iter().all(|&i| !rattlers[i as usize]));
        }
        let rigid = |p: &[u32; 2]| p.iter().all(|&i| !rattlers[i as usize]);
        let gaps = near.iter().filter(|g| g.1 >= 0.0 && rigid(&g.0)).map(|g| g.1).collect();
        let contacts: Vec<[u32; 2]> = touching.iter().map(|t| t.0).collect();
        let sigma = |p: &[u32; 2]| 0.5 * (packing.diameters[p[0] as usize] + packing.diameters[p[1] as usize]);
        let overlaps: Vec<f64> = touching.iter().map(|(pair, gap)| -gap / sigma(pair)).collect();
        let balance = Balance { normals: normals(packing, &contacts), contacts: &contacts, d, n };
        let (forces, imbalance) = balance.settle(overlaps);
        Self { rattlers, contacts, forces, imbalance, gaps, dimension: d, spheres: n }
    }

    /// Spheres that are held.
    pub fn rigid(&self) -> usize {
        self.spheres - self.rattlers.iter().filter(|r| **r).count()
    }

    /// Contacts per held sphere, z.
    pub fn contact_number(&self) -> f64 {
        2.0 * self.contacts.len() as f64 / self.rigid().max(1) as f64
    }

    /// Contacts beyond d (N' - 1) + 1, N' the held spheres: 0 at jamming, where there is a single state of self stress.
    /// Source: O'Hern et al. 2003; Goodrich, Liu and Nagel 2012, doi:10.1103/PhysRevLett.109.095704.
    pub fn excess(&self) -> i64 {
        let needed = self.dimension as i64 * (self.rigid() as i64 - 1) + 1;
        if self.rigid() == 0 { 0 } else { self.contacts.len() as i64 - needed }
    }

    /// Forces of contacts with a buckler (a sphere with d + 1 contacts), and all others.
    /// Source: Charbonneau, Corwin, Parisi and Zamponi 2015, doi:10.1103/PhysRevLett.114.125504.
    pub fn forces_by_kind(&self) -> (Vec<f64>, Vec<f64>) {
        let mut count = vec![0; self.spheres];
        self.contacts.iter().flatten().for_each(|&i| count[i as usize] += 1);
        let (mut bucklers, mut others) = (Vec::new(), Vec::new());
        for (pair, force) in self.contacts.iter().zip(&self.forces) {
            let buckles = pair.iter().any(|&i| count[i as usize] == self.dimension + 1);
            if buckles { bucklers.push(*force) } else { others.push(*force) }
        }
        (bucklers, others)
    }
}

fn normals(packing: &Packing, contacts: &[[u32; 2]]) -> Vec<[f64; 3]> {
    let x = &packing.start;
    let one = |pair: &[u32; 2]| -> [f64; 3] {
        let [i, j] = pair.map(|i| i as usize);
        let (r, square) = match packing.dimension {
            2 => {
                let x = x.as_chunks::<2>().0;
                let (r, square) = between(&x[i], &x[j]);
                ([r[0], r[1], 0.0], square)
            }
            _ => {
                let x = x.as_chunks::<3>().0;
                between(&x[i], &x[j])
            }
        };
        r.map(|c| c / square.sqrt())
    };
    contacts.iter().map(one).collect()
}

/// The equations of balance: A f = sum of the contact forces on each sphere.
struct Balance<'a> {
    normals: Vec<[f64; 3]>,
    contacts: &'a [[u32; 2]],
    d: usize,
    n: usize,
}

impl Balance<'_> {
    fn on_spheres(&self, f: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.n * self.d];
        for ((pair, normal), f) in self.contacts.iter().zip(&self.normals).zip(f) {
            let [i, j] = pair.map(|i| i as usize * self.d);
            for c in 0..self.d {
                out[i + c] += f * normal[c];
                out[j + c] -= f * normal[c];
            }
        }
        out
    }

    fn on_contacts(&self, v: &[f64]) -> Vec<f64> {
        let one = |(pair, normal): (&[u32; 2], &[f64; 3])| {
            let [i, j] = pair.map(|i| i as usize * self.d);
            (0..self.d).map(|c| (v[i + c] - v[j + c]) * normal[c]).sum()
        };
        self.contacts.iter().zip(&self.normals).map(one).collect()
    }

    /// Forces in balance, mean 1, next to f, and what is left of imbalance.
    fn settle(&self, mut f: Vec<f64>) -> (Vec<f64>, f64) {
        let count = f.len().max(1) as f64;
        let normalise = |f: &mut Vec<f64>| {
            let mean = sum::sum(f) / count;
            if mean > 0.0 {
                f.iter_mut().for_each(|f| *f /= mean);
            }
        };
        let largest = |v: &[f64]| v.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
        normalise(&mut f);
        // Started again a few times: the residual of the recurrence drifts from the true one.
        for _ in 0..4 {
            let mut residual: Vec<f64> = self.on_spheres(&f).iter().map(|r| -r).collect();
            if largest(&residual) < 1e-14 {
                break;
            }
            let mut slope = self.on_contacts(&residual);
            let mut direction = slope.clone();
            let first = sum::dot(&slope, &slope);
            let mut now = first;
            for _ in 0..10 * self.n * self.d {
                if now <= 1e-26 * first || now == 0.0 || largest(&residual) < 3e-15 {
                    break;
                }
                let image = self.on_spheres(&direction);
                let step = now / sum::dot(&image, &image);
                f.iter_mut().zip(&direction).for_each(|(f, p)| *f += step * p);
                residual.iter_mut().zip(&image).for_each(|(r, q)| *r -= step * q);
                slope = self.on_contacts(&residual);
                let next = sum::dot(&slope, &slope);
                let keep = next / now;
                direction.iter_mut().zip(&slope).for_each(|(p, s)| *p = s + keep * *p);
                now = next;
            }
        }
        normalise(&mut f);
        let left = largest(&self.on_spheres(&f));
        (f, left)
    }
}
