//! One verb a file.

pub mod age;
pub mod list;
pub mod report;
pub mod run;
