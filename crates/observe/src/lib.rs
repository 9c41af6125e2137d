//! What is seen: observers of a run, functions derived from their records, and the verdict.
pub mod kernel;
