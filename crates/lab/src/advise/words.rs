//! The advice in words, and the map for a terminal.

use super::Found;
use super::judge::Verdict;
use super::plan::START;
use crate::summary::short;

fn percent([value, error]: [f64; 2]) -> String {
    format!("{:.2} ± {:.2} %", 100.0 * value, 200.0 * error)
}

fn interval([low, high]: [f64; 2]) -> String {
    format!("{:.2} % to {:.2} %", 100.0 * low, 100.0 * high)
}

fn nets(n: usize) -> String {
    if n == 1 { "one net".to_owned() } else { format!("{n} nets") }
}

/// A time for people.
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1.5 => "a second".to_owned(),
        s if s < 100.0 => format!("{s:.0} seconds"),
        s if s < 6000.0 => format!("{:.0} minutes", s / 60.0),
        s => format!("{:.1} hours", s / 3600.0),
    }
}

/// Sentence by sentence; every interval is two standard errors.
pub(super) fn advice(found: &Found) -> Vec<String> {
    let mut out = Vec::new();
    let (Some(choice), Some(quote)) = (found.choice, found.quote) else {
        return vec![
            "Not resolved: no net came to an end that could be judged. Give other data or a larger budget.".to_owned(),
        ];
    };
    let spot = &found.spots[choice.spot];
    let average =
        if choice.nets > 1 { format!("average the outputs of {}", nets(choice.nets)) } else { "one net".to_owned() };
    out.push(format!(
        "Recommended: width h = {}, alpha = {} (sqrt(h) alpha of the papers), {average} ({} weights in all), for P = {} training samples.",
        spot.width,
        short(spot.alpha),
        spot.weights * choice.nets,
        found.samples
    ));
    out.push(format!(
        "Expected test error: {} (two standard errors, samples and nets), of {} fresh nets on {} samples that had no part in the choice. \
         One of these nets alone has {:.2} %; always guessing the larger class has {:.2} %.",
        percent(quote.error),
        quote.nets,
        quote.samples,
        100.0 * quote.single_error,
        100.0 * found.guess
    ));
    if quote.error[0] + 2.0 * quote.error[1] > found.guess {
        out.push("Not resolved: that is not clearly better than guessing the larger class.".to_owned());
    }
    out.push(format!(
        "Training them takes {:.1e} floating-point operations ({:.0} attempts of gradient flow a net); the choice took {:.1e} of a budget of {:.1e}.",
        quote.work, quote.attempts, found.spent, found.plan.budget
    ));
    if choice.equal.len() > 1 {
        let spots = || choice.equal.iter().map(|&k| &found.spots[k]);
        let widths = spots().map(|s| s.width);
        let alphas = spots().map(|s| s.alpha);
        let least = &found.spots[choice.cheapest];
        let ratio = spot.attempts() * spot.weights as f64 / (least.attempts() * least.weights as f64);
        let cheaper = if ratio > 1.5 {
            format!(
                "; the cheapest, h = {} and alpha = {}, takes about {ratio:.1} times less work",
                least.width,
                short(least.alpha)
            )
        } else {
            String::new()
        };
        out.push(format!(
            "Its error was the smallest, but {} of {} points cannot be told from it with {} nets each (two standard errors; h from {} to {}, \
             alpha from {} to {}): which of them is best is not resolved{}.",
            choice.equal.len(),
            found.spots.len(),
            choice.compared,
            widths.clone().min().unwrap_or(0),
            widths.max().unwrap_or(0),
            short(alphas.clone().fold(f64::INFINITY, f64::min)),
            short(alphas.fold(0.0, f64::max)),
            cheaper
        ));
    }
    out.push(regime(found));
    if found.cut {
        out.push(
            "The budget left out points or nets that were wanted: a larger one may find something better.".to_owned(),
        );
    }
    if let Some(test) = found.test {
        out.push(format!(
            "Back-test: {}, trained afresh, have {} on {} held-out samples. The prediction for them was {}: {}.",
            nets(choice.nets),
            percent(test.error),
            test.samples,
            interval(test.interval),
            if test.covered { "it holds" } else { "it does NOT hold" }
        ));
        match &test.single {
            None => out.push("One net is recommended, so there is no single net to compare it with.".to_owned()),
            Some(single) => {
                let about = format!(
                    "the best single net of as many weights (h = {}, {} weights, alpha = {}, chosen by its own error; mean of {} nets: {})",
                    single.width,
                    single.weights,
                    short(single.alpha),
                    single.nets,
                    percent(single.error)
                );
                out.push(match single.verdict {
                    Verdict::Better => format!("They are better than {about}, by {}.", percent(single.gain)),
                    Verdict::Worse => {
                        format!(
                            "They are WORSE than {about}, by {}: train that one.",
                            percent([-single.gain[0], single.gain[1]])
                        )
                    }
                    Verdict::NotResolved => {
                        format!(
                            "Not resolved: they cannot be told from {about}; its error less theirs is {}.",
                            percent(single.gain)
                        )
                    }
                });
            }
        }
    }
    out
}

/// Where in the plane the recommendation lies.
fn regime(found: &Found) -> String {
    let (Some(_), Some(quote)) = (found.choice, found.quote) else { return String::new() };
    let fit = match (quote.fitted, quote.nets) {
        (0, _) => {
            "None of them meets all margins (N_Delta > 0): they are jammed or out of their attempts, narrower than h*"
                .to_owned()
        }
        (f, n) if f == n => "All of them meet all margins (N_Delta = 0): beyond the jamming line".to_owned(),
        (f, n) => format!("{f} of {n} meet all margins (N_Delta = 0): at the jamming line"),
    };
    let [log, error] = quote.log_kernel_change;
    let kernel = if log - 2.0 * error > 0.0 {
        format!("the tangent kernel changes by {} of itself: feature learning", short(log.exp()))
    } else if log + 2.0 * error < 0.1_f64.ln() {
        format!("the tangent kernel changes by {} of itself: the lazy regime", short(log.exp()))
    } else if log.is_finite() && error.is_finite() {
        format!(
            "the tangent kernel changes by {} of itself: between feature learning and the lazy regime",
            short(log.exp())
        )
    } else {
        "whether they learn features is not resolved".to_owned()
    };
    format!("{fit}; {kernel}.")
}

/// The map: error of the averages of the first nets.
pub(super) fn table(found: &Found) -> String {
    let mut widths: Vec<usize> = found.spots.iter().map(|s| s.width).collect();
    let mut alphas: Vec<f64> = found.spots.iter().map(|s| s.alpha).collect();
    widths.sort_unstable();
    widths.dedup();
    alphas.sort_by(f64::total_cmp);
    alphas.dedup();
    let mut out = format!(
        "  error of {START} averaged nets on the samples to choose by, %; * where no net fits; > recommended\n  {:>10}",
        "h \\ alpha"
    );
    for alpha in &alphas {
        out += &format!("{:>10}", short(*alpha));
    }
    for width in widths {
        out += &format!("\n  {width:>10}");
        for &alpha in &alphas {
            let at = found.spots.iter().position(|s| s.width == width && s.alpha == alpha);
            let cell = at.map_or(String::new(), |k| {
                let spot = &found.spots[k];
                let mark = if found.choice.is_some_and(|c| c.spot == k) { ">" } else { "" };
                let error = spot.judge(found.y, START).map_or("-".to_owned(), |j| format!("{:.2}", 100.0 * j.error));
                format!("{mark}{error}{}", if spot.fitted() == 0 { "*" } else { " " })
            });
            out += &format!("{cell:>10}");
        }
    }
    out + "\n"
}
