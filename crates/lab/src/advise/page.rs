//! The report: the advice, the map, the number of nets, the back-test.

use super::Found;
use super::plan::START;
use crate::summary::short;
use glasslab_report::{Axis, Block, Color, ColorBar, Curve, Figure, Guide, Page, Panel, Table, plain};

fn panel(title: &str, x: Axis, y: Axis, curves: Vec<Curve>) -> Panel {
    Panel { title: title.to_owned(), x, y, curves, guides: Vec::new(), colors: None, note: None }
}

fn alpha_axis() -> Axis {
    Axis::log("α (√h times the papers' α)")
}

/// Edges between neighbours on a logarithmic axis.
fn cell(all: &[f64], at: f64) -> (f64, f64) {
    let k = all.iter().position(|v| *v == at).unwrap_or(0);
    let ratio = |a: usize, b: usize| (all[a] / all[b]).sqrt();
    let below = if k > 0 {
        ratio(k, k - 1)
    } else if all.len() > 1 {
        ratio(1, 0)
    } else {
        1.5
    };
    let above = if k + 1 < all.len() { ratio(k + 1, k) } else { below };
    (at / below, at * above)
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut all: Vec<f64> = values.collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    all
}

fn map(found: &Found) -> Figure {
    let widths = sorted(found.spots.iter().map(|s| s.width as f64));
    let alphas = sorted(found.spots.iter().map(|s| s.alpha));
    let errors: Vec<f64> = found.spots.iter().map(|s| s.judge(found.y, START).map_or(f64::NAN, |j| j.error)).collect();
    let (low, high) = errors.iter().filter(|e| **e > 0.0).fold((f64::MAX, 0.0_f64), |(a, b), e| (a.min(*e), b.max(*e)));
    let bar = ColorBar { title: "error".to_owned(), low: low.min(0.5), high: high.max(1.2 * low.min(0.5)) };
    let mut guides = Vec::new();
    for (spot, &error) in found.spots.iter().zip(&errors) {
        let hint = format!(
            "h = {}, alpha = {}: error of {START} averaged nets {:.2} %, {} of {} nets fit",
            spot.width,
            short(spot.alpha),
            100.0 * error,
            spot.fitted(),
            spot.nets.len()
        );
        let (x, y) = (cell(&widths, spot.width as f64), cell(&alphas, spot.alpha));
        let color = bar.color(error.max(bar.low));
        guides.push(Guide::Cell { x, y, color, hatched: spot.fitted() == 0, hint });
    }
    let mut span = Curve::line(found.spots.iter().map(|s| (s.width as f64, s.alpha)).collect(), Color::INK);
    span.width = 0.0;
    let mut curves = vec![span];
    let marks = |of: &[usize], color: Color, hint: &str| {
        let points = of.iter().map(|&k| (found.spots[k].width as f64, found.spots[k].alpha)).collect();
        Curve::marks(points, color).hinted(hint)
    };
    if let Some(choice) = found.choice {
        curves.push(marks(&choice.equal, Color(255, 255, 255), "not told from the best"));
        curves.push(marks(&[choice.spot], Color(213, 94, 0), "recommended"));
    }
    let (mut x, mut y) = (Axis::log("width h"), alpha_axis());
    let ends = |all: &[f64]| Some((cell(all, all[0]).0, cell(all, all[all.len() - 1]).1));
    (x.range, y.range) = (ends(&widths), ends(&alphas));
    let mut panel = panel("error of averaged nets", x, y, curves);
    (panel.guides, panel.colors) = (guides, Some(bar));
    let caption = format!(
        "Colour: error of the outputs of {START} nets averaged, on the samples to choose by. Hatched: no net meets all margins within {} \
         attempts. Red: recommended; white dots: not told from it. Where there is no colour, nothing was trained.",
        found.plan.steps
    );
    Figure {
        id: "map".to_owned(),
        title: "The (h, α) plane, where it was looked at".to_owned(),
        caption,
        panels: vec![panel],
    }
}

