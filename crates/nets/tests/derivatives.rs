//! Second derivatives, Jacobian products and tangent kernels of every network against PyTorch in float64;
//! `cross/make_derivatives.py` made the numbers, and says how long arrays are shortened.

use glasslab_core::*;
use glasslab_nets::data::{Images, Normalisation};
use glasslab_nets::layers::Initial;
use glasslab_nets::*;
use safetensors::SafeTensors;
use std::path::Path;
use std::sync::Arc;

const SAMPLES: usize = 24;
const OTHERS: usize = 8;
/// Numbers that are kept of a long array.
const SUMS: usize = 512;

/// Training samples, and the eight other inputs.
type Data = (Training, Vec<f64>);

fn inputs(data: &DataSet, rows: std::ops::Range<usize>) -> Vec<f64> {
    rows.flat_map(|row| data.sample(Split::Train, row)).collect()
}

fn digits() -> Data {
    let data = DataSet::open("digits", Path::new(".")).unwrap();
    let others = inputs(&data, 100..100 + OTHERS);
    let labels = data.train.labels[..SAMPLES].to_vec();
    (Training { data, rows: (0..SAMPLES as u32).collect(), labels }, others)
}

fn images(side: usize) -> Data {
    let mut images = Images::default();
    let pixels = 0..((SAMPLES + OTHERS) * 3 * side * side) as u32;
    images.pixels = pixels.map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    images.labels = (0..SAMPLES + OTHERS).map(|i| (i * 7 % 10) as u16).collect();
    let law = Normalisation::of(&images.pixels[..SAMPLES * 3 * side * side], 3, side * side, 255.0);
    let data = DataSet::new("formula", [3, side, side], 10, 255.0, Some(law), images, Images::default()).unwrap();
    let others = inputs(&data, SAMPLES..SAMPLES + OTHERS);
    let labels = data.train.labels[..SAMPLES].to_vec();
    (Training { data: Arc::new(data), rows: (0..SAMPLES as u32).collect(), labels }, others)
}

/// On (-1, 1), by the script's formula: the finaliser of MurmurHash3 of a count.
fn uniform(count: usize, stream: u32) -> Vec<f64> {
    let hash = |i: u32| {
        let h = i.wrapping_mul(0x9E37_79B1).wrapping_add(stream.wrapping_mul(0x85EB_CA77));
        let h = (h ^ h >> 16).wrapping_mul(0x85EB_CA6B);
        let h = (h ^ h >> 13).wrapping_mul(0xC2B2_AE35);
        f64::from(h ^ h >> 16) / f64::from(1_u32 << 31) - 1.0
    };
    (0..count as u32).map(hash).collect()
}

/// Sums over the entries of each residue modulo `SUMS`, with signs by the formula.
fn short(array: &[f64]) -> Vec<f64> {
    if array.len() <= SUMS {
        return array.to_vec();
    }
    let mut sums = vec![0.0; SUMS];
    for (i, (value, sign)) in array.iter().zip(uniform(array.len(), 9)).enumerate() {
        sums[i % SUMS] += if sign < 0.0 { -value } else { *value };
    }
    sums
}

/// Running statistics by the formula: means on (-1/2, 1/2), variances on (1/2, 3/2).
fn running(system: &Trained) -> Vec<f64> {
    let pairs = System::buffers(system);
    let norm = |(number, pair): (usize, &[Block])| {
        let channels = pair[0].range.len();
        assert!(pair[0].name.ends_with("running_mean") && pair[1].name.ends_with("running_var"));
        let values = uniform(2 * channels, 10 + number as u32).into_iter();
        values.enumerate().map(move |(i, u)| 0.5 * u + f64::from(u8::from(i >= channels)))
    };
    pairs.chunks_exact(2).enumerate().flat_map(norm).collect()
}

/// Name, network, the other inputs, size of the parameters.
fn image_networks() -> Vec<(&'static str, Trained, Vec<f64>, f64)> {
    let frozen = |system: Trained| system.frozen(&running(&system)).unwrap();
    let resnet = |stem, side| resnet18(stem, 2, images(side).0).unwrap();
    vec![
        ("cnn", cnn(6, images(20).0).unwrap(), images(20).1, 2.0),
        ("resnet18-imagenet-training", resnet(Stem::ImageNet, 32), images(32).1, 0.75),
        ("resnet18-imagenet-frozen", frozen(resnet(Stem::ImageNet, 32)), images(32).1, 0.75),
        ("resnet18-cifar-training", resnet(Stem::Cifar, 16), images(16).1, 0.5),
        ("resnet18-cifar-frozen", frozen(resnet(Stem::Cifar, 16)), images(16).1, 0.5),
    ]
}

