//! Plans that come with the laboratory.

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
