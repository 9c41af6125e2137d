//! One pair of axes with what is in it.

use super::legend;
use super::{CELL_HEIGHT, CELL_WIDTH, px};
use crate::Color;
use crate::figure::{ColorBar, Curve, Guide, Panel};
use crate::markup::{escape, svg as text_runs, width};
use crate::scale::{Range, Scale};
use std::fmt::Write;

/// Font size of titles of axes and of panels.
const TITLE: f64 = 13.5;
/// Font size of ticks and labels.
pub(super) const SMALL: f64 = 11.5;

/// The box of the axes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
}

pub(super) fn frame(bar: bool) -> Frame {
    Frame { left: 74.0, right: CELL_WIDTH - if bar { 60.0 } else { 16.0 }, top: 36.0, bottom: CELL_HEIGHT - 52.0 }
}

/// Both ranges, and where the axes are.
#[derive(Clone, Copy)]
pub(super) struct Plane {
    pub frame: Frame,
    x: Range,
    y: Range,
}

impl Plane {
    pub(super) fn place(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        let f = self.frame;
        let (u, v) = (self.x.place(x)?, self.y.place(y)?);
        Some((f.left + u * (f.right - f.left), f.bottom - v * (f.bottom - f.top)))
    }
}

fn plane(panel: &Panel) -> Plane {
    let fitted = || panel.curves.iter().filter(|c| c.fits).flat_map(|c| &c.points);
    let seen = |p: &&(f64, f64)| {
        let positive = |scale, v: f64| v.is_finite() && (scale == Scale::Linear || v > 0.0);
        positive(panel.x.scale, p.0) && positive(panel.y.scale, p.1)
    };
    let levels = panel.guides.iter().filter_map(|g| match g {
        Guide::Horizontal { y, .. } => Some(*y),
        _ => None,
    });
    Plane {
        frame: frame(panel.colors.is_some()),
        x: Range::of(panel.x.scale, fitted().filter(seen).map(|p| p.0), panel.x.range),
        y: Range::of(panel.y.scale, fitted().filter(seen).map(|p| p.1).chain(levels), panel.y.range),
    }
}

pub(super) fn text(out: &mut String, at: (f64, f64), anchor: &str, size: f64, color: Color, markup: &str, more: &str) {
    let _ = write!(
        out,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\" font-size=\"{size}\" fill=\"{}\"{more}>{}</text>",
        px(at.0),
        px(at.1),
        color.hex(),
        text_runs(markup, size)
    );
}

pub(super) fn draw(out: &mut String, panel: &Panel, id: &str) {
    let plane = plane(panel);
    let f = plane.frame;
    let clip = format!("{id}-clip");
    let area = format!(
        "x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
        px(f.left),
        px(f.top),
        px(f.right - f.left),
        px(f.bottom - f.top)
    );
    let _ = write!(out, "<clipPath id=\"{clip}\"><rect {area}/></clipPath>");
    let room = CELL_WIDTH - 20.0;
    let size = (TITLE * room / width(&panel.title, TITLE).max(room)).max(8.0);
    let middle = (f.left + f.right) / 2.0;
    let centre = middle.min(CELL_WIDTH - 8.0 - width(&panel.title, size) / 2.0);
    text(out, (centre, 22.0), "middle", size, Color::INK, &panel.title, " font-weight=\"600\"");
    let drawn = panel.curves.iter().any(|c| c.points.iter().any(|&p| plane.place(p).is_some()));
    axes(out, panel, &plane, drawn);
    if let Some(bar) = &panel.colors {
        color_bar(out, bar, f, id);
    }
    let _ = write!(out, "<g clip-path=\"url(#{clip})\">");
    panel.guides.iter().for_each(|g| guide(out, g, &plane));
    // Bands of many curves lie on each other.
    let shade = if panel.curves.len() > 5 && panel.colors.is_some() { 0.09 } else { 0.16 };
    panel.curves.iter().for_each(|c| band(out, c, &plane, shade));
    panel.curves.iter().for_each(|c| line(out, c, &plane));
    panel.curves.iter().for_each(|c| marks(out, c, &plane));
    out.push_str("</g>");
    let _ = write!(out, "<rect {area} fill=\"none\" stroke=\"{}\" stroke-width=\"1\"/>", Color::INK.hex());
    match (&panel.note, drawn) {
        (Some(note), false) => wrapped(out, note, f),
        (None, false) => wrapped(out, "not measured", f),
        (Some(note), true) => {
            text(out, (f.left + 7.0, f.bottom - 8.0), "start", 10.5, Color::GREY, note, "");
        }
        (None, true) => {}
    }
    legend::draw(out, panel, &plane);
}

