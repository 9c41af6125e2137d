//! Lists of neighbours in a periodic box: made from cells, kept while nobody has moved by more than half the skin.

use super::Particles;
use super::kernel::{Coordinates, LANES, Segment, add_pairs};
use glasslab_core::sum;

/// The list for one configuration, its *reference*, and copies of all particles, sorted for the loop over pairs.
///
/// Particles are wrapped into the box when the list is made, and copied (as *ghosts*) wherever one of their images is within
/// reach of the box, so that the loop knows no periodicity. Every neighbour is in the list of both: no force is scattered.
/// Lists grow as needed: they cannot overflow. Everything is a function of the reference alone, in a fixed order.
#[derive(Default)]
pub(super) struct Neighbours {
    skin: f64,
    reference: Vec<f64>,
    all: Coordinates,
    /// Particle of each copy, and its copy's coordinates less the particle's.
    parent: Vec<u32>,
    offset: Vec<[f64; 3]>,
    /// Places of the copies that are no ghosts, those of one species together, and where each species begins.
    owned: Vec<u32>,
    owned_starts: Vec<usize>,
    /// Where the groups of (owned, species of the neighbours) begin.
    starts: Vec<u32>,
    groups: Vec<[u32; LANES]>,
    out: Vec<[f64; 4]>,
}

/// Coordinates beyond this many boxes have lost the digits that tell where in the box they are.
const FAR: f64 = 1e9;

/// The cells of one species: places of its copies by cell, rows along x.
struct Cells {
    size: f64,
    low: [f64; 3],
    counts: [usize; 3],
    starts: Vec<u32>,
}

impl Cells {
    fn along(&self, k: usize, x: f64) -> usize {
        (((x - self.low[k]) / self.size).max(0.0) as usize).min(self.counts[k] - 1)
    }

    fn cell(&self, at: [f64; 3]) -> usize {
        let [x, y, z] = [self.along(0, at[0]), self.along(1, at[1]), self.along(2, at[2])];
        (z * self.counts[1] + y) * self.counts[0] + x
    }
}

impl Neighbours {
    /// An empty list; the first force makes it.
    pub(super) fn new(skin: f64) -> Self {
        Self { skin, ..Self::default() }
    }

    pub(super) fn reference(&self) -> &[f64] {
        &self.reference
    }

    /// Makes the list of `x` `[N, d]`. Cost: O(N) times the neighbours of a particle.
    pub(super) fn build(&mut self, model: &Particles, x: &[f64]) {
        self.reference.clear();
        self.reference.extend_from_slice(x);
        let (d, species) = (model.dimension(), model.species_count());
        let reach = model.reach() + self.skin;
        let lengths = model.lengths();
        self.parent.clear();
        self.offset.clear();
        self.owned.clear();
        self.owned_starts.clear();
        let mut cells = Vec::with_capacity(species);
        for s in 0..species {
            let first = self.parent.len();
            let (mut places, mut found) = (Vec::new(), Vec::new());
            for &p in model.members(s) {
                let mut base = [0.0; 3];
                let mut at = [0.0; 3];
                for k in 0..d {
                    let x = x[p as usize * d + k];
                    base[k] = -lengths[k] * (x / lengths[k]).floor();
                    at[k] = x + base[k];
                }
                let range = |k: usize| if k < d { -1..=1 } else { 0..=0 };
                for i in range(0) {
                    for j in range(1) {
                        for l in range(2) {
                            let shift =
                                [f64::from(i) * lengths[0], f64::from(j) * lengths[1], f64::from(l) * lengths[2]];
                            let ghost = [at[0] + shift[0], at[1] + shift[1], at[2] + shift[2]];
                            let own = i == 0 && j == 0 && l == 0;
                            if own || (0..d).all(|k| ghost[k] >= -reach && ghost[k] <= lengths[k] + reach) {
                                let offset = [base[0] + shift[0], base[1] + shift[1], base[2] + shift[2]];
                                places.push(ghost);
                                found.push((p, offset, own));
                            }
                        }
                    }
                }
            }
            let grid = grid(d, lengths, reach, places.len());
            let (order, grid) = sort(&places, grid, first);
            for &k in &order {
                let (p, offset, own) = found[k as usize];
                if own {
                    self.owned.push(self.parent.len() as u32);
                }
                self.parent.push(p);
                self.offset.push(offset);
            }
            cells.push(grid);
            self.owned_starts.push(self.owned.len());
        }
        let dummy = self.parent.len() as u32;
        for v in [&mut self.all.x, &mut self.all.y, &mut self.all.z] {
            v.clear();
            v.resize(dummy as usize, 0.0);
            v.push(1e30);
        }
        self.place(d, x);
        self.list(model, &cells, dummy);
        self.out = vec![[0.0; 4]; self.owned.len()];
    }

