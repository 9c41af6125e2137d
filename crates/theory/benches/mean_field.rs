//! Time and memory of the mean-field solvers against the last time, as JSON lines.

fn main() {}
