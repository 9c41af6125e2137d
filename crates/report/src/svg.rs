//! Figures to SVG: plain shapes with attributes of their own, so that the same text stands in a page or in a file.

mod legend;
mod panel;

use crate::figure::Figure;
use crate::markup::{escape, spoken};
use std::fmt::Write;

/// Width of a panel with its axes, in pixels.
pub(crate) const CELL_WIDTH: f64 = 396.0;
/// Height of a panel with its axes.
pub(crate) const CELL_HEIGHT: f64 = 316.0;
/// Panels in a row, at most.
const COLUMNS: usize = 3;

/// A coordinate, to a tenth of a pixel; never NaN.
pub(crate) fn px(x: f64) -> String {
    let x = if x.is_finite() { x } else { 0.0 };
    let text = format!("{x:.1}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Panels in a row of this figure.
pub(crate) fn columns(figure: &Figure) -> usize {
    match figure.panels.len() {
        4 => 2,
        n => n.clamp(1, COLUMNS),
    }
}

/// The figure as one `<svg>` element that needs nothing else. Cost O(points).
pub fn draw(figure: &Figure) -> String {
    let columns = columns(figure);
    let rows = figure.panels.len().div_ceil(columns).max(1);
    let (width, height) = (columns as f64 * CELL_WIDTH, rows as f64 * CELL_HEIGHT);
    let mut out = String::new();
    let id = escape(&figure.id);
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-labelledby=\"{id}-title\" viewBox=\"0 0 {} {}\" \
         width=\"{}\" height=\"{}\" font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', Helvetica, \
         Arial, sans-serif\"><title id=\"{id}-title\">{}</title><rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>",
        px(width),
        px(height),
        px(width),
        px(height),
        escape(&spoken(&figure.title)),
    );
    for (k, panel) in figure.panels.iter().enumerate() {
        let (x, y) = ((k % columns) as f64 * CELL_WIDTH, (k / columns) as f64 * CELL_HEIGHT);
        let _ = write!(out, "<g transform=\"translate({} {})\">", px(x), px(y));
        panel::draw(&mut out, panel, &format!("{id}-{k}"));
        out.push_str("</g>");
    }
    out.push_str("</svg>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::{Axis, ColorBar, Curve, Guide, Panel};
    use crate::{Color, Scale};

    fn panel(points: Vec<(f64, f64)>, scale: Scale) -> Panel {
        let axis = |t: &str| Axis { title: t.to_owned(), scale, range: None };
        Panel {
            title: "a < b".to_owned(),
            x: axis("t"),
            y: axis("Δ"),
            curves: vec![Curve::line(points.clone(), Color::INK).with_errors(vec![1.0; points.len()]).labelled("l")],
            guides: vec![
                Guide::Slope { slope: f64::NAN, through: (1.0, 1.0), span: (1.0, 2.0), label: "s".to_owned() },
                Guide::Horizontal { y: 1.0, label: "h".to_owned() },
            ],
            colors: Some(ColorBar { title: "t_w".to_owned(), low: 1.0, high: 1.0 }),
            note: None,
        }
    }

    #[test]
    fn whatever_is_given_the_coordinates_are_finite() {
        let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -1.0, 1e308, -1e308, 5e-324, 1.0];
        for scale in [Scale::Linear, Scale::Log] {
            let all: Vec<(f64, f64)> = odd.iter().flat_map(|&x| odd.iter().map(move |&y| (x, y))).collect();
            for points in [all.clone(), all[..1].to_vec(), vec![]] {
                let figure = Figure { id: "f".to_owned(), panels: vec![panel(points, scale)], ..Figure::default() };
                let svg = draw(&figure);
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
                assert!(svg.contains("a &lt; b") && !svg.contains("a < b"));
            }
        }
    }

    #[test]
    fn a_curve_is_interrupted_where_nothing_was_measured() {
        let points = vec![(1.0, 1.0), (2.0, 2.0), (3.0, f64::NAN), (4.0, 4.0), (5.0, 5.0)];
        let figure = Figure { id: "f".to_owned(), panels: vec![panel(points, Scale::Linear)], ..Figure::default() };
        let svg = draw(&figure);
        let curve = svg.split("class=\"curve\" d=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(curve.matches('M').count(), 2, "{curve}");
        assert_eq!(curve.matches('L').count(), 2, "{curve}");
    }

    #[test]
    fn error_bars_are_even_on_a_linear_axis_and_positive_on_a_logarithmic_one() {
        let middle = |scale, range, y: f64, e: f64| {
            let mut one = panel(vec![(1.0, y), (2.0, y)], scale);
            one.curves[0].errors = vec![e; 2];
            one.y.range = Some(range);
            let figure = Figure { id: "f".to_owned(), panels: vec![one], ..Figure::default() };
            let svg = draw(&figure);
            let band = svg.split("class=\"band\" d=\"M").nth(1).unwrap().split('Z').next().unwrap().to_owned();
            let heights: Vec<f64> = band.split('L').map(|p| p.split(' ').nth(1).unwrap().parse().unwrap()).collect();
            (heights[0] + heights[3]) / 2.0
        };
        let frame = panel::frame(true);
        // 5 of 0..10, and 10 of 1..100, are in the middle; an error as large as the value stays within the axis.
        assert!((middle(Scale::Linear, (0.0, 10.0), 5.0, 2.0) - (frame.top + frame.bottom) / 2.0).abs() < 0.11);
        assert!((middle(Scale::Log, (1.0, 100.0), 10.0, 10.0) - (frame.top + frame.bottom) / 2.0).abs() < 0.11);
    }

    /// A cell from 1 to 10 on axes of two decades fills a quarter; hatching stays inside; odd ends draw nothing.
    #[test]
    fn cells_fill_what_they_span() {
        let draw_cell = |x: (f64, f64)| {
            let mut one = panel(vec![(1.0, 1.0), (100.0, 100.0)], Scale::Log);
            (one.x.range, one.y.range, one.colors) = (Some((1.0, 100.0)), Some((1.0, 100.0)), None);
            let hint = "<h = 3>".to_owned();
            one.guides = vec![Guide::Cell { x, y: (1.0, 10.0), color: Color::INK, hatched: true, hint }];
            draw(&Figure { id: "f".to_owned(), panels: vec![one], ..Figure::default() })
        };
        let svg = draw_cell((1.0, 10.0));
        let frame = panel::frame(false);
        let (wide, high) = (frame.right - frame.left, frame.bottom - frame.top);
        let cell = format!(
            "<rect class=\"cell\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
            px(frame.left),
            px(frame.bottom - high / 2.0),
            px(wide / 2.0),
            px(high / 2.0)
        );
        assert!(svg.contains(&cell) && svg.contains("&lt;h = 3&gt;"), "{cell}");
        let hatch = svg.split("class=\"hatch\" d=\"M").nth(1).unwrap().split('"').next().unwrap();
        for point in hatch.split(['M', 'L']) {
            let (x, y) = point.split_once(' ').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!(x > frame.left - 0.1 && x < frame.left + wide / 2.0 + 0.1, "{point}");
            assert!(y > frame.bottom - high / 2.0 - 0.1 && y < frame.bottom + 0.1, "{point}");
        }
        assert!(!draw_cell((f64::NAN, 1.0)).contains("class=\"cell\""));
    }

    #[test]
    fn a_point_lands_where_the_scale_says() {
        let mut one = panel(vec![(1.0, 10.0), (100.0, 1000.0)], Scale::Log);
        (one.x.range, one.y.range) = (Some((1.0, 100.0)), Some((10.0, 1000.0)));
        one.colors = None;
        let figure = Figure { id: "f".to_owned(), panels: vec![one], ..Figure::default() };
        let svg = draw(&figure);
        let curve = svg.split("class=\"curve\" d=\"").nth(1).unwrap().split('"').next().unwrap();
        let frame = panel::frame(false);
        let expected = format!("M{} {}L{} {}", px(frame.left), px(frame.bottom), px(frame.right), px(frame.top));
        assert_eq!(curve, expected);
    }
}
