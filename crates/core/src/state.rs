//! Named arrays: what a Stepper or an Observer must keep to be resumed to the same bytes.

use crate::Fault;

/// A flat array with its element type.
#[derive(Clone, Debug, PartialEq)]
pub enum Array {
    /// 64-bit floats.
    F64(Vec<f64>),
    /// 32-bit floats.
    F32(Vec<f32>),
    /// Unsigned integers.
    U64(Vec<u64>),
}

impl Array {
    /// Number of entries.
    pub fn len(&self) -> usize {
        match self {
            Array::F64(v) => v.len(),
            Array::F32(v) => v.len(),
            Array::U64(v) => v.len(),
        }
    }

    /// True if there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Named arrays, in a fixed order.
///
/// An array whose name starts with `once/` never changes after it first appears (a reference copy at a waiting
/// time): a checkpoint writes it a single time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The arrays.
    pub arrays: Vec<(String, Array)>,
}

impl State {
    /// Adds an array.
    pub fn push(&mut self, name: impl Into<String>, array: Array) {
        self.arrays.push((name.into(), array));
    }

    /// Adds all arrays of `other`, with `prefix` in front of each name (behind a leading `once/`).
    pub fn nest(&mut self, prefix: &str, other: State) {
        for (name, array) in other.arrays {
            let name = match name.strip_prefix("once/") {
                Some(rest) => format!("once/{prefix}/{rest}"),
                None => format!("{prefix}/{name}"),
            };
            self.arrays.push((name, array));
        }
    }

    /// The arrays below `prefix`, with the prefix taken off: the inverse of [`State::nest`].
    pub fn part(&self, prefix: &str) -> State {
        let (plain, once) = (format!("{prefix}/"), format!("once/{prefix}/"));
        let arrays = self.arrays.iter().filter_map(|(name, array)| {
            let short = match (name.strip_prefix(&plain), name.strip_prefix(&once)) {
                (Some(rest), _) => rest.to_owned(),
                (_, Some(rest)) => format!("once/{rest}"),
                _ => return None,
            };
            Some((short, array.clone()))
        });
        State { arrays: arrays.collect() }
    }

    /// The array `name`.
    pub fn get(&self, name: &str) -> Result<&Array, Fault> {
        let found = self.arrays.iter().find(|(n, _)| n == name);
        found.map(|(_, a)| a).ok_or_else(|| Fault::State { name: name.to_owned() })
    }

    /// The array `name` as f64 of length `len`.
    pub fn f64(&self, name: &str, len: usize) -> Result<&[f64], Fault> {
        match self.get(name)? {
            Array::F64(v) if v.len() == len => Ok(v),
            _ => Err(Fault::State { name: name.to_owned() }),
        }
    }

    /// The array `name` as f32 of length `len`.
    pub fn f32(&self, name: &str, len: usize) -> Result<&[f32], Fault> {
        match self.get(name)? {
            Array::F32(v) if v.len() == len => Ok(v),
            _ => Err(Fault::State { name: name.to_owned() }),
        }
    }

    /// The array `name` as u64 of length `len`.
    pub fn u64(&self, name: &str, len: usize) -> Result<&[u64], Fault> {
        match self.get(name)? {
            Array::U64(v) if v.len() == len => Ok(v),
            _ => Err(Fault::State { name: name.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_is_undone_by_part() {
        let mut inner = State::default();
        inner.push("x", Array::F64(vec![1.0]));
        inner.push("once/ref", Array::U64(vec![2]));
        let mut outer = State::default();
        outer.nest("two-time", inner.clone());
        assert_eq!(outer.arrays[1].0, "once/two-time/ref");
        assert_eq!(outer.part("two-time"), inner);
        assert!(outer.f64("two-time/x", 2).is_err());
    }
}
