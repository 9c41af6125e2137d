//! The step of a checkpoint, from its name: `step3000`, `checkpoint-500`, `epoch_7`, `model_0100.safetensors`.

use serde::Serialize;

/// What a step counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Optimiser steps, iterations, or a number that stands alone.
    Steps,
    /// Epochs.
    Epochs,
    /// The position in the list: no name held a number.
    Position,
}

/// Words in front of the number, best first.
const WORDS: [(&str, Unit); 6] = [
    ("step", Unit::Steps),
    ("iteration", Unit::Steps),
    ("iter", Unit::Steps),
    ("checkpoint", Unit::Steps),
    ("ckpt", Unit::Steps),
    ("epoch", Unit::Epochs),
];

/// The step in a name: the number behind the first of `step`, `iteration`, `iter`, `checkpoint`, `ckpt`, `epoch` that has one
/// (separated by nothing or one of `-_=.`), else the last number. `None` without a number, or with one above 2^53, beyond
/// which records could not hold it exactly.
pub fn step_of(name: &str) -> Option<(u64, Unit)> {
    let name = name.to_ascii_lowercase();
    for (word, unit) in WORDS {
        for (at, _) in name.match_indices(word) {
            let rest = &name[at + word.len()..];
            let rest = rest.strip_prefix(['-', '_', '=', '.']).unwrap_or(rest);
            if let Some(step) = leading(rest) {
                return Some((step, unit));
            }
        }
    }
    let end = name.rfind(|c: char| c.is_ascii_digit())? + 1;
    let start = name[..end]
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |i| i + name[i..].chars().next().map_or(1, char::len_utf8));
    leading(&name[start..end]).map(|step| (step, Unit::Steps))
}

/// The number at the beginning of a text.
pub(crate) fn leading(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok().filter(|&n: &u64| n <= 1 << 53)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_public_series() {
        let steps = |name| step_of(name).map(|s| s.0);
        assert_eq!(steps("step3000"), Some(3000));
        assert_eq!(steps("checkpoint-500"), Some(500));
        assert_eq!(step_of("epoch_7"), Some((7, Unit::Epochs)));
        assert_eq!(step_of("epoch=3-step=300"), Some((300, Unit::Steps)));
        assert_eq!(steps("stage1-step1000-tokens4B"), Some(1000));
        assert_eq!(steps("global_step143000"), Some(143_000));
        assert_eq!(steps("resnet18_0500"), Some(500));
        assert_eq!(steps("größe17"), Some(17));
        assert_eq!(steps("0"), Some(0));
        assert_eq!(steps("model"), None);
        assert_eq!(steps("step99999999999999999999999"), None);
    }
}
