//! Smooth deformations of images of maximal entropy at a temperature, and isotropic noise of the same size.

use glasslab_core::{Fault, Streams, sum};
use rand_distr::{Distribution, StandardNormal};
use std::f64::consts::PI;

/// The law of deformations tau of the unit square: each component of the displacement is
/// u(x, y) = sum_ij C_ij sin(i pi x) sin(j pi y), C_ij ~ N(0, T/(i^2 + j^2)), over i, j >= 1 with sqrt(i^2 + j^2) < c + 1/2.
///
/// It has the largest entropy at a given mean of the elastic energy |grad u|^2, below a cut-off c in frequency; it vanishes on
/// the border. In pixels displacements are times n, the pixels of a side; pixel k of n is at k/(n - 1).
/// Source: Petrini, Favero, Geiger, Wyart 2021, arXiv:2105.02468, and their code `diffeomorphism`.
/// Checked by `tests/deform.rs`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deformations {
    /// T: the variance of the coefficients times i^2 + j^2; no unit (lengths in sides of the image).
    pub temperature: f64,
    /// c > 1: the cut-off in frequency, in half periods a side.
    pub cutoff: f64,
}

impl Deformations {
    /// Of typical displacement `delta` in pixels of an image of n pixels a side: T = 4 delta^2/(pi n^2 ln c).
    pub fn of_displacement(delta: f64, n: usize, cutoff: f64) -> Result<Self, Fault> {
        let mut complaints = Vec::new();
        if !(delta.is_finite() && delta > 0.0) {
            complaints.push(glasslab_core::Complaint::new("displacement", delta, "give pixels, a finite number > 0"));
        }
        if !(cutoff.is_finite() && cutoff > 1.0 && cutoff <= 1000.0) {
            complaints.push(glasslab_core::Complaint::new("cutoff", cutoff, "give a number above 1, at most 1000"));
        }
        if n < 2 {
            complaints.push(glasslab_core::Complaint::new("image", n, "give images of at least 2 x 2 pixels"));
        }
        if !complaints.is_empty() {
            return Err(Fault::Input(complaints));
        }
        Ok(Self { temperature: 4.0 * delta * delta / (PI * (n * n) as f64 * cutoff.ln()), cutoff })
    }

    /// The typical displacement in pixels, delta = n sqrt(pi T ln c)/2: the root of the mean of |tau|^2 over the image where
    /// c >> 1 (the sum over modes in its place is [`Deformations::exact_displacement`]).
    pub fn displacement(self, n: usize) -> f64 {
        n as f64 * (PI * self.temperature * self.cutoff.ln()).sqrt() / 2.0
    }

    /// The root of the mean of |tau|^2 over the continuous square, in pixels: n sqrt((T/2) sum_ij 1/(i^2 + j^2)).
    pub fn exact_displacement(self, n: usize) -> f64 {
        let sum: f64 = self.modes().iter().map(|[i, j]| 1.0 / (i * i + j * j) as f64).sum();
        n as f64 * (0.5 * self.temperature * sum).sqrt()
    }

    /// The temperatures between which it is a deformation that one can see and that does not fold the image: from
    /// T_min = 1/(pi n^2 ln c), where delta is half a pixel, to T_max = 4/(pi^3 c^2 ln c).
    pub fn temperatures(n: usize, cutoff: f64) -> [f64; 2] {
        let log = cutoff.ln();
        [1.0 / (PI * (n * n) as f64 * log), 4.0 / (PI.powi(3) * cutoff * cutoff * log)]
    }

    /// The modes (i, j) below the cut-off, i slowest.
    pub fn modes(self) -> Vec<[usize; 2]> {
        let most = self.cutoff.floor() as usize + 1;
        let kept = |[i, j]: &[usize; 2]| ((i * i + j * j) as f64).sqrt() < self.cutoff + 0.5;
        (1..=most).flat_map(|i| (1..=most).map(move |j| [i, j])).filter(kept).collect()
    }

    /// Standard normal numbers \[2, modes\] of deformation number `number` from the stream ("deformation", number, 0): those of
    /// the displacement across, then those down. The same at every temperature.
    pub fn draw(self, streams: Streams, number: u64) -> Vec<f64> {
        let mut rng = streams.stream("deformation", number, 0);
        (0..2 * self.modes().len()).map(|_| StandardNormal.sample(&mut rng)).collect()
    }

