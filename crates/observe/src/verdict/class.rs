//! From exponents and energies to the class, and the sentences that say why.

use super::descent::Descent;
use super::relaxation::{Ensemble, LocalExponent, Motion, STILL};
use super::resample::{Estimate, Resamples};
use super::{Class, Evidence, Verdict};
use glasslab_core::{Fault, Streams};

/// Greatest and least span of a decade of waiting times.
const DECADE: (f64, f64) = (12.5, 7.0);
/// Greatest and least span of the tail of the waiting times.
const TAIL: (f64, f64) = (5.0, 2.2);
/// Noise that varies by less than this factor over the waiting times is constant: no rescaling.
const VARIES: f64 = 1.25;
/// A saturated displacement on a bounded space below this part of the uncorrelated value is a plateau.
const UNCORRELATED: f64 = 0.9;

/// Judges the evidence. The definitions are in CONVENTIONS.md, "The verdict"; resampling uses the stream "bootstrap".
/// Cost: O(400 R times waiting times). Checked by `tests/verdict.rs` on exactly solved systems.
pub fn judge(evidence: &Evidence, streams: Streams) -> Result<Verdict, Fault> {
    let curves = &evidence.curves;
    let replicas = curves.replicas();
    if let Some(noise) = &evidence.noise {
        Fault::check_len("the noise of every replica and waiting time", replicas * curves.waiting.len(), noise.len())?;
    }
    if let Some(e) = &evidence.energy {
        Fault::check_len("the energies of every replica", replicas * e.time.len(), e.values.len())?;
    }
    let alive = curves.alive();
    let mut verdict = Verdict {
        class: Class::NotResolved,
        why: Vec::new(),
        unit: curves.unit.clone(),
        replicas: alive.len(),
        diverged: replicas - alive.len(),
        rescaled: false,
        t_1: None,
        t_2: None,
        level: None,
        tau: Vec::new(),
        mu: None,
        mu_last: None,
        mu_raw: None,
        mu_overall: None,
        mu_before: Vec::new(),
        gamma: None,
    };
    if verdict.diverged > 0 {
        verdict.why.push(format!("{} of {replicas} replicas diverged and were left out.", verdict.diverged));
    }
    if 2 * verdict.diverged > replicas || alive.len() < 2 {
        let why =
            if alive.len() < 2 { "Fewer than 2 replicas are left: no error bars." } else { "Most replicas diverged." };
        verdict.why.push(why.to_owned());
        return Ok(verdict);
    }
    let resamples = Resamples::new(streams, alive.len());
    let descent = match &evidence.energy {
        Some(e) => e.descent(&alive, &resamples),
        None => Descent { falls: false, t_1: None, t_2: None },
    };
    (verdict.t_1, verdict.t_2) = (descent.t_1, descent.t_2);
    say_descent(&mut verdict, evidence, &descent);

    let start = descent.t_1.map_or(0.0, |t| t.value);
    let raw = Ensemble::new(curves, None, &alive, &resamples);
    let usable = raw.usable(start);
    let noise = match rescaling(evidence, &alive, &usable) {
        Rescaling::By(noise) => {
            verdict.rescaled = true;
            verdict.why.push("Displacements are divided by the noise D(t_w), which varies.".to_owned());
            Some(noise)
        }
        Rescaling::Vanishes => {
            verdict
                .why
                .push("The noise vanishes at some waiting times: displacements are not divided by it.".to_owned());
            None
        }
        Rescaling::None => None,
    };
    let ensemble = Ensemble::new(curves, noise, &alive, &resamples);
    if verdict.rescaled {
        let end = usable.last().map_or(0.0, |&w| curves.waiting[w]);
        verdict.mu_raw = raw.window(&usable, end, DECADE.0, DECADE.1).and_then(|w| raw.exponent(&w));
    }
    verdict.class = classify(&mut verdict, &ensemble, &usable, evidence, &descent);
    Ok(verdict)
}

/// What to do with the noise.
enum Rescaling<'a> {
    /// It varies over the waiting times that are judged: divide by it.
    By(&'a [f64]),
    /// It varies, but is zero or unknown somewhere.
    Vanishes,
    /// There is none, or it is constant.
    None,
}

