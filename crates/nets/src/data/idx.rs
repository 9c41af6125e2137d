//! Folders of IDX files, gzipped or not: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, and `t10k-` (or
//! `test-`) for the test set, which may be absent. Format: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database.

use super::files::{Source, fault};
use super::{DataSet, Images, Normalisation};
use glasslab_core::Fault;
use std::path::{Path, PathBuf};

/// The file of the folder whose name ends with one of `ends` (dots read as dashes, `.gz` taken off).
fn find(folder: &Path, names: &[String], ends: &[&str]) -> Result<Option<PathBuf>, Fault> {
    let fits = |name: &&String| {
        let plain = name.strip_suffix(".gz").unwrap_or(name).replace('.', "-");
        ends.iter().any(|e| plain.ends_with(e))
    };
    let found: Vec<&String> = names.iter().filter(fits).collect();
    match found[..] {
        [] => Ok(None),
        [one] => Ok(Some(folder.join(one))),
        [a, b, ..] => Err(fault(folder, format!("holds both `{a}` and `{b}`: keep one of them"))),
    }
}

/// True if the folder looks like one of IDX files.
pub fn is_here(names: &[String]) -> bool {
    names.iter().any(|n| n.contains("idx3-ubyte") || n.contains("idx1-ubyte"))
}

/// Number of samples, height, width and pixels of an image file.
fn images(path: &Path) -> Result<(usize, [usize; 2], Vec<u8>), Fault> {
    let mut source = Source::open(path)?;
    let header = source.bytes(16, "header")?;
    let word = |i: usize| u32::from_be_bytes([header[i], header[i + 1], header[i + 2], header[i + 3]]);
    if word(0) != 0x803 {
        let problem = format!("is no IDX file of images: it begins with {:#010x}, 0x00000803 is needed", word(0));
        return Err(fault(path, problem));
    }
    let (n, h, w) = (word(4), word(8), word(12));
    let len = u64::from(n).checked_mul(u64::from(h)).and_then(|l| l.checked_mul(u64::from(w)));
    let len = len.filter(|&l| l > 0).ok_or_else(|| fault(path, format!("announces {n} images of {h} x {w} pixels")))?;
    let pixels = source.bytes(len, "pixels")?;
    source.end()?;
    Ok((n as usize, [h as usize, w as usize], pixels))
}

fn labels(path: &Path, samples: usize) -> Result<Vec<u16>, Fault> {
    let mut source = Source::open(path)?;
    let header = source.bytes(8, "header")?;
    let word = |i: usize| u32::from_be_bytes([header[i], header[i + 1], header[i + 2], header[i + 3]]);
    if word(0) != 0x801 {
        let problem = format!("is no IDX file of labels: it begins with {:#010x}, 0x00000801 is needed", word(0));
        return Err(fault(path, problem));
    }
    if word(4) as usize != samples {
        return Err(fault(path, format!("has {} labels for {samples} images", word(4))));
    }
    let labels = source.bytes(samples as u64, "labels")?;
    source.end()?;
    Ok(labels.into_iter().map(u16::from).collect())
}

/// Reads the folder. `normalisation`: `None` computes it on the training set.
pub fn read(name: &str, folder: &Path, names: &[String], given: Option<Normalisation>) -> Result<DataSet, Fault> {
    let need = |ends: &[&str], what: &str| {
        find(folder, names, ends)?.ok_or_else(|| fault(folder, format!("lacks `{what}` (or `{what}.gz`)")))
    };
    let train_images = need(&["train-images-idx3-ubyte"], "train-images-idx3-ubyte")?;
    let train_labels = need(&["train-labels-idx1-ubyte"], "train-labels-idx1-ubyte")?;
    let (n, side, pixels) = images(&train_images)?;
    let train = Images::new(pixels, labels(&train_labels, n)?);
    let classes = usize::from(train.labels.iter().copied().max().unwrap_or(0)) + 1;
    let mut test = Images::default();
    if let Some(path) = find(folder, names, &["t10k-images-idx3-ubyte", "test-images-idx3-ubyte"])? {
        let marks = need(&["t10k-labels-idx1-ubyte", "test-labels-idx1-ubyte"], "t10k-labels-idx1-ubyte")?;
        let (n, test_side, pixels) = images(&path)?;
        if test_side != side {
            return Err(fault(&path, format!("has images of {test_side:?} pixels, the training set of {side:?}")));
        }
        test = Images::new(pixels, labels(&marks, n)?);
        if let Some(bad) = test.labels.iter().find(|&&l| usize::from(l) >= classes) {
            return Err(fault(&marks, format!("has label {bad}, the training set has classes 0 to {}", classes - 1)));
        }
    }
    DataSet::new(name, [1, side[0], side[1]], classes, 255.0, given, train, test)
}
