//! `glasslab systems | datasets | presets | completions`: what there is.

use crate::args::{Cli, Common, List};
use crate::output;
use anyhow::{Result, bail};
use clap::CommandFactory;
use glasslab_lab::{datasets as data, presets as named, registry};
use serde_json::json;
use std::process::ExitCode;

/// Lists the systems; with a name, its parameters and sources.
pub fn systems(args: &List, common: &Common) -> Result<ExitCode> {
    let mut entries = registry::entries();
    if let Some(name) = &args.name {
        entries.retain(|e| e.name == name);
        if entries.is_empty() {
            bail!("there is no system `{name}`: {}", registry::unknown_system(name));
        }
    }
    let mut text = String::new();
    let mut all = Vec::new();
    for entry in &entries {
        text.push_str(&format!("{:18} {}\n", entry.name, entry.about));
        for parameter in (entry.parameters)() {
            text.push_str(&format!("  {:16} {} (default {})\n", parameter.name, parameter.about, parameter.default));
        }
        if args.name.is_some() {
            for c in entry.citations {
                text.push_str(&format!("  source: {} {}\n", c.text, c.locator));
            }
        }
        all.push(json!({
            "name": entry.name,
            "about": entry.about,
            "steps": entry.steps,
            "method": (entry.method)(),
            "parameters": (entry.parameters)().iter().map(|p| json!({
                "name": p.name, "about": p.about, "default": p.default, "range": p.range, "words": p.words,
            })).collect::<Vec<_>>(),
            "sources": entry.citations.iter().map(|c| json!({"text": c.text, "locator": c.locator})).collect::<Vec<_>>(),
        }));
    }
    output::json(common, &json!({"systems": all}))?;
    if !common.json {
        output::text(common, text.trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

/// Lists the data sets.
pub fn datasets(args: &List, common: &Common) -> Result<ExitCode> {
    let entries: Vec<_> =
        data::datasets().into_iter().filter(|d| args.name.as_ref().is_none_or(|n| n == d.name)).collect();
    if entries.is_empty() {
        bail!("there is no data set `{}` (`glasslab datasets` lists all)", args.name.as_deref().unwrap_or_default());
    }
    let text: Vec<String> = entries.iter().map(|d| format!("{:16} {}", d.name, d.about)).collect();
    let all: Vec<_> = entries.iter().map(|d| json!({"name": d.name, "about": d.about})).collect();
    output::json(common, &json!({"datasets": all}))?;
    if !common.json {
        output::text(common, &text.join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Lists the presets; with a name, prints that plan.
pub fn presets(args: &List, common: &Common) -> Result<ExitCode> {
    if let Some(name) = &args.name {
        let Some(preset) = named::find(name) else {
            let near = named::nearest(name).map_or(String::new(), |n| format!("; did you mean `{n}`?"));
            bail!("there is no preset `{name}`{near} (`glasslab presets` lists all)");
        };
        output::json(common, &json!({"name": preset.name, "about": preset.about, "plan": preset.text}))?;
        if !common.json {
            output::text(common, preset.text.trim_end());
        }
        return Ok(ExitCode::SUCCESS);
    }
    let text: Vec<String> = named::ALL.iter().map(|p| format!("{:24} {}", p.name, p.about)).collect();
    let all: Vec<_> = named::ALL.iter().map(|p| json!({"name": p.name, "about": p.about})).collect();
    output::json(common, &json!({"presets": all}))?;
    if !common.json {
        output::text(common, &text.join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a completion script.
pub fn completions(shell: clap_complete::Shell) -> Result<ExitCode> {
    clap_complete::generate(shell, &mut Cli::command(), "glasslab", &mut std::io::stdout());
    Ok(ExitCode::SUCCESS)
}

/// Prints the reference page of all verbs, from the same definition as the help.
pub fn reference() -> Result<ExitCode> {
    let mut root = Cli::command().term_width(100);
    root.build();
    let mut page =
        String::from("# The command line\n\nWritten by `glasslab reference`; `glasslab help VERB` says the same.\n");
    for verb in root.get_subcommands_mut().filter(|v| !v.is_hide_set() && v.get_name() != "help") {
        let (name, help) = (verb.get_name().to_owned(), verb.render_long_help().to_string());
        page.push_str(&format!("\n## glasslab {name}\n\n```text\n{}\n```\n", help.trim_end()));
    }
    println!("{}", page.trim_end());
    Ok(ExitCode::SUCCESS)
}
