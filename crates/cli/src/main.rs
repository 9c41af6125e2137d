//! The command line of glasslab.
fn main() {}
