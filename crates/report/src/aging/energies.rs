//! Energies, losses and errors against the logarithm of time.

use super::data::{Trace, trace};
use super::{QuenchView, TimeUnit};
use crate::Color;
use crate::figure::{Axis, Curve, Figure, Guide, Panel};
use crate::markup::{plain, spoken};

/// Thin lines of replicas, at most.
const REPLICAS: usize = 16;

fn time_axis(unit: TimeUnit) -> Axis {
    Axis::log(match unit {
        TimeUnit::Steps => "time t (steps)",
        TimeUnit::Physical => "physical time t",
    })
}

/// Mean with a band of two standard errors, and a thin line per replica.
fn ensemble(trace: &Trace, color: Color, label: &str) -> Vec<Curve> {
    let mean = trace.mean();
    let several = trace.replicas.len() > 1;
    let thin = |(k, values): (usize, &Vec<f64>)| {
        let points = trace.at.iter().copied().zip(values.iter().copied()).collect();
        let line = Curve::line(points, color).hinted(format!("{}, replica {k}", spoken(label)));
        Curve { width: 0.7, opacity: 0.4, ..line }
    };
    let replicas = trace.replicas.iter().enumerate().take(if several { REPLICAS } else { 0 });
    let mut curves: Vec<Curve> = replicas.map(thin).collect();
    let errors = mean.errors.iter().map(|e| 2.0 * e).collect();
    let name = if several { "mean of replicas" } else { "" };
    let line = Curve::line(mean.points, color).with_errors(errors).hinted(format!("{} {name}", spoken(label)));
    curves.push(Curve { width: 2.2, ..line });
    curves
}

fn landmarks(quench: &QuenchView) -> impl Iterator<Item = Guide> + '_ {
    let real = quench.landmarks.iter().filter(|(x, _)| x.is_finite() && *x > 0.0);
    real.map(|(x, label)| Guide::Vertical { x: *x, label: label.clone() })
}

pub(super) fn panel(quench: &QuenchView, y: Axis, curves: Vec<Curve>) -> Panel {
    Panel {
        title: plain(&quench.label),
        x: time_axis(quench.unit),
        y,
        curves,
        guides: landmarks(quench).collect(),
        colors: None,
        note: None,
    }
}

/// The exact energy of an infinite system less `bottom`, dashed.
fn exact(quench: &QuenchView, bottom: f64) -> Option<Curve> {
    let exact = quench.exact.as_ref().filter(|e| !e.energy.is_empty())?;
    let points = exact.energy.iter().map(|(t, e)| (*t, e - bottom)).collect();
    let line = Curve::line(points, Color::INK).labelled(&exact.label).hinted(spoken(&exact.label));
    Some(Curve { dashed: true, width: 1.3, ..line })
}

/// The energy of the minima below the configurations of particles, dashed.
fn inherent(quench: &QuenchView) -> Option<Curve> {
    let mean = trace(quench, "inherent_energy", "waiting_time")?.mean();
    let label = "inherent structures";
    let points: Vec<_> = mean.points.into_iter().filter(|p| p.1.is_finite()).collect();
    let line = Curve::line(points, Color::INK).labelled(label).hinted(label);
    Some(Curve { dashed: true, width: 1.3, ..line })
}

/// Energy or loss against log time, one panel per quench, the bottom of the landscape dashed.
pub(super) fn energies(quenches: &[QuenchView]) -> Option<Figure> {
    let mut panels = Vec::new();
    for (k, quench) in quenches.iter().enumerate() {
        let measured = trace(quench, &quench.energy, "loss_time");
        let mut curves = measured.map_or(Vec::new(), |t| ensemble(&t, Color::distinct(k), &quench.energy_title));
        curves.extend(exact(quench, 0.0));
        curves.extend(inherent(quench));
        let mut one = panel(quench, Axis::linear(&quench.energy_title), curves);
        if let Some((y, label)) = &quench.reference {
            one.guides.push(Guide::Horizontal { y: *y, label: plain(label) });
        }
        panels.push(one);
    }
    share(&mut panels);
    some(Figure {
        id: "energies".to_owned(),
        title: "Energies and losses against the logarithm of time".to_owned(),
        caption:
            "Thick: mean over replicas, band: two standard errors; thin: single replicas. Dashed: the bottom of the \
                  landscape where it is known; the energy of the minimum below each configuration of particles. The state at t = 0 cannot be shown on a logarithmic axis."
                .to_owned(),
        panels,
    })
}

