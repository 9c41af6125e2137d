//! Records: exact round trips, hostile files, and what xarray makes of them.

use glasslab_core::{Dataset, Record, Values};
use glasslab_store::netcdf::{decode, encode};
use glasslab_store::{read_dataset, write_dataset};
use proptest::prelude::*;
use std::process::Command;

fn sample() -> Dataset {
    let mut dataset = Dataset::default();
    dataset.attributes.insert("system".into(), "3-spin, N = 512 – μ".into());
    dataset.attributes.insert("note".into(), String::new());
    let times = vec![0, 1, 10, 100];
    dataset.coordinates = vec![
        Record::coordinate("replica", "replica", "1", Values::I64(vec![0, 1])),
        Record::coordinate("time", "step", "steps", Values::I64(times)),
        Record::coordinate("layer", "block of weights", "1", Values::Text(vec!["layer1.weight".into(), "ß".into()])),
        Record::new("physical_time", "rate x steps", "time", &[("time", 4)], vec![0.0, 0.1, 1.0, 10.0]),
    ];
    let energy = vec![1.0, 0.5, f64::NAN, -0.0, 1e-310, f64::INFINITY, 2.0, 3.0];
    dataset.variables = vec![
        Record::new("energy", "E/N", "energy", &[("replica", 2), ("time", 4)], energy),
        Record {
            values: Values::I64(vec![1 << 40, -3]),
            ..Record::coordinate("seen", "", "1", Values::I64(vec![0, 0]))
        },
        Record::new("scalar", "one number", "1", &[], vec![0.1]),
        Record::new("nothing", "no waiting time", "1", &[("replica", 2), ("waiting_time", 0)], vec![]),
        Record { dims: vec![], shape: vec![], ..Record::coordinate("word", "a", "1", Values::Text(vec!["ok".into()])) },
    ];
    dataset.variables[1].dims = vec!["replica".into()];
    dataset
}

/// Equality to the bit, so that NaN equals itself and 0 differs from -0.
fn same(a: &Dataset, b: &Dataset) -> bool {
    let bits = |v: &Values| match v {
        Values::F64(v) => Some(v.iter().map(|x| x.to_bits()).collect::<Vec<_>>()),
        _ => None,
    };
    let records = |d: &Dataset| d.coordinates.iter().chain(&d.variables).cloned().collect::<Vec<_>>();
    let equal = |x: &Record, y: &Record| {
        let facts = |r: &Record| (r.name.clone(), r.about.clone(), r.unit.clone(), r.dims.clone(), r.shape.clone());
        facts(x) == facts(y)
            && if bits(&x.values).is_some() { bits(&x.values) == bits(&y.values) } else { x.values == y.values }
    };
    a.attributes == b.attributes
        && a.coordinates.len() == b.coordinates.len()
        && records(a).len() == records(b).len()
        && records(a).iter().zip(&records(b)).all(|(x, y)| equal(x, y))
}

#[test]
fn every_kind_of_record_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nc");
    write_dataset(&path, &sample()).unwrap();
    assert!(same(&read_dataset(&path).unwrap(), &sample()));
    assert_eq!(encode(&sample()).unwrap(), encode(&sample()).unwrap());
    let mut other = sample();
    other.variables[0].values = Values::F64(vec![0.0; 8]);
    assert!(!same(&other, &sample()), "the comparison sees a difference");
}

#[test]
fn what_cannot_be_written_exactly_is_refused_by_name() {
    let refused = |change: &dyn Fn(&mut Dataset)| {
        let mut dataset = sample();
        change(&mut dataset);
        encode(&dataset).unwrap_err().to_string()
    };
    assert!(refused(&|d| d.variables[1].values = Values::I64(vec![(1 << 53) + 1, 0])).contains("2^53"));
    assert!(refused(&|d| d.variables[0].name = "a b".into()).contains("`a b`"));
    assert!(refused(&|d| d.variables[0].name = "time".into()).contains("twice"));
    assert!(refused(&|d| d.variables[0].shape = vec![2, 5]).contains("shape"));
    assert!(
        refused(&|d| d.coordinates[1] = Record::coordinate("time", "", "", Values::I64(vec![1]))).contains("length")
    );
    assert!(refused(&|d| d.variables[0].unit = "a\0".into()).contains("NUL"));
    assert!(refused(&|d| drop(d.attributes.insert("coordinates".into(), "x".into()))).contains("coordinates"));
}

