//! Each layer alone: derivatives by finite differences, per-sample norms, and PyTorch's numbers.

use super::*;
use crate::kernels::Real;
use glasslab_core::sum::dot;
use proptest::prelude::*;
use safetensors::SafeTensors;
use std::path::Path;

pub(super) const SAMPLES: usize = 3;

/// The cases of `tests/cross/make_layers.py`, and some more whose borders are odd.
pub(super) fn layers() -> Vec<(&'static str, Box<dyn Layer>)> {
    let window = |kernel, stride, padding| Window { kernel, stride, padding };
    let conv = |image, outputs, w| Box::new(Convolution::new(image, outputs, w).unwrap()) as Box<dyn Layer>;
    let max = |image, w| Box::new(MaxPool::new(image, w).unwrap()) as Box<dyn Layer>;
    let mean = |image, w, count| Box::new(AveragePool::new(image, w, count).unwrap()) as Box<dyn Layer>;
    let bend = |activation| Box::new(Pointwise { units: 40, activation }) as Box<dyn Layer>;
    vec![
        ("conv-plain", conv([3, 9, 8], 7, window(5, 1, 0))),
        ("conv-padded", conv([2, 6, 7], 11, window(3, 1, 1))),
        ("conv-strided", conv([2, 9, 8], 4, window(3, 2, 1))),
        ("conv-wide", conv([1, 10, 11], 2, window(4, 3, 2))),
        ("conv-one", conv([5, 3, 4], 6, window(1, 1, 0))),
        ("conv-one-strided", conv([2, 5, 6], 3, window(1, 2, 0))),
        ("conv-whole", conv([2, 4, 4], 3, window(4, 1, 0))),
        ("conv-bare", Box::new(Convolution::new([2, 6, 7], 5, window(3, 2, 1)).unwrap().residual())),
        ("conv-scaled", Box::new(Convolution::new([3, 9, 8], 4, window(5, 1, 1)).unwrap().tangent_scaled(1.5))),
        ("conv-many", conv([17, 6, 5], 18, window(3, 1, 1))),
        ("conv-many-strided", Box::new(Convolution::new([16, 7, 8], 19, window(3, 2, 1)).unwrap().residual())),
        ("max-pairs", max([3, 6, 8], window(2, 2, 0))),
        ("max-pairs-odd", max([2, 7, 9], window(2, 2, 0))),
        ("max-overlap", max([2, 8, 7], window(3, 2, 1))),
        ("mean-pairs", mean([2, 6, 7], window(2, 2, 0), true)),
        ("mean-counted", mean([2, 8, 7], window(3, 2, 1), true)),
        ("mean-inside", mean([2, 8, 7], window(3, 2, 1), false)),
        ("mean-global", Box::new(GlobalPool::new([3, 4, 5]))),
        ("norm", Box::new(BatchNorm::new([3, 2, 3]))),
        ("norm-single", Box::new(BatchNorm::new([4, 1, 1]))),
        ("norm-frozen", norm_frozen()),
        ("tanh", bend(Activation::Tanh)),
        ("sigmoid", bend(Activation::Sigmoid)),
        ("silu", Box::new(Silu { units: 40, slope: 1.0 })),
        ("silu-steep", Box::new(Silu { units: 40, slope: 3.5 })),
        ("softplus", Box::new(Softplus { units: 40, beta: 1.0 })),
        ("softplus-steep", Box::new(Softplus { units: 40, beta: 5.0 })),
    ]
}

/// Normalisation with running statistics: means 0.3 c - 0.2, variances 0.5 + c.
fn norm_frozen() -> Box<dyn Layer> {
    let mean = (0..3).map(|c| 0.3 * f64::from(c) - 0.2);
    Box::new(BatchNorm::new([3, 2, 3]).with(mean.chain((0..3).map(|c| 0.5 + f64::from(c))).collect()))
}

/// Odd numbers whose first thousand multiples stay 2^18 apart modulo 2^32.
const STEPS: [u32; 8] = [
    2_654_435_761,
    2_246_822_519,
    3_266_489_917,
    668_265_263,
    374_761_393,
    2_891_336_453,
    1_540_483_477,
    3_432_918_353,
];

/// Numbers in (-2, 2), all different. Seeds that differ in their last three bits give sequences that are not multiples of each
/// other.
pub(super) fn values(n: usize, seed: u32) -> Vec<f64> {
    let step = STEPS[((seed ^ (seed >> 3) ^ (seed >> 6)) & 7) as usize];
    let value = |i: u32| f64::from((i + 1).wrapping_mul(step).wrapping_add(seed)) / 2f64.powi(30) - 2.0;
    (0..n as u32).map(value).collect()
}

/// A layer's point: parameters, inputs, and weights of the sum that is differentiated.
struct Point {
    x: Vec<f64>,
    input: Vec<f64>,
    weights: Vec<f64>,
}