fn networks() -> Vec<(&'static str, Trained, Vec<f64>)> {
    let ntk = |widths: &[usize], hidden, bias, loss, binary| {
        let (training, others) = digits();
        let shape = Mlp { widths: widths.to_vec(), hidden, bias, loss, binary, ..Mlp::default() };
        (mlp(&shape, training).unwrap(), others)
    };
    let with = |of: fn(Training) -> Trained, (training, others): Data| (of(training), others);
    let soft = |margin, beta| Loss::SoftHinge { margin, beta };
    let quadratic = Loss::QuadraticHinge { margin: 1.0 };
    let jamming = |training| {
        let shape = Mlp {
            widths: vec![6, 5],
            hidden: Hidden::Relu,
            parametrisation: Parametrisation::Standard,
            initial: Initial::Orthogonal,
            bias: 1.0,
            loss: Loss::QuadraticHinge { margin: 1.0 },
            binary: true,
        };
        mlp(&shape, training).unwrap()
    };
    let all = [
        ("toy", with(|t| toy(5, t).unwrap(), digits())),
        ("fully-connected", with(|t| fully_connected(&[7, 6], t).unwrap(), digits())),
        ("silu", ntk(&[6, 5], Hidden::Silu(10.0), 0.0, soft(1.0, 20.0), true)),
        ("softplus", ntk(&[6, 5, 4], Hidden::Softplus(5.0), 0.1, quadratic, true)),
        ("tanh", ntk(&[6, 5], Hidden::Tanh(2.0), 0.3, Loss::MeanSquare, true)),
        ("tanh-likelihood", ntk(&[6], Hidden::Tanh(1.0), 0.0, Loss::LogLikelihood, true)),
        ("classes", ntk(&[6, 5], Hidden::Silu(1.0), 0.0, soft(1.0, 3.0), false)),
        ("classes-quadratic", ntk(&[6], Hidden::Relu, 0.0, quadratic, false)),
        ("jamming", with(jamming, digits())),
        ("hinge", ntk(&[6, 5], Hidden::Relu, 0.0, Loss::Hinge { margin: 1.0 }, true)),
        ("linear", ntk(&[], Hidden::Relu, 0.0, soft(0.5, 4.0), true)),
        ("small-net", with(|t| small_net(0.2, t).unwrap(), images(16))),
    ];
    all.into_iter().map(|(name, (network, others))| (name, network, others)).collect()
}

/// Everything of one network at x, with v and u, each to 1e-9 relative in the Euclidean norm; the number of comparisons.
fn compare(
    name: &str,
    system: &Trained,
    others: &[f64],
    [x, v, u]: [&[f64]; 3],
    shorten: bool,
    get: &dyn Fn(&str) -> Vec<f64>,
) -> usize {
    let mut seen = 0;
    let mut check = |what: &str, found: &[f64]| {
        let right = get(what);
        let found = if shorten { short(found) } else { found.to_vec() };
        assert_eq!(found.len(), right.len(), "{name} {what}");
        let off: Vec<f64> = found.iter().zip(&right).map(|(f, r)| f - r).collect();
        let size = sum::dot(&right, &right).sqrt();
        // The hinge has no curvature: its Gauss-Newton matrix is 0.
        assert!(size > 0.0 || (name, what) == ("hinge", "gauss-newton"), "{name} {what} tests something");
        let relative = sum::dot(&off, &off).sqrt() / size.max(1e-300);
        assert!(relative <= 1e-9, "{name} {what}: {relative:e}");
        seen += 1;
    };
    let (n, c) = (system.dof(), system.network.outputs());
    assert_eq!(n, x.len(), "{name}");
    let mut out = vec![0.0; n];
    let energy = system.energy_force(x, &mut out).unwrap();
    out.iter_mut().for_each(|f| *f = -*f);
    check("loss", &[energy]);
    check("gradient", &out);
    // Asked for as every method does, through the abilities of a System.
    let system_of_any_kind: &dyn System = system;
    let (hessian, tangent) = (system_of_any_kind.hessian().unwrap(), system_of_any_kind.tangent().unwrap());
    hessian.hessian_vec(x, v, &mut out).unwrap();
    check("hessian", &out);
    tangent.gauss_newton_vec(x, v, &mut out).unwrap();
    check("gauss-newton", &out);
    system.empirical_fisher_vec(x, v, &mut out).unwrap();
    check("fisher", &out);
    let mut samples = vec![0.0; 3 * n];
    system.sample_gradients(x, &[0, 1, 2], &mut samples).unwrap();
    check("samples", &samples);
    let mut outputs = vec![0.0; OTHERS * c];
    system_of_any_kind.predict().unwrap().predict(x, others, &mut outputs).unwrap();
    check("outputs", &outputs);
    tangent.jacobian_vec(x, others, v, &mut outputs).unwrap();
    check("jacobian-vec", &outputs);
    tangent.vec_jacobian(x, others, u, &mut out).unwrap();
    check("vec-jacobian", &out);
    let mut kernel = vec![0.0; OTHERS * c * OTHERS * c];
    tangent.tangent_kernel(x, others, None, &mut kernel).unwrap();
    check("kernel", &kernel);
    tangent.tangent_kernel(x, others, Some(others), &mut kernel).unwrap();
    check("kernel", &kernel);
    seen
}

