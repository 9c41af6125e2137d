//! Weights of one replica as a safetensors file that other programs open.

use crate::StoreError;
use crate::bytes::Bytes;
use glasslab_core::{Array, Block};

/// One tensor for each block, under its name and in its shape.
pub fn encode(blocks: &[(Block, Array)]) -> Result<Vec<u8>, StoreError> {
    let refused = |_| StoreError::State { name: "weights".to_owned(), problem: "do not fit a safetensors file" };
    let tensors = blocks.iter().map(|(block, array)| (block.name.as_str(), Bytes::shaped(array, block.shape.clone())));
    let tensors: Vec<(&str, Bytes)> = tensors.collect();
    safetensors::serialize(tensors.iter().map(|(n, b)| (*n, b)), None).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::SafeTensors;

    #[test]
    fn names_shapes_and_values_come_back() {
        let block = |name: &str, shape: Vec<usize>| Block { name: name.to_owned(), range: 0..6, shape };
        let blocks = [
            (block("layer1.weight", vec![2, 3]), Array::F32(vec![0.5, 1.0, 2.0, 3.0, 4.0, -5.0])),
            (block("layer1.bias", vec![2]), Array::F64(vec![0.1, -0.2])),
        ];
        let bytes = encode(&blocks).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let weight = file.tensor("layer1.weight").unwrap();
        assert_eq!((weight.shape(), weight.dtype()), (&[2, 3][..], safetensors::Dtype::F32));
        assert_eq!(weight.data()[20..], (-5.0_f32).to_le_bytes());
        assert_eq!(file.tensor("layer1.bias").unwrap().data()[8..], (-0.2_f64).to_le_bytes());
        let wrong = [(block("x", vec![4]), Array::F64(vec![1.0; 3]))];
        assert!(encode(&wrong).is_err(), "a shape that does not fit its values");
    }
}
