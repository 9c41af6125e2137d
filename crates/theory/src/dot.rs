//! Dot products over long rows, with a fixed order of summation: the same bits on every processor.

/// Sum of a b over equal lengths, in 16 lanes that are added pairwise at the end. Multiplications and additions are
/// rounded one by one, so the result does not depend on the width of the processor's vectors. Cost O(n).
#[inline(always)]
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 16;
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let mut acc = [0.0_f64; LANES];
    let (heads, tails) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let (rest_a, rest_b) = (heads.remainder(), tails.remainder());
    for (x, y) in heads.zip(tails) {
        for k in 0..LANES {
            acc[k] += x[k] * y[k];
        }
    }
    for (k, (x, y)) in rest_a.iter().zip(rest_b).enumerate() {
        acc[k] += x * y;
    }
    let mut width = LANES / 2;
    while width > 0 {
        for k in 0..width {
            acc[k] += acc[k + width];
        }
        width /= 2;
    }
    acc[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_summed_whole() {
        for n in 0..70 {
            let a: Vec<f64> = (0..n).map(|i| i as f64 + 1.0).collect();
            let b: Vec<f64> = (0..n).map(|i| 2.0 - i as f64).collect();
            // Integers below 2^53: the sum is exact whatever its order.
            let exact: f64 = (0..n).map(|i| (i as f64 + 1.0) * (2.0 - i as f64)).sum();
            assert_eq!(dot(&a, &b), exact);
            assert_eq!(pulp::Arch::new().dispatch(|| dot(&a, &b)), exact);
        }
    }
}
