//! `glasslab series`: checks and compares the checkpoints of any training.

use crate::args::{Common, Detail, Series, Sketch};
use crate::output;
use anyhow::{Result, bail};
use glasslab_lab::series::{self, Options, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::process::ExitCode;

/// Bytes read, on a terminal.
struct Bytes(ProgressBar);

impl Bytes {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        let style =
            ProgressStyle::with_template("reading {wide_bar} {bytes}/{total_bytes}, {bytes_per_sec} (left {eta})");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self(bar)
    }
}

impl Progress for Bytes {
    fn begin(&self, bytes: u64) {
        self.0.set_length(bytes);
        self.0.reset_eta();
    }

    fn read(&self, bytes: u64) {
        self.0.inc(bytes);
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// A number of bytes: `2GiB`, `500MB`, `1073741824`.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit: u64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(unit).filter(|&b| b > 0)
}

/// Exit code 0 if nothing is wrong with the series, 1 if something is, 2 if it could not be compared.
pub fn series(args: &Series, common: &Common) -> Result<ExitCode> {
    let Some(memory) = bytes(&args.memory) else {
        bail!("--memory {}: give a number of bytes > 0, as in 2GiB or 500MB", args.memory);
    };
    let options = Options {
        memory,
        detail: detail(args.detail),
        groups: args.tensors.group.clone(),
        skip: args.tensors.skip.clone(),
        key: args.tensors.key.clone(),
        fourth: args.fourth,
        exact: args.exact,
    };
    let place = args.out.clone().map(series::place).transpose()?;
    let analysis = series::analyse(&args.paths, &options, &Bytes::new())?;
    output::text(common, &series::table(&analysis.summary));
    if let Some(dir) = &place {
        series::keep(dir, &args.paths, &options, &analysis)?;
        output::text(common, &format!("report: {}", dir.path().join("report.html").display()));
    }
    output::json(common, &json!(analysis.summary))?;
    Ok(if analysis.summary.problems() > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn detail(detail: Detail) -> series::Detail {
    match detail {
        Detail::Whole => series::Detail::Whole,
        Detail::Groups => series::Detail::Groups,
        Detail::Tensors => series::Detail::Tensors,
    }
}

/// Exit code 0 if all checkpoints were projected, 1 if some could not be read, 2 if none.
pub fn sketch(args: &Sketch, common: &Common) -> Result<ExitCode> {
    let options = Options {
        detail: detail(args.detail),
        groups: args.tensors.group.clone(),
        skip: args.tensors.skip.clone(),
        key: args.tensors.key.clone(),
        ..Options::default()
    };
    let (written, findings) = series::project(&args.paths, &options, (args.seed, args.k), &args.out, &Bytes::new())?;
    output::text(common, &series::findings(&findings));
    let error = 100.0 * (2.0 / args.k as f64).sqrt();
    let done = format!("{} sketches in {}; displacements within {error:.2} %", written.len(), args.out.display());
    output::text(common, &done);
    output::json(common, &json!({"sketches": written, "findings": findings, "seed": args.seed, "k": args.k}))?;
    Ok(if findings.iter().any(|f| f.problem) { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_are_read() {
        assert_eq!(bytes("2GiB"), Some(2 << 30));
        assert_eq!(bytes("500 MB"), Some(500_000_000));
        assert_eq!(bytes("12"), Some(12));
        for bad in ["", "0", "-1", "2XB", "GiB", "99999999999TiB"] {
            assert_eq!(bytes(bad), None, "{bad}");
        }
    }
}
