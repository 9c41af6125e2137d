//! N* against P.

use super::super::curve::CurveLine;
use super::super::star::CONFIDENCE;
use super::panel;
use crate::summary::short;
use glasslab_report::{Axis, Color, Curve, Figure};

pub(super) fn growth(line: &CurveLine) -> Figure {
    let known: Vec<(f64, [f64; 3])> = line.points.iter().filter_map(|p| Some((p.samples as f64, p.weights?))).collect();
    let values = known.iter().map(|(p, w)| (*p, w[0])).collect();
    let errors = known.iter().map(|(_, w)| 0.5 * (w[2] - w[1])).collect();
    let mut curves = vec![Curve::marks(values, Color::distinct(0)).with_errors(errors).labelled("N*")];
    let law = line.line.as_ref().map(|law| {
        let [slope, error] = law.slope;
        let ends = known.iter().map(|(p, _)| (*p, law.at(*p))).collect();
        let mut fit = Curve::line(ends, Color::distinct(1)).labelled(format!("slope {slope:.2}"));
        fit.dashed = true;
        curves.push(fit);
        format!(" Slope {slope:.3} ± {:.3} (two standard errors).", 2.0 * error)
    });
    let missing: Vec<String> = line.points.iter().filter(|p| p.star.is_none()).map(|p| p.samples.to_string()).collect();
    let mut caption = format!(
        "Weights N at the width h* at which half of the nets fit within their budget, α = {}; bars: its interval of {:.0} %.{}",
        short(line.alpha),
        100.0 * CONFIDENCE,
        law.unwrap_or_default()
    );
    if !missing.is_empty() {
        caption += &format!(" Not resolved at P = {}.", missing.join(", "));
    }
    let panel = panel("N* against P", Axis::log("training samples P"), Axis::log("weights N*"), curves);
    Figure { id: "growth".to_owned(), title: "The least network that fits".to_owned(), caption, panels: vec![panel] }
}
