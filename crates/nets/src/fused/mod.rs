//! Forward and back of a perceptron over a whole training set, for many small networks: a vector holds one unit of as many
//! samples as it has lanes, a block of samples goes through all layers in cache, each product is made of register tiles, and
//! gradients are summed lane by lane over the blocks, so that nothing is transposed and lanes are added up once.
//!
//! Both the Steppers of the zoo's perceptrons (full batch) and the networks of the (h, alpha) plane run on it. Every sum has an
//! order that depends on the shape, the data and the processor alone.

mod curve;
mod dots;
mod inputs;
mod pass;
mod plan;
mod room;

pub(crate) use curve::bend;
pub(crate) use inputs::Inputs;
pub(crate) use plan::Plan;
pub(crate) use room::Room;
