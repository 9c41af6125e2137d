//! What the bench programs print, one JSON object a line, and the table of ratios and targets made of it.

use serde_json::Value;

/// One measured case.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    case: String,
    precision: String,
    threads: u64,
    seconds: f64,
    /// How the peer did it, if it has several ways.
    method: String,
    /// Bytes moved or flops done in that time, if given.
    work: Option<(f64, &'static str)>,
    /// The least possible time by the measured peak of the machine, if given.
    floor: Option<f64>,
}

impl Measured {
    /// The cases in a program's output; other lines are passed over.
    pub fn read(output: &str) -> Vec<Self> {
        output.lines().filter_map(Self::line).collect()
    }

    fn line(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line.trim()).ok()?;
        let number = |key: &str| value.get(key).and_then(Value::as_f64);
        let seconds = number("seconds_per_step").or(number("seconds"))?;
        let work = number("flops").map(|f| (f, "flop/s")).or(number("bytes").map(|b| (b, "B/s")));
        Some(Self {
            case: value["case"].as_str()?.to_owned(),
            precision: value["precision"].as_str().unwrap_or("").to_owned(),
            threads: value["threads"].as_u64().unwrap_or(1),
            seconds,
            method: value["method"].as_str().unwrap_or("").to_owned(),
            work,
            floor: number("floor"),
        })
    }

    fn same(&self, other: &Self) -> bool {
        (&self.case, &self.precision, self.threads) == (&other.case, &other.precision, other.threads)
    }

    /// The best of each case, in the order in which they came.
    pub fn best(all: Vec<Self>) -> Vec<Self> {
        let mut out: Vec<Self> = Vec::new();
        for one in all {
            match out.iter_mut().find(|m| m.same(&one)) {
                Some(held) if one.seconds < held.seconds => *held = one,
                Some(_) => {}
                None => out.push(one),
            }
        }
        out
    }

    /// Work per second if work is given, else cases per second.
    fn speed(&self) -> f64 {
        self.work.map_or(1.0, |w| w.0) / self.seconds
    }
}

/// Where the number that a case is compared with comes from.
#[derive(Clone, Copy)]
enum Against {
    /// The peer's case of the same name: ratio of times.
    Peer,
    /// Our own case whose name is this one's with these pieces exchanged: ratio of work per second, times the factor.
    Own(&'static [(&'static str, &'static str)], f64),
}

/// A target: cases whose names hold all these words must reach `ratio`.
struct Target {
    words: &'static [&'static str],
    against: Against,
    ratio: f64,
}

/// The first that fits counts. Two-time measurements have a target where the references do not fit into caches. Replicas of the 3-spin count by replica-passes: one replica takes one pass over the
/// couplings, so eight in one pass are compared with eight passes.
const TARGETS: &[Target] = &[
    Target { words: &["replicas-64-of-10-10-", "f64"], against: Against::Peer, ratio: 6.0 },
    Target { words: &["replicas-64-of-10-30-", "f64"], against: Against::Peer, ratio: 6.0 },
    Target { words: &["replicas-64-of-10-100-", "f64"], against: Against::Peer, ratio: 2.5 },
    Target { words: &["replicas-64-of-10-100-", "f32"], against: Against::Peer, ratio: 2.0 },
    Target { words: &["hessian-vec/"], against: Against::Peer, ratio: 2.0 },
    Target {
        words: &["hessian-vec-alone/"],
        against: Against::Own(&[("hessian-vec-alone/", "gradient/")], 1.0),
        ratio: 1.0 / 3.2,
    },
    Target {
        words: &["hessian-vec-shared/"],
        against: Against::Own(&[("hessian-vec-shared/", "gradient/")], 1.0),
        ratio: 1.0 / 2.2,
    },
    Target { words: &["tangent-kernel/"], against: Against::Peer, ratio: 5.0 },
    Target { words: &["replicas-64-of-"], against: Against::Peer, ratio: 4.0 },
    Target { words: &["plane-point h="], against: Against::Peer, ratio: 8.0 },
    Target { words: &["784-"], against: Against::Peer, ratio: 1.5 },
    Target {
        words: &["two-time/", "e6,", "/measure"],
        against: Against::Own(&[("/measure", "/copy")], 1.0),
        ratio: 0.5,
    },
    Target { words: &["series/", "/pairs"], against: Against::Peer, ratio: 3.0 },
    Target { words: &["recorder/", "/looks"], against: Against::Own(&[("/looks", "/training")], 1.0), ratio: 50.0 },
    Target { words: &["pspin3 ", " replicas=16"], against: Against::Own(&[("=16", "=1")], 16.0), ratio: 3.0 },
    Target { words: &["pspin3 ", " replicas=8"], against: Against::Own(&[("=8", "=1")], 8.0), ratio: 2.0 },
    Target {
        words: &["pspin3 ", " replicas=1"],
        against: Against::Own(&[("pspin3 ", "copy "), (" replicas=1", "")], 1.0),
        ratio: 0.7,
    },
];

