//! A reader of PyTorch's pickles that can only build tables of tensors: it calls nothing, imports nothing, and refuses by name
//! whatever is not on its short list.
//!
//! Known: numbers, texts, tuples, lists, dictionaries, `collections.OrderedDict`, storages and the functions of `torch._utils` that make
//! a tensor of a storage. Memory is at most a small multiple of the pickle, which is at most 32 MiB.
//!
//! Source: CPython, Lib/pickletools.py (protocols 0 to 5); PyTorch, torch/_utils.py and torch/serialization.py (the layout of a
//! zip checkpoint since 1.6). Checked by `tests/hostile.rs` and `tests/formats.rs`.

mod build;
mod value;

pub(crate) use value::{Pickled, Value, View};

use std::collections::HashMap;
use value::{Refusal, odd};

/// Most values of one pickle.
const VALUES: usize = 1 << 21;

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<u32>,
    marks: Vec<usize>,
    memo: HashMap<u32, u32>,
}

/// Reads a pickle. Cost O(bytes).
pub(crate) fn unpickle(bytes: &[u8]) -> Result<Pickled<'_>, Refusal> {
    let mut m =
        Machine { bytes, at: 0, values: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
    let root = m.run()?;
    Ok(Pickled { bytes, values: m.values, root })
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<u32, Refusal> {
        loop {
            let op = self.take(1)?[0];
            match op {
                0x80 => {
                    let protocol = self.take(1)?[0];
                    if protocol > 5 {
                        return odd("pickle protocol", protocol);
                    }
                }
                0x95 => drop(self.take(8)?),
                b'.' => return self.pop(),
                b'(' => self.marks.push(self.stack.len()),
                b'0' => drop(self.pop()?),
                b'1' => drop(self.popped()?),
                b'2' => {
                    let top = self.top()?;
                    self.stack.push(top);
                }
                b'N' => self.push(Value::None)?,
                0x88 => self.push(Value::Bool(true))?,
                0x89 => self.push(Value::Bool(false))?,
                b'J' => {
                    let n = self.number(4)? as u32 as i32;
                    self.push(Value::Int(i64::from(n)))?;
                }
                b'K' => self.integer(1)?,
                b'M' => self.integer(2)?,
                0x8a => {
                    let len = usize::from(self.take(1)?[0]);
                    let digits = self.take(len)?;
                    let negative = digits.last().is_some_and(|b| b & 0x80 != 0);
                    let mut wide = [if negative { 0xff } else { 0 }; 8];
                    if len > 8 {
                        return odd("integer", format!("of {len} bytes"));
                    }
                    wide[..len].copy_from_slice(digits);
                    self.push(Value::Int(i64::from_le_bytes(wide)))?;
                }
                b'G' => {
                    self.take(8)?;
                    self.push(Value::Float)?;
                }
                b'X' | b'T' | b'B' => self.text(4)?,
                0x8c | b'U' | b'C' => self.text(1)?,
                0x8d | 0x8e => self.text(8)?,
                b')' => self.push(Value::Tuple(Vec::new()))?,
                b't' => {
                    let items = self.popped()?;
                    self.push(Value::Tuple(items))?;
                }
                0x85..=0x87 => {
                    let from = self.stack.len().checked_sub(usize::from(op - 0x84)).filter(|&f| f >= self.floor());
                    let Some(from) = from else { return odd("stack", "empty") };
                    let items = self.stack.split_off(from);
                    self.push(Value::Tuple(items))?;
                }
                b']' => self.push(Value::List(Vec::new()))?,
                b'l' => {
                    let items = self.popped()?;
                    self.push(Value::List(items))?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.append(&[item])?;
                }
                b'e' | 0x90 => {
                    let items = self.popped()?;
                    self.append(&items)?;
                }
                0x8f => self.push(Value::Harmless)?,
                b'}' => self.push(Value::Table(Vec::new()))?,
                b'd' => {
                    let items = self.popped()?;
                    self.push(Value::Table(Vec::new()))?;
                    self.set(&items)?;
                }
                b's' => {
                    let value = self.pop()?;
                    let key = self.pop()?;
                    self.set(&[key, value])?;
                }
                b'u' => {
                    let items = self.popped()?;
                    self.set(&items)?;
                }
                b'q' => {
                    let n = self.number(1)? as u32;
                    self.remember(n)?;
                }
                b'r' => {
                    let n = self.number(4)? as u32;
                    self.remember(n)?;
                }
                0x94 => self.remember(self.memo.len() as u32)?,
                b'h' => {
                    let n = self.number(1)? as u32;
                    self.recall(n)?;
                }
                b'j' => {
                    let n = self.number(4)? as u32;
                    self.recall(n)?;
                }
                b'c' => {
                    let module = self.line()?;
                    let name = self.line()?;
                    self.import(&module, &name)?;
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let (module, name) = (self.string(module)?, self.string(name)?);
                    self.import(&module, &name)?;
                }
                b'Q' => self.storage()?,
                b'R' => self.call()?,
                b'b' => {
                    // The state of a known object: attributes such as the versions of modules. Nothing of it is used.
                    self.pop()?;
                    self.top()?;
                }
                0x81 | 0x92 | b'o' | b'i' => return odd("opcode that makes an object", format!("{op:#04x}")),
                0x82..=0x84 => return odd("opcode of a registered extension", format!("{op:#04x}")),
                _ => return odd("opcode", format!("{op:#04x}")),
            }
        }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Refusal> {
        let end = self.at.checked_add(len).filter(|&e| e <= self.bytes.len());
        let Some(end) = end else { return odd("end of the pickle", format!("byte {}", self.bytes.len())) };
        let part = &self.bytes[self.at..end];
        self.at = end;
        Ok(part)
    }

    fn number(&mut self, len: usize) -> Result<u64, Refusal> {
        Ok(self.take(len)?.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)))
    }

    fn integer(&mut self, len: usize) -> Result<(), Refusal> {
        let n = self.number(len)?;
        self.push(Value::Int(n as i64))
    }

    fn text(&mut self, wide: usize) -> Result<(), Refusal> {
        let len = usize::try_from(self.number(wide)?).unwrap_or(usize::MAX);
        let from = self.at;
        self.take(len)?;
        self.push(Value::Text(from as u32, self.at as u32))
    }

    fn line(&mut self) -> Result<String, Refusal> {
        let rest = &self.bytes[self.at..];
        let Some(len) = rest.iter().take(1024).position(|&b| b == b'\n') else { return odd("name", "without end") };
        let text = self.take(len + 1)?;
        Ok(String::from_utf8_lossy(&text[..len]).into_owned())
    }

    fn push(&mut self, value: Value) -> Result<(), Refusal> {
        if self.values.len() == VALUES {
            return odd("values", format!("more than {VALUES}"));
        }
        self.stack.push(self.values.len() as u32);
        self.values.push(value);
        Ok(())
    }

    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<u32, Refusal> {
        if self.stack.len() <= self.floor() {
            return odd("stack", "empty");
        }
        self.stack.pop().ok_or(("stack", "empty".to_owned()))
    }

    fn top(&self) -> Result<u32, Refusal> {
        let top = self.stack.last().filter(|_| self.stack.len() > self.floor());
        top.copied().ok_or(("stack", "empty".to_owned()))
    }

    /// Everything above the last mark.
    fn popped(&mut self) -> Result<Vec<u32>, Refusal> {
        let Some(mark) = self.marks.pop() else { return odd("stack", "without mark") };
        Ok(self.stack.split_off(mark))
    }

    fn remember(&mut self, n: u32) -> Result<(), Refusal> {
        let top = self.top()?;
        self.memo.insert(n, top);
        Ok(())
    }

    fn recall(&mut self, n: u32) -> Result<(), Refusal> {
        let Some(&value) = self.memo.get(&n) else { return odd("memo", n) };
        self.stack.push(value);
        Ok(())
    }

    fn append(&mut self, items: &[u32]) -> Result<(), Refusal> {
        let top = self.top()?;
        match &mut self.values[top as usize] {
            Value::List(list) => list.extend(items),
            Value::Harmless => {}
            _ => return odd("append", "to what is no list"),
        }
        Ok(())
    }

    fn set(&mut self, items: &[u32]) -> Result<(), Refusal> {
        let top = self.top()?;
        let (pairs, rest) = items.as_chunks::<2>();
        match &mut self.values[top as usize] {
            Value::Table(table) if rest.is_empty() => table.extend(pairs.iter().map(|p| (p[0], p[1]))),
            _ => return odd("item", "of what is no dictionary"),
        }
        Ok(())
    }

    fn string(&self, value: u32) -> Result<String, Refusal> {
        match self.values[value as usize] {
            Value::Text(from, to) if to - from <= 4096 => {
                Ok(String::from_utf8_lossy(&self.bytes[from as usize..to as usize]).into_owned())
            }
            Value::Text(from, to) => odd("text", format!("of {} bytes", to - from)),
            _ => odd("text", "of another kind"),
        }
    }
}
