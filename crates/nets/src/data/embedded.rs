//! The two data sets inside the binary; `data/make.py` made them and says how.

use super::{DataSet, Images, Normalisation};
use flate2::read::GzDecoder;
use glasslab_core::Fault;
use std::io::Read;
use std::path::PathBuf;

/// Training and test samples of `digits`.
pub const DIGITS: [usize; 2] = [1437, 360];
/// Training and test samples of the embedded part of `mnist`.
pub const MNIST: [usize; 2] = [10_000, 2_000];

fn unpack(name: &str, bytes: &[u8], [train, test]: [usize; 2], pixels: usize) -> Result<[Images; 2], Fault> {
    let mut raw = Vec::with_capacity((train + test) * (pixels + 1));
    let damaged = |problem: String| Fault::File { path: PathBuf::from(name), problem };
    GzDecoder::new(bytes).read_to_end(&mut raw).map_err(|e| damaged(e.to_string()))?;
    if raw.len() != (train + test) * (pixels + 1) {
        return Err(damaged(format!("{} bytes embedded", raw.len())));
    }
    let (labels, images) = raw.split_at(train + test);
    let (a, b) = images.split_at(train * pixels);
    let marks = |l: &[u8]| l.iter().map(|&v| u16::from(v)).collect();
    Ok([Images::new(a.to_vec(), marks(&labels[..train])), Images::new(b.to_vec(), marks(&labels[train..]))])
}

/// `digits`: 1,797 optical digits, 8 x 8 pixels of 0..16: the first 1,437 in scikit-learn's order to train, the last
/// 360 to test. Source: E. Alpaydin, C. Kaynak 1998, UCI Machine Learning Repository, doi:10.24432/C50P49, CC BY 4.0.
pub fn digits() -> Result<DataSet, Fault> {
    let [mut train, mut test] = unpack("digits", include_bytes!("../../data/digits.bin.gz"), DIGITS, 64)?;
    for images in [&mut train, &mut test] {
        let n = images.len();
        images.pixels = (0..n * 64).map(|i| images.pixels[i % 64 * n + i / 64]).collect();
    }
    DataSet::new("digits", [1, 8, 8], 10, 16.0, None, train, test)
}

/// `mnist`, embedded part: of each class the first 1,000 training and the first 200 test images, all in official
/// order. Source: Y. LeCun, C. Cortes, C. J. C. Burges 1998. Normalised by 0.1307 and 0.3081, the values of the whole
/// training set.
pub fn mnist() -> Result<DataSet, Fault> {
    let [train, test] = unpack("mnist", include_bytes!("../../data/mnist.bin.gz"), MNIST, 784)?;
    let normalisation = Normalisation { full: 255.0, mean: vec![0.1307], deviation: vec![0.3081] };
    DataSet::new("mnist", [1, 28, 28], 10, 255.0, Some(normalisation), train, test)
}
