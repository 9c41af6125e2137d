//! Particles against all pairs one by one, finite differences, and what bad input must be told.

use glasslab_core::{Fault, HessianVec, Streams, System, Virial};
use glasslab_glasses::Particles;
use glasslab_glasses::particles::dumbbells::dumbbells;
use glasslab_glasses::particles::kob_andersen::kob_andersen;
use glasslab_glasses::particles::soft_spheres::{ball_volume, soft_spheres};
use glasslab_glasses::particles::{Bond, Form, Melt, Pair, Shift, Specification, Start};
use glasslab_testkit::{force_is_minus_gradient, many_is_one_by_one};
use rand::RngExt;
use std::sync::Arc;

fn melt() -> Start {
    Start::Lattice(Some(Melt { temperature: 2.0, time: 0.3, step_size: 0.001 }))
}

/// All models, small: several species, molecules, both dimensions.
fn models() -> Vec<Arc<Particles>> {
    let soft = |form, d, ratio| soft_spheres(form, d, 60, ratio, 0.8, Start::Random).unwrap();
    [
        kob_andersen(250, 1.2, melt(), 7.25).unwrap(),
        dumbbells(130, 0.932, melt(), 7.0).unwrap(),
        soft(Form::Harmonic, 3, 1.4),
        soft(Form::Harmonic, 2, 1.4),
        soft(Form::Hertzian, 3, 1.0),
        soft(Form::Hertzian, 2, 1.2),
    ]
    .into_iter()
    .map(Arc::new)
    .collect()
}

fn start(system: &dyn System, replica: u64) -> Vec<f64> {
    let mut x = vec![0.0; system.dof()];
    system.initial(Streams::new(8), replica, &mut x).expect("a start");
    x
}

/// u'(r) r/|r| over all pairs i < j and their nearest images, and bonds: nothing shared with the code but the potentials.
fn one_by_one(model: &Particles, x: &[f64]) -> (f64, Vec<f64>) {
    let (d, lengths, spec) = (model.dimension(), model.lengths(), model.specification());
    let (mut energy, mut force) = (0.0, vec![0.0; x.len()]);
    let mut add = |i: usize, j: usize, law: &dyn Fn(f64) -> (f64, f64)| {
        let r: Vec<f64> = (0..d)
            .map(|k| {
                let r = x[i * d + k] - x[j * d + k];
                r - lengths[k] * (r / lengths[k]).round()
            })
            .collect();
        let distance = r.iter().map(|r| r * r).sum::<f64>().sqrt();
        let (u, slope) = law(distance);
        energy += u;
        for k in 0..d {
            force[i * d + k] -= slope * r[k] / distance;
            force[j * d + k] += slope * r[k] / distance;
        }
    };
    for i in 0..model.count() {
        for j in 0..i {
            if !spec.bonds.iter().any(|b| b.particles == [j as u32, i as u32]) {
                let pair = model.pair(spec.species[i] as usize, spec.species[j] as usize);
                add(i, j, &|r| {
                    let (u, slope, _) = pair.derivatives(r);
                    (u, slope)
                });
            }
        }
    }
    for b in &spec.bonds {
        let law = |r: f64| (0.5 * b.stiffness * (r - b.length).powi(2), b.stiffness * (r - b.length));
        add(b.particles[0] as usize, b.particles[1] as usize, &law);
    }
    (energy, force)
}

