//! Progress bars on a terminal, a line per quench (or now and then, for sweeps) elsewhere.

use glasslab_lab::Watch;
use glasslab_lab::sweep::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

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

/// How a sweep goes on: a bar with the time left on a terminal, a line every half minute elsewhere.
pub struct Count {
    name: String,
    bar: Option<ProgressBar>,
    said: Instant,
}

/// Between two lines where there is no terminal.
const PAUSE: Duration = Duration::from_secs(30);

impl Count {
    /// Of the sweep of this name.
    pub fn new(name: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr_with_hz(10));
            let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} points, {elapsed} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(name.to_owned());
            bar
        });
        Self { name: name.to_owned(), bar, said: Instant::now() }
    }

    /// Shows it.
    pub fn show(&mut self, progress: &Progress) {
        let mut words =
            progress.left.map_or(String::new(), |s| format!("(left {})", glasslab_lab::sweep::duration_words(s)));
        if progress.failed > 0 {
            words.push_str(&format!(" {} failed", progress.failed));
        }
        match &self.bar {
            Some(bar) => {
                bar.set_length(progress.points as u64);
                bar.set_position((progress.done + progress.failed) as u64);
                bar.set_message(words);
            }
            None if self.said.elapsed() > PAUSE => {
                eprintln!("{}: {} of {} points {words}", self.name, progress.done + progress.failed, progress.points);
                self.said = Instant::now();
            }
            None => {}
        }
    }

    /// It is over.
    pub fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.abandon();
        }
    }
}
