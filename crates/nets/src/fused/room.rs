//! Work space of the fused pass.

use super::pass::{Back, Forward, Totals};
use super::plan::Layer;
use super::{Inputs, Plan};
use crate::kernels::{Buffer, Real, padded};
use crate::zoo::Bend;
use pulp::Arch;

/// What one pass over a training set needs; nothing in it outlives the pass.
pub(crate) struct Room<T> {
    /// x with all factors.
    pub(super) weights: Buffer<T>,
    /// Outputs of each layer after the nonlinearity, on the way back the derivatives by its z [outputs, stride].
    pub(super) act: Vec<Buffer<T>>,
    /// Derivative of the hidden activations by z; empty for ReLU.
    pub(super) slope: Vec<Buffer<T>>,
    /// The gradient by the weights with their factors, lane by lane [N, lanes] or added up [N].
    pub(super) sums: Buffer<T>,
    kept: Kept<T>,
}

/// Samples of several blocks that wait for their way back: inputs [d, stride], `act` and `slope` as those of the room.
struct Kept<T> {
    block: Buffer<T>,
    act: Vec<Buffer<T>>,
    slope: Vec<Buffer<T>>,
    count: usize,
}

impl<T: Real> Room<T> {
    /// For networks of this shape.
    pub fn new(plan: &Plan<T>) -> Self {
        let (stride, last) = (plan.stride(), plan.layers.len() - 1);
        let smooth = |l: usize| l < last && plan.bend != Bend::Relu;
        let lanes = if plan.lanewise { padded::<T>(1) } else { 1 };
        let act = || plan.layers.iter().map(|l| Buffer::new(l.outputs * stride)).collect();
        let of = |(l, layer): (usize, &Layer<T>)| Buffer::new(if smooth(l) { layer.outputs * stride } else { 0 });
        let slope = || plan.layers.iter().enumerate().map(of).collect();
        Self {
            weights: Buffer::new(plan.dof),
            act: act(),
            slope: slope(),
            sums: Buffer::new(plan.dof * lanes),
            // Room for kept samples is made when the first is kept.
            kept: Kept { block: Buffer::new(0), act: Vec::new(), slope: Vec::new(), count: 0 },
        }
    }

    /// Takes over the weights and biases x [N], and forgets the sums.
    pub fn load(&mut self, plan: &Plan<T>, x: &[T]) {
        assert!(x.len() == plan.dof && self.weights.len() == plan.dof, "weights of the plan");
        for layer in &plan.layers {
            let biases = layer.at + layer.inputs * layer.outputs;
            let weights = layer.at..biases;
            let scaled = |to: &mut [T], from: &[T], by: T| to.iter_mut().zip(from).for_each(|(a, b)| *a = by * *b);
            scaled(&mut self.weights[weights.clone()], &x[weights], layer.scale);
            if let Some(bias) = layer.bias {
                let range = biases..biases + layer.outputs;
                scaled(&mut self.weights[range.clone()], &x[range], bias);
            }
        }
        if !plan.lanewise {
            self.sums.fill(T::ZERO);
        }
        self.kept.count = 0;
    }

    fn fits(&self, plan: &Plan<T>) -> bool {
        let lanes = if plan.lanewise { padded::<T>(1) } else { 1 };
        let stride = plan.stride();
        let both = self.act.iter().zip(&self.slope).zip(&plan.layers).enumerate();
        let last = plan.layers.len() - 1;
        self.act.len() == plan.layers.len()
            && self.sums.len() == plan.dof * lanes
            && self.weights.len() == plan.dof
            && { both }.all(|(l, ((act, slope), layer))| {
                let smooth = l < last && plan.bend != Bend::Relu;
                act.len() == layer.outputs * stride && slope.len() == if smooth { act.len() } else { 0 }
            })
    }

    /// The outputs of block k of the inputs: see `top`.
    pub fn forward(&mut self, plan: &Plan<T>, inputs: &Inputs<T>, k: usize) {
        assert!(self.fits(plan), "work space of the plan");
        let (block, width) = (plan.checked(inputs, k), inputs.range(k).len());
        Arch::new().dispatch(Forward { plan, room: self, block, width });
    }

