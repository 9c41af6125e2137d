//! Records as netCDF classic files (64-bit offset): small, self-describing, opened by `xarray.open_dataset` with
//! scipy alone.
//!
//! Why this format (candidates measured 2026-11): Zarr means a directory of files and a build of 95-194 s (`zarrs`),
//! and Python needs a package beyond the usual; Arrow has no n-dimensional labelled arrays, so xarray does not open
//! it; netCDF-4 is HDF5, a large C library. netCDF classic is a page of specification. The crate `netcdf3` (build
//! 7 s) calls itself experimental; own code of a few hundred lines checks every size before it allocates.
//!
//! Convention: floats are NC_DOUBLE (NaN = not measured). Integers are NC_INT where all fit in 32 bits, else NC_DOUBLE
//! with the attribute `whole_numbers` (exact up to 2^53; CDF-5 would have 64-bit integers, but scipy does not read
//! it). Texts are UTF-8 NC_CHAR arrays with a last dimension `string<width>`. `long_name` and `units` describe each
//! record. An empty record (a dimension of length 0) is a scalar with the attribute `empty_shape`.
//! Source: Unidata, "The NetCDF Classic Format Specification" (doi:10.5065/D6H70CW6).

mod decode;
mod encode;

use crate::StoreError;
use crate::atomic::write_atomic;
use crate::error::{damaged, io};
use glasslab_core::Dataset;
use std::path::Path;

pub use decode::decode;
pub use encode::encode;

/// First four bytes: 64-bit offset.
const MAGIC: [u8; 4] = *b"CDF\x02";
/// Tag of a list of dimensions.
const DIMENSION: u32 = 10;
/// Tag of a list of variables.
const VARIABLE: u32 = 11;
/// Tag of a list of attributes.
const ATTRIBUTE: u32 = 12;
/// Type of text.
const CHAR: u32 = 2;
/// Type of 32-bit integers.
const INT: u32 = 4;
/// Type of 64-bit floats.
const DOUBLE: u32 = 6;
/// Attribute of the file: version of these conventions.
const FORMAT: &str = "glasslab_records";
/// Attribute of the file: coordinates that are not along a dimension of their own name (as in CF).
const COORDINATES: &str = "coordinates";
/// Attribute of integers stored as floats.
const WHOLE: &str = "whole_numbers";
/// Attribute of records without entries.
const EMPTY: &str = "empty_shape";
/// Attribute of text, as xarray has it.
const ENCODING: &str = "_Encoding";

/// Writes a data set as one file, whole or not at all. Cost O(size).
///
/// Checked by `any_data_set_comes_back` and `xarray_reads_what_we_write`.
pub fn write_dataset(path: &Path, dataset: &Dataset) -> Result<(), StoreError> {
    write_atomic(path, &encode(dataset)?)
}

/// Reads what [`write_dataset`] wrote: the same data set, to the bit. A variable along a dimension of its own name is
/// a coordinate, wherever it stood. The file may be hostile: every size is checked before memory is taken.
pub fn read_dataset(path: &Path) -> Result<Dataset, StoreError> {
    let facts = std::fs::metadata(path).map_err(io("read", path))?;
    if !facts.is_file() {
        return Err(damaged(path, "is not a file: give a records file (*.nc)"));
    }
    let bytes = std::fs::read(path).map_err(io("read", path))?;
    decode(&bytes).map_err(|problem| damaged(path, format!("is no readable records file: {problem}")))
}

/// True for the name of a record or dimension: letters, digits and underscores, not beginning with a digit.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.as_bytes()[0].is_ascii_digit()
}
