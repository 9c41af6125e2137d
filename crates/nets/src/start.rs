//! Weights that a run starts from, read from a safetensors file.

use crate::network::Network;
use glasslab_core::{Block, Fault};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::path::Path;

/// Room for the header and for tensors that are passed over, beyond the weights themselves.
const HEADER: u64 = 16 << 20;
/// Problems that a message lists; the others are counted.
const LISTED: usize = 6;
/// A counter of PyTorch's batch normalisation that has no part in anything here.
const COUNTER: &str = ".num_batches_tracked";

/// Weights and running statistics of one network.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Positions x \[N\].
    pub(crate) x: Vec<f64>,
    /// Running statistics, in the order of [`Network::buffers`].
    pub(crate) buffers: Vec<f64>,
}

impl Start {
    /// Reads a file with one tensor, f32 or f64, for each block of [`Network::layout`] and [`Network::buffers`], under its name and
    /// in its shape: what a run keeps (`keep_weights`), or a PyTorch model with the same layers exports under these names.
    ///
    /// Fails, with all that is wrong in one message, if a tensor is missing, has no place in the network, has another shape or
    /// type, or holds NaN or infinity, or a negative variance. `layerK.num_batches_tracked` is passed over. Nothing is allocated for
    /// a file much larger than the network.
    /// Checked by: `tests/weights.rs`.
    pub fn read(path: &Path, network: &Network) -> Result<Self, Fault> {
        let fault = |problem: String| Fault::File { path: path.to_owned(), problem };
        let (layout, running) = (network.layout(), network.buffers());
        let statistics = running.last().map_or(0, |b| b.range.end);
        let most = 8 * (network.dof() + statistics) as u64 + HEADER;
        let size = std::fs::metadata(path).map_err(|e| fault(format!("cannot be read: {e}")))?.len();
        if size > most {
            let problem = format!("has {size} bytes: weights of this network have at most {most}; {FIX}");
            return Err(fault(problem));
        }
        let bytes = std::fs::read(path).map_err(|e| fault(format!("cannot be read: {e}")))?;
        let file =
            SafeTensors::deserialize(&bytes).map_err(|e| fault(format!("is no safetensors file ({e}; truncated?)")))?;
        let mut problems = Vec::new();
        let x = gather(&file, &layout, network.dof(), &mut problems);
        let buffers = gather(&file, &running, statistics, &mut problems);
        for block in running.iter().filter(|b| b.name.ends_with("_var")) {
            if buffers[block.range.clone()].iter().any(|v| *v < 0.0) {
                problems.push(format!("`{}` holds a variance below 0", block.name));
            }
        }
        let mut names: Vec<&str> = file.names();
        names.sort_unstable();
        for name in names {
            let known = layout.iter().chain(&running).any(|b| b.name == name);
            if !known && !name.ends_with(COUNTER) {
                problems.push(format!("`{name}` has no place in this network"));
            }
        }
        if problems.is_empty() {
            return Ok(Self { x, buffers });
        }
        let more = problems.len().saturating_sub(LISTED);
        problems.truncate(LISTED);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        Err(fault(format!("does not fit this network: {}{more}; {FIX}", problems.join("; "))))
    }
}

const FIX: &str = "give weights of the same network, with the same width, image shape and classes";

/// The blocks one after the other; what is wrong with them is added to `problems`.
fn gather(file: &SafeTensors<'_>, blocks: &[Block], len: usize, problems: &mut Vec<String>) -> Vec<f64> {
    let mut all = vec![0.0; len];
    for Block { name, range, shape } in blocks {
        let Ok(tensor) = file.tensor(name) else {
            problems.push(format!("`{name}` {shape:?} is missing"));
            continue;
        };
        if tensor.shape() != shape.as_slice() {
            problems.push(format!("`{name}` has the shape {:?} where {shape:?} is needed", tensor.shape()));
            continue;
        }
        let values = &mut all[range.clone()];
        if !copy(&tensor, values) {
            problems.push(format!("`{name}` has the type {:?}: F32 or F64 is needed", tensor.dtype()));
        } else if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            problems.push(format!("`{name}` holds {} in entry {at}", values[at]));
        }
    }
    all
}

/// False if the tensor is of another type than f32 and f64.
fn copy(tensor: &TensorView<'_>, to: &mut [f64]) -> bool {
    let bytes = tensor.data();
    match tensor.dtype() {
        Dtype::F32 => {
            let values = bytes.as_chunks::<4>().0.iter().map(|b| f64::from(f32::from_le_bytes(*b)));
            to.iter_mut().zip(values).for_each(|(t, v)| *t = v);
        }
        Dtype::F64 => {
            let values = bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b));
            to.iter_mut().zip(values).for_each(|(t, v)| *t = v);
        }
        _ => return false,
    }
    true
}
