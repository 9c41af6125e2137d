//! A user's data: names, folders, tables, numpy archives; what is wrong with them in one message.

use glasslab_core::Fault;
use glasslab_nets::labelled::{Samples, is_synthetic};
use glasslab_series::arrays::{Array, Entries, array, names};
use std::path::Path;

/// Names of the array of inputs and of that of classes.
const INPUTS: [&str; 6] = ["x", "X", "data", "inputs", "images", "x_train"];
const CLASSES: [&str; 7] = ["y", "Y", "labels", "label", "target", "targets", "y_train"];

fn fault(path: &Path, problem: impl Into<String>) -> Fault {
    Fault::File { path: path.to_owned(), problem: problem.into() }
}

fn is_archive(data: &str) -> bool {
    Path::new(data).extension().is_some_and(|e| e.eq_ignore_ascii_case("npz"))
}

/// Opens data by name, folder or file; relative paths start from `folder`.
pub(crate) fn open(data: &str, folder: &Path) -> Result<Samples, Fault> {
    if is_synthetic(data) {
        let fix = "this is a synthetic model: `glasslab plane` maps it; give data of your own, or digits, mnist, fashion-mnist";
        return Err(Fault::input("data", data, fix));
    }
    let path = folder.join(data);
    let file = is_archive(data) || Path::new(data).extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
    if file && !path.exists() {
        return Err(fault(&path, format!("is not there{}", neighbour(&path))));
    }
    if path.is_file() && !file {
        let problem = "is no table or archive that is read by its name: give a CSV file (.csv), an archive of numpy (.npz), or a folder \
                       of IDX or CIFAR files";
        return Err(fault(&path, problem));
    }
    if is_archive(data) { archive(&path) } else { Samples::open(data, folder) }
}

/// A file of the same folder with a name near to it.
fn neighbour(path: &Path) -> String {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let there: Vec<String> = std::fs::read_dir(folder)
        .map(|all| all.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    let wanted = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut there: Vec<&str> = there.iter().map(String::as_str).collect();
    there.sort_unstable();
    glasslab_core::parameter::nearest(&wanted, there).map_or(String::new(), |n| format!(" (did you mean `{n}`?)"))
}

/// `.npz` with x [P, ...] and y \[P\]; further dimensions of x are flattened. With more than two dimensions they are images, else a table.
fn archive(path: &Path) -> Result<Samples, Fault> {
    let said =
        |e: glasslab_series::SeriesError| fault(path, e.to_string().replace(&format!("{}: ", path.display()), ""));
    let there = names(path).map_err(said)?;
    let list = || there.iter().map(|t| format!("{} {:?}", t.0, t.1)).collect::<Vec<_>>().join(", ");
    let find = |wanted: &[&str], what: &str| -> Result<Array, Fault> {
        let name = wanted.iter().find(|w| there.iter().any(|t| t.0 == **w));
        let Some(name) = name else {
            return Err(fault(path, format!("has no array of {what} called `{}`; it has: {}", wanted[0], list())));
        };
        array(path, name).map_err(said)
    };
    let (x, y) = (find(&INPUTS, "inputs")?, find(&CLASSES, "classes")?);
    let samples = x.shape.first().copied().unwrap_or(0);
    let Entries::Numbers(values) = x.entries else {
        return Err(fault(path, format!("array `{}` holds words: inputs must be numbers", x.name)));
    };
    if x.shape.len() < 2 || values.is_empty() {
        return Err(fault(
            path,
            format!("array `{}` has the shape {:?}: [samples, inputs] is needed", x.name, x.shape),
        ));
    }
    if y.shape.iter().product::<usize>() != samples || y.shape.first() != Some(&samples) {
        return Err(fault(
            path,
            format!(
                "array `{}` has the shape {:?}: one class for each of {samples} samples is needed",
                y.name, y.shape
            ),
        ));
    }
    let inputs = values.len() / samples;
    if let Some(k) = values.iter().position(|v| !v.is_finite()) {
        let (row, column) = (k / inputs, k % inputs);
        return Err(fault(
            path,
            format!("array `{}`: sample {row}, input {column} is {}: give finite numbers", x.name, values[k]),
        ));
    }
    let words: Vec<String> = match y.entries {
        Entries::Words(words) => words,
        Entries::Numbers(numbers) => {
            if let Some(k) = numbers.iter().position(|v| v.is_nan()) {
                return Err(fault(
                    path,
                    format!("array `{}`: the class of sample {k} is NaN: give whole numbers or words", y.name),
                ));
            }
            numbers.iter().map(f64::to_string).collect()
        }
    };
    let mut samples =
        Samples::of_words(inputs, values, &words).map_err(|p| fault(path, format!("array `{}`: {p}", y.name)))?;
    samples.table = x.shape.len() == 2;
    Ok(samples)
}