    /// Fills `groups` and `starts`.
    fn list(&mut self, model: &Particles, cells: &[Cells], dummy: u32) {
        self.groups.clear();
        self.starts.clear();
        let mut near: Vec<u32> = Vec::new();
        for &i in &self.owned {
            let at = [self.all.x[i as usize], self.all.y[i as usize], self.all.z[i as usize]];
            let particle = self.parent[i as usize];
            let excluded = model.excluded(particle);
            for (s, cells) in cells.iter().enumerate() {
                self.starts.push(self.groups.len() as u32);
                let cutoff = model.pair(model.species_of(particle), s).cutoff;
                if cutoff <= 0.0 {
                    continue;
                }
                let radius = cutoff + self.skin;
                near.clear();
                let range = |k: usize| cells.along(k, at[k] - radius)..=cells.along(k, at[k] + radius);
                for z in range(2) {
                    for y in range(1) {
                        let row = (z * cells.counts[1] + y) * cells.counts[0];
                        let (from, to) = (range(0).start() + row, range(0).end() + row);
                        let places = cells.starts[from] as usize..cells.starts[to + 1] as usize;
                        within(&self.all, places, at, radius * radius, &mut near);
                    }
                }
                near.retain(|&j| j != i);
                if !excluded.is_empty() {
                    near.retain(|&j| !excluded.contains(&self.parent[j as usize]));
                }
                for group in near.chunks(LANES) {
                    let mut places = [dummy; LANES];
                    places[..group.len()].copy_from_slice(group);
                    self.groups.push(places);
                }
            }
        }
        self.starts.push(self.groups.len() as u32);
    }

    /// Moves all copies to where their particles are; makes the list anew if one has moved by more than half the skin.
    /// False if x is not finite, too far out, or if a particle has moved by more than half the box since the list was made.
    fn follow(&mut self, model: &Particles, x: &[f64]) -> bool {
        let (d, lengths) = (model.dimension(), model.lengths());
        let far = (0..d).map(|k| lengths[k]).fold(f64::INFINITY, f64::min);
        let mut largest = 0.0_f64;
        let known = self.reference.len() == x.len();
        for (p, at) in x.chunks(d).enumerate() {
            if !at.iter().all(|x| x.abs() < FAR * far) {
                return false;
            }
            if known {
                let moved = at.iter().zip(&self.reference[p * d..]).map(|(x, r)| (x - r) * (x - r)).sum();
                largest = largest.max(moved);
            }
        }
        if !known {
            self.build(model, x);
            return true;
        }
        if largest > 0.25 * far * far {
            return false;
        }
        if largest > 0.25 * self.skin * self.skin {
            self.build(model, x);
            return true;
        }
        self.place(d, x);
        true
    }

    /// Moves all copies to where their particles are.
    fn place(&mut self, d: usize, x: &[f64]) {
        for (c, (p, offset)) in self.parent.iter().zip(&self.offset).enumerate() {
            let at = &x[*p as usize * d..][..d];
            self.all.x[c] = at[0] + offset[0];
            self.all.y[c] = at[1] + offset[1];
            if d == 3 {
                self.all.z[c] = at[2] + offset[2];
            }
        }
    }

