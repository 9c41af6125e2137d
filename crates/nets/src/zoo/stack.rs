//! Networks of images put together layer by layer.

use crate::layers::{Activation, BatchNorm, Layer, Pointwise};
use crate::loss::Loss;
use crate::network::{Link, Network};
use glasslab_core::Fault;

/// A place in a network: the number of a value, and its shape [channels, height, width].
#[derive(Clone, Copy)]
pub(super) struct Here {
    pub value: usize,
    pub image: [usize; 3],
}

/// Layers so far; the next one reads the value `here`.
pub(super) struct Stack {
    layers: Vec<(Box<dyn Layer>, Link)>,
    here: Here,
}

impl Stack {
    pub fn new(image: [usize; 3]) -> Self {
        Self { layers: Vec::new(), here: Here { value: 0, image } }
    }

    pub fn here(&self) -> Here {
        self.here
    }

    /// The next layer reads this value.
    pub fn back_to(&mut self, here: Here) {
        self.here = here;
    }

    fn add(&mut self, layer: impl Layer + 'static, image: [usize; 3], add: Option<usize>) {
        self.layers.push((Box::new(layer), Link { from: self.here.value, add }));
        self.here = Here { value: self.layers.len(), image };
    }

    /// The layer that is made for the images here, and the shape of its outputs.
    pub fn push<L: Layer + 'static>(
        &mut self,
        make: impl FnOnce([usize; 3]) -> Result<L, Fault>,
        shape: impl FnOnce(&L) -> [usize; 3],
    ) -> Result<(), Fault> {
        let layer = make(self.here.image)?;
        let image = shape(&layer);
        self.add(layer, image, None);
        Ok(())
    }

    pub fn rectify(&mut self) {
        let image = self.here.image;
        self.add(Pointwise { units: image.iter().product(), activation: Activation::Relu }, image, None);
    }

    pub fn normalise(&mut self) {
        self.add(BatchNorm::new(self.here.image), self.here.image, None);
    }

    /// Batch normalisation, plus this value.
    pub fn normalise_and_add(&mut self, value: usize) {
        self.add(BatchNorm::new(self.here.image), self.here.image, Some(value));
    }

    pub fn network(self, loss: Loss) -> Network {
        Network::linked(self.layers, loss)
    }
}
