//! What is printed: text for people on stdout, or one JSON document for machines with everything else on stderr.

use crate::args::Common;
use anyhow::Result;
use serde_json::Value;
use std::io::{ErrorKind, Write};

/// Prints `text` to stdout, or to stderr when stdout is kept for JSON. A closed pipe is not an error.
pub fn text(common: &Common, text: &str) {
    let result =
        if common.json { writeln!(std::io::stderr(), "{text}") } else { writeln!(std::io::stdout(), "{text}") };
    drop(result);
}

/// Prints the one JSON document, if it was asked for.
pub fn json(common: &Common, value: &Value) -> Result<()> {
    if common.json {
        let mut out = std::io::stdout().lock();
        let text = serde_json::to_string_pretty(value)?;
        match writeln!(out, "{text}").and_then(|()| out.flush()) {
            Err(e) if e.kind() == ErrorKind::BrokenPipe => {}
            other => other?,
        }
    }
    Ok(())
}

/// Prints an error with its causes on stderr.
pub fn error(error: &anyhow::Error) {
    let mut message = format!("error: {error}");
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Many errors quote their cause already.
        if !message.contains(&cause) {
            message.push_str(&format!("\n  because {cause}"));
        }
    }
    eprintln!("{message}");
}
