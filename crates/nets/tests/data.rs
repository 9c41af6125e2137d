//! Data sets: what is embedded, what folders may hold, and what happens to bad files.

use flate2::{Compression, write::GzEncoder};
use glasslab_core::*;
use glasslab_nets::*;
use std::io::Write;
use std::path::Path;

fn idx_images(n: u32, side: u32, value: impl Fn(u32) -> u8) -> Vec<u8> {
    let mut bytes = 0x803_u32.to_be_bytes().to_vec();
    [n, side, side].iter().for_each(|v| bytes.extend(v.to_be_bytes()));
    bytes.extend((0..n * side * side).map(value));
    bytes
}

fn idx_labels(labels: &[u8]) -> Vec<u8> {
    let mut bytes = 0x801_u32.to_be_bytes().to_vec();
    bytes.extend((labels.len() as u32).to_be_bytes());
    bytes.extend(labels);
    bytes
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn folder(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn open(folder: &tempfile::TempDir) -> Result<std::sync::Arc<DataSet>, Fault> {
    DataSet::open(&folder.path().display().to_string(), Path::new("."))
}

fn problem(files: &[(&str, Vec<u8>)]) -> String {
    match open(&folder(files)) {
        Err(fault) => fault.to_string(),
        Ok(set) => panic!("{} was accepted", set.name),
    }
}

const IMAGES: &str = "train-images-idx3-ubyte";
const LABELS: &str = "train-labels-idx1-ubyte";

#[test]
fn the_embedded_sets_are_what_they_say() {
    for (entry, sizes) in datasets().into_iter().zip([[1437, 360], [10_000, 2_000]]) {
        assert_eq!((entry.train, entry.test, entry.available), (Some(sizes[0]), Some(sizes[1]), true));
        let set = DataSet::open(entry.name, Path::new(".")).unwrap();
        assert_eq!([set.train.len(), set.test.len()], sizes);
        assert_eq!((Some(set.shape), Some(set.classes)), (entry.shape, entry.classes));
        let again = DataSet::open(entry.name, Path::new("elsewhere")).unwrap();
        assert!(std::sync::Arc::ptr_eq(&set, &again), "shared, not read again");
    }
    // The class-balanced part of MNIST, and the first five labels of the official training set.
    let mnist = DataSet::open("mnist", Path::new(".")).unwrap();
    for c in 0..10 {
        assert_eq!(mnist.train.labels.iter().filter(|&&l| l == c).count(), 1000);
        assert_eq!(mnist.test.labels.iter().filter(|&&l| l == c).count(), 200);
    }
    assert_eq!(mnist.train.labels[..5], [5, 0, 4, 1, 9]);
    // scikit-learn's first digit is a 0 whose first row is 0 0 5 13 9 1 0 0, its last in the training part a 3 or so.
    let digits = DataSet::open("digits", Path::new(".")).unwrap();
    assert_eq!(digits.train.pixels[..8], [0, 0, 5, 13, 9, 1, 0, 0]);
    assert_eq!(digits.train.labels[..5], [0, 1, 2, 3, 4]);
    // Normalised on the training set: mean 0 and variance 1 over it.
    let all: Vec<f64> = (0..1437).flat_map(|i| digits.sample(Split::Train, i)).collect();
    let mean = sum::sum(&all) / all.len() as f64;
    assert!(mean.abs() < 1e-13 && (sum::dot(&all, &all) / all.len() as f64 - 1.0).abs() < 1e-13);
    assert!((mnist.sample(Split::Train, 0)[0] + 0.1307 / 0.3081).abs() < 1e-15);
}

#[test]
fn idx_folders_are_read_plain_and_gzipped() {
    let images = idx_images(4, 3, |i| (i * 7) as u8);
    let test = idx_images(2, 3, |i| i as u8);
    let plain = folder(&[
        (IMAGES, images.clone()),
        (LABELS, idx_labels(&[0, 2, 1, 0])),
        ("t10k-images-idx3-ubyte", test.clone()),
        ("t10k-labels-idx1-ubyte", idx_labels(&[2, 2])),
    ]);
    let zipped = folder(&[
        ("train-images.idx3-ubyte.gz", gz(&images)),
        ("train-labels-idx1-ubyte.gz", gz(&idx_labels(&[0, 2, 1, 0]))),
    ]);
    let (a, b) = (open(&plain).unwrap(), open(&zipped).unwrap());
    assert_eq!((a.shape, a.classes, a.test.len(), b.test.len()), ([1, 3, 3], 3, 2, 0));
    assert_eq!((&a.train.pixels, &a.train.labels), (&b.train.pixels, &b.train.labels));
    assert_eq!(a.train.pixels, images[16..]);
    let training = Training::new(b, TrainingChoice::default(), Streams::new(0)).unwrap();
    let net = toy(3, training).unwrap();
    assert!(!net.has_test());
    let x = vec![0.0; net.dof()];
    assert_eq!(Evaluate::evaluate(&net, Slice::F64(&x), Split::Test).unwrap(), None);
}

#[test]
fn cifar_folders_are_read() {
    let record = |marks: &[u8], value: u8| [marks, &[value; 3072][..]].concat();
    let ten = folder(&[
        ("data_batch_2.bin", [record(&[3], 9), record(&[9], 200)].concat()),
        ("test_batch.bin", record(&[1], 7)),
    ]);
    let set = open(&ten).unwrap();
    assert_eq!((set.shape, set.classes, set.train.labels.as_slice()), ([3, 32, 32], 10, &[3, 9][..]));
    assert_eq!((set.test.len(), set.train.pixels[3072]), (1, 200));
    let x = set.sample(Split::Train, 0);
    assert!((x[1024] - (9.0 / 255.0 - 0.4822) / 0.1994).abs() < 1e-14);
    let hundred = folder(&[("train.bin", [record(&[1, 77], 5), record(&[2, 99], 6)].concat())]);
    let set = open(&hundred).unwrap();
    assert_eq!((set.classes, set.train.labels.as_slice(), set.test.len()), (100, &[77, 99][..], 0));
    assert!(problem(&[("data_batch_1.bin", record(&[10], 0))]).contains("label 10"));
    assert!(problem(&[("data_batch_1.bin", record(&[1], 0)[..3000].to_vec())]).contains("truncated"));
    assert!(problem(&[("train.bin", record(&[1], 0))]).contains("truncated"));
    assert!(problem(&[("test_batch.bin", record(&[1], 0))]).contains("data_batch_1.bin"));
}

#[test]
fn bad_files_give_one_clear_error() {
    let (images, labels) = (idx_images(4, 3, |i| i as u8), idx_labels(&[0, 1, 2, 3]));
    let with = |images: Vec<u8>, labels: Vec<u8>| problem(&[(IMAGES, images), (LABELS, labels)]);
    assert!(with(images[..images.len() - 1].to_vec(), labels.clone()).contains("truncated"));
    assert!(with([&images[..], &[0]].concat(), labels.clone()).contains("longer than its header"));
    assert!(with(images.clone(), idx_labels(&[0, 1])).contains("2 labels for 4 images"));
    assert!(with(idx_labels(&[0; 20]), labels.clone()).contains("0x00000803"));
    assert!(with(Vec::new(), labels.clone()).contains("truncated"));
    // A header that announces 10^18 bytes is refused before anything is allocated; so is one inside a small gzip file.
    let mut huge = images.clone();
    huge[4..16].fill(0xff);
    assert!(with(huge.clone(), labels.clone()).contains("image"), "no such product");
    huge[4..16].copy_from_slice(&[0, 15, 66, 64, 0, 0, 3, 232, 0, 0, 3, 232]);
    assert!(with(huge.clone(), labels.clone()).contains("announced"));
    let bomb = problem(&[("train-images-idx3-ubyte.gz", gz(&huge)), (LABELS, labels.clone())]);
    assert!(bomb.contains("announced"), "{bomb}");
    // A gzip file cut short, and one whose checksum is wrong.
    let whole = gz(&images);
    let cut = problem(&[("train-images-idx3-ubyte.gz", whole[..whole.len() - 9].to_vec()), (LABELS, labels.clone())]);
    assert!(cut.contains("corrupt") || cut.contains("truncated"), "{cut}");
    let mut wrong = whole.clone();
    let at = wrong.len() - 7;
    wrong[at] ^= 1;
    assert!(problem(&[("train-images-idx3-ubyte.gz", wrong), (LABELS, labels.clone())]).contains("corrupt"));
    assert!(problem(&[(IMAGES, images.clone())]).contains(LABELS));
    assert!(
        problem(&[(IMAGES, images.clone()), ("train-images-idx3-ubyte.gz", whole), (LABELS, labels.clone())])
            .contains("both")
    );
    assert!(problem(&[("readme", vec![1])]).contains("holds no data set"));
    let test = [
        (IMAGES, images.clone()),
        (LABELS, labels.clone()),
        ("t10k-images-idx3-ubyte", idx_images(1, 2, |_| 0)),
        ("t10k-labels-idx1-ubyte", idx_labels(&[0])),
    ];
    assert!(problem(&test).contains("[2, 2]"));
    if !Path::new("/usr/share/datasets/fashion-mnist").exists() {
        let Err(fault) = DataSet::open("fashion-mnist", Path::new(".")) else { panic!("it is missing") };
        assert!(fault.to_string().contains("dataset-fashion-mnist"));
    }
}

#[test]
fn subsets_are_nested_seeded_and_bounded() {
    let data = || DataSet::open("digits", Path::new(".")).unwrap();
    let choose = |samples, random_labels, realisation, seed| {
        Training::new(data(), TrainingChoice { samples, random_labels, realisation }, Streams::new(seed))
    };
    let (small, large) = (choose(50, false, 0, 1).unwrap(), choose(300, false, 0, 1).unwrap());
    assert_eq!(small.rows, large.rows[..50]);
    let mut distinct = large.rows.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 300);
    assert_ne!(small.rows, choose(50, false, 0, 2).unwrap().rows);
    assert_ne!(small.rows, choose(50, false, 1, 1).unwrap().rows);
    assert!(small.rows.iter().zip(&small.labels).all(|(r, l)| data().train.labels[*r as usize] == *l));
    let random = choose(0, true, 0, 1).unwrap();
    assert_eq!((random.len(), random.rows[5]), (1437, 5));
    // Right by chance with probability 1/10: within 5 standard deviations of 143.7.
    let right =
        random.rows.iter().zip(&random.labels).filter(|(r, l)| data().train.labels[**r as usize] == **l).count();
    assert!((right as f64 - 143.7).abs() < 5.0 * (1437.0 * 0.09_f64).sqrt(), "{right}");
    let Err(fault) = choose(1438, false, 0, 1) else { panic!("there are 1437") };
    assert!(fault.to_string().contains("train = 1438") && fault.to_string().contains("1437"));
}
