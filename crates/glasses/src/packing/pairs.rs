//! Pairs of spheres that are near each other, in the unit box with periodic walls.

/// Positions as one point a sphere.
fn points<const D: usize>(x: &[f64]) -> &[[f64; D]] {
    x.as_chunks::<D>().0
}

/// From b to a by the shortest way, and its squared length.
#[inline(always)]
pub(super) fn between<const D: usize>(a: &[f64; D], b: &[f64; D]) -> ([f64; D], f64) {
    let mut r = [0.0; D];
    let mut square = 0.0;
    for c in 0..D {
        // The nearest whole number without a call: sums of this size have no digits behind the point.
        const BIG: f64 = 6_755_399_441_055_744.0;
        let d = a[c] - b[c];
        r[c] = d - ((d + BIG) - BIG);
        square += r[c] * r[c];
    }
    (r, square)
}

/// All pairs i < j nearer than the mean of their diameters plus `skin`, in a fixed order. Cost O(N) by cells.
pub(super) fn near<const D: usize>(x: &[f64], diameters: &[f64], skin: f64) -> Vec<[u32; 2]> {
    let x = points::<D>(x);
    let widest = diameters.iter().fold(0.0_f64, |a, b| a.max(*b));
    let across = ((1.0 / (widest + skin)).floor() as usize).min((x.len() as f64).powf(1.0 / D as f64).ceil() as usize);
    let mut pairs = Vec::new();
    let mut consider = |i: usize, j: usize| {
        let reach = 0.5 * (diameters[i] + diameters[j]) + skin;
        if between(&x[i], &x[j]).1 < reach * reach {
            pairs.push([i.min(j) as u32, i.max(j) as u32]);
        }
    };
    if across < 3 {
        (0..x.len()).for_each(|i| (i + 1..x.len()).for_each(|j| consider(i, j)));
        return pairs;
    }
    let place =
        |x: &[f64; D]| -> [usize; D] { x.map(|c| (((c - c.floor()) * across as f64) as usize).min(across - 1)) };
    let number = |cell: &[usize; D]| cell.iter().fold(0, |n, c| n * across + c);
    let mut members = vec![Vec::new(); across.pow(D as u32)];
    x.iter().enumerate().for_each(|(i, x)| members[number(&place(x))].push(i));
    for (i, here) in x.iter().enumerate() {
        let home = place(here);
        for shift in 0..3_usize.pow(D as u32) {
            let mut cell = home;
            let mut rest = shift;
            for c in &mut cell {
                *c = (*c + across + rest % 3 - 1) % across;
                rest /= 3;
            }
            members[number(&cell)].iter().filter(|&&j| i < j).for_each(|&j| consider(i, j));
        }
    }
    pairs
}

/// A list of near pairs that knows how far the spheres may move before it must be made again.
pub(super) struct Neighbours {
    pub(super) pairs: Vec<[u32; 2]>,
    made_at: Vec<f64>,
    skin: f64,
}

impl Neighbours {
    /// The list at x; it serves until some sphere has moved by half of `skin`.
    pub(super) fn new<const D: usize>(x: &[f64], diameters: &[f64], skin: f64) -> Self {
        Self { pairs: near::<D>(x, diameters, skin), made_at: x.to_vec(), skin }
    }

    /// Makes the list again if it no longer serves. Cost O(N).
    pub(super) fn follow<const D: usize>(&mut self, x: &[f64], diameters: &[f64]) {
        let limit = 0.25 * self.skin * self.skin;
        let moved = |(a, b): (&[f64; D], &[f64; D])| {
            let square: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
            // Not a number counts as moved.
            square >= limit || square.is_nan()
        };
        if points::<D>(x).iter().zip(points::<D>(&self.made_at)).any(moved) {
            *self = Self::new::<D>(x, diameters, self.skin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasslab_core::Streams;
    use rand::RngExt;

    /// Cells find the pairs that the plain double loop finds, in two and three dimensions, for few and many spheres.
    #[test]
    fn cells_find_every_pair() {
        fn check<const D: usize>(n: usize, width: f64) {
            let mut rng = Streams::new(4).stream("test", n as u64, 0);
            let x: Vec<f64> = (0..n * D).map(|_| rng.random_range(-0.7..1.9)).collect();
            let diameters: Vec<f64> = (0..n).map(|i| if i % 2 == 0 { width } else { 1.4 * width }).collect();
            let mut found = near::<D>(&x, &diameters, 0.2 * width);
            found.sort_unstable();
            let x = points::<D>(&x);
            let mut expected = Vec::new();
            for i in 0..n {
                for j in i + 1..n {
                    if between(&x[i], &x[j]).1.sqrt() < 0.5 * (diameters[i] + diameters[j]) + 0.2 * width {
                        expected.push([i as u32, j as u32]);
                    }
                }
            }
            assert!(!expected.is_empty());
            assert_eq!(found, expected);
        }
        check::<2>(30, 0.2);
        check::<2>(400, 0.05);
        check::<3>(20, 0.3);
        check::<3>(500, 0.1);
    }
}
