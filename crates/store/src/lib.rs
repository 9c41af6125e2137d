//! Run directories: records that xarray opens in one call, checkpoints that survive any kill, manifests, one writer.
#![forbid(unsafe_code)]

mod atomic;
mod bytes;
pub mod checkpoint;
pub mod claim;
mod error;
mod journal;
mod lock;
pub mod manifest;
pub mod netcdf;
mod run_dir;
mod weights;

pub use atomic::{create_folder, flush_folder, write_atomic};
pub use checkpoint::{Checkpoints, Loaded};
pub use claim::{Claim, Claims, Taken};
pub use error::StoreError;
pub use journal::{Journal, JournalReader};
pub use manifest::{Manifest, QuenchManifest, ReplicaEnd, utc};
pub use netcdf::{read_dataset, write_dataset};
pub use run_dir::{Run, RunDir};
