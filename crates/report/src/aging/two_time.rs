//! The two-time mean-square displacement against the lag, for all waiting times.

use super::QuenchView;
use super::data::{TwoTime, colors, short, spread, two_time};
use super::energies::some;
use crate::Color;
use crate::figure::{Axis, Curve, Figure, Guide, Panel};
use crate::markup::{plain, spoken};

/// Curves in a panel, at most.
const CURVES: usize = 14;

/// How to draw curves of all waiting times: what x and y become.
pub(super) struct Drawing<'a> {
    /// Title of the horizontal axis.
    pub x: String,
    /// Title of the vertical axis.
    pub y: String,
    /// Divisor of the lag, for a waiting time; the curve is left out where it is not positive.
    pub lag: &'a dyn Fn(&TwoTime) -> f64,
    /// Divisor of the value of a replica, for a waiting time; left out where it is not positive.
    pub value: &'a dyn Fn(&TwoTime, usize) -> f64,
}

/// A panel with a curve of the displacement for each waiting time: mean over replicas, band of two standard errors, colour by
/// t_w.
pub(super) fn panel(quench: &QuenchView, drawing: &Drawing<'_>) -> Panel {
    panel_of(quench, "msd", drawing)
}

/// The same of any record (replica, waiting_time, time).
fn panel_of(quench: &QuenchView, record: &str, drawing: &Drawing<'_>) -> Panel {
    let positive = |v: f64| v.is_finite() && v > 0.0;
    let usable = |c: &TwoTime| {
        positive((drawing.lag)(c)) && (0..c.curve.replicas.len()).any(|r| positive((drawing.value)(c, r)))
    };
    let shown = spread(two_time(quench, record).into_iter().filter(usable).collect(), CURVES);
    let bar = colors(&shown);
    let mut curves = Vec::new();
    for mut c in shown {
        let lag = (drawing.lag)(&c);
        for r in 0..c.curve.replicas.len() {
            let by = (drawing.value)(&c, r);
            let by = if positive(by) { by } else { f64::NAN };
            c.curve.replicas[r].iter_mut().for_each(|v| *v /= by);
        }
        c.curve.at.iter_mut().for_each(|t| *t /= lag);
        let mean = c.curve.mean();
        let color = match &bar {
            Some(bar) if c.waiting > 0.0 => bar.color(c.waiting),
            _ => Color::INK,
        };
        let hint = format!("t_w = {} {}", short(c.waiting), quench.unit.words());
        let errors = mean.errors.iter().map(|e| 2.0 * e).collect();
        let line = Curve::line(mean.points, color).with_errors(errors).hinted(hint);
        curves.push(if c.waiting > 0.0 {
            line
        } else {
            Curve { dashed: true, label: Some("t_w = 0".to_owned()), ..line }
        });
    }
    // The oldest state last, on top of those that it resembles.
    curves.sort_by_key(|c| c.dashed);
    Panel {
        title: plain(&quench.label),
        x: Axis::log(drawing.x.clone()),
        y: Axis::log(drawing.y.clone()),
        curves,
        guides: Vec::new(),
        colors: bar,
        note: None,
    }
}

/// The exact curves of an infinite system, dashed, in the colours of their waiting times.
fn exact(panel: &mut Panel, quench: &QuenchView) {
    let (Some(exact), Some(bar)) = (&quench.exact, &panel.colors) else { return };
    let mut label = Some(exact.label.clone());
    for (waiting, points) in &exact.displacement {
        let hint = format!("{}, t_w = {} {}", spoken(&exact.label), short(*waiting), quench.unit.words());
        let line = Curve::line(points.clone(), bar.color(*waiting)).hinted(hint);
        panel.curves.push(Curve { dashed: true, width: 1.1, fits: false, label: label.take(), ..line });
    }
}

/// A guide of slope one (free diffusion) below the curves.
pub(super) fn diffusion(panel: &mut Panel) {
    let points = || {
        let all = panel.curves.iter().flat_map(|c| &c.points);
        all.copied().filter(|p| p.0 > 0.0 && p.1 > 0.0 && p.0.is_finite() && p.1.is_finite())
    };
    let (low, high) = points().fold((f64::MAX, 0.0_f64), |(a, b), p| (a.min(p.0), b.max(p.0)));
    // Only where there are two decades to show a slope over.
    if low >= high / 100.0 {
        return;
    }
    let at = |s: f64| low * (high / low).powf(s);
    let (from, to) = (at(0.56), at(0.86));
    let near = points().filter(|p| p.0 > from && p.0 < to).map(|p| p.1 / p.0).fold(f64::MAX, f64::min);
    let (lowest, highest) = points().fold((f64::MAX, 0.0_f64), |(a, b), p| (a.min(p.1), b.max(p.1)));
    // An eighth of the height below the curves.
    let level = near * (lowest / highest).powf(0.125);
    // Only where it lies within the axes.
    if near < f64::MAX && level * from > lowest {
        let through = (to, level * to);
        panel.guides.push(Guide::Slope { slope: 1.0, through, span: (from, to), label: "∝ t".to_owned() });
    }
}

/// Delta(t_w, t_w + t) against t for all t_w, one panel per quench.
pub(super) fn displacement(quenches: &[QuenchView]) -> Option<Figure> {
    let panels = quenches.iter().map(|quench| {
        let drawing = Drawing {
            x: format!("lag t ({})", quench.unit.words()),
            y: "Δ(t_w, t_w + t)".to_owned(),
            lag: &|_| 1.0,
            value: &|_, _| 1.0,
        };
        let mut one = panel(quench, &drawing);
        diffusion(&mut one);
        exact(&mut one, quench);
        one
    });
    some(Figure {
        id: "displacement".to_owned(),
        title: "Two-time mean-square displacement".to_owned(),
        caption: "Δ(t_w, t_w + t) = (1/N) Σ_i [x_i(t_w + t) − x_i(t_w)]^2 over all N degrees of freedom; with several replicas \
                  their mean, band: two standard errors (of ln Δ). Colour: waiting time t_w. Curves that fan out with t_w age; \
                  curves that fall on each other are stationary. Thin grey dashes: the slope of free diffusion, Δ ∝ t."
            .to_owned(),
        panels: panels.collect(),
    })
}

/// F_s(q; t_w, t_w + t) against t for all t_w, one panel per quench of particles.
pub(super) fn scattering(quenches: &[QuenchView]) -> Option<Figure> {
    let particles = quenches.iter().filter(|q| q.data.get("self_scattering").is_some());
    let panels = particles.map(|quench| {
        let at = quench.data.attributes.get("wave_number").map(|q| format!(", q = {}", plain(q))).unwrap_or_default();
        let drawing = Drawing {
            x: format!("lag t ({})", quench.unit.words()),
            y: format!("F_s(t_w, t_w + t){at}"),
            lag: &|_| 1.0,
            value: &|_, _| 1.0,
        };
        let one = panel_of(quench, "self_scattering", &drawing);
        Panel { y: Axis { range: Some((0.0, 1.0)), ..Axis::linear(drawing.y) }, ..one }
    });
    some(Figure {
        id: "scattering".to_owned(),
        title: "Self-intermediate scattering".to_owned(),
        caption: "F_s = (1/N) Σ_i cos q[x_i(t_w + t) − x_i(t_w)], mean over replicas; band: two standard errors; colour: waiting \
                  time t_w. 1: every particle is where it was; 0: all have left their cages. A plateau that lasts longer with \
                  t_w is the cage of an aging glass."
            .to_owned(),
        panels: panels.collect(),
    })
}
