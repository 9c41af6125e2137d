//! What makes two-time curves collapse: the noise, the age, the relaxation time; and those quantities themselves.

use super::data::{TwoTime, short, trace};
use super::energies::some;
use super::two_time::{Drawing, diffusion, panel};
use super::{QuenchView, Relaxation};
use crate::Color;
use crate::figure::{Axis, Curve, Figure, Guide, Panel};
use crate::markup::plain;
use crate::scale::minus;

/// Delta(t_w, t_w + t) / D(t_w) against t, for the quenches whose noise was measured and is not zero.
pub(super) fn by_noise(quenches: &[QuenchView]) -> Option<Figure> {
    let mut panels = Vec::new();
    for quench in quenches {
        let Some(noise) = trace(quench, "noise", "waiting_time") else { continue };
        let value = |c: &TwoTime, r: usize| noise.replicas.get(r).and_then(|n| n.get(c.index)).copied().unwrap_or(0.0);
        let drawing = Drawing {
            x: format!("lag t ({})", quench.unit.words()),
            y: "Δ(t_w, t_w + t) / D(t_w)".to_owned(),
            lag: &|_| 1.0,
            value: &value,
        };
        let mut one = panel(quench, &drawing);
        if one.curves.is_empty() {
            one.note = Some("no noise: the dynamics is deterministic".to_owned());
        }
        diffusion(&mut one);
        panels.push(one);
    }
    some(Figure {
        id: "noise-rescaled".to_owned(),
        title: "Displacement divided by the noise".to_owned(),
        caption: "Δ(t_w, t_w + t) / D(t_w), replica by replica, then averaged. D(t_w) is the trace of the covariance of the \
                  mini-batch gradient at t_w (for Langevin dynamics: of the thermal force). Curves that collapse here, and not before, are driven by diffusion with a \
                  noise that changes."
            .to_owned(),
        panels,
    })
}

/// Delta against t / t_w.
pub(super) fn by_age(quenches: &[QuenchView]) -> Option<Figure> {
    let panels = quenches.iter().map(|quench| {
        let drawing = Drawing {
            x: "t / t_w".to_owned(),
            y: "Δ(t_w, t_w + t)".to_owned(),
            lag: &|c| c.waiting,
            value: &|_, _| 1.0,
        };
        panel(quench, &drawing)
    });
    some(Figure {
        id: "age-rescaled".to_owned(),
        title: "Displacement against the lag in units of the age".to_owned(),
        caption: "If the only clock is the age of the system (full aging, τ ~ t_w), all curves fall on one.".to_owned(),
        panels: panels.collect(),
    })
}

fn tau_at(relaxation: &Relaxation, waiting: f64) -> f64 {
    let near = |w: &f64| (w - waiting).abs() <= 1e-9 * waiting.abs();
    let found = relaxation.waiting.iter().position(near);
    found.and_then(|i| relaxation.tau.get(i)).copied().unwrap_or(f64::NAN)
}

/// Delta against t / tau(t_w), where tau was determined.
pub(super) fn by_relaxation(quenches: &[QuenchView]) -> Option<Figure> {
    let mut panels = Vec::new();
    for quench in quenches {
        let Some(relaxation) = &quench.relaxation else { continue };
        let lag = |c: &TwoTime| tau_at(relaxation, c.waiting);
        let drawing =
            Drawing { x: "t / τ(t_w)".to_owned(), y: "Δ(t_w, t_w + t)".to_owned(), lag: &lag, value: &|_, _| 1.0 };
        panels.push(panel(quench, &drawing));
    }
    some(Figure {
        id: "relaxation-rescaled".to_owned(),
        title: "Displacement against the lag in units of the relaxation time".to_owned(),
        caption: "Only waiting times at which τ(t_w) was reached within the run are shown.".to_owned(),
        panels,
    })
}

