//! Run directories: records that xarray opens in one call, checkpoints that survive any kill, manifests, one writer.
#![forbid(unsafe_code)]

mod atomic;
pub mod checkpoint;
mod error;
mod lock;
pub mod manifest;
pub mod netcdf;
mod run_dir;

pub use atomic::write_atomic;
pub use checkpoint::{Checkpoints, Loaded};
pub use error::StoreError;
pub use manifest::{Manifest, QuenchManifest, ReplicaEnd, utc};
pub use netcdf::{read_dataset, write_dataset};
pub use run_dir::{Run, RunDir};
