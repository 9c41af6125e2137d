//! The bytes of a netCDF classic file to a data set; the bytes may be hostile.

use super::{ATTRIBUTE, CHAR, COORDINATES, DIMENSION, DOUBLE, EMPTY, FORMAT, INT, MAGIC, VARIABLE, WHOLE, is_name};
use glasslab_core::{Dataset, Record, Values};
use std::collections::HashSet;

/// A cursor over the file. Nothing is allocated before the bytes that fill it are known to be there.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (head, tail) = self.rest.split_at_checked(count).ok_or("it ends too early (truncated?)")?;
        self.rest = tail;
        Ok(head)
    }

    fn number(&mut self) -> Result<u32, String> {
        Ok(u32::from_be_bytes(self.take(4)?.try_into().map_err(|_| "number")?))
    }

    fn offset(&mut self) -> Result<u64, String> {
        Ok(u64::from_be_bytes(self.take(8)?.try_into().map_err(|_| "offset")?))
    }

    /// `count` bytes and the padding to a multiple of four.
    fn padded(&mut self, count: usize) -> Result<&'a [u8], String> {
        let bytes = self.take(count)?;
        self.take(count.next_multiple_of(4) - count)?;
        Ok(bytes)
    }

    fn text(&mut self) -> Result<&'a str, String> {
        let length = self.number()? as usize;
        utf8(self.padded(length)?)
    }

    /// Length of a list with this tag, each entry of which takes at least `least` bytes.
    fn list(&mut self, tag: u32, least: usize) -> Result<usize, String> {
        let (found, length) = (self.number()?, self.number()? as usize);
        if (found != tag && !(found == 0 && length == 0)) || length > self.rest.len() / least {
            return Err("its header is damaged".to_owned());
        }
        Ok(length)
    }

    fn attributes(&mut self) -> Result<Vec<(&'a str, String)>, String> {
        let mut out = Vec::new();
        for _ in 0..self.list(ATTRIBUTE, 12)? {
            let name = self.text()?;
            let (kind, count) = (self.number()?, self.number()? as usize);
            let size = size_of_kind(kind)?;
            let bytes = self.padded(count.checked_mul(size).ok_or("its header is damaged")?)?;
            out.push((name, if kind == CHAR { utf8(bytes)?.to_owned() } else { numbers(kind, bytes) }));
        }
        Ok(out)
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "a text in it is not UTF-8".to_owned())
}

fn size_of_kind(kind: u32) -> Result<usize, String> {
    match kind {
        1 | CHAR => Ok(1),
        3 => Ok(2),
        INT | 5 => Ok(4),
        DOUBLE => Ok(8),
        _ => Err(format!("it uses the unknown type {kind}")),
    }
}

fn doubles(bytes: &[u8]) -> impl Iterator<Item = f64> + '_ {
    bytes.as_chunks::<8>().0.iter().map(|b| f64::from_be_bytes(*b))
}

fn ints(bytes: &[u8]) -> impl Iterator<Item = i64> + '_ {
    bytes.as_chunks::<4>().0.iter().map(|b| i64::from(i32::from_be_bytes(*b)))
}

/// Numbers of an attribute that another program has added, as text.
fn numbers(kind: u32, bytes: &[u8]) -> String {
    let words: Vec<String> = match kind {
        DOUBLE => doubles(bytes).map(|x| x.to_string()).collect(),
        INT => ints(bytes).map(|x| x.to_string()).collect(),
        _ => bytes.iter().map(|b| format!("{b:02x}")).collect(),
    };
    words.join(" ")
}

/// Dimensions and shape of a record without entries: `replica=3 waiting_time=0`.
fn empty_shape(text: &str) -> Option<(Vec<String>, Vec<usize>)> {
    let parts = text.split(' ').map(|part| {
        let (name, length) = part.split_once('=')?;
        is_name(name).then_some((name.to_owned(), length.parse::<usize>().ok()?))
    });
    let (dims, shape): (Vec<String>, Vec<usize>) = parts.collect::<Option<Vec<_>>>()?.into_iter().unzip();
    shape.contains(&0).then_some((dims, shape))
}

