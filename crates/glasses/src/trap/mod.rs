//! Bouchaud's trap model: walkers that wait in random traps, the simplest aging.

mod hops;

use crate::sources::{BOUCHAUD, BOUCHAUD_DEAN};
use glasslab_core::parameter::Build;
use glasslab_core::{
    Block, Citation, Complaint, Entry, Fault, Job, Method, Parameter, Parameters, Stepper, Streams, System,
};
use rand::RngExt;
use rand_distr::Exp1;
use std::sync::Arc;

const SOURCES: [Citation; 2] = [BOUCHAUD, BOUCHAUD_DEAN];
const CELLS: f64 = 4_294_967_296.0;
const HALF_LENGTH: f64 = 1.732_050_807_568_877_2;

/// N independent walkers, each on a line of 2^32 traps: cells of [-sqrt 3, sqrt 3), of unit variance. The depth of cell c
/// of walker i is exponential with mean T_g, from the stream ("traps", sample, 2^32 i + c). E = -sum of the depths where the
/// walkers are.
///
/// Moved by [`Method::Hop`]: from a trap of depth d at rate exp(-d/T) (attempt rate 1) to a cell chosen uniformly, so that
/// waiting times have the density x t^-(1+x) at long t, x = T/T_g. For x < 1 the model ages for ever, with
/// relaxation time proportional to t_w (mu = 1): the probability of no hop in (t_w, t_w + t) tends to the arcsine law
/// Pi = (sin(pi x)/pi) int_(t/(t+t_w))^1 du (1-u)^(x-1) u^(-x), and Delta(t_w, t_w + t) = 2 (1 - Pi).
/// For x > 1 it comes to equilibrium.
///
/// The energy is piecewise constant (a golf course): the force is zero, truly, almost everywhere.
/// The start is uniform over the cells (infinite temperature), stream ("initial", replica, 0).
///
/// Source: Bouchaud 1992, doi:10.1051/jp1:1992238; Bouchaud and Dean 1995, doi:10.1051/jp1:1995127.
pub struct TrapModel {
    n: usize,
    glass_temperature: f64,
    streams: Streams,
    sample: u64,
}

impl TrapModel {
    /// N = n walkers in traps of mean depth T_g = `glass_temperature`.
    pub fn new(n: usize, glass_temperature: f64, streams: Streams, sample: u64) -> Result<Self, Fault> {
        let mut complaints = Vec::new();
        if n == 0 || n > 1 << 30 {
            complaints.push(Complaint::new("n", n, "give 1 to 2^30 walkers"));
        }
        if !(glass_temperature.is_finite() && glass_temperature > 0.0) {
            complaints.push(Complaint::new("glass_temperature", glass_temperature, "give a finite number > 0"));
        }
        if complaints.is_empty() {
            Ok(Self { n, glass_temperature, streams, sample })
        } else {
            Err(Fault::Input(complaints))
        }
    }

    /// The middle of a cell.
    pub fn position(cell: u32) -> f64 {
        HALF_LENGTH * ((f64::from(cell) + 0.5) / (0.5 * CELLS) - 1.0)
    }

    /// The cell that x is in; beyond the ends the line repeats.
    pub fn cell(x: f64) -> u32 {
        let turns = (x / HALF_LENGTH + 1.0) / 2.0;
        (turns.rem_euclid(1.0) * CELLS) as u32
    }

    /// Depth of a trap. Cost: one block of the generator.
    pub fn depth(&self, walker: usize, cell: u32) -> f64 {
        let mut rng = self.streams.stream("traps", self.sample, (walker as u64) << 32 | u64::from(cell));
        self.glass_temperature * rng.sample::<f64, _>(Exp1)
    }
}

impl System for TrapModel {
    fn name(&self) -> &str {
        "trap"
    }

    fn dof(&self) -> usize {
        self.n
    }

    fn energy_force(&self, x: &[f64], force: &mut [f64]) -> Result<f64, Fault> {
        Fault::check_len("forces", self.n, force.len())?;
        force.fill(0.0);
        self.energy(x)
    }

