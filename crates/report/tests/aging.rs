//! The figures of the aging report say what the records say.

mod sample;

use glasslab_core::{Dataset, Record, Values};
use glasslab_report::{AgingReport, Figure, Guide, QuenchView, TimeUnit, Tone, Verdict};

/// Delta = D(t_w) t^2 with D(t_w) = 1/t_w, times 1 + r for replica r; steps of physical size 0.5.
fn exact() -> QuenchView {
    let (waiting, time) = (vec![0_i64, 1, 10, 100], vec![0_i64, 1, 2, 10, 11, 20, 100, 110, 200]);
    let noise = |w: i64, r: usize| (1.0 + r as f64) / w.max(1) as f64;
    let (mut msd, mut d) = (Vec::new(), Vec::new());
    for r in 0..2 {
        for &w in &waiting {
            d.push(noise(w, r));
            msd.extend(time.iter().map(|&t| if t < w { f64::NAN } else { noise(w, r) * ((t - w) as f64).powi(2) }));
        }
    }
    let physical = |v: &[i64]| v.iter().map(|&t| t as f64 * 0.5).collect::<Vec<f64>>();
    let variables = vec![
        Record::new("physical_time", "", "time", &[("time", time.len())], physical(&time)),
        Record::new("waiting_physical_time", "", "time", &[("waiting_time", 4)], physical(&waiting)),
        Record::new("msd", "", "1", &[("replica", 2), ("waiting_time", 4), ("time", time.len())], msd),
        Record::new("noise", "", "1", &[("replica", 2), ("waiting_time", 4)], d),
    ];
    let coordinates = vec![
        Record::coordinate("time", "", "steps", Values::I64(time)),
        Record::coordinate("waiting_time", "", "steps", Values::I64(waiting)),
    ];
    QuenchView {
        label: "exact_1".to_owned(),
        data: Dataset { coordinates, variables, ..Dataset::default() },
        unit: TimeUnit::Steps,
        energy: "energy".to_owned(),
        energy_title: "e".to_owned(),
        reference: None,
        landmarks: vec![],
        exact: None,
        relaxation: None,
        verdict: Verdict { of: "x".to_owned(), word: "aging".to_owned(), tone: Tone::Aging, reasons: vec![] },
        rows: vec![],
    }
}

fn figures(quench: QuenchView) -> Vec<Figure> {
    AgingReport { quenches: vec![quench], ..AgingReport::default() }.figures()
}

fn figure(quench: QuenchView, id: &str) -> Figure {
    figures(quench).into_iter().find(|f| f.id == id).unwrap()
}

#[test]
fn displacements_are_means_over_replicas_against_the_lag() {
    let panel = &figure(exact(), "displacement").panels[0];
    assert_eq!(panel.title, "exact\\_1", "a name that a user gave is shown as it is");
    assert_eq!(panel.curves.len(), 4);
    // t_w = 10: measured at 11, 20, 100, 110, 200; mean of the factors 1 and 2 is 1.5, two standard errors are 1.
    let curve = panel.curves.iter().find(|c| c.hint == "t_w = 10 steps").unwrap();
    let expected = [1.0, 10.0, 90.0, 100.0, 190.0].map(|t| (t, 0.15 * t * t));
    assert!(curve.points.iter().zip(&expected).all(|(a, b)| a.0 == b.0 && (a.1 / b.1 - 1.0).abs() < 1e-12));
    assert_eq!(curve.points.len(), 5);
    assert!((curve.errors[1] - 10.0).abs() < 1e-12, "{}", curve.errors[1]);
    // The waiting time 0 has no logarithm: dashed, last, with a name.
    assert!(panel.curves[3].dashed && panel.curves[3].label.is_some());
    let bar = panel.colors.as_ref().unwrap();
    assert_eq!((bar.low, bar.high), (1.0, 100.0));
}

