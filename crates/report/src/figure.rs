//! Figures as data: panels side by side, each with axes, curves, guides and a scale of colours.

use crate::Color;
use crate::scale::Scale;

/// A figure: panels in a grid.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    /// Anchor in the page and name of the file: lower-case letters, digits and `-`.
    pub id: String,
    /// What it shows, in a few words (markup).
    pub title: String,
    /// What is drawn, with conventions: bands, units, averages (markup).
    pub caption: String,
    /// The panels, row by row.
    pub panels: Vec<Panel>,
}

/// One pair of axes.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Title (markup).
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// Curves, drawn in order.
    pub curves: Vec<Curve>,
    /// Reference lines, below the curves.
    pub guides: Vec<Guide>,
    /// Meaning of the colours.
    pub colors: Option<ColorBar>,
    /// Said in the panel where there is nothing to draw, or below its title (markup).
    pub note: Option<String>,
}

/// An axis.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What and in which unit (markup).
    pub title: String,
    /// Linear or logarithmic.
    pub scale: Scale,
    /// Fixed ends; otherwise what the curves need.
    pub range: Option<(f64, f64)>,
}

impl Axis {
    /// A linear axis that fits the curves.
    pub fn linear(title: impl Into<String>) -> Self {
        Self { title: title.into(), scale: Scale::Linear, range: None }
    }

    /// A logarithmic axis that fits the curves.
    pub fn log(title: impl Into<String>) -> Self {
        Self { title: title.into(), scale: Scale::Log, range: None }
    }
}

/// A curve. Points that cannot be shown (NaN, not positive on a logarithmic axis) interrupt it.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Name in the legend (markup); none without.
    pub label: Option<String>,
    /// What a pointer resting on it is told (plain).
    pub hint: String,
    /// Points (x, y).
    pub points: Vec<(f64, f64)>,
    /// Half-width e of the band, or of the bars if the curve has marks, for each point; empty for none. Drawn from
    /// y - e to y + e, on a logarithmic axis from y exp(-e/y) to y exp(e/y).
    pub errors: Vec<f64>,
    /// Colour.
    pub color: Color,
    /// Width of the line in pixels; 0 for none.
    pub width: f64,
    /// Opacity of the line.
    pub opacity: f64,
    /// True for dashes.
    pub dashed: bool,
    /// True for a mark at each point.
    pub marks: bool,
    /// False if the curve does not widen the axes.
    pub fits: bool,
}

impl Curve {
    /// A solid line.
    pub fn line(points: Vec<(f64, f64)>, color: Color) -> Self {
        Self {
            label: None,
            hint: String::new(),
            points,
            errors: Vec::new(),
            color,
            width: 1.8,
            opacity: 1.0,
            dashed: false,
            marks: false,
            fits: true,
        }
    }

    /// Marks without a line.
    pub fn marks(points: Vec<(f64, f64)>, color: Color) -> Self {
        Self { width: 0.0, marks: true, ..Self::line(points, color) }
    }

    /// With a band (or bars) of these half-widths.
    pub fn with_errors(self, errors: Vec<f64>) -> Self {
        Self { errors, ..self }
    }

    /// With a name in the legend (markup).
    pub fn labelled(self, label: impl Into<String>) -> Self {
        Self { label: Some(label.into()), ..self }
    }

    /// With a hint for the pointer (plain text).
    pub fn hinted(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }
}

/// A reference line.
#[derive(Clone, Debug)]
pub enum Guide {
    /// y = const, dashed; widens the axis so that it is seen.
    Horizontal {
        /// The value.
        y: f64,
        /// Label (markup).
        label: String,
    },
    /// A filled rectangle of a map.
    Cell {
        /// Left and right end.
        x: (f64, f64),
        /// Lower and upper end.
        y: (f64, f64),
        /// Fill.
        color: Color,
        /// True for diagonal lines over it.
        hatched: bool,
        /// What a pointer resting on it is told (plain).
        hint: String,
    },
    /// x = const, dotted.
    Vertical {
        /// The value.
        x: f64,
        /// Label (markup).
        label: String,
    },
    /// The power law y ~ x^slope through a point, on logarithmic axes.
    Slope {
        /// Exponent.
        slope: f64,
        /// A point (x, y) of the line.
        through: (f64, f64),
        /// Where it begins and ends.
        span: (f64, f64),
        /// Label (markup).
        label: String,
    },
}

/// A logarithmic scale of colours.
#[derive(Clone, Debug)]
pub struct ColorBar {
    /// What the colour says (markup).
    pub title: String,
    /// Value of the darkest colour, positive.
    pub low: f64,
    /// Value of the lightest colour, larger.
    pub high: f64,
}

impl ColorBar {
    /// The colour of a value: by its logarithm.
    pub fn color(&self, value: f64) -> Color {
        Color::sequential((value / self.low).ln() / (self.high / self.low).ln())
    }
}
