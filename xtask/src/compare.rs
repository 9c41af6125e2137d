//! Cross-data: numbers from peers, kept beside the script that makes them; made again and compared here.
//!
//! A script `crates/*/tests/cross/*.py` (names that begin with `_` are parts of others) is called in an empty folder, with
//! that folder as its argument, and writes there the files that are committed beside it.

use crate::python::Environment;
use crate::shell::{Place, Tally, stream, tracked};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Relative tolerance of 64-bit numbers: rounding of other kernels and thread counts, grown over a hundred SGD steps.
const TOLERANCE_F64: f64 = 1e-9;
/// Relative tolerance of 32-bit numbers.
const TOLERANCE_F32: f64 = 1e-4;
/// Differences below this part of the largest number of an array are rounding of sums that cancel.
const FLOOR: f64 = 1e-3;

/// Runs every script of cross-data into an empty folder and compares the outcome with the committed files.
pub fn regenerate(place: &Place, tally: &mut Tally) -> Result<()> {
    let environment = Environment::peers(place);
    let files = tracked(&place.root)?;
    let scripts = files.iter().filter(|f| {
        let name = f.file_name().unwrap_or_default().to_string_lossy();
        f.parent().is_some_and(|p| p.ends_with("tests/cross")) && name.ends_with(".py") && !name.starts_with('_')
    });
    let mut problems = Vec::new();
    let mut made = Vec::new();
    for script in scripts {
        let fresh = place.target.join("cross").join(script.with_extension(""));
        let _ = fs::remove_dir_all(&fresh);
        fs::create_dir_all(&fresh)?;
        let mut command = place.command(environment.python(), &[]);
        command.arg(place.root.join(script)).arg(&fresh).current_dir(&fresh);
        environment.enter(&mut command)?;
        if let Err(error) = stream(&mut command, tally) {
            problems.push(format!("{error:#}"));
            tally.failed += 1;
            continue;
        }
        let beside = script.parent().context("no folder")?;
        let names = below(&fresh)?;
        if names.is_empty() {
            problems.push(format!("{} wrote nothing into the folder that it was given", script.display()));
            tally.failed += 1;
        }
        for name in names {
            let committed = beside.join(&name);
            match compare(&place.root.join(&committed), &fresh.join(&name)) {
                Ok(count) => {
                    println!("{}: {count} numbers agree", committed.display());
                    tally.passed += 1;
                }
                Err(error) => {
                    problems.push(format!("{}: {error:#}", committed.display()));
                    tally.failed += 1;
                }
            }
            made.push(committed);
        }
    }
    for file in &files {
        let cross = file.ancestors().skip(1).any(|p| p.ends_with("tests/cross"));
        let code = matches!(file.extension().and_then(OsStr::to_str), Some("py" | "md"));
        if cross && !code && !made.contains(file) && problems.is_empty() {
            problems.push(format!("{}: no script makes it", file.display()));
            tally.failed += 1;
        }
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

/// All files below a folder, relative to it.
fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = PathBuf::from(entry.file_name());
        if name == Path::new("__pycache__") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            out.extend(below(&entry.path())?.into_iter().map(|p| name.join(p)));
        } else {
            out.push(name);
        }
    }
    out.sort();
    Ok(out)
}

/// Compares two files: JSON, tables and safetensors number by number, anything else byte by byte. The count of what
/// agrees.
fn compare(committed: &Path, fresh: &Path) -> Result<usize> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let (old, new) = (read(committed)?, read(fresh)?);
    match fresh.extension().and_then(OsStr::to_str) {
        Some("json") => json(&serde_json::from_slice(&old)?, &serde_json::from_slice(&new)?),
        Some("safetensors") => safetensors(&old, &new),
        Some("csv" | "txt") => text(std::str::from_utf8(&old)?, std::str::from_utf8(&new)?),
        _ => {
            ensure!(old == new, "the bytes differ");
            Ok(old.len())
        }
    }
}

