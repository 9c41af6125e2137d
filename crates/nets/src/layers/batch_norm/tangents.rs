//! How a batch normalisation's passes change along a direction, the batch's statistics included.

use super::BatchNorm;
use crate::layers::{Direction, Point, Tangents};

/// One channel at a point and along a direction, over all pixels of all samples: u = (z - mean) r, r = 1/deviation.
struct Channel {
    r: f64,
    /// Change of r.
    dr: f64,
    u: Vec<f64>,
    /// Change of u.
    du: Vec<f64>,
    weight: f64,
    d_weight: f64,
    d_bias: f64,
}

fn mean(values: impl Iterator<Item = f64>, count: usize) -> f64 {
    values.sum::<f64>() / count as f64
}

impl BatchNorm {
    fn gather(&self, values: &[f64], c: usize) -> Vec<f64> {
        self.planes(values, c).flatten().copied().collect()
    }

    fn scatter(&self, channel: &[f64], c: usize, to: &mut [f64]) {
        let (at, plane) = (c * self.plane, self.plane);
        for (sample, values) in to.chunks_exact_mut(self.width()).zip(channel.chunks_exact(plane)) {
            sample[at..at + plane].copy_from_slice(values);
        }
    }

    /// du = r (dz - mean(dz) - u mean(u dz)), dr = -r^2 mean(u dz); frozen: du = r dz, dr = 0.
    fn channels(&self, at: Point<'_>, along: Direction<'_>) -> impl Iterator<Item = Channel> {
        let statistics = self.statistics(at.input);
        (0..self.channels).map(move |c| {
            let [centre, variance] = statistics[c];
            let r = Self::inverse(variance);
            let u: Vec<f64> = self.gather(at.input, c).into_iter().map(|z| (z - centre) * r).collect();
            let mut du = along.input.map_or(vec![0.0; u.len()], |d| self.gather(d, c));
            let mut dr = 0.0;
            if self.fixed.is_none() {
                let shift = mean(du.iter().copied(), u.len());
                let slope = mean(du.iter().zip(&u).map(|(d, u)| d * u), u.len());
                du.iter_mut().zip(&u).for_each(|(d, u)| *d = *d - shift - u * slope);
                dr = -r * r * slope;
            }
            du.iter_mut().for_each(|d| *d *= r);
            let (weight, d_weight, d_bias) = (at.x[c], along.x[c], along.x[self.channels + c]);
            Channel { r, dr, u, du, weight, d_weight, d_bias }
        })
    }
}

impl Tangents for BatchNorm {
    /// da = dw u + w du + db.
    fn forward_tangent(&self, at: Point<'_>, along: Direction<'_>, d_output: &mut [f64]) {
        for (c, Channel { u, du, weight, d_weight, d_bias, .. }) in self.channels(at, along).enumerate() {
            let out: Vec<f64> = u.iter().zip(&du).map(|(u, du)| d_weight * u + weight * du + d_bias).collect();
            self.scatter(&out, c, d_output);
        }
    }

    /// The change of w r (delta - mean(delta) - u mean(delta u)).
    fn backward_tangent(
        &self,
        at: Point<'_>,
        along: Direction<'_>,
        by_output: &[f64],
        d_by_output: &[f64],
        d_by_input: &mut [f64],
    ) {
        for (c, Channel { r, dr, u, du, weight, d_weight, .. }) in self.channels(at, along).enumerate() {
            let (mut delta, mut d_delta) = (self.gather(by_output, c), self.gather(d_by_output, c));
            if self.fixed.is_none() {
                let n = u.len();
                let (sum, d_sum) = (mean(delta.iter().copied(), n), mean(d_delta.iter().copied(), n));
                let slope = mean(delta.iter().zip(&u).map(|(d, u)| d * u), n);
                let pairs = d_delta.iter().zip(&u).zip(delta.iter().zip(&du));
                let d_slope = mean(pairs.map(|((dd, u), (d, du))| dd * u + d * du), n);
                for (i, (delta, d_delta)) in delta.iter_mut().zip(&mut d_delta).enumerate() {
                    *delta -= sum + u[i] * slope;
                    *d_delta -= d_sum + du[i] * slope + u[i] * d_slope;
                }
            }
            let (factor, d_factor) = (weight * r, d_weight * r + weight * dr);
            let out: Vec<f64> = delta.iter().zip(&d_delta).map(|(d, dd)| d_factor * d + factor * dd).collect();
            self.scatter(&out, c, d_by_input);
        }
    }

    /// Sums of d delta u + delta du, and of d delta.
    fn gradient_tangent(
        &self,
        at: Point<'_>,
        along: Direction<'_>,
        by_output: &[f64],
        d_by_output: &[f64],
        d_gradient: &mut [f64],
    ) {
        for (c, Channel { u, du, .. }) in self.channels(at, along).enumerate() {
            let (delta, d_delta) = (self.gather(by_output, c), self.gather(d_by_output, c));
            let pairs = d_delta.iter().zip(&u).zip(delta.iter().zip(&du));
            d_gradient[c] += pairs.map(|((dd, u), (d, du))| dd * u + d * du).sum::<f64>();
            d_gradient[self.channels + c] += d_delta.iter().sum::<f64>();
        }
    }
}
