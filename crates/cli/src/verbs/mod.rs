//! One verb a file.

pub mod advise;
pub mod age;
pub mod jamming;
pub mod list;
pub mod mean_field;
pub mod packing;
pub mod plane;
pub mod report;
pub mod run;
pub mod series;
pub mod sweep;