/// tau(t_w) against t_w with the fitted power laws, all quenches in one panel per unit of time.
pub(super) fn relaxation_times(quenches: &[QuenchView]) -> Option<Figure> {
    let mut panels: Vec<Panel> = Vec::new();
    let mut definitions: Vec<&str> = Vec::new();
    for (k, quench) in quenches.iter().enumerate() {
        let Some(relaxation) = &quench.relaxation else { continue };
        let color = Color::distinct(k);
        let pairs = relaxation.waiting.iter().copied().zip(relaxation.tau.iter().copied());
        let points: Vec<(f64, f64)> = pairs.collect();
        let errors = relaxation.error.iter().map(|e| 2.0 * e).collect();
        let dots = Curve::marks(points.clone(), color).with_errors(errors).hinted(quench.label.clone());
        let usable: Vec<(f64, f64)> =
            points.into_iter().filter(|p| p.0 > 0.0 && p.1 > 0.0 && p.1.is_finite()).collect();
        let mut curves = vec![dots];
        let mut guides = Vec::new();
        if let Some((mu, error, span)) = relaxation.exponent {
            let inside: Vec<f64> = usable
                .iter()
                .filter(|p| p.0 >= span.0 * 0.999 && p.0 <= span.1 * 1.001)
                .map(|p| p.1.ln() - mu * p.0.ln())
                .collect();
            if !inside.is_empty() {
                let level = (inside.iter().sum::<f64>() / inside.len() as f64).exp();
                let ends = vec![(span.0, level * span.0.powf(mu)), (span.1, level * span.1.powf(mu))];
                let label = if error.is_finite() {
                    format!("μ = {} ± {}", minus(format!("{mu:.2}")), short(error))
                } else {
                    format!("μ = {}", minus(format!("{mu:.2}")))
                };
                curves.push(Curve { width: 1.5, ..Curve::line(ends, color).labelled(label) });
            }
        }
        if let (Some(first), Some(last)) = (usable.first(), usable.last())
            && last.0 > 3.0 * first.0
        {
            // The line of full aging, tau ~ t_w, above the points.
            let most = usable.iter().map(|p| p.1 / p.0).fold(0.0, f64::max);
            let (from, to) = (first.0 * (last.0 / first.0).powf(0.1), first.0 * (last.0 / first.0).powf(0.55));
            let through = (from, 2.0 * most * from);
            guides.push(Guide::Slope { slope: 1.0, through, span: (from, to), label: "∝ t_w".to_owned() });
        }
        let unit = quench.unit.words();
        panels.push(Panel {
            title: plain(&quench.label),
            x: Axis::log(format!("waiting time t_w ({unit})")),
            y: Axis::log(format!("relaxation time τ(t_w) ({unit})")),
            curves,
            guides,
            colors: None,
            note: None,
        });
        if !relaxation.definition.is_empty() && !definitions.contains(&relaxation.definition.as_str()) {
            definitions.push(&relaxation.definition);
        }
    }
    some(Figure {
        id: "relaxation-times".to_owned(),
        title: "Relaxation time against age".to_owned(),
        caption: format!(
            "{} Bars: two standard errors. Line: the fit τ ~ t_w^μ. μ = 1 is full aging, 0 < μ < 1 subaging, μ = 0 a \
             stationary state.",
            definitions.join(" ")
        )
        .trim()
        .to_owned(),
        panels,
    })
}

/// D(t_w) against t_w.
pub(super) fn noise(quenches: &[QuenchView]) -> Option<Figure> {
    let mut panels = Vec::new();
    for (k, quench) in quenches.iter().enumerate() {
        let Some(measured) = trace(quench, "noise", "waiting_time") else { continue };
        let mean = measured.mean();
        if !mean.points.iter().any(|p| p.1 > 0.0) {
            continue;
        }
        let errors = mean.errors.iter().map(|e| 2.0 * e).collect();
        let line = Curve::line(mean.points, Color::distinct(k)).with_errors(errors);
        let note = quench.data.get("noise").map(|r| r.unit.clone()).filter(|u| !u.is_empty() && u != "1");
        let unit = note.map_or(String::new(), |u| format!(" ({})", u));
        panels.push(Panel {
            title: plain(&quench.label),
            x: Axis::log(format!("waiting time t_w ({})", quench.unit.words())),
            y: Axis::log(format!("noise D(t_w){unit}")),
            curves: vec![line.hinted(quench.label.clone())],
            guides: Vec::new(),
            colors: None,
            note: None,
        });
    }
    some(Figure {
        id: "noise".to_owned(),
        title: "Noise against age".to_owned(),
        caption: "Mean over replicas, band: two standard errors.".to_owned(),
        panels,
    })
}
