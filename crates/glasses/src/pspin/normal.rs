//! Normal deviates made 256 at a time from a counter: the same numbers wherever, whenever and in whatever order.
//!
//! ChaCha with 8 rounds (Bernstein 2008), sixteen blocks at once, one in each lane: the words are those of the laboratory's
//! streams. Two words make two deviates (Box and Muller 1958, doi:10.1214/aoms/1177706645). All in f32 with operations that
//! round alike on every machine, so couplings can be made again instead of stored. Cost per deviate: about 25 integer and 17
//! f32 operations of 1/16 register, and half a square root.

use super::layout::LANES;
use pulp::Simd;

/// Lines of 16 deviates in a tile.
pub(super) const TILE: usize = 16;

type Lanes = [f32; LANES];

/// The key of a stream as the generator takes it.
pub(super) fn key(seed: [u8; 32]) -> [u32; 8] {
    let (words, _) = seed.as_chunks::<4>();
    std::array::from_fn(|i| u32::from_le_bytes(words[i]))
}

#[inline(always)]
fn rotate<S: Simd>(simd: S, a: S::u32s, by: u32) -> S::u32s {
    let (up, down) = (simd.splat_u32s(by), simd.splat_u32s(32 - by));
    simd.or_u32s(simd.wrapping_dyn_shl_u32s(a, up), simd.wrapping_dyn_shr_u32s(a, down))
}

#[inline(always)]
fn quarter<S: Simd>(simd: S, x: &mut [S::u32s; 16], [a, b, c, d]: [usize; 4]) {
    for (a, b, d, by) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
        x[a] = simd.add_u32s(x[a], x[b]);
        x[d] = rotate(simd, simd.xor_u32s(x[d], x[a]), by);
    }
}

/// The 16 words of the blocks `counter` (lane by lane) of the stream with this key.
#[inline(always)]
fn words<S: Simd>(simd: S, key: &[u32; 8], low: S::u32s, high: u32) -> [S::u32s; 16] {
    // "expand 32-byte k", the key, the counter of 64 bits, the stream 0.
    let constant = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];
    let mut start = [simd.splat_u32s(0); 16];
    for i in 0..4 {
        start[i] = simd.splat_u32s(constant[i]);
    }
    for i in 0..8 {
        start[4 + i] = simd.splat_u32s(key[i]);
    }
    start[12] = low;
    start[13] = simd.splat_u32s(high);
    let mut x = start;
    for _ in 0..4 {
        quarter(simd, &mut x, [0, 4, 8, 12]);
        quarter(simd, &mut x, [1, 5, 9, 13]);
        quarter(simd, &mut x, [2, 6, 10, 14]);
        quarter(simd, &mut x, [3, 7, 11, 15]);
        quarter(simd, &mut x, [0, 5, 10, 15]);
        quarter(simd, &mut x, [1, 6, 11, 12]);
        quarter(simd, &mut x, [2, 7, 8, 13]);
        quarter(simd, &mut x, [3, 4, 9, 14]);
    }
    for i in 0..16 {
        x[i] = simd.add_u32s(x[i], start[i]);
    }
    x
}

/// Least-squares minimax fits by the script of this crate's notes: ln(1+f)/f for 1+f in [1/sqrt 2, sqrt 2], relative error
/// 2.7e-8; sin(pi t/2)/t and cos(pi t/2) as functions of t^2 <= 1/4, errors 5e-9 and 2.8e-8: all below the rounding of f32.
const LOG: [f32; 9] = [
    1.0,
    -0.499_999_8,
    0.333_341_6,
    -0.250_029_47,
    0.199_584_17,
    -0.165_437_37,
    0.149_173_77,
    -0.144_821_88,
    0.089_599_185,
];
const SIN: [f32; 4] = [1.570_796_4, -0.645_963_5, 0.079_680_23, -0.004_602_177];
const COS: [f32; 4] = [1.0, -1.233_697, 0.253_598_63, -0.020_408_353];