#[test]
fn truncated_and_foreign_files_are_one_clear_error() {
    let bytes = encode(&sample()).unwrap();
    // The last text (`ok`) is followed by two bytes of padding, which hold nothing.
    for length in 0..bytes.len() - 2 {
        assert!(decode(&bytes[..length]).is_err(), "truncated to {length} of {}", bytes.len());
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nc");
    std::fs::write(&path, b"\x89HDF\r\n\x1a\n").unwrap();
    let error = read_dataset(&path).unwrap_err().to_string();
    assert!(error.contains("a.nc") && error.contains("does not begin"), "{error}");
    assert!(read_dataset(dir.path()).unwrap_err().to_string().contains("not a file"));
}

/// A small file with many variables that all claim the same bytes would fill the memory: it is refused.
#[test]
fn variables_may_not_share_bytes() {
    let word = |n: u32| n.to_be_bytes();
    let mut file = b"CDF\x02".to_vec();
    [0, 10, 1, 1].iter().for_each(|&n| file.extend(word(n)));
    file.extend(b"x\0\0\0");
    [1000, 0, 0, 11, 100].iter().for_each(|&n| file.extend(word(n)));
    for variable in 0..100 {
        file.extend(word(4));
        file.extend(format!("v{variable:03}").as_bytes());
        [1, 0, 0, 0, 6, 8000, 0, 0].iter().for_each(|&n| file.extend(word(n)));
    }
    file.resize(8000 * 2, 0);
    assert!(decode(&file).unwrap_err().contains("longer than the file"));
    // With room for all of them it is read.
    file.resize(8000 * 100, 0);
    assert_eq!(decode(&file).unwrap().variables.len(), 100);
}

/// Bytes that a decoded data set keeps in memory, roughly.
fn held(dataset: &Dataset) -> usize {
    let record = |r: &Record| {
        let values = match &r.values {
            Values::Text(v) => v.iter().map(|t| 32 + t.len()).sum(),
            other => 8 * other.len(),
        };
        values + r.name.len() + r.about.len() + r.unit.len() + 40 * r.dims.len() + 200
    };
    dataset.coordinates.iter().chain(&dataset.variables).map(record).sum::<usize>()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Round trip of random data sets, bit for bit.
    #[test]
    fn any_data_set_comes_back(
        lengths in prop::collection::vec(0_usize..5, 1..4),
        bits in prop::collection::vec(any::<u64>(), 64),
        words in prop::collection::vec("[^\\x00]{0,9}", 4),
        about in "[^\\x00]{0,20}",
    ) {
        let names = ["a", "b", "c"];
        let dims: Vec<(&str, usize)> = names.iter().copied().zip(lengths.iter().copied()).collect();
        let count = lengths.iter().product::<usize>();
        let floats = bits.iter().cycle().take(count).map(|&b| f64::from_bits(b)).collect();
        let whole = bits.iter().take(lengths[0]).map(|&b| (b as i64) >> (11 + b % 50)).collect();
        let mut dataset = Dataset::default();
        dataset.coordinates.push(Record::coordinate("a", &about, "1", Values::I64(whole)));
        dataset.coordinates.push(Record::coordinate("word", "", &about, Values::Text(words)));
        dataset.variables.push(Record::new("x", &about, "", &dims, floats));
        dataset.attributes.insert("k".into(), about);
        prop_assert!(same(&decode(&encode(&dataset).unwrap()).unwrap(), &dataset));
    }

    /// Bytes changed at random places (the header most of all) never panic nor take more memory than a small
    /// multiple of the file.
    #[test]
    fn damaged_bytes_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..6)) {
        let mut bytes = encode(&sample()).unwrap();
        for (place, byte, big) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
            if big && place + 4 <= bytes.len() {
                bytes[place..place + 4].copy_from_slice(&[0x7f, 0xff, 0xff, byte]);
            }
        }
        if let Ok(dataset) = decode(&bytes) {
            prop_assert!(held(&dataset) < 64 * bytes.len());
        }
    }

    /// Nor does noise.
    #[test]
    fn noise_never_panics(tail in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = b"CDF\x02\0\0\0\0".to_vec();
        bytes.extend(tail);
        if let Ok(dataset) = decode(&bytes) {
            prop_assert!(held(&dataset) < 64 * bytes.len());
        }
    }
}

const READER: &str = r#"
import sys, numpy as np, xarray as xr
d = xr.open_dataset(sys.argv[1])
assert dict(d.sizes)["replica"] == 2 and d.energy.dims == ("replica", "time"), d
assert d.energy.dtype == np.float64 and d.energy.attrs["units"] == "energy" and d.energy.attrs["long_name"] == "E/N"
assert np.isnan(d.energy.values[0, 2]) and d.energy.values[1, 0] == 1e-310 and np.isinf(d.energy.values[1, 1])
assert [str(x) for x in d.layer.values] == ["layer1.weight", "ß"], d.layer
assert "physical_time" in d.coords and d.physical_time.values[3] == 10.0
assert d.time.dtype.kind == "i" and list(d.time.values) == [0, 1, 10, 100]
assert float(d.energy.sel(replica=1, time=100)) == 3.0
assert list(d.seen.values) == [2**40, -3] and d.scalar.item() == 0.1 and str(d.word.values.item()) == "ok", d.word
assert d.attrs["system"] == "3-spin, N = 512 – μ"
d.close()
print("xarray", xr.__version__)
"#;

/// One call of xarray, with scipy as the only reader. Needs a Python with xarray and scipy: that of the environment
/// variable `GLASSLAB_PYTHON`, or `python3`. Without one the test says so and does nothing, unless `CI=true`.
#[test]
fn xarray_reads_what_we_write() {
    let python = std::env::var("GLASSLAB_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let able = Command::new(&python).args(["-c", "import xarray, scipy"]).output().is_ok_and(|o| o.status.success());
    if !able {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{python} has no xarray and scipy");
        eprintln!("SKIPPED xarray_reads_what_we_write: {python} has no xarray and scipy; set GLASSLAB_PYTHON");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nc");
    write_dataset(&path, &sample()).unwrap();
    let output = Command::new(&python).arg("-W").arg("error").arg("-c").arg(READER).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