fn norm(v: &[f64]) -> f64 {
    v.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn off(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// Energies and forces equal the plain double sum, to the rounding of sums of large terms of both signs, wherever the
/// particles are: in the box, wrapped many boxes away, in part beyond its edges.
#[test]
fn lists_and_cells_find_every_pair() {
    for model in models() {
        let mut x = start(&*model, 1);
        let d = model.dimension();
        for boxes in [0.0, 3.0] {
            for (i, x) in x.iter_mut().enumerate() {
                *x += boxes * model.lengths()[i % d] * ((i / d % 5) as f64 - 2.0);
            }
            let mut force = vec![0.0; x.len()];
            let energy = model.energy_force(&x, &mut force).unwrap();
            let (expected, forces) = one_by_one(&model, &x);
            assert!(
                (energy - expected).abs() < 1e-11 * (expected.abs() + 1.0),
                "{}: {energy} {expected}",
                model.name()
            );
            assert!(off(&force, &forces) < 1e-11 * (norm(&forces) + 1.0), "{}: {}", model.name(), off(&force, &forces));
            assert!(energy.abs() > 0.1, "{}: something touches", model.name());
        }
    }
}

/// Harmonic contacts have a kink of the force; the differences cross some: the Hertzian form and the liquids stand for it.
#[test]
fn forces_are_minus_gradients() {
    for model in models().into_iter().filter(|m| m.pair(0, 0).form != Form::Harmonic) {
        // Small steps: coordinates of order 1.
        let x = start(&*model, 1);
        let h = 1e-6;
        let mut force = vec![0.0; x.len()];
        model.energy_force(&x, &mut force).unwrap();
        for i in [0, 1, x.len() / 2, x.len() - 1] {
            let at = |s: f64| {
                let mut y = x.clone();
                y[i] += s;
                model.energy(&y).unwrap()
            };
            let slope = (at(h) - at(-h)) / (2.0 * h);
            // Rounding of E/h, and h^2 times third derivatives.
            let bound = 1e-7 * (1.0 + norm(&force)) + 1e-15 * at(0.0).abs() / h;
            assert!((slope + force[i]).abs() < bound, "{} {i}: {slope} {}", model.name(), force[i]);
        }
    }
    let hertzian = soft_spheres(Form::Hertzian, 3, 60, 1.4, 1.2, Start::Random).unwrap();
    let x = start(&hertzian, 1);
    let short: Vec<f64> = x.iter().map(|x| x - 2.0).collect();
    assert_eq!(force_is_minus_gradient(&hertzian, &short, 1e-15), Ok(()));
}

#[test]
fn replicas_together_are_replicas_alone() {
    for model in models() {
        let x: Vec<f64> = (0..3).flat_map(|r| start(&*model, r)).collect();
        assert_eq!(many_is_one_by_one(&*model, &x), Ok(()), "{}", model.name());
    }
}

/// The evaluator follows a walk of 60 steps, long enough for several new lists: it equals the stateless force to rounding,
/// and one that is saved and loaded on the way gives the same bits from then on.
#[test]
fn the_evaluator_remembers_and_agrees() {
    for model in models() {
        let mut x = start(&*model, 2);
        let mut kept = model.clone().forces().unwrap();
        let (mut a, mut b, mut c) = (vec![0.0; x.len()], vec![0.0; x.len()], vec![0.0; x.len()]);
        let mut lists = Vec::new();
        for step in 0..60 {
            let mut rng = Streams::new(3).stream("walk", 0, step);
            x.iter_mut().for_each(|x| *x += rng.random_range(-0.01..0.012));
            let energy = kept.energy_force(&x, &mut a).unwrap();
            let expected = model.energy_force(&x, &mut b).unwrap();
            assert!((energy - expected).abs() < 1e-11 * (expected.abs() + 1.0), "{} {step}", model.name());
            assert!(off(&a, &b) < 1e-10 * (1.0 + norm(&b)), "{} {step}: {}", model.name(), off(&a, &b));
            if step % 7 == 0 {
                let mut loaded = model.clone().forces().unwrap();
                loaded.load(&kept.save()).unwrap();
                let again = loaded.energy_force(&x, &mut c).unwrap();
                assert!(again.to_bits() == energy.to_bits() && a == c, "{} {step}", model.name());
                kept = loaded;
            }
            if lists.last() != Some(&kept.save()) {
                lists.push(kept.save());
            }
        }
        assert!(lists.len() > 1, "{}: the list was never made anew", model.name());
        assert!(kept.load(&[1.0]).is_err());
    }
}

/// H v by central differences of the force, h = 1e-6: relative error 1e-6 where no contact opens or closes within h.
#[test]
fn hessian_products_are_derivatives_of_the_force() {
    for model in models() {
        let (x, n) = (start(&*model, 3), model.dof());
        let v: Vec<f64> = start(&*model, 4).iter().map(|v| v.sin()).collect();
        let mut out = vec![0.0; 2 * n];
        let two: Vec<f64> = v.iter().copied().chain(v.iter().map(|v| 2.0 * v)).collect();
        model.hessian_vec_many(&x, &two, &mut out).unwrap();
        let at = |s: f64| {
            let moved: Vec<f64> = x.iter().zip(&v).map(|(x, v)| x + s * v).collect();
            let mut force = vec![0.0; n];
            model.energy_force(&moved, &mut force).unwrap();
            force
        };
        let h = 1e-6;
        let expected: Vec<f64> = at(-h).iter().zip(at(h)).map(|(a, b)| (a - b) / (2.0 * h)).collect();
        assert!(
            off(&out[..n], &expected) < 1e-5 * norm(&expected),
            "{}: {:e}",
            model.name(),
            off(&out[..n], &expected) / norm(&expected)
        );
        let twice: Vec<f64> = out[..n].iter().map(|v| 2.0 * v).collect();
        assert!(off(&out[n..], &twice) < 1e-12 * norm(&twice));
    }
}

/// The virial is minus the derivative of the energy by a strain of the box, W_kk = -dE/d(strain_k): the box and all
/// coordinates, those of bonded particles too, are stretched along one axis by 1 + h; central differences.
#[test]
fn virials_are_derivatives_by_the_strain() {
    for model in models() {
        let (x, d) = (start(&*model, 5), model.dimension());
        let virial = Virial::virial(&*model, &x).unwrap();
        for k in 0..d {
            let energy = |h: f64| {
                let mut spec: Specification = model.specification().clone();
                spec.lengths[k] *= 1.0 + h;
                let mut y = x.clone();
                y.iter_mut().skip(k).step_by(d).for_each(|y| *y *= 1.0 + h);
                Particles::new(spec).unwrap().energy(&y).unwrap()
            };
            let h = 1e-6;
            let expected = -(energy(h) - energy(-h)) / (2.0 * h);
            let scale = virial.iter().map(|w| w.abs()).fold(1.0, f64::max);
            // A shifted energy jumps in its force at the cut-off: differences of order h cross few of these.
            assert!((virial[k * d + k] - expected).abs() < 1e-4 * scale, "{} {k}: {virial:?} {expected}", model.name());
        }
    }
}

/// Density, packing fraction, and the first picture of each start.
#[test]
fn starts_are_where_they_should_be() {
    let model = kob_andersen(500, 1.2, Start::Lattice(None), 7.25).unwrap();
    assert!((500.0 / model.volume() - 1.2).abs() < 1e-12);
    assert_eq!(model.members(1).len(), 100);
    let (a, b) = (start(&model, 0), start(&model, 1));
    assert!(a != b && a == start(&model, 0));
    // 500 = 4 x 5^3 sites of the face-centred lattice: nearest neighbours at V^(1/3)/5/sqrt(2).
    let mut nearest = f64::INFINITY;
    model.for_pairs(&a, 0.0, |_, _, r| nearest = nearest.min(norm(&r))).unwrap();
    assert!((nearest - model.lengths()[0] / 5.0 / 2.0_f64.sqrt()).abs() < 1e-12);
    let model = dumbbells(256, 0.932, Start::Lattice(None), 7.0).unwrap();
    let x = start(&model, 0);
    for m in 0..256 {
        let (a, b) = (&x[6 * m..6 * m + 3], &x[6 * m + 3..6 * m + 6]);
        assert!((off(a, b) - 0.584).abs() < 1e-12);
    }
    let model = soft_spheres(Form::Harmonic, 2, 11, 1.4, 0.8, Start::Random).unwrap();
    let area = ball_volume(2) * (6.0 + 5.0 * 1.96);
    assert!((area / model.volume() - 0.8).abs() < 1e-12);
}

fn complaint(result: Result<Particles, Fault>) -> String {
    match result.err().expect("a refusal") {
        Fault::Input(complaints) => complaints.iter().map(|c| format!("{c}\n")).collect(),
        other => other.to_string(),
    }
}

#[test]
fn bad_input_is_told_what_to_do() {
    let small = complaint(kob_andersen(20, 1.2, Start::Lattice(None), 7.0));
    assert!(small.contains("box = 2.5544") && small.contains("at least twice the cut-off, 5.0000"), "{small}");
    assert!(complaint(kob_andersen(200, -1.0, Start::Random, 7.0)).starts_with("density = -1: give"));
    assert!(complaint(soft_spheres(Form::Harmonic, 3, 100, f64::NAN, 0.7, Start::Random)).starts_with("ratio = NaN"));
    let many = complaint(kob_andersen(1 << 33, 1.2, Start::Random, 7.0));
    assert!(many.contains("n = 8589934592: give at most 268435456 particles"), "{many}");
    if glasslab_glasses::memory::available().is_some_and(|m| m < 1 << 37) {
        let much = complaint(kob_andersen(1 << 28, 1.2, Start::Random, 7.0));
        assert!(much.contains("memory") && much.contains("lower n"), "{much}");
    }
    let spec = Specification {
        name: "wrong",
        lengths: vec![4.0; 4],
        species: vec![0, 3],
        masses: vec![-1.0],
        pairs: vec![],
        bonds: vec![Bond { particles: [0, 9], stiffness: 1.0, length: 1.0 }],
        start: Start::Random,
        skin: -0.1,
        wave_number: 1.0,
        citations: &[],
    };
    let all = complaint(Particles::new(spec));
    for field in ["lengths", "species", "masses", "pairs", "skin", "bonds"] {
        assert!(all.contains(&format!("{field} = ")), "{field} is missing in {all}");
    }
}

#[test]
fn overlaps_are_named() {
    let mut x = start(&kob_andersen(200, 1.2, Start::Lattice(None), 7.0).unwrap(), 0);
    x.copy_within(0..3, 30);
    x[30] += 1e-3;
    let model = kob_andersen(200, 1.2, Start::Given(x.clone()), 7.0).unwrap();
    let fault = model.initial(Streams::new(1), 0, &mut vec![0.0; 600]).unwrap_err().to_string();
    assert!(fault.contains("particles 0 and 10 overlap (distance 1.000e-3): move them apart"), "{fault}");
    // At one and the same place, too.
    x[30] -= 1e-3;
    assert!(model.check_overlaps(&x, 1e8).is_err());
    let short = kob_andersen(200, 1.2, Start::Given(vec![0.0; 5]), 7.0).unwrap();
    assert!(matches!(short.initial(Streams::new(1), 0, &mut vec![0.0; 600]), Err(Fault::Shape { .. })));
}

/// A step that throws particles across the box, and coordinates that are not finite, give energies that are not.
#[test]
fn blown_up_positions_have_no_energy() {
    let model = Arc::new(kob_andersen(200, 1.2, Start::Lattice(None), 7.0).unwrap());
    let mut x = start(&*model, 0);
    let mut force = vec![0.0; 600];
    let mut kept = model.clone().forces().unwrap();
    assert!(kept.energy_force(&x, &mut force).unwrap().is_finite());
    x[5] += 0.6 * model.lengths()[0];
    assert!(kept.energy_force(&x, &mut force).unwrap().is_nan());
    x[5] = f64::INFINITY;
    assert!(model.energy_force(&x, &mut force).unwrap().is_nan() && force[0].is_nan());
}

/// A box of one species that do not interact with themselves, cut-off 0 on the diagonal: ideal gas with foreign walls.
#[test]
fn pairs_without_interaction_are_skipped() {
    let nothing = Pair { cutoff: 0.0, ..Pair::lennard_jones(1.0, 1.0, 2.5, Shift::Energy) };
    let between = Pair::soft(Form::Harmonic, 1.0, 1.0);
    let spec = Specification {
        name: "two",
        lengths: vec![5.0; 3],
        species: vec![0, 0, 1],
        masses: vec![1.0, 1.0],
        pairs: vec![nothing, between, between, nothing],
        bonds: vec![],
        start: Start::Random,
        skin: 0.0,
        wave_number: 1.0,
        citations: &[],
    };
    let model = Particles::new(spec).unwrap();
    let x = [1.0, 1.0, 1.0, 1.2, 1.0, 1.0, 1.0, 1.0, 0.5];
    let expected = 0.5 * 0.5_f64.powi(2) + 0.5 * (1.0 - 0.29_f64.sqrt()).powi(2);
    assert!((model.energy(&x).unwrap() - expected).abs() < 1e-15);
}
