//! Sketches: a linear projection of the weights onto few numbers, from which every displacement follows with a known error.
//!
//! A parameter `name` with entries x_i is cut into blocks of 64 consecutive entries. Block b has 64 random signs s_i and a random
//! place r_b in 0..k, all a function of (seed, name, b) alone, never stored; the sketch is
//! `y_j = sum_b sum_{i in b} s_i x_i [j = (r_b + i mod 64) mod k]`.
//!
//! - **Linear**: the sketch of a difference is the difference of the sketches, and sketches of shards add up.
//! - **Unbiased**: <|y|^2> = |x|^2 over the signs, so Delta = |y(t) - y(t_w)|^2/N.
//! - **Error**: Var |y|^2 = (2/k)(|x|^4 - sum_b |x_b|^4) <= 2 |x|^4/k: entries of one block never meet, those of two blocks meet
//!   with chance 1/k. So the standard error of Delta is at most Delta sqrt(2/k): 2.2 % for k = 4096, whatever N.
//! - **Cheap**: one signed addition an entry, in runs of 64.
//!
//! Source: the count sketch (Charikar, Chen, Farach-Colton 2002, doi:10.1007/3-540-45465-9_59) and its use for distances
//! (Weinberger et al. 2009, arXiv:0902.2206), with blocks. Checked by `tests/sketches.rs`.

use crate::error::{SeriesError, io, refused};
use crate::header::read_header;
use glasslab_core::random::fnv1a;
use glasslab_core::{Fault, Streams};
use pulp::{Arch, NullaryFnOnce};
use rand_core::Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Entries that share one random place.
const BLOCK: usize = 64;
/// Blocks whose signs and places come from one stream.
const BLOCKS: usize = 16;
/// Name of the random stream; part of the format.
const STREAM: &str = "sketch";
/// Version of the format, in the metadata of the file.
pub(crate) const MARK: &str = "glasslab_sketch";
/// Least and greatest k.
pub const SIZES: std::ops::RangeInclusive<usize> = 64..=1 << 20;

/// One row of a sketch: a tensor, a group of tensors, or the whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The projection y `[k]`.
    pub values: Vec<f64>,
    /// What is known exactly.
    pub facts: Facts,
}

/// What a row of a sketch knows exactly; all of it adds up over shards.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Number of entries N.
    pub entries: u64,
    /// sum_i x_i^2 over the finite ones.
    pub squares: f64,
    /// NaN and infinities; they are left out of the projection.
    pub non_finite: u64,
    /// Fingerprint of the parameters: sum over calls of hash(name) times entries, modulo 2^64. The same whatever the shards.
    pub layout: u64,
}

/// The sketch of one checkpoint: rows of k numbers.
///
/// ```
/// let weights = [0.5_f32; 1000];
/// let mut at_0 = glasslab_series::Sketch::new(1, 256)?;
/// at_0.add("body", "body.weight", 0, &weights);
/// let mut at_1 = glasslab_series::Sketch::new(1, 256)?;
/// // Two shards of the same parameter, each with its offset.
/// at_1.add("body", "body.weight", 0, &weights[..300].iter().map(|w| w + 1.0).collect::<Vec<_>>());
/// at_1.add("body", "body.weight", 300, &weights[300..].iter().map(|w| w + 1.0).collect::<Vec<_>>());
/// let (delta, error) = at_0.displacement(&at_1)?;
/// assert!((delta - 1.0).abs() < 4.0 * error);
/// # Ok::<(), glasslab_core::Fault>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sketch {
    /// Seed of signs and places.
    pub seed: u64,
    /// Numbers k per row.
    pub size: usize,
    /// Step of the checkpoint, if known.
    pub step: Option<u64>,
    /// The rows by name.
    pub rows: BTreeMap<String, Row>,
}

impl Facts {
    /// Those of two shards together.
    fn add(&mut self, other: &Facts) {
        self.entries += other.entries;
        self.squares += other.squares;
        self.non_finite += other.non_finite;
        self.layout = self.layout.wrapping_add(other.layout);
    }
}

