//! The legend: in the corner of the axes where it hides least.

use super::panel::{Frame, Plane, SMALL, text};
use super::px;
use crate::Color;
use crate::figure::Panel;
use crate::markup::width;
use std::fmt::Write;

const ROW: f64 = 16.0;

pub(super) fn draw(out: &mut String, panel: &Panel, plane: &Plane) {
    let named: Vec<_> = panel.curves.iter().filter_map(|c| Some((c.label.as_deref()?, c))).collect();
    if named.is_empty() {
        return;
    }
    let wide = named.iter().map(|(l, _)| width(l, SMALL)).fold(0.0, f64::max) + 36.0;
    let high = named.len() as f64 * ROW + 6.0;
    let f = plane.frame;
    let (x, y) = quietest_corner(panel, plane, wide, high);
    let _ = write!(
        out,
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"#ffffff\" fill-opacity=\"0.85\" rx=\"3\"/>",
        px(x),
        px(y),
        px(wide.min(f.right - x - 2.0)),
        px(high)
    );
    for (k, (label, curve)) in named.into_iter().enumerate() {
        let middle = y + 3.0 + ROW * (k as f64 + 0.5);
        let color = curve.color.hex();
        if curve.width > 0.0 {
            let dashes = if curve.dashed { " stroke-dasharray=\"5 3\"" } else { "" };
            let _ = write!(
                out,
                "<path d=\"M{} {}h18\" stroke=\"{color}\" stroke-width=\"{}\"{dashes}/>",
                px(x + 6.0),
                px(middle),
                px(curve.width.max(1.5))
            );
        }
        if curve.marks {
            let _ = write!(out, "<circle cx=\"{}\" cy=\"{}\" r=\"3.2\" fill=\"{color}\"/>", px(x + 15.0), px(middle));
        }
        text(out, (x + 30.0, middle + 4.0), "start", SMALL, Color::INK, label, "");
    }
}

/// Upper left end of the box of that size in the corner that covers the fewest points of curves.
fn quietest_corner(panel: &Panel, plane: &Plane, wide: f64, high: f64) -> (f64, f64) {
    let Frame { left, right, top, bottom } = plane.frame;
    let corners = [
        (right - wide - 5.0, top + 5.0),
        (left + 6.0, top + 5.0),
        (right - wide - 5.0, bottom - high - 6.0),
        (left + 6.0, bottom - high - 6.0),
    ];
    let hidden = |(x, y): (f64, f64)| {
        let inside = |p: &(f64, f64)| p.0 > x - 4.0 && p.0 < x + wide + 4.0 && p.1 > y - 4.0 && p.1 < y + high + 4.0;
        panel.curves.iter().flat_map(|c| &c.points).filter_map(|&p| plane.place(p)).filter(inside).count()
    };
    corners.into_iter().min_by_key(|&c| hidden(c)).unwrap_or(corners[0])
}