    /// z of the last layer, [outputs, stride], and its stride. Before `back` it must be replaced by the derivatives of what is to
    /// be differentiated, and by 0 in the columns beyond the samples of the block.
    pub fn top(&mut self, plan: &Plan<T>) -> (&mut [T], usize) {
        (&mut self.act[plan.layers.len() - 1], plan.stride())
    }

    /// After `forward` on block k: adds its part of the gradient. `first`: it is the first since `load`.
    pub fn back(&mut self, plan: &Plan<T>, inputs: &Inputs<T>, k: usize, first: bool) {
        assert!(self.fits(plan), "work space of the plan");
        let (block, width) = (plan.checked(inputs, k), inputs.range(k).len());
        Arch::new().dispatch(Back { plan, room: self, block, width, first });
    }

    /// After `forward` on block k, with the derivative in the place of the last z: puts sample `column` of the block aside for `back_kept`.
    /// True if the room for kept samples is full. Cost O(units), where `back` costs O(N) a sample.
    pub fn keep(&mut self, plan: &Plan<T>, inputs: &Inputs<T>, k: usize, column: usize) -> bool {
        assert!(self.fits(plan), "work space of the plan");
        let (block, row, kept) = (plan.checked(inputs, k), plan.stride(), &mut self.kept);
        if kept.act.is_empty() {
            kept.block = Buffer::new(block.len());
            kept.act = self.act.iter().map(|a| Buffer::new(a.len())).collect();
            kept.slope = self.slope.iter().map(|a| Buffer::new(a.len())).collect();
        }
        assert!(column < inputs.range(k).len() && kept.count < plan.block, "a sample of the block, and room for it");
        let copy = |from: &[T], to: &mut [T]| {
            for (from, to) in from.chunks_exact(row).zip(to.chunks_exact_mut(row)) {
                to[kept.count] = from[column];
            }
        };
        copy(block, &mut kept.block);
        self.act.iter().zip(&mut kept.act).for_each(|(from, to)| copy(from, to));
        self.slope.iter().zip(&mut kept.slope).for_each(|(from, to)| copy(from, to));
        kept.count += 1;
        kept.count == plan.block
    }

    /// Adds the part of the kept samples to the gradient, and forgets them; false if there are none. `first`: as of `back`.
    pub fn back_kept(&mut self, plan: &Plan<T>, first: bool) -> bool {
        let (width, row) = (std::mem::take(&mut self.kept.count), plan.stride());
        if width == 0 {
            return false;
        }
        let end = width.next_multiple_of(padded::<T>(1));
        let clear = |values: &mut [T]| values.chunks_exact_mut(row).for_each(|line| line[width..end].fill(T::ZERO));
        clear(&mut self.kept.block);
        self.kept.act.iter_mut().chain(&mut self.kept.slope).for_each(|values| clear(values));
        let block = std::mem::replace(&mut self.kept.block, Buffer::new(0));
        let swap = |room: &mut Self| {
            std::mem::swap(&mut room.act, &mut room.kept.act);
            std::mem::swap(&mut room.slope, &mut room.kept.slope);
        };
        swap(self);
        assert!(self.fits(plan) && block.len() == plan.inputs() * row, "work space of the plan");
        Arch::new().dispatch(Back { plan, room: self, block: &block, width, first });
        swap(self);
        self.kept.block = block;
        true
    }

    /// The gradient [N] of all blocks since `load`, added to what is there if `add`.
    pub fn totals(&self, plan: &Plan<T>, gradient: &mut [T], add: bool) {
        assert!(self.fits(plan) && gradient.len() == plan.dof, "a gradient of the plan");
        Arch::new().dispatch(Totals { plan, room: self, gradient, add });
    }
}

impl<T: Real> Plan<T> {
    /// Block k, if it is one of this plan.
    fn checked<'a>(&self, inputs: &'a Inputs<T>, k: usize) -> &'a [T] {
        let block = inputs.block(k);
        assert!(
            block.len() == self.inputs() * self.stride() && inputs.range(k).len() <= self.block,
            "inputs of the plan"
        );
        block
    }
}
