//! The fused pass of the jamming perceptron over its whole training set: samples whose loss is flat cost their way there alone.

use crate::fused::{Inputs, Plan, Room};
use crate::zoo::Dense;
use std::sync::Mutex;

/// The training set as the fused pass wants it.
pub(super) struct Pass {
    plan: Plan<f64>,
    inputs: Inputs<f64>,
    rooms: Mutex<Vec<Room<f64>>>,
}

/// What a loss says of one sample: loss, dl/df, and whether its margin is unmet.
pub(super) type Said = (f64, f64, bool);

impl Pass {
    /// Of inputs x [P, d].
    pub fn new(dense: &Dense, x: &[f64]) -> Self {
        let plan = Plan::new(&dense.widths, &dense.scales, &dense.biases, dense.bend);
        let inputs = Inputs::rows(&plan, x);
        Self { plan, inputs, rooms: Mutex::default() }
    }

    /// Sum of the losses, number of unmet margins, and force [N] <- -(sum of gradients); `of` is the loss of sample b at output f. Every
    /// sum has an order that depends on the data, the weights and the processor alone. Cost 2 P N for the way there and 4 N for each
    /// sample whose loss has a slope.
    pub fn sums(&self, x: &[f64], of: impl Fn(f64, usize) -> Said, force: &mut [f64]) -> (f64, usize) {
        let (mut loss, mut unmet, mut first) = (0.0, 0, true);
        self.with_room(|room| {
            room.load(&self.plan, x);
            for k in 0..self.inputs.blocks() {
                let range = self.inputs.range(k);
                room.forward(&self.plan, &self.inputs, k);
                let (z, _) = room.top(&self.plan);
                let (slopes, beyond) = z.split_at_mut(range.len());
                let mut sloped = 0;
                for (z, sample) in slopes.iter_mut().zip(range.clone()) {
                    let (l, slope, open) = of(*z, sample);
                    (loss, unmet, *z) = (loss + l, unmet + usize::from(open), slope);
                    sloped += usize::from(slope != 0.0);
                }
                beyond.fill(0.0);
                // Putting a sample aside is cheap, but not free.
                if 4 * sloped > 3 * range.len() {
                    room.back(&self.plan, &self.inputs, k, first);
                    first = false;
                    continue;
                }
                for column in 0..range.len() {
                    if sloped == 0 {
                        break;
                    }
                    if room.top(&self.plan).0[column] != 0.0 {
                        sloped -= 1;
                        if room.keep(&self.plan, &self.inputs, k, column) {
                            room.back_kept(&self.plan, first);
                            first = false;
                        }
                    }
                }
            }
            first &= !room.back_kept(&self.plan, first);
            if first {
                force.fill(0.0);
            } else {
                room.totals(&self.plan, force, false);
                force.iter_mut().for_each(|f| *f = -*f);
            }
        });
        (loss, unmet)
    }

    /// Outputs f [P].
    pub fn outputs(&self, x: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.inputs.len()];
        self.with_room(|room| {
            room.load(&self.plan, x);
            for k in 0..self.inputs.blocks() {
                room.forward(&self.plan, &self.inputs, k);
                let to = &mut out[self.inputs.range(k)];
                to.copy_from_slice(&room.top(&self.plan).0[..to.len()]);
            }
        });
        out
    }

    fn with_room<R>(&self, work: impl FnOnce(&mut Room<f64>) -> R) -> R {
        let lock = || self.rooms.lock().unwrap_or_else(|e| e.into_inner());
        let spare = lock().pop();
        let mut room = spare.unwrap_or_else(|| Room::new(&self.plan));
        let result = work(&mut room);
        lock().push(room);
        result
    }
}