    fn energy(&self, x: &[f64]) -> Result<f64, Fault> {
        Fault::check_len("positions", self.n, x.len())?;
        if !x.iter().all(|x| x.is_finite()) {
            return Ok(f64::NAN);
        }
        let depths: Vec<f64> = x.iter().enumerate().map(|(i, x)| self.depth(i, Self::cell(*x))).collect();
        Ok(-glasslab_core::sum::sum(&depths))
    }

    fn initial(&self, streams: Streams, replica: u64, x: &mut [f64]) -> Result<(), Fault> {
        Fault::check_len("positions", self.n, x.len())?;
        let mut rng = streams.stream("initial", replica, 0);
        x.iter_mut().for_each(|x| *x = Self::position(rng.random()));
        Ok(())
    }

    fn layout(&self) -> Vec<Block> {
        vec![Block { name: "walkers".to_owned(), range: 0..self.n, shape: vec![self.n] }]
    }

    /// Above T_g: -T T_g/(T - T_g) per walker, the mean over depths weighted by exp(depth/T). Below, there is none: the
    /// energy falls for ever.
    fn reference_energy(&self, temperature: f64) -> Option<(f64, &'static str)> {
        let tg = self.glass_temperature;
        (temperature > tg).then(|| (-temperature * tg / (temperature - tg), "equilibrium"))
    }

    fn citations(&self) -> &'static [Citation] {
        &SOURCES
    }

    fn native(self: Arc<Self>, job: &Job) -> Result<Option<Box<dyn Stepper>>, Fault> {
        match job.method {
            Method::Hop { step_size, temperature } => {
                Ok(Some(Box::new(hops::Hops::new(self, job, step_size, temperature)?)))
            }
            _ => Ok(None),
        }
    }
}

/// The trap model in the registry.
pub fn entry() -> Entry {
    Entry {
        name: "trap",
        about: "Bouchaud's trap model: aging with mu = 1 below T_g, exactly solved",
        parameters: || {
            vec![
                Parameter::integer("n", 4096, 1, 1 << 30, "number N of independent walkers"),
                Parameter::number("glass_temperature", 1.0, 1e-12, 1e12, "T_g: mean depth of the traps"),
            ]
        },
        method: || Method::Hop { step_size: 1.0, temperature: 0.5 },
        steps: 100_000,
        build: |parameters: &Parameters, build: &Build| {
            let (n, tg) = (parameters.size("n"), parameters.number("glass_temperature"));
            Ok(Arc::new(TrapModel::new(n, tg, build.streams, build.sample)?))
        },
        citations: &SOURCES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_and_positions_are_inverse() {
        for cell in [0, 1, 77, 1 << 31, u32::MAX - 1, u32::MAX] {
            assert_eq!(TrapModel::cell(TrapModel::position(cell)), cell);
        }
        assert!(TrapModel::position(0) > -HALF_LENGTH && TrapModel::position(u32::MAX) < HALF_LENGTH);
        assert_eq!(TrapModel::cell(TrapModel::position(5) + 4.0 * HALF_LENGTH), 5);
    }

    /// Depths are exponential with mean T_g: mean and mean square of M = 20000, standard errors T_g/sqrt(M) and
    /// T_g^2 sqrt(20/M) (moments n! T_g^n), 4 of them allowed. Positions have unit variance, standard error sqrt(0.8/M).
    #[test]
    fn depths_and_positions_have_their_moments() {
        let m = 20_000;
        let traps = TrapModel::new(m, 1.5, Streams::new(2), 7).unwrap();
        let mut x = vec![0.0; m];
        traps.initial(Streams::new(2), 0, &mut x).unwrap();
        let depths: Vec<f64> = x.iter().enumerate().map(|(i, x)| traps.depth(i, TrapModel::cell(*x)) / 1.5).collect();
        let mean = |f: &dyn Fn(f64) -> f64, v: &[f64]| v.iter().map(|v| f(*v)).sum::<f64>() / m as f64;
        let root = (m as f64).sqrt();
        assert!((mean(&|d| d, &depths) - 1.0).abs() < 4.0 / root);
        assert!((mean(&|d| d * d, &depths) - 2.0).abs() < 4.0 * 20_f64.sqrt() / root);
        assert!((mean(&|x| x * x, &x) - 1.0).abs() < 4.0 * 0.8_f64.sqrt() / root);
        assert_eq!(traps.energy(&x).unwrap(), -1.5 * glasslab_core::sum::sum(&depths));
    }
}
