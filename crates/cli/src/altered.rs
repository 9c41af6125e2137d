//! The flags that change quenches, as changes of a plan.

use crate::args::{Altered, Digits};
use anyhow::{Result, bail};
use glasslab_lab::{Changes, toml_value};
use std::path::Path;

impl Altered {
    /// The changes that were asked for. Files and folders are meant from where the program was called; `plan` is the folder that
    /// the plan's own start from.
    pub fn changes(&self, plan: &Path) -> Result<Changes> {
        let mut changes = Changes::default();
        let quench = [
            ("replicas", self.replicas.map(Into::into)),
            ("samples", self.samples.map(Into::into)),
            ("steps", self.steps.map(Into::into)),
            (
                "precision",
                self.precision.map(|p| match p {
                    Digits::F32 => "f32".into(),
                    Digits::F64 => "f64".into(),
                }),
            ),
            ("keep_weights", self.keep_weights.then_some(true.into())),
        ];
        changes.quench.extend(quench.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        let method = [
            ("rate", self.rate.map(Into::into)),
            ("momentum", self.momentum.map(Into::into)),
            ("batch", self.batch.map(Into::into)),
            ("temperature", self.temperature.map(Into::into)),
            ("step_size", self.step_size.map(Into::into)),
        ];
        changes.method.extend(method.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        for (name, file) in [("data", &self.data), ("weights", &self.weights)] {
            if let Some(file) = file {
                changes.parameters.push((name.to_owned(), seen_from(plan, file).into()));
            }
        }
        if let Some(width) = &self.width {
            changes.parameters.push(("width".to_owned(), toml_value(width)));
        }
        for set in &self.set {
            let Some((name, value)) = set.split_once('=') else {
                bail!("--set {set}: write NAME=VALUE, as in --set hidden=100");
            };
            changes.parameters.push((name.trim().to_owned(), toml_value(value.trim())));
        }
        changes.seed = self.seed;
        changes.stability = self.stability;
        Ok(changes)
    }
}

/// A file that the user named here, as a plan in another folder has to call it; other words stay.
fn seen_from(plan: &Path, file: &str) -> String {
    let here = plan.as_os_str().is_empty() || !Path::new(file).exists();
    let path = if here { None } else { std::path::absolute(file).ok() };
    path.map_or_else(|| file.to_owned(), |p| p.display().to_string())
}
