//! To the verge of jamming: descent at fixed packing fraction, the fraction lowered towards the point where overlaps vanish.

use super::pairs::Neighbours;
use super::{Network, Packing, fraction, over};
use glasslab_core::{Complaint, Fault, Fire, Space, Streams};
use rand::RngExt;

/// How a packing is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Protocol {
    /// Number of spheres, 16 or more.
    pub spheres: usize,
    /// Dimension, 2 or 3.
    pub dimension: usize,
    /// Diameter of the larger half of the spheres over that of the smaller half; 1: all alike. 1 to 2.
    pub ratio: f64,
    /// Packing fraction at which random points are first relaxed: above jamming.
    pub from: f64,
    /// Root mean square overlap 1 - r/sigma at which to end, 1e-12 to 1e-3.
    pub overlap: f64,
    /// Most forces in all.
    pub most: u64,
}

impl Protocol {
    /// 50:50, ratio 1.4, from 0.03 above the usual jamming fraction, to overlaps of 1e-6.
    pub fn bidisperse(dimension: usize, spheres: usize) -> Self {
        let from = if dimension == 2 { 0.87 } else { 0.68 };
        Self { spheres, dimension, ratio: 1.4, from, overlap: 1e-6, most: 3_000_000 }
    }

    /// All that is wrong with the values.
    pub fn complaints(&self) -> Vec<Complaint> {
        let mut out = Vec::new();
        let mut ask = |good: bool, field: &str, value: String, fix: &str| {
            if !good {
                out.push(Complaint::new(field, value, fix));
            }
        };
        ask((16..=1_000_000).contains(&self.spheres), "n", self.spheres.to_string(), "give 16 to 1000000 spheres");
        ask((2..=3).contains(&self.dimension), "dimension", self.dimension.to_string(), "give 2 or 3");
        ask(
            (1.0..=2.0).contains(&self.ratio),
            "ratio",
            self.ratio.to_string(),
            "give a ratio of diameters from 1 to 2",
        );
        let dense = if self.dimension == 2 { 0.845 } else { 0.65 };
        let fix = format!("give a packing fraction from {dense} to 1.2: above jamming");
        ask((dense..=1.2).contains(&self.from), "from", self.from.to_string(), &fix);
        let fix = "give an overlap from 1e-12 to 1e-3";
        ask((1e-12..=1e-3).contains(&self.overlap), "overlap", self.overlap.to_string(), fix);
        ask(self.most >= 1000, "most", self.most.to_string(), "give at least 1000 steps");
        out
    }
}

/// A packing in force balance on the way to jamming.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// Packing fraction.
    pub fraction: f64,
    /// Root mean square overlap.
    pub overlap: f64,
    /// Energy per sphere.
    pub energy: f64,
    /// Overlapping pairs per sphere, rattlers included.
    pub contacts: f64,
    /// Forces computed.
    pub steps: u64,
}

/// A jammed packing.
#[derive(Clone, Debug, PartialEq)]
pub struct Jammed {
    /// The packing at its last stage.
    pub packing: Packing,
    /// The packing fraction where overlaps vanish, extrapolated from the last stages (the overlap is linear there).
    pub fraction: f64,
    /// All stages that were jammed, from the first on.
    pub stages: Vec<Stage>,
    /// Who touches whom.
    pub network: Network,
    /// True if the overlap asked for was reached within the steps.
    pub converged: bool,
}

struct Making<const D: usize> {
    x: Vec<f64>,
    diameters: Vec<f64>,
    neighbours: Neighbours,
    force: Vec<f64>,
    velocity: Vec<f64>,
    /// Skin of the list of neighbours, in mean diameters.
    skin: f64,
}

/// Sums over the contacts at one point.
#[derive(Clone, Copy, Debug, Default)]
struct Contact {
    energy: f64,
    count: usize,
    total: f64,
}

impl Contact {
    fn overlap(&self) -> f64 {
        if self.count == 0 { 0.0 } else { (2.0 * self.energy / self.count as f64).sqrt() }
    }
}

