//! Samples with a class each, from any source, before they are split.

use super::table;
use crate::data::DataSet;
use glasslab_core::{Fault, Split};
use std::collections::HashMap;
use std::path::Path;

/// Samples x [P, d] with a class each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// Inputs d per sample.
    pub inputs: usize,
    /// Inputs [P, d], row-major.
    pub x: Vec<f64>,
    /// Number of the class of each sample \[P\].
    pub class: Vec<u32>,
    /// Names of the classes, in the order of their numbers.
    pub names: Vec<String>,
    /// First row of the test set that the data came with, if they did.
    pub test_from: Option<usize>,
    /// True for tables, whose columns have units of their own; false for images.
    pub table: bool,
}

/// Most classes.
const CLASSES: usize = 1000;

impl Samples {
    /// Opens a data set by name, a folder of IDX or CIFAR files, or a CSV file; relative paths start from `folder`.
    pub fn open(data: &str, folder: &Path) -> Result<Self, Fault> {
        if table::is_table(data) { table::read(&folder.join(data)) } else { Self::images(data, folder) }
    }

    fn images(name: &str, folder: &Path) -> Result<Self, Fault> {
        let data = DataSet::open(name, folder)?;
        let (mut x, mut class) = (Vec::new(), Vec::new());
        for part in [Split::Train, Split::Test] {
            let images = data.images(part);
            x.extend(images.pixels.iter().map(|&p| f64::from(p) / data.normalisation.full));
            class.extend(images.labels.iter().map(|&l| u32::from(l)));
        }
        let train = data.images(Split::Train).len();
        Ok(Self {
            inputs: data.inputs(),
            test_from: (train < class.len()).then_some(train),
            names: (0..data.classes).map(|c| c.to_string()).collect(),
            table: false,
            x,
            class,
        })
    }

    /// A table whose classes are words or numbers; they are numbered in their sorted order (as numbers if all are numbers). Says
    /// what is wrong with them.
    pub fn of_words(inputs: usize, x: Vec<f64>, words: &[String]) -> Result<Self, String> {
        let mut names: Vec<&String> = words.iter().collect();
        let value = |s: &str| s.parse::<f64>().ok().filter(|v| !v.is_nan());
        if names.iter().all(|n| value(n).is_some()) {
            names.sort_by(|a, b| value(a).unwrap_or(0.0).total_cmp(&value(b).unwrap_or(0.0)));
        } else {
            names.sort();
        }
        names.dedup();
        match names.len() {
            0 => return Err("there are no samples".to_owned()),
            1 => {
                return Err(format!(
                    "all {} samples have the class `{}`: give data of two classes or more",
                    words.len(),
                    names[0]
                ));
            }
            many if many > CLASSES => {
                return Err(format!(
                    "there are {many} different classes, at most {CLASSES} are read: give whole numbers or words as classes (a table's \
                     class is its last column, or the one headed `y`, `label`, `class` or `target`)"
                ));
            }
            _ => {}
        }
        if let Some(empty) = words.iter().position(String::is_empty) {
            return Err(format!("sample {} has no class: fill it in, or leave the sample out", empty + 1));
        }
        let number: HashMap<&String, u32> = names.iter().enumerate().map(|(k, n)| (*n, k as u32)).collect();
        let class = words.iter().map(|w| number[w]).collect();
        let names = names.into_iter().cloned().collect();
        Ok(Self { inputs, x, class, names, test_from: None, table: true })
    }

    /// Number P of samples.
    pub fn len(&self) -> usize {
        self.class.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.class.is_empty()
    }
}
