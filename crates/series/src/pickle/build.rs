//! The only things that a pickle can build: storages, tensors on them, tables.

use super::Machine;
use super::value::{Known, Refusal, Value, View, known, odd};
use crate::dtype::Dtype;

impl Machine<'_> {
    pub(super) fn import(&mut self, module: &str, name: &str) -> Result<(), Refusal> {
        match known(module, name) {
            Some(known) => self.push(Value::Known(Box::new(known))),
            None => odd("object", format!("{module}.{name}").escape_debug()),
        }
    }

    fn size(&self, value: u32) -> Result<u64, Refusal> {
        match self.values[value as usize] {
            Value::Int(n) if n >= 0 => Ok(n as u64),
            _ => odd("size", "that is no integer >= 0"),
        }
    }

    fn sizes(&self, value: u32) -> Result<Vec<u64>, Refusal> {
        match &self.values[value as usize] {
            Value::Tuple(items) | Value::List(items) if items.len() <= crate::header::RANK => {
                items.iter().map(|&i| self.size(i)).collect()
            }
            _ => odd("shape", "that is no tuple of integers"),
        }
    }

    /// A persistent id: `('storage', class, key, location, entries)`.
    pub(super) fn storage(&mut self) -> Result<(), Refusal> {
        let id = self.pop()?;
        let Value::Tuple(items) = &self.values[id as usize] else { return odd("persistent id", "that is no tuple") };
        let [word, class, key, _, entries] = items[..] else { return odd("persistent id", "of another length") };
        if self.string(word)? != "storage" {
            return odd("persistent id", self.string(word)?.escape_debug());
        }
        let (dtype, format) = match &self.values[class as usize] {
            Value::Known(k) => match &**k {
                Known::Storage(dtype, name) => (*dtype, name.clone()),
                _ => return odd("storage", "of another kind"),
            },
            _ => return odd("storage", "of another kind"),
        };
        let (key, entries) = (self.string(key)?, self.size(entries)?);
        let view = View {
            key,
            dtype: dtype.unwrap_or(Dtype::Other(1)),
            format,
            entries,
            offset: 0,
            shape: Vec::new(),
            stride: Vec::new(),
        };
        self.push(Value::Storage(Box::new(view)))
    }

    pub(super) fn call(&mut self) -> Result<(), Refusal> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let Value::Tuple(arguments) = self.values[arguments as usize].clone() else {
            return odd("arguments", "that are no tuple");
        };
        let Value::Known(function) = self.values[function as usize].clone() else {
            return odd("call", "of what is no function");
        };
        let value = match &*function {
            Known::Table => match arguments.first().map(|&a| &self.values[a as usize]) {
                Some(Value::List(pairs)) => {
                    let pair = |&p: &u32| match &self.values[p as usize] {
                        Value::Tuple(t) | Value::List(t) if t.len() == 2 => Ok((t[0], t[1])),
                        _ => odd("item", "of a dictionary that is no pair"),
                    };
                    Value::Table(pairs.iter().map(pair).collect::<Result<_, _>>()?)
                }
                _ => Value::Table(Vec::new()),
            },
            Known::Tensor => self.tensor(&arguments)?,
            Known::Parameter => match arguments.first() {
                Some(&data) => {
                    self.stack.push(data);
                    return Ok(());
                }
                None => return odd("parameter", "without data"),
            },
            Known::Typed => match arguments[..] {
                [function, _, inner, ..] => {
                    let of_tensor = matches!(&self.values[function as usize], Value::Known(k) if **k == Known::Tensor);
                    let Value::Tuple(inner) = self.values[inner as usize].clone() else {
                        return odd("arguments", "that are no tuple");
                    };
                    if !of_tensor {
                        return odd("typed tensor", "made by another function");
                    }
                    self.tensor(&inner)?
                }
                _ => return odd("typed tensor", "without arguments"),
            },
            Known::Harmless => Value::Harmless,
            Known::Storage(_, name) => return odd("call", format!("torch.{name}")),
            Known::Format(name) => return odd("call", format!("torch.{name}")),
        };
        self.push(value)
    }

    /// `_rebuild_tensor_v2(storage, offset, size, stride, ...)`; version 3 has the number format as its seventh argument.
    fn tensor(&self, arguments: &[u32]) -> Result<Value, Refusal> {
        let [storage, offset, shape, stride, ..] = arguments[..] else { return odd("tensor", "without its arguments") };
        let Value::Storage(storage) = &self.values[storage as usize] else { return odd("tensor", "without storage") };
        let (shape, stride) = (self.sizes(shape)?, self.sizes(stride)?);
        if shape.len() != stride.len() {
            return odd("stride", format!("{stride:?} of shape {shape:?}"));
        }
        let mut view = View { offset: self.size(offset)?, shape, stride, ..(**storage).clone() };
        if let Some(&format) = arguments.get(6)
            && let Value::Known(k) = &self.values[format as usize]
            && let Known::Format(name) = &**k
            && let Some(dtype) = Dtype::torch(name)
        {
            (view.dtype, view.format, view.entries) = (dtype, name.clone(), view.entries / dtype.bytes());
        }
        Ok(Value::Tensor(Box::new(view)))
    }
}