impl<const D: usize> Making<D> {
    fn new(x: Vec<f64>, diameters: Vec<f64>) -> Self {
        let skin = 0.3;
        let neighbours = Neighbours::new::<D>(&x, &diameters, skin * mean(&diameters));
        let zero = vec![0.0; x.len()];
        Self { x, diameters, neighbours, force: zero.clone(), velocity: zero, skin }
    }

    fn forces(&mut self) -> Contact {
        self.neighbours.follow::<D>(&self.x, &self.diameters);
        self.force.fill(0.0);
        let (force, _) = self.force.as_chunks_mut::<D>();
        let mut contact = Contact::default();
        over::<D>(&self.x, &self.diameters, &self.neighbours.pairs, &mut |i, j, r, length, sigma| {
            let overlap = 1.0 - length / sigma;
            contact.energy += 0.5 * overlap * overlap;
            contact.count += 1;
            contact.total += overlap / sigma;
            let f = overlap / (sigma * length);
            for c in 0..D {
                force[i][c] += f * r[c];
                force[j][c] -= f * r[c];
            }
        });
        contact
    }

    /// Down to forces below `tolerance` times the mean contact force; gives up, as unjammed, where overlaps fall below `floor`.
    fn relax(&mut self, tolerance: f64, floor: f64, most: u64) -> (Contact, u64, bool) {
        // The fastest vibration has a frequency of about 3.5 over the diameter: steps stay below the 0.57 at which it would grow.
        let mean = mean(&self.diameters);
        let mut fire = Fire::new(0.1 * mean).with_largest_move(0.1 * mean);
        fire.longest = 4.5;
        self.velocity.fill(0.0);
        let space = Space::Flat;
        let mut steps = 0;
        loop {
            let contact = self.forces();
            steps += 1;
            let largest = self.force.iter().fold(0.0_f64, |a, f| a.max(f.abs()));
            let typical = contact.total / contact.count.max(1) as f64;
            if contact.overlap() < floor {
                return (contact, steps, false);
            }
            if largest <= tolerance * typical || steps >= most {
                return (contact, steps, largest <= tolerance * typical);
            }
            fire.step(&space, &mut self.x, &mut self.velocity, &mut self.force);
        }
    }

    fn rescale(&mut self, to: f64) {
        let factor = (to / fraction(D, &self.diameters)).powf(1.0 / D as f64);
        self.diameters.iter_mut().for_each(|s| *s *= factor);
        self.neighbours = Neighbours::new::<D>(&self.x, &self.diameters, self.skin * mean(&self.diameters));
    }
}

fn mean(diameters: &[f64]) -> f64 {
    diameters.iter().sum::<f64>() / diameters.len() as f64
}

/// Makes one packing: uniform random points (stream "packing", replica `number`, step 0) relaxed by FIRE at the fraction
/// `from`, then at lower and lower ones. Near jamming the overlap is linear in the fraction, so two stages foretell where it
/// vanishes; each new stage goes 7/8 of that way, and by bisection where that was too far (overlaps vanished). Ends at the
/// overlap asked for or below, as soon as there are as many contacts as are needed for one state of self stress, at the latest ten
/// thousand times below; where a weak contact was lost, forces are balanced ten times better first.
///
/// Forces balance to 1e-5 of their mean or better in the descent, to rounding in the [`Network`].
/// Cost: 10^4 to 10^6 forces of O(N). Deterministic.
/// Source: O'Hern et al. 2003, doi:10.1103/PhysRevE.68.011306; FIRE: Bitzek et al. 2006.
/// Checked by `packings_are_isostatic`, `slow_many_packings`.
pub fn jam(protocol: &Protocol, streams: Streams, number: u64) -> Result<Jammed, Fault> {
    let complaints = protocol.complaints();
    if !complaints.is_empty() {
        return Err(Fault::Input(complaints));
    }
    match protocol.dimension {
        2 => jam_in::<2>(protocol, streams, number),
        _ => jam_in::<3>(protocol, streams, number),
    }
}