/// Text in the middle of empty axes, in lines that fit.
fn wrapped(out: &mut String, note: &str, f: Frame) {
    let room = f.right - f.left - 30.0;
    let mut lines = vec![String::new()];
    for word in note.split(' ') {
        let last = lines.last().map_or("", String::as_str);
        if width(&format!("{last} {word}"), SMALL) > room {
            lines.push(word.to_owned());
        } else if let Some(last) = lines.last_mut() {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    let first = (f.top + f.bottom) / 2.0 - 8.0 * (lines.len() as f64 - 1.0);
    for (k, line) in lines.iter().enumerate() {
        let at = ((f.left + f.right) / 2.0, first + 16.0 * k as f64);
        text(out, at, "middle", SMALL, Color::GREY, line, "");
    }
}

/// Ticks (none on empty axes), their labels and the titles.
fn axes(out: &mut String, panel: &Panel, plane: &Plane, drawn: bool) {
    let f = plane.frame;
    let (mut grid, mut major, mut minor, mut labels) = (String::new(), String::new(), String::new(), String::new());
    for tick in plane.x.ticks(6).into_iter().filter(|_| drawn) {
        let Some(u) = plane.x.place(tick.value) else { continue };
        let x = px(f.left + u * (f.right - f.left));
        let named = !tick.label.is_empty();
        let length = if named { 5.0 } else { 2.5 };
        let _ = write!(if named { &mut major } else { &mut minor }, "M{x} {}v{}", px(f.bottom), px(-length));
        if named {
            let _ = write!(grid, "M{x} {}V{}", px(f.top), px(f.bottom));
            let at = (f.left + u * (f.right - f.left), f.bottom + 17.0);
            text(&mut labels, at, "middle", SMALL, Color::INK, &tick.label, "");
        }
    }
    for tick in plane.y.ticks(6).into_iter().filter(|_| drawn) {
        let Some(v) = plane.y.place(tick.value) else { continue };
        let y = f.bottom - v * (f.bottom - f.top);
        let named = !tick.label.is_empty();
        let length = if named { 5.0 } else { 2.5 };
        let _ = write!(if named { &mut major } else { &mut minor }, "M{} {}h{}", px(f.left), px(y), px(length));
        if named {
            let _ = write!(grid, "M{} {}H{}", px(f.left), px(y), px(f.right));
            text(&mut labels, (f.left - 6.0, y + 4.0), "end", SMALL, Color::INK, &tick.label, "");
        }
    }
    let _ = write!(out, "<path d=\"{grid}\" stroke=\"#e9ebef\" stroke-width=\"1\" fill=\"none\"/>");
    let ink = Color::INK.hex();
    let _ = write!(out, "<path d=\"{major}{minor}\" stroke=\"{ink}\" stroke-width=\"0.8\" fill=\"none\"/>{labels}");
    text(out, ((f.left + f.right) / 2.0, f.bottom + 38.0), "middle", TITLE - 0.5, Color::INK, &panel.x.title, "");
    let at = (15.0, (f.top + f.bottom) / 2.0);
    let turn = format!(" transform=\"rotate(-90 {} {})\"", px(at.0), px(at.1));
    text(out, at, "middle", TITLE - 0.5, Color::INK, &panel.y.title, &turn);
}

fn color_bar(out: &mut String, bar: &ColorBar, f: Frame, id: &str) {
    let (x, wide) = (f.right + 12.0, 10.0);
    let (top, bottom) = (f.top + 20.0, f.bottom);
    let mut stops = String::new();
    for k in 0..=9 {
        let s = f64::from(k) / 9.0;
        let _ = write!(stops, "<stop offset=\"{}\" stop-color=\"{}\"/>", px(s), Color::sequential(s).hex());
    }
    let _ = write!(
        out,
        "<linearGradient id=\"{id}-bar\" x1=\"0\" y1=\"1\" x2=\"0\" y2=\"0\">{stops}</linearGradient>\
         <rect x=\"{}\" y=\"{}\" width=\"{wide}\" height=\"{}\" fill=\"url(#{id}-bar)\"/>",
        px(x),
        px(top),
        px(bottom - top)
    );
    text(out, (x + wide / 2.0, f.top + 10.0), "middle", TITLE - 0.5, Color::INK, &bar.title, "");
    let range = Range { scale: Scale::Log, low: bar.low, high: bar.high };
    for tick in range.ticks(5).into_iter().filter(|t| !t.label.is_empty()) {
        let Some(v) = range.place(tick.value) else { continue };
        let y = bottom - v * (bottom - top);
        let ink = Color::INK.hex();
        let _ = write!(out, "<path d=\"M{} {}h4\" stroke=\"{ink}\" stroke-width=\"0.8\"/>", px(x + wide), px(y));
        text(out, (x + wide + 6.0, y + 4.0), "start", SMALL - 0.5, Color::INK, &tick.label, "");
    }
}

fn guide(out: &mut String, guide: &Guide, plane: &Plane) {
    let f = plane.frame;
    let style = format!("stroke=\"{}\" stroke-width=\"1.3\" fill=\"none\"", Color::GREY.hex());
    match guide {
        Guide::Horizontal { y, label } => {
            let Some(v) = plane.y.place(*y) else { return };
            let y = f.bottom - v * (f.bottom - f.top);
            let (a, b) = (px(f.left), px(f.right));
            let _ = write!(out, "<path d=\"M{a} {}H{b}\" stroke-dasharray=\"6 4\" {style}/>", px(y));
            let below = y < f.top + 20.0;
            let at = (f.left + 8.0, if below { y + 14.0 } else { y - 6.0 });
            text(out, at, "start", SMALL, Color::GREY, label, "");
        }
        Guide::Cell { x, y, color, hatched, hint } => {
            let (Some(a), Some(b)) = (plane.place((x.0, y.0)), plane.place((x.1, y.1))) else { return };
            let (left, right, top, bottom) = (a.0.min(b.0), a.0.max(b.0), a.1.min(b.1), a.1.max(b.1));
            let _ = write!(
                out,
                "<rect class=\"cell\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"><title>{}</title></rect>",
                px(left),
                px(top),
                px(right - left),
                px(bottom - top),
                color.hex(),
                escape(hint)
            );
            if *hatched {
                let (wide, high) = (right - left, bottom - top);
                let mut path = String::new();
                let lines = ((wide + high) / 7.0) as usize;
                for k in 1..=lines {
                    // From the left or lower edge up to the right: x - left + y - top = at.
                    let at = 7.0 * k as f64;
                    let (x0, x1) = ((at - high).max(0.0), at.min(wide));
                    let (from, to) = ((left + x0, top + at - x0), (left + x1, top + at - x1));
                    let _ = write!(path, "M{} {}L{} {}", px(from.0), px(from.1), px(to.0), px(to.1));
                }
                let _ = write!(
                    out,
                    "<path class=\"hatch\" d=\"{path}\" stroke=\"#ffffff\" stroke-width=\"1.6\" fill=\"none\"/>"
                );
            }
        }
        Guide::Vertical { x, label } => {
            let Some(u) = plane.x.place(*x) else { return };
            let x = f.left + u * (f.right - f.left);
            let _ =
                write!(out, "<path d=\"M{} {}V{}\" stroke-dasharray=\"2 3\" {style}/>", px(x), px(f.top), px(f.bottom));
            let (at, anchor) = if u > 0.85 { (x - 5.0, "end") } else { (x + 5.0, "start") };
            text(out, (at, f.top + 14.0), anchor, SMALL, Color::GREY, label, "");
        }
        Guide::Slope { slope, through, span, label } => {
            let at = |x: f64| plane.place((x, through.1 * (x / through.0).powf(*slope)));
            let (Some(a), Some(b)) = (at(span.0), at(span.1)) else { return };
            let _ = write!(
                out,
                "<path d=\"M{} {}L{} {}\" stroke-dasharray=\"6 4\" {style}/>",
                px(a.0),
                px(a.1),
                px(b.0),
                px(b.1)
            );
            let (x, y) = ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0);
            let angle = (b.1 - a.1).atan2(b.0 - a.0).to_degrees();
            let turn = format!(" transform=\"rotate({} {} {})\"", px(angle), px(x), px(y));
            text(out, (x, y - 9.0), "middle", SMALL, Color::GREY, label, &turn);
        }
    }
}

/// Runs of consecutive points that can be shown, thinned to what can be seen.
fn segments(points: impl Iterator<Item = Option<(f64, f64)>>) -> Vec<Vec<(f64, f64)>> {
    let mut out: Vec<Vec<(f64, f64)>> = Vec::new();
    let (mut open, mut skipped) = (false, None);
    for point in points {
        match (point, open, out.last_mut()) {
            (Some(p), true, Some(run)) => {
                let last = run[run.len() - 1];
                if (p.0 - last.0).hypot(p.1 - last.1) >= 1.6 {
                    run.push(p);
                    skipped = None;
                } else {
                    skipped = Some(p);
                }
            }
            (Some(p), _, _) => {
                out.push(vec![p]);
                open = true;
            }
            (None, _, run) => {
                if let (Some(run), Some(p)) = (run, skipped.take()) {
                    run.push(p);
                }
                open = false;
            }
        }
    }
    if let (Some(run), Some(p)) = (out.last_mut(), skipped) {
        run.push(p);
    }
    out
}

fn line(out: &mut String, curve: &Curve, plane: &Plane) {
    if curve.width <= 0.0 {
        return;
    }
    let mut path = String::new();
    for run in segments(curve.points.iter().map(|&p| plane.place(p))) {
        for (k, p) in run.iter().enumerate() {
            let _ = write!(path, "{}{} {}", if k == 0 { 'M' } else { 'L' }, px(p.0), px(p.1));
        }
        if run.len() == 1 {
            // A lone point is a dot: a line of no length with round ends.
            path.push_str("h0.01");
        }
    }
    if path.is_empty() {
        return;
    }
    let dashes = if curve.dashed { " stroke-dasharray=\"5 3\"" } else { "" };
    let _ = write!(
        out,
        "<path class=\"curve\" d=\"{path}\" stroke=\"{}\" stroke-width=\"{}\" stroke-opacity=\"{}\" fill=\"none\" \
         stroke-linejoin=\"round\" stroke-linecap=\"round\"{dashes}>{}</path>",
        curve.color.hex(),
        px(curve.width),
        px(curve.opacity),
        hint(curve)
    );
}

fn hint(curve: &Curve) -> String {
    if curve.hint.is_empty() { String::new() } else { format!("<title>{}</title>", escape(&curve.hint)) }
}

fn half(curve: &Curve, k: usize) -> Option<f64> {
    curve.errors.get(k).copied().filter(|e| e.is_finite() && *e > 0.0)
}

/// Both ends of an error bar: y - e and y + e; on a logarithmic axis y exp(-e/y) and y exp(e/y), the error of ln y,
/// equal to first order and never below zero.
fn ends(plane: &Plane, (x, y): (f64, f64), e: f64) -> Option<((f64, f64), (f64, f64))> {
    let (low, high) = match plane.y.scale {
        Scale::Linear => (y - e, y + e),
        Scale::Log => (y * (-e / y).exp(), y * (e / y).exp()),
    };
    Some((plane.place((x, low))?, plane.place((x, high))?))
}

fn band(out: &mut String, curve: &Curve, plane: &Plane, shade: f64) {
    if curve.errors.is_empty() || curve.marks {
        return;
    }
    let mut upper = Vec::new();
    let mut bottom = Vec::new();
    for (k, &(x, y)) in curve.points.iter().enumerate() {
        let both = half(curve, k).and_then(|e| ends(plane, (x, y), e));
        bottom.push(both.map(|b| b.0));
        upper.push(both.map(|b| b.1));
    }
    let mut path = String::new();
    let mut k = 0;
    while k < upper.len() {
        let end = (k..upper.len()).find(|&i| upper[i].is_none()).unwrap_or(upper.len());
        if end > k + 1 {
            let there = segments(upper[k..end].iter().copied()).concat();
            let back = segments(bottom[k..end].iter().rev().copied()).concat();
            for (i, p) in there.iter().chain(&back).enumerate() {
                let _ = write!(path, "{}{} {}", if i == 0 { 'M' } else { 'L' }, px(p.0), px(p.1));
            }
            path.push('Z');
        }
        k = end + 1;
    }
    if !path.is_empty() {
        let _ =
            write!(out, "<path class=\"band\" d=\"{path}\" fill=\"{}\" fill-opacity=\"{shade}\"/>", curve.color.hex());
    }
}

fn marks(out: &mut String, curve: &Curve, plane: &Plane) {
    if !curve.marks {
        return;
    }
    let (mut bars, mut dots) = (String::new(), String::new());
    for (k, &(x, y)) in curve.points.iter().enumerate() {
        let Some(p) = plane.place((x, y)) else { continue };
        let _ = write!(dots, "<circle class=\"mark\" cx=\"{}\" cy=\"{}\" r=\"3.2\"/>", px(p.0), px(p.1));
        if let Some((a, b)) = half(curve, k).and_then(|e| ends(plane, (x, y), e)) {
            let _ = write!(bars, "M{} {}V{}", px(a.0), px(a.1), px(b.1));
        }
    }
    let color = curve.color.hex();
    if !bars.is_empty() {
        let _ = write!(out, "<path d=\"{bars}\" stroke=\"{color}\" stroke-width=\"1.2\" fill=\"none\"/>");
    }
    if !dots.is_empty() {
        let _ = write!(out, "<g fill=\"{color}\" stroke=\"#ffffff\" stroke-width=\"0.7\">{}{dots}</g>", hint(curve));
    }
}