fn rescaling<'a>(evidence: &'a Evidence, alive: &[usize], usable: &[usize]) -> Rescaling<'a> {
    let Some(noise) = evidence.noise.as_deref() else { return Rescaling::None };
    let waits = evidence.curves.waiting.len();
    let sum = |&w: &usize| alive.iter().map(|r| noise[r * waits + w]).sum::<f64>();
    let all: Vec<f64> = usable.iter().map(sum).collect();
    let (least, most) = all.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), &m| (a.min(m), b.max(m)));
    if all.iter().any(|d| !(d.is_finite() && *d > 0.0)) {
        return Rescaling::Vanishes;
    }
    if most > VARIES * least { Rescaling::By(noise) } else { Rescaling::None }
}

fn classify(
    verdict: &mut Verdict,
    ensemble: &Ensemble<'_>,
    usable: &[usize],
    evidence: &Evidence,
    descent: &Descent,
) -> Class {
    let waiting = &evidence.curves.waiting;
    let Some(&last) = usable.last() else {
        verdict.why.push("No waiting time is followed for as long as its own age: run longer.".to_owned());
        return Class::NotResolved;
    };
    let decade = |end: f64| ensemble.window(usable, end, DECADE.0, DECADE.1);
    let Some(window) = decade(waiting[last]) else {
        let first = usable.first().map_or(0.0, |&w| waiting[w]);
        verdict.why.push(format!(
            "Waiting times that are followed for their own age span {} to {} {}: less than a decade, or fewer than 3; run \
             longer or take more waiting times.",
            show(first),
            show(waiting[last]),
            verdict.unit
        ));
        return Class::NotResolved;
    };
    verdict.mu = ensemble.exponent(&window);
    let half = ensemble.window(usable, waiting[last], TAIL.0, TAIL.1);
    verdict.mu_last = half.and_then(|w| ensemble.exponent(&w));
    verdict.mu_overall = ensemble.exponent(usable);
    let mut end = waiting[last] / 3.1;
    while let Some(window) = decade(end) {
        verdict.mu_before.extend(ensemble.exponent(&window));
        end = waiting[*window.last().unwrap_or(&0)] / 3.1;
    }
    verdict.gamma = ensemble.gamma(&window);
    let Some(mu) = verdict.mu else {
        verdict.why.push(
            "No level of displacement is reached by every waiting time of the last decade, clear of the noise between replicas \
             and after its first lag: the system is at rest, too noisy, or faster than the lags."
                .to_owned(),
        );
        return Class::NotResolved;
    };
    verdict.level = Some(mu.level);
    verdict.tau = ensemble.relaxations(usable, mu.level);
    verdict.why.push(format!(
        "In the last decade of waiting times, {} to {} {}, the relaxation time follows t_w^mu with mu = {}.",
        show(mu.from),
        show(mu.to),
        verdict.unit,
        interval(&mu.mu)
    ));
    if let Some(raw) = verdict.mu_raw {
        verdict.why.push(format!("Without the division by the noise mu = {}.", interval(&raw.mu)));
    }
    let tail = verdict.mu_last.map(|m| (m, m.motion()));
    match mu.motion() {
        Motion::Unclear => {
            verdict
                .why
                .push("This interval does not tell growth from standstill: more replicas or a longer run.".to_owned());
            Class::NotResolved
        }
        Motion::Shrinks => {
            verdict.why.push("The relaxation time shrinks with age: none of the classes.".to_owned());
            Class::NotResolved
        }
        Motion::Grows => match tail {
            Some((m, Motion::Still | Motion::Shrinks)) => {
                verdict.why.push(format!(
                    "But from t_w = {} on it stands still, mu = {}.",
                    show(m.from),
                    interval(&m.mu)
                ));
                stationary(verdict, ensemble, &window, evidence, descent, true)
            }
            Some((m, Motion::Unclear)) if m.mu.value < STILL => {
                verdict.why.push(format!(
                    "But from t_w = {} on mu = {}: whether growth has stopped is open; run longer.",
                    show(m.from),
                    interval(&m.mu)
                ));
                Class::NotResolved
            }
            _ => {
                verdict
                    .why
                    .push("The older the system, the longer it takes to move: it ages through the window.".to_owned());
                Class::Aging
            }
        },
        Motion::Still => {
            if let Some((m, Motion::Grows)) = tail {
                verdict.why.push(format!(
                    "But from t_w = {} on it grows, mu = {}: the window is too short.",
                    show(m.from),
                    interval(&m.mu)
                ));
                return Class::NotResolved;
            }
            let grew = grew(&verdict.mu_before);
            if let Some(before) = grew {
                verdict.why.push(format!(
                    "Earlier, from t_w = {} to {}, it grew: mu = {}.",
                    show(before.from),
                    show(before.to),
                    interval(&before.mu)
                ));
            }
            stationary(verdict, ensemble, &window, evidence, descent, grew.is_some())
        }
    }
}

