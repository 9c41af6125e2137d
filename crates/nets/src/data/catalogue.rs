//! The data sets that are known by name, and how a name or a folder is opened.

use super::files::fault;
use super::{DataSet, cifar, embedded, idx};
use glasslab_core::Fault;
use std::path::Path;

const FASHION: &str = "/usr/share/datasets/fashion-mnist";
const FASHION_PACKAGE: &str = "dataset-fashion-mnist";

/// One data set, for listings.
#[derive(Clone, Debug, PartialEq)]
pub struct DataEntry {
    /// Name in plans; `FOLDER` for the kinds of folder that can be opened.
    pub name: &'static str,
    /// What it is, its split, source and licence.
    pub about: &'static str,
    /// Channels, height, width; `None` if the folder decides.
    pub shape: Option<[usize; 3]>,
    /// Number of classes; `None` if the folder decides.
    pub classes: Option<usize>,
    /// Training samples; `None` if the folder decides.
    pub train: Option<usize>,
    /// Test samples; `None` if the folder decides.
    pub test: Option<usize>,
    /// True if it can be opened on this machine now.
    pub available: bool,
}

/// All data sets that can be named, and the kinds of folder that can be opened.
pub fn datasets() -> Vec<DataEntry> {
    let known = |name, about, side, [train, test]: [usize; 2], available| DataEntry {
        name,
        about,
        shape: Some([1, side, side]),
        classes: Some(10),
        train: Some(train),
        test: Some(test),
        available,
    };
    let folder = |about| DataEntry {
        name: "FOLDER",
        about,
        shape: None,
        classes: None,
        train: None,
        test: None,
        available: true,
    };
    vec![
        known(
            "digits",
            "optical digits, 8 x 8, inside the binary: the first 1,437 samples to train, the last 360 to test; \
             E. Alpaydin, C. Kaynak 1998, UCI Machine Learning Repository, doi:10.24432/C50P49, CC BY 4.0",
            8,
            embedded::DIGITS,
            true,
        ),
        known(
            "mnist",
            "handwritten digits, 28 x 28, a class-balanced part inside the binary: of each class the first 1,000 \
             training and the first 200 test images (give the folder of the official files for all 70,000); Y. LeCun, \
             C. Cortes, C. J. C. Burges 1998",
            28,
            embedded::MNIST,
            true,
        ),
        known(
            "fashion-mnist",
            "articles of clothing, 28 x 28, from Debian's package dataset-fashion-mnist; H. Xiao, K. Rasul, R. Vollgraf \
             2017, arXiv:1708.07747, MIT",
            28,
            [60_000, 10_000],
            Path::new(FASHION).is_dir(),
        ),
        folder("IDX files, gzipped or not: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-..."),
        folder("CIFAR-10 binary files: any of data_batch_1.bin to data_batch_5.bin, and test_batch.bin"),
        folder("CIFAR-100 binary files: train.bin and test.bin"),
    ]
}

pub fn is_name(name: &str) -> bool {
    matches!(name, "digits" | "mnist" | "fashion-mnist")
}

fn file_names(folder: &Path) -> Result<Vec<String>, Fault> {
    let io = |e: std::io::Error| fault(folder, format!("cannot be read: {e}"));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        names.push(entry.map_err(io)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Reads the data set `name`; `path` is where its folder would be.
pub fn read(name: &str, path: &Path) -> Result<DataSet, Fault> {
    match name {
        "digits" => return embedded::digits(),
        "mnist" => return embedded::mnist(),
        "fashion-mnist" => {
            let folder = Path::new(FASHION);
            if !folder.is_dir() {
                let problem =
                    format!("is missing: install Debian's package `{FASHION_PACKAGE}`, or give a folder of IDX files");
                return Err(fault(folder, problem));
            }
            return idx::read(name, folder, &file_names(folder)?, None);
        }
        _ => {}
    }
    if !path.is_dir() {
        let near = glasslab_core::parameter::nearest(name, ["digits", "mnist", "fashion-mnist"]);
        let near = near.map_or(String::new(), |n| format!(" (did you mean `{n}`?)"));
        let fix = format!(
            "give digits, mnist, fashion-mnist{near}, or a folder of IDX or CIFAR binary files; no folder {}",
            path.display()
        );
        return Err(Fault::input("data", format!("{name:?}"), fix));
    }
    let names = file_names(path)?;
    if cifar::is_here(&names) {
        cifar::read(name, path, &names)
    } else if idx::is_here(&names) {
        idx::read(name, path, &names, None)
    } else {
        let problem = "holds no data set: IDX files (train-images-idx3-ubyte[.gz], ...) or CIFAR binary files \
                       (data_batch_1.bin, ... or train.bin) are needed";
        Err(fault(path, problem))
    }
}