/// Panels with the same vertical axis get the same range, so that they can be compared at a glance.
fn share(panels: &mut [Panel]) {
    let level = |g: &Guide| if let Guide::Horizontal { y, .. } = g { Some(*y) } else { None };
    let extent = |p: &Panel| {
        let points = p.curves.iter().flat_map(|c| &c.points).filter(|q| q.0 > 0.0).map(|q| q.1);
        let finite = points.chain(p.guides.iter().filter_map(level)).filter(|y| y.is_finite());
        finite.fold((f64::MAX, f64::MIN), |(a, b), y| (a.min(y), b.max(y)))
    };
    let extents: Vec<(String, (f64, f64))> = panels.iter().map(|p| (p.y.title.clone(), extent(p))).collect();
    for panel in panels {
        let same = extents.iter().filter(|e| e.0 == panel.y.title);
        let (low, high) = same.fold((f64::MAX, f64::MIN), |(a, b), (_, e)| (a.min(e.0), b.max(e.1)));
        let room = 0.05 * (high - low);
        panel.y.range = (low < high).then_some((low - room, high + room));
    }
}

/// Energies of particles from the end of the descent on: what falls with the logarithm of time is lost beside the first fall.
pub(super) fn slow(quenches: &[QuenchView]) -> Option<Figure> {
    let mut panels = Vec::new();
    for (k, quench) in quenches.iter().enumerate() {
        let particles = quench.data.get("self_scattering").is_some();
        let end = quench.landmarks.iter().find(|(_, name)| name == "t_2").map(|l| l.0);
        let (true, Some(end), Some(all)) = (particles, end, trace(quench, &quench.energy, "loss_time")) else {
            continue;
        };
        let kept = |values: &[f64]| all.at.iter().zip(values).filter(|p| *p.0 >= end).map(|p| *p.1).collect();
        let late = Trace { at: kept(&all.at), replicas: all.replicas.iter().map(|r| kept(r)).collect() };
        let curves = ensemble(&late, Color::distinct(k), &quench.energy_title);
        panels.push(Panel { guides: Vec::new(), ..panel(quench, Axis::linear(&quench.energy_title), curves) });
    }
    some(Figure {
        id: "slow".to_owned(),
        title: "After the descent".to_owned(),
        caption: "The energy of particles after t_2: a straight line falls with the logarithm of time. Thick: mean over replicas, \
                  band: two standard errors; thin: single replicas."
            .to_owned(),
        panels,
    })
}

/// Distance to the bottom of the landscape, doubly logarithmic, for the quenches where it is known.
pub(super) fn excess(quenches: &[QuenchView]) -> Option<Figure> {
    let mut panels = Vec::new();
    for (k, quench) in quenches.iter().enumerate() {
        let Some((bottom, name)) = &quench.reference else { continue };
        let Some(mut measured) = trace(quench, &quench.energy, "loss_time") else { continue };
        measured.replicas.iter_mut().flatten().for_each(|e| *e -= bottom);
        let mut curves = ensemble(&measured, Color::distinct(k), "distance to the bottom");
        // A single replica that touches the bottom would stretch the axis.
        let last = curves.len() - 1;
        curves[..last].iter_mut().for_each(|c| c.fits = false);
        curves.extend(exact(quench, *bottom));
        let title = if *bottom == 0.0 {
            quench.energy_title.clone()
        } else {
            format!("energy above the {}", plain(name.split(['=', ',']).next().unwrap_or(name).trim()))
        };
        panels.push(panel(quench, Axis::log(title), curves));
    }
    some(Figure {
        id: "excess".to_owned(),
        title: "Distance to the bottom of the landscape".to_owned(),
        caption:
            "The same data on doubly logarithmic axes: a power law is a straight line, an end of aging bends down."
                .to_owned(),
        panels,
    })
}

/// Fractions misclassified on training and test set.
pub(super) fn errors(quenches: &[QuenchView]) -> Option<Figure> {
    let mut panels = Vec::new();
    for quench in quenches {
        let mut curves = Vec::new();
        for (k, (name, label)) in [("train_error", "training set"), ("test_error", "test set")].into_iter().enumerate()
        {
            let Some(measured) = trace(quench, name, "loss_time") else { continue };
            let mean = measured.mean();
            let errors = mean.errors.iter().map(|e| 2.0 * e).collect();
            curves.push(Curve::line(mean.points, Color::distinct(k)).with_errors(errors).labelled(label).hinted(label));
        }
        if !curves.is_empty() {
            panels.push(panel(quench, Axis::linear("fraction misclassified"), curves));
        }
    }
    some(Figure {
        id: "errors".to_owned(),
        title: "Errors on the training and the test set".to_owned(),
        caption: "Mean over replicas, band: two standard errors.".to_owned(),
        panels,
    })
}

/// The figure if there is something to draw in any panel.
pub(super) fn some(figure: Figure) -> Option<Figure> {
    let drawn = |c: &Curve| c.points.iter().any(|p| p.0.is_finite() && p.1.is_finite());
    figure.panels.iter().any(|p| p.curves.iter().any(drawn)).then_some(figure)
}