impl Point {
    fn of(layer: &dyn Layer, seed: u32) -> Self {
        let (input, weights) = (values(SAMPLES * layer.inputs(), seed), values(SAMPLES * layer.outputs(), seed ^ 1));
        Self { x: values(layer.len(), seed ^ 2), input, weights }
    }

    fn forward<T: Real>(&self, layer: &dyn Layer) -> (Vec<T>, Vec<T>, Vec<T>) {
        let cast = |v: &[f64]| v.iter().map(|v| T::from_f64(*v)).collect::<Vec<T>>();
        let (x, input) = (cast(&self.x), cast(&self.input));
        let mut output = vec![T::ZERO; self.weights.len()];
        T::layer(layer).forward(&x, &input, &mut output);
        (x, input, output)
    }

    fn value(&self, layer: &dyn Layer) -> f64 {
        dot(&self.forward::<f64>(layer).2, &self.weights)
    }

    /// Outputs, derivative by inputs, by parameters, and squares per sample.
    fn passes<T: Real>(&self, layer: &dyn Layer) -> [Vec<f64>; 4] {
        let (x, input, output) = self.forward::<T>(layer);
        let slope: Vec<T> = self.weights.iter().map(|v| T::from_f64(*v)).collect();
        let (mut by_input, mut gradient) = (vec![T::ONE; input.len()], vec![T::ZERO; x.len()]);
        let mut squares = vec![0.0; SAMPLES];
        let pass = T::layer(layer);
        pass.backward(&x, &input, &output, &slope, &mut by_input);
        pass.gradient(&input, &slope, &mut gradient);
        pass.sample_squares(&input, &slope, &mut squares);
        let wide = |v: Vec<T>| v.into_iter().map(Real::to_f64).collect();
        [wide(output), wide(by_input), wide(gradient), squares]
    }
}

/// Largest difference of the derivatives along random directions from central differences. With h = 1e-6, values up to 1e3
/// and third derivatives up to 1e2 per entry the error of the difference is below 1e-6; no two inputs are nearer than 1e-6
/// to a tie.
fn worst(layer: &dyn Layer, broken: impl Fn(&mut [Vec<f64>; 4]), seed: u32) -> f64 {
    let point = Point::of(layer, seed);
    let mut passes = point.passes::<f64>(layer);
    broken(&mut passes);
    let h = 1e-6;
    let slope = |change: &dyn Fn(&mut Point, f64)| {
        let at = |s: f64| {
            let mut moved = Point::of(layer, seed);
            change(&mut moved, s);
            moved.value(layer)
        };
        (at(h) - at(-h)) / (2.0 * h)
    };
    let shift = |v: &mut [f64], d: &[f64], s: f64| v.iter_mut().zip(d).for_each(|(v, d)| *v += s * d);
    let (di, dx) = (values(point.input.len(), seed ^ 4), values(point.x.len(), seed ^ 5));
    let by_input = slope(&|p, s| shift(&mut p.input, &di, s)) - dot(&di, &passes[1]);
    let by_x = slope(&|p, s| shift(&mut p.x, &dx, s)) - dot(&dx, &passes[2]);
    by_input.abs().max(by_x.abs())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn derivatives_are_slopes(seed: u32) {
        for (name, layer) in layers() {
            let off = worst(&*layer, |_| (), seed);
            prop_assert!(off < 2e-6, "{name}: {off:e}");
        }
    }
}

/// The check rejects derivatives that are wrong by one part in a thousand, that go to the neighbouring entry, or lack one
/// entry.
#[test]
fn broken_derivatives_are_found() {
    for (name, layer) in layers() {
        for which in if layer.is_empty() { 1..2 } else { 1..3 } {
            let scaled = |p: &mut [Vec<f64>; 4]| p[which].iter_mut().for_each(|v| *v *= 1.001);
            let turned = |p: &mut [Vec<f64>; 4]| p[which].rotate_left(1);
            let lacking = |p: &mut [Vec<f64>; 4]| {
                let largest = p[which].iter().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())).unwrap().0;
                p[which][largest] = 0.0;
            };
            let most =
                |broken: &dyn Fn(&mut [Vec<f64>; 4])| (0..4).map(|s| worst(&*layer, broken, s)).fold(0.0, f64::max);
            assert!(most(&scaled) > 2e-6 && most(&turned) > 2e-6 && most(&lacking) > 2e-6, "{name} {which}");
        }
    }
}

