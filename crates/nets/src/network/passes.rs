//! A network run on chunks of samples, forward and back: the reference that native Steppers are held to.

use super::{Link, Network};
use crate::kernels::Real;
use crate::loss::is_wrong;
use rayon::prelude::*;

/// Sums over the samples of one chunk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums {
    /// Sum of the losses.
    pub loss: f64,
    /// Number of samples misclassified.
    pub wrong: usize,
    /// Sum over samples of |g_mu|^2, if asked for.
    pub squares: f64,
}

/// Work space of a chunk, kept from one to the next; nothing in it matters.
#[derive(Default)]
pub(crate) struct Tape<T> {
    /// Values after each layer, [B, width] each.
    pub(super) outputs: Vec<Vec<T>>,
    /// What each layer noted about the batch.
    pub(super) notes: Vec<Vec<f64>>,
    /// Derivatives by each value, while they are needed.
    slopes: Vec<Vec<T>>,
    /// Arrays that are free.
    spare: Vec<Vec<T>>,
    /// Gradients of groups of samples.
    parts: Vec<T>,
}

/// Samples that a thread takes through one layer at a time where the whole batch is one chunk.
const SHARE: usize = 8;
/// Groups of samples whose derivatives by the parameters are held apart there, whatever the number of threads.
const PARTS: usize = 4;

impl Network {
    /// Fills `outputs` with the values after each layer, [B, width] each.
    pub(crate) fn forward<T: Real>(&self, x: &[T], inputs: &[T], samples: usize, outputs: &mut Vec<Vec<T>>) {
        self.forward_noting(x, inputs, samples, outputs, &mut Vec::new());
    }

    /// The same, and what each layer noted about the batch.
    pub(super) fn forward_noting<T: Real>(
        &self,
        x: &[T],
        inputs: &[T],
        samples: usize,
        outputs: &mut Vec<Vec<T>>,
        notes: &mut Vec<Vec<f64>>,
    ) {
        outputs.resize_with(self.layers.len(), Vec::new);
        notes.resize_with(self.layers.len(), Vec::new);
        let couples = self.couples();
        for (i, (layer, range)) in self.layers.iter().zip(&self.ranges).enumerate() {
            let (below, output) = outputs.split_at_mut(i);
            let input = value(inputs, below, self.links[i].from);
            let output = &mut output[0];
            output.resize(samples * layer.outputs(), T::ZERO);
            let (x, pass) = (&x[range.clone()], T::layer(&**layer));
            if couples && !layer.threads_itself() {
                let (i, o) = (SHARE * layer.inputs(), SHARE * layer.outputs());
                let shares = output.par_chunks_mut(o).zip(input.par_chunks(i));
                shares.for_each(|(output, input)| pass.forward(x, input, output));
            } else {
                notes[i] = pass.notes(input);
                pass.forward_noted(x, input, &notes[i], output);
            }
            if let Some(add) = self.links[i].add {
                let more = value(inputs, below, add);
                if couples {
                    let o = SHARE * layer.outputs();
                    output.par_chunks_mut(o).zip(more.par_chunks(o)).for_each(|(output, more)| plus(output, more));
                } else {
                    plus(output, more);
                }
            }
        }
    }

    /// Losses and errors of one chunk: inputs [B, inputs], labels [B]. If given, `gradient` [N] grows by the sum over
    /// samples of the loss's gradient; `squares` asks for the sum of the squared norms of the samples' gradients.
    pub(crate) fn chunk<T: Real>(
        &self,
        x: &[T],
        inputs: &[T],
        labels: &[u16],
        gradient: Option<&mut [T]>,
        squares: bool,
        tape: &mut Tape<T>,
    ) -> Sums {
        let classes = self.outputs();
        self.forward_noting(x, inputs, labels.len(), &mut tape.outputs, &mut tape.notes);
        let mut sums = Sums::default();
        let mut slope = tape.spare.pop().unwrap_or_default();
        slope.resize(labels.len() * classes, T::ZERO);
        let last = &tape.outputs[self.layers.len() - 1];
        for ((f, d), &label) in last.chunks_exact(classes).zip(slope.chunks_exact_mut(classes)).zip(labels) {
            sums.loss += self.loss.sample(f, label.into(), d);
            sums.wrong += usize::from(is_wrong(f, label.into()));
        }
        let Some(gradient) = gradient else {
            tape.spare.push(slope);
            return sums;
        };
        let mut norms = vec![0.0; if squares { labels.len() } else { 0 }];
        self.add_gradient(x, inputs, slope, gradient, squares.then_some(&mut norms[..]), tape);
        sums.squares = norms.iter().sum();
        sums
    }

