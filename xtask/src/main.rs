//! Checks and benches.
fn main() {}
