//! Relative stability of networks to deformations of their images, against time.

use super::QuenchView;
use super::data::{Mean, cube};
use super::energies::{panel, some};
use crate::Color;
use crate::figure::{Axis, Curve, Figure, Guide};

/// R_f against time, one panel per quench that has it, one curve per size of the deformations.
pub(super) fn stability(quenches: &[QuenchView]) -> Option<Figure> {
    let mut panels = Vec::new();
    for quench in quenches {
        let Some((sizes, traces)) = cube(quench, "stability", "displacement", "stability_time") else { continue };
        let mut curves = Vec::new();
        for (k, (size, trace)) in sizes.iter().zip(traces).enumerate() {
            let Mean { points, errors } = trace.mean();
            let errors = errors.iter().map(|e| 2.0 * e).collect();
            let label = format!("δ = {} pixels", super::data::short(*size));
            let line = Curve::line(points, Color::distinct(k)).with_errors(errors).hinted(&label).labelled(&label);
            curves.push(Curve { marks: true, ..line });
        }
        let mut one = panel(quench, Axis::log("R_f"), curves);
        one.guides.push(Guide::Horizontal { y: 1.0, label: "knows no images".to_owned() });
        panels.push(one);
    }
    some(Figure {
        id: "stability".to_owned(),
        title: "Relative stability to deformations".to_owned(),
        caption: "R_f = ⟨|f(τx) − f(x)|^2⟩/⟨|f(x + η) − f(x)|^2⟩ on test images: smooth deformations τ of maximal entropy and typical \
                  displacement δ, against isotropic noise η of the same size. About 1 for a network that knows nothing of images; small \
                  where it has learnt that deformations do not matter. Mean over replicas, bars: two standard errors."
            .to_owned(),
        panels,
    })
}
