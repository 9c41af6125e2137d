//! The four parts of data for advice: disjoint, proportioned, and nothing of the others in the training part.

use glasslab_core::Streams;
use glasslab_nets::labelled::{Classes, Samples, Sizes, parts};
use std::collections::BTreeSet;
use std::path::Path;

/// 600 samples of three inputs of different scales, classes `a` (a tenth) and `b`; input 2 is constant.
fn samples() -> Samples {
    let x = (0..600).flat_map(|k| [k as f64, 1e6 + (k as f64 * 0.37).sin(), 7.0]).collect();
    let words: Vec<String> = (0..600).map(|k| if k % 10 == 0 { "a" } else { "b" }.to_owned()).collect();
    Samples::of_words(3, x, &words).unwrap()
}

fn rows(x: &[f64], d: usize) -> BTreeSet<u64> {
    x.chunks(d).map(|r| r[0].to_bits()).collect()
}

#[test]
fn parts_are_disjoint_and_keep_the_proportions_of_the_classes() {
    let all = samples();
    let classes = Classes::parse("parity", &all.names).unwrap();
    let cut = parts(all.clone(), &classes, 0, 0, Streams::new(3)).unwrap();
    assert_eq!(Sizes::of(600, 0).unwrap(), Sizes { held: 120, quote: 96, choose: 96, train: 288 });
    let parts_of = [&cut.held, &cut.quote, &cut.choose, &cut.train];
    assert_eq!(parts_of.map(|p| p.len()), [120, 96, 96, 288]);
    let seen: Vec<BTreeSet<u64>> = parts_of.iter().map(|p| rows(&p.x, p.inputs)).collect();
    assert_eq!(seen.iter().flatten().collect::<BTreeSet<_>>().len(), 600, "every sample in one part");
    for part in parts_of {
        assert_eq!(part.inputs, 4, "three and the constant one");
        let plus = part.y.iter().filter(|y| **y > 0.0).count() as f64 / part.len() as f64;
        assert!((plus - 0.1).abs() < 0.02, "a tenth is of class a: {plus}");
        assert!(part.x.chunks(4).all(|x| x[2] == 0.0 && x[3] == 1.0), "constant column, constant input");
    }
    let of = |i: usize| cut.train.x.iter().skip(i).step_by(4).copied().collect::<Vec<f64>>();
    for i in [0, 1] {
        let v = of(i);
        let mean = v.iter().sum::<f64>() / 288.0;
        let variance = v.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 288.0;
        assert!(mean.abs() < 1e-9 && (variance - 1.0).abs() < 1e-6, "{mean} {variance}");
    }
}

/// Samples of the other parts are changed beyond measure: the training part stays as it is, to the bit, for tables and images, with
/// components and without.
#[test]
fn nothing_of_the_other_parts_is_in_the_training_part() {
    for (table, keep) in [(true, 0), (true, 2), (false, 0), (false, 2)] {
        let all = Samples { table, ..samples() };
        let classes = Classes::parse("parity", &all.names).unwrap();
        let before = parts(all.clone(), &classes, 100, keep, Streams::new(3)).unwrap();
        // Which rows train: those whose change is seen in the training part or its scales. Find the others by the cut of plain rows.
        let marked = Samples { x: (0..600).flat_map(|k| [k as f64, 0.5, 1.0]).collect(), table: true, ..all.clone() };
        let cut = parts(marked, &classes, 0, 0, Streams::new(3)).unwrap();
        let mean_and_scale = {
            // (k - mean)/sigma of two known rows of the whole training part gives k back.
            let v: Vec<f64> = cut.train.x.iter().step_by(4).copied().collect();
            let mut sorted = v.clone();
            sorted.sort_by(f64::total_cmp);
            let step = sorted.windows(2).map(|w| w[1] - w[0]).fold(f64::INFINITY, f64::min);
            (step, v)
        };
        let all_values: Vec<f64> = [&cut.held, &cut.quote, &cut.choose, &cut.train]
            .iter()
            .flat_map(|p| p.x.iter().step_by(4).copied().collect::<Vec<f64>>())
            .collect();
        let low = all_values.iter().copied().fold(f64::INFINITY, f64::min);
        let train: BTreeSet<usize> =
            mean_and_scale.1.iter().map(|v| ((v - low) / mean_and_scale.0).round() as usize).collect();
        assert_eq!(train.len(), 288);
        let mut spoilt = all.clone();
        for k in (0..600).filter(|k| !train.contains(k)) {
            spoilt.x[3 * k..3 * k + 3].iter_mut().for_each(|v| *v = 1e9 + k as f64);
        }
        let after = parts(spoilt, &classes, 100, keep, Streams::new(3)).unwrap();
        assert_eq!(before.train, after.train, "table {table}, {keep} components");
        assert_ne!(before.held, after.held);
        let mut touched = all.clone();
        let one = *train.iter().next().unwrap();
        touched.x[3 * one] += 100.0;
        assert_ne!(before.train, parts(touched, &classes, 100, keep, Streams::new(3)).unwrap().train);
    }
}

#[test]
fn a_test_set_of_the_data_is_the_held_out_part() {
    let all = Samples::open("digits", Path::new(".")).unwrap();
    assert_eq!(all.test_from, Some(1437));
    let classes = Classes::parse("parity", &all.names).unwrap();
    let cut = parts(all.clone(), &classes, 300, 10, Streams::new(1)).unwrap();
    assert_eq!((cut.held.len(), cut.train.len(), cut.train.inputs), (360, 300, 10));
    let longer = parts(all.clone(), &classes, 500, 10, Streams::new(1)).unwrap();
    assert_eq!(longer.train.x[..3000], cut.train.x[..], "training parts are nested");
    assert_eq!((&longer.held, &longer.quote, &longer.choose), (&cut.held, &cut.quote, &cut.choose));
    let two = Classes::parse("3/8,9", &all.names).unwrap();
    let few = parts(all.clone(), &two, 0, 0, Streams::new(1)).unwrap();
    let count = |of: &[u32]| of.iter().filter(|c| [3, 8, 9].contains(*c)).count();
    assert_eq!(few.held.len(), count(&all.class[1437..]));
    assert!(few.about.contains("+1 for the classes 3, -1 for 8,9"), "{}", few.about);
    for (train, keep, word) in [(5000, 0, "samples"), (10, 65, "components")] {
        let said = parts(all.clone(), &classes, train, keep, Streams::new(1)).unwrap_err().to_string();
        assert!(said.contains(word) && said.contains("at most"), "{said}");
    }
}
