//! Folders of CIFAR binary files: CIFAR-10 (any of `data_batch_1.bin` to `_5`, `test_batch.bin`; label and 3 x 32 x 32
//! bytes a record) and CIFAR-100 (`train.bin`, `test.bin`; coarse label, fine label, 3 x 32 x 32 bytes; the fine label
//! is used). Format: A. Krizhevsky, Learning multiple layers of features from tiny images, 2009.

use super::files::{Source, fault};
use super::{DataSet, Images, Normalisation};
use glasslab_core::Fault;
use std::path::Path;

const PIXELS: usize = 3 * 32 * 32;

/// True if the folder looks like one of CIFAR files.
pub fn is_here(names: &[String]) -> bool {
    names
        .iter()
        .any(|n| n == "train.bin" || n == "test_batch.bin" || (n.starts_with("data_batch_") && n.ends_with(".bin")))
}

fn append(path: &Path, marks: usize, classes: usize, images: &mut Images) -> Result<(), Fault> {
    let mut source = Source::open(path)?;
    let record = marks + PIXELS;
    if source.bound() < record as u64 {
        return Err(fault(source.path(), format!("is truncated: a record has {record} bytes")));
    }
    let bytes = source.rest()?;
    if bytes.is_empty() || bytes.len() % record != 0 {
        let problem =
            format!("has {} bytes, which is no multiple of a record of {record}: it is truncated", bytes.len());
        return Err(fault(path, problem));
    }
    for (i, record) in bytes.chunks_exact(record).enumerate() {
        let label = record[marks - 1];
        if usize::from(label) >= classes {
            return Err(fault(path, format!("record {i} has label {label}, the classes are 0 to {}", classes - 1)));
        }
        images.labels.push(u16::from(label));
        images.pixels.extend_from_slice(&record[marks..]);
    }
    Ok(())
}

/// Reads the folder, in the order of the file names; the normalisation is that of the protocol of Baity-Jesi et al.
pub fn read(name: &str, folder: &Path, names: &[String]) -> Result<DataSet, Fault> {
    let hundred = names.iter().any(|n| n == "train.bin");
    let (marks, classes, mean, deviation) = if hundred {
        (2, 100, vec![0.49137, 0.48235, 0.44667], vec![0.24706, 0.24353, 0.26157])
    } else {
        (1, 10, vec![0.4914, 0.4822, 0.4465], vec![0.2023, 0.1994, 0.2010])
    };
    let batches: Vec<String> = if hundred {
        vec!["train.bin".to_owned()]
    } else {
        (1..=5).map(|i| format!("data_batch_{i}.bin")).filter(|n| names.contains(n)).collect()
    };
    if batches.is_empty() {
        return Err(fault(folder, "lacks training data: `data_batch_1.bin` to `data_batch_5.bin`, any of them"));
    }
    let (mut train, mut test) = (Images::default(), Images::default());
    for batch in batches {
        append(&folder.join(batch), marks, classes, &mut train)?;
    }
    let held_out = if hundred { "test.bin" } else { "test_batch.bin" };
    if names.iter().any(|n| n == held_out) {
        append(&folder.join(held_out), marks, classes, &mut test)?;
    }
    let normalisation = Normalisation { full: 255.0, mean, deviation };
    DataSet::new(name, [3, 32, 32], classes, 255.0, Some(normalisation), train, test)
}
