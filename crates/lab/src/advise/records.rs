//! The map and the choice as labelled arrays.

use super::Found;
use super::plan::START;
use super::search::Spot;
use glasslab_core::{Dataset, Record, Values};

/// Records of the points, and of the error against the number of nets at the chosen one.
pub(super) fn dataset(found: &Found) -> Dataset {
    let spots = found.spots;
    let all = |name: &str, about: &str, of: &dyn Fn(&Spot) -> f64| {
        Record::new(name, about, "1", &[("point", spots.len())], spots.iter().map(of).collect())
    };
    let judged = |s: &Spot, n: usize, of: fn(super::judge::Judged) -> f64| s.judge(found.y, n).map_or(f64::NAN, of);
    let mut out = Dataset::default();
    let numbers = Values::I64((0..spots.len() as i64).collect());
    out.coordinates.push(Record::coordinate("point", "number of the point, in the order of training", "1", numbers));
    out.variables = vec![
        all("width", "width h of the hidden layers", &|s| s.width as f64),
        all("alpha", "scale of the predictor alpha (f - f0), f = (1/h) w . z: sqrt(h) times the papers'", &|s| s.alpha),
        all("weights", "number N of weights of a net", &|s| s.weights as f64),
        all("nets", "nets trained", &|s| s.nets.len() as f64),
        all("fitted", "nets that meet all margins", &|s| s.fitted() as f64),
        all("attempts", "attempts of the flow, mean over nets", &Spot::attempts),
        all("error_single", "error of one net on the samples to choose by, mean", &|s| judged(s, 1, |j| j.error)),
        all("error_start", "error of the average of the first number of nets (attribute start)", &|s| {
            judged(s, START, |j| j.error)
        }),
        all("error_start_error", "jackknife standard error of error_start over nets", &|s| {
            judged(s, START, |j| j.over_nets)
        }),
        all("error_all", "error of the average of all nets of the point", &|s| judged(s, s.whole(), |j| j.error)),
        all("kernel_change", "|Theta - Theta_0|/|Theta_0|, geometric mean over nets", &|s| {
            let logs: Vec<f64> = s.nets.iter().map(|n| n.run.kernel_change.ln()).collect();
            (logs.iter().sum::<f64>() / logs.len() as f64).exp()
        }),
    ];
    if let Some(choice) = found.choice {
        let spot = &found.spots[choice.spot];
        let counts: Vec<usize> = (1..=spot.whole()).collect();
        let values = counts.iter().map(|&n| spot.judge(found.y, n).map_or(f64::NAN, |j| j.error)).collect();
        let numbers = Values::I64(counts.iter().map(|&n| n as i64).collect());
        out.coordinates.push(Record::coordinate("averaged", "nets averaged", "1", numbers));
        let about = "error of the average of so many nets at the chosen point, on the samples to choose by";
        out.variables.push(Record::new("error_of_averages", about, "1", &[("averaged", counts.len())], values));
        out.attributes.insert("chosen_point".to_owned(), choice.spot.to_string());
    }
    out.attributes.insert("start".to_owned(), START.to_string());
    out.attributes.insert("data".to_owned(), found.about.to_owned());
    out
}
