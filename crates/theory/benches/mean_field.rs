//! Time and memory of the mean-field solvers against the last time, as JSON lines.
//!
//! `cargo bench -p glasslab-theory --bench mean_field -- [words]`: the cases whose name contains one of the words.

use glasslab_theory::MeanField;
use glasslab_theory::uniform::extrapolated;
use std::time::Instant;

/// Largest resident memory of this process so far, in bytes; 0 where the system does not tell.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
}

fn report(case: &str, until: f64, seconds: f64, energy: f64, error: f64) {
    let threads = rayon::current_num_threads();
    let line = serde_json::json!({
        "case": case, "threads": threads, "until": until, "seconds": seconds, "energy": energy, "error": error,
        "peak_bytes": peak(),
    });
    println!("{line}");
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wanted = |case: &str| words.is_empty() || words.iter().any(|w| case.contains(w.as_str()));
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool of one thread");
    for (name, temperature) in [("zero", 0.0), ("half", 0.5)] {
        let solve = |case: &str, until: f64, tolerance: f64| {
            if !wanted(case) {
                return;
            }
            let start = Instant::now();
            let solution = MeanField::pure(3, temperature, until).solve(tolerance).expect("a solution");
            let seconds = start.elapsed().as_secs_f64();
            report(case, until, seconds, solution.energy(until).expect("the last time").value, solution.worst_error());
        };
        one.install(|| solve(&format!("{name} to 1e2, one thread"), 1e2, 1e-5));
        for decade in 2..8 {
            solve(&format!("{name} to 1e{decade}"), 10_f64.powi(decade), 1e-4);
        }
        let case = format!("{name} to 20, uniform grid");
        if wanted(&case) {
            let start = Instant::now();
            let run = extrapolated(&MeanField::pure(3, temperature, 20.0), 0.1).expect("a solution");
            let worst = run.error.iter().fold(0.0_f64, |w, &e| w.max(e));
            let last = run.energy.len() - 1;
            report(&case, 20.0, start.elapsed().as_secs_f64(), run.energy[last], worst);
        }
    }
}