/// Number by number: |a - b| <= tolerance (max(|a|, |b|) + floor * largest number of the array).
fn numbers(a: &[f64], b: &[f64], tolerance: f64) -> Result<usize> {
    ensure!(a.len() == b.len(), "{} numbers are committed, {} were made", a.len(), b.len());
    let largest = a.iter().chain(b).map(|v| v.abs()).filter(|v| v.is_finite()).fold(0.0, f64::max);
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        let same = a == b || (a.is_nan() && b.is_nan());
        let near = (a - b).abs() <= tolerance * (a.abs().max(b.abs()) + FLOOR * largest);
        ensure!(same || (near && a.is_finite() && b.is_finite()), "number {i}: {a:e} is committed, {b:e} was made");
    }
    Ok(a.len())
}

fn json(a: &Value, b: &Value) -> Result<usize> {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            let floats = |v: &[Value]| v.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>();
            if let (Some(a), Some(b)) = (floats(a), floats(b)) {
                return numbers(&a, &b, TOLERANCE_F64);
            }
            ensure!(a.len() == b.len(), "{} entries are committed, {} were made", a.len(), b.len());
            let each = a.iter().zip(b).enumerate().map(|(i, (a, b))| json(a, b).with_context(|| format!("[{i}]")));
            each.sum()
        }
        (Value::Object(a), Value::Object(b)) => {
            let names = |o: &serde_json::Map<String, Value>| o.keys().cloned().collect::<Vec<_>>();
            ensure!(a.len() == b.len(), "keys {:?} are committed, {:?} were made", names(a), names(b));
            // Versions of the peers are for the reader.
            let each = a.iter().filter(|(k, _)| *k != "versions").map(|(k, a)| match b.get(k) {
                Some(b) => json(a, b).with_context(|| k.clone()),
                None => bail!("`{k}` was not made again"),
            });
            each.sum()
        }
        (Value::Number(_), Value::Number(_)) => {
            let one = |v: &Value| v.as_f64().context("not a number");
            numbers(&[one(a)?], &[one(b)?], TOLERANCE_F64)
        }
        _ => {
            ensure!(a == b, "{a} is committed, {b} was made");
            Ok(1)
        }
    }
}

/// A table as text: words are equal, numbers are within the tolerance or one unit of their last printed digit.
fn text(old: &str, new: &str) -> Result<usize> {
    fn pieces(text: &str) -> impl Iterator<Item = &str> {
        text.split(|c: char| c.is_whitespace() || c == ',' || c == ';')
    }
    ensure!(pieces(old).count() == pieces(new).count(), "the tables have different shapes");
    for (a, b) in pieces(old).zip(pieces(new)).filter(|(a, b)| a != b) {
        let (Ok(x), Ok(y)) = (a.parse::<f64>(), b.parse::<f64>()) else { bail!("`{a}` is committed, `{b}` was made") };
        let near = (x - y).abs() <= (1.01 * last_digit(a).max(last_digit(b))).max(TOLERANCE_F64 * x.abs().max(y.abs()));
        ensure!(near, "`{a}` is committed, `{b}` was made");
    }
    Ok(pieces(old).filter(|p| p.parse::<f64>().is_ok()).count())
}

/// One unit of the last printed digit: 0.01 for 3.14, 1e-7 for 1.5e-6.
fn last_digit(number: &str) -> f64 {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let decimals = mantissa.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    10_f64.powi(exponent.parse::<i32>().unwrap_or(0) - decimals as i32)
}

/// The header and the bytes of a safetensors file.
fn open(bytes: &[u8]) -> Result<(serde_json::Map<String, Value>, &[u8])> {
    let length = bytes.first_chunk::<8>().map(|b| u64::from_le_bytes(*b)).context("too short")?;
    let end = usize::try_from(length).ok().and_then(|n| n.checked_add(8)).context("header too long")?;
    let header = bytes.get(8..end).context("header cut off")?;
    let mut header: serde_json::Map<String, Value> = serde_json::from_slice(header)?;
    header.remove("__metadata__");
    Ok((header, &bytes[end..]))
}