fn jam_in<const D: usize>(protocol: &Protocol, streams: Streams, number: u64) -> Result<Jammed, Fault> {
    let n = protocol.spheres;
    let mut rng = streams.stream("packing", number, 0);
    let x: Vec<f64> = (0..n * D).map(|_| rng.random_range(0.0..1.0)).collect();
    let mut diameters: Vec<f64> = (0..n).map(|i| if i < n / 2 { 1.0 } else { protocol.ratio }).collect();
    let factor = (protocol.from / fraction(D, &diameters)).powf(1.0 / D as f64);
    diameters.iter_mut().for_each(|s| *s *= factor);
    if diameters[n - 1] >= 0.5 {
        return Err(Fault::input("n", n, "give more spheres: these are wider than half of the box"));
    }
    let mut making = Making::<D>::new(x, diameters);
    let mut left = protocol.most;
    let mut tolerance = 1e-5;
    let (contact, steps, jammed) = making.relax(tolerance, 1e-6, left);
    left = left.saturating_sub(steps);
    if !jammed {
        return Err(Fault::input("from", protocol.from, "give a larger one: at this fraction the spheres do not jam"));
    }
    let stage = |fraction: f64, contact: &Contact, steps| Stage {
        fraction,
        overlap: contact.overlap(),
        energy: contact.energy / n as f64,
        contacts: 2.0 * contact.count as f64 / n as f64,
        steps,
    };
    let mut stages = vec![stage(protocol.from, &contact, steps)];
    let mut slope = 0.7 * D as f64 * protocol.from;
    // What was too low: overlaps vanished there.
    let mut loose = 0.0_f64;
    let mut network = None;
    let mut previous = Vec::new();
    let finished = |network: &Network| network.excess() == 0 && network.rigid() > 0;
    while left > 0 {
        let now = stages[stages.len() - 1];
        if now.overlap <= protocol.overlap {
            let packing = Packing::new(D, making.diameters.clone(), making.x.clone())?;
            let found = Network::new(&packing);
            let (done, lost) = (finished(&found) || now.overlap <= 1e-4 * protocol.overlap, found.excess() < 0);
            network = Some((packing, found));
            if done {
                break;
            }
            if lost && tolerance > 1e-8 {
                // Weak contacts need sharper balance: on from here, at the same fraction.
                tolerance *= 0.1;
                let (contact, steps, jammed) = making.relax(tolerance, 0.05 * now.overlap, left);
                left = left.saturating_sub(steps);
                if !jammed {
                    break;
                }
                let last = stages.len() - 1;
                stages[last] = stage(now.fraction, &contact, now.steps + steps);
                continue;
            }
        }
        // The same contacts twice: positions, too, are linear in the fraction, and the next step may be long.
        let before = stages.len().checked_sub(2).map(|k| stages[k]).filter(|s| s.contacts == now.contacts);
        let mut next = now.fraction - (if before.is_some() { 0.98 } else { 0.875 }) * slope * now.overlap;
        if next <= loose {
            next = 0.5 * (now.fraction + loose);
        }
        // Nothing lies between the two: rounding.
        if next >= now.fraction || next <= loose {
            break;
        }
        let kept = making.x.clone();
        if let Some(before) = before {
            let far = (next - now.fraction) / (now.fraction - before.fraction);
            making.x.iter_mut().zip(&previous).for_each(|(x, p)| *x += far * (*x - p));
        }
        making.skin = 0.1;
        making.rescale(next);
        let expected = (now.overlap - (now.fraction - next) / slope).max(0.05 * now.overlap);
        let (contact, steps, jammed) = making.relax(tolerance, 0.05 * expected, left);
        left = left.saturating_sub(steps);
        if jammed {
            let new = stage(next, &contact, steps);
            if new.overlap < now.overlap {
                slope = (now.fraction - next) / (now.overlap - new.overlap);
            }
            stages.push(new);
            previous = kept;
        } else {
            loose = loose.max(next);
            making.x = kept;
            making.rescale(now.fraction);
        }
    }
    let last = stages[stages.len() - 1];
    let (packing, network) = match network {
        Some((packing, network)) if packing.diameters == making.diameters => (packing, network),
        _ => {
            let packing = Packing::new(D, making.diameters.clone(), making.x.clone())?;
            let network = Network::new(&packing);
            (packing, network)
        }
    };
    let converged = last.overlap <= protocol.overlap;
    Ok(Jammed { packing, fraction: last.fraction - slope * last.overlap, stages, network, converged })
}
