//! Axes: from values to positions, and where the ticks go.

/// How values are laid out along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Evenly.
    Linear,
    /// By decades; only positive values are shown.
    Log,
}

/// A scale with its range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    pub scale: Scale,
    pub low: f64,
    pub high: f64,
}

/// A tick: value, label (markup; empty for a minor one).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub value: f64,
    pub label: String,
}

impl Range {
    /// A range that holds all usable values, with a little room; a sensible one if there are none.
    pub fn of(scale: Scale, values: impl Iterator<Item = f64>, fixed: Option<(f64, f64)>) -> Self {
        let usable = |v: &f64| v.is_finite() && (scale == Scale::Linear || *v > 1e-300) && v.abs() < 1e300;
        if let Some((low, high)) = fixed.filter(|(a, b)| usable(a) && usable(b) && a < b) {
            return Self { scale, low, high };
        }
        let (low, high) = values.filter(usable).fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
        if low > high {
            return Self { scale, low: if scale == Scale::Log { 0.1 } else { 0.0 }, high: 1.0 };
        }
        match scale {
            Scale::Linear => {
                let width = (high - low).max(1e-9 * high.abs().max(low.abs())).max(1e-290);
                Self { scale, low: low - 0.05 * width, high: high + 0.05 * width }
            }
            Scale::Log => {
                // Twelve decades at most: what lies deeper is rounding.
                let low = low.max(high * 1e-12);
                let room = (high / low).powf(0.04).max(1.03);
                Self { scale, low: low / room, high: high * room }
            }
        }
    }

    /// Position of a value, 0 at the low end and 1 at the high end; `None` if it cannot be shown. Values far outside
    /// are brought near, so that coordinates stay small.
    pub fn place(&self, value: f64) -> Option<f64> {
        let place = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log if value > 0.0 => (value / self.low).ln() / (self.high / self.low).ln(),
            Scale::Log => return None,
        };
        place.is_finite().then(|| place.clamp(-3.0, 4.0))
    }

    /// Ticks, about `count` of them with labels.
    pub fn ticks(&self, count: usize) -> Vec<Tick> {
        match self.scale {
            Scale::Linear => self.linear_ticks(count),
            Scale::Log if self.high / self.low < 60.0 => self.narrow_log_ticks(),
            Scale::Log => self.decade_ticks(count),
        }
    }

    fn linear_ticks(&self, count: usize) -> Vec<Tick> {
        let raw = (self.high - self.low) / count.max(1) as f64;
        let decade = 10_f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|m| m * decade).into_iter().find(|&s| s >= raw).unwrap_or(raw);
        let (first, last) = ((self.low / step).ceil(), (self.high / step).floor());
        if last - first > 100.0 || first.abs() > 1e15 {
            return Vec::new();
        }
        let far = self.low.abs().max(self.high.abs());
        let power = far.log10().floor();
        // Very large or very small numbers share a power of ten that is written out with each label.
        let unit = if (-3.0..5.0).contains(&power) { 1.0 } else { 10_f64.powf(power) };
        let digits =
            (0..8).find(|&d| ((step / unit * 10_f64.powi(d)).fract() - 0.5).abs() > 0.4999).unwrap_or(8) as usize;
        let mut ticks = Vec::new();
        for k in first as i64..=last as i64 {
            let value = k as f64 * step;
            let number = minus(format!("{:.digits$}", value / unit + 0.0));
            let label = if unit == 1.0 || k == 0 { number } else { format!("{number}·10^{{{}}}", minus(power)) };
            ticks.push(Tick { value, label });
        }
        ticks
    }

    fn decade_ticks(&self, count: usize) -> Vec<Tick> {
        let (low, high) = (self.low.log10(), self.high.log10());
        let decades = high - low;
        let every = (decades / count.max(1) as f64).ceil().max(1.0) as i64;
        let mut ticks = Vec::new();
        for k in low.floor() as i64..=high.ceil() as i64 {
            let value = 10_f64.powi(k as i32);
            if self.holds(value) {
                let label = if k % every == 0 { power(k) } else { String::new() };
                ticks.push(Tick { value, label });
            }
            if decades < 7.0 {
                let minor = (2..10).map(|m| f64::from(m) * value).filter(|&v| self.holds(v));
                ticks.extend(minor.map(|value| Tick { value, label: String::new() }));
            }
        }
        ticks
    }

    fn narrow_log_ticks(&self) -> Vec<Tick> {
        let mut ticks = Vec::new();
        let wide = self.high / self.low > 4.0;
        for k in self.low.log10().floor() as i64..=self.high.log10().floor() as i64 {
            for m in 1..10 {
                let value = f64::from(m) * 10_f64.powi(k as i32);
                if !self.holds(value) {
                    continue;
                }
                let named = matches!(m, 1 | 2 | 5) || !wide;
                let label = match (named, (-2..4).contains(&k)) {
                    (false, _) => String::new(),
                    (_, true) => format!("{:.*}", usize::try_from(-k).unwrap_or(0), value),
                    _ if m == 1 => power(k),
                    _ => format!("{m}·{}", power(k)),
                };
                ticks.push(Tick { value, label });
            }
        }
        // So narrow that none falls inside: as on a linear axis.
        if ticks.iter().filter(|t| !t.label.is_empty()).count() < 2 { self.linear_ticks(4) } else { ticks }
    }

    fn holds(&self, value: f64) -> bool {
        value >= self.low * (1.0 - 1e-9) && value <= self.high * (1.0 + 1e-9)
    }
}

fn power(k: i64) -> String {
    match k {
        0 => "1".to_owned(),
        1 => "10".to_owned(),
        _ => format!("10^{{{}}}", minus(k)),
    }
}

/// A number with a true minus sign.
pub(crate) fn minus(number: impl std::fmt::Display) -> String {
    number.to_string().replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(range: Range, count: usize) -> Vec<String> {
        range.ticks(count).into_iter().map(|t| t.label).filter(|l| !l.is_empty()).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        let linear = |low, high| Range { scale: Scale::Linear, low, high };
        let log = |low, high| Range { scale: Scale::Log, low, high };
        assert_eq!(labels(linear(-1.2, 0.1), 5), ["−1.0", "−0.5", "0.0"]);
        assert_eq!(labels(linear(0.0, 1.0), 5), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(linear(0.0, 2e-6), 2), ["0", "1·10^{−6}", "2·10^{−6}"]);
        assert_eq!(labels(log(0.9, 2e5), 6), ["1", "10", "10^{2}", "10^{3}", "10^{4}", "10^{5}"]);
        assert_eq!(labels(log(1e-8, 1.0), 4), ["10^{−8}", "10^{−6}", "10^{−4}", "10^{−2}", "1"]);
        assert_eq!(labels(log(0.04, 0.3), 4), ["0.05", "0.1", "0.2"]);
    }

    #[test]
    fn hostile_values_give_finite_places() {
        for scale in [Scale::Linear, Scale::Log] {
            let odd = [f64::NAN, f64::INFINITY, f64::MIN, f64::MAX, 0.0, -0.0, 5e-324, -1.0];
            for some in [&odd[..], &odd[..1], &[], &[3.0], &[0.0, 0.0], &[1e-250, 1e250]] {
                let range = Range::of(scale, some.iter().copied(), None);
                assert!(range.low < range.high && range.low.is_finite() && range.high.is_finite(), "{range:?}");
                assert!(range.ticks(5).len() < 200 && range.ticks(5).iter().all(|t| t.value.is_finite()));
                assert!(odd.iter().filter_map(|&v| range.place(v)).all(|p| (-3.0..=4.0).contains(&p)));
            }
        }
    }
}
