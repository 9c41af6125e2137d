//! Every System that there is, by name.

use glasslab_core::Entry;
use glasslab_core::parameter::nearest;

/// All Systems: the networks, then the glasses and the exactly solved ones.
pub fn entries() -> Vec<Entry> {
    let mut all = glasslab_nets::entries();
    all.extend(glasslab_glasses::entries());
    all
}

/// The System of that name.
pub fn find(name: &str) -> Option<Entry> {
    entries().into_iter().find(|e| e.name == name)
}

/// What to tell a user who named a System that does not exist.
pub fn unknown_system(name: &str) -> String {
    let all = entries();
    let names = all.iter().map(|e| e.name);
    match nearest(name, names.clone()) {
        Some(near) => format!("unknown system; did you mean `{near}`? (`glasslab systems` lists all)"),
        None => format!("unknown system; the systems are {}", names.collect::<Vec<_>>().join(", ")),
    }
}