#[test]
fn derivatives_match_pytorch() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cross/derivatives.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let all = SafeTensors::deserialize(&bytes).unwrap();
    let get = |name: &str, what: &str| -> Vec<f64> {
        let tensor = all.tensor(&format!("{name}/{what}")).unwrap();
        tensor.data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
    };
    // The kernel is compared twice.
    let mut used = 0;
    for (name, system, others) in networks() {
        let (x, v, u) = (get(name, "x"), get(name, "v"), get(name, "u"));
        used += 3 - 1 + compare(name, &system, &others, [&x, &v, &u], false, &|what| get(name, what));
    }
    for (name, system, others, size) in image_networks() {
        let x: Vec<f64> = uniform(system.dof(), 1).into_iter().map(|x| size * x).collect();
        let (v, u) = (uniform(system.dof(), 2), uniform(OTHERS * 10, 3));
        used += compare(name, &system, &others, [&x, &v, &u], true, &|what| get(name, what)) - 1;
    }
    assert_eq!(used, all.len(), "each number of the script is used");
}

/// Kernels of more samples than a block holds, on any number of threads: the same bits, symmetric, and the products of the
/// Jacobian's rows to rounding.
#[test]
fn kernels_in_blocks_are_products_of_gradients() {
    let (training, _) = digits();
    let a = inputs(&training.data, 0..601);
    let b = inputs(&training.data, 700..990);
    let shape = Mlp { widths: vec![7], ..Mlp::default() };
    let system = mlp(&shape, training).unwrap();
    let mut x = vec![0.0; system.dof()];
    system.initial(Streams::new(2), 0, &mut x).unwrap();
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let kernel = |threads, b: Option<&[f64]>, columns: usize| {
        let mut out = vec![f64::NAN; 601 * columns];
        pool(threads).install(|| system.tangent_kernel(&x, &a, b, &mut out)).unwrap();
        out
    };
    let (whole, cross) = (kernel(1, None, 601), kernel(3, Some(&b), 290));
    assert!(whole == kernel(3, None, 601) && cross == kernel(1, Some(&b), 290));
    assert!((0..601).all(|i| (0..i).all(|j| whole[i * 601 + j] == whole[j * 601 + i])));
    let row = |inputs: &[f64], sample: usize| {
        let mut out = vec![0.0; x.len()];
        system.vec_jacobian(&x, &inputs[sample * 64..(sample + 1) * 64], &[1.0], &mut out).unwrap();
        out
    };
    for (i, j) in [(0, 0), (3, 255), (255, 256), (600, 289), (512, 100), (300, 5)] {
        let (left, right, other) = (row(&a, i), row(&a, j), row(&b, j));
        let size = (sum::dot(&left, &left) * sum::dot(&right, &right)).sqrt();
        assert!((whole[i * 601 + j] - sum::dot(&left, &right)).abs() < 1e-13 * size, "{i} {j}");
        assert!((cross[i * 290 + j] - sum::dot(&left, &other)).abs() < 1e-13 * size, "{i} {j}");
    }
}

#[test]
fn wrong_lengths_are_refused() {
    let (training, others) = digits();
    let system = toy(3, training).unwrap();
    let (x, n) = (vec![0.1; system.dof()], system.dof());
    let (mut small, mut out, mut outputs) = (vec![0.0; n - 1], vec![0.0; n], vec![0.0; OTHERS * 10]);
    assert!(system.hessian_vec(&x, &small.clone(), &mut out).is_err());
    assert!(system.hessian_vec(&x, &x, &mut small).is_err());
    assert!(system.hessian_vec_many(&x, &vec![0.0; 2 * n + 1], &mut vec![0.0; 2 * n + 1]).is_err());
    assert!(Predict::predict(&system, &x, &others[1..], &mut outputs).is_err());
    assert!(Predict::predict(&system, &x, &others, &mut outputs[1..]).is_err());
    assert!(system.tangent_kernel(&x, &others, None, &mut outputs).is_err());
    assert!(system.vec_jacobian(&x, &others, &outputs[1..], &mut out).is_err());
    assert!(system.sample_gradients(&x, &[SAMPLES as u32], &mut out).is_err());
    assert!(system.frozen(&[1.0]).is_err(), "it has no running statistics");
}
