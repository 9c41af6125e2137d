//! Closed form of the two-spin model at T = 0, shared by the tests.
#![allow(dead_code)]

/// exp(-z) I_n(z), n = 1 or 2: power series below 30, asymptotic series above; relative error below 1e-13.
pub fn scaled_bessel(n: u32, z: f64) -> f64 {
    let order = f64::from(n);
    if z < 30.0 {
        let mut term = (1..=n).fold(1.0, |a, k| a * z / 2.0 / f64::from(k));
        let (mut sum, mut k) = (term, 1.0);
        while term > 1e-18 * sum {
            term *= z * z / 4.0 / (k * (k + order));
            sum += term;
            k += 1.0;
        }
        return sum * (-z).exp();
    }
    let (mut term, mut sum, mut k) = (1.0, 1.0, 1.0);
    while k < 30.0 {
        let odd: f64 = 2.0 * k - 1.0;
        let next = -term * (4.0 * order * order - odd * odd) / (k * 8.0 * z);
        if next.abs() > f64::abs(term) || next == 0.0 {
            break;
        }
        term = next;
        sum += term;
        k += 1.0;
    }
    sum / (2.0 * std::f64::consts::PI * z).sqrt()
}

/// exp(-4t) Gamma(t), Gamma(t) = I_1(4t)/(2t): squared norm of exp(J t) x for a random start x, J of the semicircle of
/// radius 2.
fn scaled_gamma(t: f64) -> f64 {
    if t == 0.0 { 1.0 } else { scaled_bessel(1, 4.0 * t) / (2.0 * t) }
}

/// e(t) = -(1/4) d ln Gamma/dt = -I_2(4t)/I_1(4t).
pub fn energy(t: f64) -> f64 {
    if t == 0.0 { 0.0 } else { -scaled_bessel(2, 4.0 * t) / scaled_bessel(1, 4.0 * t) }
}

/// C(t,s) = Gamma((t+s)/2)/sqrt[Gamma(t) Gamma(s)].
pub fn correlation(t: f64, s: f64) -> f64 {
    scaled_gamma(0.5 * (t + s)) / (scaled_gamma(t) * scaled_gamma(s)).sqrt()
}

/// R(t,s) = sqrt[Gamma(s)/Gamma(t)] I_1(2(t-s))/(t-s).
pub fn response(t: f64, s: f64) -> f64 {
    let lag = t - s;
    let kernel = if lag == 0.0 { 1.0 } else { scaled_bessel(1, 2.0 * lag) / lag };
    (scaled_gamma(s) / scaled_gamma(t)).sqrt() * kernel
}

#[test]
fn bessel_functions_agree_across_their_seam() {
    // I_1(30) and I_2(30) times exp(-30), Abramowitz and Stegun series both sides of z = 30.
    for n in [1, 2] {
        let (below, above) = (scaled_bessel(n, 30.0 - 1e-9), scaled_bessel(n, 30.0));
        assert!((below / above - 1.0).abs() < 1e-10, "{below} {above}");
    }
    // e(t) from quadrature of the semicircle by scipy.special.ive.
    assert!((energy(1.0) + 0.658_047_267_359_359_6).abs() < 1e-14);
    assert!((energy(50.0) + 0.992_509_422_185_283_2).abs() < 1e-14);
}