    /// Outputs [B, C] of a chunk of inputs [B, inputs].
    pub(crate) fn outputs_of<'a, T: Real>(&self, x: &[T], inputs: &[T], tape: &'a mut Tape<T>) -> &'a [T] {
        self.forward_noting(x, inputs, inputs.len() / self.inputs(), &mut tape.outputs, &mut tape.notes);
        &tape.outputs[self.layers.len() - 1]
    }

    /// After `outputs_of`: `gradient` [N] grows by J^T u, u [B, C].
    pub(crate) fn vec_jacobian<T: Real>(&self, x: &[T], inputs: &[T], u: &[T], gradient: &mut [T], tape: &mut Tape<T>) {
        let mut slope = tape.spare.pop().unwrap_or_default();
        slope.clear();
        slope.extend_from_slice(u);
        self.add_gradient(x, inputs, slope, gradient, None, tape);
    }

    /// From the outputs' cotangents `slope` [B, C] to the parameters; `norms` \[B\] grow by the squares of each sample's part.
    fn add_gradient<T: Real>(
        &self,
        x: &[T],
        inputs: &[T],
        slope: Vec<T>,
        gradient: &mut [T],
        mut norms: Option<&mut [f64]>,
        tape: &mut Tape<T>,
    ) {
        let (samples, couples) = (inputs.len() / self.inputs(), self.couples());
        let Tape { outputs, notes, slopes, spare, parts } = tape;
        self.pull_back_noted(x, inputs, outputs, notes, slope, slopes, spare, |at, input, slope, notes| {
            let layer = &self.layers[at];
            let (pass, own) = (T::layer(&**layer), &mut gradient[self.ranges[at].clone()]);
            if couples && !layer.threads_itself() && !own.is_empty() {
                // Groups of samples, summed in their order.
                let size = samples.div_ceil(PARTS);
                let n = own.len();
                parts.clear();
                parts.resize(PARTS * n, T::ZERO);
                let groups = input.par_chunks(size * layer.inputs()).zip(slope.par_chunks(size * layer.outputs()));
                parts.par_chunks_mut(n).zip(groups).for_each(|(part, (i, d))| pass.gradient(i, d, part));
                parts.chunks(n).for_each(|part| plus(own, part));
            } else {
                pass.gradient_noted(input, slope, notes, own);
            }
            if let Some(norms) = &mut norms {
                pass.sample_squares(input, slope, norms);
            }
        });
    }

    /// Takes the outputs' cotangents `slope` [B, C] down the layers: `visit(layer, input, cotangent of its output)` for each, the
    /// last one first. `slopes` and `spare` are work space.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn pull_back<T: Real>(
        &self,
        x: &[T],
        inputs: &[T],
        outputs: &[Vec<T>],
        slope: Vec<T>,
        slopes: &mut Vec<Vec<T>>,
        spare: &mut Vec<Vec<T>>,
        mut visit: impl FnMut(usize, &[T], &[T]),
    ) {
        let mut notes = vec![Vec::new(); self.layers.len()];
        self.pull_back_noted(x, inputs, outputs, &mut notes, slope, slopes, spare, |at, i, d, _| visit(at, i, d));
    }

    /// The same with what the layers noted on the way up.
    #[allow(clippy::too_many_arguments)]
    fn pull_back_noted<T: Real>(
        &self,
        x: &[T],
        inputs: &[T],
        outputs: &[Vec<T>],
        notes: &mut [Vec<f64>],
        slope: Vec<T>,
        slopes: &mut Vec<Vec<T>>,
        spare: &mut Vec<Vec<T>>,
        mut visit: impl FnMut(usize, &[T], &[T], &mut Vec<f64>),
    ) {
        let couples = self.couples();
        slopes.resize_with(self.layers.len() + 1, Vec::new);
        slopes[self.layers.len()] = slope;
        for (at, (layer, range)) in self.layers.iter().zip(&self.ranges).enumerate().rev() {
            let slope = std::mem::take(&mut slopes[at + 1]);
            let Link { from, add } = self.links[at];
            let input = value(inputs, outputs, from);
            visit(at, input, &slope, &mut notes[at]);
            if from > 0 {
                let pass = T::layer(&**layer);
                let mut by_input = spare.pop().unwrap_or_default();
                by_input.resize(input.len(), T::ZERO);
                let x = &x[range.clone()];
                if couples && !layer.threads_itself() {
                    let (i, o) = (SHARE * layer.inputs(), SHARE * layer.outputs());
                    let values = input.par_chunks(i).zip(outputs[at].par_chunks(o)).zip(slope.par_chunks(o));
                    by_input.par_chunks_mut(i).zip(values).for_each(|(by_input, ((input, output), by_output))| {
                        pass.backward(x, input, output, by_output, by_input);
                    });
                } else {
                    pass.backward_noted(x, input, &outputs[at], &slope, &notes[at], &mut by_input);
                }
                give(&mut slopes[from], by_input, spare);
            }
            match add {
                Some(add) if add > 0 => give(&mut slopes[add], slope, spare),
                _ => spare.push(slope),
            }
        }
    }
}

/// The value of this number.
pub(crate) fn value<'a, T>(inputs: &'a [T], outputs: &'a [Vec<T>], number: usize) -> &'a [T] {
    if number == 0 { inputs } else { &outputs[number - 1] }
}

pub(crate) fn plus<T: Real>(total: &mut [T], more: &[T]) {
    total.iter_mut().zip(more).for_each(|(t, m)| *t += *m);
}

/// Adds `more` to a derivative, which is empty as long as it is zero.
pub(crate) fn give<T: Real>(slope: &mut Vec<T>, more: Vec<T>, spare: &mut Vec<Vec<T>>) {
    if slope.is_empty() {
        *slope = more;
    } else {
        plus(slope, &more);
        spare.push(more);
    }
}