    /// The deformation of images [height, width] with these standard normal numbers \[2, modes\]: C_ij = sqrt(T/(i^2 + j^2))
    /// times them; in the term of mode (i, j), i counts across and j down. Cost O(modes x pixels).
    pub fn field(self, [height, width]: [usize; 2], normals: &[f64]) -> Result<Field, Fault> {
        let modes = self.modes();
        Fault::check_len("normal numbers", 2 * modes.len(), normals.len())?;
        let sines = |pixels: usize, k: usize| -> Vec<f64> {
            let last = pixels.max(2) - 1;
            // sin(k pi) is 0 on the border, not 1e-16.
            let one = |p: usize| if p == 0 || p == last { 0.0 } else { (PI * (k * p) as f64 / last as f64).sin() };
            (0..pixels).map(one).collect()
        };
        let component = |normals: &[f64], pixels: usize| {
            let mut out = vec![0.0; height * width];
            for ([i, j], normal) in modes.iter().zip(normals) {
                let size = pixels as f64 * (self.temperature / (i * i + j * j) as f64).sqrt() * normal;
                let (across, down) = (sines(width, *i), sines(height, *j));
                for (row, y) in out.chunks_exact_mut(width).zip(&down) {
                    row.iter_mut().zip(&across).for_each(|(o, x)| *o += size * y * x);
                }
            }
            out
        };
        let (across, down) = normals.split_at(modes.len());
        Ok(Field { height, width, across: component(across, width), down: component(down, height) })
    }
}

/// Displacements of the pixels of an image, in pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Pixels down.
    pub height: usize,
    /// Pixels across.
    pub width: usize,
    /// To the right [height, width].
    pub across: Vec<f64>,
    /// Down [height, width].
    pub down: Vec<f64>,
}

impl Field {
    /// The deformed image, channel by channel: pixel (y, x) takes the value at (y - down, x - across), linear between
    /// pixels; what is asked for beyond the border is taken from the border. `image` [channels, height, width].
    ///
    /// Linear and of weights that sum to 1: it commutes with shifts and factors of pixel values (normalisation). Cost O(pixels).
    pub fn apply(&self, image: &[f64]) -> Vec<f64> {
        let (h, w) = (self.height, self.width);
        let place = |at: f64, last: usize| {
            let at = at.clamp(0.0, last as f64);
            let low = at.floor() as usize;
            (low, (low + 1).min(last), at - low as f64)
        };
        let mut out = Vec::with_capacity(image.len());
        for plane in image.chunks_exact(h * w) {
            for p in 0..h * w {
                let (y0, y1, b) = place((p / w) as f64 - self.down[p], h - 1);
                let (x0, x1, a) = place((p % w) as f64 - self.across[p], w - 1);
                let row = |y: usize| (1.0 - a) * plane[y * w + x0] + a * plane[y * w + x1];
                out.push((1.0 - b) * row(y0) + b * row(y1));
            }
        }
        out
    }
}

/// How large the noise is that deformations are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoiseSize {
    /// For all images the mean of |tau x - x| over images: the definition in the text of the paper.
    Mean,
    /// For each image |tau x - x| of that image, exactly: the published measurements.
    Each,
}

/// x + eta, eta isotropic on the sphere of the size that is asked for; images x and tau x [B, n], number `first` and on from the
/// streams ("stability noise", number, 0). Cost O(B n).
pub fn noisy(x: &[f64], deformed: &[f64], n: usize, size: NoiseSize, streams: Streams, first: u64) -> Vec<f64> {
    let moved = |(x, t): (&[f64], &[f64])| {
        let d: Vec<f64> = t.iter().zip(x).map(|(t, x)| t - x).collect();
        sum::dot(&d, &d).sqrt()
    };
    let lengths: Vec<f64> = x.chunks_exact(n).zip(deformed.chunks_exact(n)).map(moved).collect();
    let mean = lengths.iter().sum::<f64>() / lengths.len().max(1) as f64;
    let mut out = Vec::with_capacity(x.len());
    for (k, (x, length)) in x.chunks_exact(n).zip(&lengths).enumerate() {
        let mut rng = streams.stream("stability noise", first + k as u64, 0);
        let eta: Vec<f64> = (0..n).map(|_| StandardNormal.sample(&mut rng)).collect();
        let length = if size == NoiseSize::Mean { mean } else { *length };
        let scale = length / sum::dot(&eta, &eta).sqrt();
        out.extend(x.iter().zip(&eta).map(|(x, e)| x + scale * e));
    }
    out
}