/// |g_mu|^2 is the squared norm of the gradient of sample mu alone; the gradients of all samples add up.
#[test]
fn norms_of_samples_are_those_of_their_own_gradients() {
    for (name, layer) in layers().into_iter().filter(|l| !l.1.couples()) {
        let point = Point::of(&*layer, 3);
        let [_, _, gradient, squares] = point.passes::<f64>(&*layer);
        let mut sum = vec![0.0; gradient.len()];
        for (s, square) in squares.iter().enumerate() {
            let (i, o) = (layer.inputs(), layer.outputs());
            let mut own = vec![0.0; gradient.len()];
            let pass = <f64 as Real>::layer(&*layer);
            pass.gradient(&point.input[s * i..(s + 1) * i], &point.weights[s * o..(s + 1) * o], &mut own);
            assert!((dot(&own, &own) - square).abs() <= 1e-13 * square, "{name}");
            sum.iter_mut().zip(own).for_each(|(s, g)| *s += g);
        }
        assert!(sum.iter().zip(&gradient).all(|(s, g)| (s - g).abs() <= 1e-11), "{name}");
    }
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let norm = |v: &[f64]| dot(v, v).sqrt();
    norm(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>()) / norm(b).max(1e-300)
}

/// Outputs and derivatives by inputs and parameters: f64 to 1e-14 relative, where sums have at most a hundred terms of
/// either sign; PyTorch's softplus leaves out up to 3e-9/beta.
#[test]
fn layers_match_pytorch() {
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cross/layers.safetensors")).unwrap();
    let all = SafeTensors::deserialize(&bytes).unwrap();
    let mut seen = 0;
    for (name, layer) in layers() {
        let get = |what: &str| -> Vec<f64> {
            let tensor = all.tensor(&format!("{name}/{what}")).unwrap();
            tensor.data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
        };
        let point = Point { x: get("x"), input: get("input"), weights: get("weights") };
        let bound = if name.starts_with("softplus") { 3e-9 } else { 1e-14 };
        for (passes, bound) in
            [(point.passes::<f64>(&*layer), bound), (point.passes::<f32>(&*layer), 20.0 * f64::from(f32::EPSILON))]
        {
            for (found, what) in passes.iter().zip(["output", "by-input", "by-x"]) {
                let off = if found.is_empty() { 0.0 } else { distance(found, &get(what)) };
                assert!(off <= bound, "{name} {what}: {off:e}");
            }
        }
        seen += 1;
    }
    assert_eq!(3 * 2 * seen, all.len(), "each case of the script is used");
}

/// Ties: the derivative goes to the first maximum in row-major order; NaN anywhere gives NaN.
#[test]
fn the_first_maximum_wins() {
    for window in [Window::new(2, 2), Window { kernel: 2, stride: 2, padding: 1 }] {
        let layer = MaxPool::new([1, 4, 4], window).unwrap();
        let point = Point { x: vec![], input: vec![1.0; 16], weights: vec![1.0; layer.outputs()] };
        let by_input = &point.passes::<f64>(&layer)[1];
        let expected: &[usize] = if window.padding == 0 { &[0, 2, 8, 10] } else { &[0, 1, 3, 4, 5, 7, 12, 13, 15] };
        let found: Vec<usize> = (0..16).filter(|&i| by_input[i] == 1.0).collect();
        assert_eq!(found, expected);
        let mut input = vec![1.0; 16];
        input[5] = f64::NAN;
        let point = Point { x: vec![], input, weights: vec![1.0; layer.outputs()] };
        assert_eq!(point.passes::<f64>(&layer)[0].iter().filter(|v| v.is_nan()).count(), 1);
    }
}

#[test]
fn bends_stay_finite_far_out() {
    let far = vec![-1e6, -800.0, -50.0, 0.0, 50.0, 800.0, 1e6];
    for (layer, right) in [
        (Box::new(Silu { units: 7, slope: 1.0 }) as Box<dyn Layer>, 0.0),
        (Box::new(Softplus { units: 7, beta: 1.0 }), (-50_f64).exp()),
    ] {
        let mut output = vec![0.0; 7];
        <f64 as Real>::layer(&*layer).forward(&[], &far, &mut output);
        assert_eq!(output[5..], far[5..]);
        assert!(output.iter().all(|v| v.is_finite()) && output[0].abs() < 1e-290);
        assert!(right == 0.0 || (output[2] / right - 1.0).abs() < 1e-14, "not rounded to 0");
    }
}

#[test]
fn windows_that_do_not_fit_are_refused() {
    let window = |kernel, stride, padding| Window { kernel, stride, padding };
    assert!(Convolution::new([1, 4, 9], 2, window(5, 1, 0)).is_err());
    assert!(Convolution::new([1, 9, 9], 0, window(5, 1, 0)).is_err());
    assert!(Convolution::new([1, 9, 9], 2, window(5, 0, 0)).is_err());
    assert!(Convolution::new([1, 9, 9], 2, window(3, 1, 3)).is_err());
    assert!(MaxPool::new([1, 9, 9], window(3, 1, 2)).is_err());
    assert!(AveragePool::new([1, 2, 9], window(3, 1, 0), true).is_err());
    assert_eq!(Convolution::new([3, 224, 224], 64, window(7, 2, 3)).unwrap().shape(), [64, 112, 112]);
    assert_eq!(AveragePool::new([512, 1, 1], window(7, 1, 3), true).unwrap().shape(), [512, 1, 1]);
}
