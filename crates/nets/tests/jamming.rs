//! Networks at the jamming transition: data, gaps, the two parts of the Hessian against PyTorch.

use glasslab_core::*;
use glasslab_nets::jamming::{JammingData, JammingMlp};
use glasslab_nets::labelled::Labelled;
use glasslab_nets::layers::Initial;
use glasslab_nets::{Hidden, Loss, Mlp, Parametrisation};
use safetensors::SafeTensors;
use std::path::Path;

fn reference(name: &str) -> Vec<f64> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cross/jamming.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let all = SafeTensors::deserialize(&bytes).unwrap();
    all.tensor(name).unwrap().data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
}

fn shape(width: usize, depth: usize) -> Mlp {
    Mlp {
        widths: vec![width; depth],
        hidden: Hidden::Relu,
        parametrisation: Parametrisation::Standard,
        initial: Initial::Orthogonal,
        bias: 1.0,
        loss: Loss::QuadraticHinge { margin: 1.0 },
        binary: true,
    }
}

fn system() -> JammingMlp {
    let train = Labelled { inputs: 4, x: reference("x"), y: reference("y") };
    JammingMlp::new(&shape(5, 2), &train, &Labelled { inputs: 4, ..Labelled::default() }).unwrap()
}

fn worst(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// H0 and Hp equal PyTorch's to 1e-12, entry by entry; H0 + Hp is the Hessian of the System's own products; both are symmetric, H0
/// has rank N_Delta or less. A split that counts all samples, or takes Hp of the wrong sign, is far off.
/// `cross/make_jamming.py` made the numbers.
#[test]
fn the_split_matches_pytorch() {
    let (system, at) = (system(), reference("split.at"));
    let split = system.hessian_split(&at).unwrap();
    let n = split.dof;
    assert_eq!((n, system.effective()), (61, 50));
    let (h0, hp) = (reference("split.h0"), reference("split.hp"));
    assert!(worst(&split.h0, &h0) < 1e-12 && worst(&split.hp, &hp) < 1e-12);
    assert!(worst(&split.hp, &vec![0.0; n * n]) > 1e-2, "there is something to compare");
    assert_eq!(split.violated as f64, reference("split.unmet")[0]);
    let (mut v, mut product) = (vec![0.0; n], vec![0.0; n]);
    for j in 0..n {
        v.fill(0.0);
        v[j] = 1.0;
        system.hessian_vec(&at, &v, &mut product).unwrap();
        let column: Vec<f64> = (0..n).map(|i| split.h0[i * n + j] + split.hp[i * n + j]).collect();
        assert!(worst(&product, &column) < 1e-13);
        assert!(
            (0..n).all(|i| split.h0[i * n + j] == split.h0[j * n + i] && split.hp[i * n + j] == split.hp[j * n + i])
        );
    }
}

/// Samples that need no backward pass are left out of it without a difference: the force is that of one sample after the other.
#[test]
fn forces_of_few_and_of_many_unmet_margins_are_sums_of_those_of_single_samples() {
    let d = 6;
    let data = JammingData::open("random", d, 700, 0, Path::new("."), Streams::new(4)).unwrap().of(d, 700, 0).unwrap();
    let system = JammingMlp::new(&shape(7, 3), &data.train, &data.test).unwrap();
    let mut x = vec![0.0; system.dof()];
    System::initial(&system, Streams::new(1), 0, &mut x).unwrap();
    let output = system.layout().iter().find(|b| b.name == "layer4.bias").unwrap().range.start;
    let mut seen = Vec::new();
    // The bias of the output moves all margins of one label up: from all unmet to half.
    for bias in [0.0, 3.0, 30.0] {
        x[output] = bias;
        let (mut whole, mut one, mut sum) = (x.clone(), x.clone(), vec![0.0; x.len()]);
        let (energy, unmet) = system.energy_force_violated(&x, &mut whole).unwrap();
        let mut energies = 0.0;
        for sample in 0..700 {
            energies += system.batch_energy_force(&x, &[sample], &mut one).unwrap() / 700.0;
            sum.iter_mut().zip(&one).for_each(|(s, f)| *s += f / 700.0);
        }
        let size = sum.iter().fold(0.0_f64, |m, f| m.max(f.abs()));
        assert!(worst(&whole, &sum) < 1e-13 * size && (energy - energies).abs() < 1e-12 * energy, "{bias}");
        let gaps = system.gaps(&x).unwrap();
        assert_eq!(unmet, Some(gaps.iter().filter(|g| **g < 0.0).count()));
        seen.push(unmet.unwrap());
    }
    assert!(seen[0] > 600 && seen[2] == 350, "both ways are taken: {seen:?}");
}

/// Inputs are centred to rounding before they are put on the sphere |x|^2 = d; labels balance; nets have data of their own; images
/// of different nets do not overlap as long as there are enough.
#[test]
fn jamming_data_are_balanced_and_on_the_sphere() {
    let random = JammingData::open("random", 9, 100, 0, Path::new("."), Streams::new(4)).unwrap();
    let digits = JammingData::open("digits", 9, 300, 50, Path::new("."), Streams::new(4)).unwrap();
    for data in [&random, &digits] {
        let (a, b) = (data.of(9, 100, 0).unwrap(), data.of(9, 100, 1).unwrap());
        for part in [&a.train, &b.train, &a.test] {
            assert!(part.x.chunks(9).all(|x| (x.iter().map(|v| v * v).sum::<f64>() - 9.0).abs() < 1e-12));
        }
        assert_eq!(a.train.y.iter().sum::<f64>(), 0.0);
        assert!(a.train.x.chunks(9).all(|x| b.train.x.chunks(9).all(|other| worst(x, other) > 1e-6)));
        assert_eq!(a, data.of(9, 100, 0).unwrap());
    }
    assert_eq!((random.of(9, 100, 0).unwrap().test.len(), digits.of(9, 100, 0).unwrap().test.len()), (0, 50));
    assert!(digits.of(9, 301, 0).unwrap_err().to_string().contains("at most 300"));
    assert!(JammingData::open("stripe", 9, 10, 0, Path::new("."), Streams::new(4)).is_err());
}

#[test]
fn nonsense_is_refused_with_its_name() {
    let train = Labelled { inputs: 2, x: vec![0.0; 4], y: vec![1.0, -1.0] };
    let none = Labelled { inputs: 2, ..Labelled::default() };
    let refuse = |shape: &Mlp, train: &Labelled| JammingMlp::new(shape, train, &none).err().unwrap().to_string();
    assert!(refuse(&Mlp { loss: Loss::MeanSquare, ..shape(3, 1) }, &train).contains("loss"));
    assert!(refuse(&shape(0, 1), &train).contains("at least 1 unit"));
    assert!(refuse(&shape(3, 1), &none).contains("at least one training sample"));
    assert!(refuse(&shape(3, 1), &Labelled { y: vec![1.0, 0.0], ..train.clone() }).contains("labels -1 and +1"));
    let large = JammingMlp::new(&shape(100, 2), &train, &none).unwrap();
    let x = vec![0.0; large.dof()];
    assert!(large.hessian_split(&x).unwrap_err().to_string().contains("4096"));
}