fn numbers(found: &Found) -> Option<Figure> {
    let choice = found.choice?;
    let spot = &found.spots[choice.spot];
    let judged: Vec<_> = (1..=spot.whole()).filter_map(|n| Some((n as f64, spot.judge(found.y, n)?))).collect();
    let points = judged.iter().map(|(n, j)| (*n, 100.0 * j.error)).collect();
    let errors = judged.iter().map(|(_, j)| 200.0 * j.over_nets).collect();
    let mut averages = Curve::line(points, Color::distinct(0)).with_errors(errors);
    averages.marks = true;
    let mut left = panel("how many nets", Axis::linear("nets averaged"), Axis::linear("error, %"), vec![averages]);
    left.guides.push(Guide::Vertical { x: choice.nets as f64, label: "recommended".to_owned() });
    let mut curves = Vec::new();
    let bar = |k: f64, value: f64, error: f64, label: &str, color: usize| {
        let curve = Curve::marks(vec![(k, 100.0 * value)], Color::distinct(color));
        curve.with_errors(vec![200.0 * error]).labelled(label)
    };
    if let Some(j) = spot.judge(found.y, choice.nets.min(spot.whole())) {
        let [value, error] = super::back_test::with_error(&j);
        curves.push(bar(1.0, value, error, "1: by which it was chosen (biased)", 3));
    }
    if let Some(q) = found.quote {
        curves.push(bar(2.0, q.error[0], q.error[1], "2: quoted", 0));
    }
    if let Some(t) = found.test {
        curves.push(bar(3.0, t.error[0], t.error[1], "3: measured on held-out data", 2));
        if let Some(s) = &t.single {
            curves.push(bar(4.0, s.error[0], s.error[1], "4: best single net of as many weights", 1));
        }
    }
    let mut x = Axis::linear("");
    x.range = Some((0.5, 4.5));
    // All bars, and room for the names above them.
    let ends = curves.iter().flat_map(|c| [c.points[0].1 - c.errors[0], c.points[0].1 + c.errors[0]]);
    let (low, high) = ends.fold((f64::INFINITY, 0.0_f64), |(a, b), v| (a.min(v), b.max(v)));
    let mut y = Axis::linear("error, %");
    y.range = (high > low).then(|| ((low - 0.05 * (high - low)).max(0.0), high + 0.7 * (high - low)));
    let right = panel("predicted and measured", x, y, curves);
    Some(Figure {
        id: "nets".to_owned(),
        title: "Averaging, and the back-test".to_owned(),
        caption: "Left: error of averages of nets at the recommended point, on the samples to choose by; bars: two standard errors over nets. \
                  Right: the error that it was chosen by, the error that was quoted (fresh nets, other samples), the error that was measured \
                  (fresh nets again, held-out samples), and that of one net of as many weights; bars: two standard errors, samples and nets."
            .to_owned(),
        panels: vec![left, right],
    })
}

/// The page.
pub(super) fn page(found: &Found, advice: &[String]) -> Page {
    let head = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
    let rounds =
        found.rounds.iter().map(|r| vec![plain(&r.what), r.nets.to_string(), format!("{:.1e}", r.spent)]).collect();
    let mut order: Vec<usize> = (0..found.spots.len()).collect();
    order.sort_by(|&a, &b| {
        let of = |k: usize| (found.spots[k].width, found.spots[k].alpha);
        of(a).0.cmp(&of(b).0).then(of(a).1.total_cmp(&of(b).1))
    });
    let rows = order.into_iter().map(|k| {
        let s = &found.spots[k];
        let error = |n: usize| s.judge(found.y, n).map_or("-".to_owned(), |j| format!("{:.2}", 100.0 * j.error));
        let mark = if found.choice.is_some_and(|c| c.spot == k) { " (recommended)" } else { "" };
        vec![
            format!("{}{mark}", s.width),
            short(s.alpha),
            format!("{} of {}", s.fitted(), s.nets.len()),
            error(1),
            error(START),
            error(s.whole()),
            format!("{:.0}", s.attempts()),
        ]
    });
    let mut blocks = vec![Block::Figure(map(found))];
    blocks.extend(numbers(found).map(Block::Figure));
    blocks.extend([
        Block::Table(Table {
            caption: format!(
                "All points: error in % on the samples to choose by, of one net, of {START} averaged, of all averaged"
            ),
            head: head(&["h", "α", "fit", "one", "first", "all", "attempts"]),
            rows: rows.collect(),
        }),
        Block::Table(Table {
            caption: "What the budget went to: floating-point operations so far".to_owned(),
            head: head(&["round", "nets", "spent"]),
            rows: rounds,
        }),
        Block::Paragraph(plain(&format!("Data: {}.", found.about))),
        Block::Listing { title: "The plan".to_owned(), text: found.plan.to_toml() },
        Block::Heading("Sources".to_owned()),
        Block::Bibliography(
            glasslab_nets::plane::CITATIONS.iter().map(|c| (c.text.to_owned(), c.locator.to_owned())).collect(),
        ),
    ]);
    Page {
        title: format!("Advice for {}", plain(&found.plan.data)),
        subtitle: plain(&format!(
            "glasslab advise: {} hidden layers, {}, {}, P = {}, gradient flow in f64",
            found.plan.depth, found.plan.activation, found.plan.loss, found.samples
        )),
        abstract_text: plain(&advice.join(" ")),
        blocks,
        footer: format!("Made by glasslab {}. This file needs no network.", env!("CARGO_PKG_VERSION")),
    }
}
