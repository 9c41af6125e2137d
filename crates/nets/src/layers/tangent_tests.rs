//! Tangents of each layer against finite differences of its passes, and kernels against products of gradients.

use super::tests::{SAMPLES, layers, values};
use super::*;
use glasslab_core::sum::dot;
use proptest::prelude::*;

fn all() -> Vec<(&'static str, Box<dyn Layer>)> {
    let linear = |scale, bias| Linear { scale, bias, ..Linear::new(11, 5) };
    let mut all = layers();
    all.push(("relu", Box::new(Pointwise { units: 40, activation: Activation::Relu })));
    all.push(("linear", Box::new(Linear::new(7, 9))));
    all.push(("linear-scaled", Box::new(linear(0.3, None))));
    all.push(("linear-scaled-biased", Box::new(linear(0.3, Some(0.7)))));
    all
}

/// Parameters, inputs and cotangents of the outputs.
type Place = [Vec<f64>; 3];

fn place(layer: &dyn Layer, seed: u32) -> Place {
    let sizes = [layer.len(), SAMPLES * layer.inputs(), SAMPLES * layer.outputs()];
    [0, 1, 2].map(|i| values(sizes[i], seed ^ (3 * i as u32)))
}

fn shifted(place: &Place, along: &Place, s: f64) -> Place {
    [0, 1, 2].map(|i| place[i].iter().zip(&along[i]).map(|(v, d)| v + s * d).collect())
}

/// Outputs, derivatives by inputs and by parameters.
fn passes(layer: &dyn Layer, [x, input, by_output]: &Place) -> [Vec<f64>; 3] {
    let pass: &dyn Pass<f64> = layer;
    let mut out = [vec![0.0; by_output.len()], vec![0.0; input.len()], vec![0.0; x.len()]];
    pass.forward(x, input, &mut out[0]);
    let [output, by_input, gradient] = &mut out;
    pass.backward(x, input, output, by_output, by_input);
    pass.gradient(input, by_output, gradient);
    out
}

/// The same three, changed along a direction; the inputs move only if `data`.
fn tangents(layer: &dyn Layer, at: &Place, along: &Place, data: bool) -> [Vec<f64>; 3] {
    let [x, input, by_output] = at;
    let (mut output, mut cache) = (vec![0.0; by_output.len()], Vec::new());
    Pass::<f64>::forward(layer, x, input, &mut output);
    layer.prepare(x, input, &output, &mut cache);
    let at = Point { x, input, output: &output, cache: &cache };
    let direction = Direction { x: &along[0], input: data.then_some(&along[1][..]) };
    let mut out = [vec![1.0; by_output.len()], vec![1.0; input.len()], vec![0.0; x.len()]];
    layer.forward_tangent(at, direction, &mut out[0]);
    layer.backward_tangent(at, direction, by_output, &along[2], &mut out[1]);
    layer.gradient_tangent(at, direction, by_output, &along[2], &mut out[2]);
    out
}

/// Relative distance of tangents from central differences, with h = 1e-6: values up to 1e3 and third derivatives of up to
/// beta^3 = 125 leave 1e-7 of their size.
fn worst(layer: &dyn Layer, broken: impl Fn(&mut [Vec<f64>; 3]), seed: u32, data: bool) -> f64 {
    let (at, mut along) = (place(layer, seed), place(layer, seed ^ 1000));
    let mut found = tangents(layer, &at, &along, data);
    broken(&mut found);
    if !data {
        along[1].fill(0.0);
    }
    let h = 1e-6;
    let [plus, minus] = [h, -h].map(|s| passes(layer, &shifted(&at, &along, s)));
    let mut off = 0.0_f64;
    for i in 0..3 {
        let slope: Vec<f64> = plus[i].iter().zip(&minus[i]).map(|(p, m)| (p - m) / (2.0 * h)).collect();
        let difference: Vec<f64> = slope.iter().zip(&found[i]).map(|(s, f)| s - f).collect();
        off = off.max((dot(&difference, &difference) / dot(&slope, &slope).max(1.0)).sqrt());
    }
    off
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn tangents_are_slopes_of_the_passes(seed: u32, data: bool) {
        for (name, layer) in all() {
            let off = worst(&*layer, |_| (), seed, data);
            prop_assert!(off < 1e-7, "{name}: {off:e}");
        }
    }
}

/// The check rejects tangents wrong by one part in a hundred thousand, and ones that went to the neighbouring entry.
#[test]
fn broken_tangents_are_found() {
    for (name, layer) in all() {
        for which in 0..3 {
            let at = place(&*layer, 5);
            if tangents(&*layer, &at, &place(&*layer, 1005), true)[which].iter().all(|v| *v == 0.0) {
                continue;
            }
            let scaled = |t: &mut [Vec<f64>; 3]| t[which].iter_mut().for_each(|v| *v *= 1.00001);
            let turned = |t: &mut [Vec<f64>; 3]| t[which].rotate_left(1);
            assert!(worst(&*layer, scaled, 5, true) > 1e-7, "{name} {which}");
            assert!(worst(&*layer, turned, 5, true) > 1e-7, "{name} {which}");
        }
    }
}

/// Theta_(a c)(b c') = g_ac . g_bc', to rounding.
#[test]
fn kernels_are_products_of_gradients() {
    let mut seen = 0;
    for (name, layer) in all() {
        let [_, a, _] = place(&*layer, 2);
        let [_, b, _] = place(&*layer, 3);
        let b = &b[..2 * layer.inputs()];
        let (outputs, inputs, classes) = (layer.outputs(), layer.inputs(), 2);
        let (by_a, by_b) = (values(SAMPLES * classes * outputs, 8), values(2 * classes * outputs, 9));
        let (rows, columns) = (SAMPLES * classes, 2 * classes);
        let mut found = vec![1.0; rows * columns];
        if !layer.kernel(&a, &by_a, b, &by_b, &mut found) {
            continue;
        }
        seen += 1;
        let gradient = |input: &[f64], by: &[f64], row: usize| {
            let mut own = vec![0.0; layer.len()];
            let sample = row / classes;
            let input = &input[sample * inputs..(sample + 1) * inputs];
            Pass::<f64>::gradient(&*layer, input, &by[row * outputs..(row + 1) * outputs], &mut own);
            own
        };
        for i in 0..rows {
            for j in 0..columns {
                let right = 1.0 + dot(&gradient(&a, &by_a, i), &gradient(b, &by_b, j));
                assert!((found[i * columns + j] - right).abs() < 1e-11, "{name} {i} {j}");
            }
        }
    }
    assert_eq!(seen, 3, "dense layers have a kernel of their own");
}
