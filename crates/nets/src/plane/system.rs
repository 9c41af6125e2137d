//! The perceptron of the plane on its training set: a System with constraints.

use super::kernel::Kernel;
use super::{MarginLoss, Shape, flow};
use crate::fused::{Inputs, Plan, Room};
use glasslab_core::*;
use std::sync::{Arc, Mutex};

/// E(w) = (1/P) sum_mu l(1 - alpha y_mu (f(w, x_mu) - f(w0, x_mu)))/alpha.
///
/// The origin w0 belongs to the System, as the disorder of a glass does: one System per seed. Replica r of the streams that w0
/// was drawn from starts at the origin if r is the number of the sample; other replicas start elsewhere.
/// Convention: alpha of the code of Geiger et al. (f carries 1/h); the paper's is alpha/sqrt(h), and its time
/// t_paper = (alpha/h) t. Source: Geiger, Spigler, Jacot, Wyart 2020, doi:10.1088/1742-5468/abc4de. Checked by
/// `the_flow_equals_pytorch_step_by_step`.
pub struct AlphaMlp {
    pub(crate) shape: Shape,
    pub(crate) loss: MarginLoss,
    pub(crate) alpha: f64,
    pub(crate) plan: Plan<f64>,
    pub(crate) inputs: Inputs<f64>,
    pub(crate) y: Vec<f64>,
    pub(crate) origin: Vec<f64>,
    /// f(w0, x_mu), or zeros [P].
    pub(crate) offset: Vec<f64>,
    rooms: Mutex<Vec<Room<f64>>>,
}

/// The sources of the plane.
pub const CITATIONS: &[Citation] = &[
    Citation {
        key: "geiger2020",
        text: "M. Geiger, S. Spigler, A. Jacot, M. Wyart, Disentangling feature and lazy training in deep neural networks, \
               J. Stat. Mech. 2020, 113301",
        locator: "arXiv:1906.08034",
    },
    Citation {
        key: "geiger2021",
        text: "M. Geiger, L. Petrini, M. Wyart, Landscape and training regimes in deep learning, Physics Reports 924, 1 (2021)",
        locator: "doi:10.1016/j.physrep.2021.04.001",
    },
];

impl AlphaMlp {
    /// Of inputs x [P, d], row-major, and y = +-1 \[P\], with the origin w0 \[N\]. With `subtract` false, the predictor
    /// is alpha f.
    pub fn new(
        shape: Shape,
        loss: MarginLoss,
        alpha: f64,
        (x, y): (&[f64], &[f64]),
        origin: Vec<f64>,
        subtract: bool,
    ) -> Result<Self, Fault> {
        if !(alpha.is_finite() && alpha > 0.0) {
            return Err(Fault::input("alpha", alpha, "give a finite number > 0"));
        }
        if y.is_empty() {
            return Err(Fault::input("train", 0, "give at least one training sample"));
        }
        Fault::check_len("inputs", y.len() * shape.inputs, x.len())?;
        Fault::check_len("origin", shape.dof(), origin.len())?;
        if let Some(bad) = y.iter().find(|y| y.abs() != 1.0) {
            return Err(Fault::input("y", bad, "give labels -1 and +1"));
        }
        let plan = shape.plan();
        let inputs = Inputs::rows(&plan, x);
        let mut offset = vec![0.0; y.len()];
        if subtract {
            outputs(&plan, &mut Room::new(&plan), &origin, &inputs, &mut offset);
        }
        Ok(Self { shape, loss, alpha, plan, inputs, y: y.to_vec(), origin, offset, rooms: Mutex::default() })
    }

    /// Its shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The scale alpha.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The origin w0 \[N\].
    pub fn origin(&self) -> &[f64] {
        &self.origin
    }

    /// Work space of a pass.
    pub(crate) fn room(&self) -> Room<f64> {
        Room::new(&self.plan)
    }

    /// Energy, force [N], f - f0 [P], number of violated margins. Cost O(P N).
    pub(crate) fn all(&self, room: &mut Room<f64>, x: &[f64], force: &mut [f64], moved: &mut [f64]) -> (f64, usize) {
        self.pass(room, x, (&self.inputs, &self.y, &self.offset), force, moved)
    }

    /// The same for samples given by inputs, y and f(w0).
    fn pass(
        &self,
        room: &mut Room<f64>,
        x: &[f64],
        (inputs, y, offset): (&Inputs<f64>, &[f64], &[f64]),
        force: &mut [f64],
        moved: &mut [f64],
    ) -> (f64, usize) {
        let (mut sum, mut unmet) = (0.0, 0);
        let scale = 1.0 / y.len() as f64;
        room.load(&self.plan, x);
        for k in 0..inputs.blocks() {
            let range = inputs.range(k);
            room.forward(&self.plan, inputs, k);
            let (z, _) = room.top(&self.plan);
            let outputs = &mut moved[range.clone()];
            outputs.iter_mut().zip(&*z).zip(&offset[range.clone()]).for_each(|((o, z), f0)| *o = z - f0);
            let (slopes, beyond) = z.split_at_mut(range.len());
            let (s, n) = self.loss.all(self.alpha, outputs, &y[range], slopes);
            beyond.fill(0.0);
            (sum, unmet) = (sum + s, unmet + n);
            room.back(&self.plan, inputs, k, k == 0);
        }
        room.totals(&self.plan, force, false);
        // The loss gave -y l', which is the force by the output times P.
        force.iter_mut().for_each(|f| *f *= scale);
        (sum * scale / self.alpha, unmet)
    }

    fn with_room<R>(&self, work: impl FnOnce(&mut Room<f64>) -> R) -> R {
        let lock = || self.rooms.lock().unwrap_or_else(|e| e.into_inner());
        let spare = lock().pop();
        let mut room = spare.unwrap_or_else(|| self.room());
        let result = work(&mut room);
        lock().push(room);
        result
    }

