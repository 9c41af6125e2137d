//! How the weights of a layer begin.

use glasslab_core::Rng;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

/// Law of a layer's initial weights and biases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Initial {
    /// Weights, then biases, uniform on (-1, 1)/sqrt(fan_in): the default of PyTorch.
    Uniform,
    /// Weights, then biases, independent N(0, 1): the NTK parametrisation, whose layers divide by sqrt(fan_in).
    Normal,
    /// Weights, then biases, independent and Gaussian of mean 0 with this standard deviation.
    Gaussian(f64),
    /// Weights whose rows are orthonormal, uniformly so (Haar); with more rows than columns, one such block of `columns` rows
    /// below the other. Biases 0. Source: code of Spigler et al., arXiv:1810.09665, and Geiger et al., arXiv:1809.09349.
    Orthogonal,
}

impl Initial {
    /// Draws weights [rows, columns], row-major, and biases, in this order. Cost O(rows columns), for orthogonal ones times
    /// min(rows, columns). Checked by `initial_weights_have_the_stated_law`, `orthogonal_blocks_are_orthogonal`.
    pub fn draw(self, rng: &mut Rng, columns: usize, weights: &mut [f64], biases: &mut [f64]) {
        match self {
            Initial::Uniform => {
                let bound = 1.0 / (columns as f64).sqrt();
                weights.fill_with(|| bound * (2.0 * rng.random::<f64>() - 1.0));
                biases.fill_with(|| bound * (2.0 * rng.random::<f64>() - 1.0));
            }
            Initial::Normal => {
                weights.fill_with(|| StandardNormal.sample(rng));
                biases.fill_with(|| StandardNormal.sample(rng));
            }
            Initial::Gaussian(deviation) => {
                let mut draw = || -> f64 { StandardNormal.sample(rng) };
                weights.iter_mut().chain(biases).for_each(|w| *w = deviation * draw());
            }
            Initial::Orthogonal => {
                weights.fill_with(|| StandardNormal.sample(rng));
                weights.chunks_mut(columns * columns).for_each(|block| orthonormalise(block, columns));
                biases.fill(0.0);
            }
        }
    }
}

/// Gram-Schmidt on the rows, twice each for full accuracy: of Gaussian rows it makes the Haar measure.
fn orthonormalise(block: &mut [f64], columns: usize) {
    for row in 0..block.len() / columns {
        let (done, rest) = block.split_at_mut(row * columns);
        let row = &mut rest[..columns];
        for _ in 0..2 {
            for other in done.chunks_exact(columns) {
                let overlap: f64 = row.iter().zip(other).map(|(a, b)| a * b).sum();
                row.iter_mut().zip(other).for_each(|(a, b)| *a -= overlap * b);
            }
        }
        let norm = row.iter().map(|v| v * v).sum::<f64>().sqrt();
        row.iter_mut().for_each(|v| *v /= norm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasslab_core::Streams;

    /// W W^T = 1 in each block of as many rows as there are columns, to rounding; the last block may be shorter.
    #[test]
    fn orthogonal_blocks_are_orthogonal() {
        for (rows, columns) in [(5, 9), (9, 9), (23, 9), (1, 30)] {
            let (mut weights, mut biases) = (vec![0.0; rows * columns], vec![1.0; rows]);
            let mut rng = Streams::new(3).stream("weights", 0, 0);
            Initial::Orthogonal.draw(&mut rng, columns, &mut weights, &mut biases);
            assert!(biases.iter().all(|b| *b == 0.0));
            for block in weights.chunks(columns * columns) {
                for (i, a) in block.chunks(columns).enumerate() {
                    for (j, b) in block.chunks(columns).enumerate() {
                        let dot: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                        assert!((dot - f64::from(u8::from(i == j))).abs() < 1e-14, "{rows} {columns}: {dot}");
                    }
                }
            }
        }
    }
}