#[inline(always)]
fn polynomial<S: Simd, const D: usize>(simd: S, coefficients: &[f32; D], x: S::f32s) -> S::f32s {
    let mut sum = simd.splat_f32s(coefficients[D - 1]);
    for c in coefficients[..D - 1].iter().rev() {
        sum = simd.mul_add_f32s(sum, x, simd.splat_f32s(*c));
    }
    sum
}

/// A whole number below 2^23 as f32, exactly.
#[inline(always)]
fn whole<S: Simd>(simd: S, a: S::u32s) -> S::f32s {
    let shifted = simd.transmute_f32s_u32s(simd.or_u32s(a, simd.splat_u32s(0x4b00_0000)));
    simd.sub_f32s(shifted, simd.splat_f32s(8_388_608.0))
}

/// -ln u for 0 < u <= 1.
#[inline(always)]
fn minus_log<S: Simd>(simd: S, u: S::f32s) -> S::f32s {
    const HALF_ROOT: u32 = 0x3f35_04f3; // 1/sqrt 2
    let bits = simd.add_u32s(simd.transmute_u32s_f32s(u), simd.splat_u32s(0x3f80_0000 - HALF_ROOT));
    let exponent = whole(simd, simd.wrapping_dyn_shr_u32s(bits, simd.splat_u32s(23)));
    let exponent = simd.sub_f32s(exponent, simd.splat_f32s(127.0));
    let mantissa = simd.add_u32s(simd.and_u32s(bits, simd.splat_u32s(0x007f_ffff)), simd.splat_u32s(HALF_ROOT));
    let f = simd.sub_f32s(simd.transmute_f32s_u32s(mantissa), simd.splat_f32s(1.0));
    let log = simd.mul_f32s(polynomial(simd, &LOG, f), f);
    let minus = simd.mul_f32s(exponent, simd.splat_f32s(-std::f32::consts::LN_2));
    simd.sub_f32s(minus, log)
}

/// Two normal deviates of standard deviation `deviation` from two words: r = sqrt(-2 ln u), u uniform in (0, 1] with 2^32
/// values, so |x| < 6.8 deviations; the angle is uniform with 2^25 values.
#[inline(always)]
fn pair<S: Simd>(simd: S, radius: S::u32s, angle: S::u32s, deviation: S::f32s) -> (S::f32s, S::f32s) {
    let (upper, lower) = (
        whole(simd, simd.wrapping_dyn_shr_u32s(radius, simd.splat_u32s(16))),
        whole(simd, simd.and_u32s(radius, simd.splat_u32s(0xffff))),
    );
    // u = (word + 1/2)/2^32, rounded to f32 once more than it must be.
    let lower =
        simd.mul_add_f32s(lower, simd.splat_f32s(1.0 / 4_294_967_296.0), simd.splat_f32s(0.5 / 4_294_967_296.0));
    let u = simd.mul_add_f32s(upper, simd.splat_f32s(1.0 / 65_536.0), lower);
    // sqrt(-2 ln u) times the 1/sqrt 2 of the two projections below.
    let r = simd.mul_f32s(simd.sqrt_f32s(minus_log(simd, u)), deviation);
    // The angle pi/4 + (pi/2) t, |t| <= 1/2, in the first quadrant; the two lowest bits choose the quadrant.
    let t = simd.or_u32s(simd.wrapping_dyn_shr_u32s(angle, simd.splat_u32s(9)), simd.splat_u32s(0x3f80_0000));
    let t = simd.sub_f32s(simd.transmute_f32s_u32s(t), simd.splat_f32s(1.5 - 0.5 / 8_388_608.0));
    let square = simd.mul_f32s(t, t);
    let sine = simd.mul_f32s(polynomial(simd, &SIN, square), t);
    let cosine = polynomial(simd, &COS, square);
    let sign = |shift: u32| {
        let bit = simd.wrapping_dyn_shl_u32s(angle, simd.splat_u32s(shift));
        simd.and_u32s(bit, simd.splat_u32s(0x8000_0000))
    };
    let signed = |x: S::f32s, sign: S::u32s| {
        simd.transmute_f32s_u32s(simd.xor_u32s(simd.transmute_u32s_f32s(simd.mul_f32s(x, r)), sign))
    };
    (signed(simd.sub_f32s(cosine, sine), sign(31)), signed(simd.add_f32s(cosine, sine), sign(30)))
}