    /// f(w, x) - f(w0, x) on any inputs x [B, d]; f(w, x) if nothing is subtracted from the predictor. Cost O(B N).
    pub fn moved_outputs(&self, w: &[f64], x: &[f64], subtract: bool) -> Vec<f64> {
        let inputs = Inputs::rows(&self.plan, x);
        let (mut now, mut then) = (vec![0.0; inputs.len()], vec![0.0; inputs.len()]);
        self.with_room(|room| {
            outputs(&self.plan, room, w, &inputs, &mut now);
            if subtract {
                outputs(&self.plan, room, &self.origin, &inputs, &mut then);
            }
        });
        now.iter().zip(&then).map(|(a, b)| a - b).collect()
    }

    /// The tangent kernel Theta(w) = J J^T [K, K] on inputs x [K, d], J = df/dw: raw sum over all weights.
    /// Cost O(K^2 h L + K N). Checked by `the_kernel_is_the_product_of_gradients`.
    pub fn kernel(&self, w: &[f64], x: &[f64]) -> Vec<f64> {
        Kernel::default().kernel(&self.shape, w, x)
    }
}

/// Outputs f [P] of all samples at w [N]. Cost O(P N).
fn outputs(plan: &Plan<f64>, room: &mut Room<f64>, w: &[f64], inputs: &Inputs<f64>, to: &mut [f64]) {
    room.load(plan, w);
    for k in 0..inputs.blocks() {
        let range = inputs.range(k);
        room.forward(plan, inputs, k);
        let to = &mut to[range];
        to.copy_from_slice(&room.top(plan).0[..to.len()]);
    }
}

impl System for AlphaMlp {
    fn name(&self) -> &str {
        "alpha-mlp"
    }

    fn dof(&self) -> usize {
        self.shape.dof()
    }

    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        Fault::check_len("forces", self.dof(), force.len())?;
        let mut moved = vec![0.0; self.y.len()];
        Ok(self.with_room(|room| self.all(room, x, force, &mut moved)).0)
    }

    fn initial(&self, streams: Streams, replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        x.copy_from_slice(&self.shape.draw(streams, replica));
        Ok(())
    }

    fn layout(&self) -> Vec<Block> {
        self.shape.layout()
    }

    fn extensive(&self) -> bool {
        false
    }

    fn reference_energy(&self, _temperature: f64) -> Option<(f64, &'static str)> {
        Some((0.0, "perfect fit"))
    }

    fn memory(&self) -> u64 {
        8 * (self.inputs.len() * self.shape.inputs + 2 * self.y.len() + self.origin.len()) as u64
    }

    fn citations(&self) -> &'static [Citation] {
        CITATIONS
    }

    fn native(self: Arc<Self>, job: &Job) -> Result<Option<Box<dyn Stepper>>, Fault> {
        match job.method {
            Method::Flow(rule) => Ok(Some(Box::new(flow::Fused::new(self, rule, job)?))),
            _ => Ok(None),
        }
    }

    fn subsample(&self) -> Option<&dyn Subsample> {
        Some(self)
    }

    fn predict(&self) -> Option<&dyn Predict> {
        Some(self)
    }

    fn contacts(&self) -> Option<&dyn Contacts> {
        Some(self)
    }
}

/// Checked by `mini_batches_average_to_the_whole`.
impl Subsample for AlphaMlp {
    fn samples(&self) -> usize {
        self.y.len()
    }

    fn batch_energy_force(&self, x: &[f64], batch: &[u32], force: &mut [f64]) -> Result<f64, Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        Fault::check_len("forces", self.dof(), force.len())?;
        if let Some(bad) = batch.iter().find(|&&b| b as usize >= self.y.len()) {
            return Err(Fault::input("batch", bad, format!("give numbers of samples below {}", self.y.len())));
        }
        if batch.is_empty() {
            return Err(Fault::input("batch", "[]", "give at least one sample"));
        }
        let mut rows = vec![0.0; batch.len() * self.shape.inputs];
        for (row, &b) in rows.chunks_mut(self.shape.inputs).zip(batch) {
            self.inputs.copy(b as usize, row);
        }
        let inputs = Inputs::rows(&self.plan, &rows);
        let of = |all: &[f64]| -> Vec<f64> { batch.iter().map(|&b| all[b as usize]).collect() };
        let (y, offset, mut moved) = (of(&self.y), of(&self.offset), vec![0.0; batch.len()]);
        Ok(self.with_room(|room| self.pass(room, x, (&inputs, &y, &offset), force, &mut moved)).0)
    }
}

impl Predict for AlphaMlp {
    fn inputs(&self) -> usize {
        self.shape.inputs
    }

    fn outputs(&self) -> usize {
        1
    }

    fn predict(&self, x: &[f64], inputs: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        Fault::check_len("inputs", out.len() * self.shape.inputs, inputs.len())?;
        out.copy_from_slice(&self.moved_outputs(x, inputs, false));
        Ok(())
    }
}

impl Contacts for AlphaMlp {
    /// alpha y_mu (f - f0) - 1 for every training sample, in margins.
    fn gaps(&self, x: &[f64]) -> Result<Vec<f64>, Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        let mut outputs = vec![0.0; self.y.len()];
        self.with_room(|room| self::outputs(&self.plan, room, x, &self.inputs, &mut outputs));
        let gap = |((o, f0), y): ((&f64, &f64), &f64)| self.alpha * y * (o - f0) - 1.0;
        Ok(outputs.iter().zip(&self.offset).zip(&self.y).map(gap).collect())
    }
}
