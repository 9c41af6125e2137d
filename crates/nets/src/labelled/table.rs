//! Tables of a user: CSV files whose last column, or the one headed `y`, `label` or `class`, is the class.

use super::Samples;
use glasslab_core::Fault;
use std::io::Read;
use std::path::Path;

/// Most bytes of a table: 1 GiB.
const MOST: u64 = 1 << 30;

pub(super) fn is_table(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"))
}

/// Reads a CSV file: numbers separated by `,` (or `;` or tabs), with or without a line of heads; classes may be any words or
/// numbers, and are numbered in their sorted order (as numbers if all are numbers).
pub(super) fn read(path: &Path) -> Result<Samples, Fault> {
    let fault = |problem: String| Fault::File { path: path.to_owned(), problem };
    let file = std::fs::File::open(path).map_err(|e| fault(format!("cannot be read: {e}")))?;
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(|e| fault(format!("cannot be read: {e}")))?;
    if bytes.len() as u64 > MOST {
        return Err(fault("is larger than 1 GiB: give a smaller table".to_owned()));
    }
    let text = String::from_utf8(bytes).map_err(|_| fault("is not text in UTF-8".to_owned()))?;
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()).peekable();
    let Some(&(_, first)) = lines.peek() else { return Err(fault("is empty".to_owned())) };
    let mark = [',', ';', '\t'].into_iter().find(|m| first.contains(*m));
    let Some(mark) = mark else {
        return Err(fault("has a single column: inputs and a class are needed, separated by commas".to_owned()));
    };
    let cells =
        |line: &str| -> Vec<String> { line.split(mark).map(|c| c.trim().trim_matches('"').to_owned()).collect() };
    let head = cells(first);
    let columns = head.len();
    // A head has no number but possibly in the class column.
    let headed = head[..columns - 1].iter().all(|c| c.parse::<f64>().is_err());
    let named = |c: &String| matches!(c.to_lowercase().as_str(), "y" | "label" | "class" | "target");
    let class_at = if headed { head.iter().position(named).unwrap_or(columns - 1) } else { columns - 1 };
    if headed {
        lines.next();
    }
    let (mut x, mut words) = (Vec::new(), Vec::new());
    for (number, line) in lines {
        let row = cells(line);
        if row.len() != columns {
            return Err(fault(format!("line {} has {} columns where {columns} are needed", number + 1, row.len())));
        }
        for (k, cell) in row.into_iter().enumerate() {
            if k == class_at {
                words.push(cell);
                continue;
            }
            match cell.parse::<f64>() {
                Ok(v) if v.is_finite() => x.push(v),
                _ => {
                    let problem = format!("line {}, column {}: `{cell}` is no finite number", number + 1, k + 1);
                    return Err(fault(problem));
                }
            }
        }
    }
    if words.is_empty() {
        return Err(fault("has a line of heads and no samples".to_owned()));
    }
    Samples::of_words(columns - 1, x, &words).map_err(|problem| fault(format!("column {}: {problem}", class_at + 1)))
}