impl Sketch {
    /// An empty sketch with k = `size` numbers per row, 64 to 2^20.
    pub fn new(seed: u64, size: usize) -> Result<Self, Fault> {
        if !SIZES.contains(&size) {
            return Err(Fault::input("k", size, "give a number of components from 64 to 1048576"));
        }
        Ok(Self { seed, size, step: None, rows: BTreeMap::new() })
    }

    /// Adds `values`, the entries of `parameter` from number `offset` on (in the order of the whole, flattened parameter), to
    /// the row `row`. Shards of a parameter are added with their offsets, here or in another sketch that is merged.
    /// Cost O(entries); the result does not depend on how a parameter is cut at multiples of 64 beyond the rounding of f64 sums.
    pub fn add<T: Copy + Into<f64>>(&mut self, row: &str, parameter: &str, offset: u64, values: &[T]) {
        let name = fnv1a(parameter.as_bytes());
        let (seed, size) = (self.seed, self.size);
        let fresh = || Row { values: vec![0.0; size], facts: Facts::default() };
        let row = self.rows.entry(row.to_owned()).or_insert_with(fresh);
        row.facts.entries += values.len() as u64;
        row.facts.layout = row.facts.layout.wrapping_add(name.wrapping_mul(values.len() as u64));
        let arch = Arch::new();
        let (mut x, mut at) = (values, offset);
        while !x.is_empty() {
            let chunk = (BLOCK * BLOCKS) as u64;
            let (number, start) = (at / chunk, (at % chunk) as usize);
            let len = x.len().min(BLOCK * BLOCKS - start);
            let mut rng = Streams::new(seed).stream(STREAM, name, number);
            let mut draws = [(0_u64, 0_usize); BLOCKS];
            for d in &mut draws {
                let signs = rng.next_u64();
                *d = (signs, ((u128::from(rng.next_u64()) * size as u128) >> 64) as usize);
            }
            let sums = arch.dispatch(Chunk { x: &x[..len], start, draws: &draws, out: &mut row.values });
            row.facts.squares += sums.0;
            row.facts.non_finite += sums.1;
            (x, at) = (&x[len..], at + len as u64);
        }
    }

    /// Adds another sketch of the same step: rows of the same name are summed (shards), others are taken over.
    pub fn merge(&mut self, other: &Sketch) -> Result<(), Fault> {
        self.comparable(other)?;
        if let (Some(a), Some(b)) = (self.step, other.step)
            && a != b
        {
            return Err(Fault::input("step", b, format!("give sketches of one step, here {a}")));
        }
        self.step = self.step.or(other.step);
        for (name, row) in &other.rows {
            match self.rows.get_mut(name) {
                None => drop(self.rows.insert(name.clone(), row.clone())),
                Some(own) => {
                    own.values.iter_mut().zip(&row.values).for_each(|(a, b)| *a += b);
                    own.facts.add(&row.facts);
                }
            }
        }
        Ok(())
    }

    fn comparable(&self, other: &Sketch) -> Result<(), Fault> {
        if (self.seed, self.size) != (other.seed, other.size) {
            let value = format!("(seed {}, k {})", other.seed, other.size);
            let fix =
                format!("sketches are compared and added with one seed and k, here {} and {}", self.seed, self.size);
            return Err(Fault::input("sketch", value, fix));
        }
        Ok(())
    }

    /// Delta = (1/N) sum of (x - x')^2 over all rows, and its standard error sqrt(2/k sum_rows |d_row|^4)/N.
    pub fn displacement(&self, other: &Sketch) -> Result<(f64, f64), Fault> {
        self.comparable(other)?;
        let (mut sum, mut variance, mut entries) = (0.0, 0.0, 0);
        for (name, row) in &self.rows {
            let fits = other
                .rows
                .get(name)
                .filter(|o| o.facts.entries == row.facts.entries && o.facts.layout == row.facts.layout);
            let Some(theirs) = fits else {
                return Err(Fault::input("row", name, "the other sketch lacks it or has it of other parameters"));
            };
            let square: f64 = row.values.iter().zip(&theirs.values).map(|(a, b)| (a - b) * (a - b)).sum();
            sum += square;
            variance += 2.0 * square * square / self.size as f64;
            entries += row.facts.entries;
        }
        Ok((sum / entries.max(1) as f64, variance.sqrt() / entries.max(1) as f64))
    }