/// Cases whose names hold all these words must reach this part of the floor's speed too.
const FLOORS: &[(&[&str], f64)] = &[(&["replicas-64-of-10-100-"], 0.5)];

/// Seconds with a unit that suits them.
fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-6 => format!("{:.1} ns", s * 1e9),
        s if s < 1e-3 => format!("{:.1} us", s * 1e6),
        s if s < 1.0 => format!("{:.2} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

fn rate((work, unit): (f64, &str), seconds: f64) -> String {
    format!("{:.1} G{unit}", work / seconds * 1e-9)
}

fn row(ours: &Measured, all: &[Measured], theirs: &[Measured]) -> Vec<String> {
    let target = TARGETS.iter().find(|t| t.words.iter().all(|w| ours.case.contains(w)));
    let peer = |m: &Measured| theirs.iter().find(|t| t.same(m)).map(|t| (t.clone(), t.seconds / m.seconds));
    let compared = match target.map(|t| t.against) {
        Some(Against::Own(pieces, factor)) => {
            let name = pieces.iter().fold(ours.case.clone(), |name, (from, to)| name.replace(from, to));
            let own =
                all.iter().find(|m| m.case == name && (&m.precision, m.threads) == (&ours.precision, ours.threads));
            own.map(|m| (m.clone(), factor * ours.speed() / m.speed()))
        }
        _ => peer(ours),
    };
    let none = || "-".to_owned();
    let part = FLOORS.iter().find(|(words, _)| words.iter().all(|w| ours.case.contains(w))).map(|f| f.1);
    let near = part.is_none_or(|part| ours.floor.is_some_and(|floor| floor >= part * ours.seconds));
    let met = match (target, &compared) {
        (Some(t), Some((_, ratio))) if *ratio >= t.ratio && near => "yes".to_owned(),
        (Some(_), Some(_)) => "NO".to_owned(),
        (Some(_), None) => "?".to_owned(),
        (None, _) => none(),
    };
    vec![
        ours.case.clone(),
        if ours.precision.is_empty() { none() } else { ours.precision.clone() },
        ours.threads.to_string(),
        time(ours.seconds),
        ours.work.map_or_else(none, |w| rate(w, ours.seconds)),
        ours.floor.map_or_else(none, |f| format!("{} ({:.0} %)", time(f), 100.0 * f / ours.seconds)),
        compared.as_ref().map_or_else(none, |(m, _)| match m.method.as_str() {
            "" => time(m.seconds),
            method => format!("{} ({method})", time(m.seconds)),
        }),
        compared.as_ref().map_or_else(none, |(_, ratio)| format!("{ratio:.2}")),
        target.map_or_else(none, |t| match part {
            Some(part) => format!("{:.1}, floor {:.0} %", t.ratio, 100.0 * part),
            None => format!("{:.1}", t.ratio),
        }),
        met,
    ]
}

/// The table, one line a case: times are best of all rounds; ratio: how many times as fast as the peer (or, for a
/// bandwidth, which part of a plain copy); floor: the least time that the measured peak allows, and how near we are.
pub fn table(ours: &[Measured], theirs: &[Measured]) -> String {
    let head = ["case", "precision", "threads", "ours", "rate", "floor", "peer", "ratio", "target", "met"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(ours.iter().map(|m| row(m, ours, theirs)));
    let alone = theirs.iter().filter(|t| !ours.iter().any(|m| m.same(t)));
    let width = |i: usize| rows.iter().map(|r| r[i].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |r: &Vec<String>| {
        let cells = r.iter().zip(&widths).enumerate().map(|(i, (cell, &w))| match i {
            0 | 1 => format!("{cell:<w$}"),
            _ => format!("{cell:>w$}"),
        });
        format!("{}\n", cells.collect::<Vec<_>>().join("  "))
    };
    let mut out: String = rows.iter().map(line).collect();
    for t in alone {
        out.push_str(&format!("the peer's `{}` {} threads={} has no case of ours\n", t.case, t.precision, t.threads));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<Measured> {
        Measured::best(Measured::read(text))
    }

    #[test]
    fn best_of_rounds_beside_the_peer() {
        let ours = lines(
            r#"warming up
{"case":"fc-784-100-100-100-10","precision":"f32","threads":2,"seconds_per_step":2e-4,"flops":1e8}
{"case":"fc-784-100-100-100-10","precision":"f32","threads":2,"seconds_per_step":1e-4,"flops":1e8}
{"case":"fc-784-100-100-100-10","precision":"f32","threads":2,"seconds_per_step":3e-4,"flops":1e8}"#,
        );
        assert_eq!((ours.len(), ours[0].seconds), (1, 1e-4));
        let peer = |seconds: &str| {
            lines(&format!(
                r#"{{"case":"fc-784-100-100-100-10","precision":"f32","threads":2,"seconds_per_step":{seconds}}}"#
            ))
        };
        let cells = |theirs: &[Measured]| row(&ours[0], &ours, theirs)[4..].to_vec();
        assert_eq!(cells(&peer("1.6e-4")), ["1000.0 Gflop/s", "-", "160.0 us", "1.60", "1.5", "yes"]);
        assert_eq!(cells(&peer("1.4e-4"))[3..], ["1.40", "1.5", "NO"]);
        assert_eq!(cells(&[])[2..], ["-", "-", "1.5", "?"]);
    }

    /// The ratio alone is not enough where a part of the floor's speed is asked for; the peer's best way is named.
    #[test]
    fn wide_replicas_must_come_near_the_floor() {
        let case = |more: &str| format!(r#"{{"case":"replicas-64-of-10-100-100-1 f64","threads":2,{more}}}"#);
        let peer = lines(&case(r#""seconds":8.0,"method":"jax""#));
        for (floor, met) in [("1.1", "yes"), ("0.9", "NO")] {
            let ours = lines(&case(&format!(r#""seconds":2.0,"floor":{floor}"#)));
            let cells = row(&ours[0], &ours, &peer)[6..].to_vec();
            assert_eq!(cells, ["8.00 s (jax)", "4.00", "2.5, floor 50 %", met]);
        }
    }

    #[test]
    fn measurement_is_compared_with_a_copy_of_the_same_threads() {
        let ours = lines(
            r#"{"case":"two-time/f32/N=2e6,K=1/measure","threads":1,"seconds":3.0,"bytes":100}
{"case":"two-time/f32/N=2e6,K=1/copy","threads":1,"seconds":2.0,"bytes":100}
{"case":"two-time/f32/N=2e6,K=1/copy","threads":2,"seconds":1.0,"bytes":100}"#,
        );
        assert_eq!(row(&ours[0], &ours, &[])[6..], ["2.00 s", "0.67", "0.5", "yes"]);
        assert_eq!(row(&ours[1], &ours, &[])[6..], ["-", "-", "-", "-"]);
        assert_eq!(table(&ours, &ours).lines().count(), 4);
        assert!(table(&ours[..1], &ours).contains("has no case of ours"));
    }

    #[test]
    fn replicas_of_a_glass_are_compared_with_as_many_passes() {
        let case = |name: &str, seconds: f64, bytes: u64| {
            format!(r#"{{"case":"{name}","threads":1,"seconds":{seconds},"bytes":{bytes}}}"#)
        };
        let ours = lines(
            &[
                case("copy n=512", 2.0, 200),
                case("pspin3 n=512 replicas=1", 1.25, 100),
                case("pspin3 n=512 replicas=8", 4.0, 100),
                case("pspin3 n=512 replicas=16", 8.0, 100),
            ]
            .join("\n"),
        );
        assert_eq!(row(&ours[1], &ours, &[])[6..], ["2.00 s", "0.80", "0.7", "yes"]);
        assert_eq!(row(&ours[2], &ours, &[])[6..], ["1.25 s", "2.50", "2.0", "yes"]);
        assert_eq!(row(&ours[3], &ours, &[])[6..], ["1.25 s", "2.50", "3.0", "NO"]);
    }
}