/// The latest earlier window in which the relaxation time surely grew, by a factor of 2 at least.
fn grew(before: &[LocalExponent]) -> Option<LocalExponent> {
    let doubled = |e: &&LocalExponent| (e.to / e.from).powf(e.mu.value) >= 2.0;
    before.iter().filter(|e| e.motion() == Motion::Grows).find(doubled).copied()
}

/// The classes of a system whose relaxation time stands still.
fn stationary(
    verdict: &mut Verdict,
    ensemble: &Ensemble<'_>,
    window: &[usize],
    evidence: &Evidence,
    descent: &Descent,
    grew: bool,
) -> Class {
    let last = evidence.curves.last();
    let rests = !descent.falls || descent.t_2.is_some_and(|t| t.value <= last / 2.0);
    if !rests {
        verdict.why.push("But the energy is still falling: stationarity cannot be claimed; run longer.".to_owned());
        return Class::NotResolved;
    }
    let Some(gamma) = verdict.gamma else {
        verdict.why.push("The exponent of the displacement could not be fitted: too few lags.".to_owned());
        return Class::NotResolved;
    };
    verdict.why.push(format!(
        "At lags comparable with the age the displacement grows like t^gamma, gamma = {}.",
        interval(&gamma)
    ));
    if gamma.low > 0.5 && (grew || gamma.high < 1.5) {
        if let Some(bound) = evidence.bound {
            verdict.why.push(format!(
                "The space is bounded (displacement {} between uncorrelated points): this diffusion has not crossed it, so what \
                 follows is open; run longer.",
                show(bound)
            ));
            return Class::NotResolved;
        }
        if !grew {
            verdict.why.push("The displacement depends on the lag alone, and grows like it: diffusion.".to_owned());
            return Class::Diffusion;
        }
        let measure = if verdict.rescaled { ", measured against its noise" } else { "" };
        verdict
            .why
            .push(format!("Aging was interrupted: the system now moves on at one pace whatever its age{measure}."));
        if gamma.low > 1.2 {
            verdict.why.push("It moves faster than free diffusion: part of the motion is directed.".to_owned());
        }
        return Class::InterruptedAging;
    }
    if gamma.high < 0.3 {
        let reached = ensemble.farthest(window);
        if let Some(bound) = evidence.bound
            && reached < UNCORRELATED * bound
        {
            verdict.why.push(format!(
                "The displacement saturates at {}, below {} of uncorrelated points: equilibrium inside one state and the plateau of \
                 a glass look the same here; run longer.",
                show(reached),
                show(bound)
            ));
            return Class::NotResolved;
        }
        let aged = if grew { "It aged first; now the" } else { "The" };
        verdict.why.push(format!("{aged} displacement depends on the lag alone and saturates: equilibrium."));
        return Class::Equilibrium;
    }
    verdict.why.push(match gamma.low {
        g if g > 1.3 => "Stationary, but faster than diffusion: directed motion, none of the classes.".to_owned(),
        _ => "Stationary, but neither diffusing (gamma near 1) nor saturated (gamma near 0) within the window."
            .to_owned(),
    });
    Class::NotResolved
}

fn say_descent(verdict: &mut Verdict, evidence: &Evidence, descent: &Descent) {
    let unit = verdict.unit.clone();
    let mut say = |s: String| verdict.why.push(s);
    if evidence.energy.is_none() {
        return;
    }
    if !descent.falls {
        say("The energy does not fall by more than its error.".to_owned());
        return;
    }
    match descent.t_1 {
        Some(t) => say(format!("Exploration ends at t_1 = {} {unit}.", interval(&t))),
        None => say("No phase of exploration is resolved: the energy falls from the first steps on.".to_owned()),
    }
    match descent.t_2 {
        Some(t) => say(format!("Descent ends at t_2 = {} {unit}.", interval(&t))),
        None => say("No end of descent is resolved: the energy still falls at the end.".to_owned()),
    }
}

/// `0.98 (95 % CI 0.93 to 1.03)`.
fn interval(e: &Estimate) -> String {
    format!("{} (95 % CI {} to {})", show(e.value), show(e.low), show(e.high))
}

/// Three significant digits, plain between 0.001 and 10^6.
fn show(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return format!("{x}");
    }
    let digits = 2 - x.abs().log10().floor() as i32;
    match x.abs() {
        a if !(1e-3..1e6).contains(&a) => format!("{x:.2e}"),
        _ => format!("{x:.*}", digits.max(0) as usize),
    }
}