    /// Bytes of the file: a safetensors file with one F64 tensor `[k]` a row, and the facts in its metadata
    /// (`glasslab_sketch` = version, `seed`, `k`, `step`, `rows` = JSON). The same sketch gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let facts: BTreeMap<&str, &Facts> = self.rows.iter().map(|(n, r)| (n.as_str(), &r.facts)).collect();
        let facts = serde_json::to_string(&facts).unwrap_or_default();
        let mut metadata = BTreeMap::from([
            (MARK, "1".to_owned()),
            ("seed", self.seed.to_string()),
            ("k", self.size.to_string()),
            ("rows", facts),
        ]);
        if let Some(step) = self.step {
            metadata.insert("step", step.to_string());
        }
        let mut header = serde_json::Map::new();
        header.insert("__metadata__".to_owned(), serde_json::json!(metadata));
        let bytes = 8 * self.size;
        for (i, name) in self.rows.keys().enumerate() {
            let place = [i * bytes, (i + 1) * bytes];
            header
                .insert(name.clone(), serde_json::json!({"dtype": "F64", "shape": [self.size], "data_offsets": place}));
        }
        let mut header = serde_json::Value::Object(header).to_string();
        header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
        let mut out = (header.len() as u64).to_le_bytes().to_vec();
        out.extend(header.as_bytes());
        self.rows.values().flat_map(|r| &r.values).for_each(|v| out.extend(v.to_le_bytes()));
        out
    }

    /// Writes the file under a temporary name in the same folder, then renames it: whole or not at all.
    pub fn write(&self, path: &Path) -> Result<(), SeriesError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = path.with_file_name(format!(".{name}.unfinished-{}", std::process::id()));
        let write = || {
            let mut file = std::fs::File::create(&temporary)?;
            file.write_all(&self.to_bytes())?;
            file.sync_all()?;
            std::fs::rename(&temporary, path)
        };
        write().map_err(|e| {
            let _ = std::fs::remove_file(&temporary);
            io("write", path)(e)
        })
    }

    /// Reads what [`Sketch::write`] wrote; the file may be hostile.
    pub fn read(path: &Path) -> Result<Self, SeriesError> {
        let header = read_header(path)?;
        let Some(found) = Labels::of(path, &header.metadata)? else {
            return Err(refused(
                path,
                "metadata",
                "no glasslab_sketch",
                "give a file of `glasslab sketch` or of a Recorder",
            ));
        };
        let mut sketch = Self { seed: found.seed, size: found.size, step: found.step, rows: BTreeMap::new() };
        let mut file = std::fs::File::open(path).map_err(io("open", path))?;
        for tensor in &header.tensors {
            let facts = found.row(path, tensor)?.clone();
            file.seek(SeekFrom::Start(tensor.offset)).map_err(io("read", path))?;
            let mut bytes = vec![0_u8; tensor.bytes as usize];
            file.read_exact(&mut bytes).map_err(io("read", path))?;
            let values = bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
            sketch.rows.insert(tensor.name.clone(), Row { values, facts });
        }
        Ok(sketch)
    }
}

/// What the metadata of a sketch say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Labels {
    pub(crate) seed: u64,
    pub(crate) size: usize,
    pub(crate) step: Option<u64>,
    pub(crate) rows: BTreeMap<String, Facts>,
}

