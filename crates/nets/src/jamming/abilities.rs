//! What the perceptron of the jamming papers can do besides energy and force.

use super::JammingMlp;
use crate::derivatives::curvature::Matrix;
use glasslab_core::{Contacts, Evaluate, Evaluation, Fault, HessianVec, Predict, Slice, Split, Subsample, System};

impl Contacts for JammingMlp {
    /// y_mu f - kappa for every training sample.
    fn gaps(&self, x: &[f64]) -> Result<Vec<f64>, Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        let outputs = self.train_outputs(x);
        Ok(outputs.iter().zip(&self.train.labels).map(|(f, label)| self.gap(*f, *label)).collect())
    }
}

impl Subsample for JammingMlp {
    fn samples(&self) -> usize {
        self.train.labels.len()
    }

    fn batch_energy_force(&self, x: &[f64], batch: &[u32], force: &mut [f64]) -> Result<f64, Fault> {
        if let Some(bad) = batch.iter().find(|b| **b as usize >= self.train.labels.len()) {
            let fix = format!("give sample numbers below {}", self.train.labels.len());
            return Err(Fault::input("batch", bad, fix));
        }
        if batch.is_empty() {
            return Err(Fault::input("batch", "[]", "give at least one sample"));
        }
        Ok(self.mean(x, batch.iter().map(|b| *b as usize), force)?.0)
    }
}

impl Evaluate for JammingMlp {
    fn has_test(&self) -> bool {
        !self.test.labels.is_empty()
    }

    fn evaluate(&self, x: Slice<'_>, split: Split) -> Result<Option<Evaluation>, Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        let part = match split {
            Split::Train => &self.train,
            Split::Test if self.has_test() => &self.test,
            Split::Test => return Ok(None),
        };
        let (outputs, mut slope) = (self.outputs_on(&x.to_f64(), &part.inputs), [0.0]);
        let (mut loss, mut wrong) = (0.0, 0);
        for (f, &label) in outputs.iter().zip(&part.labels) {
            loss += self.network.loss.sample(std::slice::from_ref(f), label.into(), &mut slope);
            wrong += usize::from(crate::loss::is_wrong(std::slice::from_ref(f), label.into()));
        }
        let samples = outputs.len();
        Ok(Some(Evaluation { loss: loss / samples as f64, error: wrong as f64 / samples as f64, samples }))
    }
}

impl HessianVec for JammingMlp {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        Fault::check_len("vectors", self.dof(), v.len())?;
        self.products(Matrix::Hessian, x, v, out)
    }

    fn hessian_vec_many(&self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        self.products(Matrix::Hessian, x, v, out)
    }
}

impl Predict for JammingMlp {
    fn inputs(&self) -> usize {
        self.network.inputs()
    }

    fn outputs(&self) -> usize {
        1
    }

    fn predict(&self, x: &[f64], inputs: &[f64], out: &mut [f64]) -> Result<(), Fault> {
        Fault::check_len("positions", self.dof(), x.len())?;
        Fault::check_len("inputs", out.len() * self.network.inputs(), inputs.len())?;
        out.copy_from_slice(&self.outputs_on(x, inputs));
        Ok(())
    }
}
