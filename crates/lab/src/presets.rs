//! Plans that come with the laboratory.

use crate::error::LabError;
use glasslab_store::StoreError;
use std::path::{Path, PathBuf};

/// A plan by name.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Name on the command line.
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
    /// The plan as TOML.
    pub text: &'static str,
}

/// All presets.
pub const ALL: &[Preset] = &[
    Preset {
        name: "age",
        about: "the default of `glasslab age`: over- and under-parametrised toy model on digits, 3-spin (2 minutes)",
        text: include_str!("../presets/age.toml"),
    },
    Preset {
        name: "liquids",
        about: "asymmetric dumbbells and the Kob-Andersen mixture, quenched from T = 5: molecular glasses (minutes)",
        text: include_str!("../presets/liquids.toml"),
    },
    Preset {
        name: "paper/toy",
        about: "Toy Model with 10^4 hidden units on MNIST at the paper's length",
        text: include_str!("../presets/paper/toy.toml"),
    },
    Preset {
        name: "paper/toy-under",
        about: "Toy Model with 10 hidden units on MNIST at the paper's length",
        text: include_str!("../presets/paper/toy-under.toml"),
    },
    Preset {
        name: "paper/fully-connected",
        about: "three hidden layers on MNIST, B = 128, rate 0.01, at the paper's length",
        text: include_str!("../presets/paper/fully-connected.toml"),
    },
    Preset {
        name: "paper/small-net",
        about: "Small Net on CIFAR-10 (in the folder `cifar-10`), B = 100, rate 0.01, at the paper's length (hours)",
        text: include_str!("../presets/paper/small-net.toml"),
    },
    Preset {
        name: "paper/resnet18",
        about: "ResNet-18 on CIFAR-100 (in the folder `cifar-100`), B = 64, rate 0.01, at the paper's length (weeks)",
        text: include_str!("../presets/paper/resnet18.toml"),
    },
];

/// The preset of that name.
pub fn find(name: &str) -> Option<&'static Preset> {
    ALL.iter().find(|p| p.name == name)
}

/// The preset whose name is nearest to `name`, if near enough to be meant.
pub fn nearest(name: &str) -> Option<&'static str> {
    glasslab_core::parameter::nearest(name, ALL.iter().map(|p| p.name))
}

/// The text of a plan file, or of a preset, and the folder that relative data paths start from.
pub fn plan_text(file: &str) -> Result<(String, PathBuf), LabError> {
    let path = Path::new(file);
    if path.is_file() {
        let text = std::fs::read_to_string(path).map_err(|source| StoreError::Io {
            action: "read the plan",
            path: path.to_owned(),
            source,
        })?;
        return Ok((text, path.parent().map(Path::to_path_buf).unwrap_or_default()));
    }
    match find(file) {
        Some(preset) => Ok((preset.text.to_owned(), PathBuf::new())),
        None => Err(LabError::NoPlan { name: file.to_owned(), near: nearest(file).unwrap_or_default() }),
    }
}