impl Labels {
    /// The labels, or `None` if this is no sketch.
    pub(crate) fn of(path: &Path, metadata: &BTreeMap<String, String>) -> Result<Option<Self>, SeriesError> {
        let Some(version) = metadata.get(MARK) else { return Ok(None) };
        if version != "1" {
            return Err(refused(path, MARK, version, "this version of sketches is not known: use a newer glasslab"));
        }
        let number = |key: &str| -> Result<u64, SeriesError> {
            let text = metadata.get(key).map_or("", String::as_str);
            text.parse().map_err(|_| refused(path, key, format!("{text:?}"), "the sketch is damaged: make it again"))
        };
        let size = number("k")? as usize;
        if !SIZES.contains(&size) {
            return Err(refused(path, "k", size, "the sketch is damaged: make it again"));
        }
        let step = metadata.contains_key("step").then(|| number("step")).transpose()?;
        let rows = serde_json::from_str(metadata.get("rows").map_or("", String::as_str))
            .map_err(|e| refused(path, "rows", e, "the sketch is damaged: make it again"))?;
        Ok(Some(Self { seed: number("seed")?, size, step, rows }))
    }

    /// Adds what another shard says: both must be of one seed, size and step.
    pub(crate) fn add(&mut self, path: &Path, other: &Labels) -> Result<(), SeriesError> {
        if (self.seed, self.size) != (other.seed, other.size) || self.step.zip(other.step).is_some_and(|(a, b)| a != b)
        {
            let value = format!("seed {}, k {}, step {:?}", other.seed, other.size, other.step);
            let fix = format!(
                "its shards have seed {}, k {}, step {:?}: give sketches of one kind",
                self.seed, self.size, self.step
            );
            return Err(refused(path, "sketch", value, fix));
        }
        for (name, facts) in &other.rows {
            self.rows.entry(name.clone()).or_default().add(facts);
        }
        Ok(())
    }

    /// The facts of a row, if its tensor is one of k numbers in F64.
    pub(crate) fn row(&self, path: &Path, tensor: &crate::header::Tensor) -> Result<&Facts, SeriesError> {
        let good = tensor.dtype == crate::Dtype::F64 && tensor.shape == [self.size as u64];
        let facts = self.rows.get(&tensor.name).filter(|f| good && f.squares >= 0.0 && f.squares.is_finite());
        facts.ok_or_else(|| refused(path, "row", format!("{:?}", tensor.name), "the sketch is damaged: make it again"))
    }
}

/// Part of a stretch of 1024 entries, from `start` on.
struct Chunk<'a, T> {
    x: &'a [T],
    start: usize,
    draws: &'a [(u64, usize); BLOCKS],
    out: &'a mut [f64],
}

impl<T: Copy + Into<f64>> NullaryFnOnce for Chunk<'_, T> {
    /// Sum of squares and number of values that are not finite.
    type Output = (f64, u64);

    #[inline(always)]
    fn call(self) -> (f64, u64) {
        let (mut x, mut at, k) = (self.x, self.start, self.out.len());
        let (mut squares, mut bad) = ([0.0_f64; 8], 0_u64);
        while !x.is_empty() {
            let (block, first) = (at / BLOCK, at % BLOCK);
            let len = x.len().min(BLOCK - first);
            let (signs, place) = self.draws[block];
            let mut signed = [0.0_f64; BLOCK];
            for (j, v) in x[..len].iter().enumerate() {
                let v: f64 = (*v).into();
                let finite = v.is_finite();
                bad += u64::from(!finite);
                let v = if finite { v } else { 0.0 };
                squares[j % 8] += v * v;
                signed[first + j] = f64::from_bits(v.to_bits() ^ (signs >> (first + j) & 1) << 63);
            }
            let straight = BLOCK.min(k - place);
            self.out[place..place + straight].iter_mut().zip(&signed).for_each(|(o, s)| *o += s);
            self.out.iter_mut().zip(&signed[straight..]).for_each(|(o, s)| *o += s);
            (x, at) = (&x[len..], at + len);
        }
        (squares.iter().sum(), bad)
    }
}