#[test]
fn physical_time_rescales_lags_and_waiting_times() {
    let panel = &figure(QuenchView { unit: TimeUnit::Physical, ..exact() }, "displacement").panels[0];
    let curve = panel.curves.iter().find(|c| c.hint == "t_w = 5 physical time").unwrap();
    assert_eq!(curve.points[1].0, 5.0);
    assert!((curve.points[1].1 - 15.0).abs() < 1e-12);
}

#[test]
fn divided_by_the_noise_the_curves_collapse() {
    // Replica by replica Delta/D = t^2 exactly: no error is left.
    for curve in &figure(exact(), "noise-rescaled").panels[0].curves {
        assert!(curve.points.iter().all(|p| (p.1 / (p.0 * p.0) - 1.0).abs() < 1e-12));
        assert!(curve.errors.iter().zip(&curve.points).all(|(e, p)| *e < 1e-12 * p.1));
    }
}

#[test]
fn in_units_of_the_age_lags_are_divided_and_the_age_zero_is_left_out() {
    let panel = &figure(exact(), "age-rescaled").panels[0];
    assert_eq!(panel.curves.len(), 3);
    let curve = panel.curves.iter().find(|c| c.hint == "t_w = 100 steps").unwrap();
    assert_eq!(curve.points.iter().map(|p| p.0).collect::<Vec<_>>(), [0.1, 1.0]);
}

#[test]
fn what_was_not_measured_is_not_drawn() {
    let mut silent = exact();
    silent.data.variables.retain(|v| v.name != "noise");
    let ids = |q| figures(q).into_iter().map(|f| f.id).collect::<Vec<_>>();
    assert_eq!(ids(silent.clone()), ["displacement", "age-rescaled"]);
    // A record of another shape than its name promises is left out, not misread.
    silent.data.variables.iter_mut().for_each(|v| v.shape.reverse());
    assert!(ids(silent.clone()).is_empty());
    silent.data = Dataset::default();
    assert!(ids(silent).is_empty());
    let html = AgingReport { quenches: vec![exact()], ..AgingReport::default() }.page().html();
    assert_eq!(html.matches("<figure ").count(), 4);
}

#[test]
fn the_fit_passes_through_its_points() {
    let figure = sample::report().figures().into_iter().find(|f| f.id == "relaxation-times").unwrap();
    let curves = &figure.panels[0].curves;
    let (dots, line) = (&curves[0], &curves[1]);
    assert!(line.label.as_deref().unwrap().contains("0.83"));
    let (a, b) = (line.points[0], line.points[1]);
    assert!(((b.1 / a.1).ln() / (b.0 / a.0).ln() - 0.83).abs() < 1e-9);
    for p in dots.points.iter().filter(|p| p.0 >= a.0 && p.0 <= b.0) {
        let fit = a.1 * (p.0 / a.0).powf(0.83);
        assert!((p.1 / fit).ln().abs() < 0.25, "the sample wobbles by a tenth");
    }
    assert!(figure.panels[0].guides.iter().any(|g| matches!(g, Guide::Slope { slope, .. } if *slope == 1.0)));
}