fn values(kind: u32, data: &[u8], width: usize, whole: bool) -> Result<Values, String> {
    Ok(match kind {
        DOUBLE if whole => {
            let exact = |x: f64| (x.fract() == 0.0 && x.abs() <= (1_u64 << 53) as f64).then_some(x as i64);
            let all: Option<Vec<i64>> = doubles(data).map(exact).collect();
            Values::I64(all.ok_or("a whole number in it is none")?)
        }
        DOUBLE => Values::F64(doubles(data).collect()),
        INT => Values::I64(ints(data).collect()),
        CHAR => {
            let one = |bytes: &[u8]| {
                let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |i| i + 1);
                utf8(&bytes[..end]).map(str::to_owned)
            };
            Values::Text(data.chunks_exact(width).map(one).collect::<Result<_, _>>()?)
        }
        _ => return Err(format!("it holds a variable of type {kind}, which glasslab does not write")),
    })
}

/// The data set in the bytes of a netCDF classic file with 64-bit offsets, without record dimension, or what is wrong
/// with them. Never panics; memory is bounded by a small multiple of the length of `file`. Cost O(size).
pub fn decode(file: &[u8]) -> Result<Dataset, String> {
    let mut reader = Reader { rest: file };
    if reader.take(4)? != MAGIC {
        return Err("it does not begin as netCDF classic with 64-bit offsets".to_owned());
    }
    reader.number()?;
    let mut dimensions = Vec::new();
    for _ in 0..reader.list(DIMENSION, 8)? {
        let (name, length) = (reader.text()?, reader.number()? as usize);
        if length == 0 {
            return Err(format!("its dimension `{name}` is unlimited, which glasslab does not write"));
        }
        dimensions.push((name, length));
    }
    let mut dataset = Dataset::default();
    let mut side = HashSet::new();
    for (name, value) in reader.attributes()? {
        match name {
            FORMAT if value == "1" => {}
            FORMAT => return Err(format!("its conventions have version {value}, this glasslab reads version 1")),
            COORDINATES => side.extend(value.split(' ').map(str::to_owned)),
            _ => {
                dataset.attributes.insert(name.to_owned(), value);
            }
        }
    }
    // Variables may not share bytes: together they are no longer than the file.
    let mut budget = file.len();
    let mut names = HashSet::new();
    for _ in 0..reader.list(VARIABLE, 32)? {
        let name = reader.text()?;
        if !names.insert(name) {
            return Err(format!("the name `{name}` stands in it twice"));
        }
        let count = reader.number()? as usize;
        if count > reader.rest.len() / 4 {
            return Err("its header is damaged".to_owned());
        }
        let (mut dims, mut shape) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let number = reader.number()? as usize;
            let (dim, length) = *dimensions.get(number).ok_or("its header names a dimension that is not there")?;
            dims.push(dim.to_owned());
            shape.push(length);
        }
        let attributes = reader.attributes()?;
        let (kind, _, begin) = (reader.number()?, reader.number()?, reader.offset()?);
        let bytes = shape.iter().try_fold(size_of_kind(kind)?, |a, &b| a.checked_mul(b));
        let bytes = bytes.filter(|&b| b <= budget).ok_or(format!("the variable `{name}` is longer than the file"))?;
        budget -= bytes;
        let data = usize::try_from(begin).ok().and_then(|b| file.get(b..b.checked_add(bytes)?));
        let mut data = data.ok_or(format!("the variable `{name}` lies beyond the end (truncated?)"))?;
        let mut width = 1;
        if kind == CHAR {
            dims.pop();
            width = shape.pop().ok_or(format!("the text `{name}` has no dimension"))?;
        }
        let attribute = |key: &str| attributes.iter().find(|(n, _)| *n == key).map(|(_, v)| v.as_str());
        if let Some(text) = attribute(EMPTY) {
            (dims, shape) = empty_shape(text).ok_or(format!("the variable `{name}` has a damaged shape"))?;
            data = &[];
        }
        let record = Record {
            name: name.to_owned(),
            about: attribute("long_name").unwrap_or("").to_owned(),
            unit: attribute("units").unwrap_or("").to_owned(),
            values: values(kind, data, width, attribute(WHOLE).is_some())?,
            dims,
            shape,
        };
        let own = record.dims == [record.name.as_str()];
        let list = if own || side.contains(name) { &mut dataset.coordinates } else { &mut dataset.variables };
        list.push(record);
    }
    Ok(dataset)
}