    /// Energy of the pairs at x `[N, d]`, returned, and their forces `[N, d]`, written; not finite where x has blown up.
    pub(super) fn energy_force(&mut self, model: &Particles, x: &[f64], force: &mut [f64]) -> f64 {
        if !self.follow(model, x) {
            force.fill(f64::NAN);
            return f64::NAN;
        }
        let (d, species) = (model.dimension(), model.species_count());
        self.out.fill([0.0; 4]);
        let mut first = 0;
        for s in 0..species {
            let end = self.owned_starts[s];
            for t in 0..species {
                let pair = model.pair(s, t);
                if pair.cutoff > 0.0 {
                    let (owned, starts, groups) = (&self.owned[first..end], &self.starts, &self.groups);
                    let segment = |i: usize| {
                        let k = (first + i) * species + t;
                        Segment { at: owned[i], neighbours: &groups[starts[k] as usize..starts[k + 1] as usize] }
                    };
                    add_pairs(pair, &self.all, segment, &mut self.out[first..end]);
                }
            }
            first = end;
        }
        for (out, &i) in self.out.iter().zip(&self.owned) {
            let p = self.parent[i as usize] as usize;
            force[p * d..][..d].copy_from_slice(&out[..d]);
        }
        let energies: Vec<f64> = self.out.iter().map(|out| out[3]).collect();
        0.5 * sum::sum(&energies)
    }

    /// Calls `f(i, j, r)` for every neighbour j of every particle i in the list, r = x_i - x_j from i's side of the pair.
    pub(super) fn each(&self, species: usize, mut f: impl FnMut(usize, usize, [f64; 3])) {
        for (k, &i) in self.owned.iter().enumerate() {
            let groups = self.starts[k * species] as usize..self.starts[(k + 1) * species] as usize;
            for &j in self.groups[groups].as_flattened().iter().filter(|&&j| (j as usize) < self.parent.len()) {
                let (a, b) = (i as usize, j as usize);
                let r = [self.all.x[a] - self.all.x[b], self.all.y[a] - self.all.y[b], self.all.z[a] - self.all.z[b]];
                f(self.parent[a] as usize, self.parent[b] as usize, r);
            }
        }
    }
}

/// Cells for `copies` places within `reach` of the box: half of `reach` wide, or wider where that would be far more cells
/// than copies.
fn grid(d: usize, lengths: [f64; 3], reach: f64, copies: usize) -> Cells {
    let most = 2.0 * (copies as f64).powf(1.0 / d as f64) + 1.0;
    let extent = |k: usize| lengths[k] + 2.0 * reach;
    let size = (0..d).map(|k| extent(k) / most).fold(0.5 * reach, f64::max);
    let mut counts = [1; 3];
    let mut low = [0.0; 3];
    for k in 0..d {
        counts[k] = (extent(k) / size) as usize + 1;
        low[k] = -reach;
    }
    Cells { size, low, counts, starts: Vec::new() }
}

/// The places in the order of their cells, equal cells in the order given, and the cells with their starts; `first` is the
/// number of the first place in the end.
fn sort(places: &[[f64; 3]], mut cells: Cells, first: usize) -> (Vec<u32>, Cells) {
    let mut starts = vec![0_u32; cells.counts.iter().product::<usize>() + 1];
    let of: Vec<u32> = places.iter().map(|&at| cells.cell(at) as u32).collect();
    of.iter().for_each(|&c| starts[c as usize + 1] += 1);
    for c in 1..starts.len() {
        starts[c] += starts[c - 1];
    }
    let (mut next, mut order) = (starts.clone(), vec![0; places.len()]);
    for (k, &c) in of.iter().enumerate() {
        order[next[c as usize] as usize] = k as u32;
        next[c as usize] += 1;
    }
    starts.iter_mut().for_each(|s| *s += first as u32);
    cells.starts = starts;
    (order, cells)
}

/// Appends the places whose distance from `at` is below the square root of `square`.
fn within(all: &Coordinates, places: std::ops::Range<usize>, at: [f64; 3], square: f64, near: &mut Vec<u32>) {
    let (xs, ys, zs) = (&all.x[places.clone()], &all.y[places.clone()], &all.z[places.clone()]);
    let begin = near.len();
    near.resize(begin + xs.len(), 0);
    let mut count = 0;
    let out = &mut near[begin..];
    for (k, ((x, y), z)) in xs.iter().zip(ys).zip(zs).enumerate() {
        let (dx, dy, dz) = (at[0] - x, at[1] - y, at[2] - z);
        out[count] = (places.start + k) as u32;
        count += usize::from(dx * dx + dy * dy + dz * dz < square);
    }
    near.truncate(begin + count);
}