fn safetensors(old: &[u8], new: &[u8]) -> Result<usize> {
    let ((old, old_data), (new, new_data)) = (open(old)?, open(new)?);
    ensure!(old.len() == new.len(), "{} arrays are committed, {} were made", old.len(), new.len());
    let slice = |entry: &Value, data: &'_ [u8]| -> Result<Vec<u8>> {
        let offset = |i: usize| entry["data_offsets"][i].as_u64().map(|v| v as usize).context("no offsets");
        Ok(data.get(offset(0)?..offset(1)?).context("array cut off")?.to_vec())
    };
    let mut count = 0;
    for (name, a) in &old {
        let b = new.get(name).with_context(|| format!("`{name}` was not made again"))?;
        ensure!(a["dtype"] == b["dtype"] && a["shape"] == b["shape"], "`{name}` has another type or shape");
        let (x, y) = (slice(a, old_data)?, slice(b, new_data)?);
        let f64s = |v: &[u8]| v.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect::<Vec<_>>();
        let f32s =
            |v: &[u8]| v.as_chunks::<4>().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect::<Vec<_>>();
        count += match a["dtype"].as_str() {
            Some("F64") => numbers(&f64s(&x), &f64s(&y), TOLERANCE_F64),
            Some("F32") => numbers(&f32s(&x), &f32s(&y), TOLERANCE_F32),
            _ if x == y => Ok(x.len()),
            _ => Err(anyhow::anyhow!("the bytes differ")),
        }
        .with_context(|| name.clone())?;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json as value;

    #[test]
    fn json_agrees_up_to_rounding_only() {
        let old = value!({"versions": "1", "loss": [1.0, 2.0, 1e-17], "name": "toy", "deep": {"g": [[1.0], [3]]}});
        let new =
            value!({"versions": "2", "loss": [1.0, 2.0 + 1e-12, 3e-17], "name": "toy", "deep": {"g": [[1.0], [3]]}});
        assert_eq!(json(&old, &new).unwrap(), 6);
        for (key, bad) in [
            ("loss", value!([1.0, 2.0 + 1e-6, 1e-17])),
            ("loss", value!([1.0, 2.0])),
            ("loss", value!([1.0, 2.0, null])),
            ("name", value!("fc")),
            ("deep", value!({"h": [[1.0], [3]]})),
        ] {
            let mut broken = old.clone();
            broken[key] = bad;
            assert!(json(&old, &broken).is_err(), "{key}: {broken}");
        }
    }

    #[test]
    fn tables_agree_up_to_their_last_digit() {
        let old = "# two columns\nt,delta\n1,0.12345\n,1.5e-6\n";
        assert_eq!(text(old, &old.replace("0.12345", "0.12346")).unwrap(), 3);
        assert_eq!(text(old, &old.replace("1.5e-6", "1.4e-6")).unwrap(), 3);
        for (from, to) in
            [("0.12345", "0.12347"), ("1.5e-6", "1.7e-6"), ("delta", "c"), ("\n,", "\n"), ("0.12345", "NaN")]
        {
            assert!(text(old, &old.replace(from, to)).is_err(), "{from} to {to}");
        }
    }

    fn tensors(dtype: &str, data: &[u8]) -> Vec<u8> {
        let header = format!(r#"{{"x":{{"dtype":"{dtype}","shape":[2],"data_offsets":[0,{}]}}}}"#, data.len());
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
    }

    #[test]
    fn safetensors_agree_up_to_rounding_only() {
        let file = |v: [f64; 2]| tensors("F64", &v.map(f64::to_le_bytes).concat());
        assert_eq!(safetensors(&file([1.0, 2.0]), &file([1.0, 2.0 + 1e-12])).unwrap(), 2);
        assert!(safetensors(&file([1.0, 2.0]), &file([1.0, 2.0 + 1e-6])).is_err());
        assert!(safetensors(&file([1.0, 2.0]), &file([1.0, f64::NAN])).is_err());
        assert!(safetensors(&file([1.0, 2.0]), &tensors("F32", &[0; 8])).is_err());
        let cut = file([1.0, 2.0]);
        assert!(safetensors(&cut, &cut[..cut.len() - 1]).is_err());
        assert!(safetensors(&cut, &cut[..6]).is_err());
        let whole = |v: [u64; 2]| tensors("U64", &v.map(u64::to_le_bytes).concat());
        assert!(safetensors(&whole([1, 2]), &whole([1, 3])).is_err());
    }
}
