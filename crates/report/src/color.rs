//! Colours that order, that the colour-blind tell apart and that print: a sequential scale and a set of eight.

/// A colour, sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

/// Anchors of the scale, evenly spaced: the map `viridis` (van der Walt and Smith 2015, public domain) without its palest
/// tenth, which vanishes on white.
const SEQUENTIAL: [Color; 10] = [
    Color(68, 1, 84),
    Color(71, 37, 117),
    Color(63, 69, 135),
    Color(51, 98, 141),
    Color(40, 124, 142),
    Color(31, 150, 139),
    Color(45, 175, 124),
    Color(90, 198, 100),
    Color(147, 215, 65),
    Color(199, 222, 38),
];

/// Qualitative set of Okabe and Ito (2008), without black and yellow first.
const DISTINCT: [Color; 7] = [
    Color(0, 114, 178),
    Color(213, 94, 0),
    Color(0, 158, 115),
    Color(204, 121, 167),
    Color(86, 180, 233),
    Color(230, 159, 0),
    Color(80, 80, 80),
];

impl Color {
    /// Ink: axes and text.
    pub const INK: Color = Color(34, 38, 46);
    /// Guides and what stands back.
    pub const GREY: Color = Color(125, 130, 140);

    /// The perceptually ordered scale at `s` from 0 (dark) to 1 (light); outside values are clamped.
    pub fn sequential(s: f64) -> Color {
        let s = if s.is_nan() { 0.0 } else { s.clamp(0.0, 1.0) } * (SEQUENTIAL.len() - 1) as f64;
        let i = (s as usize).min(SEQUENTIAL.len() - 2);
        let (a, b, f) = (SEQUENTIAL[i], SEQUENTIAL[i + 1], s - i as f64);
        let mix = |a: u8, b: u8| (f64::from(a) + f * (f64::from(b) - f64::from(a))).round() as u8;
        Color(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
    }

    /// The k-th of a set of distinct colours (they repeat after seven).
    pub fn distinct(k: usize) -> Color {
        DISTINCT[k % DISTINCT.len()]
    }

    /// `#rrggbb`.
    pub fn hex(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (IEC 61966-2-1) must grow along the scale: that is what makes it readable without hue.
    #[test]
    fn the_scale_is_ordered_in_luminance() {
        let linear = |c: u8| (f64::from(c) / 255.0).powf(2.2);
        let luminance = |c: Color| 0.2126 * linear(c.0) + 0.7152 * linear(c.1) + 0.0722 * linear(c.2);
        let values: Vec<f64> = (0..=40).map(|k| luminance(Color::sequential(f64::from(k) / 40.0))).collect();
        assert!(values.windows(2).all(|w| w[1] > w[0]), "{values:?}");
        assert_eq!(Color::sequential(f64::NAN), Color::sequential(-3.0));
    }
}