/// Tile number `tile` of the stream with this key: 16 lines of 16 normal deviates. Line w, lane l is made of the words w and
/// w +- 8 of block 16 tile + l.
#[inline(always)]
pub(super) fn tile<S: Simd>(simd: S, key: &[u32; 8], tile: u64, deviation: f32, out: &mut [Lanes; TILE]) {
    let first = tile * LANES as u64;
    let mut counters = [0_u32; LANES];
    for (lane, counter) in counters.iter_mut().enumerate() {
        // The 16 counters of a tile never cross a multiple of 2^32.
        *counter = (first as u32).wrapping_add(lane as u32);
    }
    let deviation = simd.splat_f32s(deviation);
    for (part, low) in S::as_simd_u32s(&counters).0.iter().enumerate() {
        let words = words(simd, key, *low, (first >> 32) as u32);
        for w in 0..TILE / 2 {
            let (a, b) = pair(simd, words[w], words[w + TILE / 2], deviation);
            S::as_mut_simd_f32s(&mut out[w]).0[part] = a;
            S::as_mut_simd_f32s(&mut out[w + TILE / 2]).0[part] = b;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasslab_core::Streams;
    use rand::Rng;

    struct Tiles<'a>([u32; 8], &'a mut [[Lanes; TILE]]);

    impl pulp::WithSimd for Tiles<'_> {
        type Output = ();
        fn with_simd<S: Simd>(self, simd: S) {
            for (k, out) in self.1.iter_mut().enumerate() {
                tile(simd, &self.0, k as u64, 1.0, out);
            }
        }
    }

    struct Words([u32; 8], u32);

    impl pulp::WithSimd for Words {
        type Output = Vec<u32>;
        fn with_simd<S: Simd>(self, simd: S) -> Vec<u32> {
            let words = words(simd, &self.0, simd.splat_u32s(self.1), 0);
            words.iter().map(|w| bytes(w)[0]).collect()
        }
    }

    fn bytes<T: pulp::bytemuck::NoUninit>(w: &T) -> &[u32] {
        pulp::bytemuck::cast_slice(std::slice::from_ref(w))
    }

    /// The words are those of the laboratory's own generator.
    #[test]
    fn words_are_those_of_the_streams() {
        let mut rng = Streams::new(9).stream("couplings", 4, 77);
        let key = key(rng.get_seed());
        for block in 0..5 {
            let expected: Vec<u32> = (0..16).map(|_| rng.next_u32()).collect();
            assert_eq!(pulp::Arch::new().dispatch(Words(key, block)), expected);
            assert_eq!(pulp::Arch::Scalar.dispatch(Words(key, block)), expected);
        }
    }

    /// Moments 1 to 6 and 8 of M = 2^20 deviates, each within 5 standard errors sqrt((m_2k - m_k^2)/M), m_k = (k-1)!! for even
    /// k; the same for neighbours in a pair, whose products x y, x^2 y^2 - 1 must have mean 0; and the law of extremes: the
    /// number above 4 deviations within 5 sqrt of its mean M erfc(4/sqrt 2) = 66.4.
    #[test]
    fn deviates_are_normal() {
        let count = 1 << 12;
        let mut tiles = vec![[[0.0; LANES]; TILE]; count];
        pulp::Arch::new().dispatch(Tiles(key([7; 32]), &mut tiles));
        let all: Vec<f64> = tiles.as_flattened().as_flattened().iter().map(|x| f64::from(*x)).collect();
        let m = all.len() as f64;
        let moment = |k: i32| if k % 2 == 1 { 0.0 } else { (1..k).step_by(2).map(f64::from).product::<f64>() };
        for k in [1, 2, 3, 4, 5, 6, 8] {
            let found = all.iter().map(|x| x.powi(k)).sum::<f64>() / m;
            let error = ((moment(2 * k) - moment(k).powi(2)) / m).sqrt();
            assert!((found - moment(k)).abs() < 5.0 * error, "moment {k}: {found}");
        }
        let beyond = all.iter().filter(|x| x.abs() > 4.0).count() as f64;
        assert!((beyond - 66.4).abs() < 5.0 * 66.4_f64.sqrt(), "{beyond}");
        let pairs = || tiles.iter().flat_map(|t| (0..TILE / 2).map(move |w| (&t[w], &t[w + TILE / 2])));
        let mean = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
            let each = pairs().flat_map(|(a, b)| a.iter().zip(b));
            each.map(|(a, b)| f(f64::from(*a), f64::from(*b))).sum::<f64>() / (m / 2.0)
        };
        let error = (2.0 / m).sqrt();
        assert!(mean(&|x, y| x * y).abs() < 5.0 * error);
        assert!((mean(&|x, y| x * x * y * y) - 1.0).abs() < 5.0 * 8_f64.sqrt() * error);
        assert!(mean(&|x, y| x * x * x * y).abs() < 5.0 * 15_f64.sqrt() * error);
    }

    /// The transform itself, without chance: over a regular grid of radii and angles the mean square is 1 to 1e-6 (the
    /// trapezoid of -2 ln u over 2^14 cells misses ln(cell)/cells of it, which is allowed for).
    #[test]
    fn the_transform_is_exact() {
        struct Grid;
        impl pulp::WithSimd for Grid {
            type Output = f64;
            fn with_simd<S: Simd>(self, simd: S) -> f64 {
                let cells = 1_u64 << 14;
                let mut sum = 0.0;
                for k in 0..cells {
                    let radius = (k << 18) as u32 + (1 << 17);
                    for angle in 0..8_u32 {
                        let angle = (angle << 29) + (1 << 28) + (k % 4) as u32;
                        let one = simd.splat_f32s(1.0);
                        let (a, b) = pair(simd, simd.splat_u32s(radius), simd.splat_u32s(angle), one);
                        let first = |v: S::f32s| f64::from(f32::from_bits(bytes(&v)[0]));
                        let (a, b) = (first(a), first(b));
                        let u = (f64::from(radius) + 0.5) / 4_294_967_296.0;
                        assert!((a * a + b * b + 2.0 * u.ln()).abs() < 1e-6 * (1.0 - 2.0 * u.ln()), "u = {u}");
                        sum += (a * a + b * b) / 16.0;
                    }
                }
                sum / cells as f64
            }
        }
        let found = pulp::Arch::new().dispatch(Grid);
        // Midpoints of -ln u with h = 2^-14: exact 1 - h ln 2 /2 + ...: h ln(2)/2 = 2.1e-5.
        let midpoint = 1.0 - 0.5 * 2_f64.ln() / f64::from(1 << 14);
        assert!((found - midpoint).abs() < 1e-6, "{found} {midpoint}");
    }

    #[test]
    fn instruction_sets_make_the_same_bits() {
        let make = |arch: pulp::Arch| {
            let mut tiles = vec![[[0.0; LANES]; TILE]; 40];
            arch.dispatch(Tiles(key([3; 32]), &mut tiles));
            tiles
        };
        let scalar = make(pulp::Arch::Scalar);
        assert_eq!(scalar, make(pulp::Arch::new()));
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = pulp::x86::V3::try_new() {
            assert_eq!(scalar, make(pulp::Arch::V3(avx2)));
        }
    }
}
