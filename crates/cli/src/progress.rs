//! Progress bars on a terminal, a line per quench elsewhere.

use glasslab_lab::Watch;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// Draws the progress of a run on stderr.
#[derive(Default)]
pub struct Bars {
    bar: Option<ProgressBar>,
}

impl Watch for Bars {
    fn note(&mut self, text: &str) {
        match &self.bar {
            Some(bar) if !bar.is_hidden() => bar.println(text),
            _ => eprintln!("{text}"),
        }
    }

    fn begin(&mut self, title: &str, from: u64, steps: u64) {
        if !std::io::stderr().is_terminal() {
            eprintln!("{title}: {steps} steps");
            return;
        }
        let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr_with_hz(10));
        let style = ProgressStyle::with_template("{prefix:28} {wide_bar} {pos}/{len} steps, {elapsed} (left {eta})");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(title.to_owned());
        bar.set_position(from);
        bar.reset_eta();
        self.bar = Some(bar);
    }

    fn at(&mut self, step: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(step);
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish();
        }
    }
}