#[test]
fn particles_show_their_scattering_and_their_inherent_structures() {
    assert!(figures(exact()).iter().all(|f| f.id != "scattering"), "no particles, no scattering");
    let mut quench = exact();
    let mut scattering = quench.data.get("msd").unwrap().clone();
    scattering.name = "self_scattering".to_owned();
    let Values::F64(values) = &mut scattering.values else { unreachable!() };
    values.iter_mut().for_each(|v| *v = (-*v).exp());
    let wait = [("replica", 2), ("waiting_time", 4)];
    let inherent = vec![f64::NAN, -1.0, -2.0, -3.0, f64::NAN, -3.0, -4.0, -5.0];
    quench.data.variables.extend([
        scattering,
        Record::new("inherent_energy", "", "energy", &wait, inherent),
        Record::new("loss_physical_time", "", "time", &[("loss_time", 2)], vec![0.5, 5.0]),
        Record::new("energy", "", "energy", &[("replica", 2), ("loss_time", 2)], vec![1.0; 4]),
    ]);
    quench.data.attributes.insert("wave_number".to_owned(), "7.25".to_owned());
    quench.unit = TimeUnit::Physical;
    let panel = &figure(quench.clone(), "scattering").panels[0];
    assert_eq!(panel.y.range, Some((0.0, 1.0)));
    assert!(panel.y.title.contains("7.25") && panel.curves.len() == 4, "{}", panel.y.title);
    // t_w = 10 steps, lag 1 step, noise 1/10 and 2/10: the mean of e^-0.1 and e^-0.2.
    let curve = panel.curves.iter().find(|c| c.hint.starts_with("t_w = 5 ")).unwrap();
    assert!((curve.points[0].1 - 0.5 * ((-0.1_f64).exp() + (-0.2_f64).exp())).abs() < 1e-12);
    quench.landmarks = vec![(0.6, "t_2".to_owned())];
    let late = &figure(quench.clone(), "slow").panels[0];
    assert!(late.curves.iter().all(|c| c.points == [(5.0, 1.0)]), "only what is later than t_2");
    let panel = &figure(quench, "energies").panels[0];
    let line = panel.curves.iter().find(|c| c.label.as_deref() == Some("inherent structures")).unwrap();
    assert_eq!(line.points, [(0.5, -2.0), (5.0, -3.0), (50.0, -4.0)]);
}

/// (replica, displacement, stability_time): one curve a displacement, means over the replicas; time in the quench's unit.
#[test]
fn stability_is_drawn_for_each_displacement() {
    assert!(figures(exact()).iter().all(|f| f.id != "stability"));
    let mut quench = exact();
    quench.data.coordinates.extend([
        Record::coordinate("displacement", "", "pixels", Values::F64(vec![0.5, 2.0])),
        Record::coordinate("stability_time", "", "steps", Values::I64(vec![0, 10, 100])),
    ]);
    let dims = [("replica", 2), ("displacement", 2), ("stability_time", 3)];
    let values = vec![1.0, 0.5, 0.1, 1.0, 0.9, 0.8, 3.0, 1.5, 0.3, 1.0, 0.7, 0.6];
    quench.data.variables.push(Record::new("stability", "", "1", &dims, values));
    quench.unit = TimeUnit::Steps;
    let panel = &figure(quench, "stability").panels[0];
    let close = |c: &glasslab_report::Curve, want: [f64; 3]| {
        let found: Vec<(f64, f64)> = c.points.clone();
        assert!(found.iter().zip([0.0, 10.0, 100.0]).all(|(p, t)| p.0 == t), "{found:?}");
        assert!(found.iter().zip(want).all(|(p, w)| (p.1 - w).abs() < 1e-12), "{found:?}");
    };
    assert_eq!(panel.curves.len(), 2);
    close(&panel.curves[0], [2.0, 1.0, 0.2]);
    close(&panel.curves[1], [1.0, 0.8, 0.7]);
    assert!(panel.curves[1].label.as_deref().unwrap().contains('2'));
}

#[test]
fn at_most_fourteen_positive_waiting_times_are_drawn_and_both_ends_are() {
    let report = sample::report();
    let figures = report.figures();
    let panel = &figures.iter().find(|f| f.id == "displacement").unwrap().panels[0];
    assert!(panel.curves.len() <= 15 && panel.curves.len() >= 10, "{}", panel.curves.len());
    let bar = panel.colors.as_ref().unwrap();
    assert_eq!((bar.low, bar.high), (1.0, 50_000.0));
}

#[test]
fn panels_with_the_same_axis_share_its_range() {
    let figures = sample::report().figures();
    let panels = &figures.iter().find(|f| f.id == "energies").unwrap().panels;
    assert_eq!(panels[0].y.range, panels[1].y.range);
    assert_ne!(panels[0].y.range, panels[2].y.range);
}
